"""Epochs on the graph of operations: partitions, voids and removals, as nodes meet them."""

import hashlib
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.content.entry import OperationId
from mesh.group.choice import KnownEpoch, chosen_epoch, is_fit, next_turn
from mesh.group.epochs import Announcement, EpochId, make_announcement
from mesh.group.known_epochs import known_epoch
from mesh.group.membership import Membership
from mesh.group.naming import named_by_announcement
from mesh.group.operations import Operation, Role
from mesh.ids import VerifyKey
from tests.group.scenarios import Story, add, key_of, random_story, randoms, remove, role

Made = tuple[Announcement, VerifyKey]


def roles_of(membership: Membership) -> dict[VerifyKey, Role]:
    return {key: member.role for key, member in membership.members.items()}


def announced(
    membership: Membership, maker: VerifyKey, *, heads: Sequence[bytes] = (), turn: int = 0
) -> Made:
    """An epoch for the members whom its maker knows, or after the heads that he names."""
    named = list(heads or named_by_announcement(membership))
    members = membership.now([OperationId(head) for head in named]).members()
    post = make_announcement(
        clock=turn,
        seq=0,
        heads=named,
        turn=turn,
        ephemeral=bytes(32),
        commitment=bytes(32),
        count=max(1, len(members)),
        without=[],
    )
    return post, maker


def seen(made: Made, membership: Membership) -> KnownEpoch:
    """An epoch that is held, as somebody with these operations sees it."""
    announcement, maker = made
    id_ = EpochId(hashlib.blake2b(maker + announcement.encode(), digest_size=32).digest())
    return known_epoch(announcement, membership, epoch=id_, maker=maker, is_held=True, day=0)


def choice_of(made: Sequence[Made], membership: Membership) -> Made | None:
    """The epoch that is written under, of all that were made."""
    known = {seen(one, membership).id: one for one in made}
    found = chosen_epoch([seen(one, membership) for one in made], roles_of(membership))
    return None if found is None else known[found.id]


def test_an_epoch_waits_for_the_operations_that_it_names() -> None:
    story = Story("A", "B")
    before = Membership.of(story.operations)
    story.tell("O", remove("B"))
    after = Membership.of(story.operations)
    made = announced(after, key_of("O"))
    assert seen(made, before).members is None
    assert choice_of([made], before) is None
    assert choice_of([made], after) is made


def test_nobody_writes_under_an_epoch_that_holds_a_removed_one() -> None:
    story = Story("A", "B")
    old = announced(Membership.of(story.operations), key_of("O"))
    story.tell("O", remove("B"))
    membership = Membership.of(story.operations)
    assert choice_of([old], membership) is None
    assert key_of("B") in seen(old, membership).recipients


def test_who_is_removed_cannot_make_the_epoch_after_himself() -> None:
    story = Story("A", "B")
    story.tell("O", remove("B"))
    membership = Membership.of(story.operations)
    assert choice_of([announced(membership, key_of("B"))], membership) is None


def test_two_sides_make_one_for_the_union_when_they_meet() -> None:
    story = Story("A", "B", "C")
    base = story.tell("O", role("A", Role.ADMIN))
    common = list(story.operations)
    for author, guest in (("A", "X"), ("O", "Y")):
        story.tell(author, add(guest), base)
    left, right = story.operations[-2:]
    sides = [Membership.of([*common, one]) for one in (left, right)]
    made = [announced(side, key_of(author)) for side, author in zip(sides, "AO", strict=True)]
    for one, side in zip(made, sides, strict=True):
        assert choice_of([one], side) is one
    both = Membership.of(story.operations)
    assert choice_of(made, both) is None, "each lacks somebody"
    union = announced(both, key_of("B"))
    assert choice_of([*made, union], both) is union
    assert len(union[0].heads) == 2


def test_a_void_operation_makes_no_epoch_newer() -> None:
    """A plain member removes somebody, and makes an epoch after that: the removal counts nothing,
    the members after it are ours, and what was honest and has a turn is written under.
    """
    story = Story("A", "B")
    honest = announced(Membership.of(story.operations), key_of("A"), turn=1)
    void = story.tell("B", remove("A"))
    membership = Membership.of(story.operations)
    assert not membership.is_effective(void)
    hers = announced(membership, key_of("B"), heads=[void])
    known = [seen(one, membership) for one in (honest, hers)]
    assert known[0].effective_count == known[1].effective_count
    assert is_fit(known[1], frozenset(roles_of(membership)))
    assert choice_of([honest, hers], membership) is honest


def test_an_old_epoch_becomes_fit_again_when_a_removal_turns_out_void() -> None:
    """Attack 41: an owner raised him at the same time. All its recipients are members now."""
    story = Story("A", "B")
    base = story.tell("O", role("A", Role.ADMIN))
    before = announced(Membership.of(story.operations), key_of("O"))
    story.tell("A", remove("B"), base)
    assert choice_of([before], Membership.of(story.operations)) is None
    story.tell("O", role("B", Role.ADMIN), base)
    membership = Membership.of(story.operations)
    assert key_of("B") in membership.members
    assert choice_of([before], membership) is before


def test_what_counts_now_says_for_whom_an_epoch_was_made() -> None:
    """An admin adds somebody while he is removed elsewhere: his add is void since that is known."""
    story = Story("A", "B")
    base = story.tell("O", role("A", Role.ADMIN))
    guest = story.tell("A", add("X"), base)
    before = Membership.of(story.operations)
    made = announced(before, key_of("A"))
    assert (key_of("X") in before.members, seen(made, before).effective_count) == (True, 4)
    story.tell("O", remove("A"), base)
    after = Membership.of(story.operations)
    assert not after.is_effective(guest)
    known = seen(made, after)
    assert known.members == frozenset(map(key_of, "OAB"))
    assert known.effective_count == 3


def test_turns_count_among_those_with_as_many_that_count() -> None:
    story = Story("A", "B")
    membership = Membership.of(story.operations)
    made = [announced(membership, key_of("O"), turn=turn) for turn in (0, 1, 2)]
    count = seen(made[0], membership).effective_count
    assert count == 2
    assert next_turn([seen(one, membership) for one in made], count) == 3
    assert choice_of(made, membership) is made[2]


@given(randoms(), st.integers(2, 14))
def test_in_any_story_exactly_the_members_read_what_is_written(chance: Random, count: int) -> None:
    """Hostile people write anything; epochs are made after any part of it, by anybody."""
    operations = random_story(chance, count)
    made: list[Made] = []
    for length in range(1, len(operations) + 1):
        part = Membership.of(operations[:length])
        maker = chance.choice(list(part.graph.people))
        heads = [chance.choice(operations[:length]).id] if chance.random() < 0.3 else []
        if part.members or heads:
            made.append(announced(part, maker, heads=heads, turn=chance.randrange(3)))
    whole = Membership.of(operations)
    found = choice_of(made, whole)
    members = frozenset(whole.members)
    if found is not None:
        assert seen(found, whole).recipients == members
        assert found[1] in members
    shuffled = list(made)
    chance.shuffle(shuffled)
    again = choice_of(shuffled, whole)
    assert (again and seen(again, whole)) == (found and seen(found, whole))
    if members:
        # Whoever is in can always make one that is written under.
        maker = sorted(members)[0]
        top = next_turn([seen(one, whole) for one in made], _effective(whole))
        mine = announced(whole, maker, turn=top)
        assert is_fit(seen(mine, whole), members)
        assert choice_of([*made, mine], whole) is not None


def _effective(membership: Membership) -> int:
    return sum(membership.is_effective(one.id) for one in _all(membership))


def _all(membership: Membership) -> list[Operation]:
    return membership.graph.operations(membership.graph.all)


def test_without_exactness_a_removed_one_would_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story("A", "B")
    old = announced(Membership.of(story.operations), key_of("O"))
    story.tell("O", remove("B"))
    membership = Membership.of(story.operations)
    monkeypatch.setattr("mesh.group.choice.is_fit", lambda epoch, _members: epoch.is_held)
    assert choice_of([old], membership) is old
