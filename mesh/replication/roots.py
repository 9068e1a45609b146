"""Roots: now and then a peer is told what all our sets come to, and sees whether his do too.

Implements `docs/protocol/spreading.md`, section "Roots". A live machine. Roots go to peers by
chance, the less often the longer nothing changed.
"""

from collections.abc import Callable
from typing import Final

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.errors import PeerError
from mesh.ids import Instant, LinkId, Monotonic, UnixSeconds
from mesh.limits.anti_entropy import ROOT_INTERVAL_MAX_MS, ROOT_INTERVAL_MS, ROOT_PAUSE_MS
from mesh.replication.negentropy import fingerprint
from mesh.replication.range_audit import bound_of
from mesh.replication.seen_sets import CLASSES_COUNT, SeenSets
from mesh.wire.frames import Frame, Root, RootEntry

EAGER_ROOT_ONE_IN: Final = 5
ROOT_CEILING_S: Final = 60
"""A root leaves out what was created within a minute: it may be on its way."""


class Roots:
    """The roots that are told, and those that are heard."""

    def __init__(self, sets: SeenSets, entropy: Entropy) -> None:
        self._sets = sets
        self._entropy = entropy
        # When each link was last heard.
        self._heard_at: dict[LinkId, Monotonic | None] = {}
        self._tell_at: Monotonic | None = None
        self._interval_ms = ROOT_INTERVAL_MS
        self._told_count = 0

    def link_up(self, link: LinkId, now: Instant) -> None:
        """A link is ready."""
        self._heard_at[link] = None
        self.changed(now)

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link is gone."""
        self._heard_at.pop(link, None)
        self.changed(now)

    def changed(self, now: Instant) -> None:
        """Something changed: tell roots at the shortest interval again."""
        self._interval_ms = ROOT_INTERVAL_MS
        soon = now.after(3 * ROOT_INTERVAL_MS // 2)
        if self._tell_at is None or self._tell_at > soon:
            self._plan(now)

    def differing(self, link: LinkId, entries: list[RootEntry], now: Instant) -> list[int]:
        """The lifetime classes in which a peer has others than we; PeerError if malformed."""
        if any(one.lifetime_class >= CLASSES_COUNT or one.ceiling < one.floor for one in entries):
            raise PeerError("a root that cannot be")
        heard_at = self._heard_at[link]
        if heard_at is not None and now.monotonic - heard_at < ROOT_PAUSE_MS * 1000:
            # Nobody honest has one again so soon: it would only make us work.
            return []
        self._heard_at[link] = now.monotonic
        return [
            entry.lifetime_class
            for entry in entries
            # Where a part has expired here: they will hear of ours.
            if entry.floor >= self._sets.floor(entry.lifetime_class, now.mesh)
            and self._entry(entry.lifetime_class, entry.floor, entry.ceiling) != entry
        ]

    def deadline(self) -> Monotonic | None:
        """Return when the next root is to be told."""
        return self._tell_at if self._heard_at else None

    def deadline_passed(
        self, is_eager: Callable[[LinkId], bool], now: Instant
    ) -> list[tuple[LinkId, Frame]]:
        """Tell a random peer if it is time: mostly one that does not push to us.

        What is pushed both ways is seldom lost, so those are looked at every fifth time.
        """
        if self._tell_at is None or now.monotonic < self._tell_at:
            return []
        self._plan(now)
        self._interval_ms = min(2 * self._interval_ms, ROOT_INTERVAL_MAX_MS)
        if not self._heard_at:
            return []
        self._told_count += 1
        is_eager_turn = self._told_count % EAGER_ROOT_ONE_IN == 0
        links = [one for one in self._heard_at if is_eager(one) == is_eager_turn]
        links = links or list(self._heard_at)
        link = links[uniform_below(self._entropy, len(links))]
        ceiling = (now.mesh - ROOT_CEILING_S) // 60 * 60
        floors = [self._sets.floor(one, now.mesh) for one in range(CLASSES_COUNT)]
        entries = [
            self._entry(lifetime_class, floor, ceiling)
            for lifetime_class, floor in enumerate(floors)
            # Where it is not, everything older had to be cut off.
            if floor <= ceiling
        ]
        return [(link, Root(entries))]

    def _entry(self, lifetime_class: int, floor: int, ceiling: int) -> RootEntry:
        index = self._sets.of_class(lifetime_class)
        lower = index.rank(bound_of(UnixSeconds(floor)))
        upper = index.rank(bound_of(UnixSeconds(ceiling)))
        value = fingerprint(index, lower, upper)
        return RootEntry(lifetime_class, floor, ceiling, upper - lower, value)

    def _plan(self, now: Instant) -> None:
        half = self._interval_ms // 2
        pause_ms = half + uniform_below(self._entropy, 2 * half)
        self._tell_at = now.after(pause_ms)
