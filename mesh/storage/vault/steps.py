"""Rows of the vault about the states in which messages of ours were."""

from mesh.database import Connection
from mesh.ids import UnixSeconds


class StepRows:
    """One row for each state of a message, with its beginning."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, message: int, at: UnixSeconds) -> None:
        """A message is in its state since now, unless it was in it before."""
        self._connection.execute(
            "INSERT OR IGNORE INTO message_steps "
            "SELECT number, state, ?2 FROM entries WHERE number = ?1 AND is_mine",
            (message, at),
        )

    def of_message(self, message: int) -> list[tuple[str, int]]:
        """The states in which a message was, each with its beginning, in order."""
        sql = "SELECT state, at FROM message_steps WHERE message = ? ORDER BY at, state"
        found = []
        for state, at in self._connection.execute(sql, (message,)).fetchall():
            assert isinstance(state, str)
            assert isinstance(at, int)
            found.append((state, at))
        return found
