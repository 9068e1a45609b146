"""Peers are told, sent and denied the same whatever the vault knows."""

import pytest

from mesh.commands.invites import CreateInvite, InviteAnswer
from mesh.ids import ContactId, EnvelopeId, Tag
from mesh.inputs import VaultClosing
from mesh.limits.retention import (
    ADMITTED_UNKNOWN,
    BODY_BYTES_PER_ENVELOPE,
    BODY_BYTES_PER_ENVELOPE_CROWDED,
)
from mesh.storage.connection import changes_count
from mesh.trust.distance import Depth, vouch_hash
from mesh.wire.envelope import SIZE_BYTES, STUB_BYTES, decode_envelope, decode_stub
from mesh.wire.frames import Held, IWant, Push, Stubs, split_short_ids
from tests.engine.joined import Joined
from tests.engine.stranger import Stranger
from tests.engine.test_engine import introduce
from tests.engine.test_hostile import envelope
from tests.engine.test_scarce_disk import first_contact_to_ada

KIB = 1024
FITTING = ADMITTED_UNKNOWN * BODY_BYTES_PER_ENVELOPE_CROWDED // (SIZE_BYTES[3] - STUB_BYTES)


def inviting(name: str, *, stored_kib: int = 8 * KIB) -> tuple[Joined, Tag]:
    """Return a node that has made an invite, and a tag that whoever has the link knows."""
    table = Joined()
    table.sit(name, stored_bytes_max=stored_kib * KIB)
    introduce(table, name)
    answer = table.ask(name, CreateInvite())
    assert isinstance(answer, InviteAnswer)
    messenger = table.seats[name].engine._vault.messenger
    assert messenger is not None
    return table, sorted(messenger.parts.tag_index.all())[0]


def crowd(stranger: Stranger, *, key_over: int) -> None:
    """Fill a node until a stranger's key may keep little, and one key to its bound."""
    for key in range(1, 9):
        stranger.send(*(Push(envelope(one, key=key, size_class=3)) for one in range(12)))
    stranger.send(*(Push(envelope(one, key=key_over, size_class=3)) for one in range(FITTING)))


def answer(stranger: Stranger, id_: EnvelopeId) -> list[str]:
    """Return what a peer heard of one envelope, in order."""
    told: list[str] = []
    for frame in stranger.heard:
        if isinstance(frame, Held):
            told += ["held"] * (id_[:8] in split_short_ids(frame.held))
            told += ["refused"] * (id_[:8] in split_short_ids(frame.refused))
        elif isinstance(frame, Stubs):
            told += ["stub" for stub, _ in frame.entries if id_ == decode_stub(stub).id]
        elif isinstance(frame, Push):
            told += ["body"] * (decode_envelope(frame.envelope).id == id_)
    return told


@pytest.mark.parametrize("is_locked", [False, True])
def test_who_knows_a_tag_cannot_ask_whose_it_is(is_locked: bool) -> None:
    """A body over its key's bound is refused, whoever is to read it."""
    table, tag = inviting("ada")
    if is_locked:
        table.seats["ada"].inbox.append(VaultClosing())
        table.run()
    stranger = Stranger(table, "ada")
    crowd(stranger, key_over=20)
    theirs = envelope(100, key=20, size_class=3)
    ours = envelope(101, key=20, size_class=3, tag=tag)
    stranger.send(Push(theirs))
    stranger.send(Push(ours))
    table.pass_time(1)
    ids = [decode_envelope(data).id for data in (theirs, ours)]
    stranger.send(IWant(ids=b"".join(ids)))
    table.pass_time(1)
    told_of_theirs, told_of_ours = (answer(stranger, id_) for id_ in ids)
    assert told_of_theirs == told_of_ours == ["refused", "stub"]


@pytest.mark.parametrize("is_locked", [False, True])
def test_a_flood_does_not_show_by_what_stays_whose_tag_it_is(is_locked: bool) -> None:
    """Mail under a tag of ours is evicted like any other."""
    table, tag = inviting("ada", stored_kib=2 * KIB)
    if is_locked:
        table.seats["ada"].inbox.append(VaultClosing())
        table.run()
    stranger = Stranger(table, "ada")
    wave = [
        envelope(one, key=30, size_class=3, tag=tag)
        if one % 2
        else envelope(one, key=30, size_class=3)
        for one in range(FITTING)
    ]
    stranger.send(*map(Push, wave))
    for key in range(1, 6):
        stranger.send(*(Push(envelope(one, key=key, size_class=3)) for one in range(6)))
    ids = sorted(decode_envelope(data).id for data in wave)
    buffer = table.seats["ada"].engine._forwarder.buffer
    kept = [id_ for id_ in ids if buffer.has_body(id_)]
    assert 0 < len(kept) < len(ids)
    assert kept == ids[-len(kept) :], "the lowest ids go first, whatever tag they bear"


@pytest.mark.parametrize("is_far", [False, True])
def test_who_writes_as_a_contacts_contact_cannot_ask_who_vouches_for_him(is_far: bool) -> None:
    """A key may keep as much whoever answers for it, as long as there is room."""
    told = {}
    count = ADMITTED_UNKNOWN * BODY_BYTES_PER_ENVELOPE // 4 // (SIZE_BYTES[3] - STUB_BYTES)
    data = [envelope(one, key=40, size_class=3) for one in range(2 * count + 2)]
    header = decode_envelope(data[0]).header
    for is_vouched in (True, False):
        table, _ = inviting("ada", stored_kib=1024 * KIB)
        engine = table.seats["ada"].engine
        if is_vouched:
            distances = engine._distances
            named = [vouch_hash(header.posting_key, header.day)]
            distances.set_contact_keys(ContactId(1), header.day, [1])
            distances.set_vouched(
                ContactId(1),
                header.day,
                vouched=[] if is_far else named,
                far=named if is_far else [],
            )
            depth = distances.depth(header.posting_key, header.day)
            assert depth is (Depth.FAR if is_far else Depth.VOUCHED)
        stranger = Stranger(table, "ada")
        for one in data:
            stranger.send(Push(one))
        table.pass_time(1)
        told[is_vouched] = [answer(stranger, decode_envelope(one).id) for one in data]
    assert told[True] == told[False] == [["held"]] * len(data)


def test_who_brings_our_mail_is_answered_before_the_vault_is_written() -> None:
    table = Joined("ada", "cy", "via")
    ours = first_contact_to_ada(table)
    vault = table.seats["ada"].vault
    stranger = Stranger(table, "ada")
    hear, written = table.strangers[stranger.link_id], []

    def note(data: bytes) -> None:
        hear(data)
        if any(isinstance(frame, Held) for frame in stranger.heard):
            written.append(changes_count(vault))

    table.strangers[stranger.link_id] = note
    before = changes_count(vault)
    stranger.send(Push(ours))
    assert written[0] == before
    assert changes_count(vault) > before, "it was opened right after"
