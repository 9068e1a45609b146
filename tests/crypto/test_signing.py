"""Ed25519 against Wycheproof, and that no bytes raise."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto.signing import SigningKey, is_signature_valid, sign, verify_key_of
from tests.crypto.wycheproof import File, decoded_file


class Case(msgspec.Struct):
    """A case of the Ed25519 file."""

    msg: str
    sig: str
    result: str


def test_all_of_wycheproof_gets_its_verdict() -> None:
    file = decoded_file("ed25519_test.json", File[Case])
    for group in file.test_groups:
        key = bytes.fromhex(group.public_key.pk)
        for case in group.tests:
            verdict = is_signature_valid(key, bytes.fromhex(case.msg), bytes.fromhex(case.sig))
            assert verdict == (case.result == "valid")
    assert file.number_of_tests == 151


def test_the_first_vector_of_rfc_8032_is_reproduced() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    key = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    signature = bytes.fromhex(
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
        "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )
    assert verify_key_of(seed) == key
    assert sign(seed, b"") == signature
    assert SigningKey.from_seed(seed).sign(b"") == signature


def test_a_key_of_small_order_signs_nothing() -> None:
    # With the neutral point as key and R, and S = 0, the equation holds for every message.
    neutral = b"\1" + bytes(31)
    assert not is_signature_valid(neutral, b"anything", neutral + bytes(32))


def test_key_and_signature_have_one_length_each() -> None:
    key, message = verify_key_of(bytes(32)), b"message"
    signature = sign(bytes(32), message)
    # libsodium sees the two as one string, in which the border could be moved.
    assert not is_signature_valid(key, signature[63:] + message, signature[:63])
    assert not is_signature_valid(key, message[1:], signature + message[:1])
    assert not is_signature_valid(key + b"\0", message, signature)
    assert not is_signature_valid(key[:-1], message, signature)


@given(st.binary(max_size=80), st.binary(max_size=40), st.binary(max_size=130))
def test_any_bytes_give_a_verdict(key: bytes, message: bytes, signature: bytes) -> None:
    assert not is_signature_valid(key, message, signature)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.data())
def test_a_signature_stands_for_its_message_only(
    seed: bytes, message: bytes, data: st.DataObject
) -> None:
    key, signature = verify_key_of(seed), sign(seed, message)
    assert is_signature_valid(key, message, signature)
    assert not is_signature_valid(key, message + b"\0", signature)
    changed = bytearray(signature)
    changed[data.draw(st.integers(0, 63))] ^= data.draw(st.integers(1, 255))
    assert not is_signature_valid(key, message, bytes(changed))
