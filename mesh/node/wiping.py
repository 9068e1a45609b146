"""Wiping a profile at once, whatever its daemon is doing.

Implements `docs/protocol/storage.md`, section "Order of writing", "Wiping". The keys are destroyed
before anything else, beside a daemon that runs or hangs: from then on nothing on the disk can be
read. The process, which still has the keys in its memory, is killed next and not asked; then
the files go.
"""

import contextlib
import os
import signal
import sys
import time
from typing import Final

from mesh.errors import StorageError, UserError
from mesh.node.folders import ProfileFolders
from mesh.node.login_start import LoginStart
from mesh.node.profile import Profile
from mesh.node.wiped_keys import erase_keys

_LOOK_S: Final = 0.02


def wipe_at_once(folders: ProfileFolders, *, timeout_s: float) -> None:
    """Destroy a profile; raises UserError `timeout` if its process cannot be ended.

    Even then the keys are gone. Else as `Profile.wipe`.
    """
    erase_keys(folders)
    # Before the process ends: a service manager that starts it anew finds nothing that asks for it.
    with contextlib.suppress(StorageError):
        LoginStart(folders.name).remove()
    profile = _held_by_force(folders, timeout_s=timeout_s)
    # Once more with what the daemon may have written meanwhile.
    profile.wipe()


def killing_signal() -> signal.Signals:
    """Return what no process can refuse; on Windows this one ends a process as firmly."""
    if sys.platform == "win32":
        return signal.SIGTERM
    else:
        return signal.SIGKILL


def _held_by_force(folders: ProfileFolders, *, timeout_s: float) -> Profile:
    ends = time.monotonic() + timeout_s
    while True:
        try:
            return Profile(folders)
        except UserError as error:
            if error.kind not in ("already-running", "stopping"):
                raise
        if time.monotonic() > ends:
            raise UserError(
                "timeout",
                f"The keys of the profile {folders.name} are destroyed, but its process does not "
                "end: restart the computer, then run `mesh wipe --now` again.",
            )
        _kill_holder(folders)
        time.sleep(_LOOK_S)


def _kill_holder(folders: ProfileFolders) -> None:
    """End the process that holds the lock: it wrote its number there, and empties it at the end."""
    try:
        pid = int(folders.lock_file.read_bytes())
        if pid != os.getpid():
            os.kill(pid, killing_signal())
    except (OSError, ValueError):
        # It has just ended, or does so now; whether it did shows at the lock.
        return
