"""An invite says of itself before it is added what adding it does, and never promises more."""

import pytest

from mesh.commands.contacts import BlockContact
from mesh.commands.invites import CreateInvite, InspectInvite, InviteAnswer
from mesh.commands.invites import InviteContentsAnswer as Contents
from mesh.errors import UserError
from mesh.wire.parameters import MeshParameters
from tests.messenger.people import DAY_S, Clock, Person, acquainted, exchange


def inspect(person: Person, link: str) -> Contents:
    answer = person.ask(InspectInvite(link))
    assert isinstance(answer, Contents)
    return answer


def is_honest(person: Person, link: str) -> bool:
    """Say whether adding does what inspecting said, with the same words where it refuses."""
    said = inspect(person, link)
    try:
        person.add(link)
    except UserError as error:
        return not said.is_usable and said.sentence == str(error)
    return said.is_usable


def strangers() -> tuple[Clock, Person, Person]:
    clock = Clock()
    return clock, Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)


def test_a_usable_invite_says_whom_it_adds_and_changes_nothing() -> None:
    _, ann, bob = strangers()
    invite = ann.ask(CreateInvite(address_hint="[fe80::1]:4000"))
    assert isinstance(invite, InviteAnswer)
    said = inspect(bob, invite.link)
    assert said.is_usable
    assert (said.name, said.expires, said.address_hint) == ("Ann", invite.expires, "[fe80::1]:4000")
    assert said.sentence == (
        f"Adds Ann (key {said.key[:8]}) as a contact and tells them your name."
    )
    code = inspect(bob, invite.qr)
    assert (code.name, code.key) == ("", said.key)
    assert code.sentence.startswith(f"Adds the owner of key {said.key[:8]} as a contact")
    assert "Messages wait" in code.sentence
    assert bob.contacts() == []
    assert is_honest(bob, invite.link)


def test_an_invite_of_somebody_who_looks_like_a_contact_warns() -> None:
    clock, ann, bob = strangers()
    bob.add(ann.invite().link)
    said = inspect(bob, Person("Αnn", clock, seed=9).invite().link)
    assert said.is_usable
    assert "Not to be mistaken for Ann, who has another key." in said.sentence


def test_what_cannot_be_added_says_why() -> None:
    clock, ann, bob = strangers()
    link = ann.invite().link
    assert is_honest(ann, link)
    assert "your own" in inspect(ann, link).sentence
    assert inspect(bob, link[:-4]).sentence.startswith("This invite is cut off")
    assert is_honest(bob, link[:-4])
    assert inspect(bob, "hello") == Contents(
        name="",
        key="",
        expires=0,
        address_hint="",
        is_usable=False,
        sentence=inspect(bob, "hello").sentence,
    )
    other_mesh = MeshParameters(name="test", stamp_bits=0, key_quota=1, psk=bytes(32))
    cem = Person("Cem", clock, seed=3, parameters=other_mesh)
    assert "another mesh" in inspect(cem, link).sentence
    assert is_honest(cem, link)
    clock.pass_by(8 * DAY_S)
    assert "expired" in inspect(bob, link).sentence
    assert is_honest(bob, link)


def test_an_invite_of_a_contact_says_what_a_second_one_does() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    again = ann.invite().link
    said = inspect(bob, again)
    assert not said.is_usable
    assert said.sentence.startswith("Ann is a contact already")
    assert is_honest(bob, again)
    dora = Person("Dora", clock, seed=4)
    first, second = dora.invite(), dora.invite()
    bob.add(first.qr)
    bob.send("2", "waiting")
    assert inspect(bob, first.link).sentence.startswith("Brings the keys of")
    assert inspect(bob, second.link).sentence.startswith("Uses a newer invite of")
    assert "already" in inspect(bob, first.qr).sentence
    for link in (first.qr, first.link, first.link, second.link):
        assert is_honest(bob, link)


def test_an_invite_of_somebody_blocked_is_not_usable() -> None:
    ann, bob = acquainted(Clock())
    bob.ask(BlockContact("Ann"))
    link = ann.invite().link
    assert "blocked" in inspect(bob, link).sentence
    assert is_honest(bob, link)
    exchange(ann, bob)
    with pytest.raises(UserError):
        bob.add(link)
