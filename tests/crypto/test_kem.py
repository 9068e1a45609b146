"""The daemon's ML-KEM-768 against Wycheproof, and its refusals."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.crypto.kem import PycaKem
from mesh.errors import PeerError
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
