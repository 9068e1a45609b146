"""A relay as it runs, over a month in minutes, by a clock in hand: its loop, sockets and log.

What the relay logs of a month of mail is held against what it logs of a month in which nobody
writes, hour by hour the same but for the mail: each line that is in one alone, or more often, was
caused by mail, whatever it says. The mail comes over a real link, from a node that was handed it
and logs into the same files.
"""

import logging
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, get_args, get_type_hints

import structlog
import trio

from mesh.commands.carry import ImportCarried, ImportedAnswer
from mesh.commands.peers import AddPeer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.config import Config
from mesh.database import Connection
from mesh.engine.settings import EngineSettings
from mesh.ids import Instant, Monotonic
from mesh.node.logs import start_logging, stop_logging
from mesh.node.node import Node
from mesh.storage.connection import connect
from mesh.storage.migrations import migrate_store
from mesh.wire.carry_file import Record, RecordKind, join_records
from mesh.wire.envelope import Envelope
from tests.bench.relay_log import lines_of
from tests.messenger.people import WITHOUT_STAMPS

HOUR_US: Final = 3_600_000_000
PATIENCE_S: Final = 60
LOOK_S: Final = 0.005
BLOCK_RECORDS: Final = 16
KEY_BYTES: Final = 32

LEVELS: Final[Sequence[str]] = get_args(get_type_hints(Config)["log_level"])
"""All that a daemon may be told to log at."""

Line = Mapping[str, str]


class TurnedClock:
    """A machine's two clocks, which go on by themselves and are turned on by hours."""

    def __init__(self, unix_s: int) -> None:
        self._ahead_us = 0
        self._unix_us = unix_s * 1_000_000
        self._began_ns = time.monotonic_ns()

    def now(self) -> Instant:
        """Read both."""
        passed = (time.monotonic_ns() - self._began_ns) // 1_000 + self._ahead_us
        return Instant(Monotonic(passed), self._unix_us + passed)

    def turn(self) -> None:
        """An hour passes at once, as under a closed lid."""
        self._ahead_us += HOUR_US


def logged(
    hours: Sequence[Sequence[Envelope]], unix_s: int, level: str, folder: Path
) -> list[dict[str, str]]:
    """Return what a relay logs at a level over so many hours, each with its mail."""
    before = logging.getLogger().level
    start_logging(level=level, folder=folder, console=None)
    try:
        trio.run(_pass_by, hours, TurnedClock(unix_s), folder)
    finally:
        stop_logging()
        logging.getLogger().setLevel(before)
        structlog.reset_defaults()
    return lines_of(folder)


def caused_by_mail(month: Sequence[Line], silent: Sequence[Line]) -> list[str]:
    """Return the lines that a month has more of, or fewer, than one without mail, but for their
    time.
    """
    counts, others = Counter(map(_told, month)), Counter(map(_told, silent))
    return [
        f"{told}, {counts[told]} times, without mail {others[told]}"
        for told in {**counts, **others}
        if counts[told] != others[told]
    ]


def _told(line: Line) -> str:
    return " ".join(f"{name}={value}" for name, value in line.items() if name != "timestamp")


def _store(path: Path) -> Connection:
    """An encrypted database on the disk, as a profile has it: a node works in two threads."""
    connection = connect(path, os.urandom(KEY_BYTES))
    migrate_store(connection)
    return connection


async def _pass_by(hours: Sequence[Sequence[Envelope]], clock: TurnedClock, folder: Path) -> None:
    relay, other = (
        Node(
            settings=EngineSettings(parameters=WITHOUT_STAMPS, is_relay=is_relay),
            store=_store(folder / f"{is_relay}.db"),
            listen_port=0,
            clock=clock.now,
        )
        for is_relay in (True, False)
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(relay.run)
        nursery.start_soon(other.run)
        await other.ask(AddPeer(f"127.0.0.1:{relay.port}"))
        # Both have looked at their clocks before the first hour.
        await _until_here(relay, other)
        for mail in hours:
            clock.turn()
            for first in range(0, len(mail), BLOCK_RECORDS):
                records = [
                    Record(RecordKind.ENVELOPE, one.data)
                    for one in mail[first : first + BLOCK_RECORDS]
                ]
                taken = await other.carry_by_hand(ImportCarried(join_records(records)))
                assert isinstance(taken, ImportedAnswer)
                assert not taken.refused, "what nobody takes would stand in no log"
            await _until_here(relay, other)
        nursery.cancel_scope.cancel()


async def _until_here(relay: Node, other: Node) -> None:
    """Wait until they are linked, as they were before the hour, and the relay has the mail."""
    with trio.fail_after(PATIENCE_S):
        while True:
            here, there = [await node.ask(AskStatus()) for node in (relay, other)]
            assert isinstance(here, StatusAnswer)
            assert isinstance(there, StatusAnswer)
            if here.links_count and here.envelopes_count >= there.envelopes_count:
                return
            await trio.sleep(LOOK_S)
