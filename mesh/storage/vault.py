"""The rows of the vault: what is ours.

Implements `docs/protocol/storage.md`, section "The vault". Rows only: nothing is decided here, and
whoever writes has begun a transaction (`sqlcipher.transaction`).
"""

from mesh.ids import UnixSeconds
from mesh.inputs import Connection
from mesh.storage.vault_leaving import LeavingRows
from mesh.storage.vault_messages import MessageRows
from mesh.storage.vault_outbox import OutboxRows, RetirementRows
from mesh.storage.vault_people import PeopleRows
from mesh.storage.vault_rows import IdentityRow, find_one
from mesh.storage.vault_sessions import SessionRows
from mesh.storage.vault_standing import StandingRows
from mesh.storage.vault_trust import TrustRows


class Vault:
    """The vault of one profile, over a connection that `migrate_vault` has prepared."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.people = PeopleRows(connection)
        self.trust = TrustRows(connection)
        self.leaving = LeavingRows(connection)
        self.sessions = SessionRows(connection)
        self.standing = StandingRows(connection)
        self.messages = MessageRows(connection)
        self.outbox = OutboxRows(connection)
        self.retirements = RetirementRows(connection)

    def find_identity(self) -> IdentityRow | None:
        """Who we are; None before the first run."""
        cursor = self._connection.execute("SELECT seed, name FROM identity")
        return find_one(cursor, IdentityRow)

    def add_identity(self, *, seed: bytes, name: str, created: UnixSeconds) -> None:
        """There is exactly one identity, for ever."""
        self._connection.execute(
            "INSERT INTO identity (only, seed, name, created) VALUES (1, ?, ?, ?)",
            (seed, name, created),
        )

    def mark(self, name: str) -> int:
        """A number that is kept under a name; zero at first."""
        columns = self._connection.execute(
            "SELECT value FROM marks WHERE name = ?", (name,)
        ).fetchone()
        if columns is None:
            return 0
        assert isinstance(columns[0], int)
        return columns[0]

    def set_mark(self, name: str, value: int) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO marks (name, value) VALUES (?, ?)", (name, value)
        )
