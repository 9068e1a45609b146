"""The source of a passphrase: a file that MESH_PASSPHRASE_FILE names, or a person.

Never from an argument or from the environment itself: other programs can read those.
"""

import getpass
import os
import stat
from pathlib import Path

import click

from mesh.cli.terminal import Terminal
from mesh.daemon.start_order import find_passphrase, passphrase_in
from mesh.errors import UserError
from mesh.limits.passphrase import PASSPHRASE_BYTES_MAX

VARIABLE = "MESH_PASSPHRASE_FILE"

NO_PERSON = (
    f"Nobody is there to be asked for the passphrase: name a file that holds it in {VARIABLE}."
)
EMPTY_WARNING = (
    "Without a passphrase whoever gets at this computer's disk can read your messages and write "
    "in your name."
)
TRIES = 3


def known_passphrase(terminal: Terminal, *, is_headless: bool) -> str:
    """Return the passphrase of a profile that has one."""
    found = find_in_file(terminal)
    if found is not None:
        return found
    require_person(terminal, is_headless=is_headless)
    return prompted("Passphrase (just Enter if you chose none): ")


def new_passphrase(terminal: Terminal, *, is_headless: bool) -> str:
    """Return the passphrase of a profile that is being made."""
    found = find_in_file(terminal)
    if found is None:
        require_person(terminal, is_headless=is_headless)
        found = chosen(terminal)
    if not found:
        terminal.warn(EMPTY_WARNING)
    return found


def chosen(terminal: Terminal) -> str:
    """Let a person choose one, by typing it twice."""
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
        if prompted("The same again: ") == first:
            return first
        terminal.say("These two differ. Once more.")
    raise UserError("no-passphrase", "No passphrase was chosen; nothing was done.")


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
