"""Pages: which wraps of a new epoch go into which envelopes, under which epochs.

Implements `docs/protocol/group-keys.md`, section "Pages". A wrap stands under an epoch that its
recipient is known to hold, and never simply under the newest: else a part of the group that lacks
that one would never hear again.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from mesh.group.bodies import content_room, content_size_class
from mesh.group.epochs import EpochId
from mesh.group.wraps import FIRST_BYTES, Wraps, joined_wraps
from mesh.wire.envelope import SIZE_BYTES


@dataclass(frozen=True, slots=True)
class Addressed:
    """A wrap, and the epoch under which its recipient can find it."""

    under: EpochId
    wrap: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PlannedPage:
    """The wraps of one page, and where it is posted."""

    under: EpochId
    wraps: Wraps
    size_class: int


def known_to_hold(*, wrote_under: EpochId | None, welcomed_with: EpochId | None) -> EpochId | None:
    """Return the epoch under which somebody is reached; None: only his entrance is left."""
    return welcomed_with if wrote_under is None else wrote_under


def planned_pages(
    addressed: Iterable[Addressed], overhead_of: Callable[[EpochId], int]
) -> list[PlannedPage]:
    """Return the pages for all wraps, those of one epoch together, as few as possible.

    `overhead_of` gives the bytes of a page beside its wraps, by its epoch: the announcement,
    operations, the signature.
    """
    by_epoch: dict[EpochId, list[bytes]] = {}
    for each in addressed:
        by_epoch.setdefault(each.under, []).append(each.wrap)
    return [
        page
        for under, wraps in by_epoch.items()
        for page in _pages_under(under, wraps, overhead_of(under))
    ]


def _pages_under(under: EpochId, wraps: Sequence[bytes], overhead_bytes: int) -> list[PlannedPage]:
    room = content_room(len(SIZE_BYTES) - 1) - overhead_bytes
    assert room >= FIRST_BYTES
    pages: list[PlannedPage] = []
    taken: list[bytes] = []
    taken_bytes = 0
    # Long ones first, so that the short ones fill what is left of a page.
    for wrap in sorted(wraps, key=len, reverse=True):
        if taken_bytes + len(wrap) > room:
            pages.append(_page(under, taken, overhead_bytes))
            taken, taken_bytes = [], 0
        taken.append(wrap)
        taken_bytes += len(wrap)
    if taken:
        pages.append(_page(under, taken, overhead_bytes))
    return pages


def _page(under: EpochId, wraps: Sequence[bytes], overhead_bytes: int) -> PlannedPage:
    size_class = content_size_class(overhead_bytes + sum(map(len, wraps)))
    assert size_class is not None
    linked = [wrap for wrap in wraps if len(wrap) != FIRST_BYTES]
    first = [wrap for wrap in wraps if len(wrap) == FIRST_BYTES]
    return PlannedPage(under, joined_wraps(linked, first), size_class)
