"""An identity: two long-term keys from one seed, and the prekeys that they sign.

Implements `docs/protocol/first-contact.md`, section "Identity".
"""

from dataclasses import dataclass, field
from typing import Final

from mesh.crypto.agreement import x25519_public
from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b
from mesh.crypto.kem import KEM_SEED_BYTES, Kem
from mesh.crypto.signing import sign, verify_key_of
from mesh.ids import UnixSeconds, VerifyKey
from mesh.wire.bundle import Bundle, sign_bundle

SEED_BYTES: Final = 32
PREKEY_PRIVATE_BYTES: Final = 32
_TIE_PREFIX: Final = b"mesh.id.1"


@dataclass(frozen=True, slots=True)
class IdentityKeys:
    """An Ed25519 key that signs, and a separate X25519 key, tied together by a signature."""

    verify_key: VerifyKey
    identity_key: bytes
    tie: bytes = field(repr=False)
    signing_seed: bytes = field(repr=False)
    identity_private: bytes = field(repr=False)

    @classmethod
    def from_seed(cls, seed: bytes) -> "IdentityKeys":
        """The identity that grows from 32 secret bytes."""
        assert len(seed) == SEED_BYTES
        signing_seed = blake2b(seed, b"", b"mesh/id/sign", 32)
        identity_private = blake2b(seed, b"", b"mesh/id/dh", 32)
        identity_key = x25519_public(identity_private)
        return cls(
            verify_key=VerifyKey(verify_key_of(signing_seed)),
            identity_key=identity_key,
            tie=sign(signing_seed, tie_message(identity_key)),
            signing_seed=signing_seed,
            identity_private=identity_private,
        )


@dataclass(frozen=True, slots=True)
class PrekeySecrets:
    """The private halves of a bundle's prekeys."""

    prekey_private: bytes = field(repr=False)
    kem_seed: bytes = field(repr=False)


def make_bundle(
    identity: IdentityKeys,
    *,
    valid_from: UnixSeconds,
    valid_to: UnixSeconds,
    entropy: Entropy,
    kem: Kem,
) -> tuple[Bundle, PrekeySecrets]:
    """Draw fresh prekeys and sign them."""
    secrets = PrekeySecrets(entropy.draw(PREKEY_PRIVATE_BYTES), entropy.draw(KEM_SEED_BYTES))
    bundle = sign_bundle(
        identity.signing_seed,
        verify_key=identity.verify_key,
        identity_key=identity.identity_key,
        prekey=x25519_public(secrets.prekey_private),
        kem_key=kem.public_key(secrets.kem_seed),
        valid_from=valid_from,
        valid_to=valid_to,
    )
    return bundle, secrets


def tie_message(identity_key: bytes) -> bytes:
    """Return what the verify key signs to say that both keys are one person's."""
    return _TIE_PREFIX + identity_key
