"""`mesh mute`, `archive` and `unread`: settings of a conversation, which concern us alone."""

import time

import click

from mesh.cli.completing import complete_chat
from mesh.cli.daemon_client import client_of
from mesh.cli.durations import Lifetime
from mesh.cli.layout import DAY, when
from mesh.cli.options import Choices, shared_options
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.commands.conversations import ChangeConversation, ConversationAnswer

_EVER_SECONDS = 3_650 * DAY


@click.command(
    help="""\
Mute a conversation, for a time or until it is unmuted: you are told nothing of it.

\b
Examples:
  mesh mute Ben
  mesh mute Ben 8h
  mesh mute Ben --off
"""
)
@click.argument("chat", shell_complete=complete_chat)
@click.argument("span", type=Lifetime(), required=False)
@click.option("--off", is_flag=True, help="Let it be heard again.")
@shared_options
@click.pass_obj
def mute(choices: Choices, chat: str, span: int | None, *, off: bool) -> None:
    until = 0 if off else int(time.time()) + (_EVER_SECONDS if span is None else span)
    how = f"muted until {when(until)}" if span and until else "muted" if until else "heard"
    change_chat(choices, ChangeConversation(chat, muted_until=until), f"is {how}")


@click.command(
    help="""\
Move a conversation to the end of the list, or back.

\b
Examples:
  mesh archive Ben
  mesh archive Ben --off
"""
)
@click.argument("chat", shell_complete=complete_chat)
@click.option("--off", is_flag=True, help="Back into the list.")
@shared_options
@click.pass_obj
def archive(choices: Choices, chat: str, *, off: bool) -> None:
    how = "is back" if off else "is archived"
    change_chat(choices, ChangeConversation(chat, is_archived=not off), how)


@click.command(
    help="""\
Mark a conversation as unread, so that you come back to it; reading it takes the mark off.

\b
Examples:
  mesh unread Ben
  mesh unread Ben --off
"""
)
@click.argument("chat", shell_complete=complete_chat)
@click.option("--off", is_flag=True, help="Take the mark off.")
@shared_options
@click.pass_obj
def unread(choices: Choices, chat: str, *, off: bool) -> None:
    how = "is not marked any more" if off else "is marked as unread"
    change_chat(choices, ChangeConversation(chat, is_marked_unread=not off), how)


def change_chat(choices: Choices, asked: ChangeConversation, how: str) -> None:
    """Change a conversation, and tell how it is then."""
    terminal = Terminal(choices)
    answer = client_of(choices).ask(asked, ConversationAnswer)
    if terminal.is_json:
        terminal.json(answer)
    else:
        terminal.say(f"{clean_line(answer.title)} {how}.")
