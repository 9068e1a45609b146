"""Rows of the vault about groups: who we are in each, and its operations.

What follows from the operations stands in no table: a `Membership` is made of the rows when it is
first asked for, in 0.05 s for 2,000, and kept. An operation whose parents are not all here waits
by one of them, at the cost of a row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from mesh.content.entry import OperationId
from mesh.database import Connection
from mesh.errors import PeerError
from mesh.group.membership import Change, Membership
from mesh.group.operations import Create, Operation, decode_operation
from mesh.group.posts import GroupId, SignedPost
from mesh.ids import ConversationId, MessageId, UnixSeconds, VerifyKey
from mesh.storage.vault.rows import Row, all_of, blobs, find_one, insert, insert_numbered

GROUPS: Final = (
    # `seed`: of our member key. `tells_contacts`: those of them who are members recognise us.
    """
    CREATE TABLE groups (
        conversation INTEGER PRIMARY KEY REFERENCES conversations (number),
        id BLOB NOT NULL UNIQUE,
        seed BLOB NOT NULL,
        state TEXT NOT NULL,
        joined INTEGER NOT NULL,
        tells_contacts INTEGER NOT NULL
    ) STRICT
    """,
    # In the order in which they were taken in: parents have lower numbers.
    """
    CREATE TABLE group_operations (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        id BLOB NOT NULL,
        author BLOB NOT NULL,
        post BLOB NOT NULL,
        signature BLOB NOT NULL,
        received INTEGER NOT NULL,
        UNIQUE (conversation, id)
    ) STRICT
    """,
    """
    CREATE TABLE group_waiting (
        number INTEGER PRIMARY KEY,
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        id BLOB NOT NULL,
        author BLOB NOT NULL,
        post BLOB NOT NULL,
        signature BLOB NOT NULL,
        received INTEGER NOT NULL,
        missing BLOB NOT NULL,
        UNIQUE (conversation, id)
    ) STRICT
    """,
    "CREATE INDEX group_waiting_by_missing ON group_waiting (conversation, missing)",
    "CREATE INDEX group_waiting_by_author ON group_waiting (conversation, author)",
)
"""The statements that make the tables. They are part of a migration, and so never change."""

MEMBERSHIP_KIND: Final = 1 << 16
"""The kind of the row by which an operation stands among the entries, to be shown with them. Those
of entries have 16 bits, and their ids 32 bytes: no entry is of this kind, and none names its id.
"""

GroupState = Literal["invited", "joining", "in", "left", "removed", "closed"]

_GROUP: Final = "SELECT conversation, id, seed, state, joined, tells_contacts FROM groups"
_OPERATION: Final = (
    "SELECT number, conversation, id, author, post, signature, received FROM group_operations"
)
_WAITING: Final = (
    "SELECT number, conversation, id, author, post, signature, received, missing FROM group_waiting"
)


def membership_row_id(operation: bytes) -> MessageId:
    """Return the id of the row by which an operation is shown."""
    return MessageId(operation + bytes(1))


class GroupRow(Row, frozen=True):
    """A group, and who we are in it. `joined`: when; 0: not yet."""

    conversation: ConversationId
    id: GroupId
    seed: bytes
    state: GroupState
    joined: UnixSeconds
    tells_contacts: bool


class OperationRow(Row, frozen=True):
    """An operation that was taken in, signed."""

    number: int
    conversation: ConversationId
    id: OperationId
    author: VerifyKey
    post: bytes
    signature: bytes
    received: UnixSeconds

    @property
    def signed(self) -> SignedPost:
        """The post with its author and signature, as it is passed on."""
        return SignedPost(self.author, self.post, self.signature)

    @property
    def operation(self) -> Operation:
        """The operation in its post."""
        return decode_operation(self.author, self.post)


class WaitingRow(Row, frozen=True):
    """An operation that waits for a parent."""

    number: int
    conversation: ConversationId
    id: OperationId
    author: VerifyKey
    post: bytes
    signature: bytes
    received: UnixSeconds
    missing: OperationId


class WaitingTally(Row, frozen=True):
    """The operations of one author that wait: how many, and how long they are together."""

    author: VerifyKey
    count: int
    bytes: int


@dataclass(slots=True)
class _Kept:
    """A membership, and of which rows it was made."""

    membership: Membership
    version: tuple[int, int]


class GroupRows:
    """All groups of this profile."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._kept: dict[ConversationId, _Kept] = {}
        self.changes_count = 0
        """Rises with whatever may change which groups there are, their states and their names."""

    # --- Groups -------------------------------------------------------------------------------

    def changed(self) -> None:
        """There may be another group, or one of another state or name: also by what is kept of it
        elsewhere, or because what was written since a savepoint is gone.
        """
        self.changes_count += 1

    def add(self, row: GroupRow) -> None:
        """Add a group whose conversation is there; its operations come by `take`."""
        self.changed()
        insert(self._connection, "groups", row)

    def find(self, conversation: ConversationId) -> GroupRow | None:
        """The group of a conversation."""
        cursor = self._connection.execute(f"{_GROUP} WHERE conversation = ?", (conversation,))
        return find_one(cursor, GroupRow)

    def find_by_id(self, group: GroupId) -> GroupRow | None:
        """The group with this id."""
        cursor = self._connection.execute(f"{_GROUP} WHERE id = ?", (group,))
        return find_one(cursor, GroupRow)

    def all(self) -> list[GroupRow]:
        """All groups, by the numbers of their conversations."""
        return all_of(self._connection.execute(f"{_GROUP} ORDER BY conversation"), GroupRow)

    def set_state(
        self, conversation: ConversationId, state: GroupState, *, joined: UnixSeconds
    ) -> None:
        """Say what we are to a group, and since when we are in it."""
        self.changed()
        self._connection.execute(
            "UPDATE groups SET state = ?, joined = ? WHERE conversation = ?",
            (state, joined, conversation),
        )

    def set_tells_contacts(self, conversation: ConversationId, *, is_known: bool) -> None:
        """Say whether contacts in a group are to recognise us."""
        self._connection.execute(
            "UPDATE groups SET tells_contacts = ? WHERE conversation = ?", (is_known, conversation)
        )

    def begin_anew(self, row: GroupRow) -> None:
        """Be somebody else in a group; its operations stay."""
        self.changed()
        self._connection.execute(
            "UPDATE groups SET seed = ?, state = ?, joined = ?, tells_contacts = ? "
            "WHERE conversation = ?",
            (row.seed, row.state, row.joined, row.tells_contacts, row.conversation),
        )

    def forget(self, conversation: ConversationId) -> None:
        """Erase a group with all its operations. Its conversation stays."""
        self.changed()
        for table in ("group_waiting", "group_operations", "groups"):
            self._connection.execute(
                f"DELETE FROM {table} WHERE conversation = ?",
                (conversation,),
            )
        self._kept.pop(conversation, None)

    # --- Operations ---------------------------------------------------------------------------

    def membership(self, conversation: ConversationId) -> Membership | None:
        """Return the membership of a group; None while its beginning is not here.

        It is kept, and made anew where the rows are others: a transaction may have failed.
        """
        version = self._version(conversation)
        kept = self._kept.get(conversation)
        if kept is not None and kept.version == version:
            return kept.membership
        self._kept.pop(conversation, None)
        operations = [row.operation for row in self.operations(conversation)]
        if not operations:
            return None
        membership = Membership.of(operations)
        self._keep(conversation, membership)
        return membership

    def operations(self, conversation: ConversationId) -> list[OperationRow]:
        """Return all operations, parents first."""
        cursor = self._connection.execute(
            f"{_OPERATION} WHERE conversation = ? ORDER BY number", (conversation,)
        )
        return all_of(cursor, OperationRow)

    def find_operation(
        self, conversation: ConversationId, operation: OperationId
    ) -> OperationRow | None:
        """The operation with this id, if it was taken in."""
        cursor = self._connection.execute(
            f"{_OPERATION} WHERE conversation = ? AND id = ?", (conversation, operation)
        )
        return find_one(cursor, OperationRow)

    def take(self, group: GroupRow, posts: Sequence[SignedPost], received: UnixSeconds) -> Change:
        """Take in operations that `is_post_valid` and `is_of_group` admit, with what waited for
        them; return what they change. Others wait; what can never count is passed over, and so is
        what does not count where its author has done too much of that.

        PeerError if one is malformed, or another group's beginning: nothing is changed then.
        """
        conversation = group.conversation
        coming = [(each, _decoded(each, group.id)) for each in posts]
        membership = self.membership(conversation)
        here: dict[OperationId, tuple[SignedPost, Operation]] = {}
        while coming:
            signed, operation = coming.pop(0)
            if operation.id in here or (membership and operation.id in membership.graph):
                continue
            known = membership.graph.missing(operation.parents) if membership else operation.parents
            missing = [parent for parent in known if parent not in here]
            if missing:
                self._wait(conversation, signed, operation, missing[0], received)
                continue
            here[operation.id] = signed, operation
            coming += self._woken(conversation, operation.id)
        if not here:
            return Change()
        # What is kept is changed now, and the rows after it: if that fails, it is made anew.
        self._kept.pop(conversation, None)
        self.changed()
        first, *others = (operation for _, operation in here.values())
        if membership is None:
            membership = Membership(first)
            begun = Change(counting=(first.id,))
        else:
            others, begun = [first, *others], Change()
        before = membership.graph.all
        change = membership.add(*others, is_strict=True)
        # Who joins has not all by which these may count, and asks for nothing before.
        new = membership.graph.all & ~before
        if group.state != "joining" and (surplus := membership.surplus(new)):
            membership = membership.without(frozenset(surplus))
        for id_, (signed, operation) in here.items():
            if id_ in membership.graph:
                self._insert(conversation, signed, operation, received)
        self._keep(conversation, membership)
        return replace(change, counting=begun.counting + change.counting)

    def missing(self, conversation: ConversationId) -> list[OperationId]:
        """Return the operations that others wait for, and that do not wait themselves."""
        cursor = self._connection.execute(
            "SELECT DISTINCT missing FROM group_waiting AS child WHERE conversation = ?1 AND NOT "
            "EXISTS (SELECT 1 FROM group_waiting WHERE conversation = ?1 AND id = child.missing) "
            "ORDER BY missing",
            (conversation,),
        )
        return [OperationId(each) for each in blobs(cursor)]

    def waiting(self, conversation: ConversationId) -> list[WaitingTally]:
        """Tell how many operations of each author wait."""
        cursor = self._connection.execute(
            "SELECT author, count(*), sum(length(post)) FROM group_waiting "
            "WHERE conversation = ? GROUP BY author",
            (conversation,),
        )
        return all_of(cursor, WaitingTally)

    def drop_waiting(self, before: UnixSeconds) -> None:
        """Drop what waits and came before then."""
        self._connection.execute("DELETE FROM group_waiting WHERE received <= ?", (before,))

    def _wait(
        self,
        conversation: ConversationId,
        signed: SignedPost,
        operation: Operation,
        missing: OperationId,
        received: UnixSeconds,
    ) -> None:
        row = WaitingRow(
            number=0,
            conversation=conversation,
            id=operation.id,
            author=operation.author,
            post=signed.post,
            signature=signed.signature,
            received=received,
            missing=missing,
        )
        self._connection.execute(
            "DELETE FROM group_waiting WHERE conversation = ? AND id = ?",
            (conversation, operation.id),
        )
        insert_numbered(self._connection, "group_waiting", row)

    def _woken(
        self, conversation: ConversationId, operation: OperationId
    ) -> list[tuple[SignedPost, Operation]]:
        """Take those out of waiting that wait for an operation; they may wait for another one."""
        waiting = all_of(
            self._connection.execute(
                f"{_WAITING} WHERE conversation = ? AND missing = ? ORDER BY number",
                (conversation, operation),
            ),
            WaitingRow,
        )
        self._connection.execute(
            "DELETE FROM group_waiting WHERE conversation = ? AND missing = ?",
            (conversation, operation),
        )
        return [
            (
                SignedPost(row.author, row.post, row.signature),
                decode_operation(row.author, row.post),
            )
            for row in waiting
        ]

    def _insert(
        self,
        conversation: ConversationId,
        signed: SignedPost,
        operation: Operation,
        received: UnixSeconds,
    ) -> None:
        row = OperationRow(
            number=0,
            conversation=conversation,
            id=operation.id,
            author=operation.author,
            post=signed.post,
            signature=signed.signature,
            received=received,
        )
        insert_numbered(self._connection, "group_operations", row)

    def _version(self, conversation: ConversationId) -> tuple[int, int]:
        """Return how many operations there are, and the last number: a transaction that failed
        took both back.
        """
        ((count, last),) = self._connection.execute(
            "SELECT count(*), coalesce(max(number), 0) FROM group_operations "
            "WHERE conversation = ?",
            (conversation,),
        ).fetchall()
        assert isinstance(count, int)
        assert isinstance(last, int)
        return count, last

    def _keep(self, conversation: ConversationId, membership: Membership) -> None:
        self._kept[conversation] = _Kept(membership, self._version(conversation))


def _decoded(signed: SignedPost, group: GroupId) -> Operation:
    operation = decode_operation(VerifyKey(signed.author), signed.post)
    if isinstance(operation.action, Create) and operation.id != bytes(group):
        raise PeerError("another group's beginning")
    return operation
