"""The source of a passphrase: a file that MESH_PASSPHRASE_FILE names, or a person.

Never from an argument or from the environment itself: other programs can read those.
"""

import getpass
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import click

from mesh.cli.strength import find_warning
from mesh.cli.terminal import Terminal
from mesh.daemon.start_order import find_passphrase, passphrase_in
from mesh.errors import UserError
from mesh.limits.passphrase import PASSPHRASE_BYTES_MAX
from mesh.node.folders import ProfileFolders
from mesh.node.profiles import is_unprotected

VARIABLE = "MESH_PASSPHRASE_FILE"

NO_PERSON = (
    f"Nobody is there to be asked for the passphrase: name a file that holds it in {VARIABLE}."
)
EMPTY_WARNING = (
    "Without a passphrase whoever gets at this computer's disk can read your messages and write "
    "in your name."
)
TAKE_IT = "Take it all the same?"
TRIES = 3


def known_passphrase(terminal: Terminal, folders: ProfileFolders, *, is_headless: bool) -> str:
    """Return the passphrase of a profile; nobody is asked for one that there is not."""
    has_none = is_unprotected(folders)
    found = find_in_file(terminal)
    if found and has_none:
        raise UserError(
            "wrong-passphrase",
            f"The profile {folders.name} has no passphrase, and the file that {VARIABLE} names "
            "holds one: leave it out, or choose one with: mesh passphrase",
        )
    if found is not None or has_none:
        return found or ""
    require_person(terminal, is_headless=is_headless)
    return prompted("Passphrase (just Enter if you chose none): ")


def new_passphrase(terminal: Terminal, name: str, *, is_headless: bool) -> str:
    """Return the passphrase of a profile that is being made for somebody of this name."""
    found = find_in_file(terminal)
    if found is None:
        require_person(terminal, is_headless=is_headless)
        return chosen(terminal, [name])
    if not found:
        terminal.warn(EMPTY_WARNING)
    warn_if_weak(terminal, found, [name])
    return found


def chosen(terminal: Terminal, known: Sequence[str] = ()) -> str:
    """Let a person choose one, by typing it twice; what is weak is told, and theirs to take.

    `known` are words that a thief would try first.
    """
    terminal.say("Choose a passphrase. It opens your messages on this computer, and nobody can")
    terminal.say("recover it. Four or more random words are good.")
    for _ in range(TRIES):
        first = prompted("Passphrase (just Enter for none): ")
        if not first:
            # An empty one cannot be mistyped, but it can be an accident.
            terminal.warn(EMPTY_WARNING)
            if terminal.choices.yes or click.confirm("Go on without one?", err=True):
                return ""
            continue
        is_weak = warn_if_weak(terminal, first, known)
        if is_weak and not (terminal.choices.yes or click.confirm(TAKE_IT, err=True)):
            continue
        if prompted("The same again: ") == first:
            return first
        terminal.say("These two differ. Once more.")
    raise UserError("no-passphrase", "No passphrase was chosen; nothing was done.")


def warn_if_weak(
    terminal: Terminal,
    passphrase: str,
    known: Sequence[str] = (),
    *,
    protects: str = "this disk",
) -> bool:
    """Tell that a passphrase that was chosen is weak, and return whether it is."""
    warning = find_warning(passphrase, known, protects=protects)
    if warning is not None:
        terminal.warn(warning)
    return warning is not None


def prompted(prompt: str) -> str:
    """Ask for a passphrase without showing it."""
    try:
        return checked(getpass.getpass(prompt))
    except EOFError:
        raise UserError("no-passphrase", "No passphrase was given.") from None


def require_person(terminal: Terminal, *, is_headless: bool) -> None:
    """Refuse to wait for an answer that nobody can give."""
    if is_headless or not terminal.has_person():
        raise UserError("no-passphrase", NO_PERSON)


def find_in_file(terminal: Terminal) -> str | None:
    """Return what the file holds that the variable names, and warn if others may read it."""
    named = os.environ.get(VARIABLE)
    if not named:
        return None
    found = find_passphrase()
    warn_if_open(terminal, Path(named).expanduser())
    return found


def passphrase_of_file(terminal: Terminal, path: Path) -> str:
    """Return what a file holds that was named on the command line."""
    with path.expanduser().open("rb") as file:
        found = passphrase_in(file.read(PASSPHRASE_BYTES_MAX + 2))
    warn_if_open(terminal, path)
    return found


def warn_if_open(terminal: Terminal, path: Path) -> None:
    """Warn if others may read a file with a passphrase."""
    mode = path.stat().st_mode
    if stat.S_ISREG(mode) and stat.S_IMODE(mode) & 0o077:
        terminal.warn(f"Others may read {path}. Close it with: chmod 600 '{path}'")


def checked(passphrase: str) -> str:
    """Refuse what cannot have been meant as a passphrase."""
    if len(passphrase.encode()) > PASSPHRASE_BYTES_MAX or "\n" in passphrase:
        raise UserError(
            "bad-passphrase",
            f"A passphrase is one line of at most {PASSPHRASE_BYTES_MAX} bytes.",
        )
    return passphrase
