"""`mesh tail`: messages as they come, for people and for bots.

Events say that something came; the number of the last message that was shown says what is new.
So nothing is lost or told twice when the daemon restarts or this program was too slow. Beside
messages a person is told what they should look at; a bot gets that only if it asks for it.
"""

from collections.abc import Iterator

import click

from mesh.api.stream import Happened, Hello, Resync
from mesh.cli.completing import complete_chat
from mesh.cli.daemon_client import client_of
from mesh.cli.event_lines import concerns, find_line
from mesh.cli.messages import drawn
from mesh.cli.names import Names
from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal
from mesh.client import Client
from mesh.commands.conversations import AskConversation, ConversationAnswer
from mesh.commands.messages import AskMessages, MessageAnswer, MessagesAnswer
from mesh.errors import UserError
from mesh.events import (
    ContactAdded,
    ContactChanged,
    ContactNoted,
    ContactRemoved,
    Event,
    MessageReceived,
    MessageSent,
)
from mesh.limits.api import NUMBER_MAX
from mesh.limits.messages import MESSAGES_PER_PAGE_MAX

HELP = """\
Show messages as they come, until Ctrl-C; goes on when the daemon was restarted.

CHAT is a contact's label, a number of mesh chats, or the beginning of a key; or "me".

Beside messages it tells in one line each what you should look at: somebody asks to be let in,
wishes to compare, is introduced to you, has other keys; a message of yours was delivered. People
who wait apart are not shown: mesh read --requests.

With --json each message is one line. A bot that remembers the number of the last message it
handled, and begins with --after, sees each message once. With --events the other events are told
as well; they alone have a field `type`.

\b
Examples:
  mesh tail
  mesh tail Ben --last 10
  mesh tail --json --after 1041 | ./bot.py
  mesh tail --json --after 0 > all.jsonl
"""

NOT_NOW = ("not-running", "stopping", "busy", "locked")
"""The daemon stops, or it was started and is not unlocked yet: its next word asks again."""


@click.command(help=HELP)
@click.argument("chat", default="", shell_complete=complete_chat)
@click.option(
    "--last",
    type=click.IntRange(0, MESSAGES_PER_PAGE_MAX),
    default=0,
    help="Begin with so many messages that are there already.",
)
@click.option(
    "--after",
    type=click.IntRange(0, NUMBER_MAX),
    metavar="NUMBER",
    help="Begin with all messages that came after this one; 0: with the very first.",
)
@click.option("--count", type=click.IntRange(min=1), help="End after so many messages.")
@click.option("--events", is_flag=True, help="With --json: tell other events as well.")
@shared_options
@click.pass_obj
def tail(
    choices: Choices,
    chat: str,
    last: int,
    after: int | None,
    count: int | None,
    *,
    events: bool,
) -> None:
    terminal = Terminal(choices)
    # It stays, and says nothing of whether somebody still looks.
    tailing = Tailing(client_of(choices, is_person=False), chat)
    left = count
    for told in tailing.follow(last=last, after=after):
        if isinstance(told, MessageAnswer):
            if terminal.is_json:
                terminal.json(told)
            else:
                name = tailing.names.of(told)
                terminal.result(drawn(told, name, has_conversation=bool(chat)))
            if left is not None:
                left -= 1
                if left == 0:
                    return
        elif terminal.is_json:
            if events:
                terminal.json(told)
        elif not choices.quiet:
            line = find_line(told, tailing.names)
            if line is not None:
                terminal.result(line)


class Tailing:
    """The target of following: one conversation or all of them, and the names of their people."""

    def __init__(self, client: Client, chat: str) -> None:
        self._client = client
        self._chat = chat
        self._conversation: int | None = None
        self.names = Names([])

    def follow(self, *, last: int, after: int | None) -> Iterator[MessageAnswer | Event]:
        """Yield messages and other events for ever, each message once, in the order they came."""
        client = self._client
        self.names = Names.ask(client)
        self._conversation = self._find_conversation()
        shown = 0 if after is None else after
        if after is None:
            command = AskMessages(contact=self._chat, limit=max(1, last), by_arrival=True)
            page = client.ask(command, MessagesAnswer).messages
            shown = max((message.number for message in page), default=0)
            yield from page if last else ()
        is_behind = True
        for told in client.follow():
            is_behind = is_behind or isinstance(told, Hello | Resync)
            while is_behind and (missed := self._find_next(after=shown)) is not None:
                is_behind = missed.has_newer
                for message in missed.messages:
                    shown = message.number
                    yield message
            if isinstance(told, Happened):
                match told.event:
                    case MessageReceived(message=message) | MessageSent(message=message):
                        is_new = not is_behind and message.number > shown
                        if is_new and self._is_shown(message):
                            shown = message.number
                            yield message
                    case event:
                        self._learn(event)
                        if concerns(event, self._conversation):
                            yield event

    def _is_shown(self, message: MessageAnswer) -> bool:
        if self._conversation is not None:
            return message.conversation == self._conversation
        if not message.contact:
            # What a person writes to themselves is among no others.
            return False
        if message.contact not in self.names:
            self._ask_names()
        return not self.names.is_request(message.contact)

    def _learn(self, event: Event) -> None:
        """Names change together: a new contact can make an old name look like theirs."""
        match event:
            case ContactAdded() | ContactChanged() | ContactRemoved() | ContactNoted():
                self._ask_names()
            case _:
                pass

    def _ask_names(self) -> None:
        try:
            self.names = Names.ask(self._client)
        except UserError as error:
            if error.kind not in NOT_NOW:
                raise

    def _find_conversation(self) -> int | None:
        """Return the number of the conversation that is shown; None for all."""
        if not self._chat:
            return None
        return self._client.ask(AskConversation(self._chat), ConversationAnswer).number

    def _find_next(self, *, after: int) -> MessagesAnswer | None:
        """Return what came next after a message; None if the daemon cannot say it just now."""
        command = AskMessages(
            contact=self._chat, after=after, limit=MESSAGES_PER_PAGE_MAX, by_arrival=True
        )
        try:
            return self._client.ask(command, MessagesAnswer)
        except UserError as error:
            if error.kind in NOT_NOW:
                return None
            raise
