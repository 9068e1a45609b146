"""Rows of the vault about the people of groups, and about what waits to be sealed for them.

A group is named by its conversation. Its operations are in `groups.py`, its keys in
`group_keys.py`.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from mesh.database import Connection
from mesh.group.cuts import RunHad
from mesh.ids import ContactId, ConversationId, UnixSeconds, VerifyKey
from mesh.storage.vault.rows import Row, all_of, blobs, find_one, insert_numbered

GROUP_PEOPLE: Final = (
    # What is known of a group here beside its operations. `name`, `inviter`, `inviter_key`, `size`
    # and `note` are what an invite said; `since`: when our state was last another one; `posted`:
    # our operations and announcements; `waiting_since`: since when there is no epoch to write
    # under, 0: there is one; `said`: when we last posted anything;
    # `wrote`: when our person said something, and `spoken`: when anybody else did.
    """
    CREATE TABLE group_here (
        conversation INTEGER PRIMARY KEY REFERENCES conversations (number),
        name TEXT NOT NULL,
        inviter INTEGER REFERENCES contacts (id),
        inviter_key BLOB NOT NULL,
        size INTEGER NOT NULL,
        note TEXT NOT NULL,
        since INTEGER NOT NULL,
        posted INTEGER NOT NULL,
        waiting_since INTEGER NOT NULL,
        said INTEGER NOT NULL,
        wrote INTEGER NOT NULL,
        spoken INTEGER NOT NULL
    ) STRICT
    """,
    # Everybody of whom anything was heard in a group, by the number that programs name them by.
    # `wrote_under`: the epoch under which they wrote last.
    """
    CREATE TABLE group_members (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        member BLOB NOT NULL,
        contact INTEGER REFERENCES contacts (id),
        heard INTEGER NOT NULL,
        wrote_under BLOB,
        UNIQUE (conversation, member)
    ) STRICT
    """,
    # Contacts whom we invited, and who have not answered.
    """
    CREATE TABLE group_invited (
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        contact INTEGER NOT NULL REFERENCES contacts (id),
        invited INTEGER NOT NULL,
        PRIMARY KEY (conversation, contact)
    ) STRICT, WITHOUT ROWID
    """,
    # What is to be sealed and has no place yet. `epoch`: under which; NULL: the one in use.
    # `entry`: of what is said, its number.
    """
    CREATE TABLE group_unsealed (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        epoch BLOB,
        data BLOB NOT NULL,
        lifetime_class INTEGER NOT NULL,
        entry INTEGER REFERENCES entries (number),
        made INTEGER NOT NULL
    ) STRICT
    """,
    "CREATE INDEX group_unsealed_of ON group_unsealed (conversation)",
    # Who is known to have an entry of ours.
    """
    CREATE TABLE group_told (
        entry INTEGER NOT NULL REFERENCES entries (number),
        member BLOB NOT NULL,
        PRIMARY KEY (entry, member)
    ) STRICT, WITHOUT ROWID
    """,
)
"""The statements that make the tables. They are part of a migration, and so never change."""

GROUP_HAD: Final = (
    # What others told a newcomer to have had of each member's entries, as in a cut.
    """
    CREATE TABLE group_had (
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        member BLOB NOT NULL,
        had BLOB NOT NULL,
        PRIMARY KEY (conversation, member)
    ) STRICT, WITHOUT ROWID
    """,
)
"""The same, of a later version."""

OTHER_INVITES: Final = (
    # Invites into groups in which we wait to be added, or were: one of each contact. They change
    # nothing until our person accepts. `came`: expiry time; `is_accepted`: we answered it, and
    # another one after it, which stands in `group_here`.
    """
    CREATE TABLE group_other_invites (
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        contact INTEGER NOT NULL REFERENCES contacts (id),
        inviter_key BLOB NOT NULL,
        name TEXT NOT NULL,
        size INTEGER NOT NULL,
        note TEXT NOT NULL,
        came INTEGER NOT NULL,
        is_accepted INTEGER NOT NULL,
        PRIMARY KEY (conversation, contact)
    ) STRICT, WITHOUT ROWID
    """,
)
"""The same, of a later version."""

ACCEPTS: Final = (
    # The words of contacts in `group_invited` who want to come, and whom we may not add yet.
    """
    CREATE TABLE group_accepts (
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        contact INTEGER NOT NULL REFERENCES contacts (id),
        data BLOB NOT NULL,
        PRIMARY KEY (conversation, contact)
    ) STRICT, WITHOUT ROWID
    """,
)
"""The same, of a later version."""

_runs = msgspec.msgpack.Decoder(tuple[RunHad, ...])

_HERE: Final = (
    "SELECT conversation, name, inviter, inviter_key, size, note, since, posted, waiting_since, "
    "said, wrote, spoken FROM group_here"
)
_MEMBERS: Final = (
    "SELECT number, conversation, member, contact, heard, wrote_under FROM group_members"
)
_OTHER_INVITES: Final = (
    "SELECT conversation, contact, inviter_key, name, size, note, came, is_accepted "
    "FROM group_other_invites"
)
_UNSEALED: Final = (
    "SELECT number, conversation, epoch, data, lifetime_class, entry, made FROM group_unsealed"
)


class GroupHereRow(Row, frozen=True):
    """A group as it is here, beside its operations. Times are mesh time, `since` expiry time."""

    conversation: ConversationId
    name: str = ""
    inviter: ContactId | None = None
    inviter_key: bytes = b""
    size: int = 0
    note: str = ""
    since: UnixSeconds = UnixSeconds(0)
    posted: int = 0
    waiting_since: UnixSeconds = UnixSeconds(0)
    said: UnixSeconds = UnixSeconds(0)
    wrote: UnixSeconds = UnixSeconds(0)
    spoken: UnixSeconds = UnixSeconds(0)


class GroupMemberRow(Row, frozen=True):
    """Somebody in a group, as we know them beside what operations say."""

    number: int
    conversation: ConversationId
    member: VerifyKey
    contact: ContactId | None = None
    heard: UnixSeconds = UnixSeconds(0)
    wrote_under: bytes | None = None


class InvitedRow(Row, frozen=True):
    """A contact who has not answered our invite into a group."""

    conversation: ConversationId
    contact: ContactId
    invited: UnixSeconds


class AcceptRow(Row, frozen=True):
    """The word of a contact who wants to come into a group, as it came."""

    conversation: ConversationId
    contact: ContactId
    data: bytes


class OtherInviteRow(Row, frozen=True):
    """An invite into a group in which we wait to be added, or were. `came`: expiry time."""

    conversation: ConversationId
    contact: ContactId
    inviter_key: bytes
    name: str
    size: int
    note: str
    came: UnixSeconds
    is_accepted: bool = False


class UnsealedRow(Row, frozen=True):
    """Something for a group that is not sealed yet."""

    number: int
    conversation: ConversationId
    epoch: bytes | None
    data: bytes
    lifetime_class: int
    entry: int | None
    made: UnixSeconds


class GroupPeopleRows:
    """The people of groups and what waits for them, beside what members signed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- Groups -------------------------------------------------------------------------------

    def put(self, row: GroupHereRow) -> None:
        """Keep what is known of a group now."""
        columns = row.__struct_fields__
        names, places = ", ".join(columns), ", ".join("?" * len(columns))
        # The names are those of the row.
        self._connection.execute(
            f"INSERT OR REPLACE INTO group_here ({names}) VALUES ({places})",
            msgspec.structs.astuple(row),
        )

    def here(self, conversation: ConversationId) -> GroupHereRow:
        """Return what is known of a group."""
        cursor = self._connection.execute(f"{_HERE} WHERE conversation = ?", (conversation,))
        return find_one(cursor, GroupHereRow) or GroupHereRow(conversation)

    # --- Members ------------------------------------------------------------------------------

    def members(self, conversation: ConversationId) -> list[GroupMemberRow]:
        """All who were ever known in a group, by number."""
        cursor = self._connection.execute(
            f"{_MEMBERS} WHERE conversation = ? ORDER BY number", (conversation,)
        )
        return all_of(cursor, GroupMemberRow)

    def add_member(self, row: GroupMemberRow) -> GroupMemberRow:
        """Add somebody; return them with their number."""
        return insert_numbered(self._connection, "group_members", row)

    def put_member(self, row: GroupMemberRow) -> None:
        """Keep what is known of somebody now."""
        self._connection.execute(
            "UPDATE group_members SET contact = ?, heard = ?, wrote_under = ? WHERE number = ?",
            (row.contact, row.heard, row.wrote_under, row.number),
        )

    # --- Invited ------------------------------------------------------------------------------

    def put_invited(self, row: InvitedRow) -> None:
        """Remember that we invited a contact, perhaps again."""
        self._connection.execute(
            "INSERT OR REPLACE INTO group_invited (conversation, contact, invited) "
            "VALUES (?, ?, ?)",
            msgspec.structs.astuple(row),
        )

    def find_invited(self, conversation: ConversationId, contact: ContactId) -> InvitedRow | None:
        """The invite that a contact has not answered."""
        cursor = self._connection.execute(
            "SELECT conversation, contact, invited FROM group_invited "
            "WHERE conversation = ? AND contact = ?",
            (conversation, contact),
        )
        return find_one(cursor, InvitedRow)

    def invited(self, conversation: ConversationId) -> list[InvitedRow]:
        """All contacts whose answer is awaited."""
        cursor = self._connection.execute(
            "SELECT conversation, contact, invited FROM group_invited WHERE conversation = ? "
            "ORDER BY contact",
            (conversation,),
        )
        return all_of(cursor, InvitedRow)

    def remove_invited(self, conversation: ConversationId, contact: ContactId) -> None:
        """Forget an invite: it was answered, or lies too far back."""
        for table in ("group_invited", "group_accepts"):
            self._connection.execute(
                f"DELETE FROM {table} WHERE conversation = ? AND contact = ?",
                (conversation, contact),
            )

    def put_accept(self, row: AcceptRow) -> None:
        """Keep the word of a contact who was invited, in the place of the one before."""
        self._connection.execute(
            "INSERT OR REPLACE INTO group_accepts (conversation, contact, data) VALUES (?, ?, ?)",
            msgspec.structs.astuple(row),
        )

    def accepts(self) -> list[AcceptRow]:
        """The words of all who wait to be added, of all groups."""
        cursor = self._connection.execute(
            "SELECT conversation, contact, data FROM group_accepts ORDER BY conversation, contact"
        )
        return all_of(cursor, AcceptRow)

    # --- Asked by others too ------------------------------------------------------------------

    def put_other_invite(self, row: OtherInviteRow) -> None:
        """Keep an invite, in the place of what its contact said before."""
        self._connection.execute(
            "INSERT OR REPLACE INTO group_other_invites (conversation, contact, inviter_key, name, "
            "size, note, came, is_accepted) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            msgspec.structs.astuple(row),
        )

    def other_invites(
        self, conversation: ConversationId, *, is_accepted: bool
    ) -> list[OtherInviteRow]:
        """Those into a group that we accepted, or that are open; the newest last."""
        cursor = self._connection.execute(
            f"{_OTHER_INVITES} WHERE conversation = ? AND is_accepted = ? ORDER BY came, contact",
            (conversation, is_accepted),
        )
        return all_of(cursor, OtherInviteRow)

    def other_invites_of(self, contact: ContactId) -> list[OtherInviteRow]:
        """The open ones of a contact."""
        cursor = self._connection.execute(
            f"{_OTHER_INVITES} WHERE contact = ? AND is_accepted = 0 ORDER BY conversation",
            (contact,),
        )
        return all_of(cursor, OtherInviteRow)

    def drop_other_invite(self, row: OtherInviteRow) -> None:
        """Forget an invite."""
        self._connection.execute(
            "DELETE FROM group_other_invites WHERE conversation = ? AND contact = ?",
            (row.conversation, row.contact),
        )

    # --- What they had ------------------------------------------------------------------------

    def put_had(
        self, conversation: ConversationId, member: VerifyKey, had: Sequence[RunHad]
    ) -> None:
        """Keep what others had of a member's entries."""
        self._connection.execute(
            "INSERT OR REPLACE INTO group_had (conversation, member, had) VALUES (?, ?, ?)",
            (conversation, member, msgspec.msgpack.encode(had)),
        )

    def had(self, conversation: ConversationId, member: VerifyKey) -> tuple[RunHad, ...]:
        """Return what others had of a member's entries before we came; nothing if none told."""
        found = blobs(
            self._connection.execute(
                "SELECT had FROM group_had WHERE conversation = ? AND member = ?",
                (conversation, member),
            )
        )
        return _runs.decode(found[0]) if found else ()

    # --- What is to be sealed -----------------------------------------------------------------

    def add_unsealed(self, row: UnsealedRow) -> UnsealedRow:
        """Keep something to be sealed; return it with its number."""
        return insert_numbered(self._connection, "group_unsealed", row)

    def unsealed(self, conversation: ConversationId) -> list[UnsealedRow]:
        """All that waits to be sealed in a group, in its order."""
        cursor = self._connection.execute(
            f"{_UNSEALED} WHERE conversation = ? ORDER BY number", (conversation,)
        )
        return all_of(cursor, UnsealedRow)

    def conversations_unsealed(self) -> list[ConversationId]:
        """Groups in which something waits to be sealed."""
        rows = self._connection.execute(
            "SELECT DISTINCT conversation FROM group_unsealed ORDER BY conversation"
        ).fetchall()
        return [ConversationId(row[0]) for row in rows if isinstance(row[0], int)]

    def drop_unsealed(self, number: int) -> None:
        """It is sealed, or nobody needs it any more."""
        self._connection.execute("DELETE FROM group_unsealed WHERE number = ?", (number,))

    # --- Who has what -------------------------------------------------------------------------

    def add_told(self, entry: int, member: VerifyKey) -> bool:
        """Note that somebody has an entry of ours; return False if that was known."""
        cursor = self._connection.execute(
            "INSERT OR IGNORE INTO group_told (entry, member) VALUES (?, ?)", (entry, member)
        )
        return cursor.rowcount == 1

    def told(self, entry: int) -> list[bytes]:
        """Return who is known to have an entry of ours."""
        cursor = self._connection.execute(
            "SELECT member FROM group_told WHERE entry = ? ORDER BY member", (entry,)
        )
        return blobs(cursor)

    # --- The end ------------------------------------------------------------------------------

    def forget(self, conversation: ConversationId) -> None:
        """Erase what is known of a group beside operations and keys."""
        self._connection.execute(
            "DELETE FROM group_told WHERE entry IN (SELECT number FROM entries "
            "WHERE conversation = ?)",
            (conversation,),
        )
        for table in (
            "group_members",
            "group_invited",
            "group_accepts",
            "group_other_invites",
            "group_unsealed",
            "group_had",
            "group_here",
        ):
            self._connection.execute(
                f"DELETE FROM {table} WHERE conversation = ?",
                (conversation,),
            )
