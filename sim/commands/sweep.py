"""`meshsim sweep`: many seeds and settings of one scenario, into a log that can be gone on with."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf, nan
from pathlib import Path
from typing import Final, NoReturn

import click

from mesh.errors import UserError
from sim.bugs.bugs import BUGS
from sim.commands.exit_codes import BROKEN_INVARIANT, INTERRUPTED
from sim.commands.json_output import say_json
from sim.commands.mutant_search import HEAD, SHRINKING_RUNS_MAX, MutantSearch, search_all
from sim.commands.options import INJECTS_A_BUG, known_bug, refuse_unheard
from sim.commands.progress import clear_line, duration, interruptible, is_watched, show_line
from sim.mutants.corpus import SEEDS_MAX
from sim.recording.keeping import rows_file_of, rows_folder_of, run_with_rows
from sim.run.report import pairs_text, sometimes_text
from sim.run.runner import Request, scenario_of
from sim.schema.settings import parse_settings
from sim.sweeps.aiming import sweep_aimed
from sim.sweeps.executors import DaskPool, Executor, LocalPool
from sim.sweeps.figures import figures_of
from sim.sweeps.origin import origin_here
from sim.sweeps.page import write_page
from sim.sweeps.points import Point, parse_seeds, points_of, shard_of
from sim.sweeps.records import Record, RecordLog
from sim.sweeps.summing_up import Summary, summary_of
from sim.sweeps.sweeping import Progress, StopRules, recorded, run_point_of, sweep
from sim.sweeps.until import RUNS_FIRST, Goal, Sureness, parse_goal, sureness_of, sweep_until

LOCAL_CLUSTER: Final = "local"
SEEDS_DEFAULT: Final = "0..9"
MAX_RUNS: Final = 200
SEARCHED_WITH: Final = ("bugs", "bug", "runs", "seeds", "shard", "out", "is_json", "quiet")
ITS_OWN: Final = "each bug has a ground of its own, and they are searched one after another."
SHOWN_FAILURES_MAX: Final = 20
BAR_WIDTH: Final = 30

EXAMPLES: Final = """\b
Examples:
  python -m sim sweep partition-heal --seeds 0..49
  python -m sim sweep partition-heal --nodes 30 --set wire.loss=0,0.05,0.1 --seeds 0..19
  python -m sim sweep conversation --seeds 0..999 --time 50m --max-failures 3
  python -m sim sweep conversation --seeds 0..999 --shard 3/16 --out shard-3.jsonl
  python -m sim sweep conversation --seeds 0..49 --json > summary.json
  python -m sim sweep conversation --seeds 0..49 --page conversation.html
  python -m sim sweep conversation --seeds 0..49 --rows --out all.jsonl    # for `export`
  python -m sim sweep conversation --set wire.loss=0,0.1 --until bytes-sent=2% --max-runs 200
  python -m sim sweep swarm --aim --seeds 1..5000 --max-runs 300
  python -m sim sweep --bugs --out shrunk
  python -m sim sweep partition-heal --seeds 0..99 --dask tcp://10.0.0.1:8786
"""


@click.command("sweep", epilog=EXAMPLES)
@click.argument("scenario", metavar="[NAME]", required=False)
@click.option("--bugs", is_flag=True, help="Search every planted bug on its ground, and shrink it.")
@click.option(
    "--runs",
    type=click.IntRange(0),
    default=SHRINKING_RUNS_MAX,
    show_default=True,
    help="With --bugs: worlds to try to make one small.",
)
@click.option("--seeds", help="As 7, 0..49 or 1,5,8..12 (default: 0..9; with --bugs 1..200).")
@click.option("--set", "settings", multiple=True, metavar="PATH=V,V", help="Values in turn.")
@click.option("--nodes", type=click.IntRange(2, 10_000), help="Nodes (default: the scenario's).")
@click.option("--duration", type=float, help="Virtual seconds until people stop writing.")
@click.option("--bug", metavar="NAME", callback=known_bug, help=INJECTS_A_BUG)
@click.option("--crypto", type=click.Choice(["real", "modelled"]), help="Default: by the nodes.")
@click.option("--out", type=click.Path(path_type=Path), help="The log; with --bugs a folder.")
@click.option("--page", type=click.Path(path_type=Path), help="A page of what came of it.")
@click.option("--rows", "is_rows", is_flag=True, help="Keep what `export` asks for beside the log.")
@click.option("--jobs", type=click.IntRange(1, 256), default=2, show_default=True)
@click.option(
    "--until",
    multiple=True,
    metavar="METRIC=WIDTH[%]",
    help="More seeds, from 0 on, until the 95 % interval of the mean is no wider than ± that.",
)
@click.option(
    "--max-runs",
    type=click.IntRange(RUNS_FIRST),
    default=MAX_RUNS,
    show_default=True,
    help="With --until: runs of a setting; with --aim: all runs.",
)
@click.option("--aim", is_flag=True, help="Of a swarm, first the seeds that promise what is new.")
@click.option("--shard", metavar="I/N", help="Only every N-th point, from the I-th on.")
@click.option("--dask", metavar="ADDRESS", help="Run on a Dask cluster; `local` starts one here.")
@click.option(
    "--timeout",
    type=click.FloatRange(1, 1e6),
    default=900,
    show_default=True,
    help="Seconds for a run.",
)
@click.option("--time", "time_text", metavar="50m", help="Stop after so long.")
@click.option("--max-failures", type=click.IntRange(1), help="Stop after so many broken runs.")
@click.option("--json", "is_json", is_flag=True, help="Print what came of it as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
def sweep_command(
    *,
    scenario: str | None,
    bugs: bool,
    runs: int,
    seeds: str | None,
    settings: tuple[str, ...],
    nodes: int | None,
    duration: float | None,
    bug: str | None,
    crypto: str | None,
    out: Path | None,
    page: Path | None,
    is_rows: bool,
    jobs: int,
    until: tuple[str, ...],
    max_runs: int,
    aim: bool,
    shard: str | None,
    dask: str | None,
    timeout: float,
    time_text: str | None,
    max_failures: int | None,
    is_json: bool,
    quiet: bool,
) -> None:
    """Run a scenario with many seeds, under every combination of settings.

    What is in the log already is not run again, with --rows if its rows are there; what ran with
    other libraries, or other code of installed packages, is. The exit code is 1 if a promise was
    broken or a run died.
    """
    _refuse_what_is_not_meant(is_search=bugs, is_shrunk=runs > 0, dask=dask)
    if until:
        unheard = ["seeds", "shard", "aim"]
        refuse_unheard(unheard, "with --until: seeds go on in turn until it is reached.")
        seeds = f"0..{max_runs - 1}"
    elif aim:
        refuse_unheard(["shard"], "with --aim: what runs next depends on all that ran.")
    else:
        refuse_unheard(["max_runs"], "without --until or --aim.")
    click.get_current_context().with_resource(interruptible())
    if bugs:
        _search([bug] if bug else list(BUGS), seeds, shard, out, runs, is_json=is_json, quiet=quiet)
    if scenario is None:
        raise click.UsageError("Name a scenario, or say --bugs.")
    try:
        goals = [parse_goal(text) for text in until]
        asked = Request(name=scenario, seed=0, nodes=nodes, duration_s=duration)
        points = points_of(
            scenario_of(asked),
            parse_settings(settings),
            parse_seeds(seeds or SEEDS_DEFAULT),
            bug=bug,
            is_crypto_real=None if crypto is None else crypto == "real",
            asked=asked,
        )
        if shard is not None:
            points = shard_of(points, *_parse_shard(shard))
        search = _search_of(points, goals, max_runs if aim else None)
        stop = StopRules(max_failures, None if time_text is None else _parse_time(time_text))
        log = RecordLog(out or Path(f"{points[0].scenario.name if points else scenario}.jsonl"))
        rows = _rows_folder(log) if is_rows else None
        executor = _executor(dask, jobs, timeout)
        swept = run_points(search, log, executor, stop, quiet, rows)
        records = swept.records
        # Each takes thousands of draws, and the text tells of none.
        figures = figures_of(records) if is_json or page is not None else []
        if page is not None:
            write_page(page, records, figures)
    except UserError as error:
        raise click.UsageError(str(error)) from None
    summary = summary_of(
        records,
        figures,
        of_runs=swept.wanted_count,
        log=log.path,
        sureness=sureness_of(records, goals),
    )
    if is_json:
        say_json(summary)
    else:
        click.echo(_text_of(summary))
    if not swept.is_whole:
        sys.exit(INTERRUPTED)
    sys.exit(BROKEN_INVARIANT if summary.troubled else 0)


def _refuse_what_is_not_meant(*, is_search: bool, is_shrunk: bool, dask: str | None) -> None:
    if not is_search:
        refuse_unheard(["runs"], "without --bugs.")
    else:
        every = [parameter.name or "" for parameter in sweep_command.params]
        refuse_unheard(
            [name for name in every if name not in SEARCHED_WITH], f"with --bugs: {ITS_OWN}"
        )
        if not is_shrunk:
            refuse_unheard(["out"], "with --runs 0: nothing is made small, so nothing is kept.")
    if dask not in (None, LOCAL_CLUSTER):
        refuse_unheard(["jobs"], "with the address of a cluster: it has the workers that it has.")
        refuse_unheard(["is_rows"], "with the address of a cluster: its disks are elsewhere.")


def _rows_folder(log: RecordLog) -> Path:
    folder = rows_folder_of(log.path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError("bad-file", f"Cannot write into {folder}: {error.strerror}.") from None
    return folder


def _search(
    bugs: Sequence[str],
    seeds: str | None,
    shard: str | None,
    folder: Path | None,
    runs_max: int,
    *,
    is_json: bool,
    quiet: bool,
) -> NoReturn:
    searches: list[MutantSearch] = []

    def tell(one: MutantSearch) -> None:
        searches.append(one)
        if not is_json:
            click.echo(one.line)

    try:
        tried = range(1, SEEDS_MAX + 1) if seeds is None else parse_seeds(seeds)
        if shard is not None:
            index, count = _parse_shard(shard)
            bugs = bugs[index - 1 :: count]
        if not is_json:
            click.echo(HEAD)
        search_all(
            bugs,
            seeds=tried,
            folder=folder,
            runs_max=runs_max,
            tell=tell,
            is_shown=is_watched() and not quiet,
        )
    except UserError as error:
        raise click.UsageError(str(error)) from None
    except KeyboardInterrupt:
        if is_json:
            say_json([one.row for one in searches])
        click.echo("\nInterrupted. What was found before is above.", err=True)
        sys.exit(INTERRUPTED)
    if is_json:
        say_json([one.row for one in searches])
    sys.exit(0 if all(one.is_complete for one in searches) else BROKEN_INVARIANT)


Some = Callable[[Sequence[Point], Sequence[Record]], list[Record]]
"""Runs points, after those of these records."""

Search = Callable[[Some], list[Record]]


@dataclass(frozen=True, slots=True)
class Swept:
    """The runs of a sweep, of so many that were wanted; `is_whole`: nobody interrupted it."""

    records: list[Record]
    wanted_count: int
    is_whole: bool


def _search_of(points: Sequence[Point], goals: Sequence[Goal], aimed_max: int | None) -> Search:
    """Return what is to be run: all, or no more than it takes, or what promises most."""
    if goals:
        return partial(sweep_until, points, goals)
    if aimed_max is None:
        return all_of(points)
    if any(point.scenario.swarm is None for point in points):
        raise UserError("no-swarm", "--aim is for scenarios with a [swarm], whose seeds differ.")
    return partial(sweep_aimed, points, aimed_max)


def all_of(points: Sequence[Point]) -> Search:
    """Return a search that runs all of them."""
    return lambda some: some(points, [])


def run_points(
    search: Search,
    log: RecordLog,
    executor: Executor,
    stop: StopRules,
    quiet: bool,
    rows: Path | None = None,
) -> Swept:
    """Run what a search asks for; `rows` is the folder that keeps their rows."""
    is_shown = is_watched() and not quiet
    origin = origin_here()
    commit = origin.commit
    run = partial(run_point_of, origin)
    if rows is not None:
        run = partial(run_point_of, origin, ran_by=partial(run_with_rows, rows, commit))
    began = time.monotonic()
    wanted: list[Point] = []

    def is_of_here(record: Record) -> bool:
        return record.lock in ("", origin.lock)

    def is_kept(record: Record) -> bool:
        return is_of_here(record) and (rows is None or rows_file_of(rows, record).is_file())

    def some(chosen: Sequence[Point], before: Sequence[Record]) -> list[Record]:
        wanted.extend(chosen)
        return sweep(
            chosen,
            log=log,
            executor=executor,
            commit=commit,
            stop=stop.rest(before, time.monotonic() - began),
            progress=_show_progress if is_shown else _show_nothing,
            run=run,
            is_kept=is_kept,
        )

    try:
        with log:
            records = search(some)
            return Swept(records, len(wanted), is_whole=True)
    except KeyboardInterrupt:
        click.echo("\nInterrupted. The same command goes on from here.", err=True)
        records = [*filter(is_of_here, recorded(wanted, log=log, commit=commit))]
        return Swept(records, len(wanted), is_whole=False)
    finally:
        executor.close()
        if is_shown:
            clear_line()


def _executor(dask: str | None, jobs: int, timeout_s: float) -> Executor:
    if dask is None:
        return LocalPool(jobs, timeout_s=timeout_s)
    address = None if dask == LOCAL_CLUSTER else dask
    pool = DaskPool(address, jobs=jobs, timeout_s=timeout_s)
    pool.require_origin(origin_here())
    return pool


def _text_of(summary: Summary) -> str:
    """For users."""
    lines = [
        f"{summary.runs} of {summary.of_runs} runs: {summary.passed} passed, "
        f"{summary.failed} broke a promise, {summary.dead} died",
    ]
    lines += [f"  {invariant:<4} {count}" for invariant, count in summary.broken.items()]
    lines += [f"  {one.why}: {one.command}" for one in summary.troubled[:SHOWN_FAILURES_MAX]]
    if len(summary.troubled) > SHOWN_FAILURES_MAX:
        lines.append(f"  … and {len(summary.troubled) - SHOWN_FAILURES_MAX} more")
    lines += [_sureness_text(one) for one in summary.sureness]
    if summary.runs > summary.dead:
        lines.append(sometimes_text(summary.sometimes))
        lines.append(pairs_text(summary.pairs, summary.never_together))
    lines.append(f"log: {summary.log}")
    return "\n".join(lines)


def _sureness_text(one: Sureness) -> str:
    if one.mean is None or one.wanted is None:
        return f"NOT REACHED  {one.setting}: no {one.metric} of {one.runs} runs"
    if one.half_width is None:
        told = f"{one.metric} {_number(one.mean)} of {one.runs} runs"
        return f"NOT REACHED  {one.setting}: {told}, too few to say how sure"
    head = "sure" if one.is_reached else "NOT REACHED"
    mean, half_width, wanted = map(_number, (one.mean, one.half_width, one.wanted))
    return (
        f"{head:<11}  {one.setting}: {one.metric} {mean} ± {half_width} "
        f"(wanted {wanted}) of {one.runs} runs"
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


def _parse_shard(text: str) -> tuple[int, int]:
    index, is_there, count = text.partition("/")
    if is_there and index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count):
        return int(index), int(count)
    raise UserError("bad-shard", f"{text!r} is not a shard such as 3/16.")


def _parse_time(text: str) -> float:
    units = {"s": 1, "m": 60, "h": 3_600}
    number, unit = (text[:-1], text[-1:]) if text[-1:] in units else (text, "s")
    try:
        seconds = float(number) * units[unit]
    except ValueError:
        seconds = nan
    if not 0 < seconds < inf:
        raise UserError("bad-time", f"{text!r} is not a time such as 50m.")
    return seconds


def _show_progress(progress: Progress) -> None:
    filled = BAR_WIDTH * progress.done_count // max(1, progress.total_count)
    eta = "" if progress.eta_s is None else f", {duration(progress.eta_s)} left"
    show_line(
        f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}] "
        f"{progress.done_count} of {progress.total_count}, {progress.failed_count} broken, "
        f"{progress.dead_count} dead{eta}"
    )


def _show_nothing(progress: Progress) -> None:
    pass
