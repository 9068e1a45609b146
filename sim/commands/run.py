"""`meshsim run`: one scenario with one seed, to a verdict."""

import sys
from typing import Final

import click
import msgspec

from mesh.errors import UserError
from sim.bugs import BUGS
from sim.report import render
from sim.running import Request, run
from sim.world import World

BROKEN_PROMISE: Final = 1

EXAMPLES: Final = """\b
Examples:
  python -m sim run partition-heal --nodes 100 --seed 7
  python -m sim run partition-heal --nodes 24 --seed 7 --bug no-anti-entropy
  python -m sim run partition-heal --set wire.loss=0.1 --seed 3 --json > run.json
"""


@click.command("run", epilog=EXAMPLES)
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
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Replace a value.")
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
    settings: tuple[str, ...],
    is_json: bool,
    quiet: bool,
) -> None:
    """Run a scenario. The exit code is 0 if all promises held, 1 if one was broken."""
    if bug is not None and bug not in BUGS:
        raise click.UsageError(f"There is no bug {bug!r}; there are: {', '.join(BUGS)}.")
    request = Request(
        name=scenario,
        seed=seed,
        nodes=nodes,
        duration_s=duration,
        bug=bug,
        is_crypto_real=None if crypto is None else crypto == "real",
        settings=settings,
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
