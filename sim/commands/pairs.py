"""`meshsim pairs`: every chore of everyday life with every fault in its middle."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, get_args

import click
import msgspec

from mesh.errors import UserError
from sim.commands.exit_codes import BROKEN_INVARIANT, INTERRUPTED
from sim.commands.json_output import say_json
from sim.commands.options import known_bug
from sim.commands.progress import interruptible
from sim.commands.sweep import all_of, run_points
from sim.run.runner import Request, scenario_of
from sim.schema.pair_excuses import why_not_reached
from sim.schema.pair_table import ChoreKind, PairFault
from sim.schema.pairs import MIDDLES
from sim.schema.settings import Value
from sim.sweeps.executors import LocalPool
from sim.sweeps.points import parse_seeds, points_of
from sim.sweeps.records import Record, RecordLog
from sim.sweeps.sweeping import StopRules

SCENARIO: Final = "pairs"
CHORE: Final = "pair.chore"
FAULT: Final = "pair.fault"

EXAMPLES: Final = """\b
Examples:
  python -m sim pairs
  python -m sim pairs --chore picture --chore link --seeds 1..3
  python -m sim pairs --fault crash-before-answer --json
"""

Outcome = Literal["within", "behind", "excused", "not-reached", "broken"]

SIGNS: Final[Mapping[Outcome, str]] = {
    "within": "o",
    "behind": ".",
    "excused": "-",
    "not-reached": "?",
    "broken": "X",
}
"""The sign of each in the table; the worst of its seeds stands there."""


class PairRun(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one pair with one seed."""

    chore: str
    fault: str
    seed: int
    outcome: Outcome
    why: str
    command: str


@click.command("pairs", epilog=EXAMPLES)
@click.option("--chore", "chores", multiple=True, type=click.Choice(get_args(ChoreKind)))
@click.option("--fault", "faults", multiple=True, type=click.Choice(get_args(PairFault)))
@click.option("--seeds", default="1", show_default=True, help="As 7, 0..49 or 1,5,8..12.")
@click.option("--bug", metavar="NAME", callback=known_bug, help="Plant a bug; `list` names them.")
@click.option("--out", type=click.Path(path_type=Path), help="The log, which can be gone on with.")
@click.option("--jobs", type=click.IntRange(1, 256), default=2, show_default=True)
@click.option("--json", "is_json", is_flag=True, help="Print what came of each pair as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
def pairs_command(
    *,
    chores: tuple[str, ...],
    faults: tuple[str, ...],
    seeds: str,
    bug: str | None,
    out: Path | None,
    jobs: int,
    is_json: bool,
    quiet: bool,
) -> None:
    """Do each chore once in a small world of its own, and let each fault fall in its middle.

    A pair that was not reached, since the chore was not done or the fault did not befall, says so.
    The exit code is 1 if a promise was broken, a run died, or a pair was not reached.
    """
    click.get_current_context().with_resource(interruptible())
    settings: dict[str, Sequence[Value]] = {
        FAULT: faults or get_args(PairFault),
        CHORE: chores or get_args(ChoreKind),
    }
    try:
        asked = Request(name=SCENARIO, seed=0)
        points = points_of(
            scenario_of(asked),
            settings,
            parse_seeds(seeds),
            bug=bug,
            is_crypto_real=False,
            asked=asked,
        )
        log = RecordLog(out or Path(f"{SCENARIO}.jsonl"))
        swept = run_points(all_of(points), log, LocalPool(jobs, timeout_s=900), StopRules(), quiet)
    except UserError as error:
        raise click.UsageError(str(error)) from None
    runs = [run_of(record) for record in swept.records]
    if is_json:
        say_json(runs)
    else:
        click.echo(table_of(runs, of_count=len(points), log=log.path))
    if not swept.is_whole:
        sys.exit(INTERRUPTED)
    is_bad = any(one.outcome in ("broken", "not-reached") for one in runs)
    sys.exit(BROKEN_INVARIANT if is_bad else 0)


def run_of(record: Record) -> PairRun:
    """Return what came of a pair."""
    outcome, why = _outcome(record)
    return PairRun(
        chore=str(record.settings[CHORE]),
        fault=str(record.settings[FAULT]),
        seed=record.seed,
        outcome=outcome,
        why=why,
        command=record.command,
    )


def _outcome(record: Record) -> tuple[Outcome, str]:
    report = record.report
    if report is None:
        return "broken", f"dead: {record.why_dead}"
    if report.broken:
        return "broken", "; ".join(f"{one.id}: {one.detail}" for one in report.broken)
    chore, fault = _names(record)
    shows = MIDDLES[fault].shows
    befell = report.sometimes.get(shows, 0) or report.faults.get(shows, 0)
    is_done = bool(report.sometimes.get("chore-done"))
    if befell and is_done:
        is_within = bool(report.sometimes.get("struck-within-chore"))
        return ("within", "") if is_within else ("behind", "all of it had been answered")
    excuse = why_not_reached(chore, fault)
    if excuse is not None:
        return "excused", excuse
    return "not-reached", "the fault did not befall" if is_done else "the chore was not done"


def _names(record: Record) -> tuple[ChoreKind, PairFault]:
    chore = next(kind for kind in get_args(ChoreKind) if kind == record.settings[CHORE])
    fault = next(kind for kind in get_args(PairFault) if kind == record.settings[FAULT])
    return chore, fault


def table_of(runs: Sequence[PairRun], *, of_count: int, log: Path) -> str:
    """For users: a row a chore, a column a fault, and what is wrong below it."""
    chores = list(dict.fromkeys(one.chore for one in runs))
    faults = list(dict.fromkeys(one.fault for one in runs))
    worst: dict[tuple[str, str], Outcome] = {}
    order = list(SIGNS)
    for one in runs:
        before = worst.get((one.chore, one.fault), order[0])
        worst[one.chore, one.fault] = max(before, one.outcome, key=order.index)
    counts = {outcome: sum(one.outcome == outcome for one in runs) for outcome in SIGNS}
    width = max((len(chore) for chore in chores), default=0)
    lines = [f"{len(runs)} of {of_count} runs: {_said(counts)}"]
    for chore in chores:
        signs = (worst.get((chore, fault)) for fault in faults)
        lines.append(f"  {chore:<{width}} {''.join(SIGNS[one] if one else ' ' for one in signs)}")
    lines.append("  columns: " + " ".join(faults))
    lines += [
        f"  {SIGNS[one.outcome]} {one.chore}, {one.fault}: {one.why}\n      {one.command}"
        for one in runs
        if one.outcome in ("broken", "not-reached")
    ]
    lines.append(f"log: {log}")
    return "\n".join(lines)


def _said(counts: Mapping[Outcome, int]) -> str:
    return ", ".join(f"{SIGNS[outcome]} {outcome} {count}" for outcome, count in counts.items())
