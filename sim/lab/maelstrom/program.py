"""The program that Maelstrom starts: lines in, lines out, and the clock of this machine."""

import select
import sys
import time
from typing import BinaryIO, Final

import msgspec

from sim.lab.maelstrom.node import MaelstromNode, Message, Windows

LINE_BYTES_MAX: Final = 1 << 24
READ_BYTES: Final = 1 << 16


def serve(windows: Windows, incoming: BinaryIO, outgoing: BinaryIO) -> None:
    """Run one node until the input ends."""
    node = MaelstromNode(windows)
    waiting = bytearray()
    descriptor = incoming.fileno()
    while True:
        now = time.time_ns() // 1_000
        deadline = node.deadline()
        timeout_s = None if deadline is None else max(0, deadline - now) / 1_000_000
        ready, _, _ = select.select([descriptor], [], [], timeout_s)
        if ready:
            piece = _read(incoming)
            if not piece:
                return
            waiting += piece
            *lines, rest = waiting.split(b"\n")
            waiting = bytearray(rest)
            if len(waiting) > LINE_BYTES_MAX:
                sys.exit("a line is too long")
            for line in lines:
                _heard(node, bytes(line), time.time_ns() // 1_000)
        now = time.time_ns() // 1_000
        deadline = node.deadline()
        if deadline is not None and deadline <= now:
            node.deadline_passed(now)
        for message in node.take(now):
            outgoing.write(msgspec.json.encode(message) + b"\n")
        outgoing.flush()


def _read(incoming: BinaryIO) -> bytes:
    """Return what is there now; nothing at the end."""
    read = getattr(incoming, "read1", incoming.read)
    piece = read(READ_BYTES)
    assert isinstance(piece, bytes)
    return piece


def _heard(node: MaelstromNode, line: bytes, now: int) -> None:
    if not line.strip():
        return
    try:
        message = msgspec.json.decode(line, type=Message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        print(f"passed over a line: {error}", file=sys.stderr)
        return
    node.received(message, now)
