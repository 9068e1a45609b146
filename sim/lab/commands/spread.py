"""`meshsim lab spread`: what it costs to reach everybody, beside flooding and gossipsub."""

from typing import Final, get_args

import click

from mesh.wire.envelope import SIZE_BYTES
from sim.commands.json_output import say_json
from sim.commands.options import refuse_unheard
from sim.commands.progress import clear_line, is_watched, show_line
from sim.lab.dissemination.measuring import (
    Case,
    Figures,
    Shape,
    Who,
    measure,
    measure_heal,
)

EXAMPLES: Final = """\b
Examples:
  python -m sim lab spread
  python -m sim lab spread --shape clusters --liars 0.3
  python -m sim lab spread --nodes 10000 --posts 10 --size 4096
  python -m sim lab spread --apart --posts 100
  python -m sim lab spread --floor 1 --who mesh
"""

_SHAPES: Final = get_args(Shape)
_WHO: Final = get_args(Who)
OF_ONE_MESH: Final = ("shape", "warm", "liars", "silent", "crashed")


@click.command("spread", epilog=EXAMPLES)
@click.option("--who", type=click.Choice(_WHO), multiple=True, help="Default: all of them.")
@click.option("--nodes", type=click.IntRange(20, 1_000_000), default=1_000, show_default=True)
@click.option("--shape", type=click.Choice(_SHAPES), default="random", show_default=True)
@click.option("--size", type=click.Choice([str(size) for size in SIZE_BYTES]), default="1024")
@click.option("--posts", type=click.IntRange(1), default=60, show_default=True)
@click.option("--warm", type=click.IntRange(0), default=40, show_default=True, help="Posts before.")
@click.option("--liars", type=click.FloatRange(0, 0.9), default=0.0, help="Share that lies.")
@click.option("--silent", is_flag=True, help="Those only take, and say nothing.")
@click.option("--crashed", type=click.FloatRange(0, 0.98), default=0.0, help="Share that crashes.")
@click.option("--apart", is_flag=True, help="Posts are written by two halves, which then meet.")
@click.option("--floor", type=click.IntRange(1, 8), help="Eager links (default: as in the node).")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--json", "is_json", is_flag=True, help="Print the figures as JSON.")
def spread_command(
    *,
    who: tuple[Who, ...],
    nodes: int,
    shape: Shape,
    size: str,
    posts: int,
    warm: int,
    liars: float,
    silent: bool,
    crashed: float,
    apart: bool,
    floor: int | None,
    seed: int,
    is_json: bool,
) -> None:
    """Spread new mail over a fixed graph of links of 5 to 25 ms, and count copies and times."""
    if apart:
        refuse_unheard(OF_ONE_MESH, "with --apart: both halves are random graphs of honest nodes.")
    if not liars:
        refuse_unheard(["silent"], "without --liars.")
    if who and "mesh" not in who:
        refuse_unheard(["floor"], "without `--who mesh`: only our node has one.")
    rows: dict[str, Figures] = {}
    # Only ours compares what two sides have; the others would have nothing to say.
    for each in who or (("mesh",) if apart else _WHO):
        if is_watched():
            show_line(f"{each} …")
        rows[each] = (measure_heal if apart else measure)(
            Case(
                who=each,
                nodes=nodes,
                shape=shape,
                size=int(size),
                posts=posts,
                warm_posts=warm,
                liars=liars,
                are_liars_lying=not silent,
                crashed=crashed,
                eager_links_min=floor,
                seed=seed,
            )
        )
    if is_watched():
        clear_line()
    if is_json:
        say_json(rows)
        return
    click.echo(
        f"{'':<10}{'copies':>8}{'p50':>9}{'p99':>9}{'max':>9}{'coverage':>10}{'control B':>11}"
        f"{'hops':>6}"
    )
    for name, one in rows.items():
        click.echo(
            f"{name:<10}{one.copies:>8.2f}{one.p50_ms:>6.0f} ms{one.p99_ms:>6.0f} ms"
            f"{one.max_ms:>6.0f} ms{one.coverage:>10.2%}"
            f"{one.control_bytes_per_delivery:>11.0f}{one.hops_max:>6}"
        )
