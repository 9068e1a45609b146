"""Reads and writes a profile's `config.toml`, and the secret of a closed mesh that it names."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mesh.commands.settings import SettingAnswer
from mesh.config import Config, Value, parse_config, with_settings, without_settings
from mesh.crypto.passphrase import derive_key
from mesh.errors import StorageError, UserError
from mesh.limits.passphrase import PASSPHRASE_BYTES_MAX, PASSPHRASE_MEMORY_BYTES, PASSPHRASE_PASSES
from mesh.node.private_files import replace_private_bytes
from mesh.settings import SETTINGS, changed_text, default_text, told
from mesh.wire.parameters import MeshParameters

_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]{64}")


def load_config(path: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """Return the settings of a file, which may be missing, under the environment."""
    return parse_config(_text(path), environment, path=str(path))


def write_default_config(path: Path) -> None:
    """Write a file that explains all settings, unless there is one."""
    if not path.exists():
        _replace(path, default_text())


def set_in_config(path: Path, key: str, value: str) -> None:
    """Set one key in the file; raises UserError if the value is not one for it."""
    _replace(path, with_settings(_text(path) or default_text(), {key: value}))


def change_settings(
    path: Path, values: Mapping[str, Value], environment: Mapping[str, str] = os.environ
) -> None:
    """Change what a person may change, all or none; raises UserError, and then nothing is written.

    What the node could not start with, together with the environment, is refused as well.
    """
    text = changed_text(_text(path) or default_text(), values)
    parse_config(text, environment, path=str(path))
    _replace(path, text)


def find_settings(
    path: Path,
    names: Iterable[str] = SETTINGS,
    *,
    running: Config | None = None,
    environment: Mapping[str, str] = os.environ,
) -> list[SettingAnswer]:
    """Return what is told of settings; `running`: what the node goes by, if one runs."""
    return told(_text(path), environment, running, names)


def clear_in_config(path: Path, keys: Sequence[str]) -> None:
    """Take keys out of the file, where they stand in it."""
    text = _text(path)
    if (cleared := without_settings(text, keys)) != text:
        _replace(path, cleared)


def mesh_parameters(config: Config) -> MeshParameters:
    """Return the mesh that the settings name. A passphrase as its secret costs a second."""
    usual = MeshParameters()
    mesh = MeshParameters(
        name=usual.name if config.mesh_name is None else config.mesh_name,
        stamp_bits=usual.stamp_bits if config.stamp_bits is None else config.stamp_bits,
        key_quota=usual.key_quota if config.key_quota is None else config.key_quota,
    )
    if not config.mesh_secret_file:
        return mesh
    return replace(mesh, psk=mesh_psk(config.mesh_secret_file, mesh))


def mesh_psk(secret_file: str, mesh: MeshParameters) -> bytes:
    """Return the key that a secret makes in a mesh of this name and these rules."""
    path = Path(secret_file).expanduser()
    try:
        secret = path.read_bytes()[: PASSPHRASE_BYTES_MAX + 1].decode().strip()
    except OSError as error:
        raise UserError(
            "bad-config", f"mesh_secret_file: cannot read {path}: {error.strerror}."
        ) from None
    except UnicodeDecodeError:
        raise UserError("bad-config", f"mesh_secret_file: {path} is not text.") from None
    if not secret or len(secret.encode()) > PASSPHRASE_BYTES_MAX:
        raise UserError(
            "bad-config",
            f"mesh_secret_file: {path} must hold 1 to {PASSPHRASE_BYTES_MAX} bytes of text.",
        )
    if _HEXADECIMAL.fullmatch(secret):
        return bytes.fromhex(secret)
    return derive_key(
        secret, mesh.mesh_id, memory_bytes=PASSPHRASE_MEMORY_BYTES, passes=PASSPHRASE_PASSES
    )


def _text(path: Path) -> str:
    """Return the text of the file; empty if there is none. Raises UserError."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise UserError("bad-config", f"Cannot read {path}: {error}.") from None


def _replace(path: Path, text: str) -> None:
    """Neither who edits at the same time nor a power cut leaves half a file, or an empty one."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_private_bytes(path, text.encode())
    except OSError as error:
        raise UserError("bad-config", f"Cannot write {path}: {error.strerror}.") from None
    except StorageError as error:
        raise UserError("bad-config", f"Cannot write {path}: {error}") from None
