"""The file that says what mesh a profile belongs to, and the store that bears its mark."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto.hashing import blake2b, blake2b_128
from mesh.errors import StorageError
from mesh.node.folders import profile_folders
from mesh.node.key_files import decode_mesh, encode_mesh
from mesh.node.membership import find_mesh, keep_mesh
from mesh.node.store_mark import settle_store
from mesh.storage.connection import connect, transaction
from mesh.storage.migrations import migrate_store
from mesh.storage.store.store import Store
from mesh.wire.parameters import OPEN_PSK, MeshParameters
from tests.storage.envelopes import make_envelope

MESHES = st.builds(
    MeshParameters,
    name=st.text(min_size=1, max_size=63),
    stamp_bits=st.integers(0, 12),
    key_quota=st.integers(1, 1_000_000),
    psk=st.binary(min_size=32, max_size=32),
)


def test_the_file_of_the_default_mesh_is_as_the_page_says() -> None:
    content = encode_mesh(MeshParameters())
    assert len(content) == 59
    head = bytes([2, 6]) + (512).to_bytes(4, "big")
    assert content[:-16] == head + OPEN_PSK + b"\x04mesh"


@given(mesh=MESHES)
def test_a_mesh_is_read_as_it_was_written(mesh: MeshParameters) -> None:
    assert decode_mesh(encode_mesh(mesh), "mesh.key") == mesh


@pytest.mark.parametrize("former, least", [(0, 0), (3, 3), (9, 6), (12, 12), (20, 12)])
def test_a_mesh_whose_stamps_all_had_the_same_bits_asks_for_no_fewer_than_its_mail_has(
    former: int, least: int
) -> None:
    mesh = MeshParameters("club", stamp_bits=former, psk=bytes(range(32)))
    body = bytes([1]) + encode_mesh(mesh)[1:-16]
    read = decode_mesh(body + blake2b_128(body), "mesh.key")
    assert read == MeshParameters("club", stamp_bits=least, psk=mesh.psk)


def test_mail_of_an_earlier_release_stays_and_that_of_another_mesh_goes(tmp_path: Path) -> None:
    folders = profile_folders("anna", {"MESH_HOME": str(tmp_path)})
    folders.data.mkdir(mode=0o700)
    mesh = MeshParameters()
    keep_mesh(folders, mesh)
    for former, count in ((MeshParameters(stamp_bits=9), 1), (MeshParameters("next"), 0)):
        connection = connect(None, None)
        migrate_store(connection)
        store = Store(connection)
        mark = blake2b(b"", former.mesh_id + former.psk, b"mesh/store", 16)
        with transaction(connection):
            store.add([make_envelope(1)])
            store.link_state.put_setting("mesh", mark)
        settle_store(folders, connection, mesh)
        assert store.envelopes_count == count
        assert store.link_state.find_setting("mesh") != mark
        connection.close()


@given(mesh=MESHES, place=st.integers(0), bit=st.integers(0, 7))
def test_no_flipped_bit_makes_another_mesh(mesh: MeshParameters, place: int, bit: int) -> None:
    content = bytearray(encode_mesh(mesh))
    content[place % len(content)] ^= 1 << bit
    with pytest.raises(StorageError, match="mesh join"):
        decode_mesh(bytes(content), "mesh.key")


@given(content=st.binary(max_size=400))
def test_what_was_never_written_is_damaged(content: bytes) -> None:
    with pytest.raises(StorageError):
        decode_mesh(content, "mesh.key")


def test_the_secret_is_for_its_owner_alone(tmp_path: Path) -> None:
    folders = profile_folders("anna", {"MESH_HOME": str(tmp_path)})
    folders.data.mkdir(mode=0o700)
    assert find_mesh(folders) is None
    mesh = MeshParameters("club", psk=bytes(range(32)))
    keep_mesh(folders, mesh)
    assert find_mesh(folders) == mesh
    assert folders.mesh_file.stat().st_mode & 0o077 == 0
    assert mesh.psk.hex() not in repr(mesh)
