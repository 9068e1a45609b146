"""Rows of the vault about answers to those who came by an invite of ours that is closed."""

from typing import Final

from mesh.database import Connection
from mesh.ids import InviteId, UnixSeconds, VerifyKey
from mesh.storage.vault.rows import (
    ClosedAnswerRow,
    all_of,
    find_one,
    insert,
    integer,
)

_ANSWER: Final = "SELECT invite, author, key, due_ms, lapses FROM closed_answers"


class ClosedAnswerRows:
    """At most one answer for an author and invite; sealed ones stay until they have lapsed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, row: ClosedAnswerRow) -> None:
        """Keep an answer until it is due."""
        insert(self._connection, "closed_answers", row)

    def has(self, invite: InviteId, author: VerifyKey) -> bool:
        """Say whether there is one for this author already."""
        cursor = self._connection.execute(
            f"{_ANSWER} WHERE invite = ? AND author = ?", (invite, author)
        )
        return find_one(cursor, ClosedAnswerRow) is not None

    def count(self, invite: InviteId) -> int:
        return integer(
            self._connection.execute(
                "SELECT count(*) FROM closed_answers WHERE invite = ?", (invite,)
            )
        )

    def waiting(self) -> list[ClosedAnswerRow]:
        """Those that are not sealed yet, in the order in which they are due."""
        cursor = self._connection.execute(
            f"{_ANSWER} WHERE key IS NOT NULL ORDER BY due_ms, invite, author"
        )
        return all_of(cursor, ClosedAnswerRow)

    def set_sealed(self, row: ClosedAnswerRow, *, lapses: UnixSeconds) -> None:
        """An answer left: its key goes."""
        self._connection.execute(
            "UPDATE closed_answers SET key = NULL, lapses = ? WHERE invite = ? AND author = ?",
            (lapses, row.invite, row.author),
        )

    def forget_lapsed(self, before: UnixSeconds) -> None:
        """Forget to whom those went that have lapsed."""
        self._connection.execute("DELETE FROM closed_answers WHERE lapses < ?", (before,))

    def silence(self, invite: InviteId | None = None) -> None:
        """Tell nobody any more that an invite is closed, or any that was made until now."""
        for statement in (
            "UPDATE invites SET tells_closed = 0 WHERE ?1 IS NULL OR id = ?1",
            "DELETE FROM closed_answers WHERE ?1 IS NULL OR invite = ?1",
        ):
            self._connection.execute(statement, (invite,))
