"""The daemon's ML-KEM-768 against Wycheproof, and its refusals."""

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.crypto import kem as door
from mesh.crypto.kem import PycaKem
from mesh.errors import PeerError
from mesh.limits.sessions import KEM_KEYS_CACHED
from tests.crypto.wycheproof import kem_cases
from tests.entropy import ListedEntropy

KEM = PycaKem()
NO_CHANCE = ListedEntropy([])


def test_all_of_wycheproof_gets_its_verdict() -> None:
    cases = kem_cases()
    for case in cases:
        seed, ciphertext = bytes.fromhex(case.seed), bytes.fromhex(case.c)
        if len(seed) != 64:
            # A seed is ours: one of a wrong length is our fault, not a peer's.
            with pytest.raises(AssertionError):
                KEM.decapsulate(seed, ciphertext)
        elif case.result == "invalid":
            with pytest.raises(PeerError):
                KEM.decapsulate(seed, ciphertext)
        else:
            assert KEM.public_key(seed) == bytes.fromhex(case.ek)
            assert KEM.decapsulate(seed, ciphertext) == bytes.fromhex(case.K)
    assert len(cases) == 193


def test_what_is_encapsulated_is_decapsulated() -> None:
    seed = bytes(range(64))
    ciphertext, shared = KEM.encapsulate(KEM.public_key(seed), NO_CHANCE)
    assert (len(ciphertext), len(shared)) == (1088, 32)
    assert KEM.decapsulate(seed, ciphertext) == shared


def test_a_public_key_that_is_not_reduced_is_refused() -> None:
    with pytest.raises(PeerError):
        KEM.encapsulate(b"\xff" * 1184, NO_CHANCE)


@settings(max_examples=30)
@given(st.binary(max_size=1300))
def test_any_bytes_as_a_key_or_ciphertext_give_a_value_or_a_peer_error(anything: bytes) -> None:
    for work in (
        lambda: KEM.encapsulate(anything, NO_CHANCE),
        lambda: KEM.decapsulate(bytes(64), anything),
    ):
        try:
            work()
        except PeerError:
            continue
        assert len(anything) in (1088, 1184)


class Expanded:
    """Counts how often the library expands a key; it does so all the same."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        monkeypatch.setattr(door, "MLKEM768PrivateKey", self)
        monkeypatch.setattr(door, "MLKEM768PublicKey", self)

    def from_seed_bytes(self, seed: bytes) -> MLKEM768PrivateKey:
        """A private key."""
        self.count += 1
        return MLKEM768PrivateKey.from_seed_bytes(seed)

    def from_public_bytes(self, public: bytes) -> MLKEM768PublicKey:
        """A public key."""
        self.count += 1
        return MLKEM768PublicKey.from_public_bytes(public)


def test_a_private_key_stays_expanded_from_its_second_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sealed = [
        (seed, *KEM.encapsulate(KEM.public_key(seed), NO_CHANCE))
        for seed in (bytes(64), bytes(range(64)))
    ]
    kem, expanded = PycaKem(), Expanded(monkeypatch)
    for expanded_count in (2, 4, 4, 4):
        for seed, ciphertext, shared in sealed:
            assert kem.decapsulate(seed, ciphertext) == shared
        assert expanded.count == expanded_count


def test_a_public_key_stays_expanded_from_its_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = (bytes(64), bytes(range(64)))
    publics = [KEM.public_key(seed) for seed in seeds]
    kem, expanded = PycaKem(), Expanded(monkeypatch)
    sealed = [kem.encapsulate(public, NO_CHANCE) for public in publics * 3]
    assert expanded.count == 2
    for seed, (ciphertext, shared) in zip(seeds * 3, sealed, strict=True):
        assert kem.decapsulate(seed, ciphertext) == shared


def test_the_oldest_of_many_expanded_keys_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = [
        KEM.public_key(number.to_bytes(64, "little")) for number in range(KEM_KEYS_CACHED + 1)
    ]
    kem, expanded = PycaKem(), Expanded(monkeypatch)
    for public in (first, *others[:-1], first):
        kem.encapsulate(public, NO_CHANCE)
    assert expanded.count == KEM_KEYS_CACHED
    kem.encapsulate(others[-1], NO_CHANCE)
    kem.encapsulate(others[0], NO_CHANCE)
    assert expanded.count == KEM_KEYS_CACHED + 1
    kem.encapsulate(first, NO_CHANCE)
    assert expanded.count == KEM_KEYS_CACHED + 2
