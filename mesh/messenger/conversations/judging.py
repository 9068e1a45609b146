"""Judging entries: whether they are valid, wait for something, and count.

Implements `docs/protocol/entries.md`, section "Validity". The verdict is a function of the set of
entries, and in groups of operations, that are here.
"""

from dataclasses import dataclass, replace

from mesh.content.entry import Entry, Kind, is_change
from mesh.content.fields import InvalidContentError
from mesh.content.kinds import (
    KINDS,
    OBJECTS,
    Content,
    Place,
    Right,
    check_about,
    check_fit,
    content_of,
    is_known,
)
from mesh.content.text import Edit, Text
from mesh.group.rights import deed_of
from mesh.ids import Instant, MessageId
from mesh.limits.group_names import NAME_ENTRY_BYTES_MAX
from mesh.messenger.account import Account
from mesh.messenger.conversations.history import History
from mesh.messenger.conversations.kept_entries import Form, KeptEntries
from mesh.messenger.conversations.rules import Rules
from mesh.storage.vault.rows import EntryRow, Verdict


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry on its way into the history: who wrote it, when, and its words."""

    row: EntryRow
    form: Form
    data: bytes
    entry: Entry | None = None
    """What stands in the bytes of form 2."""

    signature: bytes = b""
    """Its author's, in groups."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The judgement of an entry. `waits`: for which id; `content`: where it is read and kept;
    `is_apart`: it is valid, and does not count.
    """

    verdict: Verdict
    entry: Entry | None = None
    content: Content | None = None
    target: EntryRow | None = None
    waits: bytes | None = None
    is_kept: bool = True
    is_apart: bool = False


_INVALID = Judged("invalid", is_kept=False)


class Judging:
    """Judges entries by what they say, by what they are about, and by the rights of who says it."""

    def __init__(self, account: Account, *, kept: KeptEntries, history: History) -> None:
        self._authors = account.vault.authors
        self._changes = account.vault.changes
        self._kept = kept
        self._history = history

    def judge(self, new: NewEntry, target: EntryRow | None, now: Instant) -> Judged:
        """Judge an entry. `target`: what it is about, if that is here."""
        row, entry = new.row, new.entry
        if entry is None:
            return Judged("valid", content=Text(new.data.decode()))
        rules = self._kept.rules.of(row.conversation)
        waits = rules.waits_for(row, now)
        if not is_known(entry.kind):
            return self._judge_newer(row, entry, rules, target, waits)
        try:
            if entry.ops and rules.place is not Place.GROUP:
                raise InvalidContentError("membership where there are no members")
            content = content_of(entry, rules.place)
            if row.kind == Kind.NAME and len(new.data) > NAME_ENTRY_BYTES_MAX:
                raise InvalidContentError("a name that keeps others from being told")
            if waits is None and not entry.target:
                return self._standing(Judged("valid", entry, content), row, rules)
            if waits is None and target is not None and not _is_awaited(target):
                return self.judge_about(row, entry, content, target)
        except InvalidContentError:
            return _INVALID
        if waits is None and self._has_no_right(row, rules):
            return _INVALID
        return Judged(
            "waiting",
            entry,
            content,
            target,
            waits=waits or entry.target,
            is_kept=self._is_kept(row, target, is_edit=isinstance(content, Edit)),
        )

    def judge_about(
        self, row: EntryRow, entry: Entry, content: Content, target: EntryRow
    ) -> Judged:
        """Judge a change whose object is here, and which waits for nothing else;
        InvalidContentError if it may not be about that.
        """
        rules, kind = self._kept.rules.of(row.conversation), Kind(row.kind)
        _require_object(row, target)
        if target.verdict == "valid":
            check_about(
                entry,
                content,
                author=rules.key_of(row.author),
                target=Kind(target.kind),
                target_author=rules.key_of(target.author),
            )
            is_led = rules.place is Place.GROUP or row.author == target.author
            if KINDS[kind].right is Right.AUTHOR_OR_ADMIN and not is_led:
                raise InvalidContentError("not theirs, and nobody leads two people")
            about = self._kept.content(target)
            if about is not None:
                check_fit(content, about)
        judged = Judged("valid", entry, content, target, is_kept=not target.gone)
        return self._standing(judged, row, rules)

    def judge_wordless(self, row: EntryRow, target: EntryRow | None, now: Instant) -> Judged:
        """Judge a change that waited, and whose words are gone already: with what it is about, or
        since its author takes that back.
        """
        rules = self._kept.rules.of(row.conversation)
        waits = rules.waits_for(row, now)
        if waits is None and not is_known(row.kind):
            return self._standing(Judged("unknown", target=target, is_kept=False), row, rules)
        if waits is not None or target is None or _is_awaited(target):
            return Judged("waiting", target=target, waits=waits or row.target, is_kept=False)
        try:
            _require_object(row, target)
        except InvalidContentError:
            return _INVALID
        return self._standing(Judged("valid", target=target, is_kept=False), row, rules)

    def is_apart(self, row: EntryRow, target: EntryRow | None) -> bool:
        """Say whether a valid entry that was judged before does not count as it is seen now."""
        judged = Judged(row.verdict, target=target)
        return self._standing(judged, row, self._kept.rules.of(row.conversation)).is_apart

    def find_retraction(self, row: EntryRow) -> EntryRow | None:
        """The word of the same author that takes back what a change is about, if it waits for that
        alone.
        """
        return self._changes.find_waiting(
            row.conversation, row.target, Kind.RETRACT, author=row.author
        )

    def _judge_newer(
        self,
        row: EntryRow,
        entry: Entry,
        rules: Rules,
        target: EntryRow | None,
        waits: bytes | None,
    ) -> Judged:
        is_of_gone = is_change(row.kind) and target is not None and bool(target.gone)
        if waits is not None:
            return Judged("waiting", entry, waits=waits, is_kept=not is_of_gone)
        return self._standing(Judged("unknown", entry, is_kept=not is_of_gone), row, rules)

    def _has_no_right(self, row: EntryRow, rules: Rules) -> bool:
        """Say whether it is known without the object that somebody has no right to a change."""
        hangs_on_object = KINDS[Kind(row.kind)].right is Right.AUTHOR_OR_ADMIN
        judged = Judged("valid")
        return not hangs_on_object and self._standing(judged, row, rules).verdict == "invalid"

    def _standing(self, judged: Judged, row: EntryRow, rules: Rules) -> Judged:
        """Return a judgement with what follows from the rights of the author."""
        if rules.place is not Place.GROUP:
            return judged
        is_own_target = judged.target is None or judged.target.author == row.author
        deed = deed_of(Kind(row.kind), is_own_target=is_own_target) if is_known(row.kind) else None
        standing = rules.standing(row, deed, is_twin=self._authors.is_twin(row))
        if standing == "invalid":
            return _INVALID
        return replace(judged, is_apart=standing == "apart")

    def _is_kept(self, row: EntryRow, target: EntryRow | None, *, is_edit: bool) -> bool:
        """Say whether the words are kept of an entry that waits."""
        if not row.target:
            return True
        if target is not None:
            return not target.gone
        # What our person deleted here does not come back, and nothing about it is kept.
        if self._history.has(row.conversation, MessageId(row.target)):
            return False
        return not (is_edit and self.find_retraction(row) is not None)


def _is_awaited(target: EntryRow) -> bool:
    """Say whether an object waits itself; a change is none, whatever its verdict will be."""
    return target.verdict == "waiting" and not is_change(target.kind)


def _require_object(row: EntryRow, target: EntryRow) -> None:
    """Raise InvalidContentError unless a change may be about an entry, as far as rows say it."""
    rules = KINDS[Kind(row.kind)]
    if target.verdict == "invalid" or is_change(target.kind):
        raise InvalidContentError("about no object")
    is_foreign = rules.right is Right.AUTHOR and row.author != target.author
    # A kind of a newer version is an object, and no more is known of it.
    is_other = target.kind not in rules.targets and rules.targets != OBJECTS
    if is_foreign or is_other:
        raise InvalidContentError("about something else")
