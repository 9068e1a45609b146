"""`meshsim lab route`: messages over recorded contacts under routers of the literature."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, get_args

import click
import msgspec

from mesh.errors import UserError
from sim.commands.json_output import say_json
from sim.lab.models.routing import (
    ROUTERS,
    Post,
    Router,
    Routing,
    parse_posts,
    renamed,
    router_of,
)
from sim.schema.topology_tables import TraceFormat
from sim.topology.contacts import ContactTrace, read_trace

EXAMPLES: Final = """\b
Examples:
  python -m sim lab route contacts.txt messages.txt --format one
  python -m sim lab route SFHH_tij.dat.xz messages.txt --format tij --router epidemic
  python -m sim lab route contacts.txt messages.txt --json > routers.json
"""

_FILE: Final = click.Path(path_type=Path, dir_okay=False, exists=True)


class Carried(msgspec.Struct, frozen=True):
    """The result of one router on a workload."""

    created: int
    delivered: int
    relayed: int
    mean_s: float
    median_s: float
    times_real_time: float
    """By the processor's time that it took."""


@click.command("route", epilog=EXAMPLES)
@click.argument("contacts", type=_FILE)
@click.argument("messages", type=_FILE)
@click.option("--format", "trace_format", type=click.Choice(get_args(TraceFormat)), default="one")
@click.option("--pad", type=click.FloatRange(0), default=0.0, help="Seconds added to a contact.")
@click.option(
    "--router",
    multiple=True,
    metavar="NAME",
    help=f"{', '.join(ROUTERS)}, or one of an installed package (default: these three).",
)
@click.option("--json", "is_json", is_flag=True, help="Print the figures as JSON.")
def route_command(
    *,
    contacts: Path,
    messages: Path,
    trace_format: TraceFormat,
    pad: float,
    router: tuple[str, ...],
    is_json: bool,
) -> None:
    """Carry messages (`time C name from to bytes`, as The ONE reads them) over contacts."""
    try:
        trace = read_trace(contacts, trace_format=trace_format, pad_s=pad, is_shifted=False)
        posts = renamed(parse_posts(messages.read_text(encoding="utf-8")), trace.names)
        rules = {name: router_of(name) for name in router or ROUTERS}
        rows = {name: _carried(rule, trace, posts) for name, rule in rules.items()}
    except (UserError, UnicodeDecodeError) as error:
        raise click.UsageError(str(error)) from None
    if is_json:
        say_json(rows)
        return
    click.echo(
        f"{'router':<10}{'created':>9}{'delivered':>11}{'relayed':>9}{'mean':>12}{'median':>12}"
        f"{'× real time':>14}"
    )
    for name, one in rows.items():
        click.echo(
            f"{name:<10}{one.created:>9}{one.delivered:>11}{one.relayed:>9}{one.mean_s:>10.1f} s"
            f"{one.median_s:>10.1f} s{one.times_real_time:>14,.0f}"
        )


def _carried(router: Router, trace: ContactTrace, posts: Sequence[Post]) -> Carried:
    began = time.process_time()
    outcome = Routing(router, trace.contacts, posts).run()
    passed = max(1e-9, time.process_time() - began)
    return Carried(
        created=outcome.created,
        delivered=outcome.delivered,
        relayed=outcome.relayed,
        mean_s=outcome.mean_s,
        median_s=outcome.median_s,
        times_real_time=trace.end / 1_000_000 / passed,
    )
