"""The figures of a sweep: of each setting the mean, the median and how sure the mean is.

The interval is a percentile bootstrap over the runs of the setting, drawn from a fixed seed, as
`sim.sweeps.comparing` has it over pairs: the same log gives the same figures. Of one run nothing is
known of the spread, and its interval is the figure itself.
"""

import statistics
from collections.abc import Sequence
from typing import Final

import msgspec

from sim.kernel.entropy import Chance
from sim.schema.settings import Value, text_of
from sim.sweeps.comparing import CONFIDENCE, METRICS, RESAMPLES_COUNT, Metric
from sim.sweeps.records import Record

AS_IT_IS: Final = "as it is"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One metric over the runs of one setting. `low` and `high` bound its mean by 95 %."""

    metric: str
    runs: int
    mean: float
    median: float
    low: float
    high: float


class SettingFigures(msgspec.Struct, frozen=True, kw_only=True):
    """All metrics of the runs with the same scenario, settings and planted bug."""

    setting: str
    runs: int
    figures: list[Figure]


def setting_of(record: Record) -> str:
    """Return the setting of a run in words."""
    return settings_text(record.scenario, record.settings, record.bug)


def settings_text(scenario: str, settings: dict[str, Value], bug: str | None) -> str:
    """Return a setting in words: the scenario, and what was replaced in it."""
    words = ", ".join(f"{path} = {text_of(value)}" for path, value in settings.items())
    planted = "" if bug is None else f", with the planted bug {bug}"
    return f"{scenario}: {words or AS_IT_IS}{planted}"


def by_setting(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Return the runs of each setting, in the order in which they stand there.

    Runs of another commit, with other crypto or of another scenario with the same name are a
    setting of their own, and its words say so where there are several.
    """
    kinds: dict[str, dict[tuple[str, str, str], None]] = {}
    for record in records:
        kinds.setdefault(setting_of(record), {})[_kind_of(record)] = None
    found: dict[str, list[Record]] = {}
    for record in records:
        setting, kind = setting_of(record), _kind_of(record)
        others = zip(*kinds[setting], strict=True)
        parted = [part for part, all_ in zip(kind, others, strict=True) if len(set(all_)) > 1]
        found.setdefault(", ".join([setting, *parted]), []).append(record)
    return found


def _kind_of(record: Record) -> tuple[str, str, str]:
    """Return what parts runs with the same setting, in words."""
    crypto = "real" if record.is_crypto_real else "modelled"
    scenario, commit = record.scenario_hash, record.commit
    return f"scenario {scenario}", f"{crypto} crypto", f"commit {commit}"


def figures_of(
    records: Sequence[Record], metrics: Sequence[Metric] = METRICS
) -> list[SettingFigures]:
    """Return the figures of each setting; of runs that died there are none."""
    return [
        SettingFigures(
            setting=setting,
            runs=len(runs),
            figures=[
                _figure(metric.name, values)
                for metric in metrics
                if (values := _values(metric, runs))
            ],
        )
        for setting, runs in by_setting(records).items()
    ]


def _values(metric: Metric, runs: Sequence[Record]) -> list[float]:
    values = [metric.of(run) for run in runs if run.verdict != "dead"]
    return [value for value in values if value is not None]


def _figure(name: str, values: Sequence[float]) -> Figure:
    low, high = interval(values, name)
    return Figure(
        metric=name,
        runs=len(values),
        mean=statistics.fmean(values),
        median=statistics.median(values),
        low=low,
        high=high,
    )


def interval(values: Sequence[float], name: str) -> tuple[float, float]:
    """Return the bounds of 95 % of the mean of these."""
    count = len(values)
    chance = Chance(0, "bootstrap of one", name)
    means = sorted(
        statistics.fmean(values[chance.below(count)] for _ in range(count))
        for _ in range(RESAMPLES_COUNT)
    )
    tail = round(RESAMPLES_COUNT * (1 - CONFIDENCE) / 2)
    return means[tail], means[-1 - tail]
