"""The options of several commands: a bug, a folder to write into, no option that says nothing."""

import difflib
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

import click
from click.core import ParameterSource

from mesh.errors import UserError
from sim.bugs.bugs import BUGS

INJECTS_A_BUG: Final = "Plant a bug; `list` names them."


def refuse_unheard(names: Iterable[str], why: str) -> None:
    """Tell whoever says one of these parameters that it would be passed over in silence.

    `why` ends the sentence that begins with how the parameter is said.
    """
    context = click.get_current_context()
    passed_over = dict.fromkeys(names)
    for parameter in context.command.params:
        name = parameter.name or ""
        is_said = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if is_said and name in passed_over:
            is_option = isinstance(parameter, click.Option)
            said = max(parameter.opts, key=len) if is_option else f"A {name}"
            raise click.UsageError(f"{said} says nothing {why}")


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
