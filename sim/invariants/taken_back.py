"""Whatever was taken back before it left its author's node is shown to nobody (S27).

An envelope has left when a link was given its body, by whichever node. Nothing is demanded of what
was taken back later: somebody may have it then.

Nor of what a node has noted as given to a link when it stops. It notes that before the link gets
it, so its next life cannot know whether anybody has it, and lets it spread in its time, taken back
or not: who keeps it to themselves would see by its absence who wrote it (`docs/protocol/stems.md`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mesh.database import Connection
from mesh.ids import EnvelopeId
from mesh.storage.store.stem_rows import StemRows
from mesh.wire.envelope import HEADER_BYTES, Envelope
from mesh.wire.frames import Frame, Push, Stem


@dataclass(slots=True)
class TakenBack:
    """The envelopes of each message of a world, and when their bodies left, if ever."""

    now: Callable[[], int] = lambda: 0
    _sealed: dict[tuple[int, int], dict[bytes, EnvelopeId]] = field(default_factory=dict)
    """(node, message) -> the headers of its envelopes, each of which no other one has."""

    _left: dict[bytes, int] = field(default_factory=dict)
    _noted_as_given: dict[EnvelopeId, None] = field(default_factory=dict)
    """By a node that stopped then."""

    def sealed(self, node: int, message: int, envelope: Envelope) -> None:
        """A node sealed a message, by the number that it gives it."""
        self._sealed.setdefault((node, message), {})[envelope.data[:HEADER_BYTES]] = envelope.id

    def sent(self, frame: Frame) -> None:
        """A link encodes this frame."""
        if isinstance(frame, Push | Stem):
            self._left.setdefault(frame.envelope[:HEADER_BYTES], self.now())

    def stopped(self, store: Connection) -> None:
        """A node has stopped, and this is committed in its store."""
        for row, _ in StemRows(store).all():
            # One with a token is a retirement.
            if row.is_given and not row.token:
                self._noted_as_given[row.envelope] = None

    def may_have_left(self, node: int, message: int) -> bool:
        """Say whether somebody else may have a message, as far as its author's node can know."""
        return self.left_at(node, message) is not None or any(
            envelope in self._noted_as_given for envelope in self.envelopes(node, message)
        )

    def left_at(self, node: int, message: int) -> int | None:
        """Return when a body of a message first left, if ever; microseconds."""
        sealed = self._sealed.get((node, message), {})
        return min((self._left[one] for one in sealed if one in self._left), default=None)

    def envelopes(self, node: int, message: int) -> Sequence[EnvelopeId]:
        """Return the envelopes in which a message was sealed."""
        return list(self._sealed.get((node, message), {}).values())
