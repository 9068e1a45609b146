"""`mesh read`: the messages of one conversation, or of all."""

import click

from mesh.cli.commands.people import waiting_sentence
from mesh.cli.completing import complete_chat
from mesh.cli.daemon_client import client_of
from mesh.cli.items import lines_of, styled
from mesh.cli.names import Names
from mesh.cli.options import Choices, shared_options
from mesh.cli.speakers import Chats, Said
from mesh.cli.terminal import Terminal
from mesh.client import Client
from mesh.commands.conversations import ConversationAnswer, ReadItems
from mesh.commands.item_commands import AskItem, AskItems, AskItemsByArrival
from mesh.commands.items import ItemDetailsAnswer, ItemsAnswer
from mesh.commands.messages import AskMessages, MessagesAnswer
from mesh.limits.api import NUMBER_MAX
from mesh.limits.messages import MESSAGES_PER_PAGE_MAX

HELP = """\
Show messages, the newest last, and mark them as read.

CHAT is a contact's label, a group's name, a number of mesh chats, or the beginning of a key; or
"me". Without it all contacts and groups are shown in the order in which messages arrived, except
people who wait apart: they are shown with --requests, and never among the others.

--before and --after go through a long history page by page, either way; they take the number that
is told when there are more. Of one conversation they go by its order, else, and with --unread, by
arrival. --around takes a number that mesh search tells.

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
  mesh read --around 1041
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
    help="With --json: items instead of texts with contacts: files, polls, groups and all else.",
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
@click.option(
    "--around",
    type=click.IntRange(1, NUMBER_MAX),
    metavar="NUMBER",
    help="This message, and what stands around it; CHAT may be left out.",
)
@shared_options
@click.pass_obj
def read(
    choices: Choices,
    chat: str,
    limit: int,
    before: int | None,
    after: int | None,
    around: int | None,
    *,
    unread: bool,
    requests: bool,
    keep_unread: bool,
    items: bool,
) -> None:
    terminal = Terminal(choices)
    client = client_of(choices)
    if around is not None:
        if before is not None or after is not None or unread or requests:
            raise click.UsageError("--around goes with no other choice of messages.")
        place = client.ask(AskItem(around), ItemDetailsAnswer).item.conversation
        span = AskItems(chat or place, around=around, limit=limit)
        read_items(terminal, client, span, is_marked=not keep_unread)
    elif terminal.is_json and not items:
        command = AskMessages(
            contact=chat,
            before=before,
            after=after,
            limit=limit,
            mark_read=not keep_unread,
            unread_only=unread,
            requests=requests,
        )
        terminal.json(client.ask(command, MessagesAnswer))
    elif chat and not unread:
        span = AskItems(chat, before=before, after=after, limit=limit)
        read_items(terminal, client, span, is_marked=not keep_unread)
    else:
        arrived = AskItemsByArrival(
            before=NUMBER_MAX if before is None and after is None else before,
            after=after,
            limit=limit,
            conversation=chat,
            unread_only=unread,
            requests=requests,
            mark_read=not keep_unread,
        )
        read_by_arrival(terminal, client, arrived)


def read_by_arrival(terminal: Terminal, client: Client, asked: AskItemsByArrival) -> None:
    """Show a page of all conversations, or what is unread in one."""
    page = client.ask(asked, ItemsAnswer)
    if terminal.is_json:
        terminal.json(page)
        return
    names = Names.ask(client)
    waiting = names.requests()
    if waiting and not asked.requests and not asked.conversation:
        terminal.say(waiting_sentence(len(waiting)))
    if page.items:
        show_items(terminal, client, page, names, has_chat=bool(asked.conversation))
        return
    is_part = asked.after is not None or asked.before != NUMBER_MAX
    which = "new " if asked.unread_only else "such " if is_part else ""
    terminal.say(f"There are no {which}messages.")


def read_items(terminal: Terminal, client: Client, span: AskItems, *, is_marked: bool) -> None:
    """Show a page of one conversation, with all that is known of each item."""
    page = client.ask(span, ItemsAnswer)
    if terminal.is_json:
        terminal.json(page)
    elif page.items:
        show_items(terminal, client, page, Names.ask(client), has_chat=True)
    else:
        is_part = span.before is not None or span.after is not None
        terminal.say(f"There are no {'such ' if is_part else ''}messages.")
    theirs = [item.number for item in page.items if not item.author.is_mine]
    if is_marked and theirs:
        # What was shown, and nothing else: their author may be told. By number: names change hands.
        asked = ReadItems(page.items[0].conversation, page.items[-1].number, tuple(theirs))
        client.ask(asked, ConversationAnswer)


def show_items(
    terminal: Terminal, client: Client, page: ItemsAnswer, names: Names, *, has_chat: bool
) -> None:
    """Show items, and how to go on; `has_chat`: all are of one conversation."""
    if page.has_older:
        terminal.say(f"There are older messages: --before {page.items[0].number}")
    chats = Chats(client)
    for item in page.items:
        name, chat = Said(names.of_item(item), "") if has_chat else chats.said(item, names)
        terminal.result(styled(lines_of(item, name, chat)))
    if page.has_newer:
        terminal.say(f"There are newer messages: --after {page.items[-1].number}")
