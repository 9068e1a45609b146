"""Bodies: what is sealed opens, under its own header and key only, and fills its size class."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto.signing import is_signature_valid
from mesh.errors import PeerError
from mesh.group.bodies import (
    content_room,
    content_size_class,
    is_post,
    open_body,
    post_content,
    read_post,
    seal_body,
)
from mesh.group.posts import GroupId
from mesh.wire.envelope import body_bytes
from tests.entropy import ListedEntropy, SeededEntropy
from tests.group.people import GROUP, person

ADA, BOB = person(1), person(2)
KEY, HEADER = b"\x01" * 32, b"\x02" * 99
POST = b"\x92\x01\x03"


def sealed(content: bytes, size_class: int = 0, chance: int = 1) -> bytes:
    entropy = SeededEntropy(chance)
    return seal_body(KEY, content, header=HEADER, size_class=size_class, entropy=entropy)


def test_the_rooms_of_the_size_classes() -> None:
    assert [content_room(size_class) for size_class in range(4)] == [831, 3_903, 16_191, 65_343]
    classes = {0: 0, 831: 0, 832: 1, 3_904: 2, 16_192: 3, 65_343: 3, 65_344: None}
    assert {length: content_size_class(length) for length in classes} == classes


@given(st.integers(0, 3), st.data())
def test_a_body_fills_its_class_and_opens(size_class: int, data: st.DataObject) -> None:
    length = data.draw(st.integers(0, content_room(size_class)))
    content = b"\x07" * length
    body = sealed(content, size_class)
    assert len(body) == body_bytes(size_class)
    assert open_body(KEY, body, header=HEADER) == content


@given(st.integers(0, 861 * 8 - 1))
def test_a_changed_body_does_not_open(bit: int) -> None:
    body = bytearray(sealed(b"content"))
    body[bit // 8] ^= 1 << bit % 8
    with pytest.raises(PeerError):
        open_body(KEY, bytes(body), header=HEADER)


def test_a_body_opens_under_its_own_header_and_key_only() -> None:
    body = sealed(b"content")
    for key, header in ((bytes(32), HEADER), (KEY, bytes(99))):
        with pytest.raises(PeerError):
            open_body(key, body, header=header)


def test_a_rolled_back_disk_repeats_no_nonce_for_another_content() -> None:
    """Same key, same chance: only the content differs. A counter for a nonce would repeat."""
    one, other = sealed(b"one", chance=5), sealed(b"other", chance=5)
    assert one[:12] != other[:12]
    assert sealed(b"one", chance=6)[:12] != one[:12]
    assert sealed(b"one", chance=5) == one
    with pytest.raises(AssertionError):
        seal_body(KEY, b"", header=HEADER, size_class=0, entropy=ListedEntropy([bytes(8)]))


@given(st.binary(max_size=900))
def test_any_bytes_open_to_nothing(body: bytes) -> None:
    with pytest.raises(PeerError):
        open_body(KEY, body, header=HEADER)


def test_a_post_is_signed_by_the_owner_of_its_chain() -> None:
    content = post_content(ADA.signing, GROUP, POST)
    assert is_post(content)
    signed = read_post(content, group=GROUP, author=ADA.vk, verify=is_signature_valid)
    assert (signed.post, signed.author) == (POST, ADA.vk)
    for group, author in ((GROUP, BOB.vk), (GroupId(bytes(32)), ADA.vk)):
        with pytest.raises(PeerError):
            read_post(content, group=group, author=author, verify=is_signature_valid)


@given(st.binary(max_size=200))
def test_any_content_is_a_post_a_payload_or_a_peers_fault(content: bytes) -> None:
    with suppress(PeerError):
        is_post(content)
    with pytest.raises(PeerError):
        read_post(content, group=GROUP, author=ADA.vk, verify=is_signature_valid)
