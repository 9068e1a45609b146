"""The simulator's command line: `python -m sim`, or `meshsim`."""

import importlib.util
import sys
from typing import TYPE_CHECKING, Final

import click
import msgspec

from mesh.errors import UserError

if TYPE_CHECKING:
    from sim.world import World

BROKEN_PROMISE: Final = 1
USAGE: Final = 2

EXAMPLES: Final = """\b
Examples:
  python -m sim run partition-heal --nodes 100 --seed 7
  python -m sim run partition-heal --nodes 24 --seed 7 --bug no-anti-entropy
  python -m sim run partition-heal --seed 3 --json > run.json
  python -m sim list
"""


@click.group(epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run whole meshes of real nodes in virtual time, and hold them to what is promised."""
    if importlib.util.find_spec("kyber_py") is None:
        click.echo(
            "The simulator needs kyber-py: install it with pip install 'mesh-messenger[sim]'.",
            err=True,
        )
        sys.exit(USAGE)


@main.command("run", epilog=EXAMPLES)
@click.argument("scenario", metavar="NAME")
@click.option("--nodes", type=click.IntRange(2, 10_000), help="Nodes (default: the scenario's).")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The world.")
@click.option("--duration", type=float, help="Virtual seconds until people stop writing.")
@click.option("--bug", metavar="NAME", help="Plant a bug; `list` names them.")
@click.option(
    "--crypto",
    type=click.Choice(["real", "modelled"]),
    help="Real ML-KEM and every signature checked, or modelled (default: by the node count).",
)
@click.option("--json", "is_json", is_flag=True, help="Print the report as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
def run_command(
    *,
    scenario: str,
    nodes: int | None,
    seed: int,
    duration: float | None,
    bug: str | None,
    crypto: str | None,
    is_json: bool,
    quiet: bool,
) -> None:
    """Run a scenario. The exit code is 0 if all promises held, 1 if one was broken."""
    from sim.bugs import BUGS
    from sim.report import render
    from sim.running import Request, run

    if bug is not None and bug not in BUGS:
        raise click.UsageError(f"There is no bug {bug!r}; there are: {', '.join(BUGS)}.")
    request = Request(
        name=scenario,
        seed=seed,
        nodes=nodes,
        duration_s=duration,
        bug=bug,
        is_crypto_real=None if crypto is None else crypto == "real",
    )
    is_watched = sys.stderr.isatty() and not quiet
    try:
        report = run(request, _show_progress if is_watched else _show_nothing)
    except UserError as error:
        raise click.UsageError(str(error)) from None
    if is_watched:
        click.echo("\r\033[K", nl=False, err=True)
    click.echo(msgspec.json.format(msgspec.json.encode(report)) if is_json else render(report))
    sys.exit(BROKEN_PROMISE if report.broken else 0)


@main.command("list")
def list_command() -> None:
    """List the scenarios and the bugs that can be planted."""
    from sim.bugs import BUGS
    from sim.scenario import load_scenario, scenario_names

    for name in scenario_names():
        click.echo(f"{name:<20} {load_scenario(name).summary}")
    click.echo("")
    for name, bug in BUGS.items():
        click.echo(f"--bug {name:<20} {bug.sentence}")


def _show_progress(world: "World") -> None:
    ledger = world.ledger
    click.echo(
        f"\r\033[K{world.loop.now / 1_000_000:5.0f} s virtual, {world.loop.events_count:,} events, "
        f"{ledger.delivered_count} of {ledger.confirmed_count} messages delivered",
        nl=False,
        err=True,
    )


def _show_nothing(world: "World") -> None:
    pass


if __name__ == "__main__":
    main(prog_name="python -m sim")
