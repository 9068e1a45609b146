"""Every message that is sealed, for how long its envelope lives, and when it lapses."""

import contextlib
from collections.abc import Callable, Iterator

from mesh.messenger.sessions.sealing import Sealed
from mesh.messenger.sessions.transit import Transit
from mesh.wire.envelope import LIFETIME_SECONDS
from sim.patching import Patch, patched


@contextlib.contextmanager
def observing_sealings(sealed: Callable[[int, int, int], None]) -> Iterator[None]:
    """While inside, the number of each message is told, with the seconds that it lives, and since
    1970 until it lapses.
    """
    post = Transit.post

    def posted(transit: Transit, *given: object, **named: object) -> None:
        made, message = given[:2]
        assert isinstance(made, Sealed), "what was sealed is the second argument"
        if message is not None:
            assert isinstance(message, int), "the message's number is the third argument"
            header = made.envelope.header
            sealed(message, LIFETIME_SECONDS[header.lifetime_class], header.lapses)
        # It hands on whatever it was called with.
        post(transit, *given, **named)  # type: ignore[arg-type]  # as it came

    with patched(Patch(Transit, "post", posted)):
        yield
