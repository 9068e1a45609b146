"""Invites for one person alone, and contacts who are verified because they were met."""

import pytest

from mesh.commands.contacts import AddContact
from mesh.commands.invites import AskInvites, InvitesAnswer
from mesh.errors import UserError
from mesh.ids import VerifyKey
from mesh.messenger.onboarding.nearby_contacts import NearbyContacts
from mesh.storage.connection import transaction
from tests.messenger.people import Clock, Person, acquainted, exchange


def nearby_contacts(person: Person) -> NearbyContacts:
    return person.wired.nearby_contacts


def link_for(inviter: Person, guest: Person) -> str:
    with transaction(inviter.connection):
        link, _ = nearby_contacts(inviter).invite(
            nearby_contacts(guest).verify_key, guest.name, inviter.now.mesh
        )
    return link


def meet(guest: Person, link: str, inviter: VerifyKey) -> None:
    with transaction(guest.connection):
        nearby_contacts(guest).add(link, inviter, guest.now)


def strangers() -> tuple[Person, Person, Person]:
    clock = Clock()
    return Person("Ann", clock, seed=1), Person("Bob", clock, seed=2), Person("Cy", clock, seed=3)


def test_who_met_has_a_verified_contact_on_both_sides_and_can_write() -> None:
    ann, bob, _ = strangers()
    meet(bob, link_for(ann, bob), nearby_contacts(ann).verify_key)
    exchange(ann, bob)
    assert [(one.label, one.trust) for one in ann.contacts()] == [("Bob", "verified")]
    assert [(one.label, one.trust) for one in bob.contacts()] == [("Ann", "verified")]
    ann.send("Bob", "Well met.")
    exchange(ann, bob)
    assert bob.texts() == ["Well met."]


def test_nobody_else_founds_anything_by_a_bound_invite() -> None:
    ann, bob, cy = strangers()
    cy.ask(AddContact(link_for(ann, bob)))
    exchange(ann, bob, cy)
    assert ann.contacts() == []
    assert ann.dropped() == {"a first contact by an invite for somebody else": 1}


def test_an_invite_by_another_than_who_gave_it_is_refused() -> None:
    ann, bob, cy = strangers()
    with pytest.raises(UserError, match="somebody else"):
        meet(bob, link_for(ann, bob), nearby_contacts(cy).verify_key)
    assert bob.contacts() == []


def test_a_bound_invite_is_a_line_of_history_without_a_link_and_is_not_posted() -> None:
    ann, bob, _ = strangers()
    link_for(ann, bob)
    ann.tend()
    answer = ann.ask(AskInvites())
    assert isinstance(answer, InvitesAnswer)
    (line,) = answer.invites
    assert (line.label, line.link, line.qr, line.state) == ("Bob", "", "", "open")
    assert ann.post() == []
    assert len(link_for(ann, bob)) > 1_000


def test_who_is_a_contact_already_is_only_marked_as_verified() -> None:
    ann, bob = acquainted(Clock())
    assert [one.trust for one in ann.contacts() + bob.contacts()] == ["first seen", "known"]
    meet(bob, link_for(ann, bob), nearby_contacts(ann).verify_key)
    assert [one.trust for one in ann.contacts() + bob.contacts()] == ["verified", "verified"]
    assert len(ann.contacts() + bob.contacts()) == 2


def test_that_a_card_is_offered_survives_a_restart() -> None:
    ann, _, _ = strangers()
    assert not nearby_contacts(ann).offers_card
    for is_on in (True, False):
        with transaction(ann.connection):
            nearby_contacts(ann).offer_card(is_on=is_on)
        ann.restart()
        assert nearby_contacts(ann).offers_card is is_on
