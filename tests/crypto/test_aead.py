"""ChaCha20-Poly1305 against Wycheproof."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto.aead import NONCE_BYTES, open_sealed, open_sealed_key, seal
from mesh.errors import PeerError
from tests.crypto.wycheproof import File, decoded_file


class Case(msgspec.Struct):
    """A case of the ChaCha20-Poly1305 file."""

    key: str
    iv: str
    aad: str
    msg: str
    ct: str
    tag: str
    result: str


def test_all_of_wycheproof_gets_its_verdict() -> None:
    file = decoded_file("chacha20_poly1305_test.json", File[Case])
    checked_count = 0
    for case in (case for group in file.test_groups for case in group.tests):
        key, nonce, associated = (bytes.fromhex(part) for part in (case.key, case.iv, case.aad))
        plaintext, sealed = bytes.fromhex(case.msg), bytes.fromhex(case.ct + case.tag)
        if len(nonce) != NONCE_BYTES:
            assert case.result == "invalid"
            continue
        checked_count += 1
        if case.result == "valid":
            assert seal(key, nonce, associated, plaintext) == sealed
            assert open_sealed(key, nonce, associated, sealed) == plaintext
            assert open_sealed_key(key, nonce, associated, sealed) == plaintext
        else:
            with pytest.raises(PeerError):
                open_sealed(key, nonce, associated, sealed)
            with pytest.raises(PeerError, match="a sealed box does not open"):
                open_sealed_key(key, nonce, associated, sealed)
    # The others have nonces of a wrong length, which no caller of ours can make.
    assert checked_count > 300


@given(st.binary(max_size=100))
def test_any_bytes_do_not_open(sealed: bytes) -> None:
    with pytest.raises(PeerError):
        open_sealed(bytes(32), bytes(12), b"", sealed)


def test_an_opened_key_can_be_overwritten() -> None:
    opened = open_sealed_key(bytes(32), bytes(12), b"", seal(bytes(32), bytes(12), b"", b"key"))
    assert isinstance(opened, bytearray)
    opened[:] = bytes(len(opened))
    assert opened == bytes(3)
