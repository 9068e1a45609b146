"""Mesh time: the own clock, corrected by what the neighbours' clocks say.

Implements `docs/protocol/posting.md`, section "Mesh time". Clocks of real laptops are wrong. Of at
least three links, if more than half agree within ten minutes, their median difference corrects
the own clock, unless as many agree with it, itself counted: a neighbour may only repeat the time of
another one, to which it yielded. With fewer links a clock that is earlier than this release, or
than the newest stored envelope, yields to a neighbour's.
A jump deletes nothing: bodies lapse only after mesh time was steady for an hour.

A difference below ten minutes is left alone. Each Hello is rounded down, so nodes that followed
each other's every second would drift into the past together; so they follow their own clocks.
"""

from typing import Final

from mesh.ids import Instant, LinkId, Monotonic, UnixSeconds
from mesh.limits import CREATED_AHEAD_SECONDS_MAX

RELEASED: Final = UnixSeconds(1_790_000_000)
"""A clock that is earlier than this release is certainly wrong."""
AGREEMENT_S: Final = 600
LINKS_MIN: Final = 3
STEADY_US: Final = 3_600_000_000
SHOWN_FROM_S: Final = 60
DISPUTE_S: Final = 86_400
_DRIFT_TOLERATED_US: Final = 60_000_000
_LATEST: Final = (1 << 32) - 10
"""The last mesh time that a header can say; a neighbour that claims it must not stop us."""


class MeshClock:
    """One node's idea of the time, from its own clock and its links' Hello."""

    def __init__(self, released: UnixSeconds = RELEASED) -> None:
        self._earliest = released
        self._differences: dict[LinkId, int] = {}
        self._offset_s = 0
        self._steady_since: Monotonic | None = None
        self._last: Instant | None = None
        self._told: list[str] = []
        self._untold: list[str] = []

    def mesh_now(self, now: Instant) -> UnixSeconds:
        """Mesh time in seconds; notices when the own clock has jumped."""
        self._notice_jump(now)
        return UnixSeconds(min(max(now.unix_seconds + self._offset_s, 0), _LATEST))

    def observe(self, link: LinkId, hello_time: UnixSeconds, now: Instant) -> None:
        """A link's Hello said what time it is there."""
        self._differences[link] = hello_time - now.unix_seconds
        self._correct(now)

    def stored(self, created: UnixSeconds) -> None:
        """An envelope of this second is in the store: it is later than a day before that by now.

        It was admitted though it may have been a day ahead; that it is proves nothing.
        """
        proven = UnixSeconds(max(created - CREATED_AHEAD_SECONDS_MAX, 0))
        self._earliest = max(self._earliest, proven)

    def forget(self, link: LinkId) -> None:
        """A link ended; what it taught us stays until others say otherwise."""
        self._differences.pop(link, None)

    def is_steady(self, now: Instant) -> bool:
        """Whether mesh time has not jumped for an hour."""
        since = self._steady_since
        return since is not None and now.monotonic - since >= STEADY_US

    def notices(self) -> list[str]:
        """What a person should know of the time now."""
        return list(self._told)

    def take_notices(self) -> list[str]:
        """The notices that are new since the last call."""
        untold, self._untold = self._untold, []
        return untold

    def _notice_jump(self, now: Instant) -> None:
        last, self._last = self._last, now
        if last is None:
            self._steady_since = now.monotonic
            return
        passed_us = now.monotonic - last.monotonic
        jumped_us = now.wall - last.wall - passed_us
        if abs(jumped_us) > _DRIFT_TOLERATED_US:
            self._steady_since = now.monotonic
            jumped_s = jumped_us // 1_000_000
            self._differences = {
                link: difference - jumped_s for link, difference in self._differences.items()
            }
            if self._offset_s:
                # The neighbours have said what time it is; that goes on. Somebody who sets a
                # wrong clock right makes the correction needless by it.
                self._offset_s = _beyond_agreement(self._offset_s - jumped_s)
            self._correct(now)

    def _correct(self, now: Instant) -> None:
        differences = sorted(self._differences.values())
        agreed_s = _agreed(differences)
        offset_s = self._offset_s
        if agreed_s is not None:
            offset_s = _beyond_agreement(agreed_s)
        elif 0 < len(differences) < LINKS_MIN and now.unix_seconds < self._earliest:
            offset_s = max(0, differences[-1])
        if abs(offset_s - self._offset_s) > AGREEMENT_S:
            self._steady_since = now.monotonic
        self._offset_s = offset_s
        self._tell(differences, is_agreed=agreed_s is not None)

    def _tell(self, differences: list[int], *, is_agreed: bool) -> None:
        told: list[str] = []
        if abs(self._offset_s) >= SHOWN_FROM_S:
            told.append(
                f"This computer's clock is {_in_words(self._offset_s)}; the neighbours' time is"
                " used for mail."
            )
        elif not is_agreed and any(abs(one) >= DISPUTE_S for one in differences):
            told.append(
                "This computer's clock and a neighbour's differ by a day or more, and none can"
                " tell who is right; check the date."
            )
        self._untold += [notice for notice in told if notice not in self._told]
        self._told = told


def _agreed(differences: list[int]) -> int | None:
    """The median difference, if more than half of at least three links are close to it.

    The own clock is a witness too: those must be more than it and all who agree with it.
    """
    if len(differences) < LINKS_MIN:
        return None
    median = differences[len(differences) // 2]
    agreeing = sum(abs(one - median) <= AGREEMENT_S for one in differences)
    with_ours = 1 + sum(abs(one) <= AGREEMENT_S for one in differences)
    is_agreed = 2 * agreeing > len(differences)
    return median if is_agreed and (agreeing > with_ours or abs(median) <= AGREEMENT_S) else None


def _beyond_agreement(offset_s: int) -> int:
    return offset_s if abs(offset_s) > AGREEMENT_S else 0


def _in_words(offset_s: int) -> str:
    side = "behind" if offset_s > 0 else "ahead"
    minutes = abs(offset_s) // 60
    if minutes < 120:
        return f"{minutes} minutes {side}"
    hours = minutes // 60
    return f"{hours} hours {side}" if hours < 48 else f"{hours // 24} days {side}"
