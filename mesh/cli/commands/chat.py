"""`mesh chat`: one conversation in a terminal."""

import os
import sys

import click

from mesh.cli.completing import complete_chat
from mesh.cli.daemon_client import client_of
from mesh.cli.options import Choices, shared_options
from mesh.errors import UserError

HELP = """\
Talk in one conversation: its history, what comes, and a line to type in.

CHAT is a contact's label, a number of mesh chats, or the beginning of a key; or "me".

What is said of a message changes in its place as more is known: queued here, carried, delivered.
What comes while you type leaves your line alone. A line that begins with / is a command: /help
lists them, and Tab completes. PageUp goes back in the history. /quit, Ctrl-D and Ctrl-C leave, and
what stands in the line is kept as a draft. Nothing of it stays in the scroll-back of the terminal.

It needs a terminal. Programs use mesh send, and mesh tail --json.

\b
Examples:
  mesh chat Ben
  mesh chat me
"""


@click.command(help=HELP)
@click.argument("chat", shell_complete=complete_chat)
@shared_options
@click.pass_obj
def chat(choices: Choices, chat: str) -> None:
    require_terminal(choices)
    # Loaded only here: no other command draws a screen.
    from mesh.cli.chat.room import Clients
    from mesh.cli.chat.screen import Screen

    # What it asks by itself says nothing of whether somebody still looks.
    clients = Clients(client_of(choices), client_of(choices, is_person=False))
    Screen(clients, chat).show()


def require_terminal(choices: Choices) -> None:
    """Refuse where nobody could see or type anything."""
    is_dumb = os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    if choices.json or is_dumb or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UserError(
            "no-terminal",
            "mesh chat needs a terminal, for both what it shows and what is typed. "
            "Programs use mesh send, and mesh tail --json.",
        )
