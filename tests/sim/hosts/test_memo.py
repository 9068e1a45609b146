"""Remembered verdicts and the modelled KEM keep the laws of what they stand for."""

from collections.abc import Callable

import pytest

from mesh.crypto.signing import SigningKey, is_signature_valid
from mesh.errors import PeerError
from sim.hosts.memo import REMEMBERED_MAX, RememberedVerify
from sim.hosts.modelled_kem import ModelledKem
from tests.entropy import SeededEntropy


def counting() -> tuple[list[bytes], Callable[[bytes, bytes, bytes], bool]]:
    asked: list[bytes] = []

    def verify(key: bytes, message: bytes, signature: bytes) -> bool:
        asked.append(message)
        return is_signature_valid(key, message, signature)

    return asked, verify


def test_the_same_bytes_are_checked_once_whatever_the_verdict() -> None:
    asked, verify = counting()
    remembered = RememberedVerify(verify)
    key = SigningKey.from_seed(bytes(32))
    signature = key.sign(b"true")
    for _ in range(3):
        assert remembered(key.verify_key, b"true", signature)
        assert not remembered(key.verify_key, b"false", signature)
    assert asked == [b"true", b"false"]


def test_memory_is_bounded_and_a_forgotten_verdict_is_asked_again() -> None:
    asked: list[bytes] = []

    def verify(key: bytes, message: bytes, signature: bytes) -> bool:
        asked.append(message)
        return True

    remembered = RememberedVerify(verify)
    for number in range(REMEMBERED_MAX + 1):
        remembered(b"", b"%d" % number, b"")
    assert len(remembered._verdicts) == REMEMBERED_MAX
    remembered(b"", b"0", b"")
    assert asked.count(b"0") == 2
    assert asked.count(b"1") == 1


def test_both_ends_of_the_modelled_kem_agree_and_a_forger_does_not() -> None:
    kem, entropy = ModelledKem(), SeededEntropy(1)
    for _ in range(20):
        seed, other = entropy.draw(64), entropy.draw(64)
        public = kem.public_key(seed)
        ciphertext, shared = kem.encapsulate(public, entropy)
        assert (len(public), len(ciphertext), len(shared)) == (1184, 1088, 32)
        assert kem.decapsulate(seed, ciphertext) == shared
        assert kem.decapsulate(other, ciphertext) != shared
        assert kem.decapsulate(seed, bytes([ciphertext[0] ^ 1]) + ciphertext[1:]) != shared


def test_the_modelled_kem_refuses_wrong_lengths_as_the_real_one_does() -> None:
    kem = ModelledKem()
    with pytest.raises(PeerError):
        kem.encapsulate(bytes(1183), SeededEntropy(1))
    with pytest.raises(PeerError):
        kem.decapsulate(bytes(64), bytes(1087))
