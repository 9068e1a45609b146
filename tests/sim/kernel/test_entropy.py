"""Streams of chance: the same for the same seed and name, and of no other's making."""

from hypothesis import given
from hypothesis import strategies as st

from sim.kernel.entropy import BLOCK_BYTES, Chance, Draws, SeededEntropy


@given(st.lists(st.integers(0, 2 * BLOCK_BYTES), max_size=8))
def test_a_stream_is_a_function_of_its_seed_and_name(lengths: list[int]) -> None:
    one, same = SeededEntropy(7, "node", 3), SeededEntropy(7, "node", 3)
    drawn = [one.draw(length) for length in lengths]
    assert drawn == [same.draw(length) for length in lengths]
    assert [len(each) for each in drawn] == lengths


def test_streams_of_other_seeds_and_names_differ() -> None:
    streams = [
        SeededEntropy(7, "node", 3),
        SeededEntropy(8, "node", 3),
        SeededEntropy(7, "node", 4),
        SeededEntropy(7, "nodes", 3),
    ]
    assert len({stream.draw(32) for stream in streams}) == 4


def test_no_bytes_of_a_stream_come_twice() -> None:
    stream = SeededEntropy(1, "long")
    pieces = [stream.draw(16) for _ in range(2 * BLOCK_BYTES // 16)]
    assert len(set(pieces)) == len(pieces)


def test_the_streams_stay_what_they_are_across_versions() -> None:
    # A change here changes every recorded trace; say so in the change log.
    assert SeededEntropy(7, "node", 0).draw(8).hex() == "62c9c60ce1dba6f1"
    chance = Chance(7, "faults")
    assert [chance.below(1_000) for _ in range(5)] == [109, 246, 653, 884, 196]


@given(st.integers(0, 1_000), st.integers(1, 1_000))
def test_numbers_keep_their_bounds(seed: int, bound: int) -> None:
    chance = Chance(seed)
    assert all(0 <= chance.below(bound) < bound for _ in range(50))
    assert all(3 <= chance.between(3, 3 + bound) <= 3 + bound for _ in range(50))
    assert all(chance.exponential(bound) >= 0 for _ in range(50))
    assert not chance.is_true(0)
    assert chance.is_true(1)


def test_exponential_draws_have_their_mean() -> None:
    chance = Chance(1)
    draws = [chance.exponential(1_000) for _ in range(20_000)]
    assert 970 < sum(draws) / len(draws) < 1_030


@given(st.lists(st.integers()))
def test_a_shuffle_loses_and_invents_nothing(items: list[int]) -> None:
    shuffled = list(items)
    Chance(5).shuffle(shuffled)
    assert sorted(shuffled) == sorted(items)


def test_draws_are_even_and_hang_on_what_they_are_about_alone() -> None:
    draws = Draws(1, "test")
    drawn = [draws.fraction(a, b) for a in range(60) for b in range(60)]
    assert len(set(drawn)) == len(drawn)
    assert all(0 <= each < 1 for each in drawn)
    assert abs(sum(drawn) / len(drawn) - 0.5) < 0.02
    assert draws.fraction(3, 4) == Draws(1, "test").fraction(3, 4) != draws.fraction(4, 3)
    assert Draws(2, "test").fraction(3, 4) != draws.fraction(3, 4)
    assert {draws.between(5, 7, number) for number in range(50)} == {5, 6, 7}
