"""A second implementation of a comparison, in straight lines, which shares no code with `mesh/`.

It does what the reference (hoytech/negentropy, C++) does, byte for byte, written anew: the
transcripts in `tests/vectors/negentropy-transcripts.json` hold it to that. So it has two habits
that a node has not: after a list up to infinity that fills a frame one more range follows, which
begins at infinity; and where a range did not fit any more, the fingerprint of all that follows
leaves the keys of that range out.
"""

from bisect import bisect_left
from hashlib import sha256

Bound = tuple[int, bytes]
INFINITY = (1 << 64) - 1
END: Bound = (INFINITY, b"")


class PlainSide:
    """One side, over pairs of seconds and id. `need` and `have` are what an initiator learned."""

    def __init__(self, items: list[Bound], *, frame_bytes_max: int = 0) -> None:
        self._items = sorted(items)
        self._room = frame_bytes_max - 200 if frame_bytes_max else 1 << 62
        self._is_initiator = False
        self.have: set[bytes] = set()
        self.need: set[bytes] = set()
        self.ends_beyond_infinity = 0
        """Messages of this side in which a range begins at infinity."""

    def initiate(self) -> bytes:
        """The first message."""
        self._is_initiator = True
        return b"\x61" + b"".join(_encoded(self._split(0, len(self._items), END), 0))

    def answer(self, message: bytes) -> bytes:
        """The answer to a message; an initiator whose answer has one byte is done."""
        assert message[0] == 0x61
        said: list[tuple[Bound, bytes]] = []
        size, place, before, is_skipping = 1, 0, (0, b""), False
        for bound, mode, payload in ranges(message):
            lower, upper = place, max(place, bisect_left(self._items, bound))
            new: list[tuple[Bound, bytes]] = []
            if mode == 1 and payload != self._fingerprint(lower, upper):
                new = self._split(lower, upper, bound)
            elif mode == 2 and not self._is_initiator:
                new = [self._listed(lower, upper, bound, size)]
                upper = lower + (len(new[0][1]) - 2) // 32
            elif mode == 2:
                ours = {id_ for _, id_ in self._items[lower:upper]}
                theirs = {payload[at : at + 32] for at in range(0, len(payload), 32)}
                self.have |= ours - theirs
                self.need |= theirs - ours
            if new and is_skipping:
                new.insert(0, (before, b"\x00"))
            is_skipping = not new
            length = sum(map(len, _encoded(new, said[-1][0][0] if said else 0)))
            if mode == 2 or size + length <= self._room:
                said, size = said + new, size + length
                length = 0
            if size + length > self._room:
                self.ends_beyond_infinity += bool(said) and said[-1][0] == END
                said.append((END, b"\x01" + self._fingerprint(upper, len(self._items))))
                break
            place, before = upper, bound
        return b"\x61" + b"".join(_encoded(said, 0))

    def _listed(self, lower: int, upper: int, bound: Bound, size: int) -> tuple[Bound, bytes]:
        for place in range(lower, upper):
            if size + 32 * (place - lower) > self._room:
                bound, upper = self._items[place], place
                break
        ids = b"".join(id_ for _, id_ in self._items[lower:upper])
        return bound, b"\x02" + _varint(upper - lower) + ids

    def _split(self, lower: int, upper: int, bound: Bound) -> list[tuple[Bound, bytes]]:
        count = upper - lower
        if count < 32:
            ids = b"".join(id_ for _, id_ in self._items[lower:upper])
            return [(bound, b"\x02" + _varint(count) + ids)]
        parts: list[tuple[Bound, bytes]] = []
        place = lower
        for number in range(16):
            border = place + count // 16 + (number < count % 16)
            inner = bound if border == upper else self._shortest(border)
            parts.append((inner, b"\x01" + self._fingerprint(place, border)))
            place = border
        return parts

    def _shortest(self, border: int) -> Bound:
        (seconds, id_), (later, next_id) = self._items[border - 1 : border + 1]
        if seconds != later:
            return later, b""
        length = next(n for n in range(1, 33) if id_[:n] != next_id[:n])
        return later, next_id[:length]

    def _fingerprint(self, lower: int, upper: int) -> bytes:
        total = sum(int.from_bytes(id_, "little") for _, id_ in self._items[lower:upper])
        total %= 1 << 256
        return sha256(total.to_bytes(32, "little") + _varint(upper - lower)).digest()[:16]


def _encoded(ranges: list[tuple[Bound, bytes]], seconds: int) -> list[bytes]:
    out = []
    for bound, payload in ranges:
        step = 0 if bound[0] == INFINITY else bound[0] - seconds + 1
        out.append(_varint(step) + _varint(len(bound[1])) + bound[1] + payload)
        seconds = bound[0]
    return out


def ranges(message: bytes) -> list[tuple[Bound, int, bytes]]:
    """The ranges of a message: bound, mode, and what is told."""
    found, at, seconds = [], 1, 0
    while at < len(message):
        step, at = _number(message, at)
        seconds = min(seconds + step - 1, INFINITY) if step else INFINITY
        length, at = _number(message, at)
        prefix, at = message[at : at + length], at + length
        mode, at = _number(message, at)
        size = 16 if mode == 1 else 0
        if mode == 2:
            count, at = _number(message, at)
            size = 32 * count
        assert mode < 3
        assert at + size <= len(message)
        found.append(((seconds, prefix), mode, message[at : at + size]))
        at += size
    return found


def _varint(value: int) -> bytes:
    out = bytes((value & 0x7F,))
    while value := value >> 7:
        out = bytes((value & 0x7F | 0x80,)) + out
    return out


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    while data[at] & 0x80:
        value, at = value << 7 | data[at] & 0x7F, at + 1
    return value << 7 | data[at], at + 1
