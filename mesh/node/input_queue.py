"""The queue of inputs between the sockets and the engine.

Every source is bounded: a link by the bytes and the reads of it that wait (its reader pauses, and
through TCP so does the peer), hints of discovery by their number (further ones are dropped: they
are repeated on the network), dials, stamps and asks by those who make them. So the queue as a
whole is bounded too.

Theory of operation. One message makes several peers speak, each within milliseconds. To wake
the engine costs more than to read one more frame, so what links bring, or the disk answers of
large files, within `GATHERED_MS` of waking it waits for the end of that time. After a pause the
first bytes are handled at once, and so is whatever a person, a timer or a full reader waits for.
"""

import math
from collections import deque
from dataclasses import dataclass, field

import trio

from mesh.ids import LinkId
from mesh.inputs import BytesReceived, Input, PeerGone, PeerSeen
from mesh.limits.node import (
    GATHERED_MS,
    HINTS_PENDING_MAX,
    INPUT_BYTES_ALONE_MAX,
    INPUT_BYTES_PER_LINK_MAX,
    INPUTS_PER_BATCH_MAX,
    INPUTS_PER_LINK_MAX,
)


@dataclass(slots=True)
class _Waiting:
    """The inputs of one link that wait for the engine."""

    inputs_count: int = 0
    bytes_count: int = 0
    has_room: trio.Event = field(default_factory=trio.Event)

    @property
    def is_full(self) -> bool:
        return (
            self.inputs_count >= INPUTS_PER_LINK_MAX or self.bytes_count >= INPUT_BYTES_PER_LINK_MAX
        )


class InputQueue:
    """Inputs in the order in which they happened. Only tasks of one trio run touch it."""

    def __init__(self) -> None:
        self._inputs: deque[Input] = deque()
        self._waiting: dict[LinkId, _Waiting] = {}
        self._hints_count = 0
        self._put_count = 0
        self._arrived = trio.Event()
        self._is_pressing = False
        self._has_soon = False
        self._woken_at = -math.inf

    def __len__(self) -> int:
        return len(self._inputs)

    @property
    def put_count(self) -> int:
        """Return how many inputs were ever put: the ordinal of the newest one."""
        return self._put_count

    def put(self, happened: Input) -> None:
        """Add one input."""
        self.put_quietly(happened)
        self._is_pressing = True
        self._arrived.set()

    def put_soon(self, happened: Input) -> None:
        """Add an input that is handled together with what else comes within `GATHERED_MS`."""
        self.put_quietly(happened)
        self._has_soon = True
        self._arrived.set()

    def put_quietly(self, happened: Input) -> None:
        """Add an input that may wait for the next batch, and wakes nobody for itself."""
        self._inputs.append(happened)
        self._put_count += 1

    def put_hint(self, hint: PeerSeen | PeerGone) -> bool:
        """Add what discovery heard, or drop it if too much of it waits already."""
        if self._hints_count >= HINTS_PENDING_MAX:
            return False
        self._hints_count += 1
        self.put(hint)
        return True

    def room_bytes(self, link: LinkId) -> int:
        """Return how many bytes a link may bring before its reader pauses."""
        if not self._waiting:
            return INPUT_BYTES_ALONE_MAX
        waiting = self._waiting.get(link)
        return INPUT_BYTES_PER_LINK_MAX - (0 if waiting is None else waiting.bytes_count)

    async def put_bytes(self, link: LinkId, data: bytes) -> None:
        """Add bytes of a link, then wait until the link may bring more."""
        waiting = self._waiting.setdefault(link, _Waiting())
        waiting.inputs_count += 1
        waiting.bytes_count += len(data)
        received = BytesReceived(link, data)
        if not waiting.is_full:
            self.put_soon(received)
        else:
            self.put(received)
            waiting.has_room = trio.Event()
            await waiting.has_room.wait()

    def take(self) -> list[Input]:
        """Return what is to be handled next, oldest first."""
        count = min(len(self._inputs), INPUTS_PER_BATCH_MAX)
        batch = [self._inputs.popleft() for _ in range(count)]
        if not self._inputs:
            self._is_pressing = self._has_soon = False
        for happened in batch:
            if isinstance(happened, BytesReceived):
                self._make_room(happened)
            elif isinstance(happened, PeerSeen | PeerGone):
                self._hints_count -= 1
        return batch

    async def wait(self, timeout_s: float = math.inf) -> bool:
        """Return as soon as an input is there that is not a quiet one, or after the timeout.

        True says that there was nothing to do for a while: whoever has come by now has come alone,
        and all tasks have had their turn.
        """
        begun = trio.current_time()
        ends = begun + timeout_s
        while not self._is_pressing:
            gathered = self._woken_at + GATHERED_MS / 1_000
            until = min(ends, gathered) if self._has_soon else ends
            if trio.current_time() >= until:
                break
            self._arrived = trio.Event()
            with trio.move_on_at(until):
                await self._arrived.wait()
        self._woken_at = trio.current_time()
        return self._woken_at - begun >= GATHERED_MS / 1_000

    def _make_room(self, taken: BytesReceived) -> None:
        waiting = self._waiting[taken.link]
        waiting.inputs_count -= 1
        waiting.bytes_count -= len(taken.data)
        if not waiting.is_full:
            waiting.has_room.set()
        if not waiting.inputs_count:
            del self._waiting[taken.link]
