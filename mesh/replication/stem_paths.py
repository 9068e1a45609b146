"""Over which link an item goes before it spreads, and whether it goes on at all.

Implements `docs/protocol/stems.md`, section "The path". A live machine that knows links and posting
keys. Both answers are functions of the posting key, the link by which the item came, and a secret
of the day, so that all items of a key take one path: each path that is drawn anew is one more look
at where the key begins. Links are ranked by rendezvous hashing (Thaler and Ravishankar, IEEE/ACM
Transactions on Networking 6(1), 1998): one that ends moves its own keys to others and no more, and
one that comes takes its share and moves nothing else. The secret is never written: beside the rows
of the store it would tell which items began here.
"""

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Final

from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b
from mesh.ids import Instant, LinkId, LinkKey, Monotonic, PostingKey
from mesh.limits.stems import (
    STEM_DROPPED_PAUSE_MS,
    STEM_DROPS_MAX,
    STEM_GO_ON_PERCENT,
    STEM_LINK_YOUNG_MS,
    STEM_SETTLING_MS,
)
from mesh.wire.envelope import SECONDS_PER_DAY

ENVELOPES: Final = b"\x00"
RETIREMENTS: Final = b"\x01"
"""Labels: what retires an envelope takes another path than the envelope did."""

_SECRET_BYTES: Final = 32
_FROM_HERE: Final = bytes(32)
"""Stands for the link of what began here; no link key is zero."""


@dataclass(slots=True)
class _Link:
    """A link that may be the next hop from `steady_at` on, if it keeps its word. `is_able`: its
    peer passes stems on.
    """

    key: LinkKey
    is_able: bool
    steady_at: Monotonic
    drops_count: int = 0
    passed_over_until: Monotonic | None = None


class StemPaths:
    """The paths of one node, fixed for a posting key as far as its links allow."""

    def __init__(self, entropy: Entropy, is_doubted: Callable[[LinkId], bool]) -> None:
        self._entropy = entropy
        self._is_doubted = is_doubted
        self._secret = b""
        self._day = -1
        self._links: dict[LinkId, _Link] = {}
        self._settled_at = Monotonic(0)

    def link_up(self, link: LinkId, key: LinkKey, now: Instant, *, is_able: bool) -> None:
        """A link is ready."""
        if not self._links:
            self._settled_at = now.after(STEM_SETTLING_MS)
        is_first = now.monotonic <= self._settled_at
        steady_at = now.monotonic if is_first else now.after(STEM_LINK_YOUNG_MS)
        self._links[link] = _Link(key, is_able, steady_at)

    def link_down(self, link: LinkId) -> None:
        """A link is gone."""
        self._links.pop(link, None)

    @property
    def has_links(self) -> bool:
        """Say whether anybody is there."""
        return bool(self._links)

    def goes_on(
        self, posting_key: PostingKey, label: bytes, came_by: LinkId | None, now: Instant
    ) -> bool:
        """Say whether an item is passed on, and does not spread here. What began here is."""
        if came_by is None:
            return True
        drawn = self._hash(posting_key, label, came_by, _FROM_HERE, now)
        return int.from_bytes(drawn) * 100 < STEM_GO_ON_PERCENT << (8 * len(drawn))

    def find_next(
        self,
        posting_key: PostingKey,
        label: bytes,
        came_by: LinkId | None,
        passed: Container[LinkId],
        now: Instant,
    ) -> LinkId | None:
        """Return the next link of an item; None if there is no other than it has gone over.

        Links that are young, doubted, or drop what they get are taken where there are no others.
        """
        free = [
            link
            for link, state in self._links.items()
            if state.is_able and link != came_by and link not in passed
        ]
        steady = [
            link
            for link in free
            if self._is_steady(self._links[link], now) and not self._is_doubted(link)
        ]
        return max(
            steady or free,
            key=lambda one: self._hash(posting_key, label, came_by, self._links[one].key, now),
            default=None,
        )

    def heard(self, link: LinkId) -> None:
        """A link was given something that has spread."""
        state = self._links.get(link)
        if state is not None:
            state.drops_count = 0

    def dropped(self, link: LinkId, now: Instant) -> None:
        """Of what a link got nothing was heard in time."""
        state = self._links.get(link)
        if state is None:
            return
        state.drops_count += 1
        if state.drops_count >= STEM_DROPS_MAX:
            state.drops_count = 0
            state.passed_over_until = now.after(STEM_DROPPED_PAUSE_MS)

    def _is_steady(self, state: _Link, now: Instant) -> bool:
        until = state.passed_over_until
        is_passed_over = until is not None and now.monotonic < until
        return state.steady_at <= now.monotonic and not is_passed_over

    def _hash(
        self,
        posting_key: PostingKey,
        label: bytes,
        came_by: LinkId | None,
        next_key: bytes,
        now: Instant,
    ) -> bytes:
        incoming = self._links.get(came_by) if came_by is not None else None
        came_by_key = _FROM_HERE if incoming is None else incoming.key
        data = posting_key + came_by_key + label + next_key
        return blake2b(self._secret_of_day(now), data, b"mesh/stem", 16)

    def _secret_of_day(self, now: Instant) -> bytes:
        day = now.mesh // SECONDS_PER_DAY
        if day != self._day:
            self._day, self._secret = day, self._entropy.draw(_SECRET_BYTES)
        return self._secret
