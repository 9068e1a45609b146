"""The judgement of a study: what a bound lets pass, and what becomes of several seeds."""

import pytest

from mesh.errors import UserError
from sim.lab.literature.studies import (
    Bound,
    Experiment,
    Golden,
    broken,
    exactly,
    near,
    refuse_sizes,
    rows_of,
    span,
)

HOPS, SHARE, TIME = "{:.0f}", "{:.1%}", "{:,.0f} ms"


@pytest.mark.parametrize(
    "bound, kept, not_kept, words",
    [
        (exactly(186), (186,), (185, 187), "186"),
        (near(7_534, margin=1), (7_533, 7_535), (7_532, 7_536), "± 1"),
        (near(100, share=0.03), (97, 103), (96, 104), "± 3 %"),
        (Bound(below=15), (-1, 14), (15, 16), "< 15"),
        (Bound(most=15), (14, 15), (16,), "≤ 15"),
        (Bound(least=2), (2, 900), (1,), "≥ 2"),
        (Bound(533, 617), (533, 617), (532, 618), "533 to 617"),
    ],
)
def test_a_bound_lets_pass_what_it_says(
    bound: Bound, kept: tuple[float, ...], not_kept: tuple[float, ...], words: str
) -> None:
    assert all(map(bound.is_kept, kept))
    assert not any(map(bound.is_kept, not_kept))
    assert bound.words(HOPS) == words


def test_a_span_says_its_unit_once_and_one_number_once() -> None:
    assert span(557, 1_602, TIME) == "557 to 1,602 ms"
    assert span(0.833, 0.867, SHARE) == "83.3% to 86.7%"
    assert span(100, 100, TIME) == "100 ms"


def experiment(*goldens: Golden) -> Experiment:
    made = {1: 10.0, 2: 12.0, 3: 20.0}
    return Experiment("three", goldens, lambda seed: {"hops": made[seed]})


def test_a_row_is_the_median_of_the_seeds_and_each_is_held_to_the_bound() -> None:
    one = experiment(Golden("hops", HOPS, 15, Bound(most=19)))
    [row] = rows_of("study", one, [one.run(seed) for seed in one.seeds])
    assert (row.ours, row.least, row.most, row.seeds) == (12, 10, 20, 3)
    assert (row.verdict, row.bound, row.difference) == ("broken", "≤ 19", -0.2)
    assert [row.figure for row in broken(one, one.seeds)] == ["hops"]
    assert not broken(one, (1, 2))


def test_where_the_mean_is_held_a_seed_may_be_outside() -> None:
    for most, verdict in ((14, "holds"), (13, "broken")):
        one = experiment(Golden("hops", HOPS, (13, 14), Bound(most=most), is_of_mean=True))
        [row] = rows_of("study", one, [one.run(seed) for seed in one.seeds])
        assert (row.ours, row.verdict, row.difference) == (14, verdict, None)


def test_what_has_no_bound_is_judged_by_nobody() -> None:
    one = experiment(Golden("hops", HOPS, published=0))
    [row] = rows_of("study", one, [one.run(1)])
    assert (row.verdict, row.bound, row.difference) == ("beside", "", None)
    assert not broken(one, one.seeds)


def test_sizes_of_which_nothing_was_published_are_refused() -> None:
    refuse_sizes((), (250, 1_000))
    refuse_sizes((1_000,), (250, 1_000))
    with pytest.raises(UserError, match=r"figures of 250, 1,000 nodes, not 300\."):
        refuse_sizes((250, 300), (250, 1_000))
