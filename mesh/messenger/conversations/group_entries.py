"""Entries of groups: signed by their authors, under the rules of their members.

Implements `docs/protocol/entries.md`. An entry comes with its author's signature, which is kept, so
that any member can pass it on. What an entry may hangs on operations: when some come, what waited
for them is judged, and what was judged before is counted anew.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from msgspec.structs import replace as replace_row

from mesh.content.entry import EntryId, Kind, entry_id, signed_bytes
from mesh.crypto.signing import is_signature_valid
from mesh.errors import PeerError, UserError
from mesh.group.membership import Change, remover
from mesh.group.payload import SignedEntry
from mesh.group.rights import deed_of
from mesh.ids import ConversationId, Instant, MessageId, Monotonic, UnixSeconds, VerifyKey
from mesh.limits.content import HIDDEN_KEPT_SECONDS
from mesh.limits.groups import GROUP_ENTRY_BYTES_MAX, VIEW_PAUSE_MS
from mesh.messenger.account import Account
from mesh.messenger.conversations.entries import Entries, Statement
from mesh.messenger.conversations.group_rules import WAITS_FOR_TIME, GroupRules
from mesh.messenger.conversations.history import Ancestry, History, row_of_own
from mesh.messenger.conversations.judging import NewEntry
from mesh.messenger.conversations.message_pages import MessagePages
from mesh.messenger.feature import Chore, Feature
from mesh.storage.vault.groups import MEMBERSHIP_KIND, membership_row_id
from mesh.storage.vault.rows import OURSELVES, ConversationRow, EntryRow


class GroupEntries:
    """The entries of groups, as they come in and go out."""

    def __init__(
        self, account: Account, *, history: History, entries: Entries, message_pages: MessagePages
    ) -> None:
        self._rows = account.vault.entries
        self._changes = account.vault.changes
        self._contents = account.vault.contents
        self._registers = account.vault.registers
        self._conversations = account.vault.conversations
        self._groups = account.vault.groups
        self._pending_events = account.pending_events
        self._history = history
        self.entries = entries
        self._message_pages = message_pages
        self._next_view = Monotonic(0)
        self.post: Callable[[ConversationRow, NewEntry, Instant], EntryRow] = _nowhere
        """Adds an entry of ours, and sends it to the members; answers with its row."""

        self.before_writing: Callable[[ConversationId, Instant], None] = lambda *_: None
        """Says first what belongs before an entry of ours."""

    def feature(self) -> Feature:
        """Judge what waits for time, and erase what is hidden for long."""
        return Feature(chores=[Chore(self._judge_one)], cleanups=[self._erase_hidden])

    # --- Out ----------------------------------------------------------------------------------

    def write(
        self,
        conversation: ConversationRow,
        statement: Statement,
        *,
        now: Instant,
        send_key: str | None = None,
    ) -> EntryRow:
        """Write an entry and send it; UserError if our person has no right to it."""
        rules = self.entries.rules.find_group(conversation.number)
        if rules is None:
            raise UserError("not-allowed", "You are not in this group yet.")
        target = self._rows.find_by_id(conversation.number, MessageId(statement.target))
        is_own_target = target is None or target.author == OURSELVES
        deed = deed_of(statement.kind, is_own_target=is_own_target)
        if not rules.may(deed):
            raise UserError("not-allowed", self._why_not(rules))
        if statement.kind is not Kind.NAME:
            self.before_writing(conversation.number, now)
        # Whoever writes several in a row has the number of the first.
        conversation = self._conversations.conversation(conversation.number)
        place = self._history.ancestry_of_next(conversation.number, now.mesh_ms)
        row = row_of_own(conversation.number, place, now)
        new = self.entries.compose(
            conversation,
            statement,
            replace_row(row, send_key=send_key),
            ops=rules.ops_of_next(deed),
        )
        signature = rules.signing.sign(signed_bytes(EntryId(new.row.id)))
        return self.post(conversation, replace(new, signature=signature), now)

    def _why_not(self, rules: GroupRules) -> str:
        """Say why our person has no right to do something in a group."""
        row = self._groups.find(rules.conversation)
        if row is not None and row.state == "left":
            return f"You left {rules.name}."
        if row is not None and row.state == "removed":
            key = remover(rules.membership, rules.me)
            by = None if key is None else rules.find_name(key)
            return f"You were removed from {rules.name}" + (f" by {by}." if by else ".")
        if rules.membership.settings.closed == "yes":
            return f"{rules.name} is closed: nobody writes in it."
        return f"In {rules.name} that is not for you to do."

    def find_signed(self, row: EntryRow) -> SignedEntry | None:
        """Return an entry as it is passed on; None if its words are gone."""
        kept = self._contents.find(row.number)
        return None if kept is None or row.gone else SignedEntry(kept.data, kept.signature)

    def key_of(self, row: EntryRow) -> VerifyKey:
        """Return the member key of an entry's author."""
        return self.entries.rules.of_group(row.conversation).key_of(row.author)

    def id_of(self, conversation: ConversationId, author: bytes, entry: bytes) -> EntryId:
        """Return the id of an entry, whoever brought it."""
        scope = self.entries.rules.of_group(conversation).scope
        return entry_id(scope, VerifyKey(author), entry)

    # --- In -----------------------------------------------------------------------------------

    def received(
        self, conversation: ConversationId, author: VerifyKey, signed: SignedEntry, now: Instant
    ) -> NewEntry:
        """Return an entry of a member, whoever brought it; PeerError if it is none, or not his."""
        if len(signed.entry) > GROUP_ENTRY_BYTES_MAX:
            raise PeerError("an entry that is too long to be passed on")
        rules = self.entries.rules.of_group(conversation)
        id_ = self.id_of(conversation, author, signed.entry)
        if not is_signature_valid(author, signed_bytes(id_), signed.signature):
            raise PeerError("an entry that its author did not sign")
        # One of ours that comes is one that a member has.
        row = replace_row(row_of_own(conversation, Ancestry([], 0), now), state="delivered")
        if author != rules.me:
            row = replace_row(
                row,
                is_mine=False,
                is_read=False,
                author=rules.number_of(author),
                state="received",
            )
        new = self.entries.received(signed.entry, row)
        if rules.is_from_before(new.row) and not new.row.timer:
            # It is there to be read, and no news. Only reading lets the time of others run.
            new = replace(new, row=replace_row(new.row, is_read=True))
        return replace(new, signature=signed.signature)

    def operations_came(
        self,
        conversation: ConversationId,
        operations: Iterable[bytes],
        change: Change,
        now: Instant,
    ) -> None:
        """Operations entered the membership, with what they changed: judge what waited for them,
        and see anew whose entries count.
        """
        placed = self.entries.operations_came(conversation, operations, now)
        whose = None if change.is_everybody else change.whose
        self.entries.standing_changed(conversation, whose, now)
        self._tell(placed)

    def show_operations(
        self, conversation: ConversationId, change: Change, now: Instant, *, is_told: bool
    ) -> None:
        """Let operations that count stand among what was said. One that came to count no more
        stays, and says so. `is_told`: each is told of as it comes.
        """
        rules, shown = self.entries.rules.of_group(conversation), []
        graph = rules.membership.graph
        for id_ in change.counting:
            row_id = membership_row_id(id_)
            if self._history.has(conversation, row_id):
                continue
            (operation,) = graph.operations(graph.acts_of(id_))
            row = EntryRow(
                number=0,
                conversation=conversation,
                id=row_id,
                is_mine=operation.author == rules.me,
                parents=b"",
                clock=operation.clock,
                position=graph.positions[id_],
                received=now.mesh,
                state="received",
                is_read=True,
                kind=MEMBERSHIP_KIND,
                author=rules.number_of(operation.author),
            )
            shown.append(self._rows.insert(row))
        new = {row.id for row in shown}
        for id_ in (*change.counting, *change.void):
            found = self._rows.find_by_id(conversation, membership_row_id(id_))
            if found is not None and found.id not in new:
                self._pending_events.item_changed(found.number)
        if is_told:
            self._tell(shown)

    # --- Put off ------------------------------------------------------------------------------

    def _judge_one(self, now: Instant) -> None:
        """Find out what one entry may that names operations in a way that is new here, beyond
        its author's share of the day. The pause lets it take a hundredth of the time.
        """
        if now.monotonic < self._next_view:
            return
        row = self._changes.find_first_waiting(WAITS_FOR_TIME)
        if row is None:
            return
        self._next_view = now.after(VIEW_PAUSE_MS)
        self.entries.rules.of_group(row.conversation).solve(row)
        woken = self.entries.judge_waiting(row, now)
        self._tell([woken] if woken.place else [])

    def _erase_hidden(self, now: Instant) -> None:
        """Erase what an admin has hidden for a week: until then his removal may undo it. The week
        begins here, where expiry time is steady: before that nobody knows how late it is. It is
        that of the word that stands: an older one may have been undone since.
        """
        self._registers.count_hidden(now.expiry)
        before = UnixSeconds(now.expiry - HIDDEN_KEPT_SECONDS)
        for row in self._registers.hidden_before(before):
            hidden = self.entries.find_hidden(row)
            if hidden is not None and self._registers.counts_before(
                row.conversation, MessageId(hidden.id), before
            ):
                self.entries.erasing.hide(row)

    def _tell(self, placed: Iterable[EntryRow]) -> None:
        for row in placed:
            self._message_pages.tell_added(self._rows.message(row.number))


def _nowhere(conversation: ConversationRow, new: NewEntry, now: Instant) -> EntryRow:
    raise UserError("not-allowed", "Nothing can be sent to this group.")
