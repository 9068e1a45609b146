"""The lists by which contacts name posting keys: their own in a session, those of others on a link.

Implements `docs/protocol/standing.md`. Keys are named by hashes. A list for a link is filled up to
the length of an envelope, so that its frame is as long as one that pushes an envelope.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from mesh.errors import PeerError
from mesh.limits.posting_keys import POSTING_DAYS_TOLD, POSTING_KEYS_TOLD_MAX
from mesh.limits.trust import FAR_PER_CONTACT_DAY_MAX, VOUCH_DAYS_TOLD
from mesh.wire.envelope import SIZE_BYTES

DAY_BYTES: Final = 4
_HASH_BYTES: Final = 8
_ENTRY_BYTES: Final = 1 + _HASH_BYTES
_COUNTS_BYTES: Final = 1 + 2

DatedKey = tuple[int, int]
"""A day, and the hash of a posting key that stands for it."""


@dataclass(frozen=True, slots=True)
class VouchedDay:
    """Hashes of keys that a contact names for a day: of their contacts, and of those one further.

    Both are sorted, and no hash stands twice in one of them.
    """

    day: int
    vouched: tuple[int, ...] = ()
    far: tuple[int, ...] = ()


def encode_own_keys(keys: Sequence[DatedKey]) -> bytes:
    """The hashes of posting keys of the author, by day; there must be one at least."""
    ordered = sorted(keys)[:POSTING_KEYS_TOLD_MAX]
    first = ordered[0][0]
    entries = [bytes((day - first,)) + hashed.to_bytes(_HASH_BYTES) for day, hashed in ordered]
    return first.to_bytes(DAY_BYTES) + b"".join(entries)


def decode_own_keys(data: bytes) -> list[DatedKey]:
    """The hashes in `data`, by day; PeerError on anything else."""
    count, rest = divmod(len(data) - DAY_BYTES, _ENTRY_BYTES)
    if rest or not 1 <= count <= POSTING_KEYS_TOLD_MAX:
        raise PeerError("malformed posting keys")
    first = int.from_bytes(data[:DAY_BYTES])
    entries = [data[at : at + _ENTRY_BYTES] for at in range(DAY_BYTES, len(data), _ENTRY_BYTES)]
    is_in_order = all(one < other for one, other in pairwise(entries))
    if not is_in_order or entries[0][0] != 0 or entries[-1][0] >= POSTING_DAYS_TOLD:
        raise PeerError("posting keys out of order")
    return [(first + entry[0], int.from_bytes(entry[1:])) for entry in entries]


def encode_vouches(days: Sequence[VouchedDay], *, bytes_min: int = 0) -> bytes:
    """Lists of some days, filled up to the length of the smallest envelope that holds them and
    so many bytes.
    """
    parts = [bytes((len(days),))]
    for one in days:
        counts = bytes((len(one.vouched),)) + len(one.far).to_bytes(2)
        parts += [
            one.day.to_bytes(DAY_BYTES),
            counts,
            join_hashes(one.vouched),
            join_hashes(one.far),
        ]
    data = b"".join(parts)
    return data.ljust(next(size for size in SIZE_BYTES if max(len(data), bytes_min) <= size), b"\0")


def decode_vouches(data: bytes) -> list[VouchedDay]:
    """The lists in `data`, by day; PeerError on anything else."""
    if len(data) not in SIZE_BYTES or data[0] > VOUCH_DAYS_TOLD:
        raise PeerError("malformed vouches")
    days: list[VouchedDay] = []
    at = 1
    for _ in range(data[0]):
        counts = at + DAY_BYTES
        day = int.from_bytes(data[at:counts])
        vouched_count, at = int.from_bytes(data[counts : counts + 1]), counts + _COUNTS_BYTES
        far_count = int.from_bytes(data[counts + 1 : at])
        if far_count > FAR_PER_CONTACT_DAY_MAX:
            raise PeerError("too many vouches")
        end = at + (vouched_count + far_count) * _HASH_BYTES
        if end > len(data) or (days and day <= days[-1].day):
            raise PeerError("malformed vouches")
        hashes = split_hashes(data[at:end])
        days.append(VouchedDay(day, hashes[:vouched_count], hashes[vouched_count:]))
        at = end
    if data.count(0, at) != len(data) - at:
        raise PeerError("malformed vouches")
    if not all(_is_sorted(one.vouched) and _is_sorted(one.far) for one in days):
        raise PeerError("vouches out of order")
    return days


def join_hashes(hashes: Iterable[int]) -> bytes:
    """Hashes as one byte string."""
    return b"".join(one.to_bytes(_HASH_BYTES) for one in hashes)


def split_hashes(data: bytes) -> tuple[int, ...]:
    """The hashes of a byte string that `join_hashes` made."""
    starts = range(0, len(data), _HASH_BYTES)
    return tuple(int.from_bytes(data[start : start + _HASH_BYTES]) for start in starts)


def _is_sorted(hashes: Sequence[int]) -> bool:
    return all(one < other for one, other in pairwise(hashes))
