"""The lists that name posting keys: what is written is read, and nothing else is."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mesh.errors import PeerError
from mesh.limits.messages import CONTROL_BYTES_MAX
from mesh.limits.posting_keys import POSTING_DAYS_TOLD, POSTING_KEYS_TOLD_MAX
from mesh.limits.trust import FAR_PER_CONTACT_DAY_MAX, VOUCH_DAYS_TOLD, VOUCHED_PER_CONTACT_DAY_MAX
from mesh.wire.envelope import SIZE_BYTES
from mesh.wire.frames import Push, Vouches, encode_frame
from mesh.wire.posting_key_lists import (
    VouchedDay,
    decode_own_keys,
    decode_vouches,
    encode_own_keys,
    encode_vouches,
)

KEYS = st.lists(
    st.tuples(
        st.integers(20_000, 20_000 + POSTING_DAYS_TOLD - 1),
        st.integers(0, 2**64 - 1),
    ),
    min_size=1,
    max_size=POSTING_KEYS_TOLD_MAX,
    unique=True,
)
HASHES = st.integers(0, 2**64 - 1)


@st.composite
def vouched_days(draw: st.DrawFn) -> list[VouchedDay]:
    days = draw(st.lists(st.integers(0, 2**32 - 1), max_size=VOUCH_DAYS_TOLD, unique=True))
    return [
        VouchedDay(
            day,
            tuple(sorted(draw(st.lists(HASHES, max_size=8, unique=True)))),
            tuple(sorted(draw(st.lists(HASHES, max_size=20, unique=True)))),
        )
        for day in sorted(days)
    ]


@given(keys=KEYS)
def test_own_keys_are_read_as_they_were_written_by_day(keys: list[tuple[int, int]]) -> None:
    assert decode_own_keys(encode_own_keys(keys)) == sorted(keys)


def test_the_most_keys_of_one_telling_fit_one_control() -> None:
    keys = [(20_000, number) for number in range(POSTING_KEYS_TOLD_MAX)]
    assert len(encode_own_keys(keys)) == 4 + 64 * 9 <= CONTROL_BYTES_MAX


def test_own_keys_are_known_bytes() -> None:
    keys = [(20_001, 0x6262626262626262), (20_000, 0x6161616161616161)]
    assert encode_own_keys(keys) == bytes.fromhex("00004e2000" + "61" * 8 + "01" + "62" * 8)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(4),
        bytes(4 + 8),
        bytes(4 + 9 + 1),
        bytes(4) + bytes(9) * 2,
        bytes(4) + b"\x00" + b"b" * 8 + b"\x00" + b"a" * 8,
        bytes(4) + b"\x01" + b"b" * 8,
        bytes(4) + bytes(9) + bytes((POSTING_DAYS_TOLD,)) + bytes(8),
        bytes(4) + b"".join(bytes(1) + n.to_bytes(8) for n in range(POSTING_KEYS_TOLD_MAX + 1)),
    ],
    ids=[
        "nothing",
        "no key",
        "a cut key",
        "a byte too many",
        "the same key twice",
        "out of order",
        "no key of the first day",
        "a day too far",
        "too many",
    ],
)
def test_keys_in_any_other_form_are_refused(data: bytes) -> None:
    with pytest.raises(PeerError):
        decode_own_keys(data)


@given(data=st.binary(max_size=200))
def test_own_keys_from_outside_are_read_or_refused(data: bytes) -> None:
    try:
        keys = decode_own_keys(data)
    except PeerError:
        return
    assert encode_own_keys(keys) == data


@given(days=vouched_days())
def test_vouches_are_read_as_they_were_written(days: list[VouchedDay]) -> None:
    assert decode_vouches(encode_vouches(days)) == days


@given(days=vouched_days())
def test_a_frame_of_vouches_is_as_long_as_one_that_pushes_an_envelope(
    days: list[VouchedDay],
) -> None:
    pushes = [len(encode_frame(Push(bytes(size)))) for size in SIZE_BYTES]
    assert len(encode_frame(Vouches(encode_vouches(days)))) in pushes


def test_the_longest_lists_of_all_days_fit_one_frame() -> None:
    days = [
        VouchedDay(
            day, tuple(range(VOUCHED_PER_CONTACT_DAY_MAX)), tuple(range(FAR_PER_CONTACT_DAY_MAX))
        )
        for day in range(VOUCH_DAYS_TOLD)
    ]
    data = encode_vouches(days)
    assert len(data) == SIZE_BYTES[-1]
    assert decode_vouches(data) == days


def test_vouches_are_known_bytes() -> None:
    data = encode_vouches([VouchedDay(20_000, (1, 2), (3,))])
    assert data == bytes.fromhex(
        "0100004e20020001000000000000000100000000000000020000000000000003"
    ).ljust(1024, b"\0")


def vouch_bytes(day: int, vouched: list[int], far: list[int], *, count: int = 1) -> bytes:
    hashes = b"".join(one.to_bytes(8) for one in (*vouched, *far))
    counts = bytes((len(vouched),)) + len(far).to_bytes(2)
    return bytes((count,)) + day.to_bytes(4) + counts + hashes


FORGED = {
    "of no length": b"",
    "not filled": vouch_bytes(1, [1], []),
    "filled with something": vouch_bytes(1, [1], []).ljust(1024, b"\1"),
    "out of order": vouch_bytes(1, [2, 1], []).ljust(1024, b"\0"),
    "one twice": vouch_bytes(1, [], [1, 1]).ljust(1024, b"\0"),
    "too many far": vouch_bytes(1, [], list(range(801))).ljust(16_384, b"\0"),
    "beyond the end": (bytes((1,)) + bytes(4) + bytes((255,)) + (800).to_bytes(2)).ljust(
        1024, b"\0"
    ),
    "too many days": bytes((8,)).ljust(1024, b"\0"),
    "a day twice": (vouch_bytes(1, [], [], count=2) + vouch_bytes(1, [], [])[1:]).ljust(
        1024, b"\0"
    ),
}


@pytest.mark.parametrize("data", FORGED.values(), ids=FORGED.keys())
def test_vouches_in_any_other_form_are_refused(data: bytes) -> None:
    with pytest.raises(PeerError):
        decode_vouches(data)


@given(
    data=st.binary(max_size=64).map(lambda data: data.ljust(1024, b"\0"))
    | st.binary(min_size=1024, max_size=1024)
)
@example(data=bytes(1024))
def test_vouches_from_outside_are_read_or_refused(data: bytes) -> None:
    try:
        days = decode_vouches(data)
    except PeerError:
        return
    assert encode_vouches(days) == data
