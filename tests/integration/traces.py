"""The places where a secret could show: memory, files, frames on the wire.

Each search is worth only as much as its control: every test that finds nothing first finds
something that it planted.
"""

import os
import re
import select
import socket
import struct
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

from tests.integration.networks import socket_in

_EVERY_PROTOCOL = 0x0003
_FRAME_BYTES_MAX = 65_536
_READ_BYTES = 1 << 20
_BUFFER_BYTES = 32 << 20

# Linux's numbers, which the socket module does not name.
_SO_RCVBUFFORCE = 33
_SOL_PACKET = 263
_PACKET_STATISTICS = 6


class Capture:
    """Every frame that passes the bridges of a hub, from the beginning of the `with` block."""

    def __init__(self, hub: str) -> None:
        kind = socket.SOCK_RAW
        self._socket = socket_in(hub, socket.AF_PACKET, kind, socket.htons(_EVERY_PROTOCOL))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
        self._stop_read, self._stop_write = os.pipe()
        self._seen = bytearray()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Capture":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.write(self._stop_write, b"x")
        self._thread.join()
        self._socket.close()
        os.close(self._stop_read)
        os.close(self._stop_write)

    def find(self, markers: Iterable[bytes]) -> list[bytes]:
        """Return those of the markers that were seen so far."""
        with self._lock:
            return [marker for marker in markers if marker in self._seen]

    def __len__(self) -> int:
        with self._lock:
            return len(self._seen)

    def lost_frames_count(self) -> int:
        """Frames since the last call that came too fast to be kept; what is lost is not found."""
        statistics = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        _, dropped = struct.unpack("II", statistics)
        return int(dropped)

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self._socket.fileno(), self._stop_read], [], [])
            if self._stop_read in ready:
                return
            frame = self._socket.recv(_FRAME_BYTES_MAX)
            with self._lock:
                self._seen += frame
                # Nothing may seem to be found across the border of two frames.
                self._seen += b"\0" * 64


def markers_in_memory(pid: int, markers: Iterable[bytes]) -> list[bytes]:
    """Return those of the markers that stand anywhere in a process's readable memory."""
    wanted = list(markers)
    found: dict[bytes, None] = {}
    overlap = max(len(marker) for marker in wanted) - 1
    for area in _memory(pid, overlap):
        for marker in wanted:
            if marker not in found and marker in area:
                found[marker] = None
    return list(found)


def markers_in_files(folder: Path, markers: Iterable[bytes]) -> list[tuple[Path, bytes]]:
    """Return the files under a folder that hold one of the markers."""
    wanted = list(markers)
    return [
        (path, marker)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for content in [path.read_bytes()]
        for marker in wanted
        if marker in content
    ]


def resident_bytes(pid: int) -> int:
    """The memory that a process holds now."""
    status = Path(f"/proc/{pid}/status").read_text()
    match = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    assert match is not None
    return int(match[1]) * 1024


def _memory(pid: int, overlap: int) -> Iterator[bytes]:
    """Yield readable memory in pieces; neighbouring pieces of an area overlap."""
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in maps:
            bounds, rights, *rest = line.split()
            if not rights.startswith("r") or rest[-1] in ("[vvar]", "[vsyscall]"):
                continue
            start, end = (int(bound, 16) for bound in bounds.split("-"))
            yield from _area(memory.fileno(), start, end, overlap)


def _area(descriptor: int, start: int, end: int, overlap: int) -> Iterator[bytes]:
    kept = b""
    while start < end:
        try:
            piece = os.pread(descriptor, min(_READ_BYTES, end - start), start)
        except OSError:
            # A page that is mapped beyond the end of its file, or went in the meantime.
            return
        if not piece:
            return
        yield kept + piece
        kept = piece[-overlap:] if overlap else b""
        start += len(piece)
