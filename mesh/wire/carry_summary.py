"""Summaries: what a node has, small enough to be carried to where it has been asked for.

Implements `docs/protocol/carry-file.md`, section "Summaries". Each id becomes 8 bytes of a hash
under the nonce of the summary. Their first bits choose a bucket, their next 24 bits are the entry
there. So a summary takes three bytes an id, and one question in a million about an id that is not
in it is answered yes: that envelope is left out of one export, and of no other, since each summary
has a nonce of its own. Nobody can make an envelope that is left out on purpose without knowing the
nonce before.
"""

from array import array
from collections.abc import Iterator
from typing import Final

from mesh.crypto.hashing import blake2b
from mesh.errors import PeerError
from mesh.limits.carry import CARRY_BLOCK_BYTES_MAX, SUMMARY_BUCKET_BITS_MAX

ENTRY_BYTES: Final = 3
ENTRIES_PER_BUCKET: Final = 16
"""On average and at most, when the number of ids is known beforehand."""
_BUCKET_ENTRIES_MAX: Final = 255
_HASH_BITS: Final = 64
_BLOCK_HEAD_BYTES: Final = 5


class Summary:
    """A set that answers `has`, now and then yes to what is not in it."""

    def __init__(self, nonce: bytes, bucket_bits: int | None) -> None:
        """`bucket_bits` is None for a summary that is still to be read."""
        self._nonce = nonce
        self._bucket_bits = bucket_bits
        self._buckets: dict[int, bytearray] = {}
        # What was read stays as it came: a million buckets of their own would be 150 MiB.
        self._taken = bytearray()
        self._starts = array("I")
        self._next_bucket = 0

    @classmethod
    def for_count(cls, nonce: bytes, count: int) -> "Summary":
        """An empty one with room for so many ids."""
        bits = max(0, (max(1, count) - 1) // ENTRIES_PER_BUCKET).bit_length()
        return cls(nonce, min(bits, SUMMARY_BUCKET_BITS_MAX))

    def add(self, element: bytes) -> None:
        """Add an id. One that finds no room is left out, and so is exported once too often."""
        bucket, entry = self._place(element)
        entries = self._buckets.setdefault(bucket, bytearray())
        if len(entries) < _BUCKET_ENTRIES_MAX * ENTRY_BYTES:
            entries += entry

    def has(self, element: bytes) -> bool:
        """Say whether an id is in it, as far as the summary can tell."""
        if self._bucket_bits is None:
            return False
        bucket, entry = self._place(element)
        entries = self._entries_of(bucket)
        at = entries.find(entry)
        while at > 0 and at % ENTRY_BYTES:
            at = entries.find(entry, at + 1)
        return at >= 0

    def blocks(self) -> Iterator[bytes]:
        """The payloads of its blocks."""
        assert self._bucket_bits is not None
        bits = bytes((self._bucket_bits,))
        first, payload = 0, bytearray()
        for number in range(1 << self._bucket_bits):
            entries = self._entries_of(number)
            size = _BLOCK_HEAD_BYTES + len(payload) + 1 + len(entries)
            if size > CARRY_BLOCK_BYTES_MAX:
                yield bits + first.to_bytes(4, "big") + payload
                first, payload = number, bytearray()
            payload.append(len(entries) // ENTRY_BYTES)
            payload += _sorted(entries)
        yield bits + first.to_bytes(4, "big") + payload

    def take_block(self, payload: bytes) -> None:
        """Take the buckets of one block; PeerError if it is malformed.

        Buckets go upward, also from block to block: so there are a million at most, and none is
        looked at twice.
        """
        if len(payload) < _BLOCK_HEAD_BYTES or payload[0] > SUMMARY_BUCKET_BITS_MAX:
            raise PeerError("malformed summary")
        if self._bucket_bits not in (None, payload[0]):
            raise PeerError("malformed summary")
        if self._bucket_bits is None:
            self._bucket_bits = payload[0]
            self._starts = array("I", [0]) * (1 << self._bucket_bits)
        bucket = int.from_bytes(payload[1:_BLOCK_HEAD_BYTES], "big")
        if bucket < self._next_bucket:
            raise PeerError("malformed summary")
        at, before = _BLOCK_HEAD_BYTES, len(self._taken)
        while at < len(payload):
            end = at + 1 + payload[at] * ENTRY_BYTES
            if end > len(payload) or bucket >> self._bucket_bits:
                raise PeerError("malformed summary")
            self._starts[bucket] = before + at + 1
            bucket += 1
            at = end
        self._next_bucket = bucket
        self._taken += payload

    def _entries_of(self, bucket: int) -> bytes | bytearray:
        """Return the entries of a bucket that was made here or read."""
        if bucket >= self._next_bucket or not (start := self._starts[bucket]):
            return self._buckets.get(bucket, b"")
        return self._taken[start : start + self._taken[start - 1] * ENTRY_BYTES]

    def _place(self, element: bytes) -> tuple[int, bytes]:
        """The bucket of an id, and its entry there."""
        assert self._bucket_bits is not None
        digest = blake2b(self._nonce, element, b"mesh/carry/id", _HASH_BITS // 8)
        value = int.from_bytes(digest, "big")
        rest_bits = _HASH_BITS - self._bucket_bits
        entry = (value >> (rest_bits - 8 * ENTRY_BYTES)) & ((1 << 8 * ENTRY_BYTES) - 1)
        return value >> rest_bits, entry.to_bytes(ENTRY_BYTES, "big")


def _sorted(entries: bytes | bytearray) -> bytes:
    """In their order nothing shows of the order in which they came."""
    starts = range(0, len(entries), ENTRY_BYTES)
    return b"".join(sorted(bytes(entries[at : at + ENTRY_BYTES]) for at in starts))
