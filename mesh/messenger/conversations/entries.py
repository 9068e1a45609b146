"""Entries: what was said or done in a conversation comes in here, is judged, and has its effect.

Implements `docs/protocol/entries.md`. What is shown is a function of the set of entries, and in
groups of membership operations, that are here: no order of arrival, and no clock of this machine,
enters it. What is about something that is not here waits, at the cost of a row; whatever comes is
looked up by those that wait for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec.structs import replace

from mesh.content.entry import (
    Entry,
    EntryId,
    Kind,
    decode_entry,
    entry_id,
    has_place,
    is_change,
)
from mesh.content.kinds import Content, is_known
from mesh.content.poll import Close
from mesh.content.text import Text
from mesh.ids import ConversationId, Instant, MessageId, VerifyKey
from mesh.messenger.account import Account
from mesh.messenger.conversations.effects import Effects
from mesh.messenger.conversations.erasing import Erasing
from mesh.messenger.conversations.history import History
from mesh.messenger.conversations.judging import Judging, NewEntry
from mesh.messenger.conversations.kept_entries import KeptEntries
from mesh.storage.vault.contents import ContentRow
from mesh.storage.vault.rows import OURSELVES, ConversationRow, EntryRow

_RUN_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Statement:
    """Something that our person says or does; its place in the conversation is still to be found.

    `over`: ids of the values that it replaces.
    """

    kind: Kind
    content: Content
    target: bytes = b""
    over: tuple[EntryId, ...] = ()
    timer: int = 0

    @property
    def plain_text(self) -> str | None:
        """The text, if that is all: every version of Mesh reads it."""
        content = self.content
        if isinstance(content, Text) and not self.timer and content == Text(content.text):
            return content.text
        return None


class Entries(KeptEntries):
    """All entries of this profile, as they come in and as they are read again."""

    def __init__(self, account: Account, *, history: History, erasing: Erasing) -> None:
        super().__init__(account)
        self._rows = account.vault.entries
        self._authors = account.vault.authors
        self._changes = account.vault.changes
        self._conversations = account.vault.conversations
        self._entropy = account.entropy
        self._pending_events = account.pending_events
        self._history = history
        history.is_no_head = self._is_no_head
        self._judging = Judging(account, kept=self, history=history)
        self._effects = Effects(account, kept=self, erasing=erasing)
        self.at_hand = self._effects.at_hand
        self.erasing = erasing
        self.stirred_count = 0
        """Entries that may have changed others as they came in."""

    # --- Writing ------------------------------------------------------------------------------

    def compose(
        self,
        conversation: ConversationRow,
        statement: Statement,
        row: EntryRow,
        ops: Iterable[bytes] = (),
    ) -> NewEntry:
        """Return the entry of a statement at the place of `row`, numbered. `ops`: the membership
        operations that it names.
        """
        if conversation.run == 0:
            run = int.from_bytes(self._entropy.draw(_RUN_BYTES), "big") or 1
            self._conversations.set_run(conversation.number, run)
            conversation = replace(conversation, run=run, written_count=0)
        self._conversations.count_written(conversation.number)
        content = statement.content
        if isinstance(content, Close):
            content = Close(max(content.at, row.clock))
        entry = Entry(
            kind=int(statement.kind),
            clock=row.clock,
            run=conversation.run,
            number=conversation.written_count,
            parents=[bytes(row.parents[at : at + 32]) for at in range(0, len(row.parents), 32)],
            ops=[bytes(id_) for id_ in ops],
            target=statement.target,
            over=[bytes(id_) for id_ in statement.over],
            timer=statement.timer,
            content=msgspec.Raw(msgspec.msgpack.encode(content)),
        )
        return self.received(entry.encode(), row if row.is_mine else replace(row, is_mine=True))

    def received(self, data: bytes, row: EntryRow) -> NewEntry:
        """Return the entry in these bytes; PeerError if they are none. `row` says who and when."""
        entry = decode_entry(data)
        rules = self.rules.of(row.conversation)
        new = replace(
            row,
            id=MessageId(entry_id(rules.scope, rules.key_of(row.author), data)),
            parents=b"".join(entry.parents),
            clock=entry.clock,
            position=entry.clock,
            kind=entry.kind,
            run=entry.run,
            seq=entry.number,
            target=entry.target,
            timer=entry.timer,
            ops=b"".join(entry.ops),
        )
        return NewEntry(new, 2, data, entry)

    # --- Coming in ----------------------------------------------------------------------------

    def add(self, new: NewEntry, now: Instant) -> EntryRow:
        """Add an entry that is new in its conversation; return it as it is then."""
        judged = self._judging.judge(new, self._find_target(new.row, now), now)
        place = has_place(new.row.kind) and judged.verdict in ("valid", "unknown")
        row, is_parent = self._history.add(
            replace(
                new.row,
                verdict=judged.verdict,
                waits=judged.waits,
                place=place,
                is_read=new.row.is_read or not place or is_change(new.row.kind),
                is_apart=judged.is_apart,
                is_counted=not judged.is_apart,
            )
        )
        if judged.is_kept and judged.verdict != "invalid":
            self._contents.add(ContentRow(row.number, new.form, new.data, new.signature))
        self._effects.take(row, judged, now)
        is_awaited = self._wake(row, now)
        if row.ops:
            for twin in self._authors.twins(row):
                self._stand(twin, now)
        # Nothing has changed a row that was inserted a moment ago, but what was here before it; and
        # a name moves that of before.
        is_new = row.place and not is_parent and not is_awaited and row.kind != Kind.NAME
        if not is_new or row.ops:
            self.stirred_count += 1
        return row if is_new else self._rows.message(row.number)

    def _find_target(self, row: EntryRow, now: Instant) -> EntryRow | None:
        """The object of a change, judged by what this release knows."""
        if not row.target:
            return None
        target = self._rows.find_by_id(row.conversation, MessageId(row.target))
        if target is not None and target.verdict == "unknown" and is_known(target.kind):
            return self.judge_again(target.number, now)
        return target

    # --- What was judged before ---------------------------------------------------------------

    def operations_came(
        self, conversation: ConversationId, operations: Iterable[bytes], now: Instant
    ) -> list[EntryRow]:
        """Judge what waited for operations that are here now; return the objects that stand in the
        stream since then.
        """
        placed: list[EntryRow] = []
        for id_ in operations:
            for row in self._changes.waiting_for(conversation, id_):
                if row.verdict in ("valid", "unknown"):
                    self._found_again(row, now)
                    continue
                woken = self.judge_waiting(row, now)
                if woken.place:
                    placed.append(woken)
        return [self._rows.message(row.number) for row in placed]

    def standing_changed(
        self, conversation: ConversationId, keys: Iterable[VerifyKey] | None, now: Instant
    ) -> None:
        """Operations came: see anew whose entries count. `keys`: of whom; None: of everybody."""
        me = self.rules.of(conversation).key_of(OURSELVES)
        authors = {me: OURSELVES} | {row.key: row.number for row in self._authors.of(conversation)}
        for author in authors.values() if keys is None else _of_keys(authors, keys):
            for row in self._authors.by_author(conversation, author):
                self._stand(row, now)

    def judge_again(self, number: int, now: Instant) -> EntryRow:
        """Judge an entry that came when its kind was one of a newer version; return it as it is
        then.
        """
        row, kept = self._rows.message(number), self._contents.find(number)
        is_judged = row.verdict != "unknown" or not is_known(row.kind) or row.waits is not None
        if is_judged or kept is None:
            # Where its words are gone, there is nothing to be judged.
            return row
        new = NewEntry(row, kept.form, kept.data, decode_entry(kept.data))
        judged = self._judging.judge(new, self._find_target(row, now), now)
        self._changes.judge(row.number, judged.verdict, judged.waits, is_apart=judged.is_apart)
        self._judged(replace(row, verdict=judged.verdict))
        if judged.verdict == "invalid":
            self._contents.erase_invalid(row.number, row.conversation, row.id)
        elif not judged.is_kept:
            self._contents.erase_one(row.number, judged.target.gone if judged.target else "")
        self._effects.take(replace(row, verdict=judged.verdict), judged, now)
        if row.place:
            self._pending_events.item_changed(row.number)
        return self._rows.message(row.number)

    def _judged(self, row: EntryRow) -> None:
        if self.rules.find_group(row.conversation) is not None:
            self._history.judged(row)

    def _is_no_head(self, row: EntryRow) -> bool:
        """Say whether an entry of a group is one that nobody is given: it is invalid, or waits and
        is by somebody whom nobody added. Who names it as a parent names what others never get.
        """
        if row.is_mine or row.verdict in ("valid", "unknown"):
            return False
        rules = self.rules.find_group(row.conversation)
        if rules is None:
            return False
        return row.verdict == "invalid" or rules.is_stranger(row.author)

    def _wake(self, came: EntryRow, now: Instant) -> bool:
        """Judge what waited for an entry; return whether anything did."""
        waiting = self._changes.waiting_for(came.conversation, came.id)
        for row in waiting:
            self.judge_waiting(row, now)
        return bool(waiting)

    def judge_waiting(self, row: EntryRow, now: Instant) -> EntryRow:
        """Judge an entry that waited for something which is here now; return it as it is then."""
        target, kept = self._find_target(row, now), self._contents.find(row.number)
        if kept is None:
            judged = self._judging.judge_wordless(row, target, now)
        else:
            new = NewEntry(row, kept.form, kept.data, decode_entry(kept.data), kept.signature)
            judged = self._judging.judge(new, target, now)
        self._changes.judge(row.number, judged.verdict, judged.waits, is_apart=judged.is_apart)
        self._judged(replace(row, verdict=judged.verdict))
        if judged.verdict == "invalid" or not judged.is_kept:
            self._contents.erase_one(row.number, target.gone if target is not None else "")
        if has_place(row.kind) and judged.verdict in ("valid", "unknown"):
            row = self._history.placed(self._rows.message(row.number))
        row = replace(row, verdict=judged.verdict, waits=judged.waits, is_apart=judged.is_apart)
        self._effects.take(row, judged, now)
        if judged.verdict != "waiting" and not is_change(row.kind):
            self._wake(row, now)
        return self._rows.message(row.number) if row.kind == Kind.NAME else row

    def _found_again(self, row: EntryRow, now: Instant) -> None:
        """An operation is here again that a damaged disk had lost. An entry that names it has
        counted meanwhile as it was judged before; once it names nothing else that is lost, it
        counts as any.
        """
        lost = self.rules.of_group(row.conversation).find_missing(row)
        self._changes.set_waits(row.number, lost)
        if lost is None:
            self._stand(self.judge_again(row.number, now), now)

    def _stand(self, row: EntryRow, now: Instant) -> None:
        """See anew whether an entry counts; it has its effect, or loses it."""
        if row.verdict not in ("valid", "unknown") or row.waits is not None:
            return
        target = self._find_target(row, now)
        is_apart = self._judging.is_apart(row, target)
        if is_apart == row.is_apart:
            return
        self._changes.set_apart(row.number, is_apart=is_apart)
        if row.place:
            self._pending_events.item_changed(row.number)
        entry, content = self.entry(row.number), self.content(row)
        if entry is None or content is None or not is_change(row.kind):
            return
        if target is not None and target.gone:
            return
        if is_apart:
            self._effects.lose(row, content, target)
        else:
            self._effects.count(row, entry, content, target)


def _of_keys(authors: Mapping[VerifyKey, int], keys: Iterable[VerifyKey]) -> list[int]:
    return [authors[key] for key in dict.fromkeys(keys) if key in authors]
