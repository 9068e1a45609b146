"""`mesh chats`: the conversations, with what is new in each."""

import time

import click

from mesh.cli.commands.people import waiting_sentence
from mesh.cli.daemon_client import client_of
from mesh.cli.group_requests import asked_in, remark_on
from mesh.cli.items import shortened, summary
from mesh.cli.layout import columns, lasting, when
from mesh.cli.messages import state_of
from mesh.cli.names import Names
from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal
from mesh.commands.conversations import AskConversations, ConversationAnswer, ConversationsAnswer
from mesh.commands.groups import AskGroups, GroupAnswer, GroupsAnswer
from mesh.commands.items import ItemAnswer

COMPARED = {
    "asked by them": "asks to compare",
    "compare": "comparing",
    "failed": "comparison failed",
}
"""What a person is to know of a live comparison in a list."""

PREVIEW_LETTERS = 40
"""So much of the last message fits beside the other columns on a terminal of 100."""


@click.command(
    help="""\
List your conversations: pinned ones first, then those in which something came last.

The number and the title are what mesh send, mesh read and mesh tail take; "me" is what you write
to yourself, which never leaves this profile. Archived conversations stand at the end, until
somebody writes there and they are not muted; people who wait apart are in mesh requests. What is a
group says so, with how you are in it. Who calls for help by a check-in is counted.

\b
Examples:
  mesh chats
  mesh chats --unread
  mesh read me
  mesh chats --json | jq '.conversations[] | select(.unread_count > 0) | .title'
""",
)
@click.option("--unread", is_flag=True, help="Only conversations in which something is unread.")
@shared_options
@click.pass_obj
def chats(choices: Choices, *, unread: bool) -> None:
    terminal = Terminal(choices)
    client = client_of(choices)
    answer = client.ask(AskConversations(), ConversationsAnswer)
    found = [each for each in answer.conversations if not unread or is_unread(each)]
    if terminal.is_json:
        terminal.json(ConversationsAnswer(conversations=found))
        return
    names = Names.ask(client)
    waiting = names.requests()
    if waiting:
        terminal.say(waiting_sentence(len(waiting)))
    shown = [each for each in found if not each.is_request and not each.is_blocked]
    if not shown:
        terminal.say("Nothing is unread." if unread else "There are no conversations.")
        return
    groups: dict[int, GroupAnswer] = {}
    if any(each.kind == "group" for each in shown):
        found_groups = client.ask(AskGroups(), GroupsAnswer).groups
        groups = {each.conversation: each for each in found_groups}
    rows = [row(each, names, groups.get(each.number)) for each in shown]
    terminal.result("\n".join(columns([("", "CHAT", "UNREAD", "", "LAST", ""), *rows])))


def is_unread(conversation: ConversationAnswer) -> bool:
    """Say whether something is unread, or marked as such."""
    return conversation.unread_count > 0 or conversation.is_marked_unread


def row(
    conversation: ConversationAnswer, names: Names, group: GroupAnswer | None = None
) -> tuple[str, ...]:
    """Return a conversation, cell by cell."""
    last = conversation.last_item
    unread = str(conversation.unread_count or "") or ("•" if conversation.is_marked_unread else "")
    name = names.name(conversation.contact, conversation.title)
    said = "" if last is None else preview(last, name, draft=conversation.draft)
    if group is not None and group.state == "invited":
        said = asked_in(group, names)
    return (
        str(conversation.number),
        name,
        unread,
        ", ".join([*([remark_on(group)] if group else []), *remarks(conversation)]),
        "" if last is None else when(last.sent),
        said,
    )


def remarks(conversation: ConversationAnswer) -> list[str]:
    """Return who needs help in a conversation, and what this person chose for it."""
    told = []
    if conversation.help_count:
        told.append(needs_help(conversation.help_count))
    if conversation.comparison in COMPARED:
        told.append(COMPARED[conversation.comparison])
    if conversation.is_pinned:
        told.append("pinned")
    if conversation.muted_until > time.time():
        told.append("muted")
    if conversation.is_archived:
        told.append("archived")
    if conversation.timer:
        told.append(f"disappears after {lasting(conversation.timer)}")
    return told


def needs_help(count: int) -> str:
    """Return how many need help, in words."""
    return f"{count} {'needs' if count == 1 else 'need'} help"


def preview(last: ItemAnswer, name: str, *, draft: str) -> str:
    """Return the beginning of what was last said, or of what is being written."""
    text = f"draft: {draft}" if draft else summary(last, name)
    shown = shortened(text, PREVIEW_LETTERS)
    if draft or not last.author.is_mine or last.kind == "membership":
        # What was done to a group says itself who did it, and is under way to nobody.
        return shown
    if last.gone:
        return f"me: {shown}"
    return f"me: {shown}  [{state_of(last)}]"
