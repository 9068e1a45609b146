"""`mesh read`: the messages of one conversation, or of all."""

import click

from mesh.cli.commands.people import waiting_sentence
from mesh.cli.completing import complete_chat
from mesh.cli.daemon_client import client_of
from mesh.cli.messages import drawn
from mesh.cli.names import Names
from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal
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

What is said of a message of yours is what there is proof of: "queued here", "carried by 2
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
) -> None:
    terminal = Terminal(choices)
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
