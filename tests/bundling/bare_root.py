"""A root file system with a C library, zlib and a shell, and nothing else: no Python, no network
but the namespace that it is entered in.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Final

PACKAGES: Final = ("base-files", "libc6", "zlib1g", "dash")
"""All of them are on every system of Debian's kin."""

PASSPHRASE: Final = "a passphrase of the tests"
ENTER: Final = """
mount --rbind /dev "$1/dev" && mount -t proc proc "$1/proc" && cd / || exit 99
root=$1; shift
exec chroot "$root" /usr/bin/sh -c "$@"
"""
WITHIN_S: Final = 240


class BareRoot:
    """One such root, as one laptop."""

    def __init__(self, folder: Path, namespace: str) -> None:
        self.folder = folder
        self.namespace = namespace
        for package in PACKAGES:
            self._copy(package)
        for name in ("dev", "proc", "tmp", "run", "home", "opt"):
            (folder / name).mkdir(exist_ok=True)
        passphrase = folder / "home" / "passphrase"
        passphrase.touch(mode=0o600)
        passphrase.write_text(PASSPHRASE)

    def _copy(self, package: str) -> None:
        """Copy the files of an installed package."""
        told = subprocess.run(
            ["dpkg-query", "--listfiles", package], check=True, capture_output=True, text=True
        )
        for line in told.stdout.splitlines():
            source, target = Path(line), self.folder / line[1:]
            # Where the system was merged a package may say /lib, and the link leads on.
            if source.is_symlink() or source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                if not target.exists() and not target.is_symlink():
                    shutil.copy2(source, target, follow_symlinks=False)
            elif source.is_dir():
                target.mkdir(parents=True, exist_ok=True)

    def install(self, deb: Path) -> None:
        """Install a package beside those that are copied."""
        records = self.folder / "var/lib/dpkg"
        (records / "updates").mkdir(parents=True)
        (records / "info").mkdir()
        told = subprocess.run(
            ["dpkg-query", "--status", *PACKAGES], check=True, capture_output=True, text=True
        )
        (records / "status").write_text(told.stdout)
        subprocess.run(
            ["dpkg", f"--root={self.folder}", "--install", str(deb)],
            check=True,
            capture_output=True,
        )

    def try_run(self, line: str) -> "subprocess.CompletedProcess[str]":
        """Run a line of shell in the root."""
        enter = ["ip", "netns", "exec", self.namespace, "unshare", "--mount"]
        return subprocess.run(
            [*enter, "/bin/sh", "-c", ENTER, "sh", str(self.folder), line],
            env={
                "HOME": "/home",
                "PATH": "/usr/sbin:/usr/bin:/bin",
                "LANG": "C.UTF-8",
                "MESH_PASSPHRASE_FILE": "/home/passphrase",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )

    def run(self, line: str) -> str:
        """Run a line of shell in the root, which must succeed; return what it prints."""
        done = self.try_run(line)
        assert done.returncode == 0, f"{line}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def end(self) -> None:
        """End whatever still runs in the root."""
        for process in Path("/proc").glob("[0-9]*"):
            # Somebody else's process may end meanwhile.
            with contextlib.suppress(OSError):
                if (process / "root").readlink() == self.folder:
                    os.kill(int(process.name), signal.SIGKILL)
