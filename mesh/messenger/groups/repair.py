"""The parts by which a group mends what was lost: put together, since most are told of the same."""

from dataclasses import dataclass

from mesh.errors import PeerError
from mesh.group.placed_posts import Need
from mesh.ids import Instant, UnixSeconds, VerifyKey
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.hands import Hands
from mesh.messenger.groups.leaves_keeper import LeavesKeeper
from mesh.messenger.groups.losses import Losses
from mesh.messenger.groups.needs import Needs
from mesh.messenger.groups.supplies import Supplies


@dataclass(frozen=True, slots=True)
class Repair:
    """The parts that mend, of all groups."""

    leaves: LeavesKeeper
    needs: Needs
    supplies: Supplies
    hands: Hands
    losses: Losses

    def asked(
        self, group: Group, member: VerifyKey, need: Need, need_id: bytes, now: Instant
    ) -> None:
        """Somebody asks. Only members are served; PeerError if his leaf is none."""
        if member not in group.members:
            raise PeerError("a need of somebody who is no member")
        if need.leaf:
            self.leaves.take_short(group, member, need.leaf)
        self.needs.named(
            group, member, operations=need.operation_heads, entries=need.entry_heads, now=now
        )
        self.needs.somebody_asked(group, need, now)
        self.supplies.asked(group, member, need, need_id, now)
        for each in need.cannot:
            self.hands.cannot(group, member, each, now)

    def tend(self, group: Group, rank: int, now: Instant) -> list[UnixSeconds]:
        """Do what is due in a group in which we are; return when something else is. `rank`: ours
        among the members who were heard lately.
        """
        self.losses.look(group, now)
        self.hands.call(group, rank, now)
        return [
            *self.needs.tend(group, now),
            *self.supplies.tend(group, now),
            *self.hands.tend(group, now),
        ]
