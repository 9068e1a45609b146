"""The origin of a run: the commit that runs, and the libraries that it runs with.

A sweep on many machines is one only if all of them run the same, and the same libraries draw the
same chance. So each machine names both, and one that runs something else is refused.
"""

import hashlib
import platform
import re
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

import msgspec

from sim.installed import installed_code, installed_packages

PACKAGE: Final = "mesh-messenger"
LOCK_BYTES: Final = 6
UNKNOWN_COMMIT: Final = "unknown"
_FOR_TABLES: Final = re.compile(r"""\bextra\s*==\s*["']study["']""")
"""The mark of the libraries that write what came of runs as tables."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Origin(msgspec.Struct, frozen=True):
    """The program of a machine. `lock` names Python and the versions of all libraries below us."""

    commit: str
    lock: str

    def __str__(self) -> str:
        """Say it in a sentence's middle."""
        return f"commit {self.commit} with libraries {self.lock}"


class OriginError(Exception):
    """A worker runs something else than the sweep."""

    def __init__(self, here: Origin, wanted: Origin) -> None:
        super().__init__(f"a worker runs {here}, and the sweep {wanted}")


@cache
def origin_here() -> Origin:
    """Return what this process runs: its code was read when it began."""
    return Origin(commit_of_tree(), lock_here())


def require_origin(wanted: Origin) -> None:
    """Raise OriginError where this process runs something else."""
    here = origin_here()
    if here != wanted:
        raise OriginError(here, wanted)


def lock_here() -> str:
    """Return a name of Python's version and of those of all libraries that a run can come to use.

    Packages that add something to the simulator are among them, with the code of the modules that
    they give it from: who writes one changes it more often than its version. Those for tables
    alone are not, also where another library can come to use them too.
    """
    found: dict[str, str] = {}
    left, passed_over = [PACKAGE, *installed_packages()], set[str]()
    while left:
        name = left.pop()
        try:
            found[name] = "" if name == PACKAGE else version(name)
            below = requires(name) or []
        except PackageNotFoundError:
            # An extra that is not installed, or a library for another system.
            continue
        for line in below:
            needed = _NAME.match(line)
            if needed is None:
                continue
            lower = needed[0].lower()
            if name == PACKAGE and _FOR_TABLES.search(line):
                passed_over.add(lower)
            elif lower not in found and lower not in passed_over:
                left.append(lower)
    libraries = [f"{name} {found[name]}" for name in sorted(found)]
    text = "\n".join([platform.python_version(), *libraries, *installed_code()])
    return hashlib.blake2b(text.encode(), digest_size=LOCK_BYTES, person=b"sim/lock").hexdigest()


def commit_of_tree() -> str:
    """The commit that runs, with a + and a name of the changes where files were changed since.

    Else the installed version.
    """
    folder = Path(__file__).resolve().parents[2]
    if (folder / ".git").exists():
        head = _git(folder, "rev-parse", "--short=12", "HEAD")
        if head:
            changes = _git(folder, "diff", "HEAD", "--", "mesh", "sim")
            return f"{head}+{_name_of(changes)}" if changes else head
    try:
        return version("mesh-messenger")
    except PackageNotFoundError:
        return UNKNOWN_COMMIT


def _name_of(changes: str) -> str:
    """Two runs on changed files are the same only if the changes are."""
    return hashlib.blake2b(changes.encode(), digest_size=4, person=b"sim/changes").hexdigest()


def _git(folder: Path, *arguments: str) -> str:
    try:
        # The words are ours; which git it is, is the user's own choice of a PATH.
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(folder), *arguments],  # noqa: S607 (from the user's PATH)
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
