"""Letters of members, and the words that follow them, are decoded whole, or refused."""

import contextlib
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.content.entry import Id
from mesh.errors import PeerError, UserError
from mesh.group.member_letters import (
    PROOF_BYTES,
    MemberLetter,
    MemberWord,
    decode_member_letter,
    decode_member_word,
    encode_member_letter,
    encode_member_word,
    is_proved,
)
from mesh.group.posts import GroupId
from mesh.ids import VerifyKey
from mesh.limits.groups import INVITE_NOTE_BYTES_MAX
from mesh.limits.member_letters import LETTER_INVITE_BYTES_MAX
from mesh.wire.invite import LINK_PREFIX, parse_invite

GID: Id = bytes(range(32))
LETTER = encode_member_letter(GroupId(GID), LINK_PREFIX + "QUJD" * 40, "From the pier?")
WORD = encode_member_word(GroupId(GID), VerifyKey(bytes(range(32))), bytes(16))
DECODERS: dict[str, Callable[[bytes], MemberLetter | MemberWord]] = {
    "letter": decode_member_letter,
    "word": decode_member_word,
}

# What MessagePack can say, of any shape: most of it is close to what is meant.
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 300)
    | st.floats()
    | st.text(max_size=600)
    | st.binary(max_size=40)
    | st.sampled_from([GID, GID[:-1], bytes(PROOF_BYTES), bytes(LETTER_INVITE_BYTES_MAX + 1)]),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
fields = st.lists(st.just(1) | values, min_size=1, max_size=6).map(lambda rest: [1, *rest])


def require_within_bounds(found: MemberLetter | MemberWord) -> None:
    """Whatever was read is what a letter or a word may be."""
    if isinstance(found, MemberWord):
        assert (found.version, len(found.proof)) == (1, PROOF_BYTES)
        assert not is_proved(found, GroupId(GID), VerifyKey(bytes(32)), b"no secret of ours")
        return
    assert (found.version, len(found.gid)) == (1, 32)
    assert 1 <= len(found.invite) <= LETTER_INVITE_BYTES_MAX
    assert len(found.note.encode()) <= INVITE_NOTE_BYTES_MAX
    # The link is a text that is parsed or refused, whatever bytes it is made of.
    with contextlib.suppress(UserError):
        parse_invite(found.link, lambda *_: True)


def read(name: str, data: bytes) -> None:
    with contextlib.suppress(PeerError):
        require_within_bounds(DECODERS[name](data))


@pytest.mark.parametrize("name", DECODERS)
@given(data=st.binary(max_size=4_096))
def test_whatever_comes_is_read_or_refused(name: str, data: bytes) -> None:
    read(name, data)


@pytest.mark.parametrize("name", DECODERS)
@given(value=fields | values)
def test_whatever_messagepack_says_is_read_or_refused(name: str, value: object) -> None:
    read(name, msgspec.msgpack.encode(value))


@pytest.mark.parametrize("name, whole", [("letter", LETTER), ("word", WORD)])
@given(at=st.integers(0, 400), byte=st.integers(0, 255), cut=st.integers(0, 400))
def test_what_was_changed_or_cut_is_read_or_refused(
    name: str, whole: bytes, at: int, byte: int, cut: int
) -> None:
    at %= len(whole)
    read(name, whole[:at] + bytes([byte]) + whole[at + 1 :])
    short = whole[: cut % len(whole)]
    with pytest.raises(PeerError):
        DECODERS[name](short)


@pytest.mark.parametrize("depth", [10, 1_000, 100_000])
@pytest.mark.parametrize("name", DECODERS)
def test_lists_in_lists_without_end_are_refused(name: str, depth: int) -> None:
    for data in (b"\x91" * depth, b"\x94\x01" + b"\x91" * depth, b"\x81\xa0" * depth):
        with pytest.raises(PeerError):
            DECODERS[name](data)


@given(
    invite=st.binary(min_size=1, max_size=LETTER_INVITE_BYTES_MAX),
    note=st.text(max_size=INVITE_NOTE_BYTES_MAX // 4),
)
def test_a_letter_is_read_as_it_was_written(invite: bytes, note: str) -> None:
    written = MemberLetter(1, GID, invite, note)
    data = msgspec.msgpack.encode(written)
    assert decode_member_letter(data) == written
    assert encode_member_letter(GroupId(GID), written.link, note) == data


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=16, max_size=16))
def test_a_word_proves_what_it_was_written_for(member: bytes, secret: bytes) -> None:
    word = decode_member_word(encode_member_word(GroupId(GID), VerifyKey(member), secret))
    assert is_proved(word, GroupId(GID), VerifyKey(member), secret)
    assert not is_proved(word, GroupId(GID), VerifyKey(member[::-1] + b"x"), secret)
