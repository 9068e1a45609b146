"""The search for a message that is still on its way: somebody has it, and it may yet come.

It waits to be sealed, or to enter its author's store; or a store has its body; or its recipient's
vault has taken it, and the crash came before anybody was shown it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mesh.database import Connection
from sim.hosts.host import Host
from sim.invariants.message_log import LoggedMessage

_TEXTS: Final = "FROM entries JOIN texts ON texts.entry = entries.number WHERE text = ?"


@dataclass(slots=True)
class InTransit:
    """Looks for messages in the databases of a world."""

    hosts: Mapping[int, Host]

    def has(self, logged: LoggedMessage) -> bool:
        """Say whether anybody has one that was confirmed and not shown."""
        came = f"SELECT 1 {_TEXTS} AND NOT is_mine"
        if _finds(self.hosts[logged.recipient].vault, came, logged.text):
            return True
        author = self.hosts[logged.sender].vault
        query = f"SELECT number {_TEXTS} AND is_mine"
        row = author.execute(query, (logged.text,)).fetchone()
        return row is not None and self._is_carried(author, row[0])

    def _is_carried(self, author: Connection, message: object) -> bool:
        waiting = (
            "SELECT 1 FROM payloads WHERE is_waiting AND message = ?",
            "SELECT 1 FROM outbox WHERE message = ? AND data IS NOT NULL",
        )
        if any(_finds(author, query, message) for query in waiting):
            return True
        sealed = author.execute("SELECT id FROM outbox WHERE message = ?", (message,)).fetchall()
        body = "SELECT 1 FROM envelopes JOIN bodies USING (arrival) WHERE id = ?"
        return any(
            _finds(host.store, body, id_) for (id_,) in sealed for host in self.hosts.values()
        )


def _finds(connection: Connection, query: str, value: object) -> bool:
    return connection.execute(query, (value,)).fetchone() is not None
