"""The messages of a range-based set reconciliation, byte for byte.

Implements `docs/protocol/spreading.md`, section "Messages of a comparison": Negentropy, version 1.
A message is `0x61` and ranges, each `upper bound ‖ mode ‖ payload`; a range begins where the one
before ended. A bound is `varint (1 + seconds beyond the bound before, 0: infinity) ‖ length ‖
beginning of an id`.
"""

from typing import Final

from mesh.errors import PeerError
from mesh.replication.seen_index import CREATED_BYTES, ID_BYTES

PROTOCOL_VERSION: Final = 0x61
MODE_SKIP, MODE_FINGERPRINT, MODE_ID_LIST = 0, 1, 2
_INFINITY: Final = (1 << 64) - 1
_VARINT_BYTES_MAX: Final = 10

Bound = bytes | None
"""The beginning of a key, or None: infinity."""


def varint(value: int) -> bytes:
    """Seven bits a byte, the highest first; all bytes but the last have the top bit."""
    if value < 0x80:
        return bytes((value,))
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(value & 0x7F | 0x80)
    return bytes(reversed(out))


def shortest_between(before: bytes, after: bytes) -> bytes:
    """The shortest bound that parts two neighbouring keys."""
    if before[:CREATED_BYTES] != after[:CREATED_BYTES]:
        return after[:CREATED_BYTES]
    length = CREATED_BYTES
    while before[length] == after[length]:
        length += 1
    return after[: length + 1]


class Writer:
    """Ranges of one message; bounds are relative to the one before."""

    def __init__(self, *, is_piece: bool = False, seconds: int = 0) -> None:
        self._data = bytearray() if is_piece else bytearray((PROTOCOL_VERSION,))
        self._seconds = seconds

    def __len__(self) -> int:
        return len(self._data)

    @property
    def is_at_end(self) -> bool:
        """Say whether the last range reaches to infinity."""
        return self._seconds == _INFINITY

    def piece(self) -> "Writer":
        """Return what is written for one range, before it is known whether it fits."""
        return Writer(is_piece=True, seconds=self._seconds)

    def append(self, piece: "Writer") -> None:
        self._data += piece._data
        self._seconds = piece._seconds

    def clear(self) -> None:
        self._data.clear()

    def taken(self) -> bytes:
        return bytes(self._data)

    def skip(self, bound: Bound) -> None:
        self._bound(bound)
        self._data.append(MODE_SKIP)

    def fingerprint(self, bound: Bound, value: bytes) -> None:
        self._bound(bound)
        self._data.append(MODE_FINGERPRINT)
        self._data += value

    def id_list(self, bound: Bound, ids: list[bytes]) -> None:
        self._bound(bound)
        self._data.append(MODE_ID_LIST)
        self._data += varint(len(ids))
        self._data += b"".join(ids)

    def _bound(self, bound: Bound) -> None:
        if bound is None:
            self._data += b"\x00\x00"
            self._seconds = _INFINITY
            return
        seconds = int.from_bytes(bound[:CREATED_BYTES].ljust(CREATED_BYTES, b"\0"), "big")
        prefix = bound[CREATED_BYTES:]
        self._data += varint(seconds - self._seconds + 1)
        self._data += varint(len(prefix))
        self._data += prefix
        self._seconds = seconds


class Reader:
    """Takes a message apart; raises PeerError where it is malformed."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0
        self._seconds = 0
        self._last: bytes = b""
        self._is_at_end = False

    @property
    def has_more(self) -> bool:
        """Say whether another range follows. What begins at infinity is empty, and passed over.

        The reference ends a full message with such a range.
        """
        return self._place < len(self._data) and not self._is_at_end

    def byte(self) -> int:
        return self.take(1)[0]

    def take(self, length: int) -> bytes:
        end = self._place + length
        if end > len(self._data):
            raise PeerError("a reconciliation that ends early")
        taken = self._data[self._place : end]
        self._place = end
        return taken

    def varint(self) -> int:
        value = 0
        for _ in range(_VARINT_BYTES_MAX):
            byte = self.byte()
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                return value
        raise PeerError("a reconciliation with an endless number")

    def bound(self) -> Bound:
        """The next bound; they rise."""
        delta = self.varint()
        seconds = _INFINITY if delta == 0 else self._seconds + delta - 1
        length = self.varint()
        if length > ID_BYTES:
            raise PeerError("a reconciliation with a long bound")
        prefix = self.take(length)
        if seconds >= _INFINITY:
            self._is_at_end = True
            return None
        self._seconds = seconds
        bound = seconds.to_bytes(CREATED_BYTES, "big") + prefix
        if bound < self._last:
            raise PeerError("a reconciliation that goes back")
        self._last = bound
        return bound

    def ids(self) -> dict[bytes, None]:
        count = self.varint()
        data = self.take(count * ID_BYTES)
        return dict.fromkeys(data[i : i + ID_BYTES] for i in range(0, len(data), ID_BYTES))
