"""The bounds of carrying for others: the disk, networks that cost money, and a low battery.

It decides from what the shell has measured and the person has set, and says so in words. What comes
in cannot be told apart: who asked for his own mail alone would show whose it is. So it is what
leaves that is spared, and without a look at who wrote it: what left all the same would be ours.
"""

from collections.abc import Iterable
from typing import Final

from mesh.commands.status import Disk
from mesh.ids import Monotonic
from mesh.limits.retention import STORE_FREE_DISK_PERCENT
from mesh.limits.storage import DISK_FULL_BYTES, DISK_ROOM_AGAIN_PERCENT, DISK_SCARCE_BYTES
from mesh.replication.fair_queue import Sparing

DISK_WORDS: Final[dict[Disk, str]] = {
    "room": "There is room on the disk again: everything is taken in as before.",
    "scarce": "The disk is nearly full: mail of others is not kept here until there is room.",
    "full": (
        "The disk is full: nothing new is stored, neither mail that comes nor what you write, "
        "until there is room. Everything that is here can be read, and others are given of it."
    ),
}
"""What a person is told of the disk."""

BATTERY_WORDS: Final = (
    "The battery is low: little but short new mail leaves this node. It wakes up less often, and "
    "links come back later after a sleep."
)

_MIB = 1024 * 1024


class ResourcePolicy:
    """The budget of a node for others."""

    def __init__(self, stored_bytes_max: int, metered_interfaces: Iterable[str]) -> None:
        self.is_power_low = False
        self._free_bytes: int | None = None
        self.disk: Disk = "room"
        # A write has failed: until then nothing is tried, whatever seems to be free.
        self._failed_until: Monotonic | None = None
        self._share_bytes: int | None = None
        self.change(stored_bytes_max, metered_interfaces)

    @property
    def stored_bytes_max(self) -> int:
        """Return what the store may take: what was set, and not more than its share of the disk."""
        if self._share_bytes is None:
            return self._stored_bytes_wanted
        return min(self._stored_bytes_wanted, self._share_bytes)

    def change(self, stored_bytes_max: int, metered_interfaces: Iterable[str]) -> None:
        """A person wants it so from now on."""
        self._stored_bytes_wanted = stored_bytes_max
        self._metered = dict.fromkeys(metered_interfaces)

    def disk_measured(self, free_bytes: int, stored_bytes: int) -> None:
        """So much is free beside what the store takes: a part of both is its share."""
        self._free_bytes = free_bytes
        self._share_bytes = store_share_bytes(free_bytes, stored_bytes)

    def write_failed(self, until: Monotonic) -> None:
        """There was no room for a write; until then nothing is to be tried again."""
        self._failed_until = until

    def look_at_disk(self, now: Monotonic) -> Disk:
        """Return how much room there is now, by what was measured and by what failed."""
        if self._failed_until is not None and self._failed_until <= now:
            self._failed_until = None
        scarce_bytes, full_bytes = DISK_SCARCE_BYTES, DISK_FULL_BYTES
        if self.disk != "room":
            scarce_bytes = scarce_bytes * DISK_ROOM_AGAIN_PERCENT // 100
        if self.disk == "full":
            full_bytes = full_bytes * DISK_ROOM_AGAIN_PERCENT // 100
        free_bytes = scarce_bytes if self._free_bytes is None else self._free_bytes
        if self._failed_until is not None or free_bytes < full_bytes:
            self.disk = "full"
        else:
            self.disk = "scarce" if free_bytes < scarce_bytes else "room"
        return self.disk

    def deadline(self) -> Monotonic | None:
        """Return when to look at the disk again, though nothing is told of it."""
        return self._failed_until

    def sparing(self, interface: str) -> Sparing:
        """Return what of others' mail a link over this interface is spared."""
        if self.is_power_low:
            return Sparing.EVERYTHING
        return Sparing.BACKLOG if interface in self._metered else Sparing.NOTHING

    def limits(self, interfaces: Iterable[str]) -> list[str]:
        """Say why this node does less for others than it was set to, in sentences."""
        told = [] if self.disk == "room" else [DISK_WORDS[self.disk]]
        if self.stored_bytes_max < self._stored_bytes_wanted:
            told.append(
                f"The disk has {(self._free_bytes or 0) // _MIB} MiB free: the store "
                f"takes {self.stored_bytes_max // _MIB} MiB instead of "
                f"{self._stored_bytes_wanted // _MIB} MiB."
            )
        if self.is_power_low:
            told.append(BATTERY_WORDS)
        count = sum(interface in self._metered for interface in interfaces)
        if count and not self.is_power_low:
            links = "1 link goes" if count == 1 else f"{count} links go"
            told.append(f"{links} over a metered network: little older mail leaves there.")
        return told


def store_share_bytes(free_bytes: int, stored_bytes: int) -> int:
    """Return what the store may take of a disk, of what is free on it and what the store takes
    already.
    """
    return (free_bytes + stored_bytes) * STORE_FREE_DISK_PERCENT // 100
