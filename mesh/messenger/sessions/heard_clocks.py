"""Clocks that the payloads of contacts bear, which say when they wrote what was opened.

Implements `docs/protocol/session.md`, section "Renewal". What is written under a clock that is
years ahead keeps that clock when it is sealed again under the right time. So its envelope bounds
it: else nothing that is written in those years would be later than it.
"""

from mesh.ids import Instant, UnixSeconds
from mesh.limits.admission import CREATED_AHEAD_SECONDS_MAX
from mesh.storage.vault.vault import NEWEST_OPENED_MARK, Vault
from mesh.wire.envelope import CREATED_ROUNDING_S
from mesh.wire.payload import HLC_COUNTER_BITS, AnyPayload


def clock_of(payload: AnyPayload, created: UnixSeconds) -> int:
    """Return the clock of a payload: it was written before its envelope was created, even if its
    author's clock was ahead then.
    """
    return min(payload.hlc, _clock_at(created + CREATED_ROUNDING_S))


def lower_heard_clocks(vault: Vault, now: Instant) -> None:
    """Lower what was heard by clocks that lie ahead of all that is known of the time."""
    newest = max(now.mesh, now.expiry, vault.mark(NEWEST_OPENED_MARK))
    highest = _clock_at(newest + CREATED_AHEAD_SECONDS_MAX)
    vault.exchanges.lower_clocks(highest)


def _clock_at(seconds: int) -> int:
    return seconds * 1_000 << HLC_COUNTER_BITS
