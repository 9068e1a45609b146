"""The progress of a command while somebody waits: a line on standard error that is written over.

And somebody who waits no longer: what was found by then is not lost.
"""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from sim.run.world import World


def is_watched() -> bool:
    """Say whether a user sees it; a log file does not want it."""
    return sys.stderr.isatty()


def show_line(text: str) -> None:
    """In the place of what it said before."""
    click.echo(f"\r\033[K{text}", nl=False, err=True)


def clear_line() -> None:
    """Nothing is left of it."""
    click.echo("\r\033[K", nl=False, err=True)


def world_line(*, is_shown: bool) -> Callable[[World], None]:
    """Return what a world that runs tells now and then of how far it has come."""
    return _show_world if is_shown else _show_nothing


def duration(seconds: float) -> str:
    """As h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


@contextmanager
def interruptible() -> Iterator[None]:
    """While inside, SIGTERM (from `timeout`, or a CI that gives up) interrupts like Ctrl-C."""
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def _show_world(world: World) -> None:
    message_log = world.message_log
    show_line(
        f"{world.loop.now / 1_000_000:5.0f} s virtual, {world.loop.events_count:,} events, "
        f"{message_log.delivered_count} of {message_log.written_count} messages delivered"
    )


def _show_nothing(world: World) -> None:
    """Nobody looks on."""
