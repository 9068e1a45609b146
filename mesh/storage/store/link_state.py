"""All that a node remembers of links and of itself between its starts, in the store."""

from collections.abc import Sequence

from mesh.database import Connection
from mesh.limits.link import FIRST_MESSAGES_REMEMBERED
from mesh.storage.store.rows import blob, text


class LinkStateRows:
    """Configured addresses, first handshake messages that came, and values under names."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def peers(self) -> list[str]:
        """The addresses that a person configured, in the order in which they were added."""
        rows = self._connection.execute("SELECT address FROM configured_peers ORDER BY number")
        return [text(row[0]) for row in rows.fetchall()]

    def add_peer(self, address: str) -> None:
        """Keep a configured address; one that is there stays where it is."""
        self._connection.execute(
            "INSERT INTO configured_peers (address) VALUES (?) ON CONFLICT DO NOTHING", (address,)
        )

    def remove_peer(self, address: str) -> None:
        """Forget a configured address, if it is there."""
        self._connection.execute("DELETE FROM configured_peers WHERE address = ?", (address,))

    def first_messages(self) -> list[bytes]:
        """The ephemeral keys of the last valid first handshake messages, oldest first."""
        rows = self._connection.execute("SELECT ephemeral FROM first_messages ORDER BY number")
        return [blob(row[0]) for row in rows.fetchall()]

    def remember_first_messages(self, ephemerals: Sequence[bytes]) -> None:
        """Remember more of them, and forget the oldest beyond the bound."""
        self._connection.executemany(
            "INSERT INTO first_messages (ephemeral) VALUES (?) ON CONFLICT DO NOTHING",
            [(ephemeral,) for ephemeral in ephemerals],
        )
        self._connection.execute(
            "DELETE FROM first_messages WHERE number <= "
            "(SELECT number FROM first_messages ORDER BY number DESC LIMIT 1 OFFSET ?)",
            (FIRST_MESSAGES_REMEMBERED,),
        )

    def find_setting(self, name: str) -> bytes | None:
        """The value kept under a name, if there is one."""
        found = self._connection.execute("SELECT value FROM settings WHERE name = ?", (name,))
        row = found.fetchone()
        return None if row is None else blob(row[0])

    def put_setting(self, name: str, value: bytes) -> None:
        """Keep a value under a name, in place of the one before."""
        self._connection.execute(
            "INSERT INTO settings VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )
