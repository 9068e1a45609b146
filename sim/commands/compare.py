"""`meshsim compare` and `meshsim merge`: what logs of sweeps say when they are put together."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from mesh.errors import UserError
from sim.commands.json_output import say_json
from sim.run.report import pairs_text, sometimes_text
from sim.schema.coverage_goals import COVERAGE_GOALS
from sim.sweeps.aiming import never_together, pairs_of
from sim.sweeps.comparing import Difference, compare
from sim.sweeps.figures import figures_of
from sim.sweeps.page import write_page
from sim.sweeps.records import Record, read_records, sometimes_of, write_records

REGRESSION: Final = 1

_LOG: Final = click.Path(path_type=Path, dir_okay=False, exists=True)

EXAMPLES: Final = """\b
Examples:
  git switch main   && python -m sim sweep partition-heal --seeds 0..19 --out base.jsonl
  git switch change && python -m sim sweep partition-heal --seeds 0..19 --out head.jsonl
  python -m sim compare base.jsonl head.jsonl
"""

MERGE_EXAMPLES: Final = """\b
Examples:
  python -m sim merge shard-1.jsonl shard-2.jsonl --out all.jsonl
  python -m sim merge all.jsonl --out again.jsonl --marks
  python -m sim merge all.jsonl --out again.jsonl --page all.html
"""


@click.command("compare", epilog=EXAMPLES)
@click.argument("base", type=_LOG)
@click.argument("head", type=_LOG)
@click.option("--json", "is_json", is_flag=True, help="Print the table as JSON.")
def compare_command(*, base: Path, head: Path, is_json: bool) -> None:
    """Compare the runs of two logs by scenario, settings and seed.

    The exit code is 1 if something became worse: the whole confidence interval of 95 % lies on the
    bad side.
    """
    try:
        differences = compare(read_records([base]), read_records([head]))
    except UserError as error:
        raise click.UsageError(str(error)) from None
    if not differences:
        raise click.UsageError("The two logs have no run in common: same scenario and seed.")
    if is_json:
        say_json([_row(each) for each in differences])
    else:
        click.echo(_table(differences))
    sys.exit(REGRESSION if any(each.is_regression for each in differences) else 0)


@click.command("merge", epilog=MERGE_EXAMPLES)
@click.argument("logs", type=_LOG, nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@click.option("--page", type=click.Path(path_type=Path), help="A page of what came of them.")
@click.option("--marks", "is_marks", is_flag=True, help="Show in how many runs each mark was.")
@click.option("--json", "is_json", is_flag=True, help="Print that and the runs' number as JSON.")
def merge_command(
    *, logs: tuple[Path, ...], out: Path, page: Path | None, is_marks: bool, is_json: bool
) -> None:
    """Join the logs of shards into one; of runs that are in several the last one stays.

    It says which situations none of the runs has reached.
    """
    try:
        records = read_records(logs)
        write_records(out, records)
        if page is not None:
            write_page(page, records, figures_of(records))
    except UserError as error:
        raise click.UsageError(str(error)) from None
    if is_json:
        say_json({"runs": len(records), "sometimes": sometimes_of(records), "log": str(out)})
        return
    click.echo(f"{len(records)} runs in {out}")
    if is_marks:
        click.echo(_goals(records))
    else:
        click.echo(sometimes_text(sometimes_of(records)))
        pairs = sum(1 for count in pairs_of(records).values() if count)
        never = [" + ".join(pair) for pair in never_together(records)]
        click.echo(pairs_text(pairs, never))


def _goals(records: Sequence[Record]) -> str:
    """Return how many runs have reached each goal, those that none has at the end."""
    runs = sorted(sometimes_of(records).items(), key=lambda item: not item[1])
    return "\n".join(
        f"{count or 'never':>6}  {mark:<28}{COVERAGE_GOALS[mark]}" for mark, count in runs
    )


def _table(differences: Sequence[Difference]) -> str:
    lines = [
        f"{'metric':<28}{'base':>14}{'head':>14}{'change':>10}  95 % of the difference     runs"
    ]
    for each in differences:
        change = "" if each.share is None else f"{each.share:+.1%}"
        interval = f"[{_number(each.low)}, {_number(each.high)}]"
        mark = "  WORSE" if each.is_regression else ""
        lines.append(
            f"{each.metric.name:<28}{_number(each.base):>14}{_number(each.head):>14}{change:>10}  "
            f"{interval:<24}{each.pairs_count:>7}{mark}"
        )
    return "\n".join(lines)


def _row(each: Difference) -> dict[str, str | float | bool]:
    """For machines."""
    return {
        "metric": each.metric.name,
        "base": each.base,
        "head": each.head,
        "low": each.low,
        "high": each.high,
        "runs": each.pairs_count,
        "is_regression": each.is_regression,
    }


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"
