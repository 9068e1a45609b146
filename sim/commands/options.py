"""What several commands take: the bug that is planted, and a folder to write into."""

import difflib
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

import click

from mesh.errors import UserError
from sim.nodes.bugs import BUGS

PLANTS_A_BUG: Final = "Plant a bug; `list` names them."


def require_writable(folder: Path) -> None:
    """UserError if nothing can be written there: before minutes of work, not after them."""
    try:
        there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
        with TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise UserError("bad-file", f"Cannot write into {folder}: {error.strerror}.") from None


def known_bug(context: click.Context, parameter: click.Parameter, name: str | None) -> str | None:
    """The name of a bug; of one that there is not it is said which was perhaps meant."""
    if name is None or name in BUGS:
        return name
    near = difflib.get_close_matches(name, BUGS, n=1)
    meant = f" Did you mean {near[0]}?" if near else ""
    raise click.UsageError(f"There is no bug {name!r}.{meant} There are: {', '.join(BUGS)}.")
