"""Stores as most have them: a queue that knows nobody, from which the oldest goes first.

To be held against ours. While it is planted, nobody is nearer than anybody else, and what goes for
want of room is what came first, whoever wrote or brought it. What was written here stays, and what
is to be opened here, as in ours.
"""

from typing import Final

from mesh.ids import EnvelopeId, PostingKey, UnixSeconds
from mesh.retention.eviction import Eviction
from mesh.trust.distance import Depth, Distances
from sim.bugs.injection import Bug
from sim.invariants.stored_mail import TRUE_DEPTH
from sim.patching import Patch


def _no_depth(standings: Distances, posting_key: PostingKey, day: int) -> Depth:
    """Everybody else is a stranger."""
    is_own = TRUE_DEPTH(standings, posting_key, day) is Depth.OWN
    return Depth.OWN if is_own else Depth.STRANGER


def _first_come(keeping: Eviction, room_bytes: int, mesh_now: UnixSeconds) -> EnvelopeId | None:
    """Return what came first; places are kept in that order."""
    return next(
        (id_ for id_, one in keeping._where.items() if one.pool.key.depth is not Depth.OWN), None
    )


PLAIN_QUEUE: Final = Bug(
    "Stores are plain queues that know nobody.",
    patches=(
        Patch(Distances, "depth", _no_depth),
        Patch(Eviction, "_find_victim", _first_come),
    ),
)
