"""The connections to the API: how many there are, and which of them makes room for another.

A connection is idle while no request is on its way. An idle one is ended for whoever comes when
all places are taken, the one first that has been idle for longest: programs that only hold
connections lock nobody out. Who comes while all are busy is told so, and is not left to think that
nothing runs.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
import trio

from mesh.api.problems import problem
from mesh.limits.api import (
    API_CHUNK_BYTES,
    API_CONNECTIONS_MAX,
    API_REFUSAL_MS,
    API_REFUSALS_MAX,
)

BUSY: Final = "busy"

_TOLD = problem(
    BUSY,
    f"All {API_CONNECTIONS_MAX} connections to Mesh are busy with requests: end a program that "
    "asks too much, or try again in a moment.",
)


class OpenConnections:
    """Each open connection, by what ends it."""

    def __init__(self) -> None:
        self._open: dict[trio.CancelScope, None] = {}
        # In the order in which they became idle.
        self._idle: dict[trio.CancelScope, None] = {}
        self._refusals_count = 0
        self._writes: dict[trio.CancelScope, None] = {}
        self._ends_at = math.inf

    def enter(self, living: trio.CancelScope) -> bool:
        """Take a place, if need be that of an idle one; False if all are busy."""
        if len(self._open) >= API_CONNECTIONS_MAX:
            longest_idle = next(iter(self._idle), None)
            if longest_idle is None:
                return False
            self.leave(longest_idle)
            longest_idle.cancel()
        self._open[living] = None
        self._idle[living] = None
        return True

    def leave(self, living: trio.CancelScope) -> None:
        """Give the place to others; nothing happens if it was given already."""
        self._open.pop(living, None)
        self._idle.pop(living, None)

    def changed(self, living: trio.CancelScope, *, is_idle: bool) -> None:
        """A request begins on a connection, or was answered."""
        self._idle.pop(living, None)
        if is_idle and living in self._open:
            self._idle[living] = None

    @contextmanager
    def writing(self, timeout_s: float, *, is_shielded: bool) -> Iterator[trio.CancelScope]:
        """Bound one write; `is_shielded` lets it go on while its connection is ended."""
        until = min(trio.current_time() + timeout_s, self._ends_at)
        with trio.CancelScope(deadline=until, shield=is_shielded) as writing:
            self._writes[writing] = None
            try:
                yield writing
            finally:
                self._writes.pop(writing)

    @property
    def is_ending(self) -> bool:
        """Say whether the daemon stops."""
        return self._ends_at < math.inf

    @property
    def is_over(self) -> bool:
        """Say whether the time is over that a stop leaves for what is being written."""
        return trio.current_time() >= self._ends_at

    def end_by(self, at: float) -> None:
        """Let no write last beyond a time of trio's clock, begun or not: the daemon stops.

        What is idle ends at once.
        """
        self._ends_at = at
        for living in self._idle:
            living.cancel()
        for writing in self._writes:
            writing.deadline = min(writing.deadline, at)

    async def refuse(self, stream: trio.SocketStream) -> None:
        """Say that all are busy, and end this one."""
        self._refusals_count += 1
        try:
            with trio.move_on_after(API_REFUSAL_MS / 1000):
                await stream.send_all(_answer())
                await stream.send_eof()
                # Who is cut off while writing may never read the answer.
                while self._refusals_count <= API_REFUSALS_MAX:
                    if not await stream.receive_some(API_CHUNK_BYTES):
                        break
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            # Nobody waits for the answer any more.
            pass
        finally:
            self._refusals_count -= 1
            await trio.aclose_forcefully(stream)


def _answer() -> bytes:
    body = msgspec.json.encode(_TOLD)
    head = (
        f"HTTP/1.1 {_TOLD.status} Busy\r\ncontent-type: application/problem+json\r\n"
        f"content-length: {len(body)}\r\nretry-after: 1\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
