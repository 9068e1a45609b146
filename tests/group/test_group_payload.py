"""Payloads of a group: nobody can put another's entries under numbers that were not theirs."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.content.entry import Entry
from mesh.crypto.signing import Verify, is_signature_valid
from mesh.errors import PeerError
from mesh.group.bodies import content_room, content_size_class, is_post
from mesh.group.leaves import SHORT_LEAF_BYTES
from mesh.group.payload import (
    ENDED,
    LEAF,
    Ended,
    GroupPayload,
    SignedEntry,
    decode_ended,
    does_leaf_ride,
    encode_ended,
    is_entry_valid,
    make_payload,
    payload_bytes,
    read_payload,
    sign_entry,
)
from mesh.group.posts import GroupId
from mesh.ids import UnixSeconds
from mesh.limits.messages import CONTROL_BYTES_MAX, CONTROLS_MAX, ENTRIES_MAX
from tests.group.people import GROUP, NOW, person

ADA, EVE = person(1), person(2)
HEADER = b"\x01" * 99
OTHER_HEADER = b"\x01" * 7 + b"\x02" + b"\x01" * 91
"""The same envelope, one tag further."""

controls = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=40)), max_size=CONTROLS_MAX)
entries = st.lists(
    st.builds(SignedEntry, st.binary(max_size=60), st.binary(min_size=64, max_size=64)),
    max_size=ENTRIES_MAX,
)


def read(
    content: bytes, header: bytes = HEADER, verify: Verify = is_signature_valid
) -> GroupPayload:
    return read_payload(content, header=header, group=GROUP, author=ADA.vk, verify=verify)


@given(controls, entries)
def test_a_payload_is_read_as_it_was_made(
    made: list[tuple[int, bytes]], said: list[SignedEntry]
) -> None:
    payload = make_payload(ADA.signing, GROUP, header=HEADER, controls=made, entries=said)
    content = payload.encode()
    assert len(content) == payload_bytes(made, said)
    assert not is_post(content)
    found = read(content)
    assert (found.controls, found.entries) == (made, said)


def test_old_entries_under_new_numbers_use_up_nothing() -> None:
    """Eve has the keys of everybody's chain. She takes what Ada said and seals it again, at Ada's
    next number, with the signature that Ada made or with none that is Ada's.
    """
    said = sign_entry(ADA.signing, GROUP, b"\x90")
    old = make_payload(ADA.signing, GROUP, header=HEADER, controls=[], entries=[said])
    forged = make_payload(EVE.signing, GROUP, header=OTHER_HEADER, controls=[], entries=[said])
    for content in (old.encode(), forged.encode()):
        with pytest.raises(PeerError):
            read(content, OTHER_HEADER)
        # If the signature of the controls could be missing, both would be taken for Ada's.
        assert read(content, OTHER_HEADER, verify=lambda *_: True).entries == [said]
    assert is_entry_valid(said, group=GROUP, author=ADA.vk, verify=is_signature_valid)


def test_the_signature_is_never_empty() -> None:
    payload = make_payload(ADA.signing, GROUP, header=HEADER, controls=[], entries=[])
    fields = msgspec.msgpack.decode(payload.encode())
    fields[2] = b""
    with pytest.raises(PeerError, match="malformed"):
        read(msgspec.msgpack.encode(fields), verify=lambda *_: True)


def test_controls_are_checked_as_the_bytes_that_came() -> None:
    """Another form of the same numbers is another array; who signed that form is believed."""
    payload = make_payload(ADA.signing, GROUP, header=HEADER, controls=[(9, b"x")], entries=[])
    content = payload.encode()
    at = content.index(b"\x91\x92\x09\xc4\x01x")
    longer = content[:at] + b"\x91\x92\xcc\x09\xc4\x01x" + content[at + 6 :]
    with pytest.raises(PeerError, match="did not put it"):
        read(longer)


def test_an_entry_stands_for_its_group_and_author_only() -> None:
    said = sign_entry(ADA.signing, GROUP, b"\x90")
    for group, author, entry in (
        (GroupId(bytes(32)), ADA.vk, said),
        (GROUP, EVE.vk, said),
        (GROUP, ADA.vk, SignedEntry(b"\x91\x00", said.signature)),
    ):
        assert not is_entry_valid(entry, group=group, author=author, verify=is_signature_valid)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_payload_or_a_peers_fault(content: bytes) -> None:
    with suppress(PeerError):
        read(content, verify=lambda *_: True)


@given(controls, entries, st.data())
def test_a_damaged_payload_is_a_peers_fault_or_whole(
    made: list[tuple[int, bytes]], said: list[SignedEntry], data: st.DataObject
) -> None:
    payload = make_payload(ADA.signing, GROUP, header=HEADER, controls=made, entries=said)
    encoded = bytearray(payload.encode())
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] = data.draw(st.integers(0, 255))
    with suppress(PeerError):
        found = read(bytes(encoded))
        assert found.controls == made


@pytest.mark.parametrize(
    "made",
    [
        [(0, b"")] * (CONTROLS_MAX + 1),
        [(0, bytes(CONTROL_BYTES_MAX + 1))],
        [(256, b"")],
    ],
    ids=["too many", "too long", "no kind"],
)
def test_controls_have_bounds(made: list[tuple[int, bytes]]) -> None:
    content = make_payload(ADA.signing, GROUP, header=HEADER, controls=made, entries=[]).encode()
    with pytest.raises(PeerError, match="malformed"):
        read(content)


def test_entries_have_bounds() -> None:
    said = [SignedEntry(b"", bytes(64))] * (ENTRIES_MAX + 1)
    content = make_payload(ADA.signing, GROUP, header=HEADER, controls=[], entries=said).encode()
    with pytest.raises(PeerError, match="malformed"):
        read(content)


@given(
    st.lists(
        st.builds(Ended, st.binary(min_size=8, max_size=8), st.integers(0, (1 << 32) - 1)),
        min_size=1,
        max_size=4,
    )
)
def test_ended_epochs_are_read_as_they_were_made(ended: list[Ended]) -> None:
    assert decode_ended(encode_ended(ended)) == ended


@pytest.mark.parametrize("length", [0, 11, 13, 60])
def test_other_lengths_end_nothing(length: int) -> None:
    with pytest.raises(PeerError):
        decode_ended(bytes(length))


def entry(text_bytes: int, parents: int, ops: int) -> bytes:
    """A text with a reply, as long as such a one is."""
    ids = [bytes([9]) * 32] * 4
    content = msgspec.msgpack.encode(["x" * text_bytes, [], [], ids[0], [], None])
    clock = 117_964_800_000_000_007
    run, number = (1 << 32) - 1, 1_234
    return Entry(
        0, clock, run, number, ids[:parents], ids[:ops], b"", [], 0, msgspec.Raw(content)
    ).encode()


@pytest.mark.parametrize("parents, ops", [(2, 1), (4, 4)])
def test_a_text_of_200_bytes_takes_a_kibibyte_with_leaf_and_end(parents: int, ops: int) -> None:
    said = [SignedEntry(entry(200, parents, ops), bytes(64))]
    bare = payload_bytes([], said)
    full = payload_bytes([(ENDED, bytes(12)), (LEAF, bytes(SHORT_LEAF_BYTES))], said)
    assert content_size_class(bare) == content_size_class(full) == 0
    assert full - bare == 120
    if (parents, ops) == (4, 4):
        assert full <= 798 <= content_room(0)


def test_the_longest_texts_of_a_kibibyte() -> None:
    for parents, ops, longest in ((2, 1, 522), (4, 4, 352)):
        sizes = [
            payload_bytes([], [SignedEntry(entry(length, parents, ops), bytes(64))])
            for length in (longest, longest + 1)
        ]
        assert [content_size_class(size) for size in sizes] == [0, 1]
    sixty = payload_bytes([], [SignedEntry(entry(60_000, 4, 4), bytes(64))])
    assert content_size_class(sixty) == 3


def test_a_leaf_waits_a_day_for_a_free_place() -> None:
    day = 86_400

    def rides(without: int, seconds: int) -> bool:
        now = UnixSeconds(NOW + seconds)
        return does_leaf_ride(
            without_bytes=without, with_bytes=without + 104, made=NOW, mesh_now=now
        )

    assert rides(700, 0)
    assert not rides(800, day - 1)
    assert rides(800, day)
