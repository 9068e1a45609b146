"""The overlay: which peers this node has, whom it knows besides, and who they turn out to be.

Joins the machines of `mesh.peering` to the links and to the vault. Implements
`docs/protocol/peering.md`, sections "Peer exchange" and "How many links", and the section "Who" of
`docs/protocol/link.md`. Once a minute links that brought a backlog are noted: there is another
part of the mesh behind them.
"""

from collections.abc import Callable, Mapping, Sequence

from mesh.crypto.entropy import Entropy
from mesh.database import Connection
from mesh.effects import Effect, Emit
from mesh.engine.link_streams import Streams
from mesh.engine.part import Part
from mesh.events import ContactAdded, ContactChanged, ContactRemoved
from mesh.ids import ContactId, Instant, LinkId, Monotonic, earliest
from mesh.limits.peering import BACKLOG_SHOWS_PARTITION, PEX_RECORDS_MAX
from mesh.messenger.messenger import Messenger
from mesh.peering.dialer import Dialer
from mesh.peering.exchange import PeerExchange
from mesh.peering.recognition import Recognition
from mesh.wire.frames import Frame, Pex, PexRequest, Who

OverlayFrame = Who | PexRequest | Pex
NewsCount = Callable[[LinkId], tuple[int, int]]
"""How much of what a link brought nobody else had: in all, and fetched as backlog."""


class Overlay(Part):
    """The knowledge of peers beyond their links."""

    frame_types = (Who, PexRequest, Pex)

    def __init__(
        self,
        *,
        streams: Streams,
        dialer: Dialer,
        exchange: PeerExchange,
        news_count: NewsCount,
        entropy: Entropy,
    ) -> None:
        self._streams = streams
        self._news_count = news_count
        self._dialer = dialer
        self._exchange = exchange
        self._recognition = Recognition(entropy)
        self._backlogs: dict[LinkId, int] = {}
        # Links that led to nobody when the vault was told last, and now to a contact.
        self._newly_recognised: dict[LinkId, ContactId] = {}
        self._moves_count = 0
        self._recognised: Mapping[LinkId, ContactId] = {}

    def contact_of(self, link: LinkId) -> ContactId | None:
        """The contact at the other end of a link, if they have proved it inside this link.

        Both sides know it, once both vaults are open: what only contacts may be told can go over
        this link. None as soon as our vault closes. Nothing is dialled or kept for that, or the
        links would draw the graph of contacts.
        """
        return self._recognition.contact_of(link)

    def contacts_by_link(self) -> Mapping[LinkId, ContactId]:
        """The same for all open links that lead to a contact, in the order in which they opened."""
        return self._recognition.contacts_by_link()

    # --- Links and time -----------------------------------------------------------------------

    def link_up(self, link: LinkId, now: Instant) -> None:
        """A link is ready."""
        peer = self._streams.ready.get(link)
        if peer is None or peer.link.hello is None:
            return
        self._backlogs[link] = 0
        hello, is_initiator = peer.link.hello, peer.link.is_initiator
        self._exchange.link_up(link, peer.address, is_dialled=is_initiator, now=now)
        if is_initiator:
            self._exchange.proven(peer.address, hello.features, now)
        else:
            self._exchange.called(link, hello.port, hello.features)
        self._recognition.link_up(
            link, peer.link.handshake_hash, is_initiator=is_initiator, now=now
        )

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link ended: somebody who is known may take its place."""
        self._backlogs.pop(link, None)
        self._exchange.link_down(link, now)
        self._recognition.link_down(link)
        self._fill_up(now)

    def received(self, link: LinkId, frame: Frame, now: Instant) -> None:
        """A frame of these came; PeerError if no correct node could have sent it."""
        if isinstance(frame, Who):
            self._recognition.received(link, frame, now)
            self._note_recognised()
            return
        assert isinstance(frame, PexRequest | Pex)
        if self._exchange.received(link, frame, now):
            self._fill_up(now)

    def tend(self, now: Instant) -> None:
        """Whatever is due."""
        unreachable = self._dialer.targets.take_unreachable()
        for address in unreachable:
            self._exchange.disproven(address)
        if unreachable:
            # Who has lost every link is told of nobody: only what is known still can help then.
            self._fill_up(now)
        self._recognition.deadline_passed(now)
        if self._exchange.deadline_passed(now):
            self._note_backlogs(now)
            self._fill_up(now)

    def deadline(self) -> Monotonic | None:
        """Return when `tend` wants to be called."""
        return earliest((self._exchange.deadline(), self._recognition.deadline()))

    def take_frames(self, now: Instant) -> Sequence[tuple[LinkId, OverlayFrame]]:
        """Frames to send, in order."""
        return [*self._exchange.take_frames(), *self._recognition.take_frames()]

    # --- The vault ----------------------------------------------------------------------------

    def vault_opened(self, messenger: Messenger, now: Instant) -> None:
        """Our contacts are known again."""
        self._note_contacts(messenger)

    def vault_closing(self, now: Instant) -> None:
        """Know nobody any more."""
        self._recognition.vault_closing()
        self._newly_recognised.clear()
        self._note_recognised()

    def told(self, messenger: Messenger, effects: Sequence[Effect]) -> None:
        """See from what our person is told whether there are other contacts than before, and from
        the sessions whether they are recognised by other keys.
        """
        if messenger.parts.sessions.tags.ways.moves_count != self._moves_count:
            self._note_contacts(messenger)
            return
        for effect in effects:
            is_about_contacts = isinstance(effect, Emit) and isinstance(
                effect.event, ContactAdded | ContactChanged | ContactRemoved
            )
            if is_about_contacts:
                self._note_contacts(messenger)
                return

    def wants_vault(self, now: Instant) -> bool:
        """Say whether somebody was recognised."""
        return bool(self._newly_recognised)

    def use_vault(self, messenger: Messenger, vault: Connection, now: Instant) -> None:
        """Nobody carries what is for themselves, though it was counted before they were known."""
        newly, self._newly_recognised = self._newly_recognised, {}
        for link, contact in newly.items():
            peer = self._streams.ready.get(link)
            if peer is not None and peer.link.remote_key is not None:
                messenger.parts.transit.recognised(contact, peer.link.remote_key)

    def _note_contacts(self, messenger: Messenger) -> None:
        self._moves_count = messenger.parts.sessions.tags.ways.moves_count
        self._recognition.keys_changed(*messenger.link_keys())
        self._note_recognised()

    def _note_recognised(self) -> None:
        recognised = self._recognition.contacts_by_link()
        for link, contact in recognised.items():
            if self._recognised.get(link) != contact:
                self._newly_recognised[link] = contact
        self._recognised = recognised

    def _note_backlogs(self, now: Instant) -> None:
        for link, former in list(self._backlogs.items()):
            _, count = self._news_count(link)
            self._backlogs[link] = count
            if count - former >= BACKLOG_SHOWS_PARTITION:
                self._dialer.brought_backlog(link, now)

    def _fill_up(self, now: Instant) -> None:
        if self._dialer.is_short:
            self._dialer.targets.offer(self._exchange.pick(PEX_RECORDS_MAX, now), now)
