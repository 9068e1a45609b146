"""Bundles: the frozen ones, and every byte that somebody could change."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto.hashing import blake2b_256
from mesh.crypto.signing import is_signature_valid
from mesh.errors import PeerError
from mesh.ids import VerifyKey
from mesh.wire.bundle import (
    BUNDLE_BYTES,
    PREKEYS_BYTES,
    decode_bundle,
    decode_prekeys,
    sign_bundle,
)
from tests.vectors.shapes import FirstContactVector, frozen_bytes

VECTOR = msgspec.json.decode(frozen_bytes("first-contact.json"), type=FirstContactVector)
ENCODED = bytes.fromhex(VECTOR.reader_bundle.bundle)


def test_a_frozen_bundle_is_read_and_signed_again() -> None:
    bundle = decode_bundle(ENCODED, is_signature_valid)
    assert len(ENCODED) == BUNDLE_BYTES == 1_352
    assert bundle.encode() == ENCODED
    assert bundle.digest == blake2b_256(ENCODED)
    assert bundle.valid_from == VECTOR.reader_bundle.valid_from
    assert bundle.valid_to == VECTOR.reader_bundle.valid_to
    again = sign_bundle(
        bytes.fromhex(VECTOR.reader.signing_seed),
        verify_key=bundle.verify_key,
        identity_key=bundle.identity_key,
        prekey=bundle.prekey,
        kem_key=bundle.kem_key,
        valid_from=bundle.valid_from,
        valid_to=bundle.valid_to,
    )
    assert again == bundle


def test_the_prekeys_are_the_bundle_without_the_identity() -> None:
    bundle = decode_bundle(ENCODED, is_signature_valid)
    assert bundle.prekeys == ENCODED[64:]
    assert len(bundle.prekeys) == PREKEYS_BYTES == 1_288
    again = decode_prekeys(
        bundle.verify_key, bundle.identity_key, bundle.prekeys, is_signature_valid
    )
    assert again == bundle


def test_each_byte_of_a_bundle_is_signed() -> None:
    for place in range(BUNDLE_BYTES):
        changed = bytearray(ENCODED)
        changed[place] ^= 1
        with pytest.raises(PeerError):
            decode_bundle(bytes(changed), is_signature_valid)


def test_prekeys_are_of_one_identity_only() -> None:
    other = VerifyKey(bytes.fromhex(VECTOR.author.verify_key))
    with pytest.raises(PeerError):
        decode_prekeys(other, ENCODED[32:64], ENCODED[64:], is_signature_valid)
    with pytest.raises(PeerError):
        decode_prekeys(VerifyKey(ENCODED[:32]), bytes(32), ENCODED[64:], is_signature_valid)


@given(st.binary(max_size=100), st.binary(min_size=BUNDLE_BYTES, max_size=BUNDLE_BYTES))
def test_any_bytes_are_a_peers_fault(short: bytes, long: bytes) -> None:
    for data in (short, long, ENCODED + short if short else short):
        with pytest.raises(PeerError):
            decode_bundle(data, is_signature_valid)
