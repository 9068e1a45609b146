"""The keepers of groups: what each part of them is made with."""

from dataclasses import dataclass

from mesh.messenger.groups.chains_keeper import ChainsKeeper
from mesh.messenger.groups.daily_shares import DailyShares
from mesh.messenger.groups.epochs_keeper import EpochsKeeper
from mesh.messenger.groups.leaves_keeper import LeavesKeeper
from mesh.messenger.groups.membership_keeper import MembershipKeeper


@dataclass(frozen=True, slots=True)
class Keepers:
    """Members, leaves, chains and epochs of all groups, as they stand in the vault, and how much
    each member may add to it.
    """

    groups: MembershipKeeper
    leaves: LeavesKeeper
    chains: ChainsKeeper
    epochs: EpochsKeeper
    shares: DailyShares
