"""The corpus of planted bugs: where each is searched, and what must name it.

The simulator's own test: a bug that it does not find within `SEEDS_MAX` seeds, or finds under
another name, shows what it does not see. `sim/mutants/corpus.toml` keeps a seed for each, and
`sim/mutants/shrunk/` a world with that seed, as small as it gets, in which the bug still shows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from typing import Final

import msgspec

from sim.invariants.invariants import BrokenInvariant
from sim.run.report import Broken
from sim.run.runner import Ran, run_scenario
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World, opened_world
from sim.schema.scenario import SHRUNK, load_scenario
from sim.shrinking.search import broken_id

SEEDS_MAX: Final = 200
FAULTS_MAX: Final = 5
NODES_MAX: Final = 8
"""A bug of which no world as small as this is found is not found well enough."""


class CorpusEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One bug: the scenario in which it is found, the invariant that it breaks, a seed."""

    scenario: str
    promise: str
    seed: int


@lru_cache(maxsize=1)
def corpus() -> Mapping[str, CorpusEntry]:
    """All of them, by the names that `--bug` takes."""
    text = (files("sim") / "mutants" / "corpus.toml").read_text(encoding="utf-8")
    return msgspec.toml.decode(text, type=dict[str, CorpusEntry], strict=True)


def find_bug(name: str, seeds: Iterable[int]) -> Ran | None:
    """The first run in a bug's scenario that breaks the invariant that names it.

    It must be the bug that broke it: without it the same world keeps every invariant.
    """
    return _find(name, corpus()[name].scenario, seeds)


def replay_shrunk(name: str) -> Ran | None:
    """The run of the smallest world of a bug, if it still shows the bug and nothing else.

    What breaks on the way is compared with the same way without the bug, and not with all that
    comes after it. If a change of the engine shifted what happens there, it has to be searched
    anew: `python -m sim sweep --bugs --bug NAME --out sim/mutants/shrunk`.
    """
    scenario, entry = load_scenario(SHRUNK + name), corpus()[name]
    options = Options(seed=entry.seed, bug=name, is_crypto_real=False)
    ran = run_scenario(scenario, options)
    if broken_id(ran) != entry.promise:
        return None
    with opened_world(scenario, replace(options, bug=None)) as world:
        try:
            _run_as_far(world, ran.world.loop.now)
        except BrokenInvariant:
            return None
    return ran


def _run_as_far(world: World, at_us: int) -> None:
    """Run a world up to a moment, or to its verdict if that comes after it was busy."""
    if at_us >= world.settles_at:
        run_to_verdict(world, lambda world: None)
        return
    with world.running():
        while world.loop.now < at_us:
            world.step(at_us, lambda world: None)


@lru_cache(maxsize=SEEDS_MAX)
def broken_without_bug(ground: str, seed: int) -> list[Broken]:
    """Return what a world breaks though no bug is planted. Many bugs are searched in the same
    world.
    """
    ran = run_scenario(load_scenario(ground), Options(seed=seed, is_crypto_real=False))
    return ran.report.broken


def shrunk_name(bug: str) -> str:
    """The name of the file that holds the smallest world of a bug."""
    return f"{bug.replace('-', '_')}.toml"


def _find(name: str, ground: str, seeds: Iterable[int]) -> Ran | None:
    scenario, promise = load_scenario(ground), corpus()[name].promise
    for seed in seeds:
        ran = run_scenario(scenario, Options(seed=seed, bug=name, is_crypto_real=False))
        if broken_id(ran) == promise and not broken_without_bug(ground, seed):
            return ran
    return None
