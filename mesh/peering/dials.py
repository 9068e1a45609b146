"""The dials that are under way, and how long a target waits after one that failed.

Implements `docs/protocol/peering.md`, section "When to dial". Part of the dialing machine,
which decides whom to dial.
"""

from typing import Final, NamedTuple

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.effects import Dial
from mesh.ids import Address, DialId, Instant
from mesh.limits.peering import DIAL_BACKOFF_FIRST_MS, DIAL_BACKOFF_MAX_MS, REMEMBERED_FAILURES_MAX
from mesh.peering.knocks import Knocks
from mesh.peering.target_table import TargetTable
from mesh.peering.targets import Source, Target

_BACKOFF_DOUBLINGS_MAX: Final = 16


class _UnderWay(NamedTuple):
    """A dial that has neither become a link nor failed: for which target, and to where."""

    target: str
    address: Address


class Dials:
    """All dials under way. A target is dialled at most once at a time, and so is an address."""

    def __init__(self, entropy: Entropy, targets: TargetTable) -> None:
        self._entropy = entropy
        self._targets = targets
        self._under_way: dict[DialId, _UnderWay] = {}
        self._knocks = Knocks()
        self._next = 1

    def __len__(self) -> int:
        return len(self._under_way)

    @property
    def blind_count(self) -> int:
        """Dials of targets of which nobody says that they are there."""
        targets = [self._targets.find(one.target) for one in self._under_way.values()]
        return sum(target is None or target.is_blind for target in targets)

    def find_target(self, dial: DialId) -> Target | None:
        """For which target a dial is under way, if that is still known."""
        under_way = self._under_way.get(dial)
        return None if under_way is None else self._targets.find(under_way.target)

    def free_addresses(self, target: Target) -> list[Address]:
        """Those that are not being dialled just now: a host may have a former name too.

        Of what a person named all may be tried, of what was heard only so many ports of a host.
        """
        taken = [one.address for one in self._under_way.values()]
        free = [address for address in target.addresses if address not in taken]
        if target.source in (Source.CONFIGURED, Source.REMEMBERED):
            return free
        return [address for address in free if self._knocks.may_try(address)]

    def begin(self, target: Target, address: Address) -> Dial:
        """Dial a target at one of its addresses."""
        dial = DialId(self._next)
        self._next += 1
        self._under_way[dial] = _UnderWay(target.name, address)
        target.dial = dial
        return Dial(dial, address)

    def finish(self, dial: DialId) -> Target | None:
        """A dial is over; its target, unless that is gone or was dialled anew meanwhile."""
        target = self.find_target(dial)
        self._under_way.pop(dial, None)
        if target is None or target.dial != dial:
            return None
        target.dial = None
        return target

    def failed(self, dial: DialId, now: Instant) -> Target | None:
        """A dial came to nothing; its target as in `finish`."""
        under_way = self._under_way.get(dial)
        if under_way is not None:
            self._knocks.failed(under_way.address, now)
        return self.finish(dial)

    def is_patient_again(self, now: Instant) -> bool:
        """Say whether `pass_time` would change something."""
        return self._knocks.is_due(now)

    def pass_time(self, now: Instant) -> bool:
        """Say whether hosts may be tried again that may not have been before."""
        return self._knocks.pass_time(now)

    def back_off(self, target: Target, now: Instant) -> None:
        """Wait twice as long as the last time; give up what nobody typed or announces."""
        target.failures_count += 1
        is_lost = target.failures_count >= REMEMBERED_FAILURES_MAX
        if target.source in (Source.REMEMBERED, Source.EXCHANGED) and is_lost:
            self._targets.give_up(target)
            return
        has_untried = target.failures_count < len(target.addresses)
        doublings = min(target.failures_count - 1, _BACKOFF_DOUBLINGS_MAX)
        pause_ms = min(DIAL_BACKOFF_FIRST_MS << doublings, DIAL_BACKOFF_MAX_MS)
        pause_ms = pause_ms // 2 + uniform_below(self._entropy, pause_ms)
        target.not_before = now.after(0 if has_untried else pause_ms)

    def begin_anew(self, now: Instant) -> None:
        """Wait for no dial that is under way, and after no failure."""
        self._under_way.clear()
        self._knocks.clear()
        for target in self._targets:
            target.dial = None
            target.failures_count = 0
            target.not_before = now.monotonic
