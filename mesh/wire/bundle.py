"""A bundle: the keys by which somebody may be written to, signed by their identity.

Implements `docs/protocol/first-contact.md`, section "Bundle": 1,352 bytes, of which the last 1,288
(the *prekeys*) also travel inside first contacts, where the identity keys stand beside them.
"""

from dataclasses import dataclass, field
from typing import Final

from mesh.crypto.hashing import blake2b_256
from mesh.crypto.signing import Verify, sign
from mesh.errors import PeerError
from mesh.ids import UnixSeconds, VerifyKey

KEY_BYTES: Final = 32
KEM_KEY_BYTES: Final = 1_184
SIGNATURE_BYTES: Final = 64
BUNDLE_BYTES: Final = 1_352
PREKEYS_BYTES: Final = BUNDLE_BYTES - 2 * KEY_BYTES
_SIGNED_PREFIX: Final = b"mesh.bundle.1"


@dataclass(frozen=True, slots=True)
class Bundle:
    """Identity keys, signed prekeys for X25519 and ML-KEM-768, and their validity."""

    verify_key: VerifyKey
    identity_key: bytes
    prekey: bytes
    kem_key: bytes = field(repr=False)
    valid_from: UnixSeconds
    valid_to: UnixSeconds
    signature: bytes = field(repr=False)

    @property
    def prekeys(self) -> bytes:
        """All but the identity keys: 1,288 bytes."""
        return (
            self.prekey
            + self.kem_key
            + self.valid_from.to_bytes(4, "big")
            + self.valid_to.to_bytes(4, "big")
            + self.signature
        )

    def encode(self) -> bytes:
        """All 1,352 bytes."""
        return self.verify_key + self.identity_key + self.prekeys

    @property
    def digest(self) -> bytes:
        """Return what a QR code carries in place of the bundle: 32 bytes."""
        return blake2b_256(self.encode())


def decode_bundle(data: bytes, verify: Verify) -> Bundle:
    """The bundle in 1,352 bytes; PeerError if its form or its signature is wrong."""
    if len(data) != BUNDLE_BYTES:
        raise PeerError("bundle of a wrong length")
    return decode_prekeys(
        VerifyKey(data[:KEY_BYTES]), data[KEY_BYTES : 2 * KEY_BYTES], data[2 * KEY_BYTES :], verify
    )


def decode_prekeys(
    verify_key: VerifyKey, identity_key: bytes, data: bytes, verify: Verify
) -> Bundle:
    """The bundle of these identity keys and 1,288 bytes; PeerError as `decode_bundle`."""
    if len(data) != PREKEYS_BYTES:
        raise PeerError("prekeys of a wrong length")
    kem_end = KEY_BYTES + KEM_KEY_BYTES
    bundle = Bundle(
        verify_key=verify_key,
        identity_key=identity_key,
        prekey=data[:KEY_BYTES],
        kem_key=data[KEY_BYTES:kem_end],
        valid_from=UnixSeconds(int.from_bytes(data[kem_end : kem_end + 4], "big")),
        valid_to=UnixSeconds(int.from_bytes(data[kem_end + 4 : kem_end + 8], "big")),
        signature=data[kem_end + 8 :],
    )
    if not verify(verify_key, _signed(bundle), bundle.signature):
        raise PeerError("bundle with a bad signature")
    return bundle


def sign_bundle(
    seed: bytes,
    *,
    verify_key: VerifyKey,
    identity_key: bytes,
    prekey: bytes,
    kem_key: bytes,
    valid_from: UnixSeconds,
    valid_to: UnixSeconds,
) -> Bundle:
    """Make a bundle; `seed` is the private half of the verify key."""
    unsigned = Bundle(
        verify_key, identity_key, prekey, kem_key, valid_from, valid_to, bytes(SIGNATURE_BYTES)
    )
    return Bundle(
        verify_key,
        identity_key,
        prekey,
        kem_key,
        valid_from,
        valid_to,
        sign(seed, _signed(unsigned)),
    )


def _signed(bundle: Bundle) -> bytes:
    return _SIGNED_PREFIX + bundle.encode()[:-SIGNATURE_BYTES]
