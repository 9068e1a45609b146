"""The entry of `mesh`: finds the command, runs it, and turns every failure into a sentence.

A command's module is imported only when it is run, so that each starts quickly and the list of
commands costs nothing.
"""

import io
import os
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
    "open": ("mesh.cli.commands.open_page", "open_page", "Show the page in a browser"),
    "down": ("mesh.cli.commands.down", "down", "Stop the node"),
    "join": ("mesh.cli.commands.join", "join", "Move a profile to another mesh"),
    "profiles": ("mesh.cli.commands.profiles", "profiles", "List the profiles of this computer"),
    "status": ("mesh.cli.commands.status", "status", "Show whether it runs, and how it does"),
    "id": ("mesh.cli.commands.people", "identity", "Show who you are"),
    "invite": ("mesh.cli.commands.invite", "invite", "Make an invite; list, inspect, revoke"),
    "add": ("mesh.cli.commands.add", "add", "Add a contact by their link"),
    "contacts": ("mesh.cli.commands.people", "contacts", "List your contacts"),
    "contact": ("mesh.cli.commands.contact", "contact", "Show, verify, block or change a contact"),
    "requests": ("mesh.cli.commands.people", "requests", "List who waits for a word of yours"),
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
    "mute": ("mesh.cli.commands.chat_settings", "mute", "Be told nothing of a conversation"),
    "archive": ("mesh.cli.commands.chat_settings", "archive", "Move a conversation to the end"),
    "unread": ("mesh.cli.commands.chat_settings", "unread", "Mark a conversation as unread"),
    "group": ("mesh.cli.commands.group", "group", "Make, join and change groups"),
    "room": ("mesh.cli.commands.room", "room", "Show what takes room; delete what was said"),
    "send": ("mesh.cli.commands.send", "send", "Send a message"),
    "chat": ("mesh.cli.commands.chat", "chat", "Talk in one conversation, in this terminal"),
    "edit": ("mesh.cli.commands.edit", "edit", "Give a message of yours other words"),
    "forward": ("mesh.cli.commands.forward", "forward", "Send a message on, with its files"),
    "delete": ("mesh.cli.commands.delete", "delete", "Delete a message, here and with others"),
    "hide": ("mesh.cli.commands.hide", "hide", "Hide a message of a group for all in it"),
    "react": ("mesh.cli.commands.react", "react", "React to a message with emoji"),
    "who": ("mesh.cli.commands.who", "who", "Name all who reacted, voted or answered"),
    "pin": ("mesh.cli.commands.react", "pin", "Keep a message at hand for both"),
    "timer": ("mesh.cli.commands.timer", "timer", "Let messages disappear after they were read"),
    "poll": ("mesh.cli.commands.poll", "poll", "Ask a question that is answered by voting"),
    "vote": ("mesh.cli.commands.poll", "vote", "Vote in a poll"),
    "close": ("mesh.cli.commands.poll", "close", "Close a poll of yours"),
    "check-in": ("mesh.cli.commands.check_in", "check_in", "Ask how everybody is"),
    "answer": ("mesh.cli.commands.check_in", "answer", "Answer a check-in"),
    "remind": ("mesh.cli.commands.check_in", "remind", "Remind of a check-in who is silent"),
    "task": ("mesh.cli.commands.task", "task", "Add and change tasks"),
    "notice": ("mesh.cli.commands.board", "notice", "Put a notice on top of a conversation"),
    "board": ("mesh.cli.commands.board", "board", "Show what is open, and what is pinned"),
    "scheduled": (
        "mesh.cli.commands.scheduled",
        "scheduled",
        "List, change or cancel what is sent later",
    ),
    "keep": ("mesh.cli.commands.keep", "keep", "Set how long messages are posted again"),
    "withdraw": ("mesh.cli.commands.withdraw", "withdraw", "Take back a message on its way"),
    "read": ("mesh.cli.commands.read", "read", "Show messages"),
    "search": ("mesh.cli.commands.search", "search", "Find what was said"),
    "export": ("mesh.cli.commands.export", "export", "Write a conversation to a file"),
    "files": ("mesh.cli.commands.files", "files", "List the files of a conversation"),
    "save": ("mesh.cli.commands.save", "save", "Save the files of a message"),
    "tail": ("mesh.cli.commands.tail", "tail", "Show messages as they come"),
    "peers": ("mesh.cli.commands.peers", "peers", "List the nodes around"),
    "peer": ("mesh.cli.commands.peers", "peer", "Add or remove an address to dial"),
    "settings": ("mesh.cli.commands.settings", "settings", "Show and change settings"),
    "carry": ("mesh.cli.commands.carry", "carry", "Carry mail by hand, as a file"),
    "lock": ("mesh.cli.commands.locking", "lock", "Close the vault; mail waits"),
    "unlock": ("mesh.cli.commands.locking", "unlock", "Open the vault of a locked node"),
    "passphrase": (
        "mesh.cli.commands.locking",
        "passphrase",
        "Change, set or remove the passphrase",
    ),
    "backup": ("mesh.cli.commands.backup", "backup", "Write this profile to a file"),
    "restore": ("mesh.cli.commands.backup", "restore", "Make a profile of a backup"),
    "takeover": ("mesh.cli.commands.backup", "takeover", "Go on here instead of elsewhere"),
    "token": ("mesh.cli.commands.token", "token", "Let programs use the API over TCP"),
    "service": ("mesh.cli.commands.at_login", "service", "Start the node when you log in"),
    "doctor": ("mesh.cli.commands.doctor", "doctor", "Find out what keeps nodes apart"),
    "bugreport": ("mesh.cli.commands.bug_report", "bug_report", "Write down what is wrong"),
    "share": ("mesh.cli.commands.share", "share", "Give Mesh to others on this network"),
    "upgrade": ("mesh.cli.commands.upgrade", "upgrade", "Take a later bundle, or go back"),
    "verify": ("mesh.cli.commands.verify", "verify", "Say whether a file of Mesh is genuine"),
    "vault": ("mesh.cli.commands.vault", "vault", "Check a damaged vault; save what it holds"),
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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; of one that there is not, say which was meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            # Imported where it is needed: each command starts without it.
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=2)
            if not near or args[0] in COMMANDS:
                raise
            meant = f"{error.format_message()} Did you mean {' or '.join(near)}?"
            raise click.UsageError(meant, ctx) from error

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
        told = with_who_runs(with_what_was_typed(error, arguments), choices)
        return told_failure(told, is_json=choices.json, is_traced=choices.verbose >= 2)


def with_what_was_typed(error: BaseException, arguments: Sequence[str]) -> BaseException:
    """Say that what was typed is no text, where something failed at that: a terminal that writes
    Latin-1, for instance. A path may hold any bytes.
    """
    is_text = all(
        one.isascii() or one == one.encode(errors="replace").decode() for one in arguments
    )
    if is_text or not isinstance(error, UnicodeEncodeError):
        return error
    return UserError("bad-text", "What was typed is not UTF-8 text.")


def with_who_runs(error: BaseException, choices: Choices) -> BaseException:
    """Say in which profiles a node runs, where none does in the one that was asked."""
    if not isinstance(error, UserError) or error.kind != "not-running":
        return error
    from mesh.cli.running import told_in_full

    return told_in_full(error, choices)


def open_closed_streams() -> None:
    """Give a program that was started with a closed stream one that leads nowhere."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - as long as the program


def main() -> None:
    """Run what the command line says."""
    open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a letter gets its number instead of ending the program.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
