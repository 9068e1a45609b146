"""The end of a command that failed: one sentence, or one problem in JSON, and an exit code.

No traceback ever reaches a person, except with `-vv`, by which they ask for it.
"""

import sys
from enum import IntEnum

import click
import msgspec

from mesh.api.problems import problem
from mesh.cli.sanitise import clean_json, clean_line
from mesh.errors import MeshError, UserError


class Exit(IntEnum):
    """The exit codes; `mesh --help` lists them, and scripts rely on them."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_RUNNING = 3
    NOT_ALLOWED = 4
    NOT_FOUND = 5
    TIMED_OUT = 6
    PROBLEMS_FOUND = 7
    BUSY = 8
    INTERRUPTED = 130


EXIT_BY_KIND = {
    "usage": Exit.USAGE,
    "not-running": Exit.NOT_RUNNING,
    "stopping": Exit.NOT_RUNNING,
    "locked": Exit.NOT_ALLOWED,
    "wrong-passphrase": Exit.NOT_ALLOWED,
    "no-passphrase": Exit.NOT_ALLOWED,
    "forbidden": Exit.NOT_ALLOWED,
    "relay": Exit.NOT_ALLOWED,
    "former-machine": Exit.NOT_ALLOWED,
    "not-found": Exit.NOT_FOUND,
    "timeout": Exit.TIMED_OUT,
    "not-carried": Exit.TIMED_OUT,
    "not-delivered": Exit.TIMED_OUT,
    "not-whole": Exit.TIMED_OUT,
    "problems-found": Exit.PROBLEMS_FOUND,
    "damaged": Exit.PROBLEMS_FOUND,
    "busy": Exit.BUSY,
    "interrupted": Exit.INTERRUPTED,
}
"""A kind that is not listed is a plain failure."""


def exit_code_of(kind: str) -> Exit:
    """Return the exit code of a kind of error."""
    return EXIT_BY_KIND.get(kind, Exit.FAILED)


def told_failure(error: BaseException, *, is_json: bool, is_traced: bool = False) -> Exit:
    """Tell a person or a script what went wrong, and return the exit code."""
    if isinstance(error, click.exceptions.Exit):
        return Exit(error.exit_code)
    if isinstance(error, KeyboardInterrupt | click.Abort):
        # A person knows that they pressed the key; what comes next begins a line of its own.
        if sys.stderr.isatty():
            click.echo(err=True)
        return Exit.INTERRUPTED
    kind, sentence = kind_and_sentence(error)
    if is_traced:
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    if is_json:
        told = msgspec.json.encode(problem(kind, sentence)).decode()
        click.echo(clean_json(told), err=True)
    elif isinstance(error, click.UsageError):
        error.show()
    else:
        click.echo(f"mesh: {clean_line(sentence)}", err=True)
    return exit_code_of(kind)


def kind_and_sentence(error: BaseException) -> tuple[str, str]:
    """Return what a failure is called, and what is said about it."""
    match error:
        case UserError():
            return error.kind, str(error)
        case click.UsageError():
            return "usage", error.format_message()
        case click.ClickException():
            return "failed", error.format_message()
        case MeshError():
            return "failed", str(error)
        case OSError():
            place = f"{error.filename}: " if error.filename else ""
            return "failed", f"{place}{error.strerror or error}."
        case _:
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            return (
                "internal",
                f"Something went wrong inside ({reason}). Please report it; -vv shows more.",
            )
