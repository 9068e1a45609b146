"""Sealed messages of a session: what opens, and everything on the way that must not."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto import aead
from mesh.crypto.hashing import blake2b_128
from mesh.errors import PeerError
from mesh.ratchet.sealed_message import (
    nonce_of,
    open_header,
    open_payload,
    payload_room,
    read_hash_of,
    read_token_of,
    seal_boxes,
    session_size_class,
    split_nonce,
    unpadded,
)
from mesh.wire.envelope import HEADER_BYTES, body_bytes
from mesh.wire.ratchet_header import KEM_PART_BYTES, RatchetHeader
from tests.entropy import SeededEntropy

HEADER_KEY, MESSAGE_KEY = bytes(range(32)), bytes(range(32, 64))
ASSOCIATED = bytes(range(HEADER_BYTES))
SHORT = RatchetHeader(bytes(32), 3, 4)
LONG = RatchetHeader(bytes(32), 3, 4, True, bytes(KEM_PART_BYTES))


@dataclass(frozen=True)
class Sealed:
    """A body and whatever opens it; each can be replaced by something wrong."""

    body: bytes
    associated: bytes = ASSOCIATED
    header_key: bytes = HEADER_KEY
    message_key: bytes = MESSAGE_KEY

    def open(self) -> tuple[RatchetHeader, bytes]:
        nonce, boxes = split_nonce(self.body)
        header, header_box, message_box = open_header(
            boxes, header_key=self.header_key, associated=self.associated, nonce=nonce
        )
        payload = open_payload(
            self.message_key,
            associated=self.associated,
            nonce=nonce,
            header_box=header_box,
            message_box=message_box,
        )
        return header, payload


def sealed(payload: bytes, header: RatchetHeader = SHORT, size_class: int = 0) -> Sealed:
    nonce = nonce_of(MESSAGE_KEY, payload, SeededEntropy(7))
    boxes = seal_boxes(
        header,
        MESSAGE_KEY,
        payload,
        header_key=HEADER_KEY,
        associated=ASSOCIATED,
        nonce=nonce,
        room=body_bytes(size_class),
    )
    return Sealed(nonce + boxes)


def test_the_sizes_are_those_of_the_protocol() -> None:
    rooms = [body_bytes(size_class) for size_class in range(4)]
    assert [payload_room(room, has_long_header=False) for room in rooms] == [
        770,
        3_842,
        16_130,
        65_282,
    ]
    assert payload_room(rooms[0], has_long_header=True) < 0
    assert [payload_room(room, has_long_header=True) for room in rooms[1:]] == [
        1_570,
        13_858,
        63_010,
    ]
    sizes = (0, 770, 771, 3_842, 3_843, 65_282, 65_283)
    assert [session_size_class(size, has_long_header=False) for size in sizes] == [
        0,
        0,
        1,
        1,
        2,
        3,
        None,
    ]
    assert [session_size_class(size, has_long_header=True) for size in (0, 1_571, 63_011)] == [
        1,
        2,
        None,
    ]


@given(st.binary(max_size=1_570), st.sampled_from([SHORT, LONG]), st.sampled_from([1, 2, 3]))
def test_a_message_fills_its_body_and_opens(
    payload: bytes, header: RatchetHeader, size_class: int
) -> None:
    one = sealed(payload, header, size_class)
    assert len(one.body) == body_bytes(size_class)
    assert one.open() == (header, payload)


@pytest.mark.parametrize("header,size_class", [(SHORT, 0), (LONG, 1)])
def test_each_byte_of_a_body_is_authentic(header: RatchetHeader, size_class: int) -> None:
    body = sealed(b"hello", header, size_class).body
    for place in range(len(body)):
        changed = bytearray(body)
        changed[place] ^= 0x10
        with pytest.raises(PeerError):
            Sealed(bytes(changed)).open()


def test_each_byte_of_the_envelopes_header_is_bound_to_both_boxes() -> None:
    one = sealed(b"hello")
    nonce, boxes = split_nonce(one.body)
    _, header_box, message_box = open_header(
        boxes, header_key=HEADER_KEY, associated=ASSOCIATED, nonce=nonce
    )
    for place in range(HEADER_BYTES):
        changed = bytearray(ASSOCIATED)
        changed[place] ^= 1
        with pytest.raises(PeerError):
            Sealed(one.body, associated=bytes(changed)).open()
        with pytest.raises(PeerError):
            open_payload(
                MESSAGE_KEY,
                associated=bytes(changed),
                nonce=nonce,
                header_box=header_box,
                message_box=message_box,
            )


def test_another_key_opens_neither_box() -> None:
    body = sealed(b"hello").body
    with pytest.raises(PeerError):
        Sealed(body, header_key=bytes(32)).open()
    with pytest.raises(PeerError):
        Sealed(body, message_key=bytes(32)).open()


def test_a_header_box_from_another_message_does_not_stand_before_this_one() -> None:
    one, other = sealed(b"one"), sealed(b"other")
    nonce, boxes = split_nonce(one.body)
    other_nonce, other_boxes = split_nonce(other.body)
    header_bytes = 45 + aead.TAG_BYTES
    for swapped in (
        nonce + other_boxes[:header_bytes] + boxes[header_bytes:],
        other_nonce + other_boxes[:header_bytes] + boxes[header_bytes:],
        nonce + boxes[:header_bytes] + other_boxes[header_bytes:],
    ):
        with pytest.raises(PeerError):
            Sealed(swapped).open()


@given(st.binary(max_size=2_500))
def test_any_bytes_are_a_peers_fault(body: bytes) -> None:
    with pytest.raises(PeerError):
        Sealed(body).open()


@given(st.binary(max_size=40), st.integers(0, 0xFFFF))
def test_any_plaintext_is_unpadded_or_a_peers_fault(content: bytes, length: int) -> None:
    padded = length.to_bytes(2, "big") + content
    is_right = length <= len(content) and not any(content[length:])
    if is_right:
        assert unpadded(padded) == content[:length]
        return
    with pytest.raises(PeerError, match="padding"):
        unpadded(padded)


@pytest.mark.parametrize("data", [b"", b"\0"])
def test_a_plaintext_without_a_length_is_refused(data: bytes) -> None:
    with pytest.raises(PeerError, match="length"):
        unpadded(data)


def test_a_nonce_depends_on_the_key_the_payload_and_chance() -> None:
    nonces = [
        nonce_of(key, payload, SeededEntropy(seed))
        for key, payload, seed in (
            (MESSAGE_KEY, b"one", 3),
            # A disk that was rolled back brings the same key, and perhaps the same chance.
            (MESSAGE_KEY, b"two", 3),
            (MESSAGE_KEY, b"one", 4),
            (HEADER_KEY, b"one", 3),
        )
    ]
    assert len(set(nonces)) == 4


def test_the_read_hash_tells_nothing_of_the_token_that_proves_delivery() -> None:
    token = read_token_of(MESSAGE_KEY)
    assert read_hash_of(MESSAGE_KEY) == blake2b_128(token) != token
    assert len(token) == 16
    assert read_token_of(HEADER_KEY) != token
