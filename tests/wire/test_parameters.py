"""The known answers of `docs/protocol/link.md`."""

from pathlib import Path

from mesh.crypto.passphrase import derive_key
from mesh.ids import EnvelopeId
from mesh.wire.frames import (
    PEX_KIND_V4,
    PROTOCOL_VERSIONS,
    Close,
    Hello,
    Pex,
    PexAddress,
    PexRequest,
    Ping,
    StemRetired,
    encode_frame,
)
from mesh.wire.parameters import OPEN_PSK, MeshParameters
from mesh.wire.retirement import Retirement, join_retirements

PAGES = Path(__file__).parents[2] / "docs" / "protocol"
PAGE = (PAGES / "link.md").read_text(encoding="utf-8")


def test_the_page_has_the_mesh_ids_that_the_rules_make() -> None:
    default = MeshParameters(name="mesh", stamp_bits=6, key_quota=512)
    other = MeshParameters(name="test", stamp_bits=0, key_quota=1_000_000)
    assert f"| `mesh` | 6 | 512 | `{default.mesh_id.hex()}` |" in PAGE
    assert f"| `test` | 0 | 1,000,000 | `{other.mesh_id.hex()}` |" in PAGE
    assert MeshParameters() == default


def test_the_page_has_the_key_of_open_meshes() -> None:
    assert f"`{OPEN_PSK.hex()}`" in PAGE


def test_the_page_has_frames_as_they_are_encoded() -> None:
    versions = list(PROTOCOL_VERSIONS)
    hello = Hello(versions=versions, features=[], mesh_time=1_700_000_000, nonce=bytes(16))
    for frame in (Ping(), Close(3), hello):
        assert f"`{encode_frame(frame).hex()}`" in PAGE


def test_the_page_of_stems_has_a_frame_as_it_is_encoded() -> None:
    page = (PAGES / "stems.md").read_text(encoding="utf-8")
    entries = join_retirements([Retirement(EnvelopeId(b"\x07" * 32), b"\x01" * 16)])
    assert f"`{encode_frame(StemRetired(entries)).hex()}`" in page


def test_the_page_of_peering_has_frames_as_they_are_encoded() -> None:
    page = (PAGES / "peering.md").read_text(encoding="utf-8")
    told = PexAddress(PEX_KIND_V4, bytes((192, 168, 7, 20)), 41_730)
    for frame in (PexRequest(8), Pex([[told]])):
        assert f"`{encode_frame(frame).hex()}`" in page


def test_a_psk_does_not_change_the_mesh_id_and_each_rule_does() -> None:
    mesh = MeshParameters()
    assert MeshParameters(psk=bytes(32)).mesh_id == mesh.mesh_id
    assert MeshParameters(psk=bytes(32)).is_closed
    others = [
        MeshParameters(name="mesh2"),
        MeshParameters(stamp_bits=0),
        MeshParameters(key_quota=513),
    ]
    assert len({mesh.mesh_id, *(other.mesh_id for other in others)}) == 4


def test_a_passphrase_spelled_with_either_form_of_an_accent_is_one_psk() -> None:
    salt = MeshParameters().mesh_id
    keys = [
        derive_key(text, salt, memory_bytes=1 << 16, passes=3) for text in ("\u00e9", "e\u0301")
    ]
    assert keys[0] == keys[1]
