"""Ten real daemons in sight of one another: copies, CPU, and how many messages reach all.

A node keeps at most eight links, so of its nine neighbours it has most and not all.

New envelopes are handed to each daemon in turn, over loopback, by a link of the bench's own that
asks for nothing. First so many a second as leave the daemons idle now and then: there copies and
CPU are counted. Then as fast as they take them. A copy is a body that came again to a node which
had it. Beside them ten programs that flood signed messages over plain TCP: `flood.py`.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from mesh.limits.peering import LINKS_ACTIVE_MIN
from tests.bench.daemons import cpu_seconds
from tests.bench.relays import counted, known_count, relays, wait_for
from tests.bench.table import Row
from tests.integration.authors import written
from tests.integration.injecting import Injector, injector
from tests.integration.meshes import closed_config
from tests.integration.nodes import Node, start_relays
from tests.integration.strangers import now

NODES = 10


def rows(scratch: Path, messages: int, a_second: int) -> list[Row]:
    """At a pace, then as fast as it goes; then the plain flood."""
    with relays(scratch, NODES, closed_config(scratch)) as made, ExitStack() as stack:
        start_relays(*made.nodes)
        wait_for(
            lambda: all(node.links_count() >= LINKS_ACTIVE_MIN for node in made.nodes), "linked"
        )
        sources = [stack.enter_context(injector(node)) for node in made.nodes]
        paced = _spread(made.nodes, sources, messages, a_second)
        full = _spread(made.nodes, sources, messages, None)
        # One link of each is the bench's own.
        links = sum(node.links_count() - 1 for node in made.nodes) / NODES
    return [
        Row("Mesh", "ten daemons: links of each", links, "", "mean"),
        *paced,
        *full,
        *_flood(messages, a_second),
    ]


def _spread(
    nodes: list[Node], sources: Sequence[Injector], messages: int, a_second: int | None
) -> list[Row]:
    known = [known_count(node) for node in nodes]
    duplicates = counted(nodes, "bodies_duplicate")
    envelopes = written(messages, [now().unix_seconds], per_key=20)
    cpu, began = sum(cpu_seconds(node.pid) for node in nodes), time.monotonic()
    for number, envelope in enumerate(envelopes):
        if a_second is not None:
            time.sleep(max(0.0, began + number / a_second - time.monotonic()))
        sources[number % NODES].hand_over([envelope])
        for source in sources[:: NODES - 1]:
            source.read()
    ended = wait_for(
        lambda: all(
            known_count(node) >= was + messages for node, was in zip(nodes, known, strict=True)
        ),
        "all have all",
    )
    spent = sum(cpu_seconds(node.pid) for node in nodes) - cpu
    deliveries = messages * (NODES - 1)
    copies = (counted(nodes, "bodies_duplicate") - duplicates) / deliveries
    pace = "as fast as it goes" if a_second is None else f"{a_second} a second"
    found = [
        Row("Mesh", f"ten daemons, {pace}: extra copies", copies, "per delivery"),
        Row("Mesh", f"ten daemons, {pace}: CPU", spent / deliveries * 1000, "ms per delivery"),
    ]
    if a_second is None:
        rate = messages / (ended - began)
        found.append(Row("Mesh", "ten daemons: messages that reach all", rate, "/s"))
    return found


def _flood(messages: int, a_second: int) -> list[Row]:
    """The yardstick: ten programs that verify and pass on, and keep nothing."""
    found: list[Row] = []
    for pace in (a_second, 0):
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.flood", str(NODES), str(messages), str(pace)],
            check=True,
            capture_output=True,
            text=True,
        )
        copies, cpu_ms, rate = (float(word) for word in done.stdout.split())
        what = f"ten programs, {pace} a second" if pace else "ten programs, as fast as it goes"
        found += [
            Row("a plain flood", f"{what}: extra copies", copies, "per delivery"),
            Row("a plain flood", f"{what}: CPU", cpu_ms, "ms per delivery"),
        ]
        if not pace:
            found.append(Row("a plain flood", "messages that reach all", rate, "/s"))
    return found
