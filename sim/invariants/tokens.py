"""Whatever tells that something came leaves no earlier than it may, and where it may (S28).

A read token is known to who opened the envelope, and to the author: so it is on the wire no sooner
than the shortest delay after the first node opened it. A receipt in a group says nothing where its
person tells nothing, and not how far they read where they tell only what they hold.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mesh.crypto.hashing import blake2b_128
from mesh.group.payload import RECEIPT
from mesh.group.receipts import decode_receipts
from mesh.ids import EnvelopeId
from mesh.wire.envelope import Header
from mesh.wire.frames import Frame, Retired, StemRetired
from mesh.wire.retirement import split_retirements
from sim.invariants.invariants import S28, BrokenInvariant


@dataclass(slots=True)
class Tokens:
    """Holds the nodes of one world to it; `working`: whose engine works now, if it is honest."""

    now: Callable[[], int]
    working: Callable[[], int | None]
    delay_us: int
    """The shortest delay of a read token after its envelope was opened."""

    has_begun: bool = field(init=False, default=False)
    """Whether the world has: those who met before it waited for nothing."""

    looked_count: int = field(init=False, default=0)
    receipts_count: int = field(init=False, default=0)
    _opened: dict[EnvelopeId, tuple[bytes, int]] = field(init=False, default_factory=dict)
    """Envelope -> the hash of its read token, and when the first node opened it."""

    _tells: dict[tuple[int, int], str] = field(init=False, default_factory=dict)
    """By node and conversation: who deletes a group and comes into it again has chosen nothing."""

    _choosing: dict[tuple[int, int], int] = field(init=False, default_factory=dict)
    """How many choices of a person about a group have no answer yet."""

    def opened(self, envelope: EnvelopeId, header: Header) -> None:
        """A node opened an envelope."""
        if self.has_begun and self.delay_us and self.working() is not None:
            self._opened.setdefault(envelope, (header.read_hash, self.now()))

    def sent(self, frame: Frame) -> None:
        """A link encodes this frame."""
        if not self._opened or not isinstance(frame, Retired | StemRetired):
            return
        node = self.working()
        for envelope, token in split_retirements(frame.entries) if node is not None else ():
            read_hash, opened_at = self._opened.get(envelope, (b"", 0))
            if blake2b_128(token) == read_hash:
                self.looked_count += 1
                early_us = opened_at + self.delay_us - self.now()
                if early_us > 0:
                    detail = f"a read token leaves {early_us / 1_000_000:.1f} s too early"
                    raise BrokenInvariant(S28, detail, node)

    def choosing(self, node: int, group: int) -> None:
        """A person asks that a group be told more or less: until all such are answered nothing is
        known. One that is asked again after a crash may come behind a later one.
        """
        place = node, group
        self._choosing[place] = self._choosing.get(place, 0) + 1
        self._tells.pop(place, None)

    def chose(self, node: int, group: int, tells: str) -> None:
        """A node has confirmed what its person lets a group know of what came."""
        place = node, group
        self._choosing[place] -= 1
        if not self._choosing[place]:
            self._tells[place] = tells

    def forget(self, node: int) -> None:
        """A node lost what its vault had learned: it may know of no choice."""
        self._tells = {place: tells for place, tells in self._tells.items() if place[0] != node}

    def sealing(self, group: int, controls: Sequence[tuple[int, bytes]]) -> None:
        """A node seals these for the group that is this conversation there."""
        node = self.working()
        tells = None if node is None else self._tells.get((node, group))
        for kind, data in controls if tells is not None else ():
            if kind == RECEIPT and data:
                self.receipts_count += 1
                if tells == "nothing":
                    raise BrokenInvariant(S28, "a group is told what came, unasked", node)
                if tells == "held" and any(each.read for each in decode_receipts(data)):
                    raise BrokenInvariant(S28, "a group is told what was read, unasked", node)
