"""A group of commands of which a module is imported only when its command is run."""

from collections.abc import Mapping
from importlib import import_module
from typing import ClassVar

import click

from sim.commands.exit_codes import INTERRUPTED

Commands = Mapping[str, tuple[str, str, str]]
"""Each command: its module, its name there, and one line of help."""


class LazyGroup(click.Group):
    """A group whose commands are imported one at a time."""

    table: ClassVar[Commands]

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.table:
            return None
        module, name, _ = self.table[cmd_name]
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; who interrupts it is told so, and by an exit code of its own."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("\nInterrupted.", err=True)
            ctx.exit(INTERRUPTED)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in self.table.items()])
