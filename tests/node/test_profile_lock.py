"""A profile is held by one process, and by none that has died."""

import os
import subprocess
import sys
import threading

import pytest

from mesh.errors import UserError
from mesh.node.folders import ProfileFolders
from mesh.node.profile import Profile
from tests.node.profiles import created


def test_a_profile_is_held_by_one_process(folders: ProfileFolders) -> None:
    first = created(folders)
    with pytest.raises(UserError, match=rf"profile anna \(process {os.getpid()}\)") as caught:
        Profile(folders)
    assert caught.value.kind == "already-running"
    first.release()
    Profile(folders).release()


def test_who_is_just_leaving_is_waited_for(folders: ProfileFolders) -> None:
    profile = Profile(folders)
    # The first step of letting go: the number is gone, the lock is not yet.
    os.truncate(folders.lock_file, 0)
    leaving = threading.Timer(0.1, profile.release)
    leaving.start()
    Profile(folders).release()
    leaving.join()


HOLD = """
import sys
from mesh.node.folders import profile_folders
from mesh.node.profile import Profile
profile = Profile(profile_folders("anna", {"MESH_HOME": sys.argv[1]}))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_killed_daemon_does_not_lock_its_profile(folders: ProfileFolders) -> None:
    daemon = subprocess.Popen(
        [sys.executable, "-c", HOLD, folders.data.parent],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert daemon.stdin is not None
    assert daemon.stdout is not None
    assert daemon.stdout.readline() == "held\n"
    with pytest.raises(UserError, match=rf"\(process {daemon.pid}\)"):
        Profile(folders)
    daemon.kill()
    daemon.wait()
    daemon.stdin.close()
    daemon.stdout.close()
    Profile(folders).release()
