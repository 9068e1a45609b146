"""Batches that are over once their frames are read, because nothing else has become due.

Theory of operation. Half of what peers say is known already: an announcement of what is here, the
word that somebody holds a body, a step of a comparison. After each batch the engine says when it
wants to be called again. Until then no machine has anything to do by itself; so where a batch
brings nothing but such frames over links that stand, it remains to see what they have changed: if
nothing is to be written and nobody has become impatient, the answers leave, and neither store nor
vault is asked for more. Whatever is not certain takes the whole way: a caller who has not asked for
the deadline, a link in its handshake, a clock that jumped, a disk that is full. What a vault knows
decides nothing here that it does not decide anyhow: when it is due.
"""

from collections.abc import Sequence
from typing import Final

from mesh.engine.forwarding.forwarder import Forwarder
from mesh.engine.links import Links
from mesh.engine.part import Part
from mesh.engine.parts.carry import Carry
from mesh.engine.parts.direct_files import DirectFileExchange
from mesh.engine.parts.envelope_exchange import EnvelopeExchange
from mesh.engine.vault_half import VaultHalf
from mesh.ids import Instant, Monotonic
from mesh.inputs import BytesReceived, BytesSent, Input
from mesh.peering.dialer import Dialer
from mesh.timekeeping.mesh_time import MeshClock
from mesh.wire.frames import (
    Audit,
    AuditResult,
    DoNotWant,
    Frame,
    Graft,
    Held,
    IHave,
    IWant,
    NegClose,
    NegMessage,
    NegOpen,
    NoHave,
    Prune,
    Root,
)

_QUIET: Final = frozenset(
    {
        *(IHave, Held, IWant, NoHave, DoNotWant, Prune, Graft),
        *(NegOpen, NegMessage, NegClose, Root, Audit, AuditResult),
    }
)
"""Frames that speak of ids and bring nothing that is stored."""

_NEVER: Final = Monotonic(1 << 62)


class QuietBatches:
    """The questions to a batch, before and after its inputs, for it to be over early."""

    def __init__(
        self,
        *,
        links: Links,
        clock: MeshClock,
        dialer: Dialer,
        forwarder: Forwarder,
        parts: tuple[EnvelopeExchange, Carry, DirectFileExchange, VaultHalf],
    ) -> None:
        self._links = links
        self._clock = clock
        self._dialer = dialer
        self._forwarder = forwarder
        self._envelopes, self._carry, self._direct_files, self._vault = parts
        self._asking: Final[tuple[Part, ...]] = (self._envelopes, self._vault)
        self.speaking: tuple[Part, ...] | None = None
        """After a quiet batch: the parts that may have something to say or another deadline."""

        # Until then nothing is due, as the engine said after its last batch; None: it was not
        # asked.
        self._until: Monotonic | None = None
        self._is_loud = False

    def told(self, deadline: Monotonic | None) -> Monotonic | None:
        """The engine says when it wants to be called."""
        self._until = _NEVER if deadline is None else deadline
        return deadline

    def begins(self, batch: Sequence[Input], now: Instant) -> bool:
        """Say whether a batch may turn out to be quiet, before it is handled."""
        until, self._until = self._until, None
        self.speaking, self._is_loud = None, False
        if until is None or until <= now.monotonic:
            return False
        ready = self._links.ready
        for event in batch:
            if isinstance(event, BytesReceived):
                if event.link not in ready:
                    return False
            elif not isinstance(event, BytesSent):
                return False
        return not (
            self._forwarder.buffer.room.is_full
            or self._envelopes.is_unserved
            or self._clock.has_news
            or self._clock.expiry.is_due_to_keep(now)
            or self._forwarder.is_clock_moved(now)
            or self._dialer.is_patient_again(now)
            or self._carry.is_importing
            or not self._direct_files.is_idle
            or self._vault.is_other_time(now)
        )

    def heard(self, frame: Frame) -> None:
        """A frame is about to be handled."""
        if type(frame) not in _QUIET:
            self._is_loud = True

    def is_over(self, now: Instant) -> bool:
        """After the inputs of a batch that began so: say whether nothing else is to be done."""
        is_quiet = not (
            self._is_loud
            or self._links.table.effects
            or self._forwarder.buffer.has_work
            or self._forwarder.is_impatient(now)
            or self._vault.has_come_due(now)
        )
        self.speaking = self._asking if is_quiet else None
        return is_quiet
