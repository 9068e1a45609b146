"""Profiles at which a process is working when it is killed, before each call that writes."""

import signal
import subprocess
import sys

from mesh.node.folders import ProfileFolders

# Runs a method of a profile and dies, as by a power cut, right before the call of the system with
# the given number. Each of these calls changes what is on the disk.
KILLED = """
import os, pathlib, signal, sys
from mesh.node.folders import profile_folders
from mesh.node.key_files import PassphraseCost
from mesh.node.profile import Profile
from mesh.node.wiping import wipe_at_once
import mesh.storage.sqlcipher

profile = Profile(
    profile_folders("anna", {"MESH_HOME": sys.argv[1]}),
    cost=PassphraseCost(memory_bytes=8192, passes=1),
)
left = int(sys.argv[3])

def deadly(name):
    inner = getattr(os, name)
    def call(*arguments, **options):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return inner(*arguments, **options)
    setattr(os, name, call)

for name in ("open", "write", "fsync", "replace", "unlink", "rmdir", "rename", "chmod"):
    deadly(name)

if sys.argv[2] == "create":
    profile.create("horse")
    profile.open_store().close()
    profile.open_vault("horse").close()
elif sys.argv[2] == "change":
    profile.change_passphrase("horse", "battery")
elif sys.argv[2] == "wipe":
    profile.wipe()
else:
    profile.release()
    wipe_at_once(profile.folders, timeout_s=10)
"""


def is_killed(folders: ProfileFolders, what: str, calls_before: int) -> bool:
    """Run `KILLED`; whether it died before it was done."""
    ran = subprocess.run(
        [sys.executable, "-c", KILLED, folders.data.parent, what, str(calls_before)], check=False
    )
    assert ran.returncode in (0, -signal.SIGKILL)
    return ran.returncode != 0
