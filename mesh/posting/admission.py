"""The admission of envelopes: a verdict, cheap checks before dear ones.

Implements `docs/protocol/posting.md`, section "Admission". The rules here are equal at all nodes
of a mesh, or their sets would differ for ever: signature, stamp, times, and the number of ids of
a key, of which the lowest stay. Only a bad signature or a bad stamp is a fault of who brought the
envelope; clocks and quotas differ between honest nodes and are never held against anybody.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass
from typing import Final

from mesh.crypto.signing import Verify
from mesh.ids import EnvelopeId, Instant, Monotonic, PostingKey
from mesh.limits.admission import (
    CREATED_AHEAD_SECONDS_MAX,
    STAMP_CHECKS_PER_SECOND,
    STAMP_VERDICTS_REMEMBERED,
)
from mesh.posting.stamp import NO_STAMP, is_precheck_valid, is_proof_valid
from mesh.wire.envelope import Envelope, Stub, is_envelope_signature_valid
from mesh.wire.parameters import MeshParameters

_CHECK_INTERVAL_US: Final = 1_000_000 // STAMP_CHECKS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Accept:
    """It enters; `pushed_out` is an id of the same key that has to go for it."""

    pushed_out: EnvelopeId | None


@dataclass(frozen=True, slots=True)
class Defer:
    """Its stamp cannot be checked yet; judge it again at `Admission.deadline()`."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """It does not enter. `is_fault`: nobody honest forwards such a thing."""

    reason: str
    is_fault: bool


Verdict = Accept | Defer | Refuse


class Admission:
    """The judge of a node: remembers stamps that were checked and the ids of each key."""

    def __init__(self, parameters: MeshParameters, verify: Verify) -> None:
        self._parameters = parameters
        self._verify = verify
        self._stamps: dict[tuple[PostingKey, int, bytes], bool] = {}
        self._ids: dict[tuple[PostingKey, int], list[EnvelopeId]] = {}
        self._next_check_at = Monotonic(0)

    def load(self, posting_key: PostingKey, day: int, envelope_id: EnvelopeId) -> None:
        """Take one of the store at start."""
        insort(self._ids.setdefault((posting_key, day), []), envelope_id)

    def judge(
        self, envelope: Envelope | Stub, *, may_check_stamp: bool = True, now: Instant
    ) -> Verdict:
        """Judge an envelope that is not known yet; an accepted one counts at once.

        A stub is judged by the same rules, so that nodes agree on it with or without its body.
        Where others wait for the check of their stamps, it may only use what is known already.
        """
        header = envelope.header
        if header.created > now.mesh + CREATED_AHEAD_SECONDS_MAX:
            return Refuse("created too far ahead", is_fault=False)
        if header.lapses <= now.mesh:
            return Refuse("lapsed", is_fault=False)
        if not is_envelope_signature_valid(envelope, self._verify):
            return Refuse("bad signature", is_fault=True)
        is_stamped = self._is_stamped(envelope, now, may_check=may_check_stamp)
        if is_stamped is None:
            return Defer()
        if not is_stamped:
            return Refuse("bad stamp", is_fault=True)
        return self._count(header.posting_key, header.day, envelope.id)

    def admit_own(self, envelope: Envelope) -> Verdict:
        """Judge what was made here: only the quota of its key is open."""
        return self._count(envelope.header.posting_key, envelope.header.day, envelope.id)

    def forget(self, posting_key: PostingKey, day: int, envelope_id: EnvelopeId) -> None:
        """An envelope expired: it no longer counts."""
        ids = self._ids.get((posting_key, day), [])
        place = bisect_left(ids, envelope_id)
        if place < len(ids) and ids[place] == envelope_id:
            del ids[place]
        if not ids:
            self._ids.pop((posting_key, day), None)

    def deadline(self) -> Monotonic:
        """Return when the next stamp may be checked."""
        return self._next_check_at

    def _is_stamped(
        self, envelope: Envelope | Stub, now: Instant, *, may_check: bool
    ) -> bool | None:
        """Say whether the stamp holds, or None while there is no budget to find out."""
        header, bits = envelope.header, self._parameters.stamp_bits
        if bits == 0:
            return header.stamp == NO_STAMP
        key = (header.posting_key, header.day, header.stamp)
        known = self._stamps.get(key)
        if known is not None:
            return known
        # A hash is cheaper than a place in the table, which a flood of such stamps would take.
        if not is_precheck_valid(header.posting_key, header.day, header.stamp):
            return False
        if not may_check or now.monotonic < self._next_check_at:
            return None
        self._next_check_at = Monotonic(now.monotonic + _CHECK_INTERVAL_US)
        verdict = is_proof_valid(header.posting_key, header.day, bits, header.stamp)
        self._stamps[key] = verdict
        if len(self._stamps) > STAMP_VERDICTS_REMEMBERED:
            del self._stamps[next(iter(self._stamps))]
        return verdict

    def _count(self, posting_key: PostingKey, day: int, envelope_id: EnvelopeId) -> Verdict:
        """The lowest ids of a key stay, whatever the order in which they came."""
        ids = self._ids.setdefault((posting_key, day), [])
        if len(ids) < self._parameters.key_quota:
            insort(ids, envelope_id)
            return Accept(pushed_out=None)
        if envelope_id > ids[-1]:
            return Refuse("over the quota of its key", is_fault=False)
        insort(ids, envelope_id)
        return Accept(pushed_out=ids.pop())
