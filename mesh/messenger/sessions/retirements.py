"""Retirements that are ours to tell: tokens on their way from the vault to the store.

Implements `docs/protocol/envelope.md`, section "Retirements". A read token is a row of the
transaction that keeps the opened message, with a due time of its own, so that the mesh does not
learn what one person opened together; it leaves at the next instant at which this node tells of
retirements, with those of others. A row goes only when the store has the token: after a crash it
leaves again, which harms nobody.
"""

from collections.abc import Iterable
from heapq import heappop, heappush

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.ids import EnvelopeId, Instant, Monotonic
from mesh.limits.cover import COVER_AWAY_MS_MAX
from mesh.replication.retiring import gathered_after
from mesh.storage.vault.outbox import RetirementRows
from mesh.wire.retirement import Retirement


class Retirements:
    """Tokens that wait for their time."""

    def __init__(
        self, rows: RetirementRows, *, delay_ms: tuple[int, int], entropy: Entropy, now: Instant
    ) -> None:
        self._rows = rows
        self.delay_ms = delay_ms
        self._entropy = entropy
        # Due times by the clock that never jumps; the number keeps those of one instant in order.
        self._waiting: list[tuple[Monotonic, int, Retirement]] = []
        self._noted_count = 0
        # In the store, though their rows are still here.
        self._left: dict[Retirement, None] = {}
        for row in rows.all():
            # A clock that was set meanwhile may neither hold a token back nor keep it for years.
            pause_ms = min(max(row.due_ms - now.mesh_ms, 0), delay_ms[1] + COVER_AWAY_MS_MAX)
            self._note(Retirement(row.envelope, row.token), pause_ms, now)

    def opened(
        self, envelope: EnvelopeId, read_token: bytes, *, away_ms: int = 0, now: Instant
    ) -> None:
        """An envelope was opened here, or will be as it seems; the mesh learns it after a while."""
        shortest_ms, longest_ms = self.delay_ms
        drawn_ms = shortest_ms + uniform_below(self._entropy, longest_ms - shortest_ms + 1)
        due = gathered_after(drawn_ms, longest_ms, now)
        pause_ms = -(-(due - now.monotonic) // 1000) + away_ms
        self._add(Retirement(envelope, read_token), pause_ms, now)

    def withdrawn(self, envelope: EnvelopeId, withdraw_token: bytes, *, now: Instant) -> None:
        """Our person takes an envelope back: that must not wait."""
        self._add(Retirement(envelope, withdraw_token), 0, now)

    def take_due(self, limit: int, now: Instant) -> list[Retirement]:
        """Tokens whose time has come. They are committed, and named once in this run."""
        due: list[Retirement] = []
        while self._waiting and self._waiting[0][0] <= now.monotonic and len(due) < limit:
            due.append(heappop(self._waiting)[2])
        return due

    def left(self, retirements: Iterable[Retirement]) -> None:
        """The store has committed these, or knows nothing that they retire."""
        self._left.update(dict.fromkeys(retirements))

    @property
    def left_count(self) -> int:
        """Return how many rows are here for nothing; that they stay is no harm."""
        return len(self._left)

    def write_left(self) -> None:
        """Remove these rows, in a transaction that has perhaps another reason."""
        for retirement in self._left:
            self._rows.remove(retirement.envelope, retirement.token)
        self._left.clear()

    def deadline(self) -> Monotonic | None:
        """Return when the next token is due."""
        return self._waiting[0][0] if self._waiting else None

    def _add(self, retirement: Retirement, pause_ms: int, now: Instant) -> None:
        due_ms = now.mesh_ms + pause_ms
        if self._rows.add(retirement.envelope, retirement.token, due_ms):
            self._note(retirement, pause_ms, now)

    def _note(self, retirement: Retirement, pause_ms: int, now: Instant) -> None:
        due = now.after(pause_ms)
        heappush(self._waiting, (due, self._noted_count, retirement))
        self._noted_count += 1
