"""The frames of a run: what is sent can be read, now and by later versions (S16).

While a world runs, every frame that a link encodes is decoded again and must be the same; now and
then it is also decoded with one field more at its end, as a later version may send it. Frames are
counted by their kind on the way.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from mesh.errors import PeerError
from mesh.link import link as link_module
from mesh.wire.frames import Frame, decode_frame, encode_frame
from sim.invariants.invariants import S16, BrokenInvariant
from sim.invariants.purity_guards import PURITY_GUARDS

LATER_ONE_IN: Final = 16
_FIXARRAY_MAX: Final = 0x9F
_NIL: Final = b"\xc0"


def _nobody(frame: msgspec.Struct) -> None:
    """Nobody else looks."""


class FrameCheck:
    """All frames of one world, by kind; what is no frame is a hostile node's and passed over.

    `looking` is shown each frame before it is encoded.
    """

    def __init__(self, looking: Callable[[Frame], None] = _nobody) -> None:
        self._looking = looking
        self.counts: dict[str, int] = {}
        self.bytes: dict[str, int] = {}

    def forget(self) -> None:
        """Count anew."""
        self.counts.clear()
        self.bytes.clear()

    def encoded(self, frame: msgspec.Struct) -> bytes:
        """Encode, and see that it can be read."""
        if not isinstance(frame, Frame):
            return msgspec.msgpack.encode(frame)
        if PURITY_GUARDS.is_double:
            # It was counted when it was sent.
            return encode_frame(frame)
        self._looking(frame)
        data = encode_frame(frame)
        kind = type(frame).__name__
        count = self.counts[kind] = self.counts.get(kind, 0) + 1
        self.bytes[kind] = self.bytes.get(kind, 0) + len(data)
        self._require_same(frame, data, kind)
        if count % LATER_ONE_IN == 1 and data[0] < _FIXARRAY_MAX:
            self._require_same(frame, bytes((data[0] + 1,)) + data[1:] + _NIL, kind)
        return data

    def _require_same(self, frame: Frame, data: bytes, kind: str) -> None:
        try:
            read = decode_frame(data)
        except PeerError as error:
            raise BrokenInvariant(S16, f"a {kind} that is sent cannot be read: {error}") from None
        if read != frame:
            raise BrokenInvariant(S16, f"a {kind} that is sent is read as something else")

    @contextlib.contextmanager
    def observing(self) -> Iterator[None]:
        """While inside, every link encodes through this."""
        vars(link_module)["encode_frame"] = self.encoded
        try:
            yield
        finally:
            vars(link_module)["encode_frame"] = encode_frame


NOBODYS_FAULT: Final = ("neighbour went silent", "handshake took too long")
"""What ends links among honest nodes too, when a wire or a machine fails."""


def require_no_fault(counters: Mapping[str, int]) -> None:
    """S16: among those who keep the protocol nobody is ever held at fault."""
    for name, count in counters.items():
        reason = name.removeprefix("fault: ")
        if count and reason not in (name, *NOBODYS_FAULT):
            raise BrokenInvariant(S16, f"neighbours were held at fault {count} times: {reason}")
