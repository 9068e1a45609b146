"""`meshsim lab contacts`: real engines over recorded contacts, beside routers of the literature."""

import sys
from typing import Final

import click

from mesh.errors import UserError
from sim.commands.json_output import say_json
from sim.commands.progress import clear_line, is_watched, world_line
from sim.lab.models.engine_on_contacts import Results, carry_beside_routers
from sim.run.runner import Request, scenario_of
from sim.run.world import Options

EXAMPLES: Final = """\b
Examples:
  python -m sim lab contacts conference
  python -m sim lab contacts conference --seed 2 --json
  python -m sim lab contacts conference --set workload.text_letters.1=10100
"""

FAILED: Final = 1


@click.command("contacts", epilog=EXAMPLES)
@click.argument("scenario", default="conference")
@click.option("--nodes", type=click.IntRange(2, 10_000), help="Nodes (default: the scenario's).")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The world.")
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Replace a value.")
@click.option("--json", "is_json", is_flag=True, help="Print the figures as JSON.")
def contacts_command(
    *, scenario: str, nodes: int | None, seed: int, settings: tuple[str, ...], is_json: bool
) -> None:
    """Run a scenario in which people meet, and give routers the same letters and contacts.

    `bound` is Epidemic whose transfers take no time: nobody can deliver more, or sooner. Crypto is
    modelled. The exit code is 1 if the engines broke a promise or the bound.
    """
    is_shown = is_watched()
    try:
        results = carry_beside_routers(
            scenario_of(Request(name=scenario, seed=seed, nodes=nodes, settings=settings)),
            Options(seed=seed, is_crypto_real=False),
            world_line(is_shown=is_shown),
        )
    except UserError as error:
        raise click.UsageError(str(error)) from None
    if is_shown:
        clear_line()
    if is_json:
        say_json(results)
    else:
        _print(results)
    sys.exit(FAILED if results.broken or results.sooner_than_bound else 0)


def _print(results: Results) -> None:
    click.echo(f"{results.nodes} nodes, {results.letters} letters, seed {results.seed}")
    click.echo(f"{'':<10}{'delivered':>10}{'mean':>12}{'median':>12}")
    for name, one in results.rows.items():
        click.echo(f"{name:<10}{one.count:>10}{one.mean_s:>10.1f} s{one.median_s:>10.1f} s")
    click.echo(
        f"engines: {results.virtual_s:,.0f} s in {results.cpu_s:.1f} s of CPU, "
        f"{results.virtual_s / max(results.cpu_s, 0.001):,.0f} times real time"
    )
    if results.broken:
        click.echo(f"broken: {', '.join(results.broken)}; `run` says how")
    if results.sooner_than_bound:
        click.echo(f"{results.sooner_than_bound} letters came sooner than they can")
