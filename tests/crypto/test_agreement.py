"""X25519 against Wycheproof, and its refusals."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto.agreement import x25519, x25519_public
from mesh.errors import PeerError
from tests.crypto.wycheproof import File, decoded_file


class Case(msgspec.Struct):
    """A case of the X25519 file."""

    public: str
    private: str
    shared: str


def test_all_of_wycheproof_agrees_and_zero_results_are_refused() -> None:
    file = decoded_file("x25519_test.json", File[Case])
    refused_count = 0
    for case in (case for group in file.test_groups for case in group.tests):
        private, public = bytes.fromhex(case.private), bytes.fromhex(case.public)
        shared = bytes.fromhex(case.shared)
        if shared == bytes(32):
            refused_count += 1
            with pytest.raises(PeerError):
                x25519(private, public)
        else:
            assert x25519(private, public) == shared
    assert file.number_of_tests == 518
    assert refused_count > 10


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_both_sides_come_to_the_same_secret(ours: bytes, theirs: bytes) -> None:
    assert x25519(ours, x25519_public(theirs)) == x25519(theirs, x25519_public(ours))


@given(st.binary(max_size=64))
def test_any_bytes_as_a_public_key_give_a_secret_or_a_peer_error(public: bytes) -> None:
    try:
        assert len(x25519(b"\1" * 32, public)) == 32
    except PeerError:
        return
    assert len(public) == 32
