"""Answers about single items: what is told of one, in the words of the API."""

from typing import Final, Literal

from mesh.commands.devices import DevicesAnswer
from mesh.commands.items import (
    EditedAnswer,
    Gone,
    ItemAnswer,
    Mark,
    MarkKind,
    MentionAnswer,
    NoticeAnswer,
    PersonAnswer,
    ReactionAnswer,
    ReaderAnswer,
    RenamedAnswer,
    ReplyAnswer,
    RetractionAnswer,
)
from mesh.commands.messages import AuthorAnswer, MessageAnswer
from mesh.content.check_in import CheckIn
from mesh.content.entry import ID_BYTES, Kind, OperationId, is_change
from mesh.content.kinds import Content, Field
from mesh.content.name import Name
from mesh.content.notice import Notice
from mesh.content.poll import Poll
from mesh.content.reaction import React
from mesh.content.register import Value
from mesh.content.settings import Timer
from mesh.content.task import Task
from mesh.content.text import Edit, Style, Text, shown_marks
from mesh.ids import (
    ConversationId,
    Instant,
    MessageId,
    Monotonic,
    UnixSeconds,
    VerifyKey,
    other_side,
)
from mesh.limits.api import REPLY_CHARACTERS_SHOWN
from mesh.limits.messages import CLOCK_AHEAD_SECONDS_SHOWN, CLOCK_BEHIND_SECONDS_SHOWN
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import NOTE_TO_SELF, Contacts
from mesh.messenger.conversations.effects import shown_text
from mesh.messenger.conversations.entries import Entries
from mesh.messenger.conversations.folding import Folding
from mesh.messenger.conversations.group_rules import Told
from mesh.messenger.conversations.history import unix_seconds_of
from mesh.messenger.conversations.labels import Labels
from mesh.messenger.names import member_name
from mesh.messenger.sessions.transit import ON_ITS_WAY
from mesh.storage.vault.groups import MEMBERSHIP_KIND
from mesh.storage.vault.rows import OURSELVES, EntryRow
from mesh.storage.vault.shown import ShownRow

KIND_NAMES: Final = {
    int(Kind.TEXT): "text",
    int(Kind.POLL): "poll",
    int(Kind.CHECK_IN): "check-in",
    int(Kind.TASK): "task",
    int(Kind.NOTICE): "notice",
    int(Kind.TIMER): "timer",
    int(Kind.NAME): "name",
}
STYLE_NAMES: Final[dict[Style, MarkKind]] = {
    Style.BOLD: "bold",
    Style.ITALIC: "italic",
    Style.STRUCK: "struck",
    Style.CODE: "code",
    Style.BLOCK: "block",
    Style.QUOTE: "quote",
}


class ItemAnswers:
    """Says what is known of an item."""

    def __init__(self, account: Account, *, contacts: Contacts, entries: Entries) -> None:
        vault = account.vault
        self._rows = vault.entries
        self._history = vault.history
        self._changes = vault.changes
        self._contents = vault.contents
        self._registers = vault.registers
        self._shown = vault.shown
        self._contacts = contacts
        self._entries = entries
        self._files = entries.erasing.files.answers
        self.labels = Labels(account, contacts, entries.rules)
        self.folding = Folding(account, entries=entries, labels=self.labels)
        self.now = Instant(Monotonic(0), 0)
        """The time of what is being done: by it polls and notices are over."""

        self._told: tuple[ItemAnswer, MessageAnswer] | None = None
        self._with_oneself = vault.conversations.with_oneself().number

    def message(self, item: ItemAnswer) -> MessageAnswer:
        """Return what is told of a text, to a program that knows messages only."""
        if self._told is not None and self._told[0] is item:
            # The same for event and caller.
            return self._told[1]
        self._told = item, self._message(item)
        return self._told[1]

    def forget_told(self) -> None:
        """Keep no words of what was told: event and caller have had it."""
        self._told = None

    def _message(self, item: ItemAnswer) -> MessageAnswer:
        number = ConversationId(item.conversation)
        group = self._entries.rules.find_group(number)
        is_of_two = number != self._with_oneself and group is None
        alone = NOTE_TO_SELF if group is None else group.name
        return MessageAnswer(
            contact=other_side(number) if is_of_two else 0,
            label=self._contacts.label(other_side(number)) if is_of_two else alone,
            number=item.number,
            id=item.id,
            conversation=item.conversation,
            author=item.author,
            is_mine=item.author.is_mine,
            text=item.text,
            sent=item.sent,
            received=item.received,
            state=item.state,
            carriers=item.carriers,
            exported=item.exported,
            is_late=item.is_late,
            missing_count=item.missing_count,
            clock=item.clock,
            kept_until=item.kept_until,
            posts_count=item.posts_count,
            unanswered_since=item.unanswered_since,
            is_invite_closed=item.is_invite_closed,
        )

    def item(self, row: EntryRow) -> ItemAnswer:
        """Return what is told of an item."""
        if row.kind == MEMBERSHIP_KIND:
            return self._membership(row)
        now, sent = self.now, unix_seconds_of(row.clock)
        is_on_its_way = row.is_mine and row.state in ON_ITS_WAY
        known = self._shown.of(row, is_on_its_way=is_on_its_way)
        content, hidden = None, None
        if not row.gone and known.is_changed:
            hidden = self._entries.find_hidden(row)
        if not row.gone and hidden is None and known.form is not None and known.data is not None:
            content = self._entries.read(row, known.form, known.data)
        # Of most items nothing was changed: nobody has to look for each of their registers.
        is_changed = not row.gone and known.is_changed and hidden is None
        edits = self._edits(row) if is_changed and isinstance(content, Text) else []
        words = _words(content, edits)
        mentions = [] if words is None else words.mentions
        return ItemAnswer(
            number=row.number,
            conversation=row.conversation,
            id=row.id.hex(),
            kind=KIND_NAMES.get(row.kind, "newer"),
            author=self.labels.author(row),
            sent=sent,
            received=row.received,
            state=row.state,
            carriers=row.carriers,
            exported=known.exported,
            is_late=row.is_late,
            missing_count=self._missing_count(row, known.missing_count),
            clock="" if row.is_mine else _clock(sent, row.received),
            unanswered_since=known.unanswered_since,
            is_invite_closed=known.is_invite_closed,
            # A vault that was saved from a damaged disk may have the one or the other.
            text=known.text or _text_of(content, words),
            kept_until=known.kept_until,
            posts_count=known.posts_count,
            gone="hidden" if hidden is not None else _gone(row) or _lost(known),
            marks=[] if words is None else marks_of(words),
            mentions=[
                MentionAnswer(
                    start=one.start,
                    length=one.length,
                    key=one.key.hex(),
                    label=label,
                    mark=self.labels.mark(row.conversation, one.key),
                )
                for one in mentions
                if (label := self.labels.find(row.conversation, one.key)) is not None
                and one.start + one.length <= len("" if words is None else words.text)
            ],
            reply=self._reply(row, content),
            forwarded=content.forwarded if isinstance(content, Text) else None,
            files=self._files.of_item(row) if isinstance(content, Text) and content.files else [],
            edited=self._edited(row, edits) if edits else None,
            reactions=self._reactions(row) if is_changed else [],
            is_pinned=is_changed and self._entries.is_pinned(row),
            timer=row.timer,
            disappears=self._entries.erasing.shown_end(row, now),
            sets_timer=content.seconds if isinstance(content, Timer) else None,
            renamed=self._renamed(row, content),
            retraction=self._retraction(row),
            is_apart=row.is_apart,
            devices=self._devices(row),
            hidden=None if hidden is None else self._person(row.conversation, hidden.author),
            poll=self.folding.poll(row, content, now.mesh_ms)
            if isinstance(content, Poll)
            else None,
            check_in=(
                self.folding.check_in(row, content, now.mesh)
                if isinstance(content, CheckIn)
                else None
            ),
            task=self.folding.task(row, content) if isinstance(content, Task) else None,
            notice=_notice(content, now.mesh) if isinstance(content, Notice) else None,
        )

    def author(self, row: EntryRow) -> AuthorAnswer:
        """Return who wrote an entry."""
        return self.labels.author(row)

    def _membership(self, row: EntryRow) -> ItemAnswer:
        """Return what is told of an operation of a group, which has no words of its own."""
        group, id_ = self._entries.rules.find_group(row.conversation), row.id[:ID_BYTES]
        return ItemAnswer(
            number=row.number,
            conversation=row.conversation,
            id=id_.hex(),
            kind="membership",
            author=self.labels.author(row),
            sent=unix_seconds_of(row.clock),
            received=row.received,
            state=row.state,
            carriers=0,
            is_late=False,
            missing_count=0,
            clock="",
            text="",
            membership=None if group is None else group.find_operation(OperationId(id_)),
        )

    # --- Parts of an answer -------------------------------------------------------------------

    def _edits(self, row: EntryRow) -> list[Value[Content]]:
        """Return the edit of a text that is shown, then what else stands; nothing without one."""
        return self._entries.shown(row.conversation, row.id, Field.TEXT)

    def _missing_count(self, row: EntryRow, count: int) -> int:
        """Return how many parents are missed: not those of the time before we came to a group."""
        group = self._entries.rules.find_group(row.conversation) if count else None
        if group is None:
            return count
        if group.is_from_before(row):
            return 0
        return sum(map(group.is_shown_to_us, self._history.missing_parents(row.number)))

    def _edited(self, row: EntryRow, edits: list[Value[Content]]) -> EditedAnswer:
        count = self._registers.count(row.conversation, row.id, Field.TEXT.value)
        shown = self._rows.find_by_id(row.conversation, MessageId(edits[0].id))
        received = 0 if shown is None or shown.is_mine else shown.received
        return EditedAnswer(count=count, at=unix_seconds_of(edits[0].clock), received=received)

    def _reactions(self, row: EntryRow) -> list[ReactionAnswer]:
        chosen: dict[str, list[VerifyKey]] = {}
        words = self._entries.last_words(row.conversation, row.id, Field.REACTION)
        for word in sorted(words, key=lambda value: value.rank):
            if isinstance(word.value, React):
                for emoji in word.value.emoji:
                    chosen.setdefault(emoji, []).append(word.author)
        return [
            ReactionAnswer(
                emoji=emoji,
                count=len(by),
                is_mine=self.labels.me(row.conversation) in by,
                who=self.labels.named(row.conversation, by),
            )
            for emoji, by in chosen.items()
        ]

    def _reply(self, row: EntryRow, content: Content | None) -> ReplyAnswer | None:
        if not isinstance(content, Text) or not content.reply:
            return None
        return self.quote(row.conversation, MessageId(content.reply))

    def quote(self, conversation: ConversationId, id_: MessageId) -> ReplyAnswer:
        """Return what is told of an item where another one replies to it."""
        to = self._rows.find_by_id(conversation, id_)
        if to is None or not to.place or is_change(to.kind):
            gone: Gone = "" if to is None or is_change(to.kind) else _gone(to)
            return ReplyAnswer(number=0, id=id_.hex(), author=None, text="", gone=gone)
        return ReplyAnswer(
            number=to.number,
            id=id_.hex(),
            author=self.labels.author(to),
            text=self._contents.text(to.number)[:REPLY_CHARACTERS_SHOWN],
            gone=_gone(to) if self._entries.find_hidden(to) is None else "hidden",
            timer=to.timer,
        )

    def _retraction(self, row: EntryRow) -> RetractionAnswer | None:
        if not row.is_mine or row.gone != "retracted":
            return None
        last = self._changes.find_last(row.conversation, row.id, Kind.RETRACT, author=OURSELVES)
        if last is None:
            return None
        return RetractionAnswer(
            state=last.state, carriers=last.carriers, devices=self._devices(last)
        )

    def _devices(self, row: EntryRow) -> DevicesAnswer | None:
        """Return how far an entry of ours came in a group."""
        group = self._entries.rules.find_group(row.conversation) if row.is_mine else None
        if group is None or row.verdict != "valid":
            return None
        readers = group.readers(row)
        told = group.told(row, readers)
        return DevicesAnswer(told=told.told, of=len(readers), silent=told.silent, read=told.read)

    def readers(self, row: EntryRow) -> list[ReaderAnswer]:
        """Return whom the devices of an entry of ours count, and what each is known to hold."""
        group = self._entries.rules.find_group(row.conversation) if row.is_mine else None
        if group is None or row.verdict != "valid":
            return []
        answers = []
        keys = group.readers(row)
        for key, word in zip(keys, group.words(row, keys) or [Told()] * len(keys), strict=True):
            label = self.labels.label(row.conversation, key)
            answers.append(
                ReaderAnswer(
                    key=key.hex(),
                    label=label,
                    mark=self.labels.mark(row.conversation, key),
                    is_told=bool(word.told),
                    is_silent=bool(word.silent),
                    is_read=bool(word.read),
                )
            )
        return answers

    def _renamed(self, row: EntryRow, content: Content | None) -> RenamedAnswer | None:
        if not isinstance(content, Name):
            return None
        group = self._entries.rules.find_group(row.conversation)
        if group is None:
            return None
        name = member_name(content.name, group.key_of(row.author))
        return RenamedAnswer(name=name, before=group.name_before(row))

    def _person(self, conversation: ConversationId, key: VerifyKey) -> PersonAnswer:
        return self.labels.person(conversation, key)


def _lost(known: ShownRow) -> Gone:
    """Return why an item has no words that nobody erased, if nothing is left of them."""
    return "lost" if known.form is None and not known.text else ""


def _text_of(content: Content | None, words: Edit | None) -> str:
    """Return the text of an item by what it says itself."""
    if words is not None:
        return words.text
    return "" if content is None else shown_text(content)


def _words(content: Content | None, edits: list[Value[Content]]) -> Edit | None:
    """Return the words of a text as they are shown now."""
    if not isinstance(content, Text):
        return None
    value = edits[0].value if edits else None
    return value if isinstance(value, Edit) else content.first


def marks_of(words: Edit) -> list[Mark]:
    """Return the spans of a text that are shown."""
    return [
        Mark(kind=STYLE_NAMES[Style(mark.style)], start=mark.start, length=mark.length)
        for mark in shown_marks(words)
    ]


def _gone(row: EntryRow) -> Gone:
    return row.gone or ("newer" if row.verdict == "unknown" else "")


def _notice(notice: Notice, mesh_s: int) -> NoticeAnswer:
    is_over = 0 < notice.until <= mesh_s
    return NoticeAnswer(
        text=notice.text, until=notice.until, is_urgent=notice.is_urgent, is_over=is_over
    )


def _clock(sent: UnixSeconds, received: UnixSeconds) -> Literal["", "ahead", "behind"]:
    """Say whether a message can only have been written by a clock that is wrong, and which way."""
    if sent > received + CLOCK_AHEAD_SECONDS_SHOWN:
        return "ahead"
    return "behind" if received - sent > CLOCK_BEHIND_SECONDS_SHOWN else ""
