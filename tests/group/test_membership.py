"""Membership: one answer for one set of operations, whatever came first."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import PeerError
from mesh.group.membership import Membership
from mesh.group.naming import parents_of_next
from mesh.group.operations import Create, Leave, Operation, Role, RoleChange
from mesh.group.rights import Deed, Rights
from mesh.group.settings import SettingsChange
from mesh.group.solving import counts, solve
from mesh.ids import VerifyKey
from mesh.limits.groups import VOID_OPERATIONS_PER_AUTHOR_MAX
from tests.group.scenarios import (
    PEOPLE,
    KnownGraph,
    Story,
    add,
    adds_and_settings,
    id_of,
    key_of,
    known_graphs,
    name_of,
    operations_of,
    random_story,
    randoms,
    record_of,
    remove,
    role,
    shuffled,
    stories,
)

GRAPHS = (*known_graphs("group-dag"), *known_graphs("group-entries"))


def answer(membership: Membership) -> tuple[object, ...]:
    """Return all that a membership says of its operations."""
    return (
        sorted(each.id for each in operations_in(membership) if membership.is_effective(each.id)),
        sorted(membership.members.items()),
        membership.settings,
        membership.makers,
        sorted(sorted(ids) for ids in membership.twins()),
    )


def operations_in(membership: Membership) -> list[Operation]:
    """Return all operations that are here."""
    return membership.graph.operations(membership.graph.all)


def effective(membership: Membership, operations: list[Operation]) -> list[int]:
    """Return the numbers of those operations that count."""
    return [number for number, each in enumerate(operations) if membership.is_effective(each.id)]


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.name)
def test_known_graphs_have_their_known_answers_in_any_order(graph: KnownGraph) -> None:
    operations = operations_of(graph)
    for seed in range(6):
        ordered = shuffled(operations, Random(seed)) if seed else operations
        membership = Membership(ordered[0])
        for operation in ordered[1:]:
            membership.add(operation)
        assert effective(membership, operations) == graph.effective
        members = {
            name_of(key): member.role.name.lower() for key, member in membership.members.items()
        }
        assert members == graph.members
        settings = {
            key: value
            for key in membership.graph.setters
            if (value := membership.view.setting(key)) is not None
        }
        assert settings == graph.settings
        assert [name_of(key) for key in membership.makers] == graph.makers


@given(stories(), randoms())
def test_any_order_and_any_prefix_give_the_same_answer(
    operations: list[Operation], random: Random
) -> None:
    ordered = shuffled(operations, random)
    membership = Membership(ordered[0])
    for count, operation in enumerate(ordered[1:], 2):
        membership.add(operation)
        prefix = {each.id for each in ordered[:count]}
        at_once = Membership.of([each for each in operations if each.id in prefix])
        assert answer(membership) == answer(at_once)


@given(stories(), randoms())
def test_caches_change_nothing(operations: list[Operation], random: Random) -> None:
    membership = Membership(operations[0])
    for count, operation in enumerate(operations[1:], 2):
        membership.add(operation)
        fresh = membership.recomputed()
        assert answer(membership) == answer(fresh)
        for _ in range(3):
            chosen = random.sample(operations[:count], min(count, random.choice((1, 2, 3))))
            heads = [each.id for each in chosen]
            author = key_of(random.choice(PEOPLE))
            deed = random.choice(list(Deed))
            rights = membership.rights(author, deed, heads)
            assert rights == fresh.rights(author, deed, heads)
            # By themselves, without anything else that is known.
            named = Membership.of(membership.graph.operations(membership.graph.closure(heads)))
            assert named.members == membership.named(heads).members()
            assert named.settings == membership.named(heads).settings()


@given(stories(), st.integers(1, 23))
def test_it_is_told_whose_entries_are_judged_otherwise(
    operations: list[Operation], cut: int
) -> None:
    earlier, later = operations[: max(1, len(operations) - cut)], operations[-cut:]
    membership = Membership.of(earlier)
    heads = [(each.id,) for each in earlier]
    keys = [key_of(name) for name in PEOPLE]

    def judged() -> dict[VerifyKey, list[Rights]]:
        return {
            key: [membership.rights(key, deed, ops) for ops in heads for deed in Deed]
            for key in keys
        }

    before = judged()
    change = membership.add(*later)
    after = judged()
    for key in keys:
        if before[key] != after[key]:
            assert change.is_everybody or key in change.whose
        for one, other in zip(before[key], after[key], strict=True):
            assert one.is_named == other.is_named


@given(stories(), st.integers(1, 23))
def test_it_is_told_what_counts_now_and_what_does_no_more(
    operations: list[Operation], cut: int
) -> None:
    earlier, later = operations[: max(1, len(operations) - cut)], operations[-cut:]
    membership = Membership.of(earlier)
    before = {each.id for each in earlier if membership.is_effective(each.id)}
    change = membership.add(*later)
    after = {each.id for each in operations if membership.is_effective(each.id)}
    assert after - before <= {*change.counting}
    assert before - after <= {*change.void}


def without_other_owners(operations: list[Operation]) -> list[Operation]:
    """Return operations with nothing in place of what makes an owner, or unmakes O."""
    found = []
    for each in operations:
        action = each.action
        is_gift = isinstance(action, RoleChange) and action.role is Role.OWNER
        is_step = isinstance(action, RoleChange) and action.key == each.author == key_of("O")
        is_leave = isinstance(action, Leave) and each.author == key_of("O")
        is_kept = not (is_gift or is_step or is_leave)
        found.append(each if is_kept else replace(each, action=SettingsChange()))
    return found


@given(randoms(), st.integers(2, 16), st.integers(1, 16))
def test_nothing_changes_by_what_a_removed_member_signs(
    random: Random, count: int, flood: int
) -> None:
    """Whatever it is and whatever it names, as long as he never was an owner."""
    membership = Membership.of(without_other_owners(random_story(random, count)))
    author, owner = key_of("A"), key_of("O")
    parents = parents_of_next(membership, owner, ending=[author])
    removal = Operation(id_of("5"), owner, 0, 99, parents, (), remove("A"))
    membership.add(removal)
    before = (membership.members, membership.settings, membership.makers)
    assert membership.is_effective(removal.id)
    for number in range(flood):
        known = operations_in(membership)
        named = random.sample(known, min(len(known), random.choice((1, 2, 3))))
        drawn = random_story(random, 8)[-1].action
        action = add("X") if isinstance(drawn, Create) else drawn
        ids = tuple(each.id for each in named)
        membership.add(Operation(id_of(f"6{number:02}"), author, 0, number, ids, (), action))
        assert (membership.members, membership.settings, membership.makers) == before
        for deed in Deed:
            if deed is not Deed.RETRACT:
                rights = membership.rights(author, deed, ids)
                assert rights.standing(1, number) != "counts"


def test_another_beginning_is_none() -> None:
    story = Story()
    membership = Membership.of(story.operations)
    other = Create(1, bytes(16), record_of("O"), SettingsChange(name="other"))
    with pytest.raises(PeerError):
        membership.add(Operation(id_of("9"), key_of("O"), 0, 0, (), (), other))


def test_what_comes_twice_is_there_once() -> None:
    story = Story("A")
    membership = Membership.of([*story.operations, *story.operations[1:]])
    assert len(membership.graph) == 2
    assert membership.twins() == []


def test_a_number_that_is_used_twice_is_told() -> None:
    story = Story("A")
    one = story.tell("O", add("B"))
    other = Operation(id_of("9"), key_of("O"), 0, 2, (story.create,), (), add("C"))
    membership = Membership.of([*story.operations, other])
    assert membership.twins() == [(one, other.id)]


def test_of_one_removal_each_person_is_judged_alone() -> None:
    story = Story("A", "B", "C")
    known = story.tell("O", role("A", Role.ADMIN))
    removed = story.tell("A", remove("B", "C"), known)
    raised = story.tell("O", role("C", Role.ADMIN), known)
    membership = Membership.of(story.operations)
    assert [name_of(key) for key in membership.members] == ["O", "A", "C"]
    assert membership.is_effective(removed)
    assert membership.is_effective(raised)


def test_what_was_undone_stays_undone() -> None:
    story = Story("A", "B")
    story.tell("O", role("A", Role.ADMIN))
    story.tell("A", remove("B"))
    story.tell("O", remove("A", undo=()))
    story.tell("O", remove("A"))
    assert [name_of(key) for key in Membership.of(story.operations).members] == ["O", "B"]


def two_answers() -> Story:
    """Return a graph with two answers: each of two gifts holds if the other one does.

    Two people are removed, then made owners all the same, and each makes the other one an owner.
    A gift of ownership beside a removal voids it; who is removed gives nothing.
    """
    story = Story("A", "B")
    start = story.last
    for one, other in (("A", "B"), ("B", "A")):
        story.tell("O", remove(one), start)
        story.tell("O", role(one, Role.OWNER))
        story.tell(one, role(other, Role.OWNER))
    return story


def no_answer() -> Story:
    """Return a graph without an answer: a gift holds only if it does not.

    An admin removes B, whom the owner makes an owner nevertheless; B makes the admin an owner,
    which voids the owner's removal of the admin, by which the removal of B would be void.
    """
    story = Story("A", "B")
    start = story.tell("O", role("A", Role.ADMIN))
    story.tell("A", remove("B"), start)
    story.tell("O", role("B", Role.OWNER))
    story.tell("B", role("A", Role.OWNER))
    story.tell("O", remove("A"), start)
    return story


def solutions_count(operations: list[Operation]) -> int:
    """Count the sets of acts that are what counts where they count: all sets are tried."""
    graph = Membership.of(operations).graph
    return sum(
        all(counts(graph, act, acts) == bool(act.bit & acts) for act in graph.acts)
        for acts in range(1, graph.all + 1, 2)
    )


def test_owners_who_work_together_make_graphs_with_two_answers_and_none() -> None:
    assert solutions_count(two_answers().operations) == 2
    assert solutions_count(no_answer().operations) == 0


@given(stories(most=7))
def test_graphs_by_chance_have_one_answer(operations: list[Operation]) -> None:
    assert solutions_count(operations) == 1


@pytest.mark.parametrize("tell", [two_answers, no_answer])
def test_graphs_with_two_answers_or_none_are_answered_alike_by_all(
    tell: type[Story],
) -> None:
    operations = [*tell().operations]
    last = operations[-1]
    # What comes later does not change the answer either.
    for count in range(4):
        parent = operations[-1].id if count else last.id
        order = f"9{count}"
        operations.append(
            Operation(id_of(order), key_of("O"), 0, 99 + count, (parent,), (), add(f"N{count}"))
        )
    found = answer(Membership.of(operations))
    for seed in range(40):
        ordered = shuffled(operations, Random(seed))
        membership = Membership(ordered[0])
        for operation in ordered[1:]:
            membership.add(operation)
        assert answer(membership) == found


@given(randoms())
def test_one_after_another_settles_at_once(random: Random) -> None:
    """However often owners change their minds: by classes of acts it takes a round for each."""
    operations = [*random_story(random, 300)]
    chain = operations[:1]
    for each in operations[1:]:
        chain.append(replace(each, parents=(chain[-1].id,)))
    membership = Membership.of(chain)
    solution = solve(membership.graph, membership.graph.all)
    assert solution.is_settled
    assert solution.acts == membership.view.acts


def test_who_cannot_ever_count_is_foreign() -> None:
    story = Story("A")
    story.tell("N", add("B"))
    known = story.tell("A", add("N"))
    story.tell("N", Leave(()), known)
    graph = Membership.of(story.operations).graph
    foreign = [graph.is_foreign(each) for each in story.operations[1:]]
    assert foreign == [False, True, False, False]


def test_of_what_does_not_count_the_newest_is_too_much() -> None:
    story = Story("A")
    for _ in range(VOID_OPERATIONS_PER_AUTHOR_MAX):
        story.tell("A", add("X"), story.create, order=f"{len(story.operations):04}")
    start = story.operations[1].id
    first = [story.tell("A", add("Y"), start, order=f"8{n}") for n in range(3)]
    followed = story.tell("O", add("Z"), first[2])
    membership = Membership.of(story.operations)
    assert membership.is_effective(followed)
    # The third is named by one that counts.
    every = membership.graph.all
    assert membership.surplus(every) == [first[1], first[0], story.operations[-5].id]
    last = membership.graph.acts_of(first[0])
    assert membership.surplus(last) == [first[0]]
    assert membership.surplus(membership.graph.acts_of(followed)) == []
    fewer = membership.without(membership.surplus(every))
    assert fewer.surplus(fewer.graph.all) == []
    assert len(fewer.graph) == len(membership.graph) - 3
    assert fewer.members == membership.members


def test_two_thousand_operations_are_settled_as_if_anew() -> None:
    for operations in (random_story(Random(5), 2_000), adds_and_settings(2_000)):
        membership = Membership.of(operations)
        assert membership.makers == membership.recomputed().makers
