"""Keys of a group go no earlier than what they open may come, and no later than is said."""

import pytest

from mesh.group.lifetimes import (
    is_own_chain_needed,
    long_leaf_ends,
    receiving_chain_ends,
    seed_ends,
    short_leaf_ends,
)
from mesh.ids import UnixSeconds
from mesh.limits.group_keys import (
    CHAIN_KEPT_SECONDS,
    SHORT_LEAF_KEPT_SECONDS,
    SHORT_LEAF_USED_SECONDS,
)
from mesh.wire.envelope import LIFETIME_SECONDS

DAY = 86_400
NOW = UnixSeconds(1_800_000_000)


def days(ends: UnixSeconds | None) -> float | None:
    return None if ends is None else (ends - NOW) / DAY


def test_leaves_live_until_they_have_a_successor_and_a_while_longer() -> None:
    assert (short_leaf_ends(None), long_leaf_ends(None)) == (None, None)
    assert (days(short_leaf_ends(NOW)), days(long_leaf_ends(NOW))) == (8, 60)


def test_a_seed_goes_at_once_where_all_operations_are_known() -> None:
    assert days(seed_ends(NOW, are_heads_known=True)) == 0
    assert days(seed_ends(NOW, are_heads_known=False)) == 7


@pytest.mark.parametrize(
    "heard_later, removal_known, ends",
    [(None, None, None), (0, None, 31), (None, 0, 7), (0, 2, 9), (0, 30, 31)],
)
def test_a_receiving_chain_ends_when_nothing_of_it_can_come(
    heard_later: int | None, removal_known: int | None, ends: int | None
) -> None:
    def at(day: int | None) -> UnixSeconds | None:
        return None if day is None else UnixSeconds(NOW + day * DAY)

    found = receiving_chain_ends(heard_later=at(heard_later), removal_known=at(removal_known))
    assert days(found) == ends


def test_our_own_chain_stays_while_any_of_the_epoch_does() -> None:
    assert is_own_chain_needed(receiving_chains_count=0, is_in_use=True)
    assert is_own_chain_needed(receiving_chains_count=1, is_in_use=False)
    assert not is_own_chain_needed(receiving_chains_count=0, is_in_use=False)


def test_keys_outlive_what_they_open() -> None:
    assert max(LIFETIME_SECONDS) < CHAIN_KEPT_SECONDS
    assert SHORT_LEAF_USED_SECONDS < SHORT_LEAF_KEPT_SECONDS
