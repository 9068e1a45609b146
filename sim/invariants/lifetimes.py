"""The lifetimes of envelopes: nothing is kept, sent, or shown past its own (S12).

It is held against the true time, of nodes that may be expected to know it: a node trusts its clock
an hour after its start, and forgets nothing before that. What lapsed is looked for from time to
time, so a little later is in time: ten minutes in the store, and an hour more in the vault, whose
chores are done so often.

What a node sends and opens is seen where links encode frames and where the inbox takes a message,
while its engine works; hostile nodes are not looked at.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from mesh.database import Connection
from mesh.errors import PeerError
from mesh.ids import UnixSeconds
from mesh.limits.messages import CHORES_INTERVAL_MS
from mesh.limits.timekeeping import STEADY_MS
from mesh.replication.replicator import Replicator
from mesh.wire.envelope import HEADER_BYTES, LIFETIME_SECONDS, decode_header
from mesh.wire.frames import Push
from sim.invariants.invariants import S12, BrokenInvariant

LATE_S: Final = 600
"""How long after its lifetime an envelope may stay: what lapsed is looked for once a minute."""

CHORE_S: Final = CHORES_INTERVAL_MS // 1_000

LAPSING_US: Final = STEADY_MS * 1_000 + LATE_S * 1_000_000
"""For how long a node must have lived before its store, what it sends and opens is looked at."""

CLEARED_US: Final = LAPSING_US + CHORE_S * 1_000_000
"""For how long its vault must have been open before that is looked at too."""


class Lifetimes:
    """Holds the nodes of one world to it.

    `true_now`: what time it really is. `working`: whose engine works now, if it is honest.
    `lived_us`: for how long it has lived; 0 where it cannot know the time.
    """

    def __init__(
        self,
        *,
        true_now: Callable[[], UnixSeconds],
        working: Callable[[], int | None],
        lived_us: Callable[[int], int],
    ) -> None:
        self._true_now = true_now
        self._working = working
        self._lived_us = lived_us
        self.looked_count = 0
        """Envelopes that were looked at when they were sent or opened."""

    def sent(self, frame: msgspec.Struct) -> None:
        """A link encodes this frame."""
        if not isinstance(frame, Push):
            return
        try:
            lapses = decode_header(frame.envelope[:HEADER_BYTES]).lapses
        except PeerError:
            # What honest nodes send they have judged.
            return
        self._hold(lapses, "sent")

    def opened(self, lapses: UnixSeconds) -> None:
        """A node opens an envelope and shows what is in it."""
        self._hold(lapses, "shown")

    def _hold(self, lapses: UnixSeconds, what: str) -> None:
        node = self._working()
        if node is None:
            return
        self.looked_count += 1
        late_s = self._true_now() - lapses
        if late_s > LATE_S and self._lived_us(node) > LAPSING_US:
            raise BrokenInvariant(S12, f"an envelope is {what} {late_s} s after its lifetime", node)


def require_lapsed(node: int, store: Connection, true_now_s: int) -> None:
    """Require that what a store keeps has not outlived its lifetime."""
    _require_none(node, store, "envelopes", true_now_s - LATE_S, true_now_s)


def require_cleared(node: int, vault: Connection, true_now_s: int) -> None:
    """Nor has what its owner wrote, and still holds to be on its way."""
    _require_none(node, vault, "outbox", true_now_s - LATE_S - CHORE_S, true_now_s)


def require_forgotten(node: int, spreading: Replicator, true_now_s: int) -> None:
    """Nor what an engine knows in memory and compares with others."""
    late = [
        element.created + LIFETIME_SECONDS[element.lifetime_class]
        for element in map(spreading.sets.element, spreading.sets.ids())
        if element.created + LIFETIME_SECONDS[element.lifetime_class] < true_now_s - LATE_S
    ]
    _require_empty(node, "known", late, true_now_s)


def _require_none(
    node: int, database: Connection, table: str, before: int, true_now_s: int
) -> None:
    query = f"SELECT lapses FROM {table} WHERE lapses < ? ORDER BY lapses"  # noqa: S608 (ours)
    late = [int(str(row[0])) for row in database.execute(query, (before,)).fetchall()]
    _require_empty(node, f"kept among its {table}", late, true_now_s)


def _require_empty(node: int, what: str, late: Sequence[int], true_now_s: int) -> None:
    if late:
        detail = f"{len(late)} are {what} past their lifetime, one for {true_now_s - min(late)} s"
        raise BrokenInvariant(S12, detail, node)
