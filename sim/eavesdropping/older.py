"""Captures of the tree of another commit, by the same recorder and the same workload.

The commit is checked out into a worktree of its own, and the files that capture are copied into
it. Before the house was put in order its rooms had other names: `FORMER` says which.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from mesh.errors import UserError
from sim.eavesdropping.capturing import Capture

COPIED: Final = ("__init__.py", "capturing.py", "chats.py", "recorder.py", "grounds")

ROOT: Final = Path(__file__).resolve().parents[2]
MARK: Final = Path("sim/run/world.py")
"""Where this is, the rooms have the names of today."""

ADDRESSES: Final = Path("sim/network/addresses.py")
FORMER_ADDRESSES: Final[Mapping[str, str]] = {
    "sim.network.addresses": "sim.network.virtual_network"
}

MAIL: Final = Path("sim/users/mail_workload.py")
WRITING: Final = "mail.write_to("
FORMER_WRITING: Final = "mail._write_to("

FORMER: Final[Mapping[str, str]] = {
    "mesh.commands.answer": "mesh.commands",
    "mesh.commands.peers": "mesh.commands",
    "sim.hosts.virtual_node": "sim.nodes.virtual_node",
    "from sim.patching import Patch, patched": (
        "from sim.swapping import Swap as Patch\nfrom sim.swapping import swapped as patched"
    ),
    "sim.run.world": "sim.world",
    "sim.schema.": "sim.tables.",
    "from sim.users.friendships import Friendships": (
        "from sim.people.people import People as Friendships"
    ),
    "from sim.users.user import User": "from sim.people.person import Person as User",
    'Patch(Friendships, "draw", draw)': 'Patch(Friendships, "_friendships", draw)',
    "world.users": "world.people",
    "world.mail_workload": "world.correspondence",
    WRITING: FORMER_WRITING,
    "world.layout": "world.ground",
}
"""The names at commits from before the rooms of the simulator got their present names."""


def full_name(commit: str) -> str:
    """The whole hash of a commit; UserError if there is none."""
    return _git(ROOT, "rev-parse", "--verify", f"{commit}^{{commit}}")


@contextmanager
def tree_of(commit: str) -> Iterator[Path]:
    """A worktree of a commit that can capture; it is gone afterwards. UserError if there is none.

    Git's own words say what is wrong.
    """
    with TemporaryDirectory(prefix="mesh-commit-") as folder:
        tree = Path(folder) / "tree"
        _git(ROOT, "worktree", "add", "--detach", str(tree), commit)
        try:
            _furnish(tree)
            yield tree
        finally:
            _git(ROOT, "worktree", "remove", "--force", str(tree))


def capture_in(tree: Path, capture: Capture) -> str:
    """Run one capture in a tree that `tree_of` has made; return the name of its files.

    UserError with the last line that it said if it fails.
    """
    ran = subprocess.run(
        [sys.executable, "-m", "sim.eavesdropping.capturing"],
        cwd=tree,
        env={"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
        input=msgspec.json.encode(capture) + b"\n",
        capture_output=True,
        check=False,
    )
    if ran.returncode:
        last = ran.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise UserError("bad-commit", f"The world does not run there: {''.join(last)}")
    return ran.stdout.decode().strip()


def _furnish(tree: Path) -> None:
    """Copy what captures into a tree, in the words that are used there."""
    here, there = Path(__file__).parent, tree / "sim" / "eavesdropping"
    names = _names_in(tree)
    for source in _files(here):
        text = source.read_text(encoding="utf-8")
        for now, then in names.items():
            text = text.replace(now, then)
        target = there / source.relative_to(here)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _names_in(tree: Path) -> Mapping[str, str]:
    """Return how names of today are called in a tree."""
    names = {} if (tree / ADDRESSES).is_file() else FORMER_ADDRESSES
    if not (tree / MARK).is_file():
        return {**names, **FORMER}
    is_open = " def write_to(" in (tree / MAIL).read_text(encoding="utf-8")
    return names if is_open else {**names, WRITING: FORMER_WRITING}


def _files(folder: Path) -> Iterator[Path]:
    for name in COPIED:
        path = folder / name
        yield from sorted(path.iterdir()) if path.is_dir() else [path]


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *words]
    ran = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - git itself.
    if ran.returncode:
        said = ran.stderr.decode(errors="replace").strip()
        raise UserError("bad-commit", f"Git says: {said}")
    return ran.stdout.decode().strip()
