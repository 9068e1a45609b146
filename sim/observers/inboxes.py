"""Every envelope that an inbox has opened and takes what is in it from."""

import contextlib
from collections.abc import Callable, Iterator

from mesh.messenger.inbox.reception import Reception
from mesh.wire.envelope import Envelope
from sim.patching import Patch, patched


@contextlib.contextmanager
def observing_inboxes(opened: Callable[[Envelope], None]) -> Iterator[None]:
    """While inside, all that is opened is told."""
    take = Reception.accept

    def accept(reception: Reception, *given: object, **named: object) -> None:
        envelope = getattr(given[2], "envelope", None)
        assert isinstance(envelope, Envelope), "what was opened is the third argument"
        opened(envelope)
        # It hands on whatever it was called with.
        take(reception, *given, **named)  # type: ignore[arg-type]  # as it came

    with patched(Patch(Reception, "accept", accept)):
        yield
