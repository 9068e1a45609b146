"""`meshsim lab survive`: how many of those who are left reach each other after a mass failure."""

from collections.abc import Iterator
from typing import Final

import click
import msgspec

from sim.commands.json_output import say_json
from sim.lab.models.survivors import Internet

EXAMPLES: Final = """\b
Examples:
  python -m sim lab survive --nodes 1000
  python -m sim lab survive --failed 0.95 --seed 2
  python -m sim lab survive --failed 0.9 --silent
  python -m sim lab survive --nodes 1000 --json > survivors.json
"""

LOOKED_AT_S: Final = (1, 5, 10, 20, 30, 60, 120)


class Moment(msgspec.Struct, frozen=True):
    """The mesh at one moment; `after_s` counts from the failure, and is missing before it."""

    after_s: float | None
    links: float
    """Of a node that lives, in the mean."""

    reached: float
    """Which share of the survivors a message of one of them reaches, in the mean."""

    @property
    def line(self) -> str:
        """Of the table."""
        match self.after_s:
            case None:
                when = "before"
            case 0:
                when = "at once"
            case seconds:
                when = f"after {seconds:g} s"
        return f"{when:<16}{self.links:>7.2f}{self.reached:>10.2%}"


@click.command("survive", epilog=EXAMPLES)
@click.option("--nodes", type=click.IntRange(20, 100_000), default=10_000, show_default=True)
@click.option("--failed", type=click.FloatRange(0, 0.99), default=0.9, show_default=True)
@click.option("--after", "after_s", type=click.FloatRange(0), default=900, show_default=True)
@click.option("--silent", "is_silent", is_flag=True, help="Dials of the failed hang.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--json", "is_json", is_flag=True, help="Print every moment as JSON.")
def survive_command(
    *, nodes: int, failed: float, after_s: float, is_silent: bool, seed: int, is_json: bool
) -> None:
    """Let most nodes of a mesh on the internet fail at one moment, and look on the others repair.

    All come one after the other, each knowing two of those before; the failure comes so many
    seconds after the last. `reached` is the share of the survivors that a message of one of
    them reaches, in the mean of all.
    """
    moments = _moments(
        Internet(nodes=nodes, seed=seed, is_silent=is_silent), failed=failed, after_s=after_s
    )
    if is_json:
        say_json(list(moments))
        return
    click.echo(f"{'':<16}{'links':>7}{'reached':>10}")
    for moment in moments:
        click.echo(moment.line)


def _moments(internet: Internet, *, failed: float, after_s: float) -> Iterator[Moment]:
    """Each as soon as it is there."""
    internet.run(after_s)
    yield _seen(internet, None)
    internet.fail(failed)
    yield _seen(internet, 0)
    began = 0
    for seconds in LOOKED_AT_S:
        internet.run(seconds - began)
        began = seconds
        yield _seen(internet, seconds)


def _seen(internet: Internet, after_s: float | None) -> Moment:
    return Moment(after_s, internet.links_mean, internet.reached())
