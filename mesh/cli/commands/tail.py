"""`mesh tail`: what is said as it comes, for people and for bots.

Events say that something came; the number of the last item that was shown says what is new. So
nothing is lost or told twice when the daemon restarts or this program was too slow. Beside that a
person is told what they should look at; a bot gets that only if it asks for it.
"""

from collections.abc import Iterator

import click

from mesh.api.stream import Happened, Hello, Resync
from mesh.cli.completing import complete_chat
from mesh.cli.daemon_client import client_of
from mesh.cli.event_lines import concerns, find_line
from mesh.cli.items import lines_of, styled
from mesh.cli.names import Names
from mesh.cli.options import Choices, shared_options
from mesh.cli.speakers import NOT_NOW, Chats
from mesh.cli.terminal import Terminal
from mesh.client import Client
from mesh.commands.conversations import AskConversation, ConversationAnswer
from mesh.commands.item_commands import AskItemsByArrival
from mesh.commands.items import ItemAnswer, ItemsAnswer
from mesh.errors import UserError
from mesh.events import (
    ContactAdded,
    ContactChanged,
    ContactNoted,
    ContactRemoved,
    ConversationChanged,
    Event,
    GroupChanged,
    ItemAdded,
    MessageReceived,
    MessageSent,
)
from mesh.limits.api import NUMBER_MAX
from mesh.limits.messages import MESSAGES_PER_PAGE_MAX

HELP = """\
Show what is said as it comes, until Ctrl-C; goes on when the daemon was restarted.

CHAT is a contact's label, a group's name, a number of mesh chats, or the beginning of a key; or
"me". Without it all is shown that is said with contacts and in groups: texts, files, polls,
check-ins, tasks and notices. What you write to yourself is shown with "me" alone.

Beside that it tells in one line each what you should look at: somebody asks to be let in,
wishes to compare, is introduced to you, has other keys; a message of yours was delivered. People
who wait apart are not shown: mesh read --requests.

With --json each item is one line; its field `kind` says what it is, `text` what it says, and
`conversation` where to answer. A bot that remembers the number of the last line it handled, and
begins with --after, sees each once. With --events the other events are told as well; they alone
have a field `type`.

\b
Examples:
  mesh tail
  mesh tail Ben --last 10
  mesh tail --json --after 1041 | ./bot.py
  mesh tail Crew --json --after 0 > all.jsonl
"""

UNWRITTEN = ("membership", "timer", "name")
"""Kinds of what was done to the conversation itself: a line for people, and no message."""


class TailedItem(ItemAnswer, frozen=True, kw_only=True):
    """An item with the fields that a message has beside: the other side, and whether it is ours."""

    contact: int
    label: str
    is_mine: bool


@click.command(help=HELP)
@click.argument("chat", default="", shell_complete=complete_chat)
@click.option(
    "--last",
    type=click.IntRange(0, MESSAGES_PER_PAGE_MAX),
    default=0,
    help="Begin with so many items that are there already.",
)
@click.option(
    "--after",
    type=click.IntRange(0, NUMBER_MAX),
    metavar="NUMBER",
    help="Begin with all that came after this item; 0: with the very first.",
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
        if isinstance(told, ItemAnswer):
            is_written = told.kind not in UNWRITTEN
            if not terminal.is_json:
                terminal.result(tailing.drawn(told))
            elif is_written:
                terminal.json(tailing.as_message(told))
            if left is not None and is_written:
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
        # Asked for by number from then on: names change hands.
        self._conversation: int | None = None
        self._chats = Chats(client)
        self.names = Names([])

    def follow(self, *, last: int, after: int | None) -> Iterator[ItemAnswer | Event]:
        """Yield items and other events for ever, each item once, in the order they came."""
        client = self._client
        self.names = Names.ask(client)
        self._conversation = self._find_conversation()
        shown = 0 if after is None else after
        if after is None:
            newest = AskItemsByArrival(
                before=NUMBER_MAX, limit=max(1, last), conversation=self._asked
            )
            page = client.ask(newest, ItemsAnswer).items
            shown = max((item.number for item in page), default=0)
            yield from filter(is_told, page if last else ())
        is_behind = True
        for told in client.follow():
            is_behind = is_behind or isinstance(told, Hello | Resync)
            if isinstance(told, Happened):
                self._learn(told.event)
                is_behind = is_behind or self._is_new(told.event, shown)
            # An event only says that something came: a page has it in its place, and misses none.
            while is_behind and (missed := self._find_next(after=shown)) is not None:
                is_behind = missed.has_newer
                for item in missed.items:
                    shown = item.number
                    if is_told(item):
                        yield item
            if isinstance(told, Happened) and self._is_event_told(told.event):
                yield told.event

    def drawn(self, item: ItemAnswer) -> str:
        """Return an item as lines for a person."""
        said = self._chats.said(item, self.names)
        return styled(lines_of(item, said.name, "" if self._chat else said.chat))

    def as_message(self, item: ItemAnswer) -> TailedItem:
        """Return an item as programs get it: with all fields of a message too."""
        # A direct conversation bears the number of its contact.
        contact = self.names.find_number(item.conversation)
        label = self._chats.title(item.conversation) if contact is None else contact.label
        return TailedItem(
            **{name: getattr(item, name) for name in item.__struct_fields__},
            contact=0 if contact is None else contact.id,
            label=label,
            is_mine=item.author.is_mine,
        )

    def _is_new(self, event: Event, shown: int) -> bool:
        """Say whether an event is of something that came and was not shown yet."""
        return (
            isinstance(event, ItemAdded)
            and event.item.number > shown
            and self._conversation in (None, event.item.conversation)
        )

    def _is_event_told(self, event: Event) -> bool:
        """Say whether an event is told beside the items: not that of a message, which is one."""
        is_message = isinstance(event, MessageReceived | MessageSent)
        return not is_message and concerns(event, self._conversation)

    def _learn(self, event: Event) -> None:
        """Names change together: a new contact can make an old name look like theirs."""
        match event:
            case ContactAdded() | ContactChanged() | ContactRemoved() | ContactNoted():
                self._ask_names()
            case GroupChanged() | ConversationChanged():
                self._chats.forget()
            case _:
                pass

    def _ask_names(self) -> None:
        try:
            self.names = Names.ask(self._client)
        except UserError as error:
            if error.kind not in NOT_NOW:
                raise

    @property
    def _asked(self) -> str | int:
        """The conversation as pages of it are asked for; empty for all."""
        return "" if self._conversation is None else self._conversation

    def _find_conversation(self) -> int | None:
        """Return the number of the conversation that is shown; None for all."""
        if not self._chat:
            return None
        return self._client.ask(AskConversation(self._chat), ConversationAnswer).number

    def _find_next(self, *, after: int) -> ItemsAnswer | None:
        """Return what came next after an item; None if the daemon cannot say it just now."""
        command = AskItemsByArrival(
            after=after, limit=MESSAGES_PER_PAGE_MAX, conversation=self._asked
        )
        try:
            return self._client.ask(command, ItemsAnswer)
        except UserError as error:
            if error.kind in NOT_NOW:
                return None
            raise


def is_told(item: ItemAnswer) -> bool:
    """Say whether an item has words, or cannot be shown by this release, which is told too."""
    return item.gone in ("", "newer")
