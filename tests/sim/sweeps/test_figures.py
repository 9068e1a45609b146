"""Mean, median and interval of each setting of a sweep."""

from msgspec.structs import replace

from sim.sweeps.figures import AS_IT_IS, Figure, figures_of, interval
from tests.sim.sweeps.records import record

BYTES = "bytes sent"


def _figure_of(figures: list[Figure], metric: str) -> Figure:
    [found] = [one for one in figures if one.metric == metric]
    return found


def test_each_setting_has_its_own_mean_and_median() -> None:
    records = [record(seed, bytes_sent=size) for seed, size in enumerate((100, 200, 900))]
    records.append(record(7, bytes_sent=5_000, settings={"wire.loss": 0.1}))
    calm, lossy = figures_of(records)
    assert calm.setting == f"small: {AS_IT_IS}"
    assert lossy.setting == "small: wire.loss = 0.1"
    figure = _figure_of(calm.figures, BYTES)
    assert (figure.runs, figure.mean, figure.median) == (3, 400, 200)
    assert 100 <= figure.low < figure.mean < figure.high <= 900
    alone = _figure_of(lossy.figures, BYTES)
    assert alone.low == alone.mean == alone.high == 5_000


def test_who_died_is_no_figure_and_is_counted_as_a_run() -> None:
    [one] = figures_of([record(1), record(2, verdict="dead")])
    assert one.runs == 2
    assert {figure.runs for figure in one.figures} == {1}
    [none] = figures_of([record(2, verdict="dead")])
    assert none.figures == []


def test_more_runs_are_surer_and_the_same_runs_give_the_same() -> None:
    few = interval([1, 2, 3, 4] * 2, BYTES)
    many = interval([1, 2, 3, 4] * 32, BYTES)
    assert many[1] - many[0] < (few[1] - few[0]) / 2
    assert few == interval([1, 2, 3, 4] * 2, BYTES)
    assert few[0] < 2.5 < few[1]


def test_runs_of_another_commit_crypto_or_scenario_are_a_setting_of_their_own() -> None:
    one = record(1, bytes_sent=100)
    others = (
        replace(record(1, bytes_sent=900), commit="def"),
        replace(record(1, bytes_sent=900), is_crypto_real=True),
        replace(record(1, bytes_sent=900), scenario_hash="more nodes"),
    )
    words = ("commit abc", "modelled crypto", "scenario None")
    for other, word in zip(others, words, strict=True):
        first, second = figures_of([one, other])
        assert first.setting == f"small: {AS_IT_IS}, {word}"
        assert first.setting != second.setting
        assert _figure_of(first.figures, BYTES).mean == 100
