"""The choice of an epoch to write under, the same for all who know the same.

Implements `docs/protocol/group-keys.md`, section "Which epoch". Concurrent epochs coexist, and
everybody reads all that he holds; the choice is only about what is written next.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mesh.group.epochs import EpochId
from mesh.group.operations import Role
from mesh.ids import VerifyKey
from mesh.limits.group_keys import TURN_MAX, TURNS_PER_DAY_MAX


@dataclass(frozen=True, slots=True)
class KnownEpoch:
    """An epoch as one node sees it now. The announcement was signed by its maker."""

    id: EpochId
    maker: VerifyKey
    turn: int
    count: int
    """Recipients, as the announcement says."""

    without: frozenset[VerifyKey]
    is_held: bool
    """Whether we have its seed, or the chains that grew from it."""

    members: frozenset[VerifyKey] | None
    """The members after its heads, by what is effective now; None while one of them is missing."""

    effective_count: int
    """Operations up to its heads that are effective now."""

    day: int
    """When it came here, in days of mesh time."""

    @property
    def recipients(self) -> frozenset[VerifyKey]:
        """The members who get the seed, as far as that is known."""
        return frozenset() if self.members is None else self.members - self.without

    @property
    def is_consistent(self) -> bool:
        """Say whether it is for whom it says: it leaves out members only, and never its maker."""
        return (
            self.members is not None
            and self.without <= self.members
            and self.maker in self.recipients
            and self.count == len(self.recipients)
        )


def is_fit(epoch: KnownEpoch, members: frozenset[VerifyKey]) -> bool:
    """Say whether we may write under an epoch: it is held, and for exactly our members.

    That its maker is one of them matters: who is removed could make the epoch for the time after
    himself.
    """
    return epoch.is_held and epoch.is_consistent and epoch.members == members


def chosen_epoch(
    epochs: Sequence[KnownEpoch], roles: Mapping[VerifyKey, Role]
) -> KnownEpoch | None:
    """Return the epoch to write under, of those known in the order in which they came; None if
    none is fit. `roles` has all members.

    Only effective operations make an epoch newer: else a void one, and an epoch after it that one
    member cannot open, would cut that member off again and again.
    """
    members = frozenset(roles)
    fit = [epoch for epoch in epochs if is_fit(epoch, members)]
    return max(within_turns(fit, roles), key=lambda epoch: order_of(epoch, roles), default=None)


def order_of(
    epoch: KnownEpoch, roles: Mapping[VerifyKey, Role]
) -> tuple[int, int, int, Role, EpochId]:
    """Return by what fit epochs are compared; the greatest is written under."""
    return (
        epoch.effective_count,
        -len(epoch.without),
        epoch.turn,
        roles[epoch.maker],
        epoch.id,
    )


def within_turns(epochs: Iterable[KnownEpoch], roles: Mapping[VerifyKey, Role]) -> list[KnownEpoch]:
    """Return the epochs without those of plain members beyond eight turns a day.

    An epoch of turn 0 is no turn: it comes with operations, which have bounds of their own.
    """
    counts: Counter[tuple[VerifyKey, int]] = Counter()
    kept = []
    for epoch in epochs:
        if epoch.turn and roles[epoch.maker] is Role.MEMBER:
            counts[epoch.maker, epoch.day] += 1
            if counts[epoch.maker, epoch.day] > TURNS_PER_DAY_MAX:
                continue
        kept.append(epoch)
    return kept


def next_turn(epochs: Iterable[KnownEpoch], effective_count: int) -> int:
    """Return the turn of a new epoch after so many effective operations.

    The last turn is never passed: there the maker's role and the id decide.
    """
    turns = [epoch.turn for epoch in epochs if epoch.effective_count == effective_count]
    return min(1 + max(turns), TURN_MAX) if turns else 0
