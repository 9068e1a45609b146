"""`mesh read`: the messages of one conversation, or of all."""

import click

from mesh.cli.commands.people import waiting_sentence
from mesh.cli.completing import complete_chat
from mesh.cli.daemon_client import client_of
from mesh.cli.items import lines_of, styled
from mesh.cli.messages import drawn
from mesh.cli.names import Names
from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal
from mesh.client import Client
from mesh.commands.conversations import AskConversation, ConversationAnswer, ReadItems
from mesh.commands.item_commands import AskItems
from mesh.commands.items import ItemsAnswer
from mesh.commands.messages import AskMessages, MessagesAnswer
from mesh.limits.api import NUMBER_MAX
from mesh.limits.messages import MESSAGES_PER_PAGE_MAX

HELP = """\
Show messages, the newest last, and mark them as read.

CHAT is a contact's label, a number of mesh chats, or the beginning of a key; or "me". Without it
the conversations with all contacts are shown in the order in which messages arrived, except those
of people who wait apart: they are shown with --requests, and never among the others.

--before and --after go through a long history page by page, either way; they take the number that
is told when there are more. Of one conversation they go by its order, else by arrival.

Behind the # stands the number of a message, by which mesh edit, mesh delete, mesh react and others
name it. What is said of a message of yours is what there is proof of: "queued here", "carried by 2
neighbours", "delivered to their device", "read".

\b
Examples:
  mesh read Ben
  mesh read me
  mesh read --unread
  mesh read Ben --limit 500 | less
  mesh read --requests --keep-unread
  mesh read Ben --before 1041
  mesh read Ben --after 0 --limit 200
  mesh read --after 1041 --json
"""


@click.command(help=HELP)
@click.argument("chat", default="", shell_complete=complete_chat)
@click.option("--unread", is_flag=True, help="Only messages that were not read yet.")
@click.option("--requests", is_flag=True, help="Of people who wait apart: mesh requests.")
@click.option(
    "--items",
    is_flag=True,
    help="With --json: items instead of messages, with quotes, reactions, polls and all else.",
)
@click.option("--keep-unread", is_flag=True, help="Do not mark them as read.")
@click.option(
    "--limit",
    type=click.IntRange(1, MESSAGES_PER_PAGE_MAX),
    default=50,
    show_default=True,
    help="How many at most.",
)
@click.option(
    "--before",
    type=click.IntRange(0, NUMBER_MAX),
    metavar="NUMBER",
    help="The newest that stand before this message.",
)
@click.option(
    "--after",
    type=click.IntRange(0, NUMBER_MAX),
    metavar="NUMBER",
    help="The oldest that stand after this message; 0: from the very beginning.",
)
@shared_options
@click.pass_obj
def read(
    choices: Choices,
    chat: str,
    limit: int,
    before: int | None,
    after: int | None,
    *,
    unread: bool,
    requests: bool,
    keep_unread: bool,
    items: bool,
) -> None:
    terminal = Terminal(choices)
    if chat and not unread and (items or not terminal.is_json):
        span = AskItems(chat, before=before, after=after, limit=limit)
        read_items(terminal, client_of(choices), span, is_marked=not keep_unread)
        return
    if items:
        raise click.UsageError("--items goes with CHAT, and not with --unread.")
    command = AskMessages(
        contact=chat,
        before=before,
        after=after,
        limit=limit,
        mark_read=not keep_unread,
        unread_only=unread,
        requests=requests,
    )
    client = client_of(choices)
    page = client.ask(command, MessagesAnswer)
    if terminal.is_json:
        terminal.json(page)
        return
    names = Names.ask(client)
    waiting = names.requests()
    if waiting and not requests and not chat:
        terminal.say(waiting_sentence(len(waiting)))
    if not page.messages:
        is_part = before is not None or after is not None
        terminal.say(f"There are no {'new ' if unread else 'such ' if is_part else ''}messages.")
        return
    if page.has_older:
        terminal.say(f"There are older messages: --before {page.messages[0].number}")
    for message in page.messages:
        terminal.result(drawn(message, names.of(message), has_conversation=bool(chat)))
    if page.has_newer:
        terminal.say(f"There are newer messages: --after {page.messages[-1].number}")


def read_items(terminal: Terminal, client: Client, span: AskItems, *, is_marked: bool) -> None:
    """Show a page of one conversation, with all that is known of each item."""
    page = client.ask(span, ItemsAnswer)
    if terminal.is_json:
        terminal.json(page)
    elif page.items:
        show_items(terminal, page, Names.ask(client))
    else:
        is_part = span.before is not None or span.after is not None
        terminal.say(f"There are no {'such ' if is_part else ''}messages.")
    if is_marked and page.items:
        mark_read(client, span, page)


def mark_read(client: Client, span: AskItems, page: ItemsAnswer) -> None:
    """Mark what was shown as read, and nothing else: their author may be told."""
    chat = span.conversation
    unread_count = client.ask(AskConversation(chat), ConversationAnswer).unread_count
    if unread_count > sum(not item.author.is_mine for item in page.items):
        shown = AskMessages(
            contact=chat, before=span.before, after=span.after, limit=span.limit, mark_read=True
        )
        client.ask(shown, MessagesAnswer)
    elif unread_count:
        client.ask(ReadItems(chat, page.items[-1].number), ConversationAnswer)


def show_items(terminal: Terminal, page: ItemsAnswer, names: Names) -> None:
    """Show items, and how to go on."""
    if page.has_older:
        terminal.say(f"There are older messages: --before {page.items[0].number}")
    for item in page.items:
        terminal.result(styled(lines_of(item, names.of_item(item))))
    if page.has_newer:
        terminal.say(f"There are newer messages: --after {page.items[-1].number}")
