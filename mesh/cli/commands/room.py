"""`mesh room`: the room that conversations take on this computer, and deleting what is in one."""

import click

from mesh.cli.completing import complete_chat
from mesh.cli.daemon_client import client_of
from mesh.cli.layout import columns, plural, size
from mesh.cli.names import Names
from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal
from mesh.commands.conversations import (
    AskConversation,
    AskRoom,
    ConversationAnswer,
    DeleteItems,
    ItemsDeleted,
    RoomAnswer,
)

MEANS = (
    "Delete here all that was said with {}, for ever? Nobody is told, and they keep what they have."
)
MEANS_OF_NOTES = "Delete all your notes to yourself, for ever? They are nowhere else."
BACKUPS = (
    "An automatic copy of this profile is made anew within a day; a backup that you made yourself "
    "keeps what it holds."
)


@click.group(
    invoke_without_command=True,
    help="""\
Show how much room each conversation takes on this computer, the largest first.

mesh room delete CHAT deletes here what is in one, with your draft. The conversation, its settings
and the contact stay; what is on its way to them stays too, until it has arrived. Nobody is told:
the other side keeps what it has. The file does not become smaller, its room is used again.

\b
Examples:
  mesh room
  mesh room delete Ben
  mesh room delete me --yes
  mesh room --json | jq '.conversations[0].bytes'
""",
)
@shared_options
@click.pass_context
def room(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is not None:
        return
    choices: Choices = ctx.obj
    terminal = Terminal(choices)
    client = client_of(choices)
    answer = client.ask(AskRoom(), RoomAnswer)
    if terminal.is_json:
        terminal.json(answer)
        return
    names = Names.ask(client)
    rows = [
        (
            str(each.number),
            names.name(each.contact, each.title),
            size(each.bytes),
            plural(each.messages_count, "message"),
        )
        for each in answer.conversations
    ]
    terminal.result("\n".join(columns([("", "CHAT", "ROOM", ""), *rows])))


@room.command(
    help="""\
Delete here what is in a conversation, with your draft. Nobody can undo this.

CHAT is a contact, a number of mesh chats, or "me". The other side keeps what it has and is not
told. What is on its way stays until it has arrived: mesh withdraw takes it back.

\b
Examples:
  mesh room delete Ben
  mesh room delete me
  mesh room delete 3 --yes --json | jq .deleted_count
"""
)
@click.argument("chat", shell_complete=complete_chat)
@shared_options
@click.pass_obj
def delete(choices: Choices, chat: str) -> None:
    terminal = Terminal(choices)
    client = client_of(choices)
    which: str | int = chat
    if not choices.yes:
        found = client.ask(AskConversation(chat), ConversationAnswer)
        which = found.number
        name = Names.ask(client).name(found.contact, found.title)
        terminal.confirm(MEANS_OF_NOTES if found.kind == "self" else MEANS.format(name))
    answer = client.ask(DeleteItems(which), ItemsDeleted)
    if terminal.is_json:
        terminal.json(answer)
        return
    terminal.say(f"{plural(answer.deleted_count, 'message')} deleted here. {BACKUPS}")
    if answer.left_count:
        terminal.say(f"{plural(answer.left_count, 'message')} on the way stay until they arrive.")
