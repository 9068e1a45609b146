"""The end of an id, stub and all: it has expired, or there is no room to know it.

Implements `docs/protocol/storage.md`, section "How many ids". Ids stay by rules that are equal at
all nodes; but keys can be had for work, and a flood of stamped keys would fill every memory in the
end. So a node knows so many ids and no more. Beyond it the class with the most is *cut*: ids that
were created before the cut go, and the node compares that class from there on, as each side of a
session may. So two nodes are equal from the later of their cuts on, whatever befell them, and
nobody asks for ever for what another will not hold. What is created ahead of mesh time goes first,
or who dates a flood ahead would cut off everybody else. What the near wrote stays as long as its
body does, which has a place in its author's share, and is announced to each new link. What they
wrote and has no body goes like a stranger's: else whoever has a contact could fill the store with
stubs, under all the keys that he may name.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Final

from mesh.engine.forwarding.envelope_buffer import EnvelopeBuffer
from mesh.ids import EnvelopeId, Instant, PostingKey, UnixSeconds
from mesh.limits.retention import (
    FORGOTTEN_PER_BATCH,
    KNOWN_IDS_MIN,
    NEAR_ANNOUNCED_MAX,
    STUBS_SHARE_PERCENT,
    TOLERATED_AHEAD_SECONDS,
)
from mesh.replication.seen_sets import SeenSets
from mesh.retention.eviction import DepthOf
from mesh.storage.store.rows import IndexRow
from mesh.trust.distance import Depth
from mesh.wire.envelope import STUB_BYTES, Header

TOO_OLD: Final = "older than this node has room for"
TOO_FAR_AHEAD: Final = "dated ahead, where room is scarce"

_CUTS_SETTING: Final = "cuts"
_SECOND_BYTES: Final = 4


class IdExpiry:
    """The ids that have to go, and those that may not come."""

    def __init__(self, buffer: EnvelopeBuffer, depth_of: DepthOf, *, known_ids_max: int) -> None:
        self._buffer = buffer
        self._depth_of = depth_of
        self._known_ids_max = known_ids_max
        # So many are known in any case: most nodes never have more, and are asked in every batch.
        self._always_known = min(known_ids_max, KNOWN_IDS_MIN)
        self._is_crowded = False
        # Until the next look there is nobody left whose ids could go.
        self._has_cut_all = False
        self._near_cut_off: list[EnvelopeId] | None = None
        # Below a cut, and without the body for which they stayed.
        self._bodiless: dict[EnvelopeId, None] = {}

    def load(self, sets: SeenSets) -> None:
        """Cut where it was cut before: nobody is asked again for what was forgotten."""
        kept = self._buffer.store.link_state.find_setting(_CUTS_SETTING) or b""
        for lifetime_class, start in enumerate(range(0, len(kept), _SECOND_BYTES)):
            created = int.from_bytes(kept[start : start + _SECOND_BYTES])
            sets.cut(lifetime_class, UnixSeconds(created))
        self.bodies_gone([id_ for id_ in sets.cut_off() if not self._buffer.has_body(id_)], sets)

    def bodies_gone(self, ids: Iterable[EnvelopeId], sets: SeenSets) -> None:
        """These have no body any more: what stayed below a cut for it may go."""
        for id_ in ids:
            if id_ in sets and sets.is_cut_off(sets.element(id_)):
                self._bodiless[id_] = None

    @property
    def ids_max(self) -> int:
        """Return how many ids this node may know."""
        share_bytes = self._buffer.stored_bytes_max * STUBS_SHARE_PERCENT // 100
        return min(self._known_ids_max, max(share_bytes // STUB_BYTES, KNOWN_IDS_MIN))

    def find_refusal(
        self,
        header: Header,
        sets: SeenSets,
        now: Instant,
        *,
        has_body: bool,
    ) -> str | None:
        """Say why an envelope may not enter for want of room, not even as a stub; None if it
        may.
        """
        is_old = header.created < sets.cuts()[header.lifetime_class]
        is_ahead = self._is_crowded and header.created > _ahead_from(now)
        if not (is_old or is_ahead):
            return None
        if self._stays(header.posting_key, header.day, has_body=has_body):
            return None
        return (
            "older than this node has room for" if is_old else "dated ahead, where room is scarce"
        )

    def is_due(self, sets: SeenSets) -> bool:
        """Say whether more ids are known than there is room for, and some of them may go."""
        count = len(sets)
        return count > self._always_known and count > self.ids_max and not self._has_cut_all

    def choose(
        self,
        sets: SeenSets,
        now: Instant,
        is_retirement: Callable[[EnvelopeId], bool],
    ) -> Sequence[IndexRow]:
        """Cut the sets, and say what has to go with it."""
        self._is_crowded = True
        count = min(max(len(sets) - self.ids_max, 1), FORGOTTEN_PER_BATCH)
        ahead = sets.created_after(_ahead_from(now), count)
        chosen = self._others([id_ for id_ in ahead if not is_retirement(id_)])
        while self._bodiless and not chosen:
            stubs = list(islice(self._bodiless, count))
            for id_ in stubs:
                del self._bodiless[id_]
            chosen = self._others(stubs)
        if chosen:
            return chosen
        cut_off = sets.cut_oldest(count, max(now.mesh, now.expiry))
        # Or a link that comes now would hear of mail neither by this nor by comparing.
        self._near_cut_off = None
        self._buffer.put_setting(
            _CUTS_SETTING, b"".join(one.to_bytes(_SECOND_BYTES) for one in sets.cuts())
        )
        self._has_cut_all = not cut_off
        return self._others([id_ for id_ in cut_off if not is_retirement(id_)])

    def look_again(self, sets: SeenSets) -> None:
        """Once in a while: there may be room again for what is dated ahead."""
        self._has_cut_all = False
        self._near_cut_off = None
        if len(sets) < self.ids_max * 3 // 4:
            self._is_crowded = False

    def near_cut_off(self, sets: SeenSets) -> list[EnvelopeId]:
        """Mail of the near that is not compared any more, the newest of it: it is announced."""
        if not any(sets.cuts()):
            return []
        if self._near_cut_off is None:
            self._near_cut_off = self._find_near_cut_off(sets)
        return self._near_cut_off

    def _find_near_cut_off(self, sets: SeenSets) -> list[EnvelopeId]:
        near = [id_ for id_ in self._buffer.eviction.ids_near() if id_ in sets]
        cut_off = [id_ for id_ in near if sets.is_cut_off(sets.element(id_))]
        cut_off.sort(key=lambda id_: (-sets.element(id_).created, id_))
        return cut_off[:NEAR_ANNOUNCED_MAX]

    def _others(self, ids: Sequence[EnvelopeId]) -> list[IndexRow]:
        """Those of the given envelopes that are in the store and have no place."""
        return [
            row
            for row in self._buffer.store.rows(ids)
            if not self._stays(row.posting_key, row.day, has_body=row.has_body)
        ]

    def _stays(self, posting_key: PostingKey, day: int, *, has_body: bool) -> bool:
        """Say whether an author is near enough for an id to stay below a cut."""
        depth = self._depth_of(posting_key, day)
        return depth is Depth.OWN or (has_body and depth is not Depth.STRANGER)


def _ahead_from(now: Instant) -> UnixSeconds:
    """Return from when on something is dated ahead: by both clocks, since it has to go for that."""
    return UnixSeconds(max(now.mesh, now.expiry) + TOLERATED_AHEAD_SECONDS)
