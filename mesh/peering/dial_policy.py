"""The targets that are worth a dial, by the links that stand and the dials under way.

Implements `docs/protocol/peering.md`, section "How many links". Part of the dialing machine, which
decides when. Nothing here changes anything but the address that a target is dialled at next.
"""

from dataclasses import dataclass
from typing import assert_never

from mesh.ids import Address
from mesh.limits.peering import (
    CANDIDATES_MAX,
    DIALS_BLIND_MAX,
    LINKS_ACTIVE_MAX,
    LINKS_ACTIVE_MIN,
    LINKS_DIALLED_TARGET,
    LINKS_FULL_MESH_MAX,
    LINKS_HOSTILE_SHARE,
    LINKS_ROOM_MAX,
)
from mesh.peering.dials import Dials
from mesh.peering.open_links import OpenLinks
from mesh.peering.segments import FAR
from mesh.peering.target_table import TargetTable
from mesh.peering.targets import Source, Target


@dataclass(frozen=True, slots=True)
class Wants:
    """The targets that are wanted at present: those seen or told of, on a network here or far away.

    `blind`: whether one more dial may go where nobody announces himself.
    """

    seen: bool
    told: bool
    near: bool
    far: bool
    blind: bool


class DialPolicy:
    """The wishes of a node about its targets; each answer holds until one of the three changes."""

    def __init__(self, targets: TargetTable, dials: Dials, links: OpenLinks) -> None:
        self._targets = targets
        self._dials = dials
        self._links = links

    @property
    def is_small(self) -> bool:
        """Say whether so few are in sight that a node links to all of them."""
        # Who was only told of is not in sight. More than a few are never counted.
        return self._targets.count_in_sight(LINKS_FULL_MESH_MAX + 1) <= LINKS_FULL_MESH_MAX

    @property
    def is_thin(self) -> bool:
        """Say whether there are fewer links than a node should have."""
        return self._links.counted + len(self._dials) < LINKS_ACTIVE_MIN

    @property
    def room(self) -> int:
        """Return how many links may stand: so many that a third of all in sight cannot fill it."""
        hostile = self._targets.count_in_sight(CANDIDATES_MAX) // LINKS_HOSTILE_SHARE
        return min(max(LINKS_ACTIVE_MAX, LINKS_ACTIVE_MIN + hostile), LINKS_ROOM_MAX)

    def wants(self) -> Wants:
        """Return what `is_wanted` measures a target by."""
        links, dials_count = self._links, len(self._dials)
        if self.is_small:
            is_seen = len(links) + dials_count < LINKS_FULL_MESH_MAX
        else:
            is_seen = links.dialled_count + dials_count < LINKS_DIALLED_TARGET
        return Wants(
            seen=is_seen,
            told=self.is_thin,
            near=links.is_scarce_near,
            far=links.is_scarce(FAR),
            blind=self._dials.blind_count < DIALS_BLIND_MAX,
        )

    def is_wanted(self, target: Target, wants: Wants) -> bool:
        """Say whether a target is to be dialled, once its time has come."""
        if target.is_blind and not wants.blind:
            return False
        match target.source:
            case Source.CONFIGURED:
                is_wanted = True
            case Source.EXCHANGED:
                is_wanted = wants.told
            case Source.ANNOUNCED | Source.REMEMBERED:
                is_wanted = wants.seen
            case _:
                assert_never(target.source)
        if not is_wanted and (wants.near or (wants.far and target.is_blind)):
            is_wanted = target.failures_count == 0 and bool(self._scarce_addresses(target))
        return is_wanted and self._is_dialable(target)

    def wanted(self) -> list[Target]:
        """All targets that are to be dialled, once their time has come."""
        wants = self.wants()
        return [target for target in self._targets if self.is_wanted(target, wants)]

    def others(self) -> list[Target]:
        """All in sight that could be dialled, wanted or not."""
        idle = [target for target in self._targets if self._is_dialable(target)]
        return [target for target in idle if not target.is_blind]

    def next_address(self, target: Target) -> Address:
        """One after the other; at first one on a network that has too few links."""
        scarce = self._scarce_addresses(target) if target.failures_count == 0 else []
        if scarce:
            target.next_address = target.addresses.index(scarce[0])
        free = self._dials.free_addresses(target)
        while target.addresses[target.next_address % len(target.addresses)] not in free:
            target.next_address += 1
        address = target.addresses[target.next_address % len(target.addresses)]
        target.next_address += 1
        return address

    def _is_dialable(self, target: Target) -> bool:
        """Say whether no link leads to a target, no dial is under way to it, and an address is
        free.
        """
        is_idle = target.dial is None and not self._links.has_to(target)
        return is_idle and bool(self._dials.free_addresses(target))

    def _scarce_addresses(self, target: Target) -> list[Address]:
        """Return where it stands on networks with too few links. Who announces itself is near."""
        networks = [
            (address, self._links.network_of(address))
            for address in self._dials.free_addresses(target)
        ]
        return [
            address
            for address, network in networks
            if self._links.is_scarce(network) and (network != FAR or target.is_blind)
        ]
