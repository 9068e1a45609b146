"""Rows of the vault about the ways by which two find each other again."""

from typing import Final

from mesh.database import Connection
from mesh.storage.vault.rows import RendezvousRow, all_of, insert_numbered

_RENDEZVOUS: Final = (
    "SELECT number, session, generation, key_out, key_in, used, link_key, closed FROM rendezvous"
)


class RendezvousRows:
    """One row for each generation of a session, as long as something may come by it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, row: RendezvousRow) -> RendezvousRow:
        """Keep the ways of one more generation; return it with its number."""
        return insert_numbered(self._connection, "rendezvous", row)

    def all(self) -> list[RendezvousRow]:
        """Those of all sessions, in the order of birth."""
        return all_of(self._connection.execute(f"{_RENDEZVOUS} ORDER BY number"), RendezvousRow)

    def put(self, row: RendezvousRow) -> None:
        """Note which tags the other side used, and whether anything is founded by it."""
        self._connection.execute(
            "UPDATE rendezvous SET used = ?, closed = ? WHERE number = ?",
            (row.used, row.closed, row.number),
        )

    def set_taken(self, session: bytes, count: int) -> None:
        """Note how many tags of the newest that they have we used to renew a session."""
        self._connection.execute(
            "UPDATE sessions SET rendezvous_count = ? WHERE id = ?", (count, session)
        )

    def erase(self, number: int) -> None:
        self._connection.execute("DELETE FROM rendezvous WHERE number = ?", (number,))

    def erase_invite_private(self, session: bytes) -> None:
        """Erase the private halves of the bundle of an invite for one, which founded a session.

        What came to it is remembered as long as the invite is.
        """
        self._connection.execute(
            "UPDATE prekeys SET private = x'' WHERE id IN "
            "(SELECT prekey FROM openings WHERE session = ?) "
            "AND id IN (SELECT prekey FROM invites WHERE uses_max = 1)",
            (session,),
        )
