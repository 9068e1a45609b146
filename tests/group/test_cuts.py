"""Cuts: which numbers they cover."""

from hypothesis import given
from hypothesis import strategies as st

from mesh.group.cuts import (
    Hole,
    KnownEntry,
    RunHad,
    check_had,
    had_of,
    had_since,
    is_covered,
    joined,
    lacks,
    shared,
)
from mesh.limits.groups import HAD_HOLES_MAX, HAD_RUNS_MAX

numbers = st.lists(st.integers(0, 60), unique=True).map(sorted)


def covered(had: tuple[RunHad, ...], run: int) -> list[int]:
    """Return the numbers below 80 that a cut covers of a run."""
    return [number for number in range(80) if is_covered(had, run, number)]


@given(numbers, numbers)
def test_a_cut_covers_what_was_had(one: list[int], other: list[int]) -> None:
    had = had_of({7: one, 8: other})
    check_had(had)
    for run, had_numbers in ((7, one), (8, other)):
        found = covered(had, run)
        # A seventeenth hole ends it: what is covered is the lowest part of what was had.
        assert found == had_numbers[: len(found)]
        holes = sum(
            number not in had_numbers and (number == 0 or number - 1 in had_numbers)
            for number in range(max(had_numbers, default=0))
        )
        assert (found == had_numbers) == (holes <= HAD_HOLES_MAX)
    assert covered(had, 9) == []


def test_numbers_that_were_skipped_are_holes() -> None:
    had = had_of({7: [0, 1, 2, 3, 4, 1000]})
    assert had == (RunHad(7, 1001, (Hole(5, 995),)),)
    assert is_covered(had, 7, 4)
    assert not is_covered(had, 7, 6)
    assert is_covered(had, 7, 1000)
    assert not is_covered(had, 7, 1001)


def test_the_runs_written_in_last_are_told() -> None:
    had = had_of({run: [0] for run in range(HAD_RUNS_MAX + 1)})
    assert [run.run for run in had] == list(range(HAD_RUNS_MAX))


@given(numbers, numbers)
def test_the_more_of_two_cuts_covers_what_either_does(one: list[int], other: list[int]) -> None:
    first, second = had_of({7: one[:12]}), had_of({7: other[:12], 8: [0]})
    both = joined(first, second)
    check_had(both)
    together = sorted({*covered(first, 7), *covered(second, 7)})
    found = covered(both, 7)
    assert found == together[: len(found)]
    assert len(found) == len(together) or len(both[0].holes) == HAD_HOLES_MAX
    assert covered(both, 8) == [0]
    common = shared(first, second)
    check_had(common)
    assert (
        covered(common, 7)
        == sorted({*covered(first, 7)} & {*covered(second, 7)})[: len(covered(common, 7))]
    )
    assert covered(common, 8) == []
    assert lacks(first, second) == (not {*covered(first, 7)} <= {*covered(second, 7)})


entries = st.lists(
    st.builds(
        KnownEntry,
        run=st.integers(0, 2),
        number=st.integers(0, 9),
        claimed_ms=st.integers(0, 20),
        received_ms=st.integers(0, 20),
    ),
    max_size=15,
)


@given(entries, st.integers(0, 20))
def test_a_cut_by_time_ends_with_what_claims_to_be_or_came_later(
    known: list[KnownEntry], since: int
) -> None:
    had = had_since(known, since)
    for entry in known:
        same_run = [each for each in known if each.run == entry.run and each.number <= entry.number]
        is_before = all(each.claimed_ms < since and each.received_ms < since for each in same_run)
        assert is_covered(had, entry.run, entry.number) == is_before
