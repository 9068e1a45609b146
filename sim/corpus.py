"""The corpus of planted bugs: where each is searched, and what must name it.

The simulator's own test: a bug that it does not find within `SEEDS_MAX` seeds, or finds under
another name, shows what it does not see. `sim/corpus.toml` keeps a seed for each, and
`sim/shrunk/` the smallest world with that seed in which it still shows.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Final

import msgspec

from sim.running import Ran, run_scenario
from sim.shrinking.search import broken_id
from sim.tables.scenario import load_scenario
from sim.world import Options

SEEDS_MAX: Final = 200


class Hunted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One bug: the scenario in which it is found, the promise that it breaks, a seed."""

    scenario: str
    promise: str
    seed: int


@lru_cache(maxsize=1)
def corpus() -> Mapping[str, Hunted]:
    """All of them, by the names that `--bug` takes."""
    text = (files("sim") / "corpus.toml").read_text(encoding="utf-8")
    return msgspec.toml.decode(text, type=dict[str, Hunted], strict=True)


def find_bug(name: str, seeds: Iterable[int]) -> Ran | None:
    """The first run with any of these seeds that breaks the promise that names a bug.

    It must be the bug that broke it: without it the same world keeps every promise.
    """
    hunted = corpus()[name]
    scenario = load_scenario(hunted.scenario)
    for seed in seeds:
        ran = run_scenario(scenario, Options(seed=seed, bug=name, is_crypto_real=False))
        if broken_id(ran) == hunted.promise and _is_whole_without_bug(hunted.scenario, seed):
            return ran
    return None


def shrunk_name(bug: str) -> str:
    """The name of the file that holds the smallest world of a bug."""
    return f"{bug.replace('-', '_')}.toml"


@lru_cache(maxsize=SEEDS_MAX)
def _is_whole_without_bug(ground: str, seed: int) -> bool:
    """Many bugs are searched on one ground."""
    ran = run_scenario(load_scenario(ground), Options(seed=seed, is_crypto_real=False))
    return not ran.report.broken
