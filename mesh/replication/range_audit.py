"""Salted sums of a range of ids: what no crafted set can agree with.

Implements `docs/protocol/spreading.md`, section "Audits". Who has found a class equal draws a
range and a nonce; both sides hash the ids of the range with that nonce and add the hashes. Sums
that were made to agree without the salt do not agree with it.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.ids import UnixSeconds
from mesh.limits.anti_entropy import AUDIT_IDS_MAX
from mesh.replication.seen_index import CREATED_BYTES, SeenIndex

_HASH_BYTES: Final = 8
_IDS_PER_TOKEN: Final = 2_000


@dataclass(frozen=True, slots=True)
class AuditedRange:
    """Whole seconds of one class, so that both sides cut at the same place."""

    lifetime_class: int
    floor: UnixSeconds
    ceiling: UnixSeconds


def draw_range(
    index: SeenIndex,
    lifetime_class: int,
    floor: UnixSeconds,
    ceiling: UnixSeconds,
    entropy: Entropy,
) -> AuditedRange | None:
    """Some of the ids between two seconds, or None if there are none."""
    lower, upper = index.rank(bound_of(floor)), index.rank(bound_of(ceiling))
    if lower >= upper:
        return None
    spare = upper - lower - AUDIT_IDS_MAX
    if spare > 0:
        lower += uniform_below(entropy, spare + 1)
        upper = lower + AUDIT_IDS_MAX
    last = _created_of(index.key(upper - 1))
    return AuditedRange(
        lifetime_class, _created_of(index.key(lower)), UnixSeconds(min(last + 1, ceiling))
    )


def count_of(index: SeenIndex, audited: AuditedRange) -> int:
    """Return how many ids are in a range."""
    return index.rank(bound_of(audited.ceiling)) - index.rank(bound_of(audited.floor))


def cost_of(count: int) -> int:
    """Return what hashing so many ids costs, where a message of a reconciliation costs one."""
    return 1 + count // _IDS_PER_TOKEN


def salted_sum(index: SeenIndex, audited: AuditedRange, nonce: bytes) -> int:
    """The sum of the hashes of the ids in a range under a nonce, modulo 2^64."""
    lower, upper = index.rank(bound_of(audited.floor)), index.rank(bound_of(audited.ceiling))
    total = 0
    for key in index.keys(lower, upper):
        salted = blake2b(key[CREATED_BYTES:], key=nonce, digest_size=_HASH_BYTES)
        total += int.from_bytes(salted.digest(), "big")
    return total & ((1 << 64) - 1)


def bound_of(created: UnixSeconds) -> bytes:
    """The beginning of all keys that were created in a second."""
    return created.to_bytes(CREATED_BYTES, "big")


def _created_of(key: bytes) -> UnixSeconds:
    return UnixSeconds(int.from_bytes(key[:CREATED_BYTES], "big"))
