"""Frames that are sent are read again; what a later version adds is passed over."""

import msgspec
import pytest

from mesh.link import link as link_module
from mesh.wire.frames import Close, Frame, IWant, Ping, encode_frame
from sim.invariants import frames
from sim.invariants.frames import FrameCheck, require_no_fault
from sim.invariants.invariants import BrokenInvariant


def test_frames_are_counted_by_kind() -> None:
    check = FrameCheck()
    for frame in (Ping(), Ping(), Close(1), IWant(bytes(32))):
        assert check.encoded(frame) == encode_frame(frame)
    assert check.counts == {"Ping": 2, "Close": 1, "IWant": 1}


def test_what_is_no_frame_is_none_of_its_business() -> None:
    class Strange(msgspec.Struct, array_like=True, tag=0x60):
        """Nothing that we know."""

    check = FrameCheck()
    assert check.encoded(Strange()) == b"\x91\x60"
    assert check.counts == {}


def test_a_frame_that_cannot_be_read_breaks_s16() -> None:
    with pytest.raises(BrokenInvariant, match=r"S16.*a Close that is sent cannot be read"):
        FrameCheck().encoded(Close(300))


def test_a_version_that_minds_more_fields_breaks_s16(monkeypatch: pytest.MonkeyPatch) -> None:
    def strict(data: bytes) -> Frame | None:
        return Ping() if data == encode_frame(Ping()) else None

    monkeypatch.setattr(frames, "decode_frame", strict)
    with pytest.raises(
        BrokenInvariant, match=r"S16.*a Ping that is sent is read as something else"
    ):
        FrameCheck().encoded(Ping())


def test_links_encode_through_it_only_while_a_world_runs() -> None:
    check = FrameCheck()
    with check.observing():
        assert vars(link_module)["encode_frame"] == check.encoded
    assert vars(link_module)["encode_frame"] is encode_frame


def test_an_honest_neighbour_that_is_held_at_fault_breaks_s16() -> None:
    require_no_fault({"fault: neighbour went silent": 3, "links_faulted": 3})
    with pytest.raises(BrokenInvariant, match=r"S16.*bad stamp"):
        require_no_fault({"fault: bad stamp": 1})
