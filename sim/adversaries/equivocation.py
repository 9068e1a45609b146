"""A behaviour that says two things in one place: one to each half of its neighbours.

An envelope is named by a hash of all of it. Its place among others is what its header says: a key,
a time, a tag, two tokens. Two envelopes may share all of that and differ in the body, or in the
signature alone, of which a key can make many that are valid; and each has two true retirements.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Final

from nacl import bindings

from mesh.crypto.hashing import blake2b_128
from mesh.ids import Instant, LinkId, UnixSeconds
from mesh.wire.envelope import (
    SIGNATURE_BYTES,
    TOKEN_BYTES,
    Envelope,
    decode_envelope,
    sign_envelope,
)
from mesh.wire.frames import Push, Retired
from mesh.wire.retirement import Retirement, join_retirements
from sim.adversaries.floods import invented
from sim.adversaries.withholding import BlackHole
from sim.kernel.entropy import Chance, SeededEntropy

SIDES: Final = (0, 1)
SIGNED_PREFIX: Final = b"mesh/env/1"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two envelopes in one place, and the two tokens to which both are committed."""

    envelopes: tuple[Envelope, Envelope]
    tokens: tuple[bytes, bytes]


class Equivocation(BlackHole):
    """Tells each half of its neighbours another of two envelopes, and then another retirement."""

    def __init__(self, *, chance: Chance, entropy: SeededEntropy, per_second: float) -> None:
        super().__init__(chance=chance, entropy=entropy, per_second=per_second)
        self._sides: dict[LinkId, int] = {}
        self._opened_count = 0
        self._said: Pair | None = None

    def opened(self, link: LinkId, now: Instant) -> None:
        """Links take sides in turn."""
        self._sides[link] = SIDES[self._opened_count % len(SIDES)]
        self._opened_count += 1

    def closed(self, link: LinkId) -> None:
        """Nothing is said there any more."""
        self._sides.pop(link, None)

    def act(self, now: Instant) -> None:
        """A pair; and of the pair before, perhaps, its retirements."""
        former, self._said = self._said, None
        if former is not None and self.chance.is_true(0.5):
            for link, side in self._sides.items():
                told = [Retirement(one.id, former.tokens[side]) for one in former.envelopes]
                self.say(link, Retired(join_retirements(told)))
        if len(dict.fromkeys(self._sides.values())) == len(SIDES):
            self._said = self._pair(UnixSeconds(now.unix_seconds))
            for link, side in self._sides.items():
                self.say(link, Push(self._said.envelopes[side].data))

    def _pair(self, created: UnixSeconds) -> Pair:
        seed = self.entropy.draw(32)
        tokens = self.entropy.draw(TOKEN_BYTES), self.entropy.draw(TOKEN_BYTES)
        bare = invented(self.entropy, seed, created)
        header = replace(
            bare.header, read_hash=blake2b_128(tokens[0]), withdraw_hash=blake2b_128(tokens[1])
        )
        one = sign_envelope(header, bare.body, seed)
        if self.chance.is_true(0.5):
            other = sign_envelope(header, self.entropy.draw(len(bare.body)), seed)
        else:
            other = signed_otherwise(one, seed, self.entropy.draw(64))
        return Pair((one, other), tokens)


def signed_otherwise(envelope: Envelope, seed: bytes, nonce: bytes) -> Envelope:
    """The same header and body under another valid signature; `nonce` is 64 bytes of chance.

    Ed25519 (RFC 8032) with a nonce of our own, where the seed's would always be the same.
    """
    message = SIGNED_PREFIX + envelope.header_bytes + envelope.body_hash
    clamped = bytearray(hashlib.sha512(seed).digest()[:32])
    clamped[0] &= 0xF8
    clamped[31] = clamped[31] & 0x7F | 0x40
    secret = bindings.crypto_core_ed25519_scalar_reduce(bytes(clamped) + bytes(32))
    drawn = bindings.crypto_core_ed25519_scalar_reduce(nonce)
    point = bindings.crypto_scalarmult_ed25519_base_noclamp(drawn)
    asked = hashlib.sha512(point + envelope.header.posting_key + message).digest()
    factor = bindings.crypto_core_ed25519_scalar_reduce(asked)
    product = bindings.crypto_core_ed25519_scalar_mul(factor, secret)
    signature = point + bindings.crypto_core_ed25519_scalar_add(drawn, product)
    return decode_envelope(envelope.data[:-SIGNATURE_BYTES] + signature)
