"""The admission of envelopes: a verdict, cheap checks before dear ones.

Implements `docs/protocol/posting.md`, section "Admission". The rules here are equal at all nodes
of a mesh, or their sets would differ for ever: signature, stamp, times, and the number of ids that
bear one stamp, of which the lowest stay. Only a bad signature or a bad stamp is a fault of who
brought the envelope; clocks and quotas differ between honest nodes and are never held against
anybody.

Each stamp counts for itself. Were the ids of a key counted together, up to what its best stamp
admits, nodes that saw other stamps of it would refuse each other's for ever.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass
from typing import Final

from mesh.crypto.signing import Verify
from mesh.ids import EnvelopeId, Instant, Monotonic
from mesh.limits.admission import (
    CREATED_AHEAD_SECONDS_MAX,
    SIGNATURES_REMEMBERED,
    STAMP_CHECKS_PER_SECOND,
    STAMP_VERDICTS_REMEMBERED,
)
from mesh.posting.stamp import NO_STAMP, is_precheck_valid, proof_bits
from mesh.wire.envelope import Envelope, StampedKey, Stub, is_envelope_signature_valid
from mesh.wire.parameters import MeshParameters

_CHECK_INTERVAL_US: Final = 1_000_000 // STAMP_CHECKS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Accept:
    """It enters; `pushed_out` is an id of the same stamp that has to go for it."""

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
    """The judge of a node: remembers stamps that were checked and the ids that bear each."""

    def __init__(self, parameters: MeshParameters, verify: Verify) -> None:
        self._parameters = parameters
        self._verify = verify
        # The bits of each proof that was looked at, those of bad ones too.
        self._stamps: dict[StampedKey, int] = {}
        self._ids: dict[StampedKey, list[EnvelopeId]] = {}
        # Those that did not enter, and whose signature holds: an id is the hash of that too.
        self._signed: dict[EnvelopeId, None] = {}
        self._next_check_at = Monotonic(0)

    def load(self, key: StampedKey, envelope_id: EnvelopeId) -> None:
        """Take one of the store at start."""
        insort(self._ids.setdefault(key, []), envelope_id)

    def judge(
        self, envelope: Envelope | Stub, *, may_check_stamp: bool = True, now: Instant
    ) -> Verdict:
        """Judge an envelope that is not known yet; an accepted one counts at once.

        A stub is judged by the same rules, so that nodes agree on it with or without its body.
        Where others wait for the check of their stamps, it may only use what is known already.
        """
        header = envelope.header
        if header.created > max(now.mesh, now.expiry) + CREATED_AHEAD_SECONDS_MAX:
            return Refuse("created too far ahead", is_fault=False)
        if header.lapses <= now.expiry:
            return Refuse("lapsed", is_fault=False)
        is_signed = self._signed.pop(envelope.id, False) is None
        if not (is_signed or is_envelope_signature_valid(envelope, self._verify)):
            return Refuse("bad signature", is_fault=True)
        is_stamped = self._is_stamped(envelope, now, may_check=may_check_stamp)
        if is_stamped is False:
            return Refuse("bad stamp", is_fault=True)
        verdict = Defer() if is_stamped is None else self._count(header.stamped_key, envelope.id)
        if not isinstance(verdict, Accept):
            self._signed[envelope.id] = None
            if len(self._signed) > SIGNATURES_REMEMBERED:
                del self._signed[next(iter(self._signed))]
        return verdict

    def admit_own(self, envelope: Envelope) -> Verdict:
        """Judge what was made here: only the quota of its stamp is open."""
        key = envelope.header.stamped_key
        if self._parameters.stamp_bits and key not in self._stamps:
            self._look_at(key)
        return self._count(key, envelope.id)

    def find_admitted(self, key: StampedKey) -> int | None:
        """Return how many envelopes a stamp admits; None if there is none, or nobody has looked."""
        bits = self._stamps.get(key)
        return None if bits is None else 1 << bits

    def forget(self, key: StampedKey, envelope_id: EnvelopeId) -> None:
        """An envelope expired: it no longer counts."""
        ids = self._ids.get(key, [])
        place = bisect_left(ids, envelope_id)
        if place < len(ids) and ids[place] == envelope_id:
            del ids[place]
        if not ids:
            self._ids.pop(key, None)

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
        # A hash is cheaper than a place in the table, which a flood of such stamps would take.
        if not is_precheck_valid(header.posting_key, header.day, header.stamp):
            return False
        key = header.stamped_key
        known = self._stamps.get(key)
        if known is not None:
            return known >= bits
        if not may_check or now.monotonic < self._next_check_at:
            return None
        self._next_check_at = Monotonic(now.monotonic + _CHECK_INTERVAL_US)
        return self._look_at(key) >= bits

    def _look_at(self, key: StampedKey) -> int:
        """Check the dear half of a stamp, and remember its bits."""
        bits = self._stamps[key] = proof_bits(key)
        if len(self._stamps) > STAMP_VERDICTS_REMEMBERED:
            del self._stamps[next(iter(self._stamps))]
        return bits

    def _count(self, key: StampedKey, envelope_id: EnvelopeId) -> Verdict:
        """The lowest ids of a stamp stay, whatever the order in which they came."""
        is_stamped = self._parameters.stamp_bits > 0
        admitted = self.find_admitted(key) if is_stamped else self._parameters.key_quota
        assert admitted is not None
        ids = self._ids.setdefault(key, [])
        if len(ids) < admitted:
            insort(ids, envelope_id)
            return Accept(pushed_out=None)
        if envelope_id > ids[-1]:
            return Refuse("over the quota of its stamp", is_fault=False)
        insort(ids, envelope_id)
        return Accept(pushed_out=ids.pop())
