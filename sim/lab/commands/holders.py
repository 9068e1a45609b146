"""`meshsim lab holders`: whom mail reaches that only those keep who know its author; a model."""

from typing import Final

import click

from sim.commands.json_output import say_json
from sim.lab.models.holders import Mesh, measure
from sim.sweeps.points import parse_seeds

EXAMPLES: Final = """\b
Examples:
  python -m sim lab holders
  python -m sim lab holders --nodes 1000 --contacts 4 --hostile 0.1 --seeds 1..5
  python -m sim lab holders --seeds 1..5 --json > reached.json
"""


@click.command("holders", epilog=EXAMPLES)
@click.option("--nodes", type=click.IntRange(50, 100_000), default=10_000, show_default=True)
@click.option("--hostile", type=click.FloatRange(0, 0.9), default=0.3, show_default=True)
@click.option("--contacts", type=click.IntRange(1, 100), default=8, show_default=True)
@click.option("--letters", type=click.IntRange(1), default=500, show_default=True)
@click.option("--seeds", default="1..5", show_default=True, help="7, 0..49, or a list of these.")
@click.option("--json", "is_json", is_flag=True, help="Print the counts of every seed as JSON.")
def holders_command(
    *, nodes: int, hostile: float, contacts: int, letters: int, seeds: str, is_json: bool
) -> None:
    """Count whom a letter reaches that waited through a flood without end, when they wake once.

    `held`: somebody who never sleeps knows the author; `reached`: of these, the letters that come
    to their recipients, and `at once` those that a link of the recipient itself brings.
    """
    rows = (
        (
            seed,
            measure(
                Mesh(nodes=nodes, hostile=hostile, contacts=contacts, letters=letters, seed=seed)
            ),
        )
        for seed in parse_seeds(seeds)
    )
    if is_json:
        say_json(dict(rows))
        return
    click.echo(f"{'seed':>6}{'held':>9}{'holders':>9}{'reached':>9}{'at once':>9}")
    for seed, one in rows:
        of = max(1, one.held)
        click.echo(
            f"{seed:>6}{one.held / letters:>9.1%}{one.holders_mean:>9.1f}"
            f"{one.reached / of:>9.1%}{one.at_once / of:>9.1%}"
        )
