"""To whom new mail is pushed, to whom it is announced, and what of it is given when asked for.

Implements `docs/protocol/spreading.md`, section "Eager and lazy links". A live machine that knows
ids and links. New mail is pushed whole over eager links (`eager_links`) and announced at once over
lazy ones. What is not new (learned by reconciling, or older than a minute) is announced and never
pushed. All of it waits for room on the link (`outgoing`).
"""

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import Final

from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic
from mesh.limits.replication import (
    DO_NOT_WANT_AT_ONCE_BYTES_MIN,
    DO_NOT_WANT_BYTES_MIN,
    DO_NOT_WANT_IDS_MAX,
    DO_NOT_WANT_KEPT_MS,
    SERVED_IDS_REMEMBERED,
    SERVED_PER_MINUTE_MAX,
)
from mesh.replication.eager_links import EagerLinks
from mesh.replication.outgoing import NOHAVE_BUSY, NOHAVE_SPARING, NOHAVE_UNKNOWN, Outgoing
from mesh.replication.seen_sets import SeenSets
from mesh.wire.frames import DoNotWant, Frame, NoHave, join_entries

_MINUTE_US: Final = 60_000_000


@dataclass(slots=True)
class _LinkState:
    """The requests of one peer. `served`: how often each was asked for, of late."""

    unwanted: dict[EnvelopeId, Monotonic] = field(default_factory=dict)
    served: dict[EnvelopeId, int] = field(default_factory=dict)
    served_since: Monotonic | None = None


class EagerPush:
    """The sending half of spreading. `frames`: where it adds those that are to be sent."""

    def __init__(
        self,
        sets: SeenSets,
        eager_links: EagerLinks,
        outgoing: Outgoing,
        frames: list[tuple[LinkId, Frame]],
    ) -> None:
        self._sets = sets
        self._eager_links = eager_links
        self._outgoing = outgoing
        self._frames = frames
        self._links: dict[LinkId, _LinkState] = {}

    def link_up(self, link: LinkId) -> None:
        """A link is ready."""
        self._links[link] = _LinkState()

    def link_down(self, link: LinkId) -> None:
        """A link is gone."""
        self._links.pop(link, None)

    def spread(
        self,
        id_: EnvelopeId,
        *,
        is_live: bool,
        came_by: LinkId | None,
        holders: Iterable[LinkId],
        stem_links: Container[LinkId] = (),
        stood_in_link: bool = False,
        now: Instant,
    ) -> None:
        """An element is new here: push it, or announce it.

        `stem_links`: who is at their other ends has it as a stem, and is told that it spreads.
        `stood_in_link`: live mail that many get out of a cut at once is announced as backlog, but
        to a link that is spared backlog, which would never get it.
        """
        size_bytes = self._sets.element(id_).size_bytes
        self._eager_links.arrived(id_, now)
        skipped = dict.fromkeys(holders)
        for link, state in self._links.items():
            if link == came_by or link in skipped:
                continue
            is_eager = self._eager_links.is_eager(link)
            is_live_here = is_live and (not stood_in_link or self._outgoing.is_sparing(link))
            # What waits here, or there for us, is overtaken by word of it; what leaves at once is
            # its own word, unless it is long.
            is_long = size_bytes >= DO_NOT_WANT_AT_ONCE_BYTES_MIN
            says_soon = is_long or self._outgoing.has_bodies(link)
            if id_ in state.unwanted:
                says_soon = True
            elif is_live_here and is_eager and link not in stem_links:
                self._outgoing.push(link, id_)
            else:
                self._outgoing.announce(link, (id_,), is_live=is_live_here)
            is_pusher = is_live_here and came_by is not None and is_eager
            if is_pusher and size_bytes >= DO_NOT_WANT_BYTES_MIN and says_soon:
                self._frames.append((link, DoNotWant(ids=id_)))

    def wanted(
        self, link: LinkId, ids: Iterable[EnvelopeId], now: Instant, *, is_live: bool = False
    ) -> None:
        """A link asks for these; who asks for one too often in a minute has to wait."""
        state = self._links[link]
        is_old = state.served_since is None or now.monotonic - state.served_since >= _MINUTE_US
        if is_old or len(state.served) > SERVED_IDS_REMEMBERED:
            state.served.clear()
            state.served_since = now.monotonic
        refused: list[tuple[EnvelopeId, int]] = []
        for id_ in ids:
            served_count = state.served.get(id_, 0)
            if id_ not in self._sets:
                refused.append((id_, NOHAVE_UNKNOWN))
            elif self._outgoing.is_full(link) or served_count >= SERVED_PER_MINUTE_MAX:
                refused.append((id_, NOHAVE_BUSY))
            elif self._outgoing.give(link, id_, is_live=is_live):
                state.served[id_] = served_count + 1
            else:
                refused.append((id_, NOHAVE_SPARING))
        if refused:
            self._frames.append((link, NoHave(entries=join_entries(refused))))

    def unwanted(self, link: LinkId, ids: Iterable[EnvelopeId], now: Instant) -> None:
        """A link has these large ones: they are not pushed to it any more."""
        unwanted = self._links[link].unwanted
        for id_ in ids:
            unwanted[id_] = now.monotonic
            self._outgoing.discard_pushed(link, id_)
        oldest = now.monotonic - DO_NOT_WANT_KEPT_MS * 1000
        while unwanted:
            first, since = next(iter(unwanted.items()))
            if len(unwanted) <= DO_NOT_WANT_IDS_MAX and since >= oldest:
                break
            del unwanted[first]
