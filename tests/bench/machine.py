"""The most that this machine and its libraries can do: the ceiling for the other figures."""

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import trio
from nacl.signing import SigningKey

from mesh.crypto.signing import is_signature_valid
from mesh.limits.link import RECORD_PLAINTEXT_BYTES_MAX
from mesh.storage.connection import connect, transaction
from tests.bench.table import Row

ROUNDS = 5
FRAME_BYTES = 1_100
"""An envelope of the smallest class in its frame and record."""


def rows(scratch: Path, count: int) -> list[Row]:
    """All ceilings, each the median of a few rounds."""
    return [
        _rate("trio loopback, one frame a send", count, partial(trio.run, _stream, count, 1)),
        _rate(
            "trio loopback, frames batched",
            count,
            partial(trio.run, _stream, count, RECORD_PLAINTEXT_BYTES_MAX // FRAME_BYTES),
        ),
        _verifications(count),
        _inserts(scratch, count, 1),
        _inserts(scratch, count, 64),
    ]


def _rate(what: str, count: int, run: Callable[[], None]) -> Row:
    rates = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        run()
        rates.append(count / (time.perf_counter() - began))
    return Row("machine", what, median(rates), "/s")


async def _stream(count: int, frames_per_send: int) -> None:
    """Send frames of an envelope's size over a TCP connection of this process with itself."""
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    port = listener.socket.getsockname()[1]
    client = await trio.open_tcp_stream("127.0.0.1", port)
    server = await listener.accept()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_send_all, client, count, frames_per_send)
        missing = count * FRAME_BYTES
        while missing > 0:
            missing -= len(await server.receive_some(65_536))
    for end in (client, server, listener):
        await end.aclose()


async def _send_all(stream: trio.SocketStream, count: int, frames_per_send: int) -> None:
    left = count
    while left > 0:
        await stream.send_all(bytes(FRAME_BYTES * min(left, frames_per_send)))
        left -= frames_per_send


def _verifications(count: int) -> Row:
    key = SigningKey.generate()
    message = os.urandom(200)
    signature = key.sign(message).signature
    public = bytes(key.verify_key)

    def verify_all() -> None:
        for _ in range(count):
            assert is_signature_valid(public, message, signature)

    return _rate("Ed25519 verifications", count, verify_all)


def _inserts(scratch: Path, count: int, per_commit: int) -> Row:
    connection = connect(scratch / f"inserts-{per_commit}", os.urandom(32))
    with transaction(connection):
        connection.execute("CREATE TABLE envelope (id BLOB PRIMARY KEY, body BLOB) WITHOUT ROWID")

    def insert_all() -> None:
        for start in range(0, count, per_commit):
            with transaction(connection):
                for _ in range(min(per_commit, count - start)):
                    row = (os.urandom(32), bytes(1_024))
                    connection.execute("INSERT INTO envelope VALUES (?, ?)", row)

    row = _rate(f"SQLCipher inserts of 1 KiB, {per_commit} a commit", count, insert_all)
    connection.close()
    return row
