"""`meshsim lab model`: how new mail spreads, as arrays: alone, or beside the real engine."""

from typing import Final

import click

from mesh.errors import UserError
from sim.commands.json_output import say_json
from sim.commands.progress import clear_line, is_watched, world_line
from sim.lab.models.array_model import measure
from sim.lab.models.cross_validation import hold_together
from sim.lab.models.curves import CURVE_MS, Results

EXAMPLES: Final = """\b
Examples:
  python -m sim lab model --nodes 1000000
  python -m sim lab model --nodes 1000 --posts 20 --engine
  python -m sim lab model --nodes 200 --engine --json
"""


@click.command("model", epilog=EXAMPLES)
@click.option("--nodes", type=click.IntRange(20, 10_000_000), default=1_000, show_default=True)
@click.option("--posts", type=click.IntRange(1, 10_000), default=10, show_default=True)
@click.option("--degree", type=click.IntRange(3, 8), default=7, show_default=True)
@click.option("--engine", "has_engine", is_flag=True, help="Beside engines, on their links.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--json", "is_json", is_flag=True, help="Print the figures as JSON.")
def model_command(
    *, nodes: int, posts: int, degree: int, has_engine: bool, seed: int, is_json: bool
) -> None:
    """Spread posts, one a second, over links of 5 to 25 ms by the rules of the node, as arrays.

    Alone on a random graph, and first once as a plain flood. With --engine a world of real engines
    runs first (`thousand`), each dials eight others, and the model gets their links: then their
    authors post in it at the same times.
    """
    is_shown = is_watched()
    try:
        if has_engine:
            results = hold_together(nodes, posts, seed, world_line(is_shown=is_shown))
            if is_shown:
                clear_line()
        else:
            results = measure(nodes, degree, posts, seed)
    except UserError as error:
        raise click.UsageError(str(error)) from None
    if is_json:
        say_json(results)
    else:
        _print(results)


def _print(results: Results) -> None:
    click.echo(f"{results.nodes:,} nodes, {results.links:,} links, seed {results.seed}")
    curve = "".join(f"{f'{moment} ms':>9}" for moment in CURVE_MS)
    head = f"{'':<14}{'posts':>6}{'copies':>8}{'p50':>8}{'p99':>8}{'max':>8}{'coverage':>10}"
    click.echo(f"{head}   after{curve}")
    for name, one in results.figures.items():
        times = "".join(f"{f'{ms:.0f} ms':>8}" for ms in (one.p50_ms, one.p99_ms, one.max_ms))
        shares = " " * 8 + "".join(f"{share:>9.1%}" for share in one.curve)
        click.echo(
            f"{name:<14}{one.posts:>6}{one.copies:>8.2f}{times}{one.coverage:>10.2%}{shares}"
        )
    took = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in results.cpu_s.items())
    click.echo(f"CPU: {took}; {results.resident_mb:,} MB resident")
