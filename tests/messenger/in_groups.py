"""People in groups: made, asked in, joined, over messengers that are joined by hand."""

from mesh.commands.groups import (
    AcceptGroup,
    AskGroup,
    AskGroups,
    AskMembers,
    GroupAnswer,
    GroupsAnswer,
    MakeGroup,
    MemberAnswer,
    MembersAnswer,
)
from mesh.messenger.groups.group import Group
from tests.messenger.people import Clock, Person, exchange


def acquainted_all(clock: Clock, *names: str) -> list[Person]:
    """People of whom everybody is a contact of everybody."""
    people = [Person(name, clock, seed=seed) for seed, name in enumerate(names, 1)]
    for place, person in enumerate(people):
        for other in people[:place]:
            person.add(other.invite().link)
            exchange(*people)
    return people


def settle(*people: Person, seconds: int = 2) -> None:
    """Carry everything, and let everybody do what is due, until there is nothing to do."""
    for _ in range(6):
        exchange(*people)
        people[0].clock.pass_by(seconds)
        for person in people:
            person.tend()
    exchange(*people)


def groups_of(person: Person) -> list[GroupAnswer]:
    answer = person.ask(AskGroups())
    assert isinstance(answer, GroupsAnswer)
    return answer.groups


def told(person: Person, group: str = "Crew") -> GroupAnswer:
    answer = person.ask(AskGroup(group))
    assert isinstance(answer, GroupAnswer)
    return answer


def members_of(person: Person, group: str = "Crew") -> list[MemberAnswer]:
    answer = person.ask(AskMembers(group))
    assert isinstance(answer, MembersAnswer)
    return answer.members


def names_of(person: Person, group: str = "Crew") -> list[str]:
    return [member.name for member in members_of(person, group)]


def member(person: Person, name: str, group: str = "Crew") -> MemberAnswer:
    return next(one for one in members_of(person, group) if one.name == name)


def inside(person: Person, group: str = "Crew") -> Group:
    """A group as a node has it in memory."""
    answer = told(person, group)
    found = person.wired.groups.keepers.groups.find(answer.conversation)  # type: ignore[arg-type]  # as an answer tells it
    assert found is not None
    return found


def crew(*names: str, clock: Clock | None = None, others: tuple[str, ...] = ()) -> list[Person]:
    """People who are all in one group, which the first of them made; and behind them `others`, who
    know all of them and are in no group yet.
    """
    people = acquainted_all(clock or Clock(), *names, *others)
    people[0].ask(MakeGroup("Crew", names[1:]))
    settle(*people)
    for person in people[1 : len(names)]:
        person.ask(AcceptGroup("Crew"))
        settle(*people)
    settle(*people)
    return people


def epoch_of(person: Person, group: str = "Crew") -> bytes | None:
    """The epoch under which somebody writes now."""
    epoch = inside(person, group).chosen()
    return None if epoch is None else epoch.id
