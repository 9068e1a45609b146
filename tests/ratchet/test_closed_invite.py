"""The answer that an invite is closed: whatever comes under its tag, nothing else is believed."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mesh.crypto import aead
from mesh.errors import PeerError
from mesh.ratchet.closed_invite import check_closed, closed_key_of, seal_closed
from mesh.ratchet.tags import box_key_of
from mesh.wire.envelope import HEADER_BYTES, body_bytes
from tests.entropy import SeededEntropy

KEY = closed_key_of(bytes(range(32)))
ASSOCIATED = bytes(range(HEADER_BYTES))
BODY = seal_closed(KEY, associated=ASSOCIATED, entropy=SeededEntropy(7))


def is_believed(body: bytes, key: bytes = KEY, associated: bytes = ASSOCIATED) -> bool:
    """Say whether it closes the invite; anything but PeerError fails the test."""
    try:
        check_closed(body, key=key, associated=associated)
    except PeerError:
        return False
    return True


def test_it_fills_its_size_and_is_believed() -> None:
    assert len(BODY) == body_bytes(1)
    assert is_believed(BODY)
    assert not is_believed(BODY, key=closed_key_of(bytes(32)))
    assert not is_believed(BODY, associated=ASSOCIATED[::-1])


@given(st.binary(max_size=5_000))
def test_bytes_of_chance_are_not(body: bytes) -> None:
    assert not is_believed(body)


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_one_changed_byte_and_it_is_not(place: int, change: int) -> None:
    changed = bytearray(BODY)
    changed[place] ^= change
    assert not is_believed(bytes(changed))


@given(st.binary(max_size=300))
@example(b"")
@example(b"\0\0")
@example(b"\0\1\1")
@example(b"\0\2\1\xff")
@example(b"\0\1\1\1")
@example(b"\xff\xff\1")
def test_under_the_right_key_only_the_word_counts(inside: bytes) -> None:
    nonce = bytes(aead.NONCE_BYTES)
    body = nonce + aead.seal(box_key_of(KEY, 0), nonce, ASSOCIATED, inside)
    length = int.from_bytes(inside[:2], "big")
    content, behind = inside[2 : 2 + length], inside[2 + length :]
    is_whole = len(inside) >= 2 and len(content) == length and not any(behind)
    assert is_believed(body) == (is_whole and content[:1] == b"\1")


def test_a_body_that_is_too_short_is_refused() -> None:
    with pytest.raises(PeerError):
        check_closed(b"", key=KEY, associated=ASSOCIATED)
