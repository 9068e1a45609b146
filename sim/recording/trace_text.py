"""A trace as text for users, and as the JSON that Perfetto and Chrome's tracing page open.

The JSON is the Trace Event Format: a thread for each node, an instant event for each record, and a
flow from the record that wrote bytes to the one that received them.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from sim.kernel.trace import NOBODY
from sim.recording.trace_file import NO_CAUSE, Head, Row

EVENT_US: Final = 1
CAUSES_KEPT_MAX: Final = 500_000
"""A flow that began more records ago is not drawn."""


def text_of(rows: Iterable[Row]) -> Iterator[str]:
    """A line for each record."""
    for row in rows:
        peer = "" if row.peer == NOBODY else f" {row.peer}"
        cause = "" if row.cause == NO_CAUSE else f"  <- {row.cause}"
        size = f" {row.size} B" if row.size else ""
        yield (
            f"{row.at_us / 1_000_000:12.6f} #{row.number:<8} node {row.node:<5} "
            f"{row.kind}{peer}{size}{cause}"
        )


def perfetto_of(head: Head, rows: Iterable[Row]) -> Iterator[str]:
    """The pieces of one JSON document, a record at a time."""
    yield '{"displayTimeUnit":"ms","traceEvents":[\n'
    process = {"name": "process_name", "ph": "M", "pid": 1, "args": {"name": _name(head)}}
    yield _json(process)
    for node in range(head.nodes):
        named = {"name": "thread_name", "ph": "M", "pid": 1, "tid": node}
        yield ",\n" + _json({**named, "args": {"name": f"node {node}"}})
    places: dict[int, tuple[int, int]] = {}
    for row in rows:
        places[row.number] = (row.at_us, row.node)
        if len(places) > CAUSES_KEPT_MAX:
            del places[next(iter(places))]
        event = {"name": row.kind, "ph": "X", "ts": row.at_us, "dur": EVENT_US, "pid": 1}
        arguments = {"number": row.number, "peer": row.peer, "bytes": row.size, "cause": row.cause}
        yield ",\n" + _json({**event, "tid": row.node, "args": arguments})
        cause = places.get(row.cause)
        if cause is not None and cause[1] != row.node:
            flow = {"name": "bytes", "cat": "wire", "id": row.number, "pid": 1}
            yield ",\n" + _json({**flow, "ph": "s", "ts": cause[0], "tid": cause[1]})
            yield ",\n" + _json({**flow, "ph": "f", "bp": "e", "ts": row.at_us, "tid": row.node})
    yield "\n]}\n"


def _name(head: Head) -> str:
    return f"{head.scenario}, seed {head.seed}"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
