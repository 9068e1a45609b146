"""What a command does while somebody waits: a line on standard error that is written over.

And somebody who waits no longer: what was found by then is not lost.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click


def is_watched() -> bool:
    """Whether a person sees it; a log file does not want it."""
    return sys.stderr.isatty()


def show_line(text: str) -> None:
    """In the place of what it said before."""
    click.echo(f"\r\033[K{text}", nl=False, err=True)


def clear_line() -> None:
    """Nothing is left of it."""
    click.echo("\r\033[K", nl=False, err=True)


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
