"""The bounds of carrying for others: the disk, networks that cost money, and a low battery.

It decides from what the shell has measured and the person has set, and says so in words. What comes
in cannot be told apart: who asked for his own mail alone would show whose it is. So it is what
leaves that is spared.
"""

from collections.abc import Iterable

from mesh.limits.retention import STORE_FREE_DISK_PERCENT
from mesh.replication.fair_queue import Sparing

_MIB = 1024 * 1024


class ResourcePolicy:
    """The budget of a node for others."""

    def __init__(self, stored_bytes_max: int, metered_interfaces: Iterable[str]) -> None:
        self._metered = dict.fromkeys(metered_interfaces)
        self._stored_bytes_wanted = stored_bytes_max
        self.stored_bytes_max = stored_bytes_max
        self.is_power_low = False
        self._free_bytes: int | None = None

    def disk_measured(self, free_bytes: int, stored_bytes: int) -> None:
        """So much is free beside what the store takes: a part of both is its share."""
        self._free_bytes = free_bytes
        share_bytes = store_share_bytes(free_bytes, stored_bytes)
        self.stored_bytes_max = min(self._stored_bytes_wanted, share_bytes)

    def sparing(self, interface: str) -> Sparing:
        """Return what of others' mail a link over this interface is spared."""
        if self.is_power_low:
            return Sparing.EVERYTHING
        return Sparing.BACKLOG if interface in self._metered else Sparing.NOTHING

    def limits(self, interfaces: Iterable[str]) -> list[str]:
        """Say why this node does less for others than it was set to, in sentences."""
        told = []
        if self.stored_bytes_max < self._stored_bytes_wanted:
            told.append(
                f"The disk is nearly full ({(self._free_bytes or 0) // _MIB} MiB free): the store "
                f"takes {self.stored_bytes_max // _MIB} MiB instead of "
                f"{self._stored_bytes_wanted // _MIB} MiB."
            )
        if self.is_power_low:
            told.append(
                "The battery is low: only your own mail and that of your contacts leaves this node."
            )
        count = sum(interface in self._metered for interface in interfaces)
        if count and not self.is_power_low:
            links = "1 link goes" if count == 1 else f"{count} links go"
            told.append(f"{links} over a metered network: no older mail of others leaves there.")
        return told


def store_share_bytes(free_bytes: int, stored_bytes: int) -> int:
    """The store's share of a disk: of what is free on it, and what the store takes already."""
    return (free_bytes + stored_bytes) * STORE_FREE_DISK_PERCENT // 100
