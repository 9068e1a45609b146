"""A swarm: each seed draws other families, some of them alone and none of them always."""

from typing import get_args

import pytest

from sim.invariants.invariants import BrokenInvariant
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.adversary_table import Kind
from sim.schema.scenario import as_drawn, parse_scenario
from sim.schema.swarm import (
    ADVERSARY_KINDS_MAX,
    FAMILIES,
    HARSH,
    AnyFault,
    Swarm,
    drawn_adversaries,
    drawn_faults,
)
from tests.sim.test_hard_worlds import USERS

SWARM = "\n[swarm]\nbetween_s = [12, 45]\n"


def test_every_family_is_drawn_and_none_by_every_seed() -> None:
    swarm = Swarm(between_s=(10, 100), families=tuple(FAMILIES))
    drawn = [drawn_faults(swarm, seed) for seed in range(200)]
    counts = [len(faults) for faults in drawn]
    assert min(counts) == 1
    assert max(counts) == len(FAMILIES)
    names = [type(fault).__name__ for faults in drawn for fault in faults]
    assert len(set(names)) == len(FAMILIES) - 1  # Clogs of one way and of both.
    assert all(names.count(name) < 150 for name in set(names) if name != "Clogs")
    assert drawn == [drawn_faults(swarm, seed) for seed in range(200)]
    for faults in drawn:
        assert all(fault.ends_s <= 100.001 for fault in faults)


def test_every_kind_of_fault_is_a_family() -> None:
    kinds = {kind.__struct_config__.tag for kind in get_args(AnyFault)}
    assert kinds - {"halves", "left-out", "rots"} == set(FAMILIES) - {"one-way"}
    assert set(HARSH) < set(FAMILIES)


def test_what_one_family_draws_does_not_hang_on_the_others() -> None:
    everything = Swarm(between_s=(10, 100), families=tuple(FAMILIES))
    seeds = [seed for seed in range(40) if len(drawn_faults(everything, seed)) > 10]
    assert len(seeds) > 5
    for seed in seeds:
        for family in FAMILIES:
            (alone,) = drawn_faults(Swarm(between_s=(10, 100), families=(family,)), seed)
            among = drawn_faults(everything, seed)
            same_kind = [fault for fault in among if type(fault) is type(alone)]
            assert not same_kind or alone in same_kind or family in ("clogs", "one-way")


def test_what_is_drawn_stands_among_the_faults_and_is_drawn_once() -> None:
    scenario = parse_scenario(USERS + SWARM)
    drawn = as_drawn(scenario, 3)
    assert drawn.swarm is None
    assert drawn.faults == drawn_faults(Swarm(between_s=(12, 45)), 3)
    assert as_drawn(drawn, 3) == drawn
    assert drawn.quiet_at_s <= max(45, scenario.workload.write_between_s[1])


@pytest.mark.world
def test_small_worlds_pass_whatever_a_seed_draws() -> None:
    for seed in (1, 2):
        world = World(parse_scenario(USERS + SWARM), Options(seed=seed, is_crypto_real=False))
        try:
            run_to_verdict(world, lambda world: None)
        except BrokenInvariant as error:
            raise AssertionError(f"seed {seed} with {world.scenario.faults}") from error
        assert world.faults.strikes


def test_a_seed_draws_who_is_hostile_from_every_kind_and_not_always() -> None:
    swarm = Swarm(between_s=(10, 100), hostile_share=0.3)
    drawn = [drawn_adversaries(swarm, seed) for seed in range(300)]
    assert 100 < drawn.count(()) < 200
    assert {one.kind for tables in drawn for one in tables} == set(get_args(Kind))
    assert all(sum(one.share for one in tables) <= 0.3001 for tables in drawn)
    assert max(map(len, drawn)) == ADVERSARY_KINDS_MAX
    assert len({one.per_second for tables in drawn for one in tables}) > 100
    nobody = Swarm(between_s=(10, 100))
    assert all(drawn_adversaries(nobody, seed) == () for seed in range(20))
    assert [drawn_faults(swarm, seed) for seed in range(20)] == [
        drawn_faults(nobody, seed) for seed in range(20)
    ]
