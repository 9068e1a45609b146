"""A stranger who calls himself verified is shown by his key, and nobody is given such a name."""

import pytest

from mesh.commands.contacts import RenameContact
from mesh.commands.identity import ChangeIdentity
from mesh.errors import UserError
from tests.messenger.mallory import Mallory, payload
from tests.messenger.people import Clock, Person, acquainted

MARKED = "\u2713 Bob (verified)"


def test_who_comes_by_an_invite_under_a_marked_name_is_shown_by_the_key() -> None:
    ann = Person("Ann", Clock())
    mallory = Mallory(ann.invite(uses_max=9).link)
    ann.receive([mallory.first_contact(payload("hi", name=MARKED))])
    (contact,) = ann.contacts()
    assert contact.label == contact.key[: len(contact.label)]
    assert contact.name == ""


def test_a_person_gives_nobody_a_marked_name() -> None:
    ann, _ = acquainted(Clock())
    for command in (RenameContact("Bob", MARKED), ChangeIdentity(MARKED)):
        with pytest.raises(UserError) as caught:
            ann.ask(command)
        assert caught.value.kind == "bad-name"
