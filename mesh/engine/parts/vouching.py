"""Vouches between contacts: joins `mesh.peering.vouching` to links, standings and the vault.

Implements `docs/protocol/standing.md`, section "Over links". What contacts vouch for is written to
the vault with whatever else the batch writes there, and read from it; while it is closed frames
without lists leave at the same times, nothing is heard, and what was known before stays known.
"""

from collections.abc import Callable, Mapping, Sequence

from mesh.crypto.entropy import Entropy
from mesh.database import Connection
from mesh.engine.counters import Counters
from mesh.engine.part import Part
from mesh.ids import ContactId, Instant, LinkId, Monotonic
from mesh.messenger.messenger import Messenger
from mesh.peering.vouching import Vouching
from mesh.wire.frames import Frame, Vouches


class VouchExchange(Part):
    """The posting keys that contacts at the other ends of links and we tell each other of."""

    frame_types = (Vouches,)

    def __init__(
        self,
        *,
        contacts_by_link: Callable[[], Mapping[LinkId, ContactId]],
        counters: Counters,
        entropy: Entropy,
    ) -> None:
        self._contacts_by_link = contacts_by_link
        self._counters = counters
        self._vouching = Vouching(entropy)

    def received(self, link: LinkId, frame: Frame, now: Instant) -> None:
        """Somebody vouches over a link; PeerError if no correct contact could have sent it."""
        assert isinstance(frame, Vouches)
        before = self._vouching.passed_over_count
        self._vouching.received(link, frame, now)
        passed_over_count = self._vouching.passed_over_count - before
        if passed_over_count:
            self._counters.count("vouches_passed_over", passed_over_count)

    def link_up(self, link: LinkId, now: Instant) -> None:
        """A link is ready."""
        self._vouching.link_up(link, now)

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link ended."""
        self._vouching.link_down(link)

    def tend(self, now: Instant) -> None:
        """Look at which links are contacts'."""
        self._vouching.links_known(self._contacts_by_link())

    def deadline(self) -> Monotonic | None:
        """Return when the next frame is due."""
        return self._vouching.deadline()

    def wants_vault(self, now: Instant) -> bool:
        """Say whether something is to be written to the vault, or read from it."""
        return self._vouching.has_come or self._vouching.is_due(now)

    def use_vault(self, messenger: Messenger, vault: Connection, now: Instant) -> None:
        """Keep what came, and read what whoever is due is to be told."""
        for contact, days in self._vouching.take_came():
            self._counters.count("vouches_received")
            messenger.parts.vouches.vouched(contact, days, now.mesh)
        self._vouching.use_lists(
            lambda contact: messenger.parts.vouches.vouches_for(contact, now.mesh), now
        )

    def vault_closing(self, now: Instant) -> None:
        """Know no contacts any more; the standings stay."""
        self._vouching.vault_closing()

    def take_frames(self, now: Instant) -> Sequence[tuple[LinkId, Vouches]]:
        """Frames to send, in order."""
        frames = self._vouching.take_frames(now)
        if frames:
            self._counters.count("vouches_sent", len(frames))
        return frames
