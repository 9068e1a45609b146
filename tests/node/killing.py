"""Profiles at which a process is working when it is killed, before each call that writes."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from mesh.node.folders import ProfileFolders

# For each line of its input a child runs a method of a profile and dies, as by a power cut, right
# before the call of the system with the given number. Each of these calls changes what is on the
# disk. Children are forks, since a fresh interpreter for each would take longer than the work.
MORTAL: Final = """
import os, pathlib, signal, sys
from mesh.node.folders import profile_folders
from mesh.node.key_files import PassphraseCost
from mesh.node.profile import Profile
from mesh.node.wiping import wipe_at_once
import mesh.storage.connection

def work(home, what, left):
    folders = profile_folders("anna", {"MESH_HOME": home})
    # Holding a profile erases what a change that was killed has left; a wipe at once comes before.
    profile = None
    if what != "wipe at once":
        profile = Profile(folders, cost=PassphraseCost(memory_bytes=8192, passes=1))

    def deadly(name):
        inner = getattr(os, name)
        def call(*arguments, **options):
            nonlocal left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return inner(*arguments, **options)
        setattr(os, name, call)

    for name in ("open", "write", "fsync", "replace", "unlink", "rmdir", "rename", "chmod"):
        deadly(name)

    if what == "create":
        profile.create("horse")
        profile.open_store().close()
        profile.open_vault("horse").close()
    elif what == "change":
        profile.change_passphrase("horse", "battery")
    elif what == "wipe":
        profile.wipe()
    else:
        wipe_at_once(folders, timeout_s=10)

for line in sys.stdin:
    home, what, left = line.rstrip("\\n").split("\\t")
    child = os.fork()
    if child == 0:
        work(home, what, int(left))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class IsKilled(Protocol):
    """Does something to a profile in a process; whether that died before it was done."""

    def __call__(self, folders: ProfileFolders, what: str, calls_before: int) -> bool: ...


@contextmanager
def mortals() -> Iterator[IsKilled]:
    """Start what the children are forked from."""
    with subprocess.Popen(
        [sys.executable, "-c", MORTAL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        asked, told = process.stdin, process.stdout
        assert asked is not None
        assert told is not None

        def is_killed(folders: ProfileFolders, what: str, calls_before: int) -> bool:
            print(folders.data.parent, what, calls_before, sep="\t", file=asked, flush=True)
            code = int(told.readline())
            assert code in (0, -signal.SIGKILL)
            return code != 0

        yield is_killed
        asked.close()
    assert process.returncode == 0
