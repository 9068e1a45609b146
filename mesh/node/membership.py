"""The mesh that a profile belongs to: decided at its first start, and no setting changes it.

Implements `docs/protocol/storage.md`, section "The mesh of a profile". The mesh stands in a private
file beside the keys. The settings are taken over once; later they may repeat what stands there, and
one that says something else is refused.
"""

import logging
from pathlib import Path

from mesh.config import Config
from mesh.errors import UserError
from mesh.node.config_file import mesh_parameters, mesh_psk
from mesh.node.folders import ProfileFolders
from mesh.node.key_files import MESH_FILE_BYTES_MAX, decode_mesh, encode_mesh
from mesh.node.private_files import find_private_bytes, replace_private_bytes
from mesh.wire.parameters import MeshParameters

_log = logging.getLogger("mesh.node")


def find_mesh(folders: ProfileFolders) -> MeshParameters | None:
    """Return the mesh of a profile; None before its first start, or if that was an older release's.

    Raises StorageError if the file is damaged.
    """
    content = find_private_bytes(folders.mesh_file, bytes_max=MESH_FILE_BYTES_MAX)
    return None if content is None else decode_mesh(content, str(folders.mesh_file))


def keep_mesh(folders: ProfileFolders, mesh: MeshParameters) -> None:
    """Decide which mesh a profile belongs to; durable on return."""
    replace_private_bytes(folders.mesh_file, encode_mesh(mesh))


def mesh_of_start(folders: ProfileFolders, config: Config) -> MeshParameters:
    """Return the mesh in which a node of this profile starts; nothing is written yet.

    Raises UserError `other-mesh` if the settings name another one than the profile belongs to.
    """
    mesh = find_mesh(folders)
    if mesh is None:
        return mesh_parameters(config)
    require_same_mesh(mesh, config, folders.name)
    return mesh


def require_same_mesh(mesh: MeshParameters, config: Config, profile: str) -> None:
    """Raise UserError `other-mesh` if a setting says something else than the profile."""
    for key, given, kept in (
        ("mesh_name", config.mesh_name, mesh.name),
        ("stamp_bits", config.stamp_bits, mesh.stamp_bits),
        ("key_quota", config.key_quota, mesh.key_quota),
    ):
        if given is not None and given != kept:
            raise _other_mesh(mesh, profile, f"{key} says {given} instead of {kept}")
    if config.mesh_secret_file and not _is_secret_of(mesh, config.mesh_secret_file):
        secret = f"the secret in {config.mesh_secret_file} is not that of this mesh"
        raise _other_mesh(mesh, profile, secret)


def words_of(mesh: MeshParameters) -> str:
    """Return a mesh as sentences name it."""
    return words_for(mesh.name, is_closed=mesh.is_closed)


def words_for(name: str, *, is_closed: bool) -> str:
    """Return the same for a mesh of which no more is known; the usual name needs no word."""
    kind = "closed mesh" if is_closed else "open mesh"
    return kind if name == MeshParameters().name else f"{kind} {name}"


def _is_secret_of(mesh: MeshParameters, secret_file: str) -> bool:
    if not mesh.is_closed:
        return False
    if not Path(secret_file).expanduser().exists():
        # It was taken over and is not needed: a stick that is out keeps no node from starting.
        _log.warning("%s is gone; the profile keeps the secret that it has", secret_file)
        return True
    return mesh_psk(secret_file, mesh) == mesh.psk


def _other_mesh(mesh: MeshParameters, profile: str, difference: str) -> UserError:
    return UserError(
        "other-mesh",
        f"The profile {profile} belongs to the {words_of(mesh)}, but {difference}. Leave that "
        "setting out (option, environment or config.toml), take another profile, or move this one "
        "with: mesh join --help.",
    )
