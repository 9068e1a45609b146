"""The program `mesh` of a node that counts its frames by kind, why bodies come again, and its time.

With `COUNTING` an engine, a daemon's or a simulated one, says in its status what frames it sent and
by which way each body came. With `TIMING` a daemon also says how long its batches took, apart by
how many transactions they committed, and how long it stood in the queue for a processor between
them. Nothing else of a node changes. `pace_of` makes of it what a simulated node needs.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mesh.cli.main import main
from mesh.database import Cursor
from mesh.effects import Effect
from mesh.engine.engine import Engine
from mesh.engine.forwarding.intake import Intake
from mesh.engine.link_streams import Streams
from mesh.ids import Instant, LinkId
from mesh.inputs import BytesReceived, Input
from mesh.limits.node import GATHERED_MS
from mesh.storage.connection import SqlcipherConnection
from mesh.wire.envelope import envelope_id_of
from mesh.wire.frames import Frame, Push, Stem, encode_frame
from sim.patching import Patch, patched

SIZED: Final = (Push, Stem)
"""The frames whose bytes are counted by kind: bodies, nine tenths of all."""

BOUNDS_US: Final = tuple(round(250 * 2 ** (step / 4)) for step in range(44))
"""Bounds between which commits are counted: from a quarter of a millisecond to half a second."""

POINTS: Final = 101
"""So many quantiles, the least and the most among them, make the law of a commit."""

_send: Final = Streams.send
_pushed: Final = Intake.pushed
_handle: Final = Engine.handle
_execute: Final = SqlcipherConnection.execute


@dataclass(frozen=True)
class Pace:
    """The time that nodes take: after each batch, and for each commit, as measured quantiles."""

    thinking_ms: float
    commit_ms: tuple[float, ...] = ()


def pace_of(counts: Mapping[str, int]) -> Pace:
    """Return the pace of daemons that counted so with `TIMING`.

    What leaves after a batch waited for its commits, and before it for a processor, of which a
    simulated node has its own: the mean of that is added to each. A batch without a commit takes
    less than the driver gathers inputs for before it begins the next one.
    """
    queued_us = counts["queued_us"] / counts["batches"]
    counted = [(bound, counts.get(_name(bound), 0)) for bound in BOUNDS_US]
    total = sum(count for _, count in counted)
    taken_us: list[float] = []
    passed = 0
    for bound, count in counted:
        passed += count
        while count and len(taken_us) < POINTS and passed >= total * len(taken_us) / (POINTS - 1):
            # The middle of what lies between two bounds.
            taken_us.append(bound / 2 ** (1 / 8) + queued_us)
    reading_ms = counts["reading_batches_us"] / counts["reading_batches"] / 1_000
    commit_ms = tuple(round(taken / 1_000, 1) for taken in taken_us)
    return Pace(max(GATHERED_MS, round(reading_ms, 1)), commit_ms)


def _counted_send(streams: Streams, link: LinkId, frame: Frame, *, is_first: bool = False) -> None:
    if link in streams.ready:
        kind = type(frame).__name__
        streams._counters.count(f"sent_{kind}")
        if isinstance(frame, SIZED):
            streams._counters.count(f"sent_{kind}_bytes", len(encode_frame(frame)))
    _send(streams, link, frame, is_first=is_first)


def _counted_pushed(intake: Intake, link: LinkId, push: Push | Stem, now: Instant) -> None:
    id_, replicator = envelope_id_of(push.envelope), intake._replicator
    is_known = id_ in replicator.sets or id_ in intake._stemming
    if isinstance(push, Stem):
        way = "as_stem"
    elif replicator.want_list.was_asked(link, id_):
        way = "asked"
    elif id_ in intake._stemming:
        way = "pushed_after_stem"
    else:
        way = "pushed"
    intake._counters.count(f"{'again' if is_known else 'first'}_{way}")
    intake._counters.count(f"copies_of_{len(push.envelope)}", is_known)
    _pushed(intake, link, push, now)


def _counted_handle(engine: Engine, batch: Sequence[Input], now: Instant) -> list[Effect]:
    effects = _handle(engine, batch, now)
    count = engine._counters.count
    count("batches")
    count("reads", sum(isinstance(one, BytesReceived) for one in batch))
    count("batches_with_reads", any(isinstance(one, BytesReceived) for one in batch))
    return effects


COUNTING: Final = (
    Patch(Streams, "send", _counted_send),
    Patch(Intake, "pushed", _counted_pushed),
    Patch(Engine, "handle", _counted_handle),
)


class _Watch:
    """The clock of one daemon's batches."""

    def __init__(self) -> None:
        self._changes: dict[SqlcipherConnection, int] = {}
        self._commits_count = 0
        # How long each thread had waited for a processor when its last batch was over.
        self._queued_us: dict[int, int] = {}

    def execute(
        self, connection: SqlcipherConnection, sql: str, parameters: Sequence[object] = ()
    ) -> Cursor:
        """Count the transactions that write."""
        if sql.startswith("BEGIN"):
            self._changes[connection] = _total_changes(connection)
        elif sql == "COMMIT":
            self._commits_count += _total_changes(connection) != self._changes.get(connection)
        return _execute(connection, sql, parameters)

    def handle(self, engine: Engine, batch: Sequence[Input], now: Instant) -> list[Effect]:
        """Note how long it took, and stood in the queue before."""
        thread, count = threading.get_native_id(), engine._counters.count
        queued_us = _queued_us()
        # What the start of a program waited for is no batch's.
        count("queued_us", queued_us - self._queued_us.get(thread, queued_us))
        began, self._commits_count = time.monotonic(), 0
        effects = _counted_handle(engine, batch, now)
        took_us = round((time.monotonic() - began) * 1_000_000)
        commits = self._commits_count
        if not commits:
            count("reading_batches")
            count("reading_batches_us", took_us)
        for _ in range(commits):
            each_us = took_us / commits
            count(_name(next((one for one in BOUNDS_US if each_us < one), BOUNDS_US[-1])))
        self._queued_us[thread] = _queued_us()
        return effects


def _total_changes(connection: SqlcipherConnection) -> int:
    changed = connection.execute("SELECT total_changes()").fetchone()
    assert changed is not None
    assert isinstance(changed[0], int)
    return changed[0]


def _queued_us() -> int:
    """Return how long this thread could run and did not, since it began."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) // 1_000


def _name(bound_us: int) -> str:
    return f"commits_below_{bound_us}_us"


_watch: Final = _Watch()

TIMING: Final = (
    *COUNTING,
    Patch(Engine, "handle", lambda *given: _watch.handle(*given)),
    Patch(SqlcipherConnection, "execute", lambda *given: _watch.execute(*given)),
)

if __name__ == "__main__":
    with patched(*TIMING):
        main()
