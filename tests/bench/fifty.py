"""A daemon that carries a million envelopes and has fifty links: what it costs a laptop.

The neighbours are links that a person asked for, since a node keeps eight of its own accord; they
are a `crowd` in another namespace. The envelopes of the store are unsigned: who starts over them
does not check them. New mail is signed.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from mesh.commands.answer import Done
from mesh.commands.peers import AddPeer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.errors import UserError
from mesh.ids import EnvelopeId
from mesh.node.profile import Profile
from mesh.replication.seen_sets import CLASSES_COUNT, Element, SeenSets
from mesh.storage.connection import transaction
from mesh.storage.store.store import Store
from mesh.wire.envelope import Envelope
from tests.bench.crowd import Crowd, Neighbour, crowd_in
from tests.bench.daemons import MIB, cpu_seconds
from tests.bench.holding import make_envelope
from tests.bench.relays import known_count, relays, wait_for
from tests.bench.table import Row
from tests.integration.authors import written
from tests.integration.meshes import CLOSED, closed_config
from tests.integration.nodes import Node
from tests.integration.strangers import now
from tests.integration.traces import resident_bytes

LINKS = 50
SLOW = 10
SLOW_BYTES_A_SECOND = 16 * 1024
ASKED_BY_SLOW = 10_000
SETTLED_S = 5.0
NEW_MAIL = 2_000
NEW_MAIL_OF_A_STAR = 500
IDLE_SECONDS = 60.0
STORED_AGO_S = 3_600
_STORED_BYTES_EACH = 1_100
_PER_KEY = 1_000
_ROWS_PER_BATCH = 2_000


def rows(scratch: Path, count: int) -> list[Row]:
    """Fill a store, start over it, link, rest, take new mail, and bear slow readers."""
    return list(_rows(scratch, count))


def _rows(scratch: Path, count: int) -> Iterator[Row]:
    config = (
        closed_config(scratch) + f"stored_bytes_max = {max(count, 100_000) * _STORED_BYTES_EACH}\n"
    )
    with relays(scratch, 1, config) as made:
        (node,) = made.nodes
        sets = _fill(node, count)
        disk = node.folders.store_file.stat().st_size
        yield Row("Mesh", f"{count:,} envelopes on disk", disk / count, "B each")
        yield from _started(node)
        village = made.desk.laptop(made.bridge)
        host = made.desk.address(village, made.bridge)
        with crowd_in(village, host, LINKS, CLOSED, sets) as (crowd, addresses):
            yield from _linked(node, crowd, addresses)
            yield from _idle(node)
            yield from _new_mail(node, crowd, NEW_MAIL, "neighbours have it from one another")
            crowd.shares_mail = False
            yield from _new_mail(node, crowd, NEW_MAIL_OF_A_STAR, "neighbours have only us")
            crowd.shares_mail = True
            yield from _slow(node, crowd, sets.ids()[:ASKED_BY_SLOW])
        peak = _peak_bytes(node) / MIB
        yield Row("Mesh", "memory at its highest, in all this", peak, "MiB", "resident")


def _fill(node: Node, count: int) -> SeenSets:
    """Write so many into the store of a node that does not run; return the set of their ids."""
    newest = now().unix_seconds - STORED_AGO_S
    known: list[tuple[EnvelopeId, Element]] = []
    with Profile.held(node.folders) as profile:
        connection = profile.open_store()
        store = Store(connection)
        for start in range(0, count, _ROWS_PER_BATCH):
            numbers = range(start, min(start + _ROWS_PER_BATCH, count))
            made = [make_envelope(one, max(count // _PER_KEY, 1), newest) for one in numbers]
            known += [
                (
                    one.id,
                    Element(one.header.created, one.header.size_class, one.header.lifetime_class),
                )
                for one in made
            ]
            with transaction(connection):
                store.add(made)
        connection.close()
    sets = SeenSets()
    sets.load(known)
    return sets


def _started(node: Node) -> Iterator[Row]:
    began = time.monotonic()
    node.start("--relay")
    took = wait_for(lambda: _is_up(node), "up") - began
    yield Row("Mesh", "a start over them", took, "s", f"{cpu_seconds(node.pid):.3g} s of CPU")
    yield Row("Mesh", "memory without a link", resident_bytes(node.pid) / MIB, "MiB", "resident")


def _linked(node: Node, crowd: Crowd, addresses: Sequence[str]) -> Iterator[Row]:
    """All links at once, and all three classes compared over each."""
    cpu, began = cpu_seconds(node.pid), time.monotonic()
    for address in addresses:
        node.client.ask(AddPeer(address), Done)
    linked = wait_for(lambda: node.links_count() == LINKS, "all links") - began
    equal = wait_for(
        lambda: all(one.sessions_count >= CLASSES_COUNT for one in crowd.neighbours), "compared"
    )
    spent = cpu_seconds(node.pid) - cpu
    passed = sum(one.passed_bytes for one in crowd.neighbours) / LINKS
    assert not crowd.ended, crowd.ended
    yield Row("Mesh", f"{LINKS} links dialled, until all stand", linked, "s")
    yield Row("Mesh", "until all sets are found equal over each", equal - began, "s")
    yield Row("Mesh", "CPU of both", spent / LINKS * 1000, "ms a link")
    yield Row("Mesh", "bytes of both", passed, "a link", "handshake and audits among them")
    yield Row(
        "Mesh", f"memory with {LINKS} links", resident_bytes(node.pid) / MIB, "MiB", "resident"
    )


def _idle(node: Node) -> Iterator[Row]:
    cpu = cpu_seconds(node.pid)
    # Nothing is waited for: this is the time over which the cost is measured.
    time.sleep(IDLE_SECONDS)
    share = (cpu_seconds(node.pid) - cpu) / IDLE_SECONDS * 100
    yield Row("Mesh", f"idle CPU with {LINKS} links", share, "% of a core")


def _new_mail(node: Node, crowd: Crowd, count: int, who: str) -> Iterator[Row]:
    """One neighbour brings new mail: until it is stored, and until all others know of it."""
    envelopes = written(count, [now().unix_seconds])
    known, cpu, began = known_count(node), cpu_seconds(node.pid), time.monotonic()
    crowd.bring(0, envelopes)
    stored = wait_for(lambda: known_count(node) >= known + count, "stored") - began
    told = _wait_until_told(crowd.neighbours, envelopes) - began
    spent = cpu_seconds(node.pid) - cpu
    what = f"{count:,} new envelopes, {who}"
    yield Row("Mesh", f"{what}: stored", count / stored, "/s")
    yield Row("Mesh", "the same: all know of them", told, "s")
    yield Row(
        "Mesh", "the same: CPU", spent / count * 1000, "ms each", "with the bench's questions"
    )


def _slow(node: Node, crowd: Crowd, old: Sequence[EnvelopeId]) -> Iterator[Row]:
    """Some ask for much and read little; the others, and the daemon's memory, do not mind."""
    slow, quick = crowd.neighbours[-SLOW:], crowd.neighbours[:-SLOW]
    before, bodies = resident_bytes(node.pid), [one.bodies_count for one in slow]
    for number, one in enumerate(slow):
        one.bytes_a_second = SLOW_BYTES_A_SECOND
        crowd.ask(LINKS - SLOW + number, old)
    time.sleep(SETTLED_S)
    asked = resident_bytes(node.pid)
    envelopes = written(NEW_MAIL_OF_A_STAR, [now().unix_seconds])
    began = time.monotonic()
    crowd.bring(0, envelopes)
    told = _wait_until_told(quick, envelopes) - began
    later = resident_bytes(node.pid)
    for one in slow:
        one.bytes_a_second = None
    served = wait_for(
        lambda: all(
            one.bodies_count - was >= len(old) for one, was in zip(slow, bodies, strict=True)
        ),
        "all that was asked for",
    )
    assert not crowd.ended, crowd.ended
    pace = SLOW_BYTES_A_SECOND // 1024
    what = f"{SLOW} of them ask for {len(old):,} bodies each and read {pace} KiB/s"
    yield Row("Mesh", f"{what}: memory", (asked - before) / MIB, "MiB more")
    yield Row("Mesh", f"{len(envelopes):,} new envelopes: all others know", told, "s")
    yield Row("Mesh", "memory by then", (later - before) / MIB, "MiB more")
    yield Row("Mesh", "reading on: all bodies there", served - began - told, "s")


def _wait_until_told(neighbours: Sequence[Neighbour], envelopes: Sequence[Envelope]) -> float:
    ids = [one.id for one in envelopes]
    return wait_for(lambda: all(id_ in one.lacked for one in neighbours for id_ in ids), "all told")


def _is_up(node: Node) -> bool:
    try:
        return node.client.ask(AskStatus(), StatusAnswer).vault == "none"
    except UserError:
        return False


def _peak_bytes(node: Node) -> int:
    for line in Path(f"/proc/{node.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel tells no peak")
