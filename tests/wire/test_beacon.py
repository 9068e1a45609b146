"""The beacon: known bytes, and any other bytes are a peer's fault."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.errors import PeerError
from mesh.wire.beacon import BEACON_BYTES, Beacon, decode_beacon, encode_beacon, group_v6

instances = st.binary(min_size=8, max_size=8).map(bytes.hex)
hints = st.none() | st.binary(min_size=4, max_size=4).filter(any).map(bytes.hex)
beacons = st.builds(Beacon, instances, st.integers(0, 65_535), hints, st.booleans())
KNOWN = Beacon("00112233445566aa", 41_730, "0123abcd", is_reply_wanted=True)
KNOWN_BYTES = bytes.fromhex("4d7368420100112233445566aaa3020123abcd01")


def test_a_beacon_has_the_bytes_of_the_page() -> None:
    assert encode_beacon(KNOWN) == KNOWN_BYTES
    assert len(KNOWN_BYTES) == BEACON_BYTES
    assert group_v6().hex() == "ff12000000000000000008b24382a5a4"


@settings(max_examples=50)
@given(beacons)
def test_a_beacon_is_read_as_it_was_written(beacon: Beacon) -> None:
    assert decode_beacon(encode_beacon(beacon)) == beacon


def test_the_beacon_of_an_open_mesh_has_no_hint() -> None:
    beacon = Beacon("00" * 8, 1, None, is_reply_wanted=False)
    assert decode_beacon(encode_beacon(beacon)).mesh_hint is None


@settings(max_examples=200)
@given(st.binary(max_size=40) | st.binary(min_size=20, max_size=20))
def test_any_bytes_are_a_beacon_or_a_peers_fault(packet: bytes) -> None:
    try:
        beacon = decode_beacon(packet)
    except PeerError:
        return
    assert encode_beacon(beacon) == packet


@settings(max_examples=200)
@given(st.integers(0, BEACON_BYTES - 1), st.integers(0, 255))
def test_a_beacon_with_one_byte_changed_is_another_one_or_none(place: int, value: int) -> None:
    changed = bytearray(KNOWN_BYTES)
    changed[place] = value
    try:
        beacon = decode_beacon(bytes(changed))
    except PeerError:
        return
    assert encode_beacon(beacon) == bytes(changed)


@pytest.mark.parametrize(
    "place_and_value", [(0, 0), (4, 2), (19, 2)], ids=["magic", "version", "reply"]
)
def test_what_is_not_this_version_of_a_beacon_is_refused(
    place_and_value: tuple[int, int],
) -> None:
    changed = bytearray(KNOWN_BYTES)
    changed[place_and_value[0]] = place_and_value[1]
    with pytest.raises(PeerError):
        decode_beacon(bytes(changed))


@pytest.mark.parametrize("packet", [KNOWN_BYTES[:-1], KNOWN_BYTES + b"\0", b""])
def test_a_packet_of_another_length_is_refused(packet: bytes) -> None:
    with pytest.raises(PeerError):
        decode_beacon(packet)
