"""`meshsim survival`: many seeds of a world of weeks, and what became of their mail."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from mesh.errors import UserError
from sim.commands.exit_codes import BROKEN_INVARIANT, INTERRUPTED
from sim.commands.json_output import say_json
from sim.commands.options import known_bug
from sim.commands.progress import interruptible
from sim.commands.sweep import all_of, run_points
from sim.invariants.survival import FAILURES
from sim.run.runner import Request, scenario_of
from sim.schema.settings import parse_settings
from sim.sweeps.executors import LocalPool
from sim.sweeps.points import parse_seeds, points_of
from sim.sweeps.records import Record, RecordLog
from sim.sweeps.sweeping import StopRules

DAYS_PER_MONTH: Final = 30
RULE_OF_THREE: Final = 3
"""Where none of n independent runs failed, fewer than 3/n of all fail, with 95 % confidence."""

SHOWN_MAX: Final = 20

SAID: Final[Mapping[str, str]] = {str(fate): said for fate, said in FAILURES.items()}

EXAMPLES: Final = """\b
Examples:
  python -m sim survival --seeds 1..500
  python -m sim survival --seeds 1..20 --set topology.killed_share=0.5 --json
"""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """All runs together. Rates are upper bounds with 95 % confidence; None where one failed."""

    runs: int
    of_runs: int
    messages: int
    deliverable: int
    delivered: int
    told: int
    waiting: int
    failures: dict[str, int]
    """Messages by what is wrong, and runs that broke something else or died, by their invariant."""

    failed_runs: list[str]
    """The lines that repeat them."""

    node_months: float
    failed_runs_max: float | None
    failures_per_node_month_max: float | None
    cpu_seconds: float


@click.command("survival", epilog=EXAMPLES)
@click.argument("scenario", default="meetings")
@click.option("--seeds", default="1..500", show_default=True, help="As 7, 0..49 or 1,5,8..12.")
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Replace a value.")
@click.option("--bug", metavar="NAME", callback=known_bug, help="Plant a bug; `list` names them.")
@click.option(
    "--crypto", type=click.Choice(["real", "modelled"]), default="modelled", show_default=True
)
@click.option("--out", type=click.Path(path_type=Path), help="The log, which can be gone on with.")
@click.option("--jobs", type=click.IntRange(1, 256), default=2, show_default=True)
@click.option("--json", "is_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
def survival_command(
    *,
    scenario: str,
    seeds: str,
    settings: tuple[str, ...],
    bug: str | None,
    crypto: str,
    out: Path | None,
    jobs: int,
    is_json: bool,
    quiet: bool,
) -> None:
    """Run a scenario that lasts for weeks with many seeds, in processes, and count.

    Delivered, of what could be delivered by the path bound; told, of what could not; failures;
    the horizon in node-months; and the bound that so many runs without a failure give (rule of
    three). The exit code is 1 if there was a failure.
    """
    click.get_current_context().with_resource(interruptible())
    try:
        asked = Request(name=scenario, seed=0)
        points = points_of(
            scenario_of(asked),
            parse_settings(settings),
            parse_seeds(seeds),
            bug=bug,
            is_crypto_real=crypto == "real",
            asked=asked,
        )
        log = RecordLog(out or Path(f"{points[0].scenario.name}-survival.jsonl"))
        executor = LocalPool(jobs, timeout_s=900)
        swept = run_points(all_of(points), log, executor, StopRules(), quiet)
    except UserError as error:
        raise click.UsageError(str(error)) from None
    figures = figures_of(swept.records, of_runs=len(points))
    if is_json:
        say_json(figures)
    else:
        click.echo(_text_of(figures, log.path))
    if not swept.is_whole:
        sys.exit(INTERRUPTED)
    sys.exit(BROKEN_INVARIANT if figures.failed_runs else 0)


def figures_of(records: Sequence[Record], *, of_runs: int) -> Figures:
    """Sum up runs."""
    sums: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    node_days = 0.0
    for record in records:
        survived = None if record.report is None else record.report.survived
        if survived is None:
            failures["died" if record.report is None else "nothing can lapse in it"] += 1
            continue
        for name in ("messages", "deliverable", "delivered", "told", "waiting"):
            sums[name] += getattr(survived, name)
        node_days += survived.node_days
        failures.update(survived.failures)
        if not survived.failures:
            failures.update(broken.id for broken in record.broken)
    failed = [record.command for record in records if record.verdict != "pass"]
    node_months = node_days / DAYS_PER_MONTH
    is_clean = bool(records) and not failures
    return Figures(
        runs=len(records),
        of_runs=of_runs,
        messages=sums["messages"],
        deliverable=sums["deliverable"],
        delivered=sums["delivered"],
        told=sums["told"],
        waiting=sums["waiting"],
        failures=dict(sorted(failures.items())),
        failed_runs=failed,
        node_months=round(node_months, 1),
        failed_runs_max=RULE_OF_THREE / len(records) if is_clean else None,
        failures_per_node_month_max=RULE_OF_THREE / node_months if is_clean else None,
        cpu_seconds=round(sum(record.cpu_seconds for record in records), 1),
    )


def _text_of(figures: Figures, log: Path) -> str:
    ratio = figures.delivered / figures.deliverable if figures.deliverable else 1
    lines = [
        f"{figures.runs} of {figures.of_runs} runs, {figures.node_months:,.1f} node-months, "
        f"{figures.cpu_seconds:,.0f} s of CPU",
        f"delivered    {figures.delivered:,} of {figures.deliverable:,} deliverable by the path "
        f"bound: {ratio:.4%}",
        f"told         {figures.told:,} could not come and were told as expired",
        f"waiting      {figures.waiting:,} are kept and could not come yet",
    ]
    for fate, count in figures.failures.items():
        said = SAID.get(fate, "")
        lines.append(f"failures     {count:,} {fate}" + (f": {said}" if said else ""))
    if figures.failed_runs_max is not None and figures.failures_per_node_month_max is not None:
        lines.append(
            f"failures     none; with 95 % confidence fewer than {figures.failed_runs_max:.3%} of "
            f"such runs fail, and fewer than {figures.failures_per_node_month_max:.2g} messages a "
            "node-month (rule of three)"
        )
    lines += [f"  {command}" for command in figures.failed_runs[:SHOWN_MAX]]
    if len(figures.failed_runs) > SHOWN_MAX:
        lines.append(f"  … and {len(figures.failed_runs) - SHOWN_MAX} more runs")
    lines.append(f"log          {log}")
    return "\n".join(lines)
