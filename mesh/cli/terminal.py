"""The terminal: results go to standard output, everything else to standard error."""

import sys
from typing import TextIO

import click
import msgspec

from mesh.cli.options import Choices
from mesh.cli.sanitise import clean_json
from mesh.errors import UserError


class Terminal:
    """The two outputs of one command, as the shared options want them."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self.is_json = choices.json

    def result(self, text: str) -> None:
        """Write what was asked for."""
        click.echo(text, color=self.choices.has_color)
        # A stream that is read by another program must not wait in a buffer.
        sys.stdout.flush()

    def json(self, value: object) -> None:
        """Write what was asked for as one line of JSON."""
        self.result(clean_json(msgspec.json.encode(value).decode()))

    def say(self, text: str) -> None:
        """Tell how it goes, unless told to be quiet."""
        if not self.choices.quiet and not self.is_json:
            click.echo(text, err=True, color=self.choices.has_color)

    def warn(self, text: str) -> None:
        """Tell what a person should know, also when told to be quiet."""
        marked = click.style("Warning:", fg="yellow")
        click.echo(f"{marked} {text}", err=True, color=self.choices.has_color)

    @property
    def told(self) -> TextIO:
        """Return where it is told how it goes."""
        return sys.stderr

    def is_watched(self) -> bool:
        """Say whether somebody looks at how it goes."""
        return sys.stderr.isatty() and not self.choices.quiet and not self.is_json

    def is_shown(self) -> bool:
        """Say whether standard output is looked at, and not read by a program."""
        return sys.stdout.isatty()

    def has_person(self) -> bool:
        """Say whether somebody can be asked."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def confirm(self, question: str) -> None:
        """Ask before something that cannot be undone; without a yes it does not happen."""
        if self.choices.yes:
            return
        if not self.has_person():
            raise UserError("no-answer", "Nobody is there to be asked; say --yes to do it.")
        if not click.confirm(question, err=True):
            raise UserError("declined", "Nothing was done.")
