"""`mesh timer`: after what time the messages of a conversation disappear."""

import click

from mesh.cli.completing import complete_chat
from mesh.cli.daemon_client import client_of
from mesh.cli.durations import timer_of
from mesh.cli.layout import lasting
from mesh.cli.names import Names
from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal
from mesh.commands.conversations import AskConversation, ConversationAnswer, SetTimer


@click.command(
    help="""\
Let the messages of a conversation disappear some time after they were read.

AFTER is a length of time such as 30m, 12h, 7d or 2w, or off. It holds for both of you, and for what
is written from now on. Of what you write the time runs from when it leaves, of what they write from
when you have read it. What has disappeared here is not posted again: who was away for longer than a
week may never get it. It binds honest software only. Without AFTER, what holds now is shown.

\b
Examples:
  mesh timer Ben
  mesh timer Ben 1d
  mesh timer Ben off
"""
)
@click.argument("chat", shell_complete=complete_chat)
@click.argument("after", metavar="[AFTER]", default="")
@shared_options
@click.pass_obj
def timer(choices: Choices, chat: str, after: str) -> None:
    terminal = Terminal(choices)
    client = client_of(choices)
    command = SetTimer(chat, timer_of(after)) if after else AskConversation(chat)
    conversation = client.ask(command, ConversationAnswer)
    if terminal.is_json:
        terminal.json(conversation)
        return
    name = Names.ask(client).name(conversation.contact, conversation.title)
    terminal.say(f"{name}: {sentence_of(conversation)}.")


def sentence_of(conversation: ConversationAnswer) -> str:
    """Say what becomes of what is written in a conversation from now on."""
    if not conversation.timer:
        return "messages stay"
    return f"messages disappear {lasting(conversation.timer)} after they were read"
