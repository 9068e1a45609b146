"""An epoch in the light of the operations that are known: for whom it is, and how new.

Implements `docs/protocol/group-keys.md`, section "Which epoch". It is asked anew when an operation
comes, since what counts may have changed.
"""

from mesh.content.entry import OperationId
from mesh.group.choice import KnownEpoch
from mesh.group.epochs import Announcement, EpochId
from mesh.group.membership import Membership
from mesh.ids import VerifyKey


def known_epoch(
    announcement: Announcement,
    membership: Membership,
    *,
    epoch: EpochId,
    maker: VerifyKey,
    is_held: bool,
    day: int,
) -> KnownEpoch:
    """Return an epoch as it stands now; `day` is the one on which it came here."""
    heads = [OperationId(head) for head in announcement.heads]
    members: frozenset[VerifyKey] | None = None
    effective_count = 0
    if not membership.graph.missing(heads):
        view = membership.now(heads)
        members = frozenset(view.members())
        effective_count = len(membership.graph.operations(view.acts))
    return KnownEpoch(
        id=epoch,
        maker=maker,
        turn=announcement.turn,
        count=announcement.count,
        without=frozenset(VerifyKey(key) for key in announcement.without),
        is_held=is_held,
        members=members,
        effective_count=effective_count,
        day=day,
    )
