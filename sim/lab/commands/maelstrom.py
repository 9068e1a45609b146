"""`meshsim lab maelstrom`: a node for Maelstrom, or its broadcast workload in virtual time."""

import sys
from typing import Final

import click

from sim.commands.json_output import say_json
from sim.commands.options import refuse_unheard
from sim.lab.maelstrom.flooding import TOPOLOGIES
from sim.lab.maelstrom.node import Windows
from sim.lab.maelstrom.program import serve
from sim.lab.maelstrom.workload import Challenge, challenge, flooding

LOST: Final = 1
CHECKED_WITH: Final = ("plain", "partitions", "nodes", "rate", "latency", "seed", "is_json")
OUR_NODES: Final = ("bodies", "rest", "fan_out", "floor")

EXAMPLES: Final = """\b
Examples:
  python -m sim lab maelstrom --check                           # 3d: 25 nodes, 100 ms, 100 a second
  python -m sim lab maelstrom --check --bodies 100 --rest 1000  # 3e: windows in milliseconds
  python -m sim lab maelstrom --check --partitions
  python -m sim lab maelstrom --check --plain grid
  python -m sim lab maelstrom --check --json > scores.json

\b
With the real Maelstrom, and a program mesh-node that runs `python -m sim lab maelstrom --bodies 0`:
  maelstrom test -w broadcast --bin mesh-node \\
      --node-count 25 --time-limit 20 --rate 100 --latency 100
"""


@click.command("maelstrom", epilog=EXAMPLES)
@click.option(
    "--bodies", type=click.IntRange(0), default=0, show_default=True, help="Window of bodies, ms."
)
@click.option(
    "--rest", type=click.IntRange(0), default=500, show_default=True, help="Window of all else, ms."
)
@click.option(
    "--fan-out", type=click.IntRange(1), default=24, show_default=True, help="Branches of the tree."
)
@click.option(
    "--floor", type=click.IntRange(1, 8), default=1, show_default=True, help="Eager links at least."
)
@click.option("--check", is_flag=True, help="Run the workload here instead of being a node.")
@click.option(
    "--plain",
    type=click.Choice(list(TOPOLOGIES)),
    help="With --check: the plain broadcast of Maelstrom's guide on this topology, not our node.",
)
@click.option("--partitions", is_flag=True, help="Cut the nodes in halves every ten seconds.")
@click.option("--nodes", type=click.IntRange(2, 200), default=25, show_default=True)
@click.option("--rate", type=click.IntRange(1), default=100, show_default=True)
@click.option(
    "--latency", type=click.IntRange(0), default=100, show_default=True, help="Milliseconds."
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--json", "is_json", is_flag=True, help="With --check: print the figures as JSON.")
def maelstrom_command(
    *,
    bodies: int,
    rest: int,
    fan_out: int,
    floor: int,
    check: bool,
    plain: str | None,
    partitions: bool,
    nodes: int,
    rate: int,
    latency: int,
    seed: int,
    is_json: bool,
) -> None:
    """Speak Maelstrom's protocol on standard input and output, a line a message."""
    if not check:
        refuse_unheard(CHECKED_WITH, "without --check: the real Maelstrom decides it.")
    elif plain is not None:
        refuse_unheard(OUR_NODES, "with --plain: that is of our node.")
    windows = Windows(bodies * 1_000, rest * 1_000, fan_out, floor)
    if not check:
        serve(windows, sys.stdin.buffer, sys.stdout.buffer)
        return
    rules = Challenge(
        nodes=nodes,
        rate=rate,
        latency_us=latency * 1_000,
        has_partitions=partitions,
        seed=seed,
    )
    scores = challenge(windows, rules) if plain is None else flooding(plain, rules)
    if is_json:
        say_json(scores)
    else:
        click.echo(
            f"{scores.operations} operations, {scores.messages_per_operation} messages each, "
            f"median {scores.median_ms:.0f} ms, max {scores.max_ms:.0f} ms, {scores.lost} lost"
        )
    sys.exit(LOST if scores.lost else 0)
