"""Keys of the hour and boxes, computed once more from the page by other libraries."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto.agreement import x25519_public
from mesh.errors import PeerError
from mesh.nearby.boxes import Boxes, Channel, HourKey, Pair, channel_between, pair_of
from mesh.ratchet.comparison import Comparing
from tests.entropy import ListedEntropy, SeededEntropy

ANN = HourKey(bytes([1]) * 32, x25519_public(bytes([1]) * 32))
BOB = HourKey(bytes([2]) * 32, x25519_public(bytes([2]) * 32))
SHARED = X25519PrivateKey.from_private_bytes(ANN.private).exchange(
    X25519PublicKey.from_public_bytes(BOB.public)
)


def b(key: bytes, message: bytes, person: bytes, length: int) -> bytes:
    return hashlib.blake2b(message, key=key, person=person, digest_size=length).digest()


def pairs() -> tuple[Pair, Pair]:
    first = Comparing(0, b"c" * 32, b"1" * 32, b"2" * 32, is_first=True, shown=b"")
    second = Comparing(0, b"c" * 32, b"2" * 32, b"1" * 32, is_first=False, shown=b"")
    return pair_of(channel_between(ANN, BOB.public), first), pair_of(
        channel_between(BOB, ANN.public), second
    )


def channels() -> tuple[Channel, Channel]:
    return channel_between(ANN, BOB.public), channel_between(BOB, ANN.public)


def test_a_box_is_what_the_page_says() -> None:
    random = bytes(range(16))
    box = channels()[0].boxes.seal(b"step", ListedEntropy([random]))
    bound = ANN.public + BOB.public
    key = b(SHARED, bound, b"mesh/near/box", 32)
    nonce = b(key, random + b"step", b"mesh/near/nonce", 12)
    assert box == nonce + ChaCha20Poly1305(key).encrypt(nonce, b"step", bound)


def test_the_keys_of_a_pair_are_what_the_page_says() -> None:
    first, second = pairs()
    parts = (b"mesh.near.1", ANN.public, BOB.public, b"c" * 32, b"1" * 32, b"2" * 32)
    transcript = hashlib.blake2b(b"".join(parts), digest_size=32).digest()
    keys = b(SHARED, transcript, b"mesh/near/pair", 64)
    assert first.transcript == second.transcript == transcript
    assert (first.boxes.sending_key, first.boxes.receiving_key) == (keys[:32], keys[32:])
    assert (second.boxes.sending_key, second.boxes.receiving_key) == (keys[32:], keys[:32])
    assert first.proof(is_ours=True) == b"mesh.near.1\0" + transcript
    assert second.proof(is_ours=True) == b"mesh.near.1\1" + transcript
    assert first.proof(is_ours=False) == second.proof(is_ours=True)
    assert second.proof(is_ours=False) == first.proof(is_ours=True)


@given(st.binary(max_size=60), st.booleans())
def test_what_one_seals_the_other_opens_and_nobody_else(step: bytes, is_pair: bool) -> None:
    ann, bob = [one.boxes for one in (pairs() if is_pair else channels())]
    box = ann.seal(step, SeededEntropy(1))
    assert bob.unseal(box) == step
    with pytest.raises(PeerError):
        ann.unseal(box)
    for place in (0, 12, len(box) - 1):
        with pytest.raises(PeerError):
            bob.unseal(box[:place] + bytes((box[place] ^ 1,)) + box[place + 1 :])


@given(st.binary(max_size=90))
def test_any_bytes_are_no_box(data: bytes) -> None:
    with pytest.raises(PeerError):
        channels()[0].boxes.unseal(data)


def test_no_value_shows_a_key() -> None:
    shown = repr((ANN, channels(), pairs()))
    for one in (*channels(), *pairs()):
        assert isinstance(one.boxes, Boxes)
        for secret in (one.boxes.sending_key, one.boxes.receiving_key, SHARED, ANN.private):
            assert repr(secret) not in shown
    assert repr(ANN.public) in shown, "the search finds what is there"
