"""The choice of an epoch: one answer for all who know the same, whoever wants his own."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.group import choice
from mesh.group.choice import KnownEpoch, chosen_epoch, is_fit, next_turn, within_turns
from mesh.group.epochs import EpochId
from mesh.group.operations import Role
from mesh.ids import VerifyKey
from mesh.limits.group_keys import TURN_MAX, TURNS_PER_DAY_MAX

OWNER, ADMIN, ADA, EVE, GONE = (VerifyKey(bytes([number]) * 32) for number in range(1, 6))
ROLES = {OWNER: Role.OWNER, ADMIN: Role.ADMIN, ADA: Role.MEMBER, EVE: Role.MEMBER}
MEMBERS = frozenset(ROLES)


def epoch(number: int = 1, **changes: object) -> KnownEpoch:
    """An epoch of the owner for all members after two operations, but for what is changed."""
    known = KnownEpoch(
        id=EpochId(bytes([number]) * 32),
        maker=OWNER,
        turn=0,
        count=len(MEMBERS),
        without=frozenset(),
        is_held=True,
        members=MEMBERS,
        effective_count=2,
        day=0,
    )
    return replace(known, **changes)  # type: ignore[arg-type]  # Names of the fields above.


def test_a_fit_epoch_is_held_known_and_exact() -> None:
    assert is_fit(epoch(), MEMBERS)
    with_gone = MEMBERS | {GONE}
    for unfit in (
        epoch(is_held=False),
        epoch(members=None),
        epoch(members=with_gone, count=5),
        epoch(members=MEMBERS - {ADA}, count=3),
        epoch(members=with_gone, count=5, maker=GONE),
        epoch(count=3),
        epoch(without=frozenset({GONE}), count=3),
    ):
        assert not is_fit(unfit, MEMBERS)
        assert chosen_epoch([unfit], ROLES) is None


def test_who_is_removed_makes_no_epoch_for_the_time_after_himself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Gone names his own removal as a head: the members after it are exactly ours."""
    his = epoch(maker=GONE)
    assert not is_fit(his, MEMBERS)
    # Without the rule about makers it would be fit, and he would read on.
    consistent = property(lambda self: self.count == len(self.recipients))
    monkeypatch.setattr(choice.KnownEpoch, "is_consistent", consistent)
    assert is_fit(his, MEMBERS)


def test_an_epoch_that_leaves_somebody_out_is_fit_and_comes_behind() -> None:
    without = epoch(2, without=frozenset({ADA}), count=3, turn=9)
    assert chosen_epoch([without], ROLES) is without
    whole = epoch(1)
    assert chosen_epoch([without, whole], ROLES) is whole


def test_the_order_of_fit_epochs() -> None:
    """Each is greater than the one before by one thing, though it is smaller by all that follow."""
    without = frozenset({ADA})
    ordered = [
        epoch(9, effective_count=1, without=without, count=3, turn=9, maker=OWNER),
        epoch(8, without=without, count=3, turn=9, maker=OWNER),
        epoch(7, turn=3, maker=OWNER),
        epoch(6, turn=4, maker=EVE),
        epoch(5, turn=4, maker=ADMIN),
        epoch(4, turn=4, maker=OWNER),
        epoch(5, turn=4, maker=OWNER),
    ]
    for less, more in pairwise(ordered):
        assert chosen_epoch([less, more], ROLES) is more
        assert chosen_epoch([more, less], ROLES) is more


def test_void_operations_make_no_epoch_newer() -> None:
    """Eve writes void operations and an epoch after them that Ada cannot open, again and again.

    What is counted is what is effective, so Ada's and Eve's have as many, and the turn decides; if
    void ones counted, Eve's would win whatever others did.
    """
    honest = epoch(1, turn=1)
    eves = epoch(2, maker=EVE)
    assert chosen_epoch([honest, eves], ROLES) is honest
    assert chosen_epoch([honest, replace(eves, effective_count=3)], ROLES) is not honest


def test_the_last_turn_wins_once_only() -> None:
    """An epoch of turn 2^32 - 1: the next one has the same turn, and a role above Eve's wins."""
    eves = epoch(9, maker=EVE, turn=TURN_MAX)
    assert next_turn([eves], 2) == TURN_MAX
    answer = epoch(1, maker=ADMIN, turn=TURN_MAX)
    assert chosen_epoch([eves, answer], ROLES) is answer
    after_operation = epoch(1, maker=ADA, turn=next_turn([eves], 3), effective_count=3)
    assert (after_operation.turn, chosen_epoch([eves, after_operation], ROLES)) == (
        0,
        after_operation,
    )


def test_turns_are_counted_among_epochs_with_as_many_operations() -> None:
    known = [epoch(1, turn=4), epoch(2, turn=7, effective_count=1), epoch(3, turn=2)]
    assert [next_turn(known, count) for count in (0, 1, 2, 3)] == [0, 8, 5, 0]


def test_a_plain_member_moves_the_group_eight_times_a_day() -> None:
    plain = [epoch(number, maker=EVE, turn=number) for number in range(1, 12)]
    assert within_turns(plain, ROLES) == plain[:TURNS_PER_DAY_MAX]
    chosen = chosen_epoch(plain, ROLES)
    assert chosen is plain[TURNS_PER_DAY_MAX - 1]
    next_day = [replace(one, day=1) for one in plain[8:]]
    assert within_turns([*plain[:8], *next_day], ROLES) == [*plain[:8], *next_day]
    for maker in (OWNER, ADMIN):
        theirs = [replace(one, maker=maker) for one in plain]
        assert within_turns(theirs, ROLES) == theirs
    with_operations = [replace(one, turn=0) for one in plain]
    assert within_turns(with_operations, ROLES) == with_operations


known_epochs = st.lists(
    st.builds(
        lambda number, maker, turn, without, count, held: epoch(
            number,
            maker=maker,
            turn=turn,
            without=without - {maker},
            count=len(MEMBERS) - len(without - {maker}),
            effective_count=count,
            is_held=held,
        ),
        st.integers(1, 200),
        st.sampled_from([OWNER, ADMIN]),
        st.integers(0, 3),
        st.frozensets(st.sampled_from([ADA, EVE])),
        st.integers(1, 3),
        st.booleans(),
    ),
    max_size=8,
    unique_by=lambda one: one.id,
)


@given(known_epochs, st.randoms(use_true_random=False))
def test_all_who_know_the_same_choose_the_same(known: list[KnownEpoch], chance: object) -> None:
    """In whatever order epochs came; only of plain members' turns the order matters."""
    found = chosen_epoch(known, ROLES)
    shuffled = list(known)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # A `random.Random`.
    assert chosen_epoch(shuffled, ROLES) == found
    if found is not None:
        assert all(
            choice.order_of(one, ROLES) <= choice.order_of(found, ROLES)
            for one in known
            if one.is_held
        )
