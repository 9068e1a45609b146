"""Envelopes over links: what is carried, joined to who is at the other end and what that costs."""

from collections.abc import Sequence

from mesh.engine.forwarding.forwarder import Forwarder
from mesh.engine.forwarding.resource_policy import ResourcePolicy
from mesh.engine.links import Links
from mesh.engine.part import Part
from mesh.errors import PeerError
from mesh.ids import Instant, LinkId, Monotonic
from mesh.replication.fair_queue import Sparing
from mesh.timekeeping.mesh_time import MeshClock
from mesh.wire.frames import (
    STEM_VERSION,
    Audit,
    AuditResult,
    DoNotWant,
    Frame,
    Graft,
    IHave,
    IWant,
    NegClose,
    NegMessage,
    NegOpen,
    NoHave,
    Prune,
    Push,
    Retired,
    Root,
    Stem,
    StemRetired,
    Stubs,
)


class EnvelopeExchange(Part):
    """The envelopes of this node that go over links."""

    frame_types = (
        Push,
        Stubs,
        Retired,
        Stem,
        StemRetired,
        IHave,
        IWant,
        DoNotWant,
        Prune,
        Graft,
        NoHave,
        NegOpen,
        NegMessage,
        NegClose,
        Root,
        Audit,
        AuditResult,
    )

    def __init__(
        self,
        *,
        forwarder: Forwarder,
        links: Links,
        clock: MeshClock,
        resource_policy: ResourcePolicy,
    ) -> None:
        self._forwarder = forwarder
        self._links = links
        self._clock = clock
        self._resource_policy = resource_policy
        # The links on which bodies waited when the last batch was over.
        self._unserved: list[LinkId] = []

    @property
    def is_unserved(self) -> bool:
        """Say whether something waits for room on a link since the last batch."""
        outgoing = self._forwarder.replicator.outgoing
        return any(outgoing.has_more(link) for link in self._unserved)

    def spare_all(self) -> None:
        """Take up that what carrying for others costs has changed."""
        for link in self._links.ready:
            self._spare(link)

    def link_up(self, link: LinkId, now: Instant) -> None:
        """A link is ready."""
        peer = self._links.ready[link]
        assert peer.link.remote_key is not None
        self._forwarder.link_up(
            link,
            now,
            host=peer.host,
            link_key=peer.link.remote_key,
            passes_stems=peer.link.version >= STEM_VERSION,
            is_dialled_by_us=peer.dial is not None,
            round_trip_ms=peer.link.round_trip_ms,
        )
        self._spare(link)

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link ended."""
        self._forwarder.link_down(link, now)

    def received(self, link: LinkId, frame: Frame, now: Instant) -> None:
        """A frame about envelopes came; PeerError if no correct node could have sent it."""
        # An announcement makes spread what is here as a stem, and brings no less than a body.
        resumed_at = self._links.ready[link].link.resumed_at
        if resumed_at is not None:
            self._forwarder.replicator.resumed_links.resumed(link, resumed_at)
        match frame:
            case Push() | Stem():
                self._forwarder.intake.pushed(link, frame, now)
            case Stubs():
                self._forwarder.intake.stubs_came(link, frame, now)
            case Retired():
                self._forwarder.retirements.came(link, frame, now)
            case StemRetired():
                self._forwarder.retirements.stem_came(link, frame, now)
            case IHave():
                self._forwarder.stemming.announced(link, frame, now)
                self._forwarder.replicator.received(link, frame, now)
            case _:
                self._forwarder.replicator.received(link, frame, now)

    def tend(self, now: Instant) -> None:
        """Judge what waited, and let expire what has outlived itself."""
        is_steady = self._clock.expiry.is_steady(now)
        for link in self._forwarder.tend(is_clock_steady=is_steady, now=now):
            self._links.table.fault(link, PeerError("bad stamp"), now)

    def deadline(self) -> Monotonic | None:
        """At once if a body waits and there is room for it."""
        for link in self._unserved:
            if self._room_bytes(link) and self._forwarder.replicator.outgoing.has_more(link):
                return Monotonic(0)
        return self._forwarder.deadline()

    def take_frames(self, now: Instant) -> Sequence[tuple[LinkId, Frame]]:
        """Return what is said of envelopes, then bodies where a link has room."""
        replicator = self._forwarder.replicator
        frames = list(replicator.take_frames(now))
        frames += self._forwarder.stemming.retirement_stems.take_frames()
        self._unserved = replicator.outgoing.links_with_more()
        for link in self._unserved:
            room_bytes = self._room_bytes(link)
            if room_bytes:
                bodies = self._forwarder.body_sender.frames(replicator.outgoing, link, room_bytes)
                frames += [(link, frame) for frame in bodies]
        if self._unserved:
            frames += replicator.take_frames(now)
        return frames

    def is_spared(self, link: LinkId) -> bool:
        """Say whether a link costs money, or the battery is low: no large files go over it."""
        interface = self._links.streams.interface_of(link)
        return self._resource_policy.sparing(interface) is not Sparing.NOTHING

    def _room_bytes(self, link: LinkId) -> int:
        peer = self._links.ready.get(link)
        return peer.room_bytes if peer is not None else 0

    def _spare(self, link: LinkId) -> None:
        interface = self._links.streams.interface_of(link)
        self._forwarder.replicator.outgoing.spare(link, self._resource_policy.sparing(interface))
