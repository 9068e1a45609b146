"""Hostile or unlucky senders can do nothing to an inbox."""

from dataclasses import replace

import pytest

from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import sign, verify_key_of
from mesh.ids import PostingKey, UnixSeconds
from mesh.limits.sessions import SESSIONS_PER_CONTACT_MAX
from mesh.ratchet.identity import IdentityKeys, make_bundle, tie_message
from mesh.storage.connection import transaction
from mesh.wire.bundle import sign_bundle
from mesh.wire.envelope import sign_envelope
from mesh.wire.payload import ENTRIES_VERSION, EntriesPayload
from tests.messenger.mallory import Mallory, payload, untouched
from tests.messenger.people import START_S, Clock, Person, acquainted, exchange


def test_a_well_made_first_contact_is_welcome() -> None:
    ann = Person("Ann", Clock())
    mallory = Mallory(ann.invite().link)
    ann.receive([mallory.first_contact(payload())])
    assert ann.texts("Mallory") == ["hi"]


@pytest.mark.parametrize(
    "content,reason",
    [
        (b"", "malformed payload"),
        (b"\x96\x03\x01\x00\x90\xa1x\xa1y", "payload of an unknown version"),
        (b"\x96\x01\x01\x00\x90\xa1x\xa1\xff", "malformed payload"),
        (payload(clock=1 << 62), "a clock beyond all calendars"),
        (payload(name="x" * 65), "name too long"),
    ],
)
def test_a_first_contact_with_a_bad_payload_founds_nothing(content: bytes, reason: str) -> None:
    ann = Person("Ann", Clock())
    mallory = Mallory(ann.invite().link)
    before = untouched(ann)
    ann.receive([mallory.first_contact(content)])
    assert untouched(ann) == before
    assert ann.dropped() == {reason: 1}


def test_a_name_that_a_screen_cannot_show_becomes_a_key() -> None:
    ann = Person("Ann", Clock())
    mallory = Mallory(ann.invite().link)
    ann.receive([mallory.first_contact(payload(name="Bob\u202e"))])
    (contact,) = ann.contacts()
    assert (contact.label, contact.name) == (contact.key[:8], "")


def test_a_first_contact_in_the_name_of_another_key_is_dropped() -> None:
    ann = Person("Ann", Clock())
    link = ann.invite().link
    bob = IdentityKeys.from_seed(bytes(reversed(range(32))))
    mallory = Mallory(link)
    # The key of Bob with Mallory's other half: nobody signed that they belong together.
    mallory.keys = replace(mallory.keys, verify_key=bob.verify_key)
    before = untouched(ann)
    ann.receive([mallory.first_contact(payload())])
    # Bob's both keys and the signature between them, but not the private half.
    mallory.keys = replace(
        bob, identity_private=mallory.keys.identity_private, signing_seed=mallory.keys.signing_seed
    )
    ann.receive([mallory.first_contact(payload())])
    assert untouched(ann) == before
    assert ann.contacts() == []
    assert sum(ann.dropped().values()) == 2


def test_a_bundle_of_low_order_is_dropped_before_anything_is_sealed_to_it() -> None:
    ann = Person("Ann", Clock())
    mallory = Mallory(ann.invite().link)
    weak = sign_bundle(
        mallory.keys.signing_seed,
        verify_key=mallory.keys.verify_key,
        identity_key=mallory.keys.identity_key,
        prekey=bytes(32),
        kem_key=mallory.bundle.kem_key,
        valid_from=UnixSeconds(START_S),
        valid_to=UnixSeconds(START_S + 1),
    )
    ann.receive([mallory.first_contact(payload(), bundle=weak)])
    assert ann.contacts() == []
    assert ann.dropped() == {"an X25519 key is of low order": 1}


def test_our_own_first_contact_is_dropped() -> None:
    ann = Person("Ann", Clock())
    link = ann.invite().link
    seed = ann.connection.execute("SELECT seed FROM identity").fetchone()
    assert seed is not None
    assert isinstance(seed[0], bytes)
    ann.receive([Mallory(link, seed[0]).first_contact(payload())])
    assert ann.dropped() == {"a first contact by ourselves": 1}


def test_a_known_key_with_another_identity_key_is_refused() -> None:
    ann = Person("Ann", Clock())
    mallory = Mallory(ann.invite(uses_max=5).link)
    ann.receive([mallory.first_contact(payload())])
    other = IdentityKeys.from_seed(bytes(32))
    mallory.keys = replace(
        mallory.keys,
        identity_key=other.identity_key,
        identity_private=other.identity_private,
        tie=sign(mallory.keys.signing_seed, tie_message(other.identity_key)),
    )
    mallory.bundle, _ = make_bundle(
        mallory.keys,
        valid_from=UnixSeconds(START_S),
        valid_to=UnixSeconds(START_S + 86_400),
        entropy=mallory.entropy,
        kem=PycaKem(),
    )
    ann.receive([mallory.first_contact(payload("other"), index=6)])
    assert ann.texts("Mallory") == ["hi"]
    assert ann.dropped() == {"a known key with another identity key": 1}


def test_a_contact_cannot_write_under_the_tags_of_another() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    mallory = Person("Mallory", clock, seed=66)
    mallory.add(ann.invite().link)
    exchange(ann, mallory)
    # Mallory has stolen the tags of Bob, but not his ratchet.
    chain = bob.connection.execute(
        "SELECT out_key, out_index FROM sessions WHERE is_known = 1"
    ).fetchone()
    assert chain is not None
    with transaction(mallory.connection):
        mallory.connection.execute("UPDATE sessions SET out_key = ?, out_index = ?", chain)
    mallory.restart()
    mallory.send("Ann", "I am Bob")
    (forged,) = mallory.post()
    assert forged.header.tag in ann.messenger.parts.tag_index
    ann.receive([forged])
    assert forged.header.tag in ann.messenger.parts.tag_index
    assert ann.texts() == []
    assert ann.dropped() == {"an answer to keys that are not here": 1}
    # It looks as if Bob had lost his keys, and Ann offers him new ones; no harm is done.
    bob.send("Ann", "I am Bob indeed")
    exchange(ann, bob)
    ann.send("Bob", "so you are")
    exchange(ann, bob)
    assert ann.texts("Bob") == bob.texts("Ann") == ["I am Bob indeed", "so you are"]


def test_a_body_that_anybody_put_under_a_seen_tag_is_dropped() -> None:
    ann, bob = acquainted(Clock())
    bob.send("Ann", "true")
    (true,) = bob.post()
    seed = bytes((9,)) * 32
    header = replace(true.header, posting_key=PostingKey(verify_key_of(seed)))
    copied = sign_envelope(header, true.body, seed)
    before = untouched(ann)
    ann.receive([copied])
    assert untouched(ann) == before
    ann.receive([copied, true, copied])
    assert ann.texts("Bob") == ["true"]
    assert ann.dropped() == {"a message whose header does not open": 2}


def test_one_person_founds_a_bounded_number_of_sessions_and_takes_one_use() -> None:
    ann = Person("Ann", Clock())
    mallory = Mallory(ann.invite(uses_max=10).link)
    for index in range(12):
        ann.receive([mallory.first_contact(payload(str(index)), index=index)])
        sessions = ann.connection.execute("SELECT count(*) FROM sessions").fetchall()
        assert sessions == [(min(index + 1, SESSIONS_PER_CONTACT_MAX),)]
    assert ann.dropped() == {}
    assert len(ann.texts("Mallory")) == 12
    uses = ann.connection.execute("SELECT uses FROM invites").fetchall()
    assert uses == [(1,)]


def test_the_newest_bundle_of_a_contact_is_used_and_old_private_halves_go() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    for _ in range(12):
        clock.pass_by(8 * 86_400)
        ann.send("Bob", "week")
        bob.send("Ann", "week")
        exchange(ann, bob)
        ann.tend()
        bob.tend()
    assert len(ann.texts("Bob")) == len(bob.texts("Ann")) == 24
    kept = ann.connection.execute("SELECT count(*) FROM prekeys WHERE contact IS NOT NULL")
    (row,) = kept.fetchall()
    # The newest, the one that Bob had before, and those that he let go within the last eight days.
    assert row == (4,)
    opens = "SELECT count(*) FROM prekeys WHERE contact IS NOT NULL AND private <> x''"
    # In his next message Bob will say that he has the newest.
    assert ann.connection.execute(opens).fetchall() == [(2,)]
    theirs = ann.connection.execute("SELECT bundle FROM contacts").fetchone()
    own = bob.connection.execute("SELECT bundle FROM prekeys ORDER BY id DESC LIMIT 1").fetchone()
    assert theirs == own


def test_a_message_that_was_sealed_and_posted_again_is_shown_once() -> None:
    ann, bob = acquainted(Clock())
    # It tells what Bob has to tell beside his words.
    bob.send("Ann", "first")
    bob.send("Ann", "again")
    ann.receive(bob.post())
    kept = bob.connection.execute("SELECT data FROM contents ORDER BY entry DESC").fetchone()
    assert kept is not None
    assert isinstance(kept[0], bytes)
    # The first payload of this conversation was the hello.
    same = EntriesPayload(ENTRIES_VERSION, 2, 1, "Bob", [], [kept[0]]).encode()
    with transaction(bob.connection):
        bob.connection.execute(
            "INSERT INTO payloads (contact, payload) SELECT id, ? FROM contacts", (same,)
        )
    bob.restart()
    bob.tend()
    (again,) = bob.post()
    ann.receive([again])
    assert ann.texts("Bob") == ["first", "again"]
    assert ann.dropped() == {}
