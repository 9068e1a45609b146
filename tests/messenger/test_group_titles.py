"""Names of groups, which are found when one changes, and not for every message."""

import pytest

from mesh.commands.conversations import AskConversation, ConversationAnswer
from mesh.commands.groups import ChangeGroup, ForgetGroup, LeaveGroup, MakeGroup
from mesh.commands.messages import SendMessage
from mesh.errors import UserError
from tests.messenger.in_groups import acquainted_all, crew, groups_of, settle
from tests.messenger.people import Clock, Person
from tests.messenger.test_many_contacts import Counting


def statements_of_message(person: Person, contact: str) -> int:
    """Count what the vault is asked for one message by name, and for its events."""
    counting = Counting(person.connection)
    person.connection = counting
    person.restart()
    person.send(contact, "to find what is kept")
    counting.statements_count = 0
    person.send(contact, "hello")
    person.connection = counting.inside
    return counting.statements_count


def meant(person: Person, name: str) -> int:
    answer = person.ask(AskConversation(name))
    assert isinstance(answer, ConversationAnswer)
    return answer.number


def is_meant(person: Person, name: str) -> bool:
    try:
        meant(person, name)
    except UserError as error:
        return error.kind != "not-found"
    return True


def test_who_is_in_groups_pays_nothing_for_a_message_to_a_contact() -> None:
    ann, ben = acquainted_all(Clock(), "Ann", "Ben")
    ben.send("Ann", "so that Ann knows what Ben reads")
    settle(ann, ben)
    in_none = statements_of_message(ann, "Ben")
    for name in ("Crew", "Choir", "Club"):
        ann.ask(MakeGroup(name))
    assert statements_of_message(ann, "Ben") == in_none


def test_who_names_a_number_reads_no_group() -> None:
    """Also behind a change after which their names are found anew."""
    ann = crew("Ann", "Ben")[0]
    number = meant(ann, "Ben")
    counting = Counting(ann.connection)
    ann.connection = counting
    ann.restart()
    meant(ann, str(number))
    ann.ask(ChangeGroup("Crew", name="Team"))
    counts = []
    for _ in range(2):
        counting.statements_count = 0
        meant(ann, str(number))
        counts.append(counting.statements_count)
    assert counts[0] == counts[1]


def test_a_group_is_meant_by_the_name_that_it_has_now() -> None:
    ann, ben = crew("Ann", "Ben")
    for person in (ann, ben):
        assert not is_meant(person, "team")
        assert is_meant(person, "crew")
    ann.ask(ChangeGroup("Crew", name="Team"))
    assert is_meant(ann, "team")
    assert not is_meant(ann, "crew")
    settle(ann, ben)
    for person in (ann, ben):
        assert is_meant(person, "team")
        assert not is_meant(person, "crew")
        person.ask(SendMessage("team", "hello"))


def test_a_contact_is_meant_again_once_a_group_lets_go_of_their_name() -> None:
    ann, _ = acquainted_all(Clock(), "Ann", "Ben")
    contact = meant(ann, "Ben")
    ann.ask(MakeGroup("Ben"))
    with pytest.raises(UserError, match="take a number"):
        ann.send("Ben", "hello")
    group = groups_of(ann)[0].conversation
    ann.ask(LeaveGroup(group))
    assert meant(ann, "Ben") == contact
    ann.ask(ForgetGroup(group))
    assert meant(ann, "Ben") == contact
