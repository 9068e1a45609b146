"""Disks that are full or read-only, in a mount namespace of a child process."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def run_on_disk(folder: Path, options: str, program: str, *, then: str = "true") -> str:
    """Run a Python program whose first argument is a small disk of its own; return what it says.

    The disk is mounted on `folder` with these options. The shell command `then` runs in between,
    with `$DISK` set, after a first run of the program with the second argument `first`.
    """
    require_mounts()
    script = (
        'mount -t tmpfs -o "$1" tmpfs "$2" && export DISK="$2"'
        f' && "$3" -c "$4" "$2" first && {then} && "$3" -c "$4" "$2" second'
    )
    ran = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", options, folder, sys.executable, program],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def require_mounts() -> None:
    """Skip where no disk can be mounted, or fail if this machine was asked to run everything."""
    missing: str | None = None
    if sys.platform != "linux":
        missing = "this is not Linux"
    elif os.geteuid() != 0 or shutil.which("unshare") is None:
        missing = "this is not root, or the program unshare is missing"
    elif subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        missing = "the kernel refuses to make a mount namespace"
    if missing is not None:
        if os.environ.get("MESH_REQUIRE"):
            pytest.fail(f"MESH_REQUIRE asks for namespaces, but {missing}")
        pytest.skip(f"no mount namespaces: {missing}")
