"""The links that stand, and how each of them ends.

Joins the machines of `mesh.peering` that decide who may stay to the streams. Implements
`docs/protocol/link.md`, section "Duplicates".
"""

from collections import Counter
from collections.abc import Sequence

from mesh.effects import Disconnect, Effect, Emit, SendBytes
from mesh.engine.counters import Counters
from mesh.engine.link_keys import INSTANCE_BYTES, LinkKeys
from mesh.engine.link_streams import Peer, Streams
from mesh.errors import PeerError
from mesh.events import LinkClosed, LinkOpened
from mesh.ids import Instant, LinkId, Monotonic
from mesh.limits.link import HANDSHAKES_PENDING_MAX, LINKS_MAX
from mesh.peering.dialer import Dialer
from mesh.peering.duplicates import Duplicates
from mesh.peering.exchange import PeerExchange
from mesh.wire.frames import (
    CLOSE_DUPLICATE,
    CLOSE_SELF,
    CLOSE_TOO_MANY,
    Close,
    Frame,
)


class LinkTable:
    """The links of this node. Effects gather in `effects`, in order, until they are taken."""

    def __init__(
        self,
        *,
        streams: Streams,
        keys: LinkKeys,
        dialer: Dialer,
        exchange: PeerExchange,
        counters: Counters,
    ) -> None:
        self._streams = streams
        self._keys = keys
        self._dialer = dialer
        self._exchange = exchange
        self._counters = counters
        self._duplicates = Duplicates()
        self._opened: list[LinkId] = []
        self._closed: list[LinkId] = []
        self.effects: list[Effect] = []

    @property
    def has_changed(self) -> bool:
        """Say whether links became ready or ended since they were last taken."""
        return bool(self._opened or self._closed)

    def take_opened(self) -> list[LinkId]:
        """Links that became ready since the last call."""
        opened, self._opened = self._opened, []
        return opened

    def take_closed(self) -> list[LinkId]:
        """Links that were ready and ended since the last call."""
        closed, self._closed = self._closed, []
        return closed

    def make_room_for_handshake(self, now: Instant) -> None:
        """The oldest unfinished handshake yields, of the host that has most of them.

        An honest one is over in milliseconds; and one laptop pushes out nobody but itself.
        """
        pending = {
            link: one.host
            for link, one in self._streams.all.items()
            if one.dial is None and not one.is_ready and link not in self._duplicates
        }
        is_full = len(self._streams.all) >= LINKS_MAX
        if len(pending) >= HANDSHAKES_PENDING_MAX or (is_full and pending):
            ((busiest, _),) = Counter(pending.values()).most_common(1)
            oldest = next(link for link, host in pending.items() if host == busiest)
            self._counters.count("handshakes_pushed_out")
            self._end(oldest, "too many handshakes", now, is_abrupt=True)

    def heard(self, link: LinkId, frames: Sequence[Frame], now: Instant) -> None:
        """A stream brought something: that may settle which links stay."""
        peer = self._streams.all[link]
        self._end_duplicates(self._duplicates.heard(link, now), now)
        if peer.link.is_ready and not peer.is_ready and link not in self._duplicates:
            self._settle(link, peer, now)
        if link in self._streams.ready:
            return
        for frame in frames:
            if isinstance(frame, Close):
                self.told_to_close(link, frame, now)
                return
        if frames:
            self._end_duplicates(self._duplicates.used(link), now)

    def told_to_close(self, link: LinkId, close: Close, now: Instant) -> None:
        """The other side says that this link ends, and why."""
        peer = self._streams.all.get(link)
        if peer is None:
            return
        remote_key = peer.link.remote_key
        if close.reason == CLOSE_DUPLICATE and peer.dial is not None and remote_key:
            self._dialer.duplicate_found(peer.dial, remote_key)
            peer.dial = None
        if close.reason == CLOSE_SELF:
            self._dialer.self_found(peer.dial, now)
            peer.dial = None
        if close.reason == CLOSE_TOO_MANY:
            self._dialer.links.turned_away(link)
        if close.reason != CLOSE_DUPLICATE:
            self._end_waiting(link, close.reason, "the other side closed another one", now)
        self._end(link, f"the other side closed it ({close.reason})", now)

    def fault(self, link: LinkId, error: PeerError, now: Instant) -> None:
        """A peer did something wrong: its link ends, and it is counted."""
        self._counters.count("links_faulted")
        self._counters.count(f"fault: {error.reason}")
        self._end(link, error.reason, now)

    def close_all(self, reason: int, words: str, now: Instant) -> None:
        """Tell the other side of every link why, then end it."""
        for link in list(self._streams.ready):
            self._close(link, reason, words, now)

    def deadline(self) -> Monotonic | None:
        """Return when `deadline_passed` wants to be called."""
        return self._duplicates.deadline()

    def deadline_passed(self, now: Instant) -> None:
        """A second link to one node has waited for long enough."""
        self._end_duplicates(self._duplicates.deadline_passed(now), now)

    def gone(self, link: LinkId, words: str, now: Instant) -> None:
        """A stream is gone: another one to the same node may take its place."""
        peer = self._streams.all.pop(link, None)
        if peer is None:
            return
        if self._streams.ready.pop(link, None) is not None:
            self._dialer.link_down(link, now)
            self._closed.append(link)
            self._counters.count("links_closed")
            event = LinkClosed(str(peer.address), words, len(self._streams.ready))
            self.effects.append(Emit(event))
        elif peer.dial is not None:
            self._dialer.dial_failed(peer.dial, now)
        successor = self._duplicates.ended(link, now)
        if successor is not None:
            self._open(successor, now)
            waiting = self._duplicates.beside(successor)
            for asked in (successor, *waiting) if waiting else ():
                self._streams.ping(asked)

    def _settle(self, link: LinkId, peer: Peer, now: Instant) -> None:
        """Decide on a complete handshake: ourselves, somebody we have, one too many, or welcome."""
        remote_key = peer.link.remote_key
        hello = peer.link.hello
        assert remote_key is not None
        assert hello is not None
        if self._keys.is_own(remote_key):
            self._dialer.self_found(peer.dial, now)
            peer.dial = None
            self._close(link, CLOSE_SELF, "that is this node", now)
            return
        for older, other in self._streams.ready.items():
            if other.link.remote_key == remote_key:
                self._wait_beside(older, link, now)
                return
        self._open(link, now)

    def _open(self, link: LinkId, now: Instant) -> None:
        """No other link leads to this peer: welcome it, if there is room."""
        peer = self._streams.all[link]
        remote_key = peer.link.remote_key
        hello = peer.link.hello
        assert remote_key is not None
        assert hello is not None
        if not self._dialer.is_welcome(peer.address, peer.dial):
            self._turn_away(link, peer, "enough links", now)
            return
        peer.is_ready = True
        ready = self._streams.ready
        ready[link] = peer
        self._dialer.link_up(
            link,
            peer.dial,
            remote_key=remote_key,
            instance=hello.nonce[:INSTANCE_BYTES].hex(),
            address=peer.address,
            now=now,
        )
        self._opened.append(link)
        self._counters.count("links_opened")
        self.effects.append(Emit(LinkOpened(str(peer.address), len(ready))))
        surplus = self._dialer.find_surplus()
        if surplus is not None:
            self._counters.count("links_swapped")
            self._turn_away(surplus, ready[surplus], "another one took its place", now)

    def _wait_beside(self, older: LinkId, newer: LinkId, now: Instant) -> None:
        """Two links lead to one node: ask both, and use the older one meanwhile."""
        self._counters.count("links_duplicate")
        if not self._duplicates.has_room(older):
            self._end_duplicates([newer], now)
            return
        former, latter = self._streams.all[older], self._streams.all[newer]
        remote_key = latter.link.remote_key
        assert remote_key is not None
        self._duplicates.begin(
            newer,
            older,
            is_ours_to_choose=latter.link.local_key < remote_key,
            is_crossing=former.used is None or former.used > latter.began,
            now=now,
        )
        self._streams.ping(older)
        self._streams.ping(newer)

    def _end_duplicates(self, links: Sequence[LinkId], now: Instant) -> None:
        for link in links:
            peer = self._streams.all.get(link)
            if peer is None:
                continue
            if peer.dial is not None and peer.link.remote_key is not None:
                self._dialer.duplicate_found(peer.dial, peer.link.remote_key)
                peer.dial = None
            self._close(link, CLOSE_DUPLICATE, "a second link to the same node", now)

    def _end_waiting(self, link: LinkId, reason: int, words: str, now: Instant) -> None:
        """The links that wait beside one that is given up need not take its place."""
        for waiting in self._duplicates.beside(link):
            self._close(waiting, reason, words, now)

    def _turn_away(self, link: LinkId, peer: Peer, words: str, now: Instant) -> None:
        """There are links enough: say who else may have room, then end it."""
        if peer.dial is None:
            peer.link.send(self._exchange.farewell(peer.address, now))
        self._close(link, CLOSE_TOO_MANY, words, now)

    def _close(self, link: LinkId, reason: int, words: str, now: Instant) -> None:
        """Tell the other side why, then end the link."""
        if reason != CLOSE_DUPLICATE:
            self._end_waiting(link, reason, words, now)
        self._streams.all[link].link.send(Close(reason))
        self._end(link, words, now)

    def _end(self, link: LinkId, words: str, now: Instant, *, is_abrupt: bool = False) -> None:
        peer = self._streams.all.get(link)
        if peer is None:
            return
        peer.link.close()
        last = peer.link.take_bytes(now)
        if last:
            self.effects.append(SendBytes(link, last))
        # Who proved nothing was told nothing, and must not hold a place for longer by that.
        is_abrupt |= peer.link.opened_at is None
        self.effects.append(Disconnect(link, words, is_abrupt=is_abrupt))
        self.gone(link, words, now)
