"""`meshsim shrink`: from a run that breaks an invariant to a small scenario and a test."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from mesh.errors import UserError
from sim.commands.exit_codes import INTERRUPTED
from sim.commands.json_output import say_json
from sim.commands.options import known_bug, require_writable
from sim.commands.progress import clear_line, duration, interruptible, is_watched, show_line
from sim.run.runner import Request, run_scenario, scenario_of, wants_real_crypto
from sim.run.world import Options
from sim.schema.scenario import Scenario
from sim.schema.toml_text import toml_of
from sim.shrinking.passes import search_from, shrink
from sim.shrinking.search import Progress, Shrunk, broken_id

NOTHING_BROKE: Final = 3
RUNS_MAX: Final = 400

EXAMPLES: Final = """\b
Examples:
  python -m sim shrink partition-heal --nodes 24 --seed 7 --bug no-anti-entropy
  python -m sim shrink conversation --seed 1234 --out found
  python -m sim shrink conversation --seed 1234 --json > smallest.json
"""


@click.command("shrink", epilog=EXAMPLES)
@click.argument("scenario", metavar="NAME")
@click.option("--nodes", type=click.IntRange(2, 10_000), help="Nodes (default: the scenario's).")
@click.option("--seed", type=click.IntRange(0), required=True, help="The world that failed.")
@click.option("--duration", type=float, help="Virtual seconds until people stop writing.")
@click.option("--bug", metavar="NAME", callback=known_bug, help="The bug that was planted.")
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Replace a value.")
@click.option("--crypto", type=click.Choice(["real", "modelled"]), help="Default: by the nodes.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("shrunk"))
@click.option("--runs", type=click.IntRange(1), default=RUNS_MAX, show_default=True)
@click.option("--json", "is_json", is_flag=True, help="Print how small it became as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
def shrink_command(
    *,
    scenario: str,
    nodes: int | None,
    seed: int,
    duration: float | None,
    bug: str | None,
    settings: tuple[str, ...],
    crypto: str | None,
    out: Path,
    runs: int,
    is_json: bool,
    quiet: bool,
) -> None:
    """Make a failing run as small as it gets while it breaks the same promise.

    Writes the smallest scenario and a test of it into a folder; interrupted, the smallest that it
    had found. The exit code is 3 if the run breaks nothing.
    """
    request = Request(
        name=scenario, seed=seed, nodes=nodes, duration_s=duration, bug=bug, settings=settings
    )
    try:
        adapted = scenario_of(request)
        require_writable(out)
    except UserError as error:
        raise click.UsageError(str(error)) from None
    is_real = wants_real_crypto(adapted) if crypto is None else crypto == "real"
    is_shown = is_watched() and not quiet
    click.get_current_context().with_resource(interruptible())
    try:
        first = run_scenario(adapted, Options(seed=seed, bug=bug, is_crypto_real=is_real))
    except UserError as error:
        # What a package adds cannot be had, or fails.
        raise click.UsageError(str(error)) from None
    except KeyboardInterrupt:
        click.echo("\nInterrupted before anything broke.", err=True)
        sys.exit(INTERRUPTED)
    if broken_id(first) is None:
        click.echo("This run breaks no promise: there is nothing to shrink.", err=True)
        sys.exit(NOTHING_BROKE)
    search = search_from(first, _show if is_shown else show_nothing, runs_max=runs)
    is_whole = True
    try:
        shrink(search)
    except KeyboardInterrupt:
        is_whole = False
    if is_shown:
        clear_line()
    found = search.shrunk()
    paths = _write(found, adapted, out)
    if is_json:
        say_json(_figures(found, paths))
    else:
        click.echo(f"{found.invariant_id} with {sizes_of(found)}, after {found.runs_count} runs")
        for path in paths:
            click.echo(f"  {path}")
    if not is_whole:
        click.echo("Interrupted; perhaps it gets smaller: shrink the scenario above.", err=True)
        sys.exit(INTERRUPTED)


def _figures(found: Shrunk, paths: Sequence[Path]) -> dict[str, str | float | list[str]]:
    return {
        "promise": found.invariant_id,
        "faults": found.strikes_count,
        "nodes": found.nodes_count,
        "messages": found.letters_count,
        "virtual_seconds": found.virtual_seconds,
        "events": found.events_count,
        "runs": found.runs_count,
        "files": [str(path) for path in paths],
    }


def sizes_of(found: Shrunk) -> str:
    """Return how large a world is, in words."""
    return (
        f"{found.strikes_count} faults, {found.nodes_count} nodes and "
        f"{found.letters_count} messages"
    )


def said_of(progress: Progress) -> str:
    """Return how far a search is, in a line."""
    return (
        f"run {progress.runs_count}, fewer {progress.stage}: {sizes_of(progress.smallest)} so far, "
        f"about {duration(progress.left_s)} left"
    )


def show_nothing(progress: Progress) -> None:
    """Nobody looks."""


def _show(progress: Progress) -> None:
    show_line(said_of(progress))


def _write(found: Shrunk, original: Scenario, folder: Path) -> list[Path]:
    bug = found.options.bug
    name = f"{original.name}_{bug or found.invariant_id}_{found.options.seed}"
    name = name.replace("-", "_").lower()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scenario_path, test_path = folder / f"{name}.toml", folder / f"test_{name}.py"
        scenario_path.write_text(toml_of(found.scenario), encoding="utf-8")
        test_path.write_text(_test_of(found, scenario_path.name), encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"Cannot write into {folder}: {error.strerror}.") from None
    return [scenario_path, test_path]


def _test_of(found: Shrunk, file_name: str) -> str:
    """A test that runs as it is, beside the scenario.

    It fails as long as the invariant breaks; of a planted bug it holds that this one breaks it.
    """
    options, invariant = found.options, found.invariant_id
    how = f"is_crypto_real={options.is_crypto_real}"
    if options.bug is None:
        test = f"""\
def test_the_world_that_broke_{invariant.lower()}_breaks_nothing_any_more() -> None:
    scenario = load_scenario(str(SCENARIO))
    options = Options(seed={options.seed}, {how})
    assert run_scenario(scenario, options).report.broken == []
"""
    else:
        test = f"""\
def test_the_planted_bug_breaks_{invariant.lower()}_and_without_it_nothing_breaks() -> None:
    scenario = load_scenario(str(SCENARIO))
    planted = Options(seed={options.seed}, bug="{options.bug}", {how})
    broken = run_scenario(scenario, planted).report.broken
    assert [each.id for each in broken] == ["{invariant}"]
    healthy = Options(seed={options.seed}, {how})
    assert run_scenario(scenario, healthy).report.broken == []
"""
    return f'''"""A world that broke {invariant}, as small as it gets."""

from pathlib import Path

from sim.run.runner import run_scenario
from sim.schema.scenario import load_scenario
from sim.run.world import Options

SCENARIO = Path(__file__).with_name("{file_name}")


{test}'''
