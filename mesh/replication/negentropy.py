"""Range-based set reconciliation: two sets become known to each other by what differs.

Implements the Negentropy protocol, version 1, as hoytech/negentropy has it (the idea is Aljoscha
Meyer's, "Range-Based Set Reconciliation", SRDS 2023); `docs/protocol/spreading.md`, section
"Comparing two sets". Both sides look at ranges of the same order: where the fingerprints of a range
agree it is skipped, where they differ it is split, and small ranges are listed. The responder keeps
no state; the initiator learns both differences.

How a range is split is each side's own affair. Between daemons it follows what the message shows:
where few ranges differ, or all do, wide splits save rounds; where some of many differ, each holds
about one difference, and then narrow splits find it with the fewest bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from mesh.errors import PeerError
from mesh.limits.anti_entropy import RECONCILE_COMPARED_PER_RANGE, RECONCILE_IDS_PER_RANGE
from mesh.replication.range_messages import (
    MODE_FINGERPRINT,
    MODE_ID_LIST,
    MODE_SKIP,
    PROTOCOL_VERSION,
    Bound,
    Reader,
    Writer,
    shortest_between,
    varint,
)
from mesh.replication.seen_index import CREATED_BYTES, ID_BYTES, SeenIndex

_OLDEST_VERSION, _NEWEST_VERSION = 0x60, 0x6F
FINGERPRINT_BYTES: Final = 16
_MODULUS_MASK: Final = (1 << 256) - 1
_FRAME_RESERVE_BYTES: Final = 200
"""What the last range of a full message may need: as the reference has it."""

_FEW: Final = 4
"""So many ranges that differ cost little, however widely they are split."""


@dataclass(frozen=True, slots=True)
class Split:
    """The division of a range: into so many buckets, or listed if it has fewer than `leaf` keys.

    The `sparse` ones take their place where some of many ranges differ. A side that `is_probing`
    and initiates tells the fingerprint of a small set, where it would list it: the other side lists
    its own then, which is all that the initiator needs.
    """

    buckets: int
    leaf: int
    sparse_buckets: int
    sparse_leaf: int
    is_probing: bool = False


SPLIT_REFERENCE: Final = Split(16, 32, sparse_buckets=16, sparse_leaf=32)
SPLIT_DAEMON: Final = Split(16, 32, sparse_buckets=3, sparse_leaf=4, is_probing=True)
"""21 bytes a difference where they are close together, some 450 where they are scattered. Of the
splits from 2 to 8 buckets, three cost least wherever one id in 100 to 1,000 differs."""


@dataclass(slots=True)
class Difference:
    """The findings of the initiator: ids that only it has, and ids that only the other has."""

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
        self.ranges_count = 0
        """Ranges that were read or told so far, in which some ids stand for one: what it cost."""

    def initiate(self, offset_below: Callable[[int], int] | None = None) -> bytes:
        """The first message. `offset_below` draws how far the first borders are moved.

        With borders that nobody can foresee, sets cannot be made whose sums agree by design.
        """
        lower, upper = self._index.rank(self._floor), len(self._index)
        offset = 0
        if offset_below is not None:
            offset = offset_below(max((upper - lower) // self._split.buckets, 1))
        return self._first(lower, upper, None, offset)

    def initiate_below(self, ceiling: bytes) -> bytes:
        """A first message about the keys before a bound; what stands behind is passed over."""
        lower = self._index.rank(self._floor)
        return self._first(lower, max(lower, self._index.rank(ceiling)), ceiling, 0)

    def respond(self, message: bytes) -> bytes:
        """The answer to a message of the initiator. Raises PeerError."""
        return self._reconcile(message, None)

    def learn(self, message: bytes, difference: Difference) -> bytes | None:
        """Learn from an answer; return the next message, or None when all is known.

        With a frame limit the same id may be learned more than once. Raises PeerError.
        """
        answer = self._reconcile(message, difference)
        return None if len(answer) == 1 else answer

    def _first(self, lower: int, upper: int, bound: Bound, offset: int) -> bytes:
        writer = Writer()
        split = _Splitter(self._index, self._split, is_initiator=False)
        split.write(writer, lower, upper, bound, offset)
        return writer.taken()

    def _reconcile(self, message: bytes, difference: Difference | None) -> bytes:
        reader, writer = Reader(message), Writer()
        version = reader.byte()
        if not _OLDEST_VERSION <= version <= _NEWEST_VERSION:
            raise PeerError("not a reconciliation")
        if version != PROTOCOL_VERSION:
            if difference is not None:
                raise PeerError("a reconciliation of an unknown version")
            return writer.taken()
        index = self._index
        splitter = _Splitter(index, self._split, is_initiator=difference is not None)
        place, end = index.rank(self._floor), len(index)
        told = place  # What is written so far ends here.
        before: Bound = b""
        is_skipping = False
        while reader.has_more:
            bound, mode = reader.bound(), reader.varint()
            self.ranges_count += 1
            lower = place
            upper = end if bound is None else max(lower, index.rank(bound))
            piece: Writer | None = None
            if mode == MODE_SKIP:
                is_skipping = True
            elif mode == MODE_FINGERPRINT:
                if splitter.agrees(lower, upper, reader.take(FINGERPRINT_BYTES)):
                    is_skipping = True
                else:
                    piece = _piece(writer, before, is_skipping=is_skipping)
                    is_skipping = False
                    self.ranges_count += splitter.write(piece, lower, upper, bound)
            elif mode == MODE_ID_LIST:
                theirs = reader.ids()
                self.ranges_count += len(theirs) // RECONCILE_IDS_PER_RANGE
                if difference is not None:
                    self.ranges_count += (upper - lower) // RECONCILE_COMPARED_PER_RANGE
                    self._compare(lower, upper, theirs, difference)
                    is_skipping = True
                else:
                    piece = _piece(writer, before, is_skipping=is_skipping)
                    is_skipping = False
                    told = upper = self._write_list(writer, piece, lower, upper, bound)
            else:
                raise PeerError("a reconciliation with an unknown mode")
            if piece is not None:
                if self._is_full(len(writer) + len(piece)):
                    self._write_rest(writer, told, end)
                    break
                writer.append(piece)
                told = upper
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
        self, writer: Writer, piece: Writer, lower: int, upper: int, bound: Bound
    ) -> int:
        """List a range, as far as the frame goes; return where the list ends."""
        ids: list[bytes] = []
        written = len(writer)
        for place, key in enumerate(self._index.keys(lower, upper), lower):
            if self._is_full(written + len(ids) * ID_BYTES):
                bound, upper = key, place
                break
            ids.append(key[CREATED_BYTES:])
        self.ranges_count += len(ids) // RECONCILE_IDS_PER_RANGE
        piece.id_list(bound, ids)
        writer.append(piece)
        piece.clear()
        return upper

    def _write_rest(self, writer: Writer, told: int, end: int) -> None:
        """End a full message: what follows is compared as one range, if anything can follow.

        Where nothing of ours does, an empty list says so, and the answer lists what there is.
        """
        if writer.is_at_end:
            return
        if told == end:
            writer.id_list(None, [])
        else:
            writer.fingerprint(None, fingerprint(self._index, told, end))

    def _is_full(self, length: int) -> bool:
        limit = self._frame_bytes_max
        return limit > 0 and length > limit - _FRAME_RESERVE_BYTES


class _Splitter:
    """Compares and divides the ranges of one message, and counts how many of them differ.

    The sum before a border is needed on both of its sides and computed once.
    """

    def __init__(self, index: SeenIndex, split: Split, *, is_initiator: bool) -> None:
        self._index = index
        self._split = split
        self._is_probing = is_initiator and split.is_probing
        self._compared_count = 0
        self._different_count = 0
        # The sum before the last border that was looked at.
        self._border = 0
        self._sum = 0

    def agrees(self, lower: int, upper: int, theirs: bytes) -> bool:
        """Say whether a range has this fingerprint."""
        agrees = self._fingerprint(lower, upper) == theirs
        self._compared_count += 1
        self._different_count += not agrees
        return agrees

    def write(self, writer: Writer, lower: int, upper: int, bound: Bound, offset: int = 0) -> int:
        """Divide a range, or list it if it is small, as things look so far; into how many parts."""
        count, buckets, leaf = upper - lower, self._split.buckets, self._split.leaf
        if _FEW < self._different_count < self._compared_count:
            buckets, leaf = self._split.sparse_buckets, self._split.sparse_leaf
        if count < leaf or count < buckets:
            if count and self._is_probing:
                writer.fingerprint(bound, self._fingerprint(lower, upper))
            else:
                keys = self._index.keys(lower, upper)
                writer.id_list(bound, [key[CREATED_BYTES:] for key in keys])
            return 1
        share, rest = divmod(count, buckets)
        place = lower
        for number in range(1, buckets):
            border = lower + share * number + min(number, rest) - offset
            if border > place:
                inner = shortest_between(self._index.key(border - 1), self._index.key(border))
                writer.fingerprint(inner, self._fingerprint(place, border))
                place = border
        writer.fingerprint(bound, self._fingerprint(place, upper))
        return buckets

    def _fingerprint(self, lower: int, upper: int) -> bytes:
        before = self._sum if lower == self._border else self._index.sum_before(lower)
        self._border, self._sum = upper, self._index.sum_before(upper)
        return _digest(self._sum - before, upper - lower)


def fingerprint(index: SeenIndex, lower: int, upper: int) -> bytes:
    """SHA-256 of the sum of the ids and their number, cut to 16 bytes."""
    return _digest(index.sum(lower, upper), upper - lower)


def _digest(total: int, count: int) -> bytes:
    data = (total & _MODULUS_MASK).to_bytes(ID_BYTES, "little") + varint(count)
    return sha256(data).digest()[:FINGERPRINT_BYTES]


def _piece(writer: Writer, before: Bound, *, is_skipping: bool) -> Writer:
    """Return what is said of one range, after what is said of those that were passed over
    before.
    """
    piece = writer.piece()
    if is_skipping:
        piece.skip(before)
    return piece
