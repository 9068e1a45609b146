"""Range-based set reconciliation: two sets become known to each other by what differs.

Implements the Negentropy protocol, version 1, as hoytech/negentropy has it (the idea is Aljoscha
Meyer's, "Range-Based Set Reconciliation", SRDS 2023). Both sides look at ranges of the same
order: where the fingerprints of a range agree it is skipped, where they differ it is split, and
small ranges are listed. The responder keeps no state; the initiator learns both differences.

A message is `0x61` and ranges, each `upper bound ‖ mode ‖ payload`; a range begins where the one
before ended. A bound is `varint (1 + seconds beyond the bound before, 0: infinity) ‖ length ‖
beginning of an id`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from mesh.errors import PeerError
from mesh.replication.seen_index import CREATED_BYTES, ID_BYTES, SeenIndex

PROTOCOL_VERSION: Final = 0x61
_OLDEST_VERSION, _NEWEST_VERSION = 0x60, 0x6F
FINGERPRINT_BYTES: Final = 16
_SKIP, _FINGERPRINT, _ID_LIST = 0, 1, 2
_INFINITY: Final = (1 << 64) - 1
_VARINT_BYTES_MAX: Final = 10
_FRAME_RESERVE_BYTES: Final = 200
"""What the last range of a full message may need: as the reference has it."""

Bound = bytes | None
"""The beginning of a key, or None: infinity."""


@dataclass(frozen=True, slots=True)
class Split:
    """How a range is divided: into so many buckets, or listed if it has fewer than `leaf` keys."""

    buckets: int
    leaf: int


SPLIT_REFERENCE: Final = Split(16, 32)
SPLIT_DAEMON: Final = Split(8, 8)
"""31 bytes a difference where they are close together, 482 where they are scattered."""


@dataclass(slots=True)
class Difference:
    """What the initiator has learned: ids that only it has, and ids that only the other has."""

    have: list[bytes] = field(default_factory=list)
    need: list[bytes] = field(default_factory=list)


class Reconciliation:
    """One side, over keys from a floor on. `frame_bytes_max` 0: no limit (else at least 4,096)."""

    def __init__(
        self,
        index: SeenIndex,
        *,
        floor: bytes = b"",
        split: Split = SPLIT_DAEMON,
        frame_bytes_max: int = 0,
    ) -> None:
        assert frame_bytes_max == 0 or frame_bytes_max >= 4_096
        self._index = index
        self._floor = floor
        self._split = split
        self._frame_bytes_max = frame_bytes_max

    def initiate(self, offset_below: Callable[[int], int] | None = None) -> bytes:
        """The first message. `offset_below` draws how far the first borders are moved.

        With borders that nobody can foresee, sets cannot be made whose sums agree by design.
        """
        writer = _Writer()
        lower, upper = self._index.rank(self._floor), len(self._index)
        offset = 0
        if offset_below is not None:
            offset = offset_below(max((upper - lower) // self._split.buckets, 1))
        self._write_split(writer, lower, upper, None, offset)
        return writer.taken()

    def initiate_below(self, ceiling: bytes) -> bytes:
        """A first message about the keys before a bound; what stands behind is passed over."""
        writer = _Writer()
        lower = self._index.rank(self._floor)
        self._write_split(writer, lower, max(lower, self._index.rank(ceiling)), ceiling, 0)
        return writer.taken()

    def respond(self, message: bytes) -> bytes:
        """The answer to a message of the initiator. Raises PeerError."""
        return self._reconcile(message, None)

    def learn(self, message: bytes, difference: Difference) -> bytes | None:
        """Learn from an answer; return the next message, or None when all is known.

        With a frame limit the same id may be learned more than once. Raises PeerError.
        """
        answer = self._reconcile(message, difference)
        return None if len(answer) == 1 else answer

    def _reconcile(self, message: bytes, difference: Difference | None) -> bytes:
        reader, writer = _Reader(message), _Writer()
        version = reader.byte()
        if not _OLDEST_VERSION <= version <= _NEWEST_VERSION:
            raise PeerError("not a reconciliation")
        if version != PROTOCOL_VERSION:
            if difference is not None:
                raise PeerError("a reconciliation of an unknown version")
            return writer.taken()
        index = self._index
        place, end = index.rank(self._floor), len(index)
        before: Bound = b""
        is_skipping = False
        while reader.has_more:
            bound, mode = reader.bound(), reader.varint()
            lower = place
            upper = end if bound is None else max(lower, index.rank(bound))
            piece = writer.piece()
            if mode == _SKIP:
                is_skipping = True
            elif mode == _FINGERPRINT:
                if reader.take(FINGERPRINT_BYTES) == fingerprint(index, lower, upper):
                    is_skipping = True
                else:
                    if is_skipping:
                        piece.skip(before)
                        is_skipping = False
                    self._write_split(piece, lower, upper, bound, 0)
            elif mode == _ID_LIST:
                theirs = reader.ids()
                if difference is not None:
                    self._compare(lower, upper, theirs, difference)
                    is_skipping = True
                else:
                    if is_skipping:
                        piece.skip(before)
                        is_skipping = False
                    upper = self._write_list(writer, piece, lower, upper, bound)
            else:
                raise PeerError("a reconciliation with an unknown mode")
            if self._is_full(len(writer) + len(piece)):
                writer.close_with(fingerprint(index, upper, end))
                break
            writer.append(piece)
            place, before = upper, bound
        return writer.taken()

    def _compare(
        self, lower: int, upper: int, theirs: dict[bytes, None], difference: Difference
    ) -> None:
        for key in self._index.keys(lower, upper):
            id_ = key[CREATED_BYTES:]
            if id_ in theirs:
                del theirs[id_]
            else:
                difference.have.append(id_)
        difference.need.extend(theirs)

    def _write_list(
        self, writer: "_Writer", piece: "_Writer", lower: int, upper: int, bound: Bound
    ) -> int:
        """List a range, as far as the frame goes; return where the list ends."""
        ids: list[bytes] = []
        written = len(writer)
        for place, key in enumerate(self._index.keys(lower, upper), lower):
            if self._is_full(written + len(ids) * ID_BYTES):
                bound, upper = key, place
                break
            ids.append(key[CREATED_BYTES:])
        piece.id_list(bound, ids)
        writer.append(piece)
        piece.clear()
        return upper

    def _write_split(
        self, writer: "_Writer", lower: int, upper: int, bound: Bound, offset: int
    ) -> None:
        count, buckets = upper - lower, self._split.buckets
        if count < self._split.leaf or count < buckets:
            keys = self._index.keys(lower, upper)
            writer.id_list(bound, [key[CREATED_BYTES:] for key in keys])
            return
        share, rest = divmod(count, buckets)
        borders = [lower + share * i + min(i, rest) - offset for i in range(1, buckets)]
        place = lower
        for border in borders:
            if border <= place:
                continue
            inner = _shortest_between(self._index.key(border - 1), self._index.key(border))
            writer.fingerprint(inner, fingerprint(self._index, place, border))
            place = border
        writer.fingerprint(bound, fingerprint(self._index, place, upper))

    def _is_full(self, length: int) -> bool:
        limit = self._frame_bytes_max
        return limit > 0 and length > limit - _FRAME_RESERVE_BYTES


def fingerprint(index: SeenIndex, lower: int, upper: int) -> bytes:
    """SHA-256 of the sum of the ids and their number, cut to 16 bytes."""
    total = index.sum(lower, upper).to_bytes(ID_BYTES, "little")
    return sha256(total + _varint(upper - lower)).digest()[:FINGERPRINT_BYTES]


def _shortest_between(before: bytes, after: bytes) -> bytes:
    """The shortest bound that parts two neighbouring keys."""
    if before[:CREATED_BYTES] != after[:CREATED_BYTES]:
        return after[:CREATED_BYTES]
    length = CREATED_BYTES
    while before[length] == after[length]:
        length += 1
    return after[: length + 1]


def _varint(value: int) -> bytes:
    """Seven bits a byte, the highest first; all bytes but the last have the top bit."""
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(value & 0x7F | 0x80)
    return bytes(reversed(out))


class _Writer:
    """Ranges of one message; bounds are relative to the one before."""

    def __init__(self, *, is_piece: bool = False, seconds: int = 0) -> None:
        self._data = bytearray() if is_piece else bytearray((PROTOCOL_VERSION,))
        self._seconds = seconds

    def __len__(self) -> int:
        return len(self._data)

    def piece(self) -> "_Writer":
        """What is written for one range, before it is known whether it fits."""
        return _Writer(is_piece=True, seconds=self._seconds)

    def append(self, piece: "_Writer") -> None:
        self._data += piece._data
        self._seconds = piece._seconds

    def clear(self) -> None:
        self._data.clear()

    def taken(self) -> bytes:
        return bytes(self._data)

    def skip(self, bound: Bound) -> None:
        self._bound(bound)
        self._data.append(_SKIP)

    def fingerprint(self, bound: Bound, value: bytes) -> None:
        self._bound(bound)
        self._data.append(_FINGERPRINT)
        self._data += value

    def id_list(self, bound: Bound, ids: list[bytes]) -> None:
        self._bound(bound)
        self._data.append(_ID_LIST)
        self._data += _varint(len(ids))
        self._data += b"".join(ids)

    def close_with(self, value: bytes) -> None:
        """The message is full: a fingerprint for all that is left."""
        self.fingerprint(None, value)

    def _bound(self, bound: Bound) -> None:
        if bound is None:
            self._data += b"\x00\x00"
            self._seconds = _INFINITY
            return
        seconds = int.from_bytes(bound[:CREATED_BYTES].ljust(CREATED_BYTES, b"\0"), "big")
        prefix = bound[CREATED_BYTES:]
        self._data += _varint(seconds - self._seconds + 1)
        self._data += _varint(len(prefix))
        self._data += prefix
        self._seconds = seconds


class _Reader:
    """Takes a message apart; raises PeerError where it is malformed."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0
        self._seconds = 0
        self._last: bytes = b""
        self._is_at_end = False

    @property
    def has_more(self) -> bool:
        return self._place < len(self._data)

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
        if self._is_at_end:
            raise PeerError("a reconciliation beyond its end")
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
