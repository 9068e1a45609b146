"""A trace that is kept: records with their causes, in a file and the last of them in memory.

A file is a sequence of `u32 length ‖ MessagePack`, first a `Head`, then a `Row` for each record. A
row's number is the number of its record in the trace hash, so a row names an instant of the run
that any other run of the same world passes too.

Causes make a happens-before order (Lamport, "Time, Clocks, and the Ordering of Events", CACM 21(7),
1978): what a node receives was caused by what the sender handled last when it wrote the bytes, and
what a node emits by what it was given last. Streams keep their bytes in order, so counting them
finds the sender's record without a mark in the bytes.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

import msgspec

from mesh.errors import UserError
from sim.kernel.trace import NOBODY, Trace

NO_CAUSE: Final = -1
LAST_ROWS_MAX: Final = 2_000
"""So many of the last rows stay in memory, to draw what led to a failure."""

SENDS_PER_STREAM_MAX: Final = 4_096
"""Writes that have not arrived; beyond, the oldest are taken for lost with their machine."""

ROW_BYTES_MAX: Final = 1 << 16
SCHEMA: Final = 1

AnyRow = TypeVar("AnyRow")


class Head(msgspec.Struct, frozen=True, array_like=True):
    """The origin of a trace."""

    schema: int
    scenario: str
    seed: int
    nodes: int


class Row(msgspec.Struct, frozen=True, array_like=True):
    """One record: what happened where, and the record that caused it."""

    at_us: int
    number: int
    kind: str
    node: int
    peer: int
    size: int
    cause: int


class _Stream:
    """Writes of one direction that have not arrived: where each ends, and what wrote it."""

    __slots__ = ("causes", "ends", "read_bytes", "written_bytes")

    def __init__(self) -> None:
        self.ends: deque[int] = deque()
        self.causes: deque[int] = deque()
        self.written_bytes = 0
        self.read_bytes = 0


class RecordedTrace(Trace):
    """A trace whose records are kept. `links` is (node, its link) -> the other node."""

    is_recording = True

    def __init__(self, file: BinaryIO | None, head: Head) -> None:
        super().__init__()
        self.last_rows: deque[Row] = deque(maxlen=LAST_ROWS_MAX)
        self._file = file
        self._encoder = msgspec.msgpack.Encoder()
        self._latest: dict[int, int] = {}
        self._streams: dict[tuple[int, int], _Stream] = {}
        self.links: dict[tuple[int, int], int] = {}
        self._put(head)

    def record(self, now: int, kind: str, node: int, peer: int = NOBODY, body: bytes = b"") -> None:
        """Fold one record in, and keep it."""
        number = self.records_count
        super().record(now, kind, node, peer, body)
        cause = self._latest.get(node, NO_CAUSE)
        other = peer
        if kind == "BytesReceived":
            cause = self._arrived(node, peer, len(body), cause)
            other = self.links.get((node, peer), NOBODY)
        if kind != "emit":
            self._latest[node] = number
        row = Row(now, number, kind, node, other, len(body), cause)
        self.last_rows.append(row)
        self._put(row)

    def sent(self, node: int, link: int, peer: int, peer_link: int, size: int) -> None:
        """A node writes to a stream, of which the other end is known."""
        self.links[peer, peer_link] = node
        self.links[node, link] = peer
        stream = self._streams.setdefault((peer, peer_link), _Stream())
        stream.written_bytes += size
        stream.ends.append(stream.written_bytes)
        stream.causes.append(self._latest.get(node, NO_CAUSE))
        if len(stream.ends) > SENDS_PER_STREAM_MAX:
            stream.ends.popleft()
            stream.causes.popleft()

    def _arrived(self, node: int, link: int, size: int, otherwise: int) -> int:
        """The record that wrote the last of these bytes."""
        stream = self._streams.get((node, link))
        if stream is None:
            return otherwise
        stream.read_bytes += size
        cause = otherwise
        place = bisect_left(stream.ends, stream.read_bytes)
        if place < len(stream.causes):
            cause = stream.causes[place]
        while stream.ends and stream.ends[0] <= stream.read_bytes:
            stream.ends.popleft()
            stream.causes.popleft()
        return cause

    def _put(self, value: Head | Row) -> None:
        if self._file is not None:
            put_frame(self._file, self._encoder.encode(value))


def put_frame(file: BinaryIO, data: bytes) -> None:
    """Write one value after its length."""
    file.write(len(data).to_bytes(4, "big") + data)


def read_trace_file(path: Path) -> tuple[Head, Iterator[Row]]:
    """A trace that was kept; UserError if it is none. One that was cut ends where it was cut."""
    return read_frames(path, msgspec.msgpack.Decoder(Row), "trace of a run")


def read_frames(
    path: Path, decoder: msgspec.msgpack.Decoder[AnyRow], what: str
) -> tuple[Head, Iterator[AnyRow]]:
    """Return the head of a file and its rows as they are read; UserError if it is no `what`."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise UserError("bad-trace", f"Cannot read {path}: {error.strerror}.") from None
    try:
        data = _next(file)
        head = msgspec.msgpack.decode(data or b"", type=Head)
    except OSError as error:
        file.close()
        raise UserError("bad-trace", f"Cannot read {path}: {error.strerror}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        file.close()
        raise UserError("bad-trace", f"{path} is no {what}.") from None
    if head.schema != SCHEMA:
        file.close()
        raise UserError("bad-trace", f"{path} was written by another version of the simulator.")
    return head, _rows(file, path, decoder)


def _rows(file: BinaryIO, path: Path, decoder: msgspec.msgpack.Decoder[AnyRow]) -> Iterator[AnyRow]:
    with file:
        while (row := _row(file, path, decoder)) is not None:
            yield row


def _row(file: BinaryIO, path: Path, decoder: msgspec.msgpack.Decoder[AnyRow]) -> AnyRow | None:
    try:
        data = _next(file)
        return None if data is None else decoder.decode(data)
    except OSError as error:
        raise UserError("bad-trace", f"Cannot read {path}: {error.strerror}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UserError("bad-trace", f"{path} is damaged.") from None


def _next(file: BinaryIO) -> bytes | None:
    length = file.read(4)
    if len(length) < 4:
        return None
    size = int.from_bytes(length, "big")
    data = file.read(size) if size <= ROW_BYTES_MAX else b""
    return data if len(data) == size else None
