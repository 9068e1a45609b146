"""Whatever was taken back before it left its author's node is shown to nobody (S27).

An envelope has left when a link was given its body, by whichever node. Nothing is demanded of what
was taken back later: somebody may have it then.
"""

from dataclasses import dataclass, field

from mesh.wire.envelope import HEADER_BYTES, Envelope
from mesh.wire.frames import Frame, Push, Stem


@dataclass(slots=True)
class TakenBack:
    """The envelopes of each message of a world, and whether their bodies ever left."""

    _sealed: dict[tuple[int, int], list[bytes]] = field(default_factory=dict)
    """(node, message) -> the headers of its envelopes, each of which no other one has."""

    _left: dict[bytes, None] = field(default_factory=dict)

    def sealed(self, node: int, message: int, envelope: Envelope) -> None:
        """A node sealed a message, by the number that it gives it."""
        self._sealed.setdefault((node, message), []).append(envelope.data[:HEADER_BYTES])

    def sent(self, frame: Frame) -> None:
        """A link encodes this frame."""
        if isinstance(frame, Push | Stem):
            self._left[frame.envelope[:HEADER_BYTES]] = None

    def may_have_left(self, node: int, message: int) -> bool:
        """Say whether somebody else may have a message."""
        return any(one in self._left for one in self._sealed.get((node, message), []))
