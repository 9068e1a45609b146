"""Attacks on a conversation, by name: what an outsider, a guest or a thief does gains nothing."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from mesh.crypto import aead
from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import is_signature_valid, verify_key_of
from mesh.ids import ContactId, PostingKey, Tag, UnixSeconds
from mesh.messenger.sessions.sessions import Sessions
from mesh.messenger.sessions.tag_index import TagIndex
from mesh.ratchet.double_ratchet import Ratchet
from mesh.ratchet.first_contact import KIND_FIRST_CONTACT, OPENING_BYTES
from mesh.ratchet.identity import IdentityKeys
from mesh.ratchet.tags import box_key_of, invite_tag_key, tag_of
from mesh.storage.connection import transaction
from mesh.storage.vault.sessions import SessionRows
from mesh.wire.bundle import decode_bundle
from mesh.wire.envelope import HEADER_BYTES, Envelope, Header, decode_envelope, sign_envelope
from mesh.wire.invite import parse_invite
from tests.entropy import SeededEntropy
from tests.messenger.mallory import Mallory, payload, untouched
from tests.messenger.people import DAY_S, Clock, Person, acquainted, exchange
from tests.searching import only_in_search

SEED = bytes((9,)) * 32
POSTING_KEY = PostingKey(verify_key_of(SEED))


def keys_of(person: Person) -> IdentityKeys:
    """A person's identity, with its private halves."""
    ((seed,),) = person.connection.execute("SELECT seed FROM identity").fetchall()
    assert isinstance(seed, bytes)
    return IdentityKeys.from_seed(seed)


def renewed_count(person: Person) -> int:
    """Contacts with whom this person began new keys unasked."""
    rows = person.connection.execute("SELECT 1 FROM exchanges WHERE renewed > 0").fetchall()
    return len(rows)


def with_body(envelope: Envelope, body: bytes) -> Envelope:
    """The envelope with another body; nobody looks at its signature here."""
    data = envelope.data
    return decode_envelope(data[:HEADER_BYTES] + body + data[HEADER_BYTES + len(body) :])


def damaged(envelope: Envelope, places: range) -> Iterator[Envelope]:
    """The envelope with one byte of its body changed, for each of these places."""
    for place in places:
        body = bytearray(envelope.body)
        body[place] ^= 0x40
        yield with_body(envelope, bytes(body))


def rewrapped(envelope: Envelope, before: bytes, after: bytes, index: int) -> Envelope:
    """A first contact taken out of one invite's tags and put under those of another one."""
    old_index = next(one for one in range(4_096) if tag_of(before, one) == envelope.header.tag)
    nonce, sealed = envelope.body[:12], envelope.body[12:]
    inside = aead.open_sealed(box_key_of(before, old_index), nonce, envelope.header_bytes, sealed)
    header = replace(envelope.header, tag=tag_of(after, index), posting_key=POSTING_KEY)
    body = nonce + aead.seal(box_key_of(after, index), nonce, header.encode(), inside)
    return sign_envelope(header, body, SEED)


def tag_key(link: str) -> bytes:
    return invite_tag_key(parse_invite(link, is_signature_valid).secret)


# --- In the name of somebody else -----------------------------------------------------------------


def test_nobody_founds_a_session_with_the_verification_key_of_a_contact() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    mallory = Mallory(bob.invite(uses_max=9).link)
    true, own = keys_of(ann), mallory.keys
    ((data,),) = bob.connection.execute("SELECT bundle FROM contacts").fetchall()
    assert isinstance(data, bytes)
    anns_bundle = decode_bundle(data, is_signature_valid)
    before = untouched(bob)
    # All that Ann ever shows to others, with what Mallory has for the secrets.
    mallory.keys = replace(
        true, signing_seed=own.signing_seed, identity_private=own.identity_private
    )
    bob.receive([mallory.first_contact(payload("I am Ann", name="Ann"), bundle=anns_bundle)])
    # Ann's verification key over Mallory's identity key, which Ann never tied to it.
    mallory.keys = replace(own, verify_key=true.verify_key)
    bob.receive([mallory.first_contact(payload("I am Ann", name="Ann"), index=6)])
    # The same with the tie of Ann's own identity key.
    mallory.keys = replace(own, verify_key=true.verify_key, tie=true.tie)
    bob.receive([mallory.first_contact(payload("I am Ann", name="Ann"), index=7)])
    assert untouched(bob) == before
    assert sum(bob.dropped().values()) == 3
    # With keys of their own they are somebody else who says that they are Ann.
    mallory.keys = own
    bob.receive([mallory.first_contact(payload("I am Ann", name="Ann"), index=8)])
    assert len({contact.label for contact in bob.contacts()}) == 2
    assert bob.texts("Ann") == []


# --- Bodies of others -----------------------------------------------------------------------------


def other_headers(header: Header) -> list[Header]:
    """The header with each of its fields changed."""
    return [
        replace(header, tag=Tag(bytes(16))),
        replace(header, created=UnixSeconds(header.created + 10)),
        replace(header, lifetime_class=2),
        replace(header, read_hash=bytes(16)),
        replace(header, withdraw_hash=bytes(16)),
        replace(header, posting_key=POSTING_KEY),
        replace(header, stamp=b"\x01" * 12),
    ]


def test_a_body_opens_under_its_own_header_only() -> None:
    ann, bob = acquainted(Clock())
    bob.send("Ann", "true")
    (true,) = bob.post()
    before = untouched(ann)
    for header in other_headers(true.header):
        ann.receive([sign_envelope(replace(header, posting_key=POSTING_KEY), true.body, SEED)])
        ann.receive([decode_envelope(header.encode() + true.data[HEADER_BYTES:])])
    assert untouched(ann) == before
    ann.receive([true])
    assert ann.texts("Bob") == ["true"]


def test_a_first_contact_opens_under_its_own_header_only() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    bob.add(ann.invite().link)
    (true,) = bob.post()
    before = untouched(ann)
    for header in other_headers(true.header):
        ann.receive([decode_envelope(header.encode() + true.data[HEADER_BYTES:])])
    assert untouched(ann) == before
    ann.receive([true])
    assert [contact.label for contact in ann.contacts()] == ["Bob"]


def test_the_body_of_one_message_under_the_tag_of_the_next_is_dropped() -> None:
    ann, bob = acquainted(Clock())
    for text in ("one", "two"):
        bob.send("Ann", text)
    one, two = bob.post()
    before = untouched(ann)
    ann.receive([with_body(two, one.body), with_body(one, two.body)])
    assert untouched(ann) == before
    ann.receive([two, one])
    assert ann.texts("Bob") == ["one", "two"]


# --- Replays of a first contact -------------------------------------------------------------------


@pytest.fixture(name="first")
def first_contact_of_bob() -> tuple[Person, Person, Envelope, str, str]:
    """Ann, Bob, his first contact with a message in it, its invite and another one."""
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    link, other = ann.invite(uses_max=9).link, ann.invite(uses_max=9).link
    bob.add(link)
    bob.send("Ann", "hello")
    _, first = bob.post()
    return ann, bob, first, link, other


First = tuple[Person, Person, Envelope, str, str]


def test_a_replay_to_the_bundle_of_another_invite_founds_nothing(first: First) -> None:
    ann, _, envelope, link, other = first
    moved = rewrapped(envelope, tag_key(link), tag_key(other), 77)
    assert moved.header.tag in ann.messenger.parts.tag_index
    before = untouched(ann)
    ann.receive([moved])
    assert untouched(ann) == before
    ann.receive([envelope, moved])
    assert ann.texts("Bob") == ["hello"]


def test_a_replay_under_another_tag_of_the_same_invite_is_dropped(first: First) -> None:
    ann, _, envelope, link, _ = first
    ann.receive([envelope])
    moved = rewrapped(envelope, tag_key(link), tag_key(link), 77)
    before = untouched(ann)
    ann.receive([moved])
    assert untouched(ann) == before
    assert ann.texts("Bob") == ["hello"]


def test_a_replay_to_the_bundle_of_a_contact_founds_nothing(first: First) -> None:
    ann, bob, envelope, link, _ = first
    ann.receive([envelope])
    exchange(ann, bob)
    ((rendezvous,),) = ann.connection.execute(
        "SELECT key_in FROM rendezvous ORDER BY number DESC LIMIT 1"
    ).fetchall()
    assert isinstance(rendezvous, bytes)
    moved = rewrapped(envelope, tag_key(link), rendezvous, 3)
    assert moved.header.tag in ann.messenger.parts.tag_index
    ann.receive([moved])
    # Whoever has the key of a rendezvous is Bob or a thief of his: it looks like a loss.
    founded = ann.connection.execute("SELECT count(*) FROM sessions WHERE is_begun_here = 0")
    assert founded.fetchall() == [(1,)]
    assert ann.texts("Bob") == ["hello"]
    bob.send("Ann", "I am well")
    exchange(ann, bob)
    ann.send("Bob", "so am I")
    exchange(ann, bob)
    assert ann.texts("Bob") == bob.texts("Ann") == ["hello", "I am well", "so am I"]


def test_a_replay_after_a_restart_is_dropped(first: First) -> None:
    ann, _, envelope, _, _ = first
    ann.receive([envelope])
    ann.restart()
    before = untouched(ann)
    ann.receive([envelope])
    assert untouched(ann) == before


def test_a_replay_after_the_session_was_erased_does_not_found_it_again(first: First) -> None:
    ann, _, envelope, _, _ = first
    ann.receive([envelope])
    sessions = Sessions(
        SessionRows(ann.connection),
        TagIndex(),
        sealed_mail=ann.messenger.parts.sessions.sealed_mail,
        entropy=SeededEntropy(5),
        kem=PycaKem(),
    )
    contact = ContactId(ann.contacts()[0].id)
    with transaction(ann.connection):
        sessions.erase_of(contact)
    ann.restart()
    before = untouched(ann)
    ann.receive([envelope])
    assert untouched(ann) == before
    assert ann.dropped() == {"a first contact of a session that is gone": 1}


def test_a_replay_to_a_restored_vault_is_opened_once(first: First) -> None:
    ann, _, envelope, _, _ = first
    backup = ann.backup()
    ann.receive([envelope])
    after = ann.backup()
    # The backup does not have it yet, so it is news there; a second time it is not.
    ann.restore(backup)
    ann.receive([envelope, envelope])
    assert ann.texts("Bob") == ["hello"]
    ann.restore(after)
    before = untouched(ann)
    ann.receive([envelope])
    assert untouched(ann) == before


def test_what_is_answered_to_a_replay_after_a_restore_is_under_fresh_keys(first: First) -> None:
    ann, _, envelope, _, _ = first
    backup = ann.backup()
    answers: dict[bytes, Envelope] = {}
    privates: list[bytes] = []
    for _ in range(3):
        ann.restore(backup)
        ann.receive([envelope])
        ann.send("Bob", "the same words each time")
        # What the backup holds is posted as it is, each time: the bundles of its invites.
        answers |= {one.id: one for one in ann.post()}
        rows = SessionRows(ann.connection).sessions()
        ratchets = [Ratchet.from_bytes(row.ratchet, row.post_quantum) for row in rows]
        privates += [one.private for one in ratchets if one.sending is not None]
    # The root is the same each time; who answers draws a key of its own.
    assert len(set(privates)) == len(privates) >= 3
    hashes = {one.header.read_hash for one in answers.values()}
    nonces = {one.body[: aead.NONCE_BYTES] for one in answers.values()}
    assert len(hashes) == len(nonces) == len(answers) == 8


# --- Damage ---------------------------------------------------------------------------------------


def test_a_damaged_message_of_a_session_changes_nothing() -> None:
    ann, bob = acquainted(Clock())
    # A long header first, then short ones.
    bob.send("Ann", "one")
    ann.send("Bob", "two")
    exchange(ann, bob)
    ann.send("Bob", "three")
    exchange(ann, bob)
    bob.send("Ann", "four")
    (true,) = bob.post()
    before = untouched(ann)
    for one in damaged(true, range(len(true.body))):
        ann.receive([one])
        assert true.header.tag in ann.messenger.parts.tag_index
    assert untouched(ann) == before
    assert renewed_count(ann) == 0
    ann.receive([true])
    assert ann.texts("Bob")[-1] == "four"


def test_a_damaged_post_quantum_step_changes_nothing() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    bob.add(ann.invite().link)
    bob.post()
    ann.receive(list(bob.store.envelopes.values()))
    # The first reply makes the step.
    (reply,) = [one for one in ann.post() if one.header.tag in bob.messenger.parts.tag_index]
    assert len(reply.body) > 2_300
    before = untouched(bob)
    for one in damaged(reply, range(0, len(reply.body), 5)):
        bob.receive([one])
    assert untouched(bob) == before
    bob.receive([reply])
    assert bob.contacts()[0].state == "answered"


def test_a_damaged_first_contact_changes_nothing(first: First) -> None:
    ann, _, envelope, link, _ = first
    key = tag_key(link)
    index = next(one for one in range(4_096) if tag_of(key, one) == envelope.header.tag)
    box_key, nonce = box_key_of(key, index), envelope.body[:12]
    inside = aead.open_sealed(box_key, nonce, envelope.header_bytes, envelope.body[12:])
    assert inside[0] == KIND_FIRST_CONTACT
    before = untouched(ann)
    for one in damaged(envelope, range(0, len(envelope.body), 13)):
        ann.receive([one])
    # And by a guest who holds the same invite, so that the outside opens.
    edges = [0, 1, 32, 33, 1_120, 1_121, 2_552, 2_553, 2_613, 2_614, len(inside) - 1]
    assert 1 + OPENING_BYTES in edges
    for place in sorted({*edges, *range(0, len(inside), 13)}):
        changed = bytearray(inside)
        changed[place] ^= 0x40
        sealed = aead.seal(box_key, nonce, envelope.header_bytes, bytes(changed))
        ann.receive([with_body(envelope, nonce + sealed)])
    assert untouched(ann) == before
    ann.receive([envelope])
    assert ann.texts("Bob") == ["hello"]


def test_junk_under_a_seen_tag_neither_uses_it_up_nor_looks_like_a_loss() -> None:
    ann, bob = acquainted(Clock())
    bob.send("Ann", "true")
    (true,) = bob.post()
    chance = Random(4)
    before = untouched(ann)
    for size_class in (0, 1, 2):
        header = replace(true.header, size_class=size_class, posting_key=POSTING_KEY)
        length = (861, 3_933, 16_221)[size_class]
        ann.receive([sign_envelope(header, chance.randbytes(length), SEED)])
    assert untouched(ann) == before
    assert renewed_count(ann) == 0
    assert true.header.tag in ann.messenger.parts.tag_index
    ann.receive([true])
    assert ann.texts("Bob") == ["true"]
    assert true.header.tag not in ann.messenger.parts.tag_index


def test_junk_under_a_rendezvous_neither_uses_it_up_nor_looks_like_a_loss() -> None:
    ann, bob = acquainted(Clock())
    ((key,),) = ann.connection.execute(
        "SELECT key_in FROM rendezvous ORDER BY number DESC LIMIT 1"
    ).fetchall()
    assert isinstance(key, bytes)
    bob.send("Ann", "true")
    (true,) = bob.post()
    header = replace(true.header, size_class=1, tag=tag_of(key, 2), posting_key=POSTING_KEY)
    before = untouched(ann)
    ann.receive([sign_envelope(header, Random(4).randbytes(3_933), SEED)])
    assert untouched(ann) == before
    assert header.tag in ann.messenger.parts.tag_index


# --- Retirement -----------------------------------------------------------------------------------


def test_who_is_not_the_reader_cannot_say_that_a_message_was_delivered() -> None:
    ann, bob = acquainted(Clock())
    ann.send("Bob", "for Bob")
    (envelope,) = ann.post()
    ann.carried_by(b"neighbour", [envelope])
    header = envelope.header
    before = untouched(ann)
    chance = Random(5)
    for token in (header.read_hash, header.withdraw_hash, bytes(16), b"", chance.randbytes(16)):
        with transaction(ann.connection):
            ann.messenger.parts.transit.retired(envelope.id, token)
    assert untouched(ann) == before
    assert ann.messages("Bob")[-1].state == "carried"
    bob.receive([envelope])
    bob.clock.pass_by(3_600)
    told = bob.messenger.parts.retirements.take_due(10, bob.now)
    (true,) = [one for one in told if one.envelope == envelope.id]
    with transaction(ann.connection):
        ann.messenger.parts.transit.retired(true.envelope, true.token)
    assert ann.messages("Bob")[-1].state == "delivered"


# --- Long absence ---------------------------------------------------------------------------------


# A thousand pass several windows of tags; five times as many only do so more often.
@pytest.mark.parametrize("count", [1_000, pytest.param(5_000, marks=only_in_search)])
def test_after_a_long_absence_all_is_opened_in_any_order_and_once(count: int) -> None:
    ann, bob = acquainted(Clock())
    for number in range(count):
        bob.send("Ann", str(number))
    posted = bob.post()
    Random(count).shuffle(posted)
    for start in range(0, count, 250):
        ann.receive(posted[start : start + 250])
    ann.receive(posted[:250])
    read = [str(text) for (text,) in ann.connection.execute("SELECT text FROM texts").fetchall()]
    assert sorted(read, key=int) == [str(number) for number in range(count)]
    ((skipped,),) = ann.connection.execute("SELECT count(*) FROM skipped").fetchall()
    assert skipped == 0


def test_after_300_messages_that_expired_the_sender_renews_and_nobody_is_deaf() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    for number in range(300):
        ann.send("Bob", f"lost {number}")
        ann.post()
    clock.pass_by(8 * DAY_S)
    ann.tend()
    bob.tend()
    assert {message.state for message in ann.messages("Bob")} == {"queued"}
    ann.tend()
    for number in range(3):
        ann.send("Bob", f"new {number}")
    # One payload, the hello, begins new keys, and the rest waits until Bob has them.
    bob.receive(ann.post())
    assert bob.texts("Ann") == []
    bob.send("Ann", "back")
    exchange(ann, bob)
    for number in range(300):
        ann.send("Bob", f"more {number}")
    exchange(ann, bob)
    assert "back" in ann.texts("Bob")
    assert len(bob.texts("Ann")) == 604
