"""Nodes of an older and of a later version: mail and links go on, and nobody is at fault."""

from collections.abc import Callable

import msgspec
import pytest

from mesh.errors import PeerError
from mesh.link import link as link_module
from mesh.wire.frames import Frame, Hello, Ping, decode_frame, encode_frame
from sim.hosts.versions import (
    LATER_FEATURE,
    LATER_FRAME,
    LATER_VERSION,
    Version,
    Versions,
    drawn_versions,
)
from sim.invariants.invariants import BrokenInvariant
from sim.patching import Patch, patched
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.scenario import load_scenario

HELLO = Hello(versions=[1], features=[1, 2], mesh_time=1_000, nonce=bytes(16), port=41_730)


def said(version: Version, frame: Frame) -> bytes:
    versions = Versions({0: version}, working=lambda: 0)
    with versions.speaking():
        encode: Callable[[Frame], bytes] = vars(link_module)["encode_frame"]
        return encode(frame)


def world(*, seed: int = 1) -> World:
    scenario = msgspec.structs.replace(load_scenario("versions"), nodes=6, rest_s=0)
    return World(scenario, Options(seed=seed, is_crypto_real=False))


def test_a_later_version_appends_and_an_older_one_leaves_away() -> None:
    later = decode_frame(said("later", HELLO))
    assert later == msgspec.structs.replace(
        HELLO, versions=[1, LATER_VERSION], features=[1, 2, LATER_FEATURE]
    )
    assert len(msgspec.msgpack.decode(said("later", Ping()))) == 2
    assert decode_frame(said("older", HELLO)) == msgspec.structs.replace(HELLO, features=[], port=0)
    assert said("older", Ping()) == encode_frame(Ping())
    assert vars(link_module)["encode_frame"] is encode_frame


def test_so_many_are_drawn_as_were_asked_for() -> None:
    drawn = drawn_versions(7, 10, older=0.3, later=0.2)
    assert sorted(drawn.values()) == ["later"] * 2 + ["older"] * 3
    assert drawn == drawn_versions(7, 10, older=0.3, later=0.2)
    assert drawn != drawn_versions(8, 10, older=0.3, later=0.2)


@pytest.mark.world
def test_a_mesh_of_three_versions_keeps_every_promise() -> None:
    mixed = world()
    run_to_verdict(mixed, lambda world: None)
    assert mixed.versions.later_frames_count > 50
    assert mixed.message_log.delivered_count == mixed.message_log.confirmed_count > 10


@pytest.mark.world
def test_who_holds_an_unknown_frame_against_a_neighbour_breaks_a_promise() -> None:
    def strict(data: bytes) -> Frame | None:
        if data == LATER_FRAME:
            raise PeerError("a frame that is not known")
        return decode_frame(data)

    with patched(Patch(link_module, "decode_frame", strict)), pytest.raises(BrokenInvariant):
        run_to_verdict(world(), lambda world: None)
