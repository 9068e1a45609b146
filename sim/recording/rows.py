"""The rows of a run for studies: its messages, contacts and transfers, in a file that grows.

A file is a sequence of `u32 length ‖ MessagePack`, first the `Head` of a trace, then rows.
Transfers are written when they happen and contacts when they end, so that a long run takes no more
memory than a short one; messages are written at the end, since what became of them is known then.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from sim.recording.trace_file import Head, put_frame, read_frames
from sim.run.world import World

ROWS_FILE: Final = "rows.mp"


class MessageRow(msgspec.Struct, frozen=True, array_like=True, tag="message"):
    """A text between two people, and what became of it. Times are virtual microseconds."""

    number: int
    created_us: int
    size: int
    from_host: int
    to_host: int
    confirmed_us: int | None
    delivered_us: int | None
    expired_us: int | None
    phase: str
    state: str
    is_probe: bool
    is_withdrawn: bool
    is_read: bool


class ContactRow(msgspec.Struct, frozen=True, array_like=True, tag="contact"):
    """A link between two nodes, seen at whole seconds. Without an end it stood at the last."""

    one: int
    other: int
    start_us: int
    end_us: int | None


class TransferRow(msgspec.Struct, frozen=True, array_like=True, tag="transfer"):
    """A neighbour brought an envelope to a node, which may have had it before."""

    at_us: int
    envelope: str
    size: int
    from_host: int
    to_host: int
    is_first: bool


AnyRow = MessageRow | ContactRow | TransferRow


class RowFile:
    """Writes the rows of one run; `end` it when the run has ended."""

    def __init__(self, file: BinaryIO, head: Head) -> None:
        self._file = file
        self._encoder = msgspec.msgpack.Encoder()
        self._standing: dict[tuple[int, int], int] = {}
        put_frame(file, self._encoder.encode(head))

    def put(self, row: AnyRow) -> None:
        """Write a row."""
        put_frame(self._file, self._encoder.encode(row))

    def links(self, standing: Mapping[tuple[int, int], None], now: int) -> None:
        """Write those that stood and stand no more."""
        for pair in [pair for pair in self._standing if pair not in standing]:
            self.put(ContactRow(*pair, self._standing.pop(pair), now))
        for pair in standing:
            self._standing.setdefault(pair, now)

    def end(self, world: World) -> None:
        """Write what stands at the end, and all messages."""
        for pair, since in self._standing.items():
            self.put(ContactRow(*pair, since, None))
        self._standing.clear()
        for message in world.message_log.messages:
            if message.sender == message.recipient:
                # A note: it goes nowhere.
                continue
            row = MessageRow(
                number=message.number,
                created_us=message.asked_at,
                size=len(message.text.encode()),
                from_host=message.sender,
                to_host=message.recipient,
                confirmed_us=message.confirmed_at,
                delivered_us=message.delivered_at,
                expired_us=message.told_expired_at,
                phase=world.faults.phase_of(message),
                state=message.state,
                is_probe=message.is_probe,
                is_withdrawn=message.is_withdrawn,
                is_read=message.is_read,
            )
            self.put(row)


def read_rows(path: Path) -> Iterator[AnyRow]:
    """Return the rows of a run, one after the other; UserError if there are none."""
    decoder: msgspec.msgpack.Decoder[AnyRow] = msgspec.msgpack.Decoder(AnyRow)
    return read_frames(path, decoder, "file of a run's rows")[1]
