"""`meshsim route`: messages over recorded contacts under routers of the literature."""

import sys
import time
from pathlib import Path
from typing import Final, get_args

import click

from mesh.errors import UserError
from sim.models.routing import ROUTERS, Routing, parse_posts, renamed
from sim.places.contacts import TraceFormat, read_trace

EXAMPLES: Final = """\b
Examples:
  python -m sim route contacts.txt messages.txt --format one
  python -m sim route SFHH_tij.dat.xz messages.txt --format tij --router epidemic
"""

_FILE: Final = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command("route", epilog=EXAMPLES)
@click.argument("contacts", type=_FILE)
@click.argument("messages", type=_FILE)
@click.option("--format", "trace_format", type=click.Choice(get_args(TraceFormat)), default="one")
@click.option("--pad", type=click.FloatRange(0), default=0.0, help="Seconds added to a contact.")
@click.option("--router", type=click.Choice(list(ROUTERS)), multiple=True, help="Default: all.")
def route_command(
    *,
    contacts: Path,
    messages: Path,
    trace_format: TraceFormat,
    pad: float,
    router: tuple[str, ...],
) -> None:
    """Carry messages (`time C name from to bytes`, as The ONE reads them) over contacts."""
    try:
        trace = read_trace(contacts, trace_format=trace_format, pad_s=pad, is_shifted=False)
        posts = renamed(parse_posts(messages.read_text(encoding="utf-8")), trace.names)
    except (UserError, UnicodeDecodeError) as error:
        raise click.UsageError(str(error)) from None
    click.echo(
        f"{'router':<10}{'created':>9}{'delivered':>11}{'relayed':>9}{'mean':>12}{'median':>12}"
        f"{'× real time':>14}"
    )
    for name in router or ROUTERS:
        began = time.process_time()
        one = Routing(ROUTERS[name](), trace.contacts, posts).run()
        passed = max(1e-9, time.process_time() - began)
        click.echo(
            f"{name:<10}{one.created:>9}{one.delivered:>11}{one.relayed:>9}{one.mean_s:>10.1f} s"
            f"{one.median_s:>10.1f} s{trace.end / 1_000_000 / passed:>14,.0f}"
        )
    sys.exit(0)
