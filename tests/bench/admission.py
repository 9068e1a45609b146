"""The cost of admitting and storing what neighbours bring, for a real daemon.

Envelopes come to a relay over loopback, from a link of the bench's own, so that nobody's CPU but
the daemon's counts. A second pair shows what it is to join a mesh of many authors, whose stamps
have to be checked one by one. They have one bit: the check costs what that of nine bits does.
"""

import time
from pathlib import Path

from mesh.ids import UnixSeconds
from tests.bench.daemons import cpu_seconds
from tests.bench.relays import known_count, relays, wait_for
from tests.bench.table import Row
from tests.integration.authors import Author, written
from tests.integration.holding import fill
from tests.integration.injecting import injector
from tests.integration.meshes import closed_config
from tests.integration.nodes import start_relays
from tests.integration.strangers import now

WRITTEN_AGO_S = 120
WRITTEN_BY_EACH = 10
STAMP_BITS = 4
"""The least that admits what each author wrote."""


def rows(scratch: Path, count: int, authors: int) -> list[Row]:
    """Storing, then joining."""
    return [*_storing(scratch / "storing", count), *_joining(scratch / "joining", authors)]


def _storing(scratch: Path, count: int) -> list[Row]:
    envelopes = written(count, [_some_time_ago()])
    with relays(scratch, 1, closed_config(scratch)) as made:
        (node,) = made.nodes
        start_relays(node)
        with injector(node) as source:
            before, began = cpu_seconds(node.pid), time.monotonic()
            source.hand_over(envelopes)
            took = wait_for(lambda: known_count(node) >= count, "all stored") - began
            cpu = cpu_seconds(node.pid) - before
    note = "link, signature, admission, commit"
    return [
        Row("Mesh", "a daemon admits and stores, of one core", count / cpu, "envelopes/s", note),
        Row("Mesh", "the same by the clock", count / took, "envelopes/s"),
    ]


def _joining(scratch: Path, authors: int) -> list[Row]:
    created = _some_time_ago()
    envelopes = [
        envelope
        for number in range(authors)
        for envelope in Author(number.to_bytes(32), created, stamp_bits=STAMP_BITS).write(
            WRITTEN_BY_EACH
        )
    ]
    config = closed_config(scratch).replace("stamp_bits = 0", f"stamp_bits = {STAMP_BITS}")
    with relays(scratch, 2, config) as made:
        member, joining = made.nodes
        fill(member, envelopes)
        start_relays(member, joining)
        began, before = time.monotonic(), cpu_seconds(joining.pid)
        ended = wait_for(lambda: known_count(joining) >= len(envelopes), "all known")
        cpu = cpu_seconds(joining.pid) - before
    what = f"joining a mesh of {authors:,} authors, {WRITTEN_BY_EACH} envelopes each"
    return [
        Row("Mesh", what, ended - began, "s"),
        Row("Mesh", "CPU of who joins", cpu, "s", f"{cpu / authors * 1000:.3g} ms an author"),
    ]


def _some_time_ago() -> UnixSeconds:
    return UnixSeconds(now().unix_seconds - WRITTEN_AGO_S)
