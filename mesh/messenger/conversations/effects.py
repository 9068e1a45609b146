"""Effects of entries: registers and polls as all values that count make them, and what is shown."""

from mesh.content.check_in import Answer, CheckIn
from mesh.content.entry import Entry, Kind, is_change
from mesh.content.kinds import Content, Field, Place, register_of
from mesh.content.name import Name
from mesh.content.notice import Notice
from mesh.content.poll import Close, Poll, Vote, cut_off
from mesh.content.retraction import Hide, Retract
from mesh.content.settings import Timer
from mesh.content.task import Change, Task
from mesh.content.task import Field as TaskField
from mesh.content.text import Edit, Text
from mesh.ids import Instant
from mesh.limits.content import FORMER_VERSIONS_MAX
from mesh.messenger.account import Account
from mesh.messenger.conversations.at_hand import AtHand, moves
from mesh.messenger.conversations.erasing import Erasing
from mesh.messenger.conversations.judging import Judged
from mesh.messenger.conversations.kept_entries import KeptEntries
from mesh.messenger.conversations.name_lines import NameLines
from mesh.storage.vault.registers import ValueRow
from mesh.storage.vault.rows import EntryRow


class Effects:
    """Lets entries have their effect, and lose it where they count no more."""

    def __init__(self, account: Account, *, kept: KeptEntries, erasing: Erasing) -> None:
        self._changes = account.vault.changes
        self._contents = account.vault.contents
        self._registers = account.vault.registers
        self._pending_events = account.pending_events
        self._kept = kept
        self._name_lines = NameLines(account, kept.rules)
        self.at_hand = AtHand(account, kept=kept)
        self._erasing = erasing

    def take(self, row: EntryRow, judged: Judged, now: Instant) -> None:
        """An entry was judged: let it have its effect, if it has one."""
        content, entry, target = judged.content, judged.entry, judged.target
        if judged.waits == row.target and isinstance(content, Retract):
            # If the object is his, it is taken back; if not, his edits of it are invalid.
            self._contents.erase_kind(
                row.conversation, row.target, kind=Kind.EDIT, author=row.author
            )
        if judged.verdict != "valid" or content is None:
            return
        if row.place and target is None and not is_change(row.kind):
            self._contents.show(row.number, shown_text(content))
            if isinstance(content, Text) and not row.is_mine:
                self._erasing.files.came(row, content.files)
            if isinstance(content, Poll) and (ends := cut_off(content, ())) is not None:
                self._end(row, ends)
            # A text is never open, and what pins it waits until it is here.
            if not isinstance(content, Text):
                self.at_hand.see(row)
            return
        if entry is None or (target is not None and target.gone):
            return
        if isinstance(content, Retract) and target is not None:
            self._erasing.retract(target, now, but=row.number)
        elif not judged.is_apart:
            self.count(row, entry, content, target)
        elif isinstance(content, Name):
            self._name_lines.leave(row)

    def count(
        self,
        row: EntryRow,
        entry: Entry,
        content: Content,
        target: EntryRow | None,
    ) -> None:
        """Let a valid change count, if it does, and tell of what it changes."""
        if isinstance(content, Close) and target is not None:
            self._end(target, content.at)
        elif isinstance(content, Vote) and target is not None and self._is_late(row, target):
            self._changes.set_counted(row.number, is_counted=False)
        elif isinstance(content, Name):
            before = self._name_lines.find_last(row)
            self._set(row, entry, content)
            self._name_lines.settle(row, before)
        else:
            self._set(row, entry, content)
        self._tell(row, content, target)

    def lose(self, row: EntryRow, content: Content, target: EntryRow | None) -> None:
        """A change that counted does so no more."""
        if isinstance(content, Close) and target is not None:
            self._end_anew(target)
        elif isinstance(content, Name):
            before = self._name_lines.find_last(row)
            self._registers.remove(row.number)
            self._name_lines.settle(row, before)
        else:
            self._registers.remove(row.number)
        self._tell(row, content, target)

    def _tell(self, row: EntryRow, content: Content, target: EntryRow | None) -> None:
        if isinstance(content, Timer):
            self._pending_events.conversation_changed(row.conversation)
        if isinstance(content, Name):
            self._pending_events.group_changed(row.conversation)
        if target is not None:
            self._show(target, content)
            if moves(content):
                self.at_hand.see(target)
            self._pending_events.item_changed(target.number)

    def _set(self, row: EntryRow, entry: Entry, content: Content) -> None:
        """Add a value to its register."""
        rules = self._kept.rules.of(row.conversation)
        author = rules.key_of(row.author)
        register = register_of(entry, content, author)
        if register is None:
            return
        holder = register.holder
        if register.field in (Field.REACTION, Field.VOTE):
            # Of whose values each is, its row says.
            holder = b""
        elif isinstance(content, Answer):
            holder = content.subject or author
        value = ValueRow(
            row.number,
            row.conversation,
            register.target,
            register.field.value,
            holder,
            row.author,
            row.clock,
            row.id,
        )
        self._registers.add(value, entry.over)
        # In a group a cut may let the version before count again, however old it is.
        if isinstance(content, Edit) and rules.place is not Place.GROUP:
            for version in self._registers.outdated(value, entry.over, FORMER_VERSIONS_MAX):
                self._contents.erase_version(version)

    # --- Polls --------------------------------------------------------------------------------

    def _is_late(self, vote: EntryRow, poll: EntryRow) -> bool:
        ends = self._registers.find_ends(poll.number)
        return ends is not None and vote.clock >= ends

    def _end(self, poll: EntryRow, ends: int) -> None:
        """Another cut-off, perhaps: votes are in the register, or are not, by the least alone."""
        before = self._registers.find_ends(poll.number)
        if before is None or ends < before:
            self._place_votes(poll, ends)

    def _end_anew(self, poll: EntryRow) -> None:
        """A close counts no more: the least of the others holds."""
        about = self._kept.content(poll)
        if not isinstance(about, Poll):
            return
        closes = [
            content.at
            for row in self._changes.valid(poll.conversation, poll.id, Kind.CLOSE)
            if not row.is_apart and isinstance(content := self._kept.content(row), Close)
        ]
        ends = cut_off(about, closes)
        if ends != self._registers.find_ends(poll.number):
            self._place_votes(poll, ends)

    def _place_votes(self, poll: EntryRow, ends: int | None) -> None:
        """Count the votes of a poll anew that ends at a clock, or does not end."""
        self._registers.set_ends(poll.number, ends)
        self._registers.clear(poll.conversation, poll.id, Field.VOTE.value)
        for row in self._changes.valid(poll.conversation, poll.id, Kind.VOTE):
            if row.is_apart:
                continue
            is_counted = ends is None or row.clock < ends
            self._changes.set_counted(row.number, is_counted=is_counted)
            entry, content = self._kept.entry(row.number), self._kept.content(row)
            if is_counted and entry is not None and content is not None:
                self._set(row, entry, content)

    # --- What is shown ------------------------------------------------------------------------

    def _show(self, target: EntryRow, content: Content) -> None:
        """A change has its effect on the text that is shown of its object, if it can have one."""
        is_title = isinstance(content, Change) and content.field is TaskField.TITLE
        if not (is_title or isinstance(content, Edit | Hide)):
            return
        about = self._kept.content(target)
        if about is None or target.gone:
            return
        if self._kept.find_hidden(target) is not None:
            self._contents.unshow(target.number)
            return
        conversation, id_ = target.conversation, target.id
        if isinstance(about, Task):
            shown = self._kept.find_shown(conversation, id_, Field.TASK, bytes([TaskField.TITLE]))
        else:
            shown = self._kept.find_shown(conversation, id_, Field.TEXT)
        value = None if shown is None else shown.value
        text = shown_text(about)
        if isinstance(value, Edit):
            text = value.text
        elif isinstance(value, Change):
            text = str(value.read())
        self._contents.show(target.number, text)


def shown_text(content: Content) -> str:
    """Return the text of an object: what a list shows of it, and what is searched."""
    match content:
        case Text() | Notice():
            return content.text
        case Poll() | CheckIn():
            return content.question
        case Task():
            return content.title
        case _:
            return ""
