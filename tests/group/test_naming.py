"""Operations as the next ones, entries and announcements name them."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from mesh.content.entry import OperationId
from mesh.group.membership import Membership, would_count
from mesh.group.naming import (
    joiner,
    named_by_announcement,
    named_by_entry,
    parents_for,
    parents_of_next,
)
from mesh.group.operations import Operation, Role
from mesh.group.rights import Deed, may
from mesh.group.settings import SettingsChange, setting_change
from mesh.group.writing import check_action
from mesh.limits.content import ENTRY_OPS_MAX
from mesh.limits.groups import HEADS_ANNOUNCED_MAX, OPERATION_PARENTS_MAX
from tests.group.scenarios import (
    PEOPLE,
    Story,
    add,
    key_of,
    random_story,
    randoms,
    remove,
    role,
    stories,
)


def rivals(count: int) -> tuple[Story, list[OperationId]]:
    """Return a group in which an admin wrote so many operations side by side."""
    story = Story("A", "M")
    known = story.tell("O", role("A", Role.ADMIN))
    return story, [story.tell("A", add(f"x{n}"), known) for n in range(count)]


@given(stories())
def test_a_next_operation_follows_its_authors_last_one(operations: list[Operation]) -> None:
    membership = Membership.of(operations)
    graph = membership.graph
    for name in PEOPLE:
        for ending in ((), (key_of("A"),)):
            parents = parents_of_next(membership, key_of(name), ending=ending)
            assert 1 <= len(parents) <= OPERATION_PARENTS_MAX
            below = graph.closure(parents)
            own = graph.latest(graph.person(key_of(name)).own)
            assert len(own) > OPERATION_PARENTS_MAX or all(act.bit & below for act in own)
            # None of them is named twice, by itself and by one that follows it.
            assert not any(
                graph.acts_of(each) & graph.ancestors(other)
                for each in parents
                for other in parents
            )


@given(stories())
def test_where_all_fit_all_that_counts_is_named(operations: list[Operation]) -> None:
    membership = Membership.of(operations)
    graph, counting = membership.graph, membership.view.acts
    if len(graph.latest(counting)) + len(graph.latest(graph.all)) <= OPERATION_PARENTS_MAX:
        parents = parents_of_next(membership, key_of("O"))
        assert graph.closure(parents) == graph.all
    heads = named_by_announcement(membership)
    if len(heads) < HEADS_ANNOUNCED_MAX:
        assert not counting & ~graph.closure(heads)
        assert all(membership.is_effective(head) for head in heads)


def test_what_counts_and_what_is_ended_goes_before_what_is_void() -> None:
    story, _ = rivals(3)
    start = story.operations[1].id
    flood = [story.tell("M", add(f"v{n}"), start) for n in range(20)]
    mark = story.tell("N", add("v"), start)
    membership = Membership.of(story.operations)
    parents = parents_of_next(membership, key_of("O"))
    assert not membership.view.acts & ~membership.graph.closure(parents)
    assert mark not in parents or len(parents) < OPERATION_PARENTS_MAX
    ending = parents_of_next(membership, key_of("O"), ending=[key_of("M")])
    assert len({*ending} & {*flood}) == OPERATION_PARENTS_MAX - 3


@given(randoms(), st.integers(2, 30), st.sampled_from(PEOPLE))
def test_who_may_something_is_believed_by_what_he_names(
    random: Random, count: int, name: str
) -> None:
    membership = Membership.of(random_story(random, count))
    author = key_of(name)
    for deed in Deed:
        ops = named_by_entry(membership, author, deed)
        assert 1 <= len(ops) <= ENTRY_OPS_MAX
        if len(membership.graph.latest(membership.view.acts)) > ENTRY_OPS_MAX:
            continue
        if may(membership.view, author, deed) and deed is not Deed.RETRACT:
            assert membership.rights(author, deed, ops).is_now


def test_what_an_entry_rests_on_is_named_first() -> None:
    story, _ = rivals(0)
    start = story.last
    # Ten sides, each with more behind it than the one that raised M and lets members set the timer.
    raised = story.tell("O", role("M", Role.ADMIN), start)
    timer = story.tell("O", setting_change({"timer": "members"}), start)
    joined = story.tell("O", add("P"), start)
    for n in range(10):
        side = story.tell("A", add(f"y{n}"), start)
        for m in range(3):
            side = story.tell("A", add(f"y{n}{m}"), side)
    membership = Membership.of(story.operations)
    assert raised in named_by_entry(membership, key_of("M"), Deed.ADMIN)
    assert timer in named_by_entry(membership, key_of("C"), Deed.TIMER)
    assert joined in named_by_entry(membership, key_of("P"), Deed.OBJECT)
    for name, deed in (("M", Deed.ADMIN), ("P", Deed.OBJECT), ("P", Deed.TIMER)):
        ops = named_by_entry(membership, key_of(name), deed)
        assert membership.rights(key_of(name), deed, ops).is_named


def test_too_many_sides_are_joined_by_the_first_admin_with_an_empty_set() -> None:
    story, heads = rivals(OPERATION_PARENTS_MAX)
    assert joiner(Membership.of(story.operations)) is None
    story.tell("A", add("another"), story.operations[2].id)
    membership = Membership.of(story.operations)
    assert joiner(membership) == key_of("O")
    story.tell("O", SettingsChange(), *parents_of_next(membership, key_of("O")))
    membership = Membership.of(story.operations)
    assert joiner(membership) is None
    assert len(named_by_announcement(membership)) == 2
    assert not {*heads} <= {*named_by_announcement(membership)}


def test_what_an_operation_rests_on_is_named_first() -> None:
    story, heads = rivals(0)
    start = story.last
    raised = story.tell("O", role("M", Role.ADMIN), start)
    added = story.tell("O", add("P"), start)
    # More sides than are named, each with more behind it.
    for n in range(OPERATION_PARENTS_MAX + 2):
        side = story.tell("A", add(f"y{n}"), start)
        for m in range(3):
            side = story.tell("A", add(f"y{n}{m}"), side)
    membership = Membership.of(story.operations)
    author = key_of("M")
    for action in (add("Q"), SettingsChange(), remove("P")):
        check_action(membership, author, action)
        parents = parents_for(membership, author, action)
        assert membership.graph.acts_of(raised) & membership.graph.closure(parents)
        assert would_count(membership, author, action, parents)
        operation = Operation(OperationId(bytes([7]) * 32), author, 99, 99, parents, (), action)
        after = membership.recomputed()
        after.add(operation)
        assert after.is_effective(operation.id)
    parents = parents_for(membership, author, remove("P"))
    assert membership.graph.acts_of(added) & membership.graph.closure(parents)
    assert not would_count(membership, author, remove("P"), (raised,))
    assert not would_count(membership, author, add("Q"), (start,))
    assert heads == []
