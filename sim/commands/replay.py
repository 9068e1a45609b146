"""`meshsim replay`: a run again, up to one of its records, to look around in it."""

import sys
from bdb import BdbQuit
from contextlib import suppress
from pathlib import Path
from typing import Final

import click

from mesh.errors import UserError
from sim.commands.json_output import say_json
from sim.commands.options import refuse_unheard
from sim.hosts.virtual_node import VirtualNode
from sim.kernel.trace import NOBODY
from sim.recording.artifacts import read_world
from sim.recording.stopping import Replayed, replayed
from sim.run.world import Options, World

NOT_REACHED: Final = 1
"""Nor is a run well that broke an invariant, or another one than was kept."""

EXAMPLES: Final = """\b
Examples:
  python -m sim run partition-heal --nodes 24 --seed 7 --out run
  python -m sim replay run
  python -m sim replay run --json > same.json
  python -m sim replay run --until 48210 --break
"""


@click.command("replay", epilog=EXAMPLES)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--until", type=click.IntRange(0), help="The record to stop at (default: the end).")
@click.option("--break", "is_break", is_flag=True, help="With --until: open the debugger there.")
@click.option("--json", "is_json", is_flag=True, help="Print what it came to as JSON.")
def replay_command(*, folder: Path, until: int | None, is_break: bool, is_json: bool) -> None:
    """Repeat a run that was kept with `run --out`, and stop before what a record leads to.

    Without --until it runs to its end, and says whether the trace is the same. The exit code is 1
    if it is not, if a promise broke, or if the record was not reached.
    """
    if is_break:
        refuse_unheard(["is_json"], "with --break: the debugger is for people.")
    if until is None:
        refuse_unheard(["is_break"], "without --until: the debugger opens at a record.")
    try:
        scenario, meta = read_world(folder)
    except UserError as error:
        raise click.UsageError(str(error)) from None
    options = Options(
        seed=meta.seed, bug=meta.bug, is_crypto_real=meta.is_crypto_real, older=meta.older
    )
    with replayed(scenario, options, meta.records if until is None else until) as again:
        if again.reached is None:
            is_same = again.world.trace.hexdigest() == meta.trace_hash
            _tell_end(again, until, is_same=is_same, is_json=is_json)
            is_well = is_same and until is None and again.broken is None
            sys.exit(0 if is_well else NOT_REACHED)
        _tell_reached(again.reached, until, is_json=is_json)
        if is_break:
            _look_at(again.world, node=again.reached[2])


def _tell_end(again: Replayed, until: int | None, *, is_same: bool, is_json: bool) -> None:
    """Say how a run ended that was not stopped."""
    records_count = again.world.trace.records_count
    if is_json:
        broken = None if again.broken is None else str(again.broken)
        say_json({"records": records_count, "is_same": is_same, "broken": broken})
        return
    if again.broken is not None:
        click.echo(f"{again.broken}")
    click.echo(
        f"The run ended after {records_count} records; its trace is "
        f"{'the same' if is_same else 'another one'}."
    )
    if until is not None:
        click.echo(f"Record {until} was not reached: the last one is {records_count - 1}.")


def _tell_reached(reached: tuple[int, str, int, int], until: int | None, *, is_json: bool) -> None:
    """Say where a run was stopped."""
    at_us, kind, node, peer = reached
    if is_json:
        named = None if peer == NOBODY else peer
        say_json({"at_us": at_us, "record": until, "kind": kind, "node": node, "peer": named})
        return
    other = "" if peer == NOBODY else f", peer {peer}"
    click.echo(f"{at_us / 1_000_000:.6f} s, record {until}: {kind} at node {node}{other}")


def _look_at(world: World, *, node: int) -> None:
    """Open the debugger in a world, until its user quits."""
    click.echo("The world is `world`, the node `virtual_node`.")
    everybody = (*world.nodes, *world.spares, *world.adversaries.nodes)
    virtual_node = next(one for one in everybody if one.index == node)
    # Who quits the debugger is done, and no error of ours.
    with suppress(BdbQuit):
        _look_around(world, virtual_node)


def _look_around(world: World, virtual_node: VirtualNode) -> None:
    """The debugger opens where both have these names."""
    breakpoint()
