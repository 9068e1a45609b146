"""A plain flood as a yardstick: programs that pass on what they have not seen, and keep nothing.

Each program listens on loopback and dials all before it. A message is 200 bytes and an Ed25519
signature, which every program verifies once. No encryption, no disk, no choice of links. Started
as `python -m tests.bench.flood NODES MESSAGES A_SECOND`; it starts itself once for each node and
prints extra copies a delivery, milliseconds of CPU a delivery, and messages that reach all.
"""

import contextlib
import math
import subprocess
import sys
import time
from typing import Final

import trio

from mesh.crypto.hashing import blake2b_256
from mesh.crypto.signing import SIGNATURE_BYTES, SigningKey, is_signature_valid
from tests.bench.daemons import cpu_seconds

TEXT_BYTES: Final = 200
MESSAGE_BYTES: Final = TEXT_BYTES + SIGNATURE_BYTES
KEY: Final = SigningKey.from_seed(bytes(32))
FIRST_PORT: Final = 29_200
QUEUE_MAX: Final = 100_000


class Flooder:
    """One program: what it has seen, and a queue for each of its streams."""

    def __init__(self, *, links: int, messages: int) -> None:
        self._links, self._messages = links, messages
        self.is_linked, self.has_all = trio.Event(), trio.Event()
        self.seen: dict[bytes, None] = {}
        self.received = 0
        self.queues: list[trio.MemorySendChannel[bytes]] = []

    def take(self, message: bytes, came_by: trio.MemorySendChannel[bytes] | None) -> None:
        """See a message: a new one is verified and goes to all others."""
        message_id = blake2b_256(message)
        if message_id in self.seen:
            return
        text, signature = message[:TEXT_BYTES], message[TEXT_BYTES:]
        assert is_signature_valid(KEY.verify_key, text, signature)
        self.seen[message_id] = None
        if len(self.seen) == self._messages:
            self.has_all.set()
        for queue in self.queues:
            if queue is not came_by:
                queue.send_nowait(message)

    async def serve(self, stream: trio.SocketStream) -> None:
        """Read and write one stream."""
        send, receive = trio.open_memory_channel[bytes](QUEUE_MAX)
        self.queues.append(send)
        if len(self.queues) == self._links:
            self.is_linked.set()

        async def write() -> None:
            async for message in receive:
                await stream.send_all(message)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            # Who ends first resets what it has not read.
            with contextlib.suppress(trio.BrokenResourceError):
                await self._read(stream, send)
            nursery.cancel_scope.cancel()

    async def _read(
        self, stream: trio.SocketStream, came_by: trio.MemorySendChannel[bytes]
    ) -> None:
        waiting = b""
        async for piece in stream:
            waiting += piece
            whole = len(waiting) // MESSAGE_BYTES * MESSAGE_BYTES
            for start in range(0, whole, MESSAGE_BYTES):
                self.received += 1
                self.take(waiting[start : start + MESSAGE_BYTES], came_by)
            waiting = waiting[whole:]


async def node(number: int, nodes: int, messages: int, a_second: int) -> None:
    """Flood this node's share of the messages and end when told to on the standard input."""
    flooder = Flooder(links=nodes - 1, messages=messages)
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(FIRST_PORT + number, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, flooder.serve, listeners)
        say("listens")
        await order()
        for other in range(number):
            stream = await trio.open_tcp_stream("127.0.0.1", FIRST_PORT + other)
            nursery.start_soon(flooder.serve, stream)
        await flooder.is_linked.wait()
        say("linked")
        await order()
        began = trio.current_time()
        for sent, which in enumerate(range(number, messages, nodes)):
            if a_second:
                await trio.sleep_until(began + sent * nodes / a_second)
            else:
                await trio.lowlevel.checkpoint()
            text = which.to_bytes(TEXT_BYTES)
            flooder.take(text + KEY.sign(text), None)
        await flooder.has_all.wait()
        say("has all")
        await order()
        say(str(flooder.received))
        nursery.cancel_scope.cancel()


async def order() -> None:
    """Wait for a line."""
    await trio.to_thread.run_sync(sys.stdin.readline)


def say(text: str) -> None:
    """Say a line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(nodes: int, messages: int, a_second: int) -> None:
    """Start the programs and walk them through it together."""
    numbers = [str(word) for word in (nodes, messages, a_second)]
    programs = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.bench.flood", *numbers, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(nodes)
    ]

    def answers() -> list[str]:
        return [one.stdout.readline().strip() for one in programs if one.stdout is not None]

    def go_on() -> None:
        for one in programs:
            assert one.stdin is not None
            one.stdin.write("\n")
            one.stdin.flush()

    answers()
    go_on()
    answers()
    before, began = sum(cpu_seconds(one.pid) for one in programs), time.monotonic()
    go_on()
    answers()
    took = time.monotonic() - began
    cpu = sum(cpu_seconds(one.pid) for one in programs) - before
    # What is still on its way in the last milliseconds is not counted: a few copies of many.
    go_on()
    received = sum(int(answer) for answer in answers())
    for one in programs:
        one.communicate()
    deliveries = messages * (nodes - 1)
    rate = messages / took if took else math.inf
    say(f"{received / deliveries - 1} {cpu / deliveries * 1000} {rate}")


if __name__ == "__main__":
    if len(sys.argv) == 5:
        count, messages, pace, which = (int(word) for word in sys.argv[1:])
        trio.run(node, which, count, messages, pace)
    else:
        main(*(int(word) for word in sys.argv[1:4]))
