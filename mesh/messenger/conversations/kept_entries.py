"""Entries as they are kept: what they say, and what registers show by them."""

from collections.abc import Iterable
from typing import Literal

from mesh.content.entry import Entry, EntryId, decode_entry
from mesh.content.kinds import Content, Field, Place, content_of, is_known
from mesh.content.register import Value
from mesh.content.retraction import Hide
from mesh.content.settings import Pin, Timer
from mesh.content.text import Edit, Text
from mesh.ids import ConversationId
from mesh.limits.content import FORMER_VERSIONS_MAX
from mesh.messenger.account import Account
from mesh.messenger.conversations.rules import RulesBook
from mesh.storage.vault.registers import WordRow
from mesh.storage.vault.rows import EntryRow

Form = Literal[1, 2]
"""1: the text of a payload of version 1; 2: the bytes of an entry."""


class KeptEntries:
    """All entries of this profile, as they are read again."""

    def __init__(self, account: Account) -> None:
        self._contents = account.vault.contents
        self._registers = account.vault.registers
        self._timers = account.vault.timers
        self.rules = RulesBook(account)

    def entry(self, number: int) -> Entry | None:
        """Return the entry of a number, unless its words are gone or it came as a mere text."""
        kept = self._contents.find(number)
        return decode_entry(kept.data) if kept is not None and kept.form == 2 else None

    def content(self, row: EntryRow) -> Content | None:
        """Return what a valid entry of a known kind says, unless its words are gone."""
        kept = self._contents.find(row.number)
        return None if kept is None else self.read(row, kept.form, kept.data)

    def read(self, row: EntryRow, form: Form, data: bytes) -> Content | None:
        """Return what a valid entry of a known kind says in its words."""
        if not is_known(row.kind) or row.verdict != "valid":
            return None
        if form == 1:
            return Text(data.decode())
        return content_of(decode_entry(data), self.rules.of(row.conversation).place)

    def shown(
        self, conversation: ConversationId, target: bytes, field: Field, holder: bytes = b""
    ) -> list[Value[Content]]:
        """Return the value that a register shows, then what else stands; nothing without values."""
        return self._values(
            conversation, self._registers.standing(conversation, target, field.value, holder)
        )

    def find_shown(
        self, conversation: ConversationId, target: bytes, field: Field, holder: bytes = b""
    ) -> Value[Content] | None:
        """Return the value that a register shows alone; None without values."""
        row = self._registers.find_shown(conversation, target, field.value, holder)
        if row is not None and row.data is None:
            # A damaged disk lost its words: what stands beside it is shown.
            return next(iter(self.shown(conversation, target, field, holder)), None)
        return next(iter(self._values(conversation, [] if row is None else [row])), None)

    def last_words(
        self, conversation: ConversationId, target: bytes, field: Field, holder: bytes = b""
    ) -> list[Value[Content]]:
        """Return the last word of each author, the greatest first."""
        return self._values(
            conversation, self._registers.last_words(conversation, target, field.value, holder)
        )

    def last_words_by_holder(
        self, conversation: ConversationId, target: bytes, field: Field, holders: Iterable[bytes]
    ) -> dict[bytes, list[Value[Content]]]:
        """Return the last words in the register of each of these holders, the greatest first.

        Anybody may write into the register of any key: those of others are not even read.
        """
        held: dict[bytes, list[WordRow]] = {}
        rows = self._registers.last_words_by_holder(conversation, target, field.value, holders)
        for row in rows:
            held.setdefault(row.holder, []).append(row)
        return {holder: self._values(conversation, rows) for holder, rows in held.items()}

    def versions(self, row: EntryRow) -> list[tuple[int, Edit]]:
        """Return the last edits of a text, with their clocks, the oldest first."""
        words = self._registers.versions(
            row.conversation, row.id, author=row.author, limit=FORMER_VERSIONS_MAX + 1
        )
        return [
            (value.clock, value.value)
            for value in self._values(row.conversation, words[::-1])
            if isinstance(value.value, Edit)
        ]

    def is_pinned(self, row: EntryRow) -> bool:
        """Say whether an object is pinned now."""
        shown = self.find_shown(row.conversation, row.id, Field.PIN)
        return shown is not None and isinstance(pin := shown.value, Pin) and pin.is_on

    def timer(self, conversation: ConversationId) -> int:
        """Return the seconds after which what is written now disappears; 0: never.

        Between two, who has no value takes the timer of what the other wrote where something before
        it is missing: that may be the word on the timer. An object behind no gap may have been
        given one by itself; and in a group any writer could set it so, which is for admins.
        """
        shown = self.find_shown(conversation, b"", Field.TIMER)
        if shown is not None:
            content = shown.value
            return content.seconds if isinstance(content, Timer) else 0
        if not self.rules.is_of_two(conversation):
            return 0
        return self._timers.find_behind_gap(conversation) or 0

    def find_hidden(self, row: EntryRow) -> Value[Content] | None:
        """Return the word of an admin by which an object is hidden now, if there is one."""
        if self.rules.of(row.conversation).place is not Place.GROUP:
            return None
        shown = self.find_shown(row.conversation, row.id, Field.HIDDEN)
        is_hidden = shown is not None and isinstance(hide := shown.value, Hide) and hide.is_on
        return shown if is_hidden else None

    def _values(self, conversation: ConversationId, rows: list[WordRow]) -> list[Value[Content]]:
        if not rows:
            return []
        rules = self.rules.of(conversation)
        values = []
        for row in rows:
            if row.data is not None:
                entry = decode_entry(row.data)
                content = content_of(entry, rules.place)
                over = tuple(EntryId(id_) for id_ in entry.over)
                author = rules.key_of(row.author)
                values.append(Value(EntryId(row.id), author, row.clock, over, content))
        return values
