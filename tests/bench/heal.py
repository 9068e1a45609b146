"""Two real daemons that were apart: the bytes on the cable and the time until they are equal.

Beside it what the bodies alone take over a plain TCP connection on the same cable. A daemon's
seconds run from the link on; that it finds its neighbour again is told apart.
"""

import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from socket import AF_INET, SOCK_STREAM

from mesh.ids import UnixSeconds
from mesh.wire.envelope import Envelope
from tests.bench.daemons import cpu_seconds
from tests.bench.relays import Relays, cable_bytes, known_count, link_bytes, relays, wait_for
from tests.bench.table import Row
from tests.integration.authors import written
from tests.integration.holding import fill
from tests.integration.injecting import injector
from tests.integration.meshes import closed_config
from tests.integration.networks import socket_in
from tests.integration.nodes import Node, start_relays
from tests.integration.strangers import now

WEEK_S = 6 * 86_400
# Old enough not to be pushed eagerly: as what was written while two were apart.
WRITTEN_AGO_S = 120
_PORT = 9_999
_READ_BYTES = 1 << 16


def rows(scratch: Path, count: int, differing: int) -> list[Row]:
    """Stores that differ at their newest end, anywhere, and then what was written in a cut."""
    found: list[Row] = []
    for where in ("newest", "scattered"):
        found += _differing(scratch / where, count, differing, where=where)
    return found


def _differing(scratch: Path, count: int, differing: int, *, where: str) -> list[Row]:
    ended = now().unix_seconds - WRITTEN_AGO_S
    week = [UnixSeconds(ended - WEEK_S + WEEK_S * step // 1000) for step in range(1001)]
    shared = written(count - differing, week)
    moments = [week[-1]] if where == "newest" else week
    halves = [written(differing // 2, moments, per_key=5) for _ in range(2)]
    with relays(scratch, 2, closed_config(scratch)) as made:
        for node, half in zip(made.nodes, halves, strict=True):
            fill(node, [*shared, *half])
        made.cut()
        start_relays(*made.nodes)
        what = f"{count:,} envelopes, {differing:,} differ, {where}"
        healed = _healed(made, what, count, differing)
        if where == "scattered":
            return healed
        return [
            *healed,
            *_plain(made, [one for half in halves for one in half]),
            *_written_apart(made, count, differing),
        ]


def _written_apart(made: Relays, count: int, written_count: int) -> list[Row]:
    """Each side is handed so many new envelopes while the cable is out."""
    made.cut()
    wait_for(lambda: all(node.links_count() == 0 for node in made.nodes), "no link")
    moment = UnixSeconds(now().unix_seconds - WRITTEN_AGO_S)
    for node in made.nodes:
        with injector(node) as source:
            source.hand_over(written(written_count, [moment]))
            wait_for(partial(_knows, node, count + written_count), "all in")
    wait_for(lambda: all(node.links_count() == 0 for node in made.nodes), "no link")
    what = f"{written_count:,} new ones on each side"
    return _healed(made, what, count + 2 * written_count, 2 * written_count)


def _healed(made: Relays, what: str, count: int, differing: int) -> list[Row]:
    """Plug the cable in and wait until both know all."""
    first, second = made.nodes
    cable, cpu = cable_bytes(first), [cpu_seconds(node.pid) for node in made.nodes]
    plugged = time.monotonic()
    made.heal()
    linked = wait_for(lambda: first.links_count() > 0, "a link")
    equal = wait_for(lambda: all(known_count(node) >= count for node in made.nodes), "equal")
    spent = sum(cpu_seconds(n.pid) - was for n, was in zip(made.nodes, cpu, strict=True))
    bodies = differing * 1024
    on_link, on_cable = link_bytes(first) / bodies, (cable_bytes(first) - cable) / bodies
    assert second.links_count() > 0
    return [
        Row("Mesh", f"heal: {what}", equal - linked, "s", f"link {linked - plugged:.2g} s before"),
        Row("Mesh", "bytes over the link, of the bodies'", on_link, "times"),
        Row("Mesh", "bytes on the cable, of the bodies'", on_cable, "times", "with all headers"),
        Row("Mesh", "CPU of both", spent, "s", f"{spent / differing * 1000:.3g} ms an envelope"),
    ]


def _knows(node: Node, count: int) -> bool:
    return known_count(node) >= count


def _plain(made: Relays, envelopes: Sequence[Envelope]) -> list[Row]:
    """The same bodies and nothing else, over one TCP connection."""
    first, second = made.nodes
    data = b"".join(envelope.data for envelope in envelopes)
    before = cable_bytes(first)
    with socket_in(second.namespace, AF_INET, SOCK_STREAM) as listener:
        host = made.desk.address(second.namespace, made.bridge)
        listener.bind((host, _PORT))
        listener.listen()
        with socket_in(first.namespace, AF_INET, SOCK_STREAM) as source:
            source.connect((host, _PORT))
            taken, _ = listener.accept()
            began = time.monotonic()
            sender = threading.Thread(target=source.sendall, args=(data,))
            sender.start()
            left = len(data)
            while left:
                left -= len(taken.recv(_READ_BYTES))
            took = time.monotonic() - began
            sender.join()
            taken.close()
    ratio = (cable_bytes(first) - before) / len(data)
    return [
        Row("plain TCP", "the bodies alone", took, "s"),
        Row("plain TCP", "bytes on the cable, of the bodies'", ratio, "times"),
    ]
