"""A fair choice from a stream of bytes."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto.entropy import uniform_below
from tests.entropy import ListedEntropy, SeededEntropy


@given(st.integers(1, 2**70), st.integers(0, 2**32))
def test_a_choice_is_below_its_bound(bound: int, seed: int) -> None:
    assert 0 <= uniform_below(SeededEntropy(seed), bound) < bound


@pytest.mark.parametrize("bound", [1, 2, 3, 5, 8, 256, 257])
def test_every_value_is_chosen_and_none_more_often_than_chance_allows(bound: int) -> None:
    entropy, expected = SeededEntropy(bound), 400
    counts = Counter(uniform_below(entropy, bound) for _ in range(expected * bound))
    assert sorted(counts) == list(range(bound))
    # Five standard deviations, on a stream that is the same in each run.
    assert all(abs(count - expected) <= 5 * expected**0.5 for count in counts.values())


def test_the_leading_bits_count_and_what_is_too_high_is_drawn_again() -> None:
    # Below 200 there are eight bits: 255 and 200 are refused, 199 is not.
    assert uniform_below(ListedEntropy([b"\xff", b"\xc8", b"\xc7"]), 200) == 199
    # Below 257 there are nine bits of two bytes, the first ones of them.
    entropy = ListedEntropy([b"\x80\x80", b"\x80\x7f"])
    assert uniform_below(entropy, 257) == 256
    assert entropy.is_used_up
    assert uniform_below(ListedEntropy([b"\x00\xff"]), 257) == 1


def test_a_choice_of_one_needs_no_chance_to_come() -> None:
    entropy = ListedEntropy([b""])
    assert uniform_below(entropy, 1) == 0
    assert entropy.is_used_up
    with pytest.raises(AssertionError):
        uniform_below(entropy, 0)
