"""The words of members, between the history and the chains of a group.

Implements `docs/protocol/groups.md`. What is said is entries, under the rules of the group; how
they are sealed is `group_posting.py`. Who names an entry as a parent has it, as who says so in a
receipt: so its author learns on how many of the members' devices it is.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec.structs import replace

from mesh.content.entry import OperationId
from mesh.errors import PeerError, UserError
from mesh.group.cuts import KnownEntry
from mesh.group.membership import Change, payer
from mesh.group.payload import SignedEntry
from mesh.ids import ConversationId, Instant, MessageId, VerifyKey
from mesh.messenger.account import Account
from mesh.messenger.conversations.entries import Entries
from mesh.messenger.conversations.group_entries import GroupEntries
from mesh.messenger.conversations.group_rules import GroupRules, Told, ops_of
from mesh.messenger.conversations.history import split_parents
from mesh.messenger.conversations.judging import NewEntry
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.group_answers import GroupAnswers
from mesh.messenger.groups.group_posting import GroupPosting
from mesh.messenger.groups.keepers import Keepers
from mesh.storage.vault.rows import OURSELVES, ConversationRow, EntryRow
from mesh.wire.payload import HLC_COUNTER_BITS

_SECOND_MS = 1_000


class OpenedEntries(Protocol):
    """Entries that were opened in this transaction, until all of them enter the history."""

    def note(self, new: NewEntry) -> None:
        """Take an entry that was opened, perhaps not for the first time."""

    def has(self, new: NewEntry) -> bool:
        """Say whether an entry is here already, or was opened in this transaction."""


class GroupSpeech:
    """Says what our person says in groups, and hears what others say."""

    def __init__(
        self,
        account: Account,
        *,
        keepers: Keepers,
        posting: GroupPosting,
        answers: GroupAnswers,
        entries: Entries,
        group_entries: GroupEntries,
        opened: OpenedEntries,
        dropped: Counter[str],
    ) -> None:
        self._account = account
        self._rows = account.vault.group_people
        self._entry_rows = account.vault.entries
        self._authors = account.vault.authors
        self._pending_events = account.pending_events
        self._groups = keepers.groups
        self._shares = keepers.shares
        self._posting = posting
        self._answers = answers
        self._entries = entries
        self._group_entries = group_entries
        self._opened = opened
        self._history = account.vault.history
        self.dropped = dropped
        self.lacks: Callable[[], None] = lambda: None
        """Told when something is named that is not here."""

        self.own_is_lost: Callable[[Group, EntryRow, Instant], None] = lambda *_: None
        """Told of an entry of ours that somebody has, and this vault has not."""

        self.came: Callable[[Group, EntryRow, Instant], None] = lambda *_: None
        """Told of an entry of somebody else that came, whoever brought it."""

        self.told: Callable[[EntryRow, Sequence[VerifyKey]], Told] = lambda *_: Told()
        self.words: Callable[[EntryRow, Sequence[VerifyKey]], list[Told]] = lambda *_: []
        """The word of members' devices on an entry."""

        self._rules: dict[ConversationId, GroupRules] = {}
        entries.rules.of_group = self.rules
        entries.rules.name_until_then = self._invited_name
        group_entries.post = self._post

    # --- Rules --------------------------------------------------------------------------------

    def rules(self, conversation: ConversationId) -> GroupRules:
        """The rules of a group; LookupError while its beginning is not here."""
        group = self._groups.find(conversation)
        membership = None if group is None else group.membership
        if group is None or membership is None:
            raise LookupError(f"nothing is known of what holds in group {conversation}")
        rules = self._rules.get(conversation)
        if (
            rules is None
            or rules.membership is not membership
            or rules.signing is not group.signing
        ):
            rules = self._rules[conversation] = GroupRules(
                conversation=conversation,
                membership=membership,
                signing=group.signing,
                authors=self._authors,
                names=self._answers.names,
                told=self.told,
                words=self.words,
                label=lambda key: self._answers.find_contact(group, key),
                mark=lambda key: self._answers.mark(group, key),
                find_operation=lambda id_: self._answers.find_operation(group, id_),
            )
        return rules

    def _invited_name(self, conversation: ConversationId) -> str:
        group = self._groups.find(conversation)
        return "" if group is None else group.here.name

    def operations_came(
        self,
        conversation: ConversationId,
        operations: Sequence[OperationId],
        change: Change,
        now: Instant,
        *,
        is_told: bool,
    ) -> None:
        """Operations entered the graph: they stand in the stream, and what was said is judged by
        them. `is_told`: one by one, to who listens.
        """
        self._group_entries.show_operations(conversation, change, now, is_told=is_told)
        self._group_entries.operations_came(conversation, operations, change, now)

    def known(self, conversation: ConversationId, author: VerifyKey) -> list[KnownEntry]:
        """Return the entries of somebody that are here, as a cut sees them."""
        number = self.rules(conversation).number_of(author)
        return [
            KnownEntry(
                run=row.run,
                number=row.seq,
                claimed_ms=row.clock >> HLC_COUNTER_BITS,
                received_ms=row.received * _SECOND_MS,
            )
            for row in self._authors.by_author(conversation, number)
            if row.verdict != "invalid"
        ]

    # --- Out ----------------------------------------------------------------------------------

    def _post(self, conversation: ConversationRow, new: NewEntry, now: Instant) -> EntryRow:
        """Add an entry of ours, and send it: under the epoch in use, or when there is one."""
        group = self._groups.find(conversation.number)
        if group is None or not group.is_in or group.membership is None:
            raise UserError("gone", "You are not in this group any more.")
        state = "queued" if group.chosen() is not None else "waiting-for-keys"
        said = NewEntry(replace(new.row, state=state), new.form, new.data, new.entry, new.signature)
        row = self._entries.add(said, now)
        lifetime = group.membership.settings.lifetime
        signed = SignedEntry(new.data, new.signature)
        self._posting.say(group, signed, row.number, lifetime_class=lifetime, now=now)
        self._posting.flush(group, now)
        return self._entry_rows.message(row.number)

    # --- In -----------------------------------------------------------------------------------

    def said(
        self,
        group: Group,
        author: VerifyKey,
        signed: SignedEntry,
        now: Instant,
        *,
        passed_on_by: VerifyKey | None = None,
    ) -> EntryRow | None:
        """Somebody said something, whoever brought it; return it as it will enter, if it is an
        entry. `passed_on_by`: the member in whose supply it stood.
        """
        try:
            new = self._group_entries.received(group.conversation, author, signed, now)
        except PeerError as error:
            self.dropped[error.reason] += 1
            return None
        if author != group.me and not self._takes(group, author, new, now, passed_on_by):
            self.dropped["something passed on of a member who said too much in a day"] += 1
            return None
        if author == group.me:
            if self._history.find_position(group.conversation, new.row.id) is None:
                self.own_is_lost(group, new.row, now)
        else:
            self._groups.put(group, replace(group.here, spoken=now.mesh))
        self._opened.note(new)
        if author != group.me:
            self._has(group, author, new.row)
            self.came(group, new.row, now)
        membership = group.membership
        if membership is not None and membership.graph.missing(ops_of(new.row)):
            self.lacks()
        return new.row

    def _takes(
        self,
        group: Group,
        author: VerifyKey,
        new: NewEntry,
        now: Instant,
        passed_on_by: VerifyKey | None,
    ) -> bool:
        """Count an entry against its author's day; say whether there is room for it. Whom nobody
        added has no day: what is passed on of him is counted against who passes it on.

        What is here already costs him nothing, or whoever passes it on could use up his day.
        """
        conversation, size = group.conversation, len(new.data)
        if self._opened.has(new):
            return True
        pays = author
        if passed_on_by is not None:
            membership = self.rules(conversation).membership
            pays = payer(membership, author, otherwise=passed_on_by)
            if not self._shares.has_room(conversation, pays, size, now):
                return False
        self._shares.add(conversation, pays, size, now)
        return True

    def _has(self, group: Group, member: VerifyKey, row: EntryRow) -> None:
        """Note that the author of an entry has what it names."""
        for named in (*split_parents(row.parents), MessageId(row.target)):
            found = self._entry_rows.find_by_id(group.conversation, named)
            if found is None and named:
                self.lacks()
            if found is None or found.author != OURSELVES:
                continue
            if self._rows.add_told(found.number, member):
                self._pending_events.message_changed(found.number)
