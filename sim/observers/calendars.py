"""The times at which nodes of a world erased what had lapsed, by their own calendars.

A node goes by its calendar where nobody tells it better, so one that is days ahead erases mail that
lives elsewhere (`docs/protocol/posting.md`, "Expiry time"). What is noted is as much as its rules
allow: the calendar went on for an hour, over restarts, and since five minutes after the last; and
it is not so late that it is not believed. Neighbours may have held it back; that is not looked at.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from mesh.limits.timekeeping import (
    AWAY_SECONDS_MAX,
    STEADY_MS,
    STEADY_RESTART_GAP_SECONDS_MAX,
    STEADY_RESTARTED_MS,
)
from mesh.timekeeping.expiry_clock import DRIFT_TOLERATED_SECONDS
from sim.invariants.paths import Lapsing

US: Final = 1_000_000
JUMP_US: Final = DRIFT_TOLERATED_SECONDS * US
GAP_US_MAX: Final = STEADY_RESTART_GAP_SECONDS_MAX * US
STEADY_US: Final = STEADY_MS * 1_000
RESTARTED_US: Final = STEADY_RESTARTED_MS * 1_000
LATE_US_MAX: Final = (AWAY_SECONDS_MAX + 86_400) * US
"""A contact's newest envelope, from which this counts too, may be dated a day ahead."""


@dataclass(frozen=True, slots=True)
class _Run:
    """A time in which a calendar goes on: since when, and what it showed then."""

    since: int
    shown: int
    steady_us: int
    """For how long it had gone on before."""

    settled_at: int
    """When neighbours have had their moment since the node started."""


@dataclass(slots=True)
class Calendars:
    """Of the nodes of one world. `shown` is a node's calendar; a right one shows virtual time."""

    now: Callable[[], int]
    shown: Callable[[int], int]
    _runs: dict[int, _Run] = field(init=False, default_factory=dict)
    _seen: dict[int, tuple[int, int]] = field(init=False, default_factory=dict)
    _steady_shown: dict[int, int] = field(init=False, default_factory=dict)
    _lapsing: dict[int, list[Lapsing]] = field(init=False, default_factory=dict)

    def runs(self, node: int) -> None:
        """A node runs, since now or for some time; perhaps its calendar was set."""
        now, shown, run = self.now(), self.shown(node), self._runs.get(node)
        if run is None:
            last, steady_us = self._seen.get(node, (shown, 0))
            is_known = -JUMP_US <= shown - last <= GAP_US_MAX
            self._runs[node] = _Run(now, shown, steady_us if is_known else 0, now + RESTARTED_US)
            return
        would_show = run.shown + now - run.since
        if abs(shown - would_show) > JUMP_US:
            self._end(node, run, would_show)
            self._runs[node] = _Run(now, shown, 0, run.settled_at)

    def stopped(self, node: int) -> None:
        """A node stopped, or never ran."""
        run = self._runs.pop(node, None)
        if run is not None:
            shown = self.shown(node)
            self._end(node, run, shown)
            self._seen[node] = shown, run.steady_us + self.now() - run.since

    def lapsing(self) -> Mapping[int, list[Lapsing]]:
        """All of it up to now, of each node in order."""
        lapsing = {node: list(spans) for node, spans in self._lapsing.items()}
        for node, run in self._runs.items():
            if (span := self._span(node, run, self.shown(node))) is not None:
                lapsing.setdefault(node, []).append(span)
        return lapsing

    def _end(self, node: int, run: _Run, shown: int) -> None:
        span = self._span(node, run, shown)
        if span is not None:
            self._lapsing.setdefault(node, []).append(span)
            self._steady_shown[node] = max(shown, self._steady_shown.get(node, 0))

    def _span(self, node: int, run: _Run, shown: int) -> Lapsing | None:
        now = self.now()
        since = max(run.settled_at, run.since + STEADY_US - run.steady_us)
        steady_shown = self._steady_shown.get(node)
        is_believed = steady_shown is None or shown <= max(steady_shown, now) + LATE_US_MAX
        return Lapsing(since, now, shown) if since <= now and is_believed else None
