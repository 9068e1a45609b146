"""`mesh tail`: messages as they come, for people and for bots.

Events say that something came; the number of the last message that was shown says what is new.
So nothing is lost or told twice when the daemon restarts or this program was too slow.
"""

from collections.abc import Iterator

import click

from mesh.api.stream import Happened, Hello, Resync
from mesh.cli.completing import complete_contact
from mesh.cli.door import client_of
from mesh.cli.messages import drawn
from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal
from mesh.client import Client
from mesh.commands import (
    AskContacts,
    AskMessages,
    ContactsAnswer,
    MessageAnswer,
    MessagesAnswer,
)
from mesh.errors import UserError
from mesh.events import MessageReceived, MessageSent
from mesh.limits import MESSAGES_PER_PAGE_MAX

HELP = """\
Show messages as they come, until Ctrl-C; goes on when the daemon was restarted.

With --json each message is one line. A bot that remembers the number of the last message it
handled, and begins with --after, sees each message once.

\b
Examples:
  mesh tail
  mesh tail Ben --last 10
  mesh tail --json --after 1041 | ./bot.py
"""


@click.command(help=HELP)
@click.argument("contact", default="", shell_complete=complete_contact)
@click.option(
    "--last",
    type=click.IntRange(0, MESSAGES_PER_PAGE_MAX),
    default=0,
    help="Begin with so many messages that are there already.",
)
@click.option(
    "--after",
    type=click.IntRange(min=0),
    metavar="NUMBER",
    help="Begin with all messages that came after this one.",
)
@click.option("--count", type=click.IntRange(min=1), help="End after so many messages.")
@shared_options
@click.pass_obj
def tail(choices: Choices, contact: str, last: int, after: int | None, count: int | None) -> None:
    terminal = Terminal(choices)
    left = count
    for message in messages(client_of(choices), contact, last=last, after=after):
        if terminal.is_json:
            terminal.json(message)
        else:
            terminal.result(drawn(message, has_conversation=bool(contact)))
        if left is not None:
            left -= 1
            if left == 0:
                return


def messages(
    client: Client, contact: str, *, last: int, after: int | None
) -> Iterator[MessageAnswer]:
    """Yield messages for ever, each once, in the order in which they came."""
    shown = 0 if after is None else after
    if after is None:
        page = client.ask(AskMessages(contact=contact, limit=max(1, last)), MessagesAnswer)
        shown = max((message.number for message in page.messages), default=0)
        yield from page.messages if last else ()
    conversation = find_conversation(client, contact)
    is_behind = True
    for told in client.follow():
        fresh: list[MessageAnswer] = []
        if is_behind or isinstance(told, Hello | Resync):
            found = find_missed(client, contact, after=shown)
            is_behind = found is None
            fresh = found or []
        elif isinstance(told, Happened):
            match told.event:
                case MessageReceived(message=message) | MessageSent(message=message):
                    if conversation in (None, message.contact):
                        fresh = [message]
                case _:
                    pass
        for message in fresh:
            if message.number > shown:
                shown = message.number
                yield message


def find_conversation(client: Client, contact: str) -> int | None:
    """Return the number of the contact that is shown; None for all."""
    if not contact:
        return None
    for each in client.ask(AskContacts(), ContactsAnswer).contacts:
        if contact in (each.label, str(each.id)) or each.key.startswith(contact):
            return each.id
    raise UserError("not-found", "There is no such contact. See: mesh contacts")


def find_missed(client: Client, contact: str, *, after: int) -> list[MessageAnswer] | None:
    """Return what came after a message; None if the daemon cannot say it just now."""
    found: list[MessageAnswer] = []
    while True:
        command = AskMessages(contact=contact, after=after, limit=MESSAGES_PER_PAGE_MAX)
        try:
            page = client.ask(command, MessagesAnswer).messages
        except UserError as error:
            # It stops, or it was started and is not unlocked yet: the next word of it asks again.
            if error.kind in ("not-running", "stopping", "locked"):
                return None
            raise
        found += page
        if len(page) < MESSAGES_PER_PAGE_MAX:
            return found
        after = page[-1].number
