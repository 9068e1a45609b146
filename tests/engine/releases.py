"""Engines of a later release beside those of this one, in one process.

A later release makes envelopes of a later version, and reads both. It is this one with another
number while it handles a batch: so it seals, signs and opens with real keys, and the others see
nothing but bytes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mesh.effects import Effect
from mesh.engine.engine import Engine
from mesh.ids import Instant, Monotonic
from mesh.inputs import Input
from mesh.wire import envelope
from mesh.wire.envelope import Header
from tests.engine.joined import Joined

LATER_VERSION = envelope.VERSION + 1


@contextmanager
def later_release() -> Iterator[None]:
    """Make and read envelopes of the later version too."""
    former, defaults = envelope.VERSION, Header.__init__.__defaults__
    assert defaults == (former,)
    # Final for all others: what is patched here is what a release would change.
    envelope.VERSION = LATER_VERSION  # type: ignore[misc]  # a later release
    Header.__init__.__defaults__ = (LATER_VERSION,)
    try:
        yield
    finally:
        envelope.VERSION = former  # type: ignore[misc]  # this release again
        Header.__init__.__defaults__ = defaults


class LaterEngine:
    """An engine of the later release, over the same databases."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def handle(self, batch: Sequence[Input], now: Instant) -> list[Effect]:
        with later_release():
            return self._engine.handle(batch, now)

    def deadline(self) -> Monotonic | None:
        return self._engine.deadline()


def upgrade(table: Joined, name: str) -> None:
    """Stop a node, and start the later release over what it stored."""
    table.restart(name)
    seat = table.seats[name]
    # It is driven by the same two methods.
    seat.engine = LaterEngine(seat.engine)  # type: ignore[assignment]  # it acts as one
    table.run()


def downgrade(table: Joined, name: str) -> None:
    """Start this release again."""
    table.restart(name)
    table.run()
