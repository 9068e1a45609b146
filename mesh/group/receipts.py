"""Receipts of a group: which entries of a member somebody holds, and how far he has read.

Implements `docs/protocol/group-keys.md`, section "Receipts". A receipt is a claim of its author: it
is a control, never an entry, so nothing of it stays in what is said.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.errors import PeerError
from mesh.ids import UnixSeconds
from mesh.limits.group_receipts import (
    RECEIPT_MEMBERS_MAX,
    RECEIPT_MEMBERS_PER_PAUSE,
    RECEIPT_PAUSE,
    RECEIPT_RANGES_MAX,
    RECEIPTS_MAX,
)

_MEMBER_BYTES: Final = 8
_NUMBER_BYTES: Final = 4
_HEAD_BYTES: Final = _MEMBER_BYTES + 2 * _NUMBER_BYTES + 1
_RANGE_BYTES: Final = 2 * _NUMBER_BYTES

Range = tuple[int, int]
"""A first number, and how many there are."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The word of somebody on what he holds of a run of a member. `read`: one more than the number
    of the last entry that he has read, as far as he tells it; 0: nothing is told. `ranges`: the
    newest first.
    """

    member_prefix: bytes
    run: int
    read: int
    ranges: tuple[Range, ...]

    @property
    def byte_count(self) -> int:
        """Its length in a control."""
        return _HEAD_BYTES + len(self.ranges) * _RANGE_BYTES


@dataclass(frozen=True, slots=True)
class ToldAt:
    """The place at which somebody told something: an epoch, his number there, and when he posted
    it by his clock.
    """

    epoch_prefix: bytes
    number: int
    created: UnixSeconds

    def is_before(self, other: "ToldAt") -> bool:
        """Say whether it was told before another word of the same member.

        In one epoch his numbers say it, whatever his clock did meanwhile. Of two epochs only the
        clock is known, to 10 s: at the same time, what came last was told last.
        """
        if self.epoch_prefix == other.epoch_prefix:
            return self.number < other.number
        return self.created < other.created


def are_receipts_told(acks: str, members_count: int) -> bool:
    """Say whether members of a group with this setting tell what they hold."""
    return acks == "on" or (acks == "auto" and members_count <= RECEIPT_MEMBERS_MAX)


def pause_of_receipt(members_count: int, entropy: Entropy) -> int:
    """Draw how many seconds what is owed waits to be told by itself."""
    most = longest_pause_of_receipt(members_count)
    least = most // 2
    return least + uniform_below(entropy, most - least + 1)


def longest_pause_of_receipt(members_count: int) -> int:
    """Return the most seconds that what is owed waits."""
    return (
        RECEIPT_PAUSE * max(RECEIPT_MEMBERS_PER_PAUSE, members_count) // RECEIPT_MEMBERS_PER_PAUSE
    )


def prefix_of_member(key: bytes) -> bytes:
    """Return by what a receipt names a member."""
    return key[:_MEMBER_BYTES]


def holds(ranges: Iterable[Range], number: int) -> bool:
    """Say whether a number is among those that are held."""
    return any(first <= number < first + count for first, count in ranges)


def joined_ranges(one: Iterable[Range], other: Iterable[Range]) -> tuple[Range, ...]:
    """Return what either has, the newest first, and no more ranges than a receipt tells."""
    joined: list[Range] = []
    for first, count in sorted((*one, *other)):
        end = first + count
        if joined and first <= joined[-1][0] + joined[-1][1]:
            before, before_count = joined.pop()
            joined.append((before, max(before + before_count, end) - before))
        else:
            joined.append((first, count))
    return tuple(reversed(joined[-RECEIPT_RANGES_MAX:]))


def ranges_below(ranges: Iterable[Range], end: int) -> tuple[Range, ...]:
    """Return what is held below a number."""
    return tuple((first, min(first + count, end) - first) for first, count in ranges if first < end)


def read_of(before: tuple[int, tuple[Range, ...]], receipt: Receipt) -> int:
    """Return how far somebody has read who said before how far, and what he held, and says it anew,
    whichever he said first.

    Of what he held when he said it alone. What came to him later is not read since what was written
    after it is.
    """
    read_before, held_before = before
    covered = joined_ranges(
        ranges_below(held_before, read_before), ranges_below(receipt.ranges, receipt.read)
    )
    for first, count in reversed(joined_ranges(held_before, receipt.ranges)):
        ends = [one + many for one, many in covered if one <= first < one + many]
        if not ends:
            return min(first, max(read_before, receipt.read))
        if ends[0] < first + count:
            return ends[0]
    return max(read_before, receipt.read)


def encode_receipts(receipts: Sequence[Receipt]) -> bytes:
    """Return the bytes of the control; none: the author tells nobody what he holds."""
    assert len(receipts) <= RECEIPTS_MAX
    return b"".join(
        each.member_prefix
        + _u32(each.run)
        + _u32(each.read)
        + bytes((len(each.ranges),))
        + encode_ranges(each.ranges)
        for each in receipts
    )


def decode_receipts(data: bytes) -> list[Receipt]:
    """Return the receipts of a control; PeerError on anything else."""
    receipts: list[Receipt] = []
    at = 0
    while at < len(data):
        head = data[at : at + _HEAD_BYTES]
        if len(head) < _HEAD_BYTES or len(receipts) == RECEIPTS_MAX:
            raise PeerError("malformed receipt")
        count = head[-1]
        at += _HEAD_BYTES
        body = data[at : at + count * _RANGE_BYTES]
        if not 0 < count <= RECEIPT_RANGES_MAX or len(body) < count * _RANGE_BYTES:
            raise PeerError("malformed receipt")
        at += len(body)
        ranges = decode_ranges(body)
        last = 1 << 8 * _NUMBER_BYTES
        for first, held in ranges:
            # Told from the newest on, with a gap between each two.
            if not held or first + held >= last:
                raise PeerError("malformed receipt")
            last = first
        run = int.from_bytes(head[_MEMBER_BYTES : _MEMBER_BYTES + _NUMBER_BYTES], "big")
        read = int.from_bytes(head[_MEMBER_BYTES + _NUMBER_BYTES : -1], "big")
        receipts.append(Receipt(head[:_MEMBER_BYTES], run, read, ranges))
    return receipts


def encode_ranges(ranges: Iterable[Range]) -> bytes:
    """Return ranges as they stand in a receipt, and in the vault."""
    return b"".join(_u32(first) + _u32(count) for first, count in ranges)


def decode_ranges(data: bytes) -> tuple[Range, ...]:
    """Return the ranges in bytes of a right length."""
    return tuple(
        (
            int.from_bytes(data[at : at + _NUMBER_BYTES], "big"),
            int.from_bytes(data[at + _NUMBER_BYTES : at + _RANGE_BYTES], "big"),
        )
        for at in range(0, len(data), _RANGE_BYTES)
    )


def _u32(value: int) -> bytes:
    return value.to_bytes(_NUMBER_BYTES, "big")
