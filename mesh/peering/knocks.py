"""The ports of each host at which dials came to nothing, so that nobody has us try all of them.

Implements `docs/protocol/peering.md`, section "When to dial". Whoever announces a thousand nodes at
the address of somebody else would have every node of a network knock at a thousand doors there.
"""

from typing import TypeAlias

from mesh.ids import Address, Instant, Monotonic
from mesh.limits.peering import CANDIDATES_MAX, HOST_PORTS_FAILED_MAX, HOST_PORTS_FAILED_MS

_Host: TypeAlias = tuple[str, int]
"""An address without its port; a link-local one is of an interface."""


class Knocks:
    """The ports that failed lately, by host; the host of which was heard first goes first."""

    def __init__(self) -> None:
        self._failed: dict[_Host, dict[int, Monotonic]] = {}
        # When the first of them is to be forgotten.
        self._next: Monotonic | None = None

    def failed(self, address: Address, now: Instant) -> None:
        """Nobody of ours answered there."""
        ports = self._failed.setdefault((address.host, address.scope), {})
        ports[address.port] = until = now.after(HOST_PORTS_FAILED_MS)
        self._next = until if self._next is None else min(self._next, until)
        if len(self._failed) > CANDIDATES_MAX:
            del self._failed[next(iter(self._failed))]

    def may_try(self, address: Address) -> bool:
        """Say whether one more port of a host may be tried; one that failed may be, again."""
        ports = self._failed.get((address.host, address.scope), {})
        return address.port in ports or len(ports) < HOST_PORTS_FAILED_MAX

    def is_due(self, now: Instant) -> bool:
        """Say whether something is long enough ago to be forgotten."""
        return self._next is not None and self._next <= now.monotonic

    def pass_time(self, now: Instant) -> bool:
        """Forget what is long ago; whether anything was forgotten."""
        if not self.is_due(now):
            return False
        before = sum(map(len, self._failed.values()))
        for host, ports in list(self._failed.items()):
            kept = {port: until for port, until in ports.items() if until > now.monotonic}
            if kept:
                self._failed[host] = kept
            else:
                del self._failed[host]
        self._next = min((min(ports.values()) for ports in self._failed.values()), default=None)
        return sum(map(len, self._failed.values())) < before

    def clear(self) -> None:
        """On another network the same address is another host."""
        self._next = None
        self._failed.clear()
