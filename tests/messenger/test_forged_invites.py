"""Whoever has an invite on its way changes nothing in it that is believed."""

import base64

import pytest

from mesh.commands.invites import CreateInvite, InspectInvite, InviteAnswer, InviteContentsAnswer
from mesh.crypto.hashing import blake2b
from mesh.crypto.signing import is_signature_valid
from mesh.errors import UserError
from mesh.wire.invite import LINK_PREFIX, parse_invite
from tests.messenger.people import Clock, Person, exchange

EXPIRY, FLAGS = 50, 1
HINT = "10.0.0.1:45817"


def bytes_of(link: str) -> bytearray:
    encoded = link[len(LINK_PREFIX) :]
    return bytearray(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))[:-4])


def text_of(data: bytes) -> str:
    """A text with a checksum that fits: it is keyed by nothing."""
    data += blake2b(b"", data, b"mesh/inv/check", 4)
    return LINK_PREFIX + base64.urlsafe_b64encode(data).decode().rstrip("=")


def invited(ann: Person) -> InviteAnswer:
    answer = ann.ask(CreateInvite(address_hint=HINT))
    assert isinstance(answer, InviteAnswer)
    return answer


def inspected(person: Person, link: str) -> InviteContentsAnswer:
    answer = person.ask(InspectInvite(link))
    assert isinstance(answer, InviteContentsAnswer)
    return answer


def unsigned(link: str) -> str:
    """The link as somebody makes it who takes the signature away."""
    data = bytes_of(link)
    data[FLAGS] &= ~4
    return text_of(bytes(data[:-64]))


def test_a_name_an_address_or_an_expiry_that_somebody_put_in_is_refused() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    link = invited(ann).link
    for old, new in ((b"Ann", b"Eve"), (HINT.encode(), b"10.6.6.6:45817")):
        forged = text_of(bytes(bytes_of(link)).replace(old, new))
        assert forged != link
        with pytest.raises(UserError, match="not valid"):
            bob.add(forged)
        assert not inspected(bob, forged).is_usable
    prolonged = bytes_of(link)
    prolonged[EXPIRY + 1] ^= 1
    with pytest.raises(UserError, match="not valid"):
        bob.add(text_of(bytes(prolonged)))
    assert inspected(bob, link).name == "Ann"
    assert inspected(bob, link).address_hint == HINT


def test_without_the_signature_name_and_address_are_not_used() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    stripped = bytes(bytes_of(unsigned(invited(ann).link))).replace(b"Ann", b"Eve")
    forged = text_of(stripped)
    told = inspected(bob, forged)
    assert (told.name, told.address_hint, told.is_usable) == ("", "", True)
    assert "older Mesh" in told.sentence
    assert bob.add(forged).name == ""
    # An honest one of before works: the name comes with the first answer.
    exchange(ann, bob)
    assert [contact.name for contact in bob.contacts()] == ["Ann"]


def test_a_short_text_that_was_changed_gets_no_keys_from_the_mesh() -> None:
    clock = Clock()
    ann, bob, cem = (Person(name, clock, seed=seed) for seed, name in enumerate(("Ann", "B", "C")))
    link = invited(ann).short_link
    forged = text_of(bytes(bytes_of(link)).replace(HINT.encode(), b"10.6.6.6:45817"))
    bob.add(forged, label="Ann")
    cem.add(link, label="Ann")
    exchange(ann, bob, cem)
    assert [contact.state for contact in bob.contacts()] == ["waiting for their key"]
    assert [contact.state for contact in cem.contacts()] == ["answered"]
    assert "an invite that was changed on its way, or a bundle beside it" in bob.dropped()


def test_a_short_text_of_before_gets_its_keys() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    data = bytes_of(invited(ann).short_link)
    data[FLAGS] &= ~4
    former = text_of(bytes(data))
    assert parse_invite(former, is_signature_valid).text_hash is None
    bob.add(former, label="Ann")
    exchange(ann, bob)
    assert [contact.state for contact in bob.contacts()] == ["answered"]


def test_the_signature_of_a_short_text_is_awaited_over_a_restart() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    link = invited(ann).short_link
    bob.add(text_of(bytes(bytes_of(link)).replace(HINT.encode(), b"10.6.6.6:45817")), label="Ann")
    bob.restart()
    exchange(ann, bob)
    assert [contact.state for contact in bob.contacts()] == ["waiting for their key"]
