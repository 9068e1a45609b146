"""Every body that goes for want of room, with what was here when it was chosen."""

import contextlib
from collections.abc import Callable, Iterator

from mesh.ids import EnvelopeId, UnixSeconds
from mesh.retention.eviction import Eviction
from mesh.trust.distance import Depth
from sim.patching import Patch, patched

Chosen = Callable[[Eviction, int, Depth], None]
"""Told of whom a body goes, and in how much room, while it is counted among those that are here."""


@contextlib.contextmanager
def observing_evictions(chosen: Chosen) -> Iterator[None]:
    """While inside, all that is chosen to go is told."""
    take, remove = Eviction.take_victims, Eviction.remove
    rooms: list[int] = []

    def take_victims(
        eviction: Eviction, room_bytes: int, expiry_now: UnixSeconds, *, count_max: int
    ) -> list[EnvelopeId]:
        rooms.append(room_bytes)
        try:
            return take(eviction, room_bytes, expiry_now, count_max=count_max)
        finally:
            rooms.pop()

    def removed(eviction: Eviction, id_: EnvelopeId) -> None:
        place = eviction.place_of(id_) if rooms else None
        if place is not None:
            chosen(eviction, rooms[-1], place[0])
        remove(eviction, id_)

    with patched(Patch(Eviction, "take_victims", take_victims), Patch(Eviction, "remove", removed)):
        yield
