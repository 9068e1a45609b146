"""Contacts whose words were kept that they accept an invite into a group: they come in together."""

import pytest

from mesh.commands.contacts import BlockContact
from mesh.commands.groups import (
    AcceptGroup,
    ChangeGroup,
    InviteToGroup,
    RemoveMember,
    SetMemberRole,
)
from mesh.group.operations import Add
from mesh.messenger.groups import acceptances
from mesh.wire.envelope import Envelope
from tests.messenger.in_groups import crew, inside, member, names_of, settle, told
from tests.messenger.people import Person
from tests.messenger.test_group_out_for_a_moment import accepts_of

GUESTS = ("Bob", "Eve", "Fay")


def three_who_wait() -> tuple[list[Person], list[Envelope]]:
    """Dan asked three in, and is removed by Yan, whom Ann made no admin any more; and Ann's word,
    which is still to come to Dan.
    """
    people = crew("Ann", "Yan", "Dan", others=GUESTS)
    ann, yan, dan, *guests = people
    ann.ask(ChangeGroup("Crew", add="members"))
    ann.ask(SetMemberRole("Crew", member(ann, "Yan").member, "admin"))
    settle(*people)
    dan.ask(InviteToGroup("Crew", GUESTS))
    settle(*people)
    ann.ask(SetMemberRole("Crew", member(ann, "Yan").member, "member"))
    word = list(ann.post())
    yan.ask(RemoveMember("Crew", member(yan, "Dan").member))
    settle(yan, dan)
    assert told(dan).state == "removed"
    for guest in guests:
        guest.ask(AcceptGroup("Crew"))
        dan.receive(guest.post())
    assert accepts_of(dan) == len(GUESTS)
    return people, word


def added_by(person: Person) -> list[int]:
    """Return how many somebody added with each operation."""
    group = inside(person)
    assert group.membership is not None
    graph = group.membership.graph
    return [
        len(each.action.records)
        for each in graph.operations(graph.all)
        if isinstance(each.action, Add) and each.author == group.me
    ]


def test_all_who_wait_come_in_with_one_operation() -> None:
    people, word = three_who_wait()
    dan = people[2]
    dan.receive(word)
    dan.tend()
    assert added_by(dan) == [len(GUESTS)]
    assert accepts_of(dan) == 0
    assert told(dan).invited == []
    settle(*people)
    assert {told(one).state for one in people} == {"in"}
    assert all(sorted(names_of(one)) == sorted(names_of(dan)) for one in people)
    epochs = [inside(one).chosen() for one in people]
    assert len({None if epoch is None else epoch.id for epoch in epochs}) == 1


def test_no_more_come_in_at_once_than_one_epoch_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptances, "ACCEPTS_AT_ONCE_MAX", 2)
    people, word = three_who_wait()
    dan = people[2]
    dan.receive(word)
    dan.tend()
    assert added_by(dan) == [2]
    deadline = dan.messenger.deadline()
    assert deadline is not None
    assert deadline <= dan.now.monotonic
    dan.tend()
    assert added_by(dan) == [2, 1]


def test_of_those_who_wait_a_block_keeps_out_one() -> None:
    people, word = three_who_wait()
    dan = people[2]
    dan.ask(BlockContact("Eve"))
    dan.receive(word)
    dan.tend()
    assert added_by(dan) == [2]
    assert "Eve" not in names_of(dan)
