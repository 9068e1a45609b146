"""Reads and writes a profile's `config.toml`, and the secret of a closed mesh that it names."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from mesh.config import DEFAULT_TEXT, Config, parse_config, with_setting
from mesh.crypto.passphrase import derive_key
from mesh.errors import UserError
from mesh.limits.passphrase import PASSPHRASE_BYTES_MAX, PASSPHRASE_MEMORY_BYTES, PASSPHRASE_PASSES
from mesh.wire.parameters import MeshParameters

_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]{64}")


def load_config(path: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """Return the settings of a file, which may be missing, under the environment."""
    return parse_config(_text(path), environment, path=str(path))


def write_default_config(path: Path) -> None:
    """Write a file that explains all settings, unless there is one."""
    if not path.exists():
        _replace(path, DEFAULT_TEXT)


def set_in_config(path: Path, key: str, value: str) -> None:
    """Set one key in the file; raises UserError if the value is not one for it."""
    _replace(path, with_setting(_text(path) or DEFAULT_TEXT, key, value))


def mesh_parameters(config: Config) -> MeshParameters:
    """Return the mesh that the settings name. A passphrase as its secret costs a second."""
    parameters = MeshParameters(
        name=config.mesh_name, stamp_bits=config.stamp_bits, key_quota=config.key_quota
    )
    if not config.mesh_secret_file:
        return parameters
    psk = _psk(Path(config.mesh_secret_file).expanduser(), salt=parameters.mesh_id)
    return MeshParameters(
        name=config.mesh_name,
        stamp_bits=config.stamp_bits,
        key_quota=config.key_quota,
        psk=psk,
    )


def _psk(path: Path, *, salt: bytes) -> bytes:
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
    return derive_key(secret, salt, memory_bytes=PASSPHRASE_MEMORY_BYTES, passes=PASSPHRASE_PASSES)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise UserError("bad-config", f"Cannot read {path}: {error}.") from None


def _replace(path: Path, text: str) -> None:
    """Whoever edits at the same time never finds half a file."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise UserError("bad-config", f"Cannot write {path}: {error.strerror}.") from None
