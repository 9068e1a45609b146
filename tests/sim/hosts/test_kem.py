"""The simulator's ML-KEM-768 against Wycheproof and against the daemon's, both ways."""

import pytest

from mesh.crypto.kem import Kem, PycaKem
from mesh.errors import PeerError
from sim.hosts.kem import REMEMBERED_MAX, KyberPyKem
from tests.crypto.wycheproof import kem_cases
from tests.entropy import ListedEntropy, SeededEntropy


def test_all_of_wycheproof_gets_its_verdict() -> None:
    kem = KyberPyKem()
    cases = kem_cases()
    for case in cases:
        seed, ciphertext = bytes.fromhex(case.seed), bytes.fromhex(case.c)
        if len(seed) != 64:
            with pytest.raises(AssertionError):
                kem.decapsulate(seed, ciphertext)
        elif case.result == "invalid":
            with pytest.raises(PeerError):
                kem.decapsulate(seed, ciphertext)
        else:
            assert kem.public_key(seed) == bytes.fromhex(case.ek)
            assert kem.decapsulate(seed, ciphertext) == bytes.fromhex(case.K)
    assert len(cases) == 193


@pytest.mark.parametrize("sender,receiver", [(PycaKem(), KyberPyKem()), (KyberPyKem(), PycaKem())])
def test_each_opens_what_the_other_encapsulates(sender: Kem, receiver: Kem) -> None:
    entropy = SeededEntropy(1)
    for _ in range(5):
        seed = entropy.draw(64)
        assert sender.public_key(seed) == receiver.public_key(seed)
        ciphertext, shared = sender.encapsulate(receiver.public_key(seed), entropy)
        assert receiver.decapsulate(seed, ciphertext) == shared
        # A forged ciphertext gives a secret too, and both must give the same one.
        forged = bytes([ciphertext[0] ^ 1]) + ciphertext[1:]
        assert receiver.decapsulate(seed, forged) == sender.decapsulate(seed, forged) != shared


def test_the_same_coin_gives_the_same_ciphertext_in_every_instance() -> None:
    public = PycaKem().public_key(bytes(64))
    coins = [bytes([1]) * 32, bytes([2]) * 32]
    first = [KyberPyKem().encapsulate(public, ListedEntropy([coin])) for coin in coins]
    kem = KyberPyKem()
    for _ in range(2):
        assert [kem.encapsulate(public, ListedEntropy([coin])) for coin in coins] == first
    assert first[0] != first[1]


def test_malformed_public_keys_are_refused_after_the_coin_was_drawn() -> None:
    kem = KyberPyKem()
    for public in (b"", b"\xff" * 1184, bytes(1183)):
        entropy = ListedEntropy([bytes(32)])
        with pytest.raises(PeerError):
            kem.encapsulate(public, entropy)
        assert entropy.is_used_up


def test_memory_is_bounded_and_forgetting_changes_no_result() -> None:
    kem = KyberPyKem()
    seed = bytes(64)
    ciphertext, shared = kem.encapsulate(kem.public_key(seed), SeededEntropy(2))
    before = kem.decapsulate(seed, ciphertext)
    kem._decapsulations.update(
        ((number.to_bytes(2, "big"), b""), b"\0" * 32) for number in range(REMEMBERED_MAX - 1)
    )
    other = bytes([ciphertext[0] ^ 1]) + ciphertext[1:]
    kem.decapsulate(seed, other)
    assert len(kem._decapsulations) == REMEMBERED_MAX
    assert (seed, ciphertext) not in kem._decapsulations
    assert kem.decapsulate(seed, ciphertext) == before == shared
