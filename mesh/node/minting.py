"""Makes stamps in one worker thread: seconds of proof of work, one after another.

libsodium lets go of the interpreter while it hashes, so the node is not held up; on a machine
with one core the system shares it out. A stamp under way when the node stops is abandoned, and
begun again at the next start.
"""

import os

import structlog
import trio

from mesh.effects import MintStamp
from mesh.inputs import StampMinted
from mesh.limits.node import STAMPS_QUEUED_MAX
from mesh.node.input_queue import InputQueue
from mesh.posting.stamp import mint

_log = structlog.get_logger("mesh.minting")
_START_BYTES = 8


class Minting:
    """Takes wishes, and answers each with `StampMinted`."""

    def __init__(self, input_queue: InputQueue) -> None:
        self._input_queue = input_queue
        self._sender, self._wanted = trio.open_memory_channel[MintStamp](STAMPS_QUEUED_MAX)
        # Wanted and not yet made: each unlock of the vault asks anew for all of them.
        self._pending: dict[MintStamp, None] = {}

    @property
    def queued_count(self) -> int:
        """Stamps that wait for their turn."""
        return self._wanted.statistics().current_buffer_used

    def want(self, wanted: MintStamp) -> None:
        """Queue a stamp, once. What finds no room is asked for again at the next unlock."""
        if wanted in self._pending:
            return
        try:
            self._sender.send_nowait(wanted)
        except trio.WouldBlock:
            _log.warning("too many stamps are wanted", day=wanted.day)
        else:
            self._pending[wanted] = None

    async def run(self) -> None:
        """Make what is wanted until cancelled."""
        thread = trio.CapacityLimiter(1)
        async for wanted in self._wanted:
            stamp = await trio.to_thread.run_sync(
                mint,
                wanted.posting_key,
                wanted.day,
                wanted.bits,
                os.urandom(_START_BYTES),
                abandon_on_cancel=True,
                limiter=thread,
            )
            del self._pending[wanted]
            self._input_queue.put(StampMinted(wanted.posting_key, wanted.day, wanted.bits, stamp))
