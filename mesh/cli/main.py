"""The entry of `mesh`: finds the command, runs it, and turns every failure into a sentence.

A command's module is imported only when it is run, so that each starts quickly and the list of
commands costs nothing.
"""

import io
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from mesh.cli.failures import Exit, told_failure
from mesh.cli.options import Choices, shared_options
from mesh.errors import UserError

HELP = """\
Mesh: a messenger without servers.

Start with `mesh up`, then `mesh invite` on one laptop and `mesh add LINK` on the other.

\b
Examples:
  mesh up
  mesh invite
  mesh add mesh:…
  mesh send Ben "Hello"
  mesh tail

\b
Exit codes:
  0 done          3 Mesh is not running           6 timed out, not delivered in time
  1 failed        4 locked or not allowed         7 doctor found problems
  2 wrong usage   5 not found                     8 busy: try again in a moment
  130 interrupted
"""

COMMANDS: dict[str, tuple[str, str, str]] = {
    "up": ("mesh.cli.commands.up", "up", "Start the node"),
    "down": ("mesh.cli.commands.down", "down", "Stop the node"),
    "join": ("mesh.cli.commands.join", "join", "Move a profile to another mesh"),
    "profiles": ("mesh.cli.commands.profiles", "profiles", "List the profiles of this computer"),
    "status": ("mesh.cli.commands.status", "status", "Show whether it runs, and how it does"),
    "id": ("mesh.cli.commands.people", "identity", "Show who you are"),
    "invite": ("mesh.cli.commands.invite", "invite", "Make an invite; list, inspect, revoke"),
    "add": ("mesh.cli.commands.add", "add", "Add a contact by their link"),
    "contacts": ("mesh.cli.commands.people", "contacts", "List your contacts"),
    "contact": ("mesh.cli.commands.contact", "contact", "Show, verify, block or change a contact"),
    "requests": ("mesh.cli.commands.people", "requests", "List who waits to be let in"),
    "compare": (
        "mesh.cli.commands.compare",
        "compare",
        "Make sure that a contact is who they seem",
    ),
    "introduce": ("mesh.cli.commands.introductions", "introduce", "Introduce two contacts"),
    "introductions": (
        "mesh.cli.commands.introductions",
        "introductions",
        "List, accept or decline them",
    ),
    "nearby": ("mesh.cli.commands.nearby", "nearby", "Find people around"),
    "chats": ("mesh.cli.commands.chats", "chats", "List your conversations"),
    "send": ("mesh.cli.commands.send", "send", "Send a message"),
    "withdraw": ("mesh.cli.commands.withdraw", "withdraw", "Take back a message on its way"),
    "read": ("mesh.cli.commands.read", "read", "Show messages"),
    "tail": ("mesh.cli.commands.tail", "tail", "Show messages as they come"),
    "peers": ("mesh.cli.commands.peers", "peers", "List the nodes around"),
    "peer": ("mesh.cli.commands.peers", "peer", "Add or remove an address to dial"),
    "carry": ("mesh.cli.commands.carry", "carry", "Carry mail by hand, as a file"),
    "lock": ("mesh.cli.commands.locking", "lock", "Close the vault; mail waits"),
    "unlock": ("mesh.cli.commands.locking", "unlock", "Open the vault of a locked node"),
    "passphrase": (
        "mesh.cli.commands.locking",
        "passphrase",
        "Change, set or remove the passphrase",
    ),
    "doctor": ("mesh.cli.commands.doctor", "doctor", "Find out what keeps nodes apart"),
    "wipe": ("mesh.cli.commands.wipe", "wipe", "Remove a profile for ever"),
    "completion": (
        "mesh.cli.commands.completion",
        "completion",
        "Let your shell complete commands",
    ),
    "version": ("mesh.cli.commands.status", "version", "Show the version"),
}
"""Each command: its module, its name there, and one line of help."""


class LazyGroup(click.Group):
    """A group whose commands are imported one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name, _ = COMMANDS[cmd_name]
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


def show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Do what `mesh version` does, once all options are read."""
    if value and not ctx.resilient_parsing:
        ctx.ensure_object(Choices)
        version = mesh.get_command(ctx, "version")
        assert version is not None
        ctx.invoke(version)
        ctx.exit()


@click.group(cls=LazyGroup, help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    callback=show_version,
    help="Show the version, as `mesh version` does.",
)
@shared_options
@click.pass_context
def mesh(ctx: click.Context) -> None:
    ctx.ensure_object(Choices)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. Nothing escapes from here."""
    choices = Choices(json="--json" in arguments)
    try:
        code = mesh.main([*arguments], prog_name="mesh", standalone_mode=False, obj=choices)
        return code if isinstance(code, int) else Exit.DONE
    except SystemExit as end:
        # Whoever read our output has seen enough; Click has found that nobody is left to tell.
        return end.code if isinstance(end.code, int) else Exit.FAILED
    except BaseException as error:
        # The last guard: a person gets a sentence, whatever happened.
        told = with_who_runs(error, choices)
        return told_failure(told, is_json=choices.json, is_traced=choices.verbose >= 2)


def with_who_runs(error: BaseException, choices: Choices) -> BaseException:
    """Say in which profiles a node runs, where none does in the one that was asked."""
    if not isinstance(error, UserError) or error.kind != "not-running":
        return error
    from mesh.cli.running import told_in_full

    return told_in_full(error, choices)


def main() -> None:
    """Run what the command line says."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a letter gets its number instead of ending the program.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
