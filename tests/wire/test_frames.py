"""Frames: any bytes are a frame, an unknown frame, or a peer's fault, and lists are whole."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.errors import PeerError
from mesh.ids import EnvelopeId
from mesh.limits.anti_entropy import RECONCILE_FRAME_BYTES_MAX
from mesh.limits.contacts import NAME_BYTES_MAX
from mesh.limits.direct_files import FILE_ASK_BLOCKS_MAX, FILE_PATH_BYTES_MAX
from mesh.limits.files import FILE_BLOCK_BYTES
from mesh.limits.link import FRAME_BYTES_MAX, HELLO_FEATURES_MAX, HELLO_VERSIONS_MAX
from mesh.limits.nearby import NEARBY_BOX_BYTES_MAX
from mesh.limits.peering import PEX_ADDRESSES_PER_RECORD_MAX, PEX_RECORDS_MAX, WHO_ENTRIES_MAX
from mesh.limits.replication import IDS_PER_FRAME_MAX, STUBS_PER_FRAME_MAX
from mesh.wire.frames import (
    Audit,
    AuditResult,
    Close,
    DoNotWant,
    FileAsk,
    FileBlock,
    FileRefuse,
    Frame,
    Graft,
    Held,
    Hello,
    IHave,
    IWant,
    NearbyAsk,
    NearbyCard,
    NearbySealed,
    NegClose,
    NegMessage,
    NegOpen,
    NoHave,
    Pex,
    PexAddress,
    PexRequest,
    Ping,
    Pong,
    Prune,
    Push,
    Retired,
    Root,
    RootEntry,
    Stem,
    StemRetired,
    Stubs,
    Time,
    Who,
    decode_frame,
    encode_frame,
    join_entries,
    split_entries,
    split_ids,
    split_short_ids,
)
from mesh.wire.retirement import (
    Retirement,
    join_retirements,
    split_retirements,
    split_tokens,
)

Wire = int | bytes | str | bool | float | None | list["Wire"]

u8 = st.integers(0, 0xFF)
ids = st.binary(min_size=32, max_size=32).map(EnvelopeId)
id_lists = st.lists(ids, max_size=4).map(b"".join)
short_ids = st.lists(st.binary(min_size=8, max_size=8), max_size=4).map(b"".join)
bytes32 = st.binary(min_size=32, max_size=32)
entries = st.lists(st.tuples(ids, u8), max_size=4).map(join_entries)
tokens = st.binary(min_size=16, max_size=16)
retirements = st.lists(st.builds(Retirement, ids, tokens), max_size=4)
stub_entries = st.tuples(
    st.binary(min_size=195, max_size=195), st.lists(tokens, max_size=2).map(b"".join)
)
u16, u32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFF_FFFF)
bytes16 = st.binary(min_size=16, max_size=16)
messages = st.binary(max_size=90)
root_entries = st.builds(RootEntry, u8, u32, u32, u32, bytes16)
hellos = st.builds(
    Hello,
    versions=st.lists(u8, min_size=1, max_size=HELLO_VERSIONS_MAX),
    features=st.lists(st.integers(0, 0xFFFF), max_size=HELLO_FEATURES_MAX),
    mesh_time=st.integers(0, 0xFFFF_FFFF),
    nonce=st.binary(min_size=16, max_size=16),
)
pex_addresses = st.builds(
    PexAddress, u8, st.binary(min_size=4, max_size=16), st.integers(1, 0xFFFF)
)
pex_records = st.lists(pex_addresses, min_size=1, max_size=PEX_ADDRESSES_PER_RECORD_MAX)
frames: st.SearchStrategy[Frame] = st.one_of(
    hellos,
    st.builds(Ping),
    st.builds(Pong),
    st.builds(Close, u8),
    st.builds(Push, st.binary(max_size=300)),
    st.builds(IHave, entries, u8),
    st.builds(IWant, id_lists),
    st.builds(NoHave, entries),
    st.builds(Stubs, st.lists(stub_entries, max_size=4)),
    st.builds(Retired, retirements.map(join_retirements)),
    st.builds(Stem, st.binary(max_size=80)),
    st.builds(StemRetired, retirements.map(join_retirements)),
    st.builds(Held, short_ids, short_ids),
    st.builds(DoNotWant, id_lists),
    st.builds(Prune),
    st.builds(Graft, id_lists),
    st.builds(NegOpen, u16, u8, u32, messages),
    st.builds(NegMessage, u16, messages),
    st.builds(NegClose, u16, u8, u32),
    st.builds(Root, st.lists(root_entries, max_size=8)),
    st.builds(Audit, u16, u8, bytes16, u32, u32),
    st.builds(AuditResult, u16, u32, st.integers(0, 2**64 - 1)),
    st.builds(Who, st.binary(max_size=64)),
    st.builds(Time, u32, u8),
    st.builds(PexRequest, st.integers(1, PEX_RECORDS_MAX)),
    st.builds(Pex, st.lists(pex_records, max_size=PEX_RECORDS_MAX)),
    st.builds(NearbyAsk),
    st.builds(NearbyCard, st.text(max_size=12), bytes32),
    st.builds(NearbySealed, bytes32, bytes32, st.binary(max_size=80)),
    st.builds(FileAsk, bytes16, u32, st.integers(1, FILE_ASK_BLOCKS_MAX)),
    st.builds(FileBlock, bytes16, u32, st.binary(max_size=64), st.binary(max_size=80)),
    st.builds(FileRefuse, bytes16),
)
values: st.SearchStrategy[Wire] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.binary(max_size=40)
    | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=8,
)
TYPES = [
    *range(0x01, 0x08),
    *range(0x10, 0x1C),
    *range(0x20, 0x26),
    0x30,
    0x31,
    *range(0x40, 0x43),
    *range(0x50, 0x53),
]
known_types = st.sampled_from(TYPES)
HELLO = Hello(versions=[1], features=[], mesh_time=0, nonce=bytes(16))


def packed(*elements: Wire) -> bytes:
    """A MessagePack array with these elements."""
    return msgspec.msgpack.encode(elements)


@settings(max_examples=100)
@given(frames)
def test_a_frame_is_read_as_it_was_written(frame: Frame) -> None:
    assert decode_frame(encode_frame(frame)) == frame


@settings(max_examples=200)
@given(st.binary(max_size=80))
def test_any_bytes_are_a_frame_or_a_peers_fault(data: bytes) -> None:
    _frame_or_fault(data)


@settings(max_examples=300)
@given(known_types, st.lists(values, max_size=5))
def test_any_fields_of_a_known_type_are_a_frame_or_a_peers_fault(
    type_: int, fields: list[Wire]
) -> None:
    _frame_or_fault(packed(type_, *fields))


@settings(max_examples=200)
@given(frames, st.data())
def test_a_damaged_frame_is_a_frame_or_a_peers_fault(frame: Frame, data: st.DataObject) -> None:
    encoded = bytearray(encode_frame(frame))
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] = data.draw(u8)
    _frame_or_fault(bytes(encoded))


@given(frames, st.binary(min_size=1, max_size=5))
def test_bytes_behind_a_frame_are_a_fault(frame: Frame, more: bytes) -> None:
    with pytest.raises(PeerError):
        decode_frame(encode_frame(frame) + more)


@given(frames, st.data())
def test_a_cut_frame_is_a_fault(frame: Frame, data: st.DataObject) -> None:
    encoded = encode_frame(frame)
    with pytest.raises(PeerError):
        decode_frame(encoded[: data.draw(st.integers(0, len(encoded) - 1))])


@given(frames, st.lists(values, min_size=1, max_size=3))
def test_fields_of_a_later_version_are_skipped(frame: Frame, fields: list[Wire]) -> None:
    encoded = encode_frame(frame)
    longer = bytes((encoded[0] + len(fields),)) + encoded[1:]
    longer += b"".join(msgspec.msgpack.encode(field) for field in fields)
    assert decode_frame(longer) == frame


@given(st.integers(0, 0x7F), st.lists(values, max_size=5))
def test_a_frame_of_an_unknown_type_is_skipped_whatever_it_holds(
    type_: int, fields: list[Wire]
) -> None:
    if type_ not in TYPES:
        assert decode_frame(packed(type_, *fields)) is None


def test_a_frame_is_a_short_array_that_begins_with_a_short_number() -> None:
    for data in (b"", b"\x91", b"\x90", b"\x91\xcc\x02", b"\xdc\0\1\2", b"\x81\2\2", b"\2\2"):
        with pytest.raises(PeerError, match="not a frame"):
            decode_frame(data)


def test_a_frame_beyond_its_bound_is_a_fault_before_it_is_read() -> None:
    with pytest.raises(PeerError, match="too long"):
        decode_frame(b"\x91\x02" + bytes(FRAME_BYTES_MAX - 1))
    assert decode_frame(b"\x91\x7f" + bytes(FRAME_BYTES_MAX - 2)) is None


def test_the_largest_envelope_and_the_longest_lists_fit_a_frame() -> None:
    id_ = EnvelopeId(bytes(32))
    for frame in (
        Push(bytes(65_536)),
        IHave(join_entries([(id_, 1)] * IDS_PER_FRAME_MAX), 0),
        Graft(bytes(32 * IDS_PER_FRAME_MAX)),
        NegOpen(0xFFFF, 2, 0xFFFF_FFFF, bytes(RECONCILE_FRAME_BYTES_MAX)),
        NegMessage(0xFFFF, bytes(RECONCILE_FRAME_BYTES_MAX)),
        Root([RootEntry(2, 0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF, bytes(16))] * 8),
        Held(bytes(8 * IDS_PER_FRAME_MAX), bytes(8 * IDS_PER_FRAME_MAX)),
        Stubs([(bytes(195), bytes(32))] * STUBS_PER_FRAME_MAX),
        Retired(bytes(48 * IDS_PER_FRAME_MAX)),
        Stem(bytes(64 * 1024)),
        StemRetired(bytes(48 * IDS_PER_FRAME_MAX)),
        Who(bytes(8 * WHO_ENTRIES_MAX)),
        Pex([[PexAddress(6, bytes(16), 0xFFFF)] * PEX_ADDRESSES_PER_RECORD_MAX] * PEX_RECORDS_MAX),
        NearbySealed(bytes(32), bytes(32), bytes(NEARBY_BOX_BYTES_MAX)),
        FileBlock(bytes(16), 0xFFFF_FFFF, bytes(FILE_PATH_BYTES_MAX), bytes(FILE_BLOCK_BYTES)),
    ):
        encoded = encode_frame(frame)
        assert len(encoded) <= FRAME_BYTES_MAX
        assert decode_frame(encoded) == frame


@pytest.mark.parametrize(
    "frame",
    [
        Push(bytes(65_537)),
        IWant(bytes(32 * (IDS_PER_FRAME_MAX + 1))),
        IHave(bytes(33 * (IDS_PER_FRAME_MAX + 1)), 0),
        NoHave(bytes(33 * (IDS_PER_FRAME_MAX + 1))),
        Stubs([(bytes(195), b"")] * (STUBS_PER_FRAME_MAX + 1)),
        Stubs([(bytes(194), b"")]),
        Stubs([(bytes(196), b"")]),
        Stubs([(bytes(195), bytes(33))]),
        Retired(bytes(48 * (IDS_PER_FRAME_MAX + 1))),
        Stem(bytes(64 * 1024 + 1)),
        StemRetired(bytes(48 * (IDS_PER_FRAME_MAX + 1))),
        Held(bytes(8 * (IDS_PER_FRAME_MAX + 1)), b""),
        DoNotWant(bytes(32 * (IDS_PER_FRAME_MAX + 1))),
        Graft(bytes(32 * (IDS_PER_FRAME_MAX + 1))),
        NegOpen(0x1_0000, 0, 0, b""),
        NegOpen(0, 256, 0, b""),
        NegOpen(0, 0, 1 << 32, b""),
        NegOpen(0, 0, 0, bytes(RECONCILE_FRAME_BYTES_MAX + 1)),
        NegMessage(0, bytes(RECONCILE_FRAME_BYTES_MAX + 1)),
        NegClose(0, 1, 1 << 32),
        Root([RootEntry(0, 0, 0, 0, bytes(16))] * 9),
        Root([RootEntry(0, 0, 0, 0, bytes(15))]),
        Root([RootEntry(0, 0, 0, 1 << 32, bytes(16))]),
        Audit(0, 0, bytes(17), 0, 1),
        AuditResult(0, 1 << 32, 0),
        Who(bytes(8 * WHO_ENTRIES_MAX + 1)),
        PexRequest(0),
        PexRequest(PEX_RECORDS_MAX + 1),
        Pex([[PexAddress(4, bytes(4), 1)]] * (PEX_RECORDS_MAX + 1)),
        Pex([[PexAddress(4, bytes(4), 1)] * (PEX_ADDRESSES_PER_RECORD_MAX + 1)]),
        Pex([[]]),
        Pex([[PexAddress(4, bytes(3), 1)]]),
        Pex([[PexAddress(4, bytes(17), 1)]]),
        Pex([[PexAddress(4, bytes(4), 0)]]),
        msgspec.structs.replace(HELLO, versions=[]),
        msgspec.structs.replace(HELLO, versions=[1] * (HELLO_VERSIONS_MAX + 1)),
        msgspec.structs.replace(HELLO, versions=[256]),
        msgspec.structs.replace(HELLO, features=[1] * (HELLO_FEATURES_MAX + 1)),
        msgspec.structs.replace(HELLO, mesh_time=-1),
        msgspec.structs.replace(HELLO, mesh_time=1 << 32),
        msgspec.structs.replace(HELLO, nonce=bytes(15)),
        msgspec.structs.replace(HELLO, nonce=bytes(17)),
        Close(256),
        NearbyCard("a" * (NAME_BYTES_MAX + 1), bytes(32)),
        NearbyCard("Ann", bytes(31)),
        NearbySealed(bytes(33), bytes(32), b""),
        NearbySealed(bytes(32), bytes(33), b""),
        NearbySealed(bytes(32), bytes(32), bytes(NEARBY_BOX_BYTES_MAX + 1)),
        FileAsk(bytes(15), 0, 1),
        FileAsk(bytes(16), 1 << 32, 1),
        FileAsk(bytes(16), 0, 0),
        FileAsk(bytes(16), 0, FILE_ASK_BLOCKS_MAX + 1),
        FileBlock(bytes(17), 0, b"", b""),
        FileBlock(bytes(16), 0, bytes(FILE_PATH_BYTES_MAX + 1), b""),
        FileBlock(bytes(16), 0, b"", bytes(FILE_BLOCK_BYTES + 1)),
        FileRefuse(bytes(17)),
    ],
    ids=lambda frame: type(frame).__name__,
)
def test_a_field_beyond_its_bound_is_a_fault(frame: Frame) -> None:
    with pytest.raises(PeerError):
        decode_frame(encode_frame(frame))


@pytest.mark.parametrize(
    "fields", [(4, True), (4, 1.0), (4, "1"), (4, None), (0x12, "text"), (0x12, [1, 2]), (4,)]
)
def test_a_field_of_another_kind_is_a_fault(fields: tuple[Wire, ...]) -> None:
    with pytest.raises(PeerError):
        decode_frame(packed(*fields))


def test_deep_nesting_is_a_fault_or_skipped_and_no_crash() -> None:
    deep = b"\x91" * 60_000 + b"\xc0"
    with pytest.raises(PeerError):
        decode_frame(b"\x92\x04" + deep)
    assert decode_frame(b"\x92\x7f" + deep) is None
    _frame_or_fault(b"\x93\x04\x01" + deep)


@given(st.lists(st.tuples(ids, u8), max_size=8))
def test_lists_come_apart_as_they_were_joined(pairs: list[tuple[EnvelopeId, int]]) -> None:
    assert list(split_entries(join_entries(pairs))) == pairs
    joined = b"".join(id_ for id_, _ in pairs)
    assert split_ids(joined) == [id_ for id_, _ in pairs]
    assert split_short_ids(joined) == [
        joined[place : place + 8] for place in range(0, len(joined), 8)
    ]


@given(retirements)
def test_retirements_come_apart_as_they_were_joined(some: list[Retirement]) -> None:
    assert split_retirements(join_retirements(some)) == some


@given(st.binary(max_size=200))
def test_a_cut_list_is_a_fault(data: bytes) -> None:
    for split, width in (
        (split_ids, 32),
        (split_entries, 33),
        (split_short_ids, 8),
        (split_retirements, 48),
        (split_tokens, 16),
    ):
        if len(data) % width:
            with pytest.raises(PeerError):
                split(data)
        else:
            assert len(list(split(data))) == len(data) // width


def _frame_or_fault(data: bytes) -> None:
    try:
        frame = decode_frame(data)
    except PeerError:
        return
    if frame is not None:
        assert decode_frame(encode_frame(frame)) == frame
