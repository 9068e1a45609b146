"""`meshsim run`: one scenario with one seed, to a verdict."""

import sys
from pathlib import Path
from typing import Final

import click
import msgspec

from mesh.errors import UserError
from sim.commands.exit_codes import BROKEN_INVARIANT
from sim.commands.json_output import say_json
from sim.commands.options import INJECTS_A_BUG, known_bug, refuse_unheard
from sim.commands.progress import clear_line, is_watched, world_line
from sim.recording.artifacts import PAGE_FILE, record_run
from sim.run.determinism import Repetition, is_repeated, repeat
from sim.run.report import render
from sim.run.runner import Request, options_of, run_scenario, scenario_of

EXAMPLES: Final = """\b
Examples:
  python -m sim run partition-heal --nodes 100 --seed 7
  python -m sim run partition-heal --nodes 24 --seed 7 --bug no-anti-entropy
  python -m sim run partition-heal --nodes 50 --seed 7 --out run
  python -m sim run partition-heal --nodes 24 --check-determinism
  python -m sim run partition-heal --set wire.loss=0.1 --seed 3 --json > run.json
  python -m sim run thousand --set topology.kind=clusters
  python -m sim run two-releases --older mesh_messenger-0.2.0-py3-none-any.whl
  python -m sim run thousand --set faults.0.kind=mass-failure --set faults.0.at_s=15
"""


class Check(msgspec.Struct, frozen=True):
    """The result of a check of determinism, for machines."""

    is_repeated: bool
    runs: list[Repetition]


@click.command("run", epilog=EXAMPLES)
@click.argument("scenario", metavar="NAME")
@click.option("--nodes", type=click.IntRange(2, 10_000), help="Nodes (default: the scenario's).")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The world.")
@click.option("--duration", type=float, help="Virtual seconds until people stop writing.")
@click.option("--bug", metavar="NAME", callback=known_bug, help=INJECTS_A_BUG)
@click.option(
    "--crypto",
    type=click.Choice(["real", "modelled"]),
    help="Real ML-KEM and every signature checked, or modelled (default: by the node count).",
)
@click.option(
    "--older",
    metavar="WHEEL",
    type=click.Path(exists=True, dir_okay=False),
    help="The release that the nodes of versions.released run.",
)
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Replace a value.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep all of the run in a folder: trace, figures, and a page to look at.",
)
@click.option(
    "--check-determinism",
    "is_checked",
    is_flag=True,
    help="Run in fresh processes under two hash seeds instead, and compare the trace hashes.",
)
@click.option(
    "--python",
    "pythons",
    multiple=True,
    metavar="PATH",
    help="With --check-determinism: an interpreter that runs too; it needs Mesh's libraries.",
)
@click.option("--json", "is_json", is_flag=True, help="Print the report, or the check, as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
def run_command(
    *,
    scenario: str,
    nodes: int | None,
    seed: int,
    duration: float | None,
    bug: str | None,
    crypto: str | None,
    older: str | None,
    settings: tuple[str, ...],
    out: Path | None,
    is_checked: bool,
    pythons: tuple[str, ...],
    is_json: bool,
    quiet: bool,
) -> None:
    """Run a scenario. The exit code is 0 if all promises held, 1 if one was broken."""
    request = Request(
        name=scenario,
        seed=seed,
        nodes=nodes,
        duration_s=duration,
        bug=bug,
        is_crypto_real=None if crypto is None else crypto == "real",
        older=older,
        settings=settings,
    )
    if is_checked:
        refuse_unheard(["out"], "with --check-determinism: its runs are not kept.")
        _check_determinism(request, pythons, is_json=is_json)
        return
    refuse_unheard(["pythons"], "without --check-determinism.")
    is_shown = is_watched() and not quiet
    try:
        scenario_read = scenario_of(request)
        options = options_of(request, scenario_read)
        progress = world_line(is_shown=is_shown)
        command = request.command
        if out is None:
            report = run_scenario(scenario_read, options, progress, command=command).report
        else:
            report = record_run(scenario_read, options, out, progress, command=command)
    except UserError as error:
        raise click.UsageError(str(error)) from None
    if is_shown:
        clear_line()
    if is_json:
        say_json(report)
    else:
        click.echo(render(report))
    if out is not None and not is_json:
        click.echo(f"page       {out / PAGE_FILE}")
    sys.exit(BROKEN_INVARIANT if report.broken else 0)


def _check_determinism(request: Request, pythons: tuple[str, ...], *, is_json: bool) -> None:
    """Repeat a run elsewhere; exits with 1 if it does not repeat."""
    try:
        scenario_of(request)
        repetitions = repeat(request.arguments, pythons)
    except UserError as error:
        raise click.UsageError(str(error)) from None
    check = Check(is_repeated(repetitions), repetitions)
    if is_json:
        say_json(check)
    else:
        for each in check.runs:
            click.echo(
                f"{each.trace_hash}  {each.events:,} events, hash seed {each.hash_seed}, "
                f"{each.python}"
            )
        click.echo("The run repeats." if check.is_repeated else "The run does not repeat.")
    sys.exit(0 if check.is_repeated else BROKEN_INVARIANT)
