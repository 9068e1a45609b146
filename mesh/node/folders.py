"""The places of a profile's files. Nothing here touches a file or loads a large library.

Config, data and state lie where each system wants them (some have one place for all three), or
all in `<MESH_HOME>/<profile>`. `docs/protocol/storage.md` lists the files; no two share a name.
"""

import hashlib
import os
import re
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from mesh.errors import UserError
from mesh.limits.api import API_SOCKET_PATH_BYTES_MAX

DEFAULT_PROFILE: Final = "default"

_APPLICATION: Final = "mesh"
_SOCKET_NAME: Final = "api.sock"
# Small letters only: some file systems take `Anna` and `anna` for the same folder.
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
# Windows opens a device under each of these names.
_DEVICES: Final = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")


@dataclass(frozen=True, slots=True)
class ProfileFolders:
    """The folders of one profile and the files in them.

    A running daemon writes the socket that it uses into its endpoint file: a client of another
    session may have another runtime folder.
    """

    name: str
    config: Path
    data: Path
    state: Path
    socket_file: Path

    @property
    def config_file(self) -> Path:
        """Return what a person may edit."""
        return self.config / "config.toml"

    @property
    def store_file(self) -> Path:
        """The database of envelopes that this node carries."""
        return self.data / "store.db"

    @property
    def store_key_file(self) -> Path:
        """The key of the store, as it is."""
        return self.data / "store.key"

    @property
    def vault_file(self) -> Path:
        """The database of what is ours."""
        return self.data / "vault.db"

    @property
    def vault_key_file(self) -> Path:
        """The key of the vault, sealed under the passphrase."""
        return self.data / "vault.key"

    @property
    def mesh_file(self) -> Path:
        """The mesh that the profile belongs to, with the secret of a closed one."""
        return self.data / "mesh.key"

    @property
    def backup_key_file(self) -> Path:
        """Return what copies are sealed to: keys under the passphrase of backups."""
        return self.data / "backup.key"

    @property
    def copy_file(self) -> Path:
        """The automatic copy of what is ours."""
        return self.data / "weekly.backup"

    @property
    def copy_files(self) -> tuple[Path, Path]:
        """Return the files of the copy: unfinished, and as it is."""
        return (self.data / f".{self.copy_file.name}.new", self.copy_file)

    @property
    def upgrade_copy_file(self) -> Path:
        """The backup from before the last upgrade."""
        return self.data / "before-upgrade.backup"

    @property
    def upgrade_copy_files(self) -> tuple[Path, Path]:
        """Return the files of that backup: unfinished, and as it is."""
        path = self.upgrade_copy_file
        return (path.with_name(f"{path.name}.part"), path)

    @property
    def copy_state_file(self) -> Path:
        """Return what was there when the automatic copy was made, sealed by a key of the vault."""
        return self.data / "weekly.state"

    @property
    def lock_file(self) -> Path:
        """Held by the one daemon of the profile; says its process id."""
        return self.state / "daemon.lock"

    @property
    def door_file(self) -> Path:
        """The port for browsers, and hashes of the tokens that are let in."""
        return self.state / "door.json"

    @property
    def token_file(self) -> Path:
        """The token of the command line for the door on loopback, while a daemon runs."""
        return self.state / "api.token"

    @property
    def endpoint_file(self) -> Path:
        """Return where clients find the door of the running daemon."""
        return self.state / "endpoint.json"


def profile_folders(
    name: str = DEFAULT_PROFILE, environment: Mapping[str, str] = os.environ
) -> ProfileFolders:
    """The folders of the profile with this name; UserError if the name is not allowed."""
    if not is_profile_name(name):
        raise UserError(
            "bad-profile",
            f"{name!r} is no name for a profile: take up to 32 small letters, digits, - and _, "
            "beginning with a letter or a digit.",
        )
    home = environment.get("MESH_HOME", "")
    if home:
        # Made absolute, because a daemon leaves the folder in which it was started.
        root = Path(home).expanduser().absolute() / name
        return ProfileFolders(name, root, root, root, _socket_file(name, root, session=None))
    found = platformdirs.PlatformDirs(_APPLICATION, appauthor=False)
    session = environment.get("XDG_RUNTIME_DIR", "")
    state = found.user_state_path / name
    return ProfileFolders(
        name,
        found.user_config_path / name,
        found.user_data_path / name,
        state,
        _socket_file(name, state, session=Path(session) if session else None),
    )


def profile_roots(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Return the folders in which profiles have their folders, each under its name."""
    folders = profile_folders(DEFAULT_PROFILE, environment)
    return list(dict.fromkeys(part.parent for part in (folders.config, folders.data)))


def is_profile_name(name: str) -> bool:
    """Say whether a profile may have this name."""
    return bool(_NAME.fullmatch(name)) and not _DEVICES.fullmatch(name)


def _socket_file(name: str, state: Path, *, session: Path | None) -> Path:
    """The place of the unix socket: short enough, in a folder that is closed to others.

    The session's own runtime folder if there is a good one, else the state folder; if that path
    is too long for a socket, a short one among temporary files, which must be ours alone (whoever
    makes it checks that). Under `MESH_HOME` the session's folder is not taken: two homes may have
    profiles of one name.
    """
    if session is not None and _is_private(session):
        path = session / _APPLICATION / name / _SOCKET_NAME
        if _fits(path):
            return path
    path = state / "run" / _SOCKET_NAME
    if _fits(path):
        return path
    short = hashlib.blake2b(os.fsencode(state), digest_size=6).hexdigest()
    # Seldom needed, and it loads what packs files.
    import tempfile

    return Path(tempfile.gettempdir()) / f"mesh-{user_id()}-{short}" / _SOCKET_NAME


def _is_private(folder: Path) -> bool:
    """Say whether a folder is there, ours, and closed to others."""
    if not folder.is_absolute():
        return False
    try:
        found = folder.lstat()
    except OSError:
        return False
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == user_id()
    return is_ours and not stat.S_IMODE(found.st_mode) & 0o077


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= API_SOCKET_PATH_BYTES_MAX


def user_id() -> int:
    """Return the number of who runs this process; 0 on Windows, which has none."""
    if sys.platform == "win32":
        return 0
    else:
        return os.geteuid()
