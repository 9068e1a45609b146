"""`mesh keep`: for how long messages of a conversation are posted again."""

from typing import get_args

import click

from mesh.cli.completing import complete_chat
from mesh.cli.daemon_client import client_of
from mesh.cli.names import Names
from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal
from mesh.commands.conversations import AskConversation, ChangeConversation, ConversationAnswer
from mesh.commands.fields import KeepFor

SENTENCES: dict[KeepFor, str] = {
    "1d": "what you write is on its way for a day",
    "7d": "what you write is on its way for 7 days",
    "30d": "what you write is posted again until it is delivered, for 30 days",
    "until-delivered": "what you write is posted again until it is delivered",
}

IN_A_GROUP = (
    "what you write lives as long as the settings of the group say (mesh group set NAME "
    "lifetime=2), and members give it to who misses it."
)


@click.command(
    help="""\
Set for how long what you write in a conversation is posted again.

A message lapses 7 days after it was posted: every node lets go of it. If there is no proof by then
that it was delivered, your node posts it again, as the same message, until it is delivered, you
withdraw it, or the time is over that counts from writing. mesh send --for says it of one message.
FOR is 1d, 7d, 30d or until-delivered. Without it, what holds now is shown.

\b
Examples:
  mesh keep Ben
  mesh keep Ben until-delivered
  mesh keep Ben 7d --json | jq -r .keep_for
"""
)
@click.argument("chat", shell_complete=complete_chat)
@click.argument("keep_for", metavar="[FOR]", required=False, type=click.Choice(get_args(KeepFor)))
@shared_options
@click.pass_obj
def keep(choices: Choices, chat: str, keep_for: KeepFor | None) -> None:
    terminal = Terminal(choices)
    client = client_of(choices)
    command = ChangeConversation(chat, keep_for=keep_for) if keep_for else AskConversation(chat)
    conversation = client.ask(command, ConversationAnswer)
    if terminal.is_json:
        terminal.json(conversation)
        return
    name = Names.ask(client).name(conversation.contact, conversation.title)
    by_kind = {"group": IN_A_GROUP, "self": "what you write stays here."}
    sentence = by_kind.get(conversation.kind, f"{SENTENCES[conversation.keep_for]}.")
    terminal.say(f"{name}: {sentence}")
