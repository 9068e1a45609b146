"""One conversation while it is on the screen: asks the node, does what is typed, and is told.

All of it blocks and runs in one thread, job after job. Whoever draws reads what stands here; each
part is replaced as a whole, so it is never seen half done.
"""

import contextlib
import queue
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import msgspec

from mesh.api.stream import GoingAway, Happened, Hello, Resync, StreamObject
from mesh.cli.changing import Change, people_of
from mesh.cli.chat.files import file_to_send, saved, to_send_on
from mesh.cli.chat.history import ITEMS_MAX, History
from mesh.cli.chat.sheets import details_lines, found_items, help_lines, open_items
from mesh.cli.chat.wishes import Aim, Confirm, Edit, Reply, item_in, wish_of
from mesh.cli.chat.words import number_of, taken_apart
from mesh.cli.durations import timer_of
from mesh.cli.event_lines import concerns, find_sentence
from mesh.cli.items import Line, Run, lines_of
from mesh.cli.mentions import mentioned
from mesh.cli.messages import state_of, waits_for
from mesh.cli.names import Names
from mesh.cli.sanitise import clean_line
from mesh.client import Client
from mesh.commands.conversations import (
    AskConversation,
    ChangeConversation,
    ConversationAnswer,
    ReadItems,
    SetTimer,
)
from mesh.commands.item_commands import AskItem, AskItems, AskVersions, EditItem, WriteItem
from mesh.commands.item_people import is_cut, with_all
from mesh.commands.items import (
    ItemAnswer,
    ItemDetailsAnswer,
    ItemsAnswer,
    VersionAnswer,
    VersionsAnswer,
)
from mesh.commands.messages import (
    MessageAnswer,
    SendMessage,
    WithdrawMessage,
)
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.errors import UserError
from mesh.events import (
    ContactAdded,
    ContactChanged,
    ContactNoted,
    ContactRemoved,
    ConversationChanged,
    ConversationEmptied,
    Event,
    ItemAdded,
    ItemChanged,
    ItemGone,
    LinkClosed,
    LinkOpened,
    MessageStateChanged,
    VaultLocked,
    VaultUnlocked,
)
from mesh.limits.messages import MESSAGES_PER_PAGE_MAX

PAGE: Final = 100
"""Items that are loaded at once: more than the largest screen shows."""

JOBS_MAX: Final = 256
"""Jobs that wait. Who tells of events waits for room, and so does the node behind them."""

BEHIND: Final = 32
"""While so many jobs wait, items are not asked for one by one: all are when it is quiet again."""

RECONNECT_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Lost:
    """The node does not tell anything any more; `sentence` says why, if that is known."""

    sentence: str = ""


class Older:
    """The person wishes to see what was said before."""


class Looked:
    """The person looks at what is shown."""


class Here:
    """The person pressed a key: a node that locks itself when nobody is there puts that off."""


Job = str | StreamObject | Lost | Older | Looked | Here
"""A line that was typed, or something that happened."""


class Clients(NamedTuple):
    """The node, asked in the name of the person who pressed a key, and by what goes by itself."""

    person: Client
    program: Client


def name_in(room: "Room", item: ItemAnswer) -> str:
    """Return the name by which an item of a conversation is drawn: in a group, who wrote it."""
    return room.name if room.conversation.contact else room.names.of_item(item)


class Room:
    """One conversation, what is known of it, and what the person is told beside it."""

    def __init__(self, clients: "Clients", chat: str, changed: Callable[[], None]) -> None:
        """Ask for the conversation. `changed` is called after each job, from any thread."""
        self._client = client = clients.program
        self._person = clients.person
        self._changed = changed
        self._is_behind = False
        self._jobs: queue.Queue[Job] = queue.Queue(JOBS_MAX)
        self._unsent: tuple[tuple[str, Aim | None], str] = (("", None), "")
        self.has_unread = True
        self.conversation = client.ask(AskConversation(chat), ConversationAnswer)
        self.names = Names([])
        self.history = History()
        self.links_count = 0
        self.is_locked = False
        self.is_away = False
        self.note = ""
        """One line about what was just done, or could not be."""

        self.sheet: tuple[Line, ...] = ()
        """What is shown instead of the history."""

        self.aim: Aim | None = None
        """The use of the next line; without one it is said."""

        self.put_back: str | None = None
        """A text that belongs into the line again."""

        self._reload()

    @property
    def name(self) -> str:
        """The name of who else is in the conversation, made safe."""
        return self.names.name(self.conversation.contact, self.conversation.title)

    @property
    def trust(self) -> str:
        """The state of their identity; empty where there is nobody else."""
        contact = self.conversation.contact
        found = self.names.find(str(contact)) if contact else None
        return "" if found is None else found.trust

    def ask_for(self, job: Job) -> None:
        """Let a job be done by and by."""
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            self.note = "Mesh is busy; try again in a moment."
            if isinstance(job, str):
                self.put_back = job

    def listen(self) -> None:
        """Hand on what the node tells, for ever; run in a thread of its own."""
        while True:
            sentence = ""
            try:
                for told in self._client.events():
                    self._jobs.put(told)
            except UserError as error:
                sentence = clean_line(str(error))
            self._jobs.put(Lost(sentence))
            time.sleep(RECONNECT_S)

    def work(self) -> None:
        """Do jobs, for ever; run in a thread of its own."""
        while True:
            self.do(self._jobs.get())
            self._changed()

    def do(self, job: Job) -> None:
        """Do one job; what cannot be done is told in a line."""
        try:
            match job:
                case str():
                    self._enter(job)
                case Older():
                    self._load_older()
                case Looked():
                    self._mark_read()
                case Here():
                    self._person.ask(AskStatus(), StatusAnswer)
                case Lost(sentence=sentence):
                    self.is_away = True
                    self.note = sentence
                case Hello() | Resync():
                    # What could not be done without the node can be tried again.
                    self.note = "" if self.is_away else self.note
                    self.is_away = False
                    self._reload()
                case Happened(event=event):
                    self._happened(event)
                case GoingAway():
                    self.is_away = True
                case _:
                    pass
            if self._is_behind and self._jobs.empty():
                self._is_behind = False
                self._reload()
        except UserError as error:
            self.note = clean_line(str(error))
            if error.kind == "locked":
                self._lock()
            if isinstance(job, str):
                self.put_back = job

    def save_draft(self, text: str) -> None:
        """Keep what stands in the line for the next time; UserError if that fails."""
        try:
            change = ChangeConversation(self.conversation.number, draft=text)
            self._client.ask(change, ConversationAnswer)
        except UserError as error:
            sentence = f"What stood in the line was not kept as a draft. {error}"
            raise UserError(error.kind, sentence) from None

    def _enter(self, line: str) -> None:
        typed = taken_apart(line)
        match typed.name:
            case "":
                self._say(typed.rest)
            case "info":
                self._show_details(item_in(self.history, number_of(typed)).number)
            case "withdraw":
                self._withdraw(item_in(self.history, number_of(typed)).number)
            case "timer":
                self._set_timer(typed.rest)
            case "board":
                items, has_older = open_items(self._client, self.conversation.number)
                self._show(items, "Nothing is open, and nothing is pinned.")
                if has_older:
                    self.note = f"There is more: mesh board {self.name} --before NUMBER"
            case "search":
                items = found_items(self._client, self.conversation.number, typed.rest)
                self._show(items, "Nothing was found.")
            case "file":
                command, told = file_to_send(self._client, self.conversation.number, typed.rest)
                self._change(command)
                self.note = told
            case "save":
                self.note = saved(self._client, self.history, typed)
            case "forward":
                command = to_send_on(self._client, self.history, typed.rest)
                self._client.ask(command, ItemAnswer)
                self.note = f"Sent on to {clean_line(str(command.conversation))}."
            case "older":
                self._load_older()
            case "help":
                self.sheet = help_lines()
            case _:
                self._wish(wish_of(typed, self.history, self.conversation.number))

    def _wish(self, wish: Change | Aim) -> None:
        """Do what a command asks for, or aim the next line at it."""
        if isinstance(wish, EditItem | WriteItem) and "@" in wish.text:
            before = item_in(self.history, wish.item) if isinstance(wish, EditItem) else None
            number = self.conversation.number
            mentions = mentioned(self._client, number, wish.text, before=before)
            wish = replace(wish, mentions=mentions)
        if isinstance(wish, Reply | Edit | Confirm):
            self.aim = wish
            self.put_back = wish.item.text if isinstance(wish, Edit) else None
        else:
            self._change(wish)

    def _change(self, change: Change) -> None:
        item = self._client.ask(change, ItemAnswer)
        with contextlib.suppress(UserError):
            self._touch(item.number)

    def _say(self, text: str) -> None:
        """Do with words what they were meant for."""
        aim = self.aim
        match aim:
            case None:
                mentions = mentioned(self._client, self.conversation.number, text)
                plain = SendMessage(self.conversation.number, text)
                meant = WriteItem(self.conversation.number, text=text, mentions=mentions)
                self._send(meant if mentions else plain)
            case Reply(item=item):
                mentions = mentioned(self._client, self.conversation.number, text)
                number = self.conversation.number
                self._send(WriteItem(number, text=text, mentions=mentions, reply=item.number))
            case Edit(item=item):
                number = self.conversation.number
                mentions = mentioned(self._client, number, text, before=item)
                self._change(EditItem(item.number, text, mentions=mentions))
            case Confirm(change=change):
                said = text.strip().lower()
                if said in ("y", "yes"):
                    self._change(change)
                else:
                    self.note = "Nothing was done."
                    # Words that were meant for somebody are not lost.
                    self.put_back = None if said in ("n", "no") else text
        self.aim = None

    def _send(self, command: SendMessage | WriteItem) -> None:
        if (command.text, self.aim) != self._unsent[0]:
            self._unsent = ((command.text, self.aim), secrets.token_urlsafe())
        sent: MessageAnswer | ItemAnswer
        match replace(command, idempotency_key=self._unsent[1]):
            case SendMessage() as message:
                sent = self._client.ask(message, MessageAnswer)
            case reply:
                sent = self._client.ask(reply, ItemAnswer)
        # The same words once more are another message; only after a failure are they the same.
        self._unsent = (("", None), "")
        # It is sent, whatever fails now: nothing of it belongs into the line again.
        with contextlib.suppress(UserError):
            self._touch(sent.number)
            if sent.state in ("queued", "awaiting-key"):
                status = self._client.ask(AskStatus(), StatusAnswer)
                self.note = " ".join(waits_for(sent, status, self.name))

    def _set_timer(self, after: str) -> None:
        command = SetTimer(self.conversation.number, timer_of(after))
        self.conversation = self._client.ask(command, ConversationAnswer)

    def _show(self, items: Iterable[ItemAnswer], nothing: str) -> None:
        """Cover the history with some items, or with words where there are none."""
        lines = [line for item in items for line in lines_of(item, name_in(self, item))]
        self.sheet = tuple(lines) or ((Run("plain", nothing),),)

    def _withdraw(self, number: int) -> None:
        message = self._client.ask(WithdrawMessage(number), MessageAnswer)
        self._touch(number)
        self.note = f"Message {number}: {state_of(message)}"

    def _show_details(self, number: int) -> None:
        details = self._client.ask(AskItem(number), ItemDetailsAnswer)
        versions: list[VersionAnswer] = []
        if details.item.edited is not None:
            versions = self._client.ask(AskVersions(number), VersionsAnswer).versions
        if is_cut(details.item):
            people = people_of(self._client, number)
            item = with_all(details.item, people)
            details = msgspec.structs.replace(details, item=item)
        self.sheet = details_lines(details, versions)

    def _load_older(self) -> None:
        if not self.history.has_older:
            self.note = "That is the beginning."
            return
        first = self.history.items[0].number
        if len(self.history.items) >= ITEMS_MAX:
            self.note = f"Further back: mesh read {self.conversation.number} --before {first}"
            return
        self.history.prepend(self._page(before=first))

    def _mark_read(self) -> None:
        """Mark what is shown as read, unless the person looks at nothing."""
        if not self.has_unread or self.is_locked or self.is_away:
            return
        # Also where that fails: the next reload says how it is.
        self.has_unread = False
        if self.history.items:
            until = ReadItems(self.conversation.number, self.history.items[-1].number)
            self.conversation = self._client.ask(until, ConversationAnswer)

    def _happened(self, event: Event) -> None:
        match event:
            case ItemAdded(item=item):
                if item.conversation == self.conversation.number:
                    self.has_unread |= not item.author.is_mine
                    self._touch(item.number)
            case ItemChanged(item=item):
                if item.conversation == self.conversation.number:
                    self.history.change(item)
                    self._touch_replies(item.number)
            case MessageStateChanged(message=message):
                # Of who waits apart no items are told, but what becomes of ours to them is.
                is_here = message.conversation == self.conversation.number
                if is_here and self.conversation.is_request:
                    self._touch(message.number)
            case ItemGone(conversation=number, number=gone):
                if number == self.conversation.number:
                    self._touch(gone)
                    self._touch_replies(gone)
            case ConversationChanged(conversation=conversation):
                if conversation.number == self.conversation.number:
                    self.conversation = conversation
            case ConversationEmptied(conversation=conversation):
                if conversation.number == self.conversation.number:
                    self._reload()
            case ContactAdded() | ContactChanged() | ContactRemoved() | ContactNoted():
                # Names change together: a new contact can make an old name look like theirs.
                self.names = Names.ask(self._client)
                if isinstance(event, ContactRemoved) and event.id == self.conversation.contact:
                    self.history.clear()
                    self.note = "They are no contact any more."
            case LinkOpened(links_count=count) | LinkClosed(links_count=count):
                self.links_count = count
            case VaultLocked():
                self._lock()
            case VaultUnlocked():
                self._reload()
            case _:
                pass
        is_here = concerns(event, self.conversation.number)
        if is_here and not isinstance(event, MessageStateChanged):
            self.note = find_sentence(event, self.names) or self.note

    def _lock(self) -> None:
        """Show nothing of what the vault holds."""
        self.is_locked = True
        self.history.clear()
        self.sheet = ()
        self.note = ""
        self.aim = None

    def _reload(self) -> None:
        """Ask for everything again, for as much as was loaded."""
        number = self.conversation.number
        self.links_count = self._client.ask(AskStatus(), StatusAnswer).links_count
        self.conversation = self._client.ask(AskConversation(number), ConversationAnswer)
        self.names = Names.ask(self._client)
        pages = [self._page(count=max(PAGE, len(self.history.items)))]
        count = len(self.history.items) - len(pages[0].items)
        while count > 0 and pages[0].has_older and pages[0].items:
            pages.insert(0, self._page(before=pages[0].items[0].number, count=count))
            count -= len(pages[0].items)
        self.history.begin(pages)
        self.is_locked = False
        self.has_unread |= self.conversation.unread_count > 0

    def _page(self, *, before: int | None = None, count: int = PAGE) -> ItemsAnswer:
        limit = min(count, MESSAGES_PER_PAGE_MAX)
        command = AskItems(self.conversation.number, before=before, limit=limit)
        return self._client.ask(command, ItemsAnswer)

    def _touch_replies(self, number: int) -> None:
        """Show what quotes an item as it is now."""
        for item in self.history.items:
            if item.reply is not None and item.reply.number == number:
                self._touch(item.number)

    def _touch(self, number: int) -> None:
        """Show what is known of an item now, wherever it stands; when much happens, by and by."""
        if self._jobs.qsize() > BEHIND:
            self._is_behind = True
            return
        command = AskItems(self.conversation.number, around=number, limit=3)
        try:
            around = self._client.ask(command, ItemsAnswer)
        except UserError as error:
            if error.kind != "not-found":
                raise
            self.history.remove(number)
            return
        item = next((each for each in around.items if each.number == number), None)
        if item is None:
            self.history.remove(number)
        elif self.history.find(number) is None and not self.history.place(item, around):
            self._reload()
        # What stands beside it may say something else now: what it missed is here, for instance.
        for each in around.items:
            self.history.change(each)
