"""The unix socket that is the main door: its rights are the access control.

The folder is ours alone (0700) and so is the socket (0600). A socket file that somebody answers
is never removed; one that a crash left behind is.
"""

import contextlib
import os
import socket
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from mesh.errors import UserError
from mesh.limits.api import API_SOCKET_PATH_BYTES_MAX
from mesh.node.folders import user_id

BACKLOG = 128


@dataclass(slots=True)
class UnixListener:
    """A listening socket and the file by which it is reached."""

    socket: socket.socket
    path: Path
    inode: int
    _is_handed_on: bool = False

    @classmethod
    def bind(cls, path: Path) -> "UnixListener":
        """Bind and listen, or raise a `UserError` that says why it cannot be."""
        if len(os.fsencode(path)) > API_SOCKET_PATH_BYTES_MAX:
            raise UserError(
                "path-too-long",
                f"The path of the socket has more than {API_SOCKET_PATH_BYTES_MAX} bytes: {path}. "
                "Choose a shorter MESH_HOME or profile name.",
            )
        require_private_folder(path.parent)
        if is_answered(path):
            raise UserError("already-running", f"Somebody already listens on {path}.")
        path.unlink(missing_ok=True)
        listener = unix_stream()
        try:
            listener.bind(os.fspath(path))
            # Nobody else can reach into the folder, so there is no moment at which this is late.
            path.chmod(0o600)
            listener.listen(BACKLOG)
            listener.setblocking(False)
        except BaseException:
            listener.close()
            raise
        return cls(listener, path, path.lstat().st_ino)

    @classmethod
    def inherited(cls, path: Path, descriptor: int) -> "UnixListener":
        """Return the listener that the program before this one has opened at a path."""
        listener = socket.socket(fileno=descriptor)
        listener.setblocking(False)
        return cls(listener, path, path.lstat().st_ino)

    def hand_on(self) -> int:
        """Return the socket for the next program; its file stays."""
        self._is_handed_on = True
        return os.dup(self.socket.fileno())

    def close(self) -> None:
        """Stop listening; remove the file, unless another daemon has put its own there."""
        self.socket.close()
        if self._is_handed_on:
            return
        with contextlib.suppress(FileNotFoundError):
            if self.path.lstat().st_ino == self.inode:
                self.path.unlink()


def unix_stream() -> socket.socket:
    """Return a unix socket; OSError on Windows, where Python has none."""
    if sys.platform == "win32":
        raise OSError("this system has no unix sockets")
    else:
        return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)


def require_private_folder(folder: Path) -> None:
    """Make the folder if it is missing; refuse one that is not ours or that others may enter."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != user_id():
        raise UserError("unsafe-folder", f"{folder} is not a folder of yours.")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise UserError(
            "unsafe-folder",
            f"Others may enter {folder}. Close it with: chmod 700 '{folder}'",
        )


def is_answered(path: Path) -> bool:
    """Say whether somebody listens behind a socket file."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise UserError("unsafe-folder", f"{path} is in the way and is no socket.")
    except FileNotFoundError:
        return False
    with unix_stream() as probe:
        probe.settimeout(1)
        try:
            probe.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            # It is there and busy: better to stop here than to take somebody's door away.
            return True
    return True
