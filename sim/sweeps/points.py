"""The points of a sweep: one scenario under every combination of settings, with many seeds.

Each combination and seed is a *point*: all that a run depends on.
"""

import hashlib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from mesh.errors import UserError
from sim.run.runner import Request, wants_real_crypto
from sim.run.world import Options
from sim.schema.scenario import Scenario
from sim.schema.settings import Value, text_of, with_settings

HASH_BYTES: Final = 8

POINTS_MAX: Final = 200_000
"""Of one sweep: a week of two cores, and all of them are in memory."""


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a sweep."""

    scenario: Scenario
    settings: dict[str, Value]
    options: Options
    command: str = ""
    """The line that repeats it, where a command asked for it."""

    @property
    def scenario_hash(self) -> str:
        """Names the scenario with its settings, whatever file it came from."""
        return scenario_hash_of(self.scenario)


def scenario_hash_of(scenario: Scenario) -> str:
    """Return a name of a scenario with all that it says."""
    data = msgspec.json.encode(scenario)
    return hashlib.blake2b(data, digest_size=HASH_BYTES, person=b"sim/scenario").hexdigest()


def points_of(
    scenario: Scenario,
    settings: Mapping[str, Sequence[Value]],
    seeds: Sequence[int],
    *,
    bug: str | None = None,
    is_crypto_real: bool | None = None,
    asked: Request | None = None,
) -> list[Point]:
    """All points, each once, the seeds of one combination together.

    UserError if a setting is unknown.

    `asked` is what a user named the scenario by, for the line that repeats a point.
    """
    found: list[Point] = []
    hashes: dict[str, None] = {}
    _require_fewer(math.prod(map(len, settings.values())) * len(seeds))
    for combination in _combinations(settings):
        adapted = with_settings(scenario, combination)
        name = scenario_hash_of(adapted)
        if name in hashes:
            # The same again, as 0 and 0.0 are.
            continue
        hashes[name] = None
        is_real = wants_real_crypto(adapted) if is_crypto_real is None else is_crypto_real
        for seed in seeds:
            options = Options(seed=seed, bug=bug, is_crypto_real=is_real)
            command = "" if asked is None else _command_of(asked, options, combination)
            found.append(
                Point(scenario=adapted, settings=combination, options=options, command=command)
            )
    return found


def shard_of(points: Sequence[Point], index: int, count: int) -> list[Point]:
    """Every count-th point, from the index-th on; the first shard has the index one."""
    return list(points[index - 1 :: count])


def parse_seeds(text: str) -> list[int]:
    """Read `7`, `0..49` (both ends included) or a list of these; UserError says what is wrong."""
    seeds: dict[int, None] = {}
    for part in text.split(","):
        first, is_range, last = part.partition("..")
        try:
            lowest = int(first)
            highest = int(last) if is_range else lowest
        except ValueError:
            raise UserError("bad-seeds", f"{part!r} is neither 7 nor 0..49.") from None
        if not 0 <= lowest <= highest:
            raise UserError("bad-seeds", f"{part!r} holds no seed.")
        _require_fewer(highest - lowest + 1)
        seeds |= dict.fromkeys(range(lowest, highest + 1))
    return list(seeds)


def _require_fewer(count: int) -> None:
    if count > POINTS_MAX:
        raise UserError(
            "too-many-runs",
            f"That is {count:,} runs, and one sweep takes {POINTS_MAX:,}: sweep a part of the "
            "seeds after the other, and `merge` the logs.",
        )


def _command_of(asked: Request, options: Options, settings: Mapping[str, Value]) -> str:
    return replace(
        asked,
        seed=options.seed,
        bug=options.bug,
        is_crypto_real=options.is_crypto_real,
        settings=tuple(f"{path}={text_of(value)}" for path, value in settings.items()),
    ).command


def _combinations(settings: Mapping[str, Sequence[Value]]) -> Iterator[dict[str, Value]]:
    for values in itertools.product(*settings.values()):
        yield dict(zip(settings, values, strict=True))
