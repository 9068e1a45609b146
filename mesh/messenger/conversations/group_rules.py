"""The rules of a group, from its membership.

Implements `docs/protocol/groups.md`, section "What an entry may", for the entries of one group. All
that is said here is a function of the operations that are known and of the entry; only *when*
rights that take long to find are looked for hangs on the day.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from mesh.commands.groups import MembershipAnswer
from mesh.content.entry import OperationId, Scope
from mesh.content.kinds import Place
from mesh.crypto.signing import SigningKey
from mesh.group.graph import Acts
from mesh.group.membership import STRANGERS, Membership, payer
from mesh.group.naming import named_by_entry
from mesh.group.operations import Role
from mesh.group.rights import Deed, Rights, Standing, ends_of, may
from mesh.group.view_budget import ViewBudget
from mesh.ids import ConversationId, Instant, VerifyKey
from mesh.limits.groups import VIEWS_KEPT_MAX
from mesh.messenger.conversations.history import split_ids
from mesh.messenger.conversations.member_names import MemberNames
from mesh.messenger.names import group_name
from mesh.storage.vault.authors import AuthorRows
from mesh.storage.vault.rows import OURSELVES, EntryRow
from mesh.wire.envelope import SECONDS_PER_DAY

WAITS_FOR_TIME: Final = b"time"
"""The thing that an entry waits for whose rights take long to find out; ids have 32 bytes."""


@dataclass(frozen=True, slots=True)
class Told:
    """The word of members' devices on an entry: how many have told that they hold it, how many tell
    nothing, and how many let it be known that it was read. None: that is not known.
    """

    told: int | None = None
    silent: int | None = None
    read: int | None = None


@dataclass(slots=True, eq=False)
class GroupRules:
    """The rules of one group as they stand; `membership` grows in place."""

    conversation: ConversationId
    membership: Membership
    signing: SigningKey = field(repr=False)
    """Our member key."""

    authors: AuthorRows = field(repr=False)
    names: MemberNames = field(repr=False)
    told: Callable[[EntryRow, Sequence[VerifyKey]], Told] = lambda row, members: Told()
    """The receipts of these members for an entry."""

    words: Callable[[EntryRow, Sequence[VerifyKey]], list[Told]] = lambda row, members: []
    """The receipts of each of these members for an entry; none if nothing is known."""

    label: Callable[[VerifyKey], str | None] = lambda key: None
    """The label of a contact who is known to bear a member key."""

    mark: Callable[[VerifyKey], str] = lambda key: ""
    """The digits that are shown beside the name of who could be taken for another; or nothing."""

    find_operation: Callable[[OperationId], MembershipAnswer | None] = lambda id_: None
    """What is told of an operation that is here."""

    _budget: ViewBudget = field(default_factory=ViewBudget)
    _rights: dict[tuple[VerifyKey, Deed | None, bytes], Rights] = field(default_factory=dict)
    _readers: dict[bytes, list[VerifyKey]] = field(default_factory=dict)
    _acts_count: int = 0
    """With so many acts both were found."""

    @property
    def place(self) -> Place:
        """A group."""
        return Place.GROUP

    @property
    def scope(self) -> Scope:
        """The group's id."""
        return Scope(self.membership.graph.group)

    @property
    def me(self) -> VerifyKey:
        """Our member key."""
        return VerifyKey(self.signing.verify_key)

    @property
    def name(self) -> str:
        """The name of the group."""
        return group_name(self.membership.settings.name, self.membership.graph.group)

    # --- Who ----------------------------------------------------------------------------------

    def key_of(self, author: int) -> VerifyKey:
        """Return the key of an author."""
        return self.me if author == OURSELVES else self.authors.author(author).key

    def number_of(self, key: VerifyKey) -> int:
        """Return the number of an author, who gets one if nothing of them was here."""
        if key == self.me:
            return OURSELVES
        row = self.authors.find(self.conversation, key)
        if row is None:
            self.names.drop(self.conversation)
            row = self.authors.add(self.conversation, key, self.own_name(key))
        return row.number

    def is_stranger(self, author: int) -> bool:
        """Say whether an author stands in no add that counts."""
        return author != OURSELVES and payer(self.membership, self.key_of(author)) == STRANGERS

    def people(self, ops: Sequence[OperationId] = ()) -> list[VerifyKey]:
        """Return the members, oneself first; with `ops` those at operations that are here."""
        is_named = bool(ops) and not self.membership.graph.missing(ops)
        members = self.membership.named(ops).members() if is_named else self.membership.members
        return sorted(members, key=lambda key: (key != self.me, members[key].order))

    def find_name(self, key: VerifyKey) -> str | None:
        """Return what somebody is called here who is, or was, a member."""
        label = self.label(key)
        if label is not None:
            return label
        return self.own_name(key) if key in self.membership.graph.people else None

    def readers(self, row: EntryRow) -> list[VerifyKey]:
        """Return who was a member when an entry was written and still is, without its author;
        nobody where a damaged disk lost what it names.
        """
        self._forget_old()
        if self.find_missing(row) is not None:
            return []
        readers = self._readers.get(row.ops)
        if readers is None:
            named = self.membership.named(ops_of(row))
            readers = [key for key in self.membership.members if named.is_in(key)]
            self._readers[row.ops] = readers
        author = self.key_of(row.author)
        return [key for key in readers if key != author]

    def role(self, key: VerifyKey) -> Role | None:
        """Return what a member is now; None: they are none."""
        member = self.membership.members.get(key)
        return None if member is None else member.role

    def own_name(self, key: VerifyKey) -> str:
        """Return what somebody calls themselves here, made safe; nothing of who never was."""
        return self.names.of(self.conversation, self.membership, key)

    def name_before(self, row: EntryRow) -> str:
        """Return what the author of a name was called here before it: by our person, where they are
        a contact, else by themselves.
        """
        key = self.key_of(row.author)
        label = None if row.is_mine else self.label(key)
        return label or self.names.before(row, self.membership, key)

    # --- Before we came -----------------------------------------------------------------------

    def is_from_before(self, row: EntryRow) -> bool:
        """Say whether an entry was written by who did not know that we had been added."""
        graph, coming = self.membership.graph, self._coming()
        ops = ops_of(row)
        return bool(coming) and not graph.missing(ops) and not graph.closure(ops) & coming

    def is_shown_to_us(self, entry: bytes) -> bool:
        """Say whether an entry that is not here is one of the time since we came, as far as who
        added us knew.
        """
        graph = self.membership.graph
        return all(entry not in each.seen for each in graph.operations(self._coming()))

    def _coming(self) -> Acts:
        acts = 0
        for _, act in self.membership.graph.records(self.me):
            acts |= act
        return acts

    # --- What each may ------------------------------------------------------------------------

    def ops_of_next(self, deed: Deed) -> list[OperationId]:
        """Return the operations that an entry of ours names."""
        return list(named_by_entry(self.membership, self.me, deed))

    def may(self, deed: Deed) -> bool:
        """Say whether we may do something now."""
        return may(self.membership.view, self.me, deed)

    def find_missing(self, row: EntryRow) -> OperationId | None:
        """Return the first operation that an entry names and that is not here; None: all are."""
        return next(iter(self.membership.graph.missing(ops_of(row))), None)

    def waits_for(self, row: EntryRow, now: Instant) -> bytes | None:
        """Return the first operation that is not here; else time, where what counts among its
        operations is not known yet, and today's budget of its author is used up.
        """
        ops, missing = ops_of(row), self.find_missing(row)
        if missing is not None:
            return missing
        if self.membership.is_solved(ops):
            return None
        day = now.mesh // SECONDS_PER_DAY
        is_in_time = self._budget.take(payer(self.membership, self.key_of(row.author)), day)
        return None if is_in_time else WAITS_FOR_TIME

    def standing(self, row: EntryRow, deed: Deed | None, *, is_twin: bool) -> Standing:
        """Say whether an entry counts. Of a newer kind it is known that members alone say it."""
        author = self.key_of(row.author)
        asked = author, deed, row.ops
        self._forget_old()
        rights = self._rights.get(asked)
        if rights is None:
            rights = self._rights[asked] = self._found(author, deed, ops_of(row))
        return rights.standing(row.run, row.seq, is_twin=is_twin)

    def solve(self, row: EntryRow) -> None:
        """Find what counts among the operations of an entry that waits for time, unless a damaged
        disk lost one of them meanwhile.
        """
        if self.find_missing(row) is None:
            self.membership.named(ops_of(row))

    def _forget_old(self) -> None:
        """Let go of what was found with fewer operations, or is too much."""
        acts_count = len(self.membership.graph.acts)
        if acts_count != self._acts_count or len(self._rights) >= VIEWS_KEPT_MAX:
            self._rights.clear()
            self._readers.clear()
            self._acts_count = acts_count

    def _found(self, author: VerifyKey, deed: Deed | None, ops: Sequence[OperationId]) -> Rights:
        if deed is not None:
            return self.membership.rights(author, deed, ops)
        graph, counting = self.membership.graph, self.membership.view.acts
        return Rights(
            Deed.CHANGE,
            is_named=self.membership.named(ops).is_in(author),
            is_now=self.membership.now(ops).is_in(author),
            ends=ends_of(graph, author, Role.MEMBER, counting=counting & ~graph.closure(ops)),
        )


def ops_of(row: EntryRow) -> list[OperationId]:
    """Return the operations that an entry names."""
    return [OperationId(id_) for id_ in split_ids(row.ops)]
