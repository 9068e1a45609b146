"""The mark of the mesh whose mail a store holds.

Implements `docs/protocol/storage.md`, section "The mesh of a profile". By it a mesh's file that is
lost is noticed, and no mail of one mesh enters another. It stands apart from `membership`, which a
command that only asks reads at every start, without a database.
"""

import logging
from dataclasses import replace
from typing import Final

from mesh.crypto.hashing import blake2b
from mesh.database import Connection
from mesh.errors import StorageError
from mesh.node.folders import ProfileFolders
from mesh.node.membership import keep_mesh, words_of
from mesh.storage.connection import transaction
from mesh.storage.store.emptying import empty
from mesh.storage.store.link_state import LinkStateRows
from mesh.wire.parameters import FORMER_STAMP_BITS, STAMP_BITS_DEFAULT, MeshParameters

_log = logging.getLogger("mesh.node")

_MARK: Final = "mesh"
_MARK_BYTES: Final = 16


def settle_store(folders: ProfileFolders, store: Connection, mesh: MeshParameters) -> None:
    """Let profile and store be of this mesh before a node runs over them.

    Raises StorageError if the profile had a mesh and its file is gone.
    """
    rows = LinkStateRows(store)
    mark, found = _mark_of(mesh), rows.find_setting(_MARK)
    if not folders.mesh_file.exists():
        if found is not None:
            raise StorageError(
                f"The file {folders.mesh_file} is gone, which says what mesh this profile belongs "
                "to: put it back from a backup, or say it again: mesh join --help."
            )
        keep_mesh(folders, mesh)
        _log.info("the profile belongs to the %s from now on", words_of(mesh))
    if found == mark:
        return
    with transaction(store):
        if found is not None and found != _mark_of(_former(mesh)):
            empty(store)
            _log.info("what was carried for another mesh was dropped")
        rows.put_setting(_MARK, mark)


def _former(mesh: MeshParameters) -> MeshParameters:
    """Return the rules under which an earlier release carried the mail of this mesh."""
    is_usual = mesh.stamp_bits == STAMP_BITS_DEFAULT
    return replace(mesh, stamp_bits=FORMER_STAMP_BITS) if is_usual else mesh


def _mark_of(mesh: MeshParameters) -> bytes:
    """Return what the store keeps of the mesh whose mail it holds."""
    return blake2b(b"", mesh.mesh_id + mesh.psk, b"mesh/store", _MARK_BYTES)
