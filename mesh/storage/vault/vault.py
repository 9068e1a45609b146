"""The rows of the vault: what is ours.

Implements `docs/protocol/storage.md`, section "The vault". Rows only: nothing is decided here, and
whoever writes has begun a transaction (`connection.transaction`).
"""

from msgspec.structs import replace

from mesh.ids import ContactId, UnixSeconds
from mesh.inputs import Connection
from mesh.storage.vault.contacts import ContactRows
from mesh.storage.vault.conversations import ConversationRows
from mesh.storage.vault.exchanges import ExchangeRows
from mesh.storage.vault.first_contacts import FirstContactRows
from mesh.storage.vault.history import HistoryRows
from mesh.storage.vault.invites import InviteRows
from mesh.storage.vault.known_keys import KnownKeyRows
from mesh.storage.vault.leaving import LeavingRows
from mesh.storage.vault.messages import MessageRows
from mesh.storage.vault.outbox import OutboxRows, RetirementRows
from mesh.storage.vault.posting_keys import PostingKeyRows
from mesh.storage.vault.prekeys import PrekeyRows
from mesh.storage.vault.rows import ContactRow, IdentityRow, find_one
from mesh.storage.vault.sealed import SealedRows
from mesh.storage.vault.sessions import SessionRows
from mesh.storage.vault.trust import TrustRows


class Vault:
    """The vault of one profile, over a connection that `migrate_vault` has prepared."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.contacts = ContactRows(connection)
        self.invites = InviteRows(connection)
        self.trust = TrustRows(connection)
        self.leaving = LeavingRows(connection)
        self.prekeys = PrekeyRows(connection)
        self.first_contacts = FirstContactRows(connection)
        self.sessions = SessionRows(connection)
        self.sealed = SealedRows(connection)
        self.posting_keys = PostingKeyRows(connection)
        self.known_keys = KnownKeyRows(connection)
        self.exchanges = ExchangeRows(connection)
        self.conversations = ConversationRows(connection)
        self.messages = MessageRows(connection)
        self.history = HistoryRows(connection, self.messages)
        self.outbox = OutboxRows(connection)
        self.retirements = RetirementRows(connection)

    def find_identity(self) -> IdentityRow | None:
        """Return who we are; None before the first run."""
        cursor = self._connection.execute("SELECT seed, name FROM identity")
        return find_one(cursor, IdentityRow)

    def add_identity(self, *, seed: bytes, name: str, created: UnixSeconds) -> None:
        """There is exactly one identity, for ever, and it can write to itself."""
        self._connection.execute(
            "INSERT INTO identity (only, seed, name, created) VALUES (1, ?, ?, ?)",
            (seed, name, created),
        )
        self.conversations.add_with_oneself()

    def add_contact(self, row: ContactRow) -> ContactRow:
        """Add a contact whose label is free and whose key is new; return it with its number.

        With it come its conversation and what will be counted of its sessions.
        """
        contact = ContactId(self.conversations.next_number())
        self.contacts.insert_contact(replace(row, id=contact))
        self.exchanges.add(contact)
        self.conversations.add_direct(contact)
        return self.contacts.contact(contact)

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
