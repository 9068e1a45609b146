"""The stream of a link: handshake messages, then records that carry frames.

Implements the framing of `docs/protocol/link.md`. Everything on the wire is `u16 length ‖ block`,
big-endian: first the messages of the handshake, at most 4 KiB each, then records. A record is
one Noise transport message with empty associated data over at most 16 KiB of plaintext. The
plaintexts of a direction, put together, are a stream of `u32 length ‖ frame`, at most 66 KiB a
frame: a record may hold several frames, and a frame may span records. After each 2^16 records
of its own a direction replaces its key.

The length of a record is not secret and stands outside the seal: who changes it makes the next
seal fail or the reader wait for bytes, and can do both anyway.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from mesh.crypto.aead import TAG_BYTES
from mesh.errors import PeerError
from mesh.limits.link import (
    FRAME_BYTES_MAX,
    HANDSHAKE_MESSAGE_BYTES_MAX,
    RECORD_PLAINTEXT_BYTES_MAX,
    RECORDS_PER_KEY,
)

BLOCK_LENGTH_BYTES: Final = 2
FRAME_LENGTH_BYTES: Final = 4


Bytes = bytes | memoryview
"""A piece of a stream, or a view of one, which is cut without a copy."""


class Cipher(Protocol):
    """One direction of a channel: each box is opened once, in the order in which they were sealed.

    `mesh.link.symmetric.CipherState` is the one that a node uses; what a simulator does without
    secrecy stands in `sim`. Either adds `TAG_BYTES` and raises PeerError on what was changed.
    """

    def seal(self, associated: bytes, plaintext: Bytes, /) -> bytes: ...
    def open_sealed(self, associated: bytes, sealed: Bytes, /) -> bytes: ...
    def rekey(self) -> None: ...


def handshake_block(message: bytes) -> bytes:
    """A handshake message as it stands on the wire."""
    assert 0 < len(message) <= HANDSHAKE_MESSAGE_BYTES_MAX
    return len(message).to_bytes(BLOCK_LENGTH_BYTES, "big") + message


class HandshakeReader:
    """Cuts the beginning of a stream into handshake messages, one asked for at a time.

    The last one may be followed at once by records; `rest` gives these to their reader.
    """

    def __init__(self) -> None:
        self._blocks = _LengthPrefixed(
            BLOCK_LENGTH_BYTES, bytes_min=1, bytes_max=HANDSHAKE_MESSAGE_BYTES_MAX
        )

    def feed(self, received: bytes) -> None:
        """Take bytes of any cut."""
        self._blocks.feed(received)

    def find_message(self) -> bytes | None:
        """The next whole message; PeerError if it is announced as empty or too long."""
        return self._blocks.find_next()

    def rest(self) -> bytes:
        """Take out what came behind the messages found."""
        return self._blocks.rest()


class RecordWriter:
    """Seals one direction's frames into records."""

    def __init__(self, cipher: Cipher) -> None:
        self._cipher = cipher
        self._records_under_key = 0

    def write(self, frames: Sequence[bytes]) -> bytes:
        """All these frames in as few records as they fit in: give what is ready at once."""
        parts: list[bytes] = []
        for frame in frames:
            assert 0 < len(frame) <= FRAME_BYTES_MAX
            parts += (len(frame).to_bytes(FRAME_LENGTH_BYTES, "big"), frame)
        stream = memoryview(b"".join(parts))
        written: list[bytes] = []
        for start in range(0, len(stream), RECORD_PLAINTEXT_BYTES_MAX):
            sealed = self._cipher.seal(b"", stream[start : start + RECORD_PLAINTEXT_BYTES_MAX])
            written += (len(sealed).to_bytes(BLOCK_LENGTH_BYTES, "big"), sealed)
            self._records_under_key = _count_record(self._cipher, self._records_under_key)
        return b"".join(written)


class RecordReader:
    """Opens the other direction's records and puts its frames together.

    It holds at most one unfinished record and one unfinished frame between two calls.
    """

    def __init__(self, cipher: Cipher) -> None:
        self._cipher = cipher
        self._records_under_key = 0
        self._has_failed = False
        self._blocks = _LengthPrefixed(
            BLOCK_LENGTH_BYTES,
            bytes_min=TAG_BYTES + 1,
            bytes_max=RECORD_PLAINTEXT_BYTES_MAX + TAG_BYTES,
        )
        self._stream = _LengthPrefixed(FRAME_LENGTH_BYTES, bytes_min=1, bytes_max=FRAME_BYTES_MAX)

    def feed(self, received: bytes) -> list[Bytes]:
        """The frames that these bytes complete; most are views of what was opened.

        PeerError on a record that does not open and on a length out of bounds; then the stream
        is lost for good, with the frames that came in the same call.
        """
        if self._has_failed:
            raise PeerError("the stream of records has failed already")
        try:
            return self._frames(received)
        except PeerError:
            self._has_failed = True
            raise

    def _frames(self, received: bytes) -> list[Bytes]:
        opened: list[bytes] = []
        for sealed in self._blocks.cut(received):
            opened.append(self._cipher.open_sealed(b"", sealed))
            self._records_under_key = _count_record(self._cipher, self._records_under_key)
        return self._stream.cut(b"".join(opened))


def _count_record(cipher: Cipher, records_under_key: int) -> int:
    """Count one more record under this key, replace the key if that was its last."""
    if records_under_key + 1 < RECORDS_PER_KEY:
        return records_under_key + 1
    cipher.rekey()
    return 0


class _LengthPrefixed:
    """A stream of `length ‖ block`, cut anyhow on the way in and into whole blocks on the way out.

    A length out of bounds raises PeerError as soon as it is seen, before its block has come.
    What came is either fed and found one by one, or cut as it comes. The cost is linear: a
    bytearray drops its beginning without moving the rest.
    """

    def __init__(self, length_bytes: int, *, bytes_min: int, bytes_max: int) -> None:
        self._length_bytes = length_bytes
        self._bytes_min = bytes_min
        self._bytes_max = bytes_max
        self._buffer = bytearray()

    def feed(self, received: bytes) -> None:
        self._buffer += received

    def find_next(self) -> bytes | None:
        if len(self._buffer) < self._length_bytes:
            return None
        end = self._length_bytes + self._length(self._buffer[: self._length_bytes])
        if len(self._buffer) < end:
            return None
        block = bytes(self._buffer[self._length_bytes : end])
        del self._buffer[:end]
        return block

    def cut(self, received: bytes) -> list[Bytes]:
        """All blocks that are whole with these bytes; the beginning of the next one stays.

        Only a block that came in pieces is copied. The others are views.
        """
        blocks: list[Bytes] = []
        rest = memoryview(received)
        if self._buffer:
            rest = self._fill_up(rest, self._length_bytes)
            if len(self._buffer) < self._length_bytes:
                return blocks
            end = self._length_bytes + self._length(self._buffer[: self._length_bytes])
            rest = self._fill_up(rest, end)
            if len(self._buffer) < end:
                return blocks
            blocks.append(bytes(self._buffer[self._length_bytes :]))
            self._buffer.clear()
        while len(rest) >= self._length_bytes:
            end = self._length_bytes + self._length(rest[: self._length_bytes])
            if len(rest) < end:
                break
            blocks.append(rest[self._length_bytes : end])
            rest = rest[end:]
        self._buffer += rest
        return blocks

    def rest(self) -> bytes:
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def _fill_up(self, received: memoryview, length: int) -> memoryview:
        """Add to the block that has begun until it has this length; return what is left."""
        missing = max(0, length - len(self._buffer))
        self._buffer += received[:missing]
        return received[missing:]

    def _length(self, announced: bytearray | memoryview) -> int:
        length = int.from_bytes(announced, "big")
        if not self._bytes_min <= length <= self._bytes_max:
            raise PeerError("a length on the wire is out of bounds")
        return length
