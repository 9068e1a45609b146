"""`meshsim survive`: how many of those who are left reach each other after a mass failure."""

from typing import Final

import click

from sim.models.survivors import Internet

EXAMPLES: Final = """\b
Examples:
  python -m sim survive --nodes 1000
  python -m sim survive --failed 0.95 --seed 2
  python -m sim survive --failed 0.9 --silent
"""

LOOKED_AT_S: Final = (1, 5, 10, 20, 30, 60, 120)


@click.command("survive", epilog=EXAMPLES)
@click.option("--nodes", type=click.IntRange(20, 100_000), default=10_000, show_default=True)
@click.option("--failed", type=click.FloatRange(0, 0.99), default=0.9, show_default=True)
@click.option("--after", "after_s", type=click.FloatRange(0), default=900, show_default=True)
@click.option("--silent", "is_silent", is_flag=True, help="Dials of the failed hang.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
def survive_command(
    *, nodes: int, failed: float, after_s: float, is_silent: bool, seed: int
) -> None:
    """Let most nodes of a mesh on the internet fail at one moment, and look on the others repair.

    All come one after the other, each knowing two of those before; the failure comes so many
    seconds after the last. `reached` is the share of the survivors that a message of one of
    them reaches, in the mean of all.
    """
    internet = Internet(nodes=nodes, seed=seed, is_silent=is_silent)
    internet.run(after_s)
    click.echo(f"{'':<16}{'links':>7}{'reached':>10}")
    _tell("before", internet)
    internet.fail(failed)
    _tell("at once", internet)
    began = 0
    for seconds in LOOKED_AT_S:
        internet.run(seconds - began)
        began = seconds
        _tell(f"after {seconds} s", internet)


def _tell(when: str, internet: Internet) -> None:
    click.echo(f"{when:<16}{internet.links_mean:>7.2f}{internet.reached():>10.2%}")
