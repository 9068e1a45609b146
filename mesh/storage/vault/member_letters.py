"""Rows of the vault about letters between members of a group who are no contacts.

A group is named by its conversation.
"""

from typing import Final, Literal

from mesh.database import Connection
from mesh.ids import ContactId, ConversationId, InviteId, UnixSeconds, VerifyKey
from mesh.storage.vault.rows import Row, all_of, find_one, insert, insert_numbered

LetterState = Literal["early", "waiting", "accepted", "declined"]
"""Early: no operation names its author yet; it is shown to nobody."""

MEMBER_LETTERS: Final = (
    "ALTER TABLE invites ADD COLUMN is_in_letter INTEGER NOT NULL DEFAULT 0",
    # Letters to us. `link`: the invite in it, empty once it is of no use; `key` and `name`: of who
    # made that; `contact`: whom our person accepted by it. Of a declined one `key` is the member's.
    """
    CREATE TABLE member_letters (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        member BLOB NOT NULL,
        link TEXT NOT NULL,
        key BLOB NOT NULL,
        name TEXT NOT NULL,
        note TEXT NOT NULL,
        came INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        state TEXT NOT NULL,
        contact INTEGER REFERENCES contacts (id),
        UNIQUE (conversation, member)
    ) STRICT
    """,
    # The last letter of ours to each member, and the invite of ours that is in it.
    """
    CREATE TABLE member_letters_written (
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        member BLOB NOT NULL,
        invite INTEGER NOT NULL,
        written INTEGER NOT NULL,
        PRIMARY KEY (conversation, member)
    ) STRICT, WITHOUT ROWID
    """,
)
"""The statements of a migration, which never change."""

_CAME: Final = (
    "SELECT number, conversation, member, link, key, name, note, came, expires, state, contact "
    "FROM member_letters"
)
_WRITTEN: Final = "SELECT conversation, member, invite, written FROM member_letters_written"


class MemberLetterRow(Row, frozen=True):
    """A letter of a member to us. `expires`: of the invite in it, in mesh time as `came`."""

    number: int
    conversation: ConversationId
    member: VerifyKey
    link: str
    key: VerifyKey
    name: str
    note: str
    came: UnixSeconds
    expires: UnixSeconds
    state: LetterState = "waiting"
    contact: ContactId | None = None


class LetterWrittenRow(Row, frozen=True):
    """A letter of ours to a member; `written` in mesh time."""

    conversation: ConversationId
    member: VerifyKey
    invite: InviteId
    written: UnixSeconds


class MemberLetterRows:
    """Letters between members."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- To us --------------------------------------------------------------------------------

    def add(self, row: MemberLetterRow) -> MemberLetterRow:
        """Keep the first letter of a member; return it with its number."""
        return insert_numbered(self._connection, "member_letters", row)

    def put(self, row: MemberLetterRow) -> None:
        """Keep what is known of one now."""
        self._connection.execute(
            "UPDATE member_letters SET link = ?, key = ?, name = ?, note = ?, came = ?, "
            "expires = ?, state = ?, contact = ? WHERE number = ?",
            (
                row.link,
                row.key,
                row.name,
                row.note,
                row.came,
                row.expires,
                row.state,
                row.contact,
                row.number,
            ),
        )

    def came(self, conversation: ConversationId) -> list[MemberLetterRow]:
        """All letters in a group, as they first came."""
        cursor = self._connection.execute(
            f"{_CAME} WHERE conversation = ? ORDER BY number", (conversation,)
        )
        return all_of(cursor, MemberLetterRow)

    def find(self, conversation: ConversationId, member: VerifyKey) -> MemberLetterRow | None:
        """The letter of a member."""
        cursor = self._connection.execute(
            f"{_CAME} WHERE conversation = ? AND member = ?", (conversation, member)
        )
        return find_one(cursor, MemberLetterRow)

    def accepted_of(self, contact: ContactId) -> list[MemberLetterRow]:
        """Those by which a contact was accepted who has not proved yet that he wrote them."""
        cursor = self._connection.execute(
            f"{_CAME} WHERE contact = ? AND state = 'accepted' AND link <> '' ORDER BY number",
            (contact,),
        )
        return all_of(cursor, MemberLetterRow)

    def drop(self, number: int) -> None:
        """Forget a letter."""
        self._connection.execute("DELETE FROM member_letters WHERE number = ?", (number,))

    def drop_waiting_before(self, came: UnixSeconds) -> None:
        """Forget those that came until then and nobody answered."""
        self._connection.execute(
            "DELETE FROM member_letters WHERE state IN ('early', 'waiting') AND came <= ?", (came,)
        )

    def end_accepted_before(self, came: UnixSeconds) -> None:
        """Erase the invites in those that came until then; whose author never answered by his, of
        him another letter may come.
        """
        self._connection.execute(
            "DELETE FROM member_letters WHERE state = 'accepted' AND came <= ? "
            "AND contact NOT IN (SELECT id FROM contacts WHERE state = 'answered')",
            (came,),
        )
        self._connection.execute(
            "UPDATE member_letters SET link = '' WHERE state = 'accepted' AND came <= ?", (came,)
        )

    # --- Ours ---------------------------------------------------------------------------------

    def put_written(self, row: LetterWrittenRow) -> None:
        """Keep a letter of ours in place of an earlier one to the same member."""
        self._connection.execute(
            "DELETE FROM member_letters_written WHERE conversation = ? AND member = ?",
            (row.conversation, row.member),
        )
        insert(self._connection, "member_letters_written", row)

    def find_written(
        self, conversation: ConversationId, member: VerifyKey
    ) -> LetterWrittenRow | None:
        """The last letter to a member."""
        cursor = self._connection.execute(
            f"{_WRITTEN} WHERE conversation = ? AND member = ?", (conversation, member)
        )
        return find_one(cursor, LetterWrittenRow)

    def written_in(self, conversation: ConversationId) -> dict[VerifyKey, UnixSeconds]:
        """Return when the last letter to each member of a group was written, if one was."""
        cursor = self._connection.execute(
            f"{_WRITTEN} WHERE conversation = ? ORDER BY member", (conversation,)
        )
        return {row.member: row.written for row in all_of(cursor, LetterWrittenRow)}

    def written(self) -> list[LetterWrittenRow]:
        """All letters of ours, the last to each member of each group."""
        cursor = self._connection.execute(f"{_WRITTEN} ORDER BY conversation, member")
        return all_of(cursor, LetterWrittenRow)

    def forget(self, conversation: ConversationId) -> None:
        """Erase all letters in a group."""
        for table in ("member_letters", "member_letters_written"):
            self._connection.execute(
                f"DELETE FROM {table} WHERE conversation = ?",
                (conversation,),
            )
