"""Readers of a text in a group: those who are in as its author knew, and nobody else."""

from collections.abc import Sequence

from mesh.commands.groups import AcceptGroup, InviteToGroup, MakeGroup
from mesh.commands.item_commands import WriteItem
from mesh.commands.items import ItemAnswer
from sim.invariants.group_log import GroupText
from sim.invariants.groups import Unread, unread
from tests.messenger.in_groups import acquainted_all, inside, names_of, settle
from tests.messenger.people import Clock, Person
from tests.messenger.test_group_cuts import meet

ANN, BOB, CEM = range(3)


def written(person: Person, node: int, text: str) -> GroupText:
    item = person.ask(WriteItem("Crew", text=text))
    assert isinstance(item, ItemAnswer)
    gid = inside(person).gid.hex()
    return GroupText(0, node, gid, text, 0, is_probe=True, entry=item.id)


def left(text: GroupText, people: Sequence[Person]) -> list[Unread]:
    groups = {node: [inside(person)] for node, person in enumerate(people)}
    vaults = {node: person.connection for node, person in enumerate(people)}
    return list(unread([text], groups, vaults))


def test_what_was_written_before_its_author_knew_of_a_newcomer_is_not_for_him() -> None:
    people = ann, bob, cem = acquainted_all(Clock(), "Ann", "Bob", "Cem")
    ann.ask(MakeGroup("Crew", ("Bob",)))
    settle(*people)
    bob.ask(AcceptGroup("Crew"))
    settle(*people)
    ann.ask(InviteToGroup("Crew", ("Cem",)))
    settle(ann, cem)
    cem.ask(AcceptGroup("Crew"))
    settle(ann, cem)
    # Bob heard nothing of it yet.
    assert len(names_of(cem)) == 3
    assert len(names_of(bob)) == 2
    text = written(bob, BOB, "To the two of us")
    meet(*people)
    settle(*people)
    assert len(names_of(bob)) == 3
    assert inside(bob).chosen() is not None
    assert not left(text, people)


def test_what_was_written_for_a_member_has_to_be_read_by_him() -> None:
    people = ann, bob, cem = acquainted_all(Clock(), "Ann", "Bob", "Cem")
    ann.ask(MakeGroup("Crew", ("Bob", "Cem")))
    settle(*people)
    for person in (bob, cem):
        person.ask(AcceptGroup("Crew"))
        settle(*people)
    text = written(bob, BOB, "To the three of us")
    assert {(one.reader, one.why) for one in left(text, people)} == {(ANN, ""), (CEM, "")}
    settle(*people)
    assert not left(text, people)
