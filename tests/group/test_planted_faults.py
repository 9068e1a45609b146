"""Each rule of what counts, taken away: the known answers, or a story told here, notice it."""

import pytest

from mesh.group.membership import Membership
from mesh.group.operations import Role
from tests.group.faults import FAULTS, Fault, planted
from tests.group.scenarios import (
    KnownGraph,
    Story,
    add,
    known_graphs,
    name_of,
    operations_of,
    remove,
    role,
)
from tests.group.test_rights import misjudged


def known_is_answered(known: KnownGraph) -> bool:
    """Say whether all that is known of a graph is answered, also when it comes one by one."""
    operations = operations_of(known)
    told = Membership(operations[0])
    for operation in operations[1:]:
        told.add(operation)
    effective = [n for n, each in enumerate(operations) if told.is_effective(each.id)]
    roles = {name_of(key): each.role.name.lower() for key, each in told.members.items()}
    settings = {key: told.view.setting(key) for key in told.graph.setters}
    return (
        effective == known.effective
        and roles == known.members
        and {key: value for key, value in settings.items() if value is not None} == known.settings
        and [name_of(key) for key in told.makers] == known.makers
        and misjudged(known) == []
    )


def raised_again() -> tuple[Story, dict[str, str]]:
    """Tell of an owner who steps down and is made one again."""
    story = Story("A")
    story.tell("O", role("A", Role.OWNER))
    story.tell("A", role("A", Role.MEMBER))
    story.tell("O", role("A", Role.OWNER))
    return story, {"O": "owner", "A": "owner"}


def two_roles_at_once() -> tuple[Story, dict[str, str]]:
    """Tell of two owners who give one person two roles at the same time."""
    story = Story("A", "M")
    known = story.tell("O", role("A", Role.OWNER))
    story.tell("O", role("M", Role.MEMBER), known)
    story.tell("A", role("M", Role.ADMIN), known)
    return story, {"O": "owner", "A": "owner", "M": "member"}


def added_by_a_liar_before() -> tuple[Story, dict[str, str]]:
    """Tell of somebody whom a plain member adds in vain, before an owner does.

    Who is in by the void add would be admitted before A.
    """
    story = Story("M")
    story.tell("M", add("N"))
    story.tell("O", add("A"), story.operations[1].id, order="005")
    story.tell("O", add("N"))
    return story, {"O": "owner", "M": "member", "A": "member", "N": "member"}


def never_added() -> tuple[Story, dict[str, str]]:
    """Tell of an owner who raises a stranger."""
    story = Story("M")
    story.tell("O", role("X", Role.ADMIN))
    return story, {"O": "owner", "M": "member"}


def once_an_owner() -> tuple[Story, dict[str, str]]:
    """Tell of an owner who steps down and is removed, and of what he did as an owner meanwhile."""
    story = Story("A")
    known = story.tell("O", role("A", Role.OWNER))
    story.tell("A", role("A", Role.MEMBER), known)
    story.tell("O", remove("A", undo=()))
    story.tell("A", add("N"), known)
    return story, {"O": "owner", "N": "member"}


def two_removed_and_one_above() -> tuple[Story, dict[str, str]]:
    """Tell of one removal by an admin of two people, one of whom is an admin as well."""
    story = Story("A", "B", "C")
    story.tell("O", role("A", Role.ADMIN))
    story.tell("O", role("C", Role.ADMIN))
    story.tell("A", remove("B", "C"))
    return story, {"O": "owner", "A": "admin", "C": "admin"}


STORIES = (
    raised_again,
    two_roles_at_once,
    added_by_a_liar_before,
    never_added,
    once_an_owner,
    two_removed_and_one_above,
)


def unanswered() -> str | None:
    """Return the name of a story, or of a known graph, that is answered wrongly."""
    for story in STORIES:
        told, expected = story()
        found = Membership.of(told.operations).members.values()
        ranked = sorted(found, key=lambda member: member.order)
        if [(name_of(each.key), each.role.name.lower()) for each in ranked] != [*expected.items()]:
            return story.__name__
    for known in (*known_graphs("group-entries"), *known_graphs("group-dag")):
        if not known_is_answered(known):
            return known.name
    return None


def test_without_a_fault_all_is_answered() -> None:
    assert unanswered() is None


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.rule)
def test_a_rule_that_is_taken_away_is_missed(fault: Fault) -> None:
    with planted(fault):
        try:
            found = unanswered()
        except IndexError:
            # Somebody without a record is in.
            found = "nobody's record"
    assert found is not None
