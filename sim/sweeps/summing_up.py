"""The result of a sweep: one structure, which a command prints for users or for machines."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from sim.sweeps.aiming import never_together, pairs_of
from sim.sweeps.figures import SettingFigures
from sim.sweeps.records import Record, sometimes_of
from sim.sweeps.until import Sureness


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A run that broke an invariant, or died."""

    verdict: Literal["fail", "dead"]
    why: str
    """The ids of the invariants, or what is known of its death."""

    command: str
    """The line that repeats it."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """All runs of a sweep together, those of its log among them."""

    runs: int
    of_runs: int
    """So many there are when it has come to its end."""

    passed: int
    failed: int
    dead: int
    broken: dict[str, int]
    """How many runs broke each invariant."""

    troubled: list[Trouble]
    sometimes: dict[str, int]
    """How many runs have reached each goal."""

    pairs: int
    """How many pairs of situations were reached in one run."""

    never_together: list[str]
    """Pairs of which each was reached, and never both in one run."""

    figures: list[SettingFigures]
    """Mean, median and interval of each metric, by setting; none where nobody reads them."""

    sureness: list[Sureness] = []
    """How sure each mean is whose half-width was asked for."""

    log: str


def summary_of(
    records: Sequence[Record],
    figures: Sequence[SettingFigures],
    *,
    of_runs: int,
    log: Path,
    sureness: Sequence[Sureness] = (),
) -> Summary:
    """Sum up what the points of a sweep have in its log."""
    verdicts = Counter(record.verdict for record in records)
    by_invariant = Counter(broken.id for record in records for broken in record.broken)
    return Summary(
        runs=len(records),
        of_runs=of_runs,
        passed=verdicts["pass"],
        failed=verdicts["fail"],
        dead=verdicts["dead"],
        broken=dict(sorted(by_invariant.items())),
        troubled=[
            Trouble(
                verdict=record.verdict,
                why=record.why_dead or ", ".join(broken.id for broken in record.broken),
                command=record.command,
            )
            for record in records
            if record.verdict != "pass"
        ],
        sometimes=sometimes_of(records),
        pairs=sum(1 for count in pairs_of(records).values() if count),
        never_together=[" + ".join(pair) for pair in never_together(records)],
        figures=list(figures),
        sureness=list(sureness),
        log=str(log),
    )
