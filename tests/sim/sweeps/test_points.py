"""Settings, seeds and shards of a sweep."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import UserError
from sim.schema.adversary_table import AdversaryTable
from sim.schema.node_tables import Churn, Stragglers
from sim.schema.scenario import load_scenario
from sim.schema.settings import parse_settings, with_settings
from sim.schema.topology_tables import SmallWorld
from sim.sweeps.points import parse_seeds, points_of, shard_of

PARTITION = load_scenario("partition-heal")


def test_every_combination_meets_every_seed() -> None:
    settings = parse_settings(["wire.loss=0,0.1", "faults.1.share=0.5,1"])
    points = points_of(PARTITION, settings, [4, 5])
    assert len(points) == 8
    assert len({point.scenario_hash for point in points}) == 4
    seen = {(p.scenario.wire.loss, p.settings["faults.1.share"], p.options.seed) for p in points}
    assert seen == {
        (loss, share, seed) for loss in (0, 0.1) for share in (0.5, 1) for seed in (4, 5)
    }


def test_the_same_setting_twice_is_one() -> None:
    settings = parse_settings(["wire.loss=0.1,0.10,0,0.0,0.1"])
    points = points_of(PARTITION, settings, [4, 5])
    seen = [(point.scenario.wire.loss, point.options.seed) for point in points]
    assert seen == [(0.1, 4), (0.1, 5), (0, 4), (0, 5)]


@given(st.integers(1, 40), st.integers(1, 9))
def test_shards_part_the_points_among_them(count: int, shards: int) -> None:
    points = points_of(PARTITION, {}, range(count))
    parts = [shard_of(points, index, shards) for index in range(1, shards + 1)]
    assert sorted(point.options.seed for part in parts for point in part) == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_seeds_are_read_as_ranges_and_lists() -> None:
    assert parse_seeds("7") == [7]
    assert parse_seeds("0..3,2,9") == [0, 1, 2, 3, 9]


def test_more_runs_than_anybody_waits_for_are_refused_before_they_are_listed() -> None:
    with pytest.raises(UserError, match="99,999,999,999 runs"):
        parse_seeds("1..99999999999")
    with pytest.raises(UserError, match="400,000 runs"):
        points_of(PARTITION, parse_settings(["wire.loss=0,0.1,0.2,0.3"]), range(100_000))


@pytest.mark.parametrize("text", ["", "x", "3..1", "-1", "1..", "..4"])
def test_what_is_no_seed_is_refused_in_words(text: str) -> None:
    with pytest.raises(UserError):
        parse_seeds(text)


@pytest.mark.parametrize(
    "text, words",
    [
        ("wire.los=0", "there is no 'los' \\(did you mean loss\\?\\); there is: latency_ms"),
        ("wire.loss", "is not of the form"),
        ("wire.loss=2", "does not take wire.loss = 2"),
        ("faults.9.share=1", "there is no '9'; there is: 0 to 1"),
        ("wire.loss.p=1", "there is no 'p'; there is: nothing"),
        ("topology.kind=reglar", "did you mean regular"),
        ("topology.degree=8", "there is no key 'degree'; there are: bridges, kind"),
        ("faults.2.share=1", "there is no '2'; there is: 0 to 1"),
        ("faults.2.kind=churn", "faults\\[2\\].between_s is missing"),
        ("faults.3.kind=churn", "there is no '3'; there is: 0 to 1"),
        ("nodes=many", "does not take nodes = many"),
    ],
)
def test_a_setting_that_is_wrong_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        with_settings(PARTITION, {k: v[0] for k, v in parse_settings([text]).items()})


def test_a_kind_makes_another_table_and_the_next_number_one_more() -> None:
    texts = ["topology.kind=small-world", "topology.degree=8", "faults.2.kind=churn"]
    texts += ["faults.2.between_s.0=10", "faults.2.between_s.1=25", "faults.2.up_s=60"]
    texts += ["hostile.0.kind=black-hole", "hostile.0.share=0.15", "faults.0.kind=stragglers"]
    texts += ["faults.0.at_s=9"]
    settings = {path: values[0] for path, values in parse_settings(texts).items()}
    scenario = with_settings(PARTITION, settings)
    assert scenario.topology == SmallWorld(degree=8)
    assert scenario.faults[1:] == (PARTITION.faults[1], Churn(between_s=(10, 25), up_s=60))
    assert scenario.faults[0] == Stragglers(at_s=9)
    assert scenario.hostile == (AdversaryTable(kind="black-hole", share=0.15),)
