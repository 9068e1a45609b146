"""Whoever has an invite's link knows all of its tags: what they put there keeps nobody out."""

from mesh.crypto.signing import is_signature_valid, verify_key_of
from mesh.ids import ContactId, PostingKey, Tag
from mesh.messenger.onboarding.invites import invite_tags
from mesh.messenger.onboarding.invites_accepted import bundle_tags
from mesh.wire.envelope import Envelope, Header, body_bytes, sign_envelope
from mesh.wire.invite import parse_invite
from tests.entropy import SeededEntropy
from tests.messenger.people import Clock, Person, exchange

SQUATTER = bytes(range(32))


def junk_under(tag: Tag, clock: Clock, chance: SeededEntropy) -> Envelope:
    """An envelope that opens for nobody."""
    header = Header(
        size_class=1,
        lifetime_class=1,
        created=clock.now.mesh,
        tag=tag,
        read_hash=chance.draw(16),
        withdraw_hash=chance.draw(16),
        posting_key=PostingKey(verify_key_of(SQUATTER)),
        stamp=bytes(12),
    )
    return sign_envelope(header, chance.draw(body_bytes(1)), SQUATTER)


def squat(link: str, clock: Clock, *people: Person) -> None:
    """Junk under every tag of an invite stands at everybody's node."""
    secret = parse_invite(link, is_signature_valid).secret
    chance = SeededEntropy(99)
    for _, tag in [*invite_tags(secret), *bundle_tags(secret)]:
        junk = junk_under(tag, clock, chance)
        for person in people:
            person.receive([junk])


def test_junk_under_all_tags_of_an_invite_keeps_nobody_out() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    invite = ann.invite()
    squat(invite.link, clock, ann, bob)
    bob.add(invite.short_link, label="Ann")
    bob.send("Ann", "let me in")
    exchange(ann, bob)
    assert ann.texts("Bob") == ["let me in"]
    assert [contact.state for contact in bob.contacts()] == ["answered"]
    # One opening, and so one session: junk under a tag is no sign of a copy of this vault.
    assert len(bob.messenger.parts.sessions.of_contact(ContactId(bob.contacts()[0].id))) == 1


def test_junk_that_comes_between_does_not_begin_other_keys() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    invite = ann.invite()
    bob.add(invite.link)
    bob.post()
    squat(invite.link, clock, ann, bob)
    for number in range(5):
        bob.send("Ann", f"text {number}")
    exchange(ann, bob)
    assert ann.texts("Bob") == [f"text {number}" for number in range(5)]
    assert len(bob.messenger.parts.sessions.of_contact(ContactId(bob.contacts()[0].id))) == 1


def test_what_a_later_state_of_this_vault_put_there_is_still_passed_over() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    bob.add(ann.invite().link)
    backup = bob.backup()
    bob.send("Ann", "of the later state")
    lost = bob.post()
    bob.restore(backup)
    bob.send("Ann", "of the older state")
    again = bob.post()
    assert not {one.header.tag for one in lost} & {one.header.tag for one in again}
    # The same keys would be taken for a repetition: another opening is begun.
    ann.receive([*again, *lost])
    exchange(ann, bob)
    assert "of the older state" in ann.texts("Bob")
