"""Rows of the vault about what was written here and is on its way."""

from mesh.ids import ContactId, EnvelopeId, UnixSeconds
from mesh.inputs import Connection
from mesh.storage.vault.rows import (
    OutboxRow,
    RetirementRow,
    UnsealedRow,
    all_of,
    blobs,
    find_one,
    integer,
)

_UNSEALED = "SELECT number, contact, message, payload FROM unsealed"
_SEALED = "SELECT id, message, lapses, read_hash, withdraw_token FROM outbox"


class OutboxRows:
    """Payloads that wait to be sealed, sealed envelopes, and who carries them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- Not yet sealed -----------------------------------------------------------------------

    def add_unsealed(self, contact: ContactId, message: int | None, payload: bytes) -> None:
        self._connection.execute(
            "INSERT INTO unsealed (contact, message, payload) VALUES (?, ?, ?)",
            (contact, message, payload),
        )

    def unsealed(self, after: int, limit: int) -> list[UnsealedRow]:
        """The next ones beyond a number, oldest first."""
        cursor = self._connection.execute(
            f"{_UNSEALED} WHERE number > ? ORDER BY number LIMIT ?", (after, limit)
        )
        return all_of(cursor, UnsealedRow)

    def unsealed_of(self, contact: ContactId) -> list[UnsealedRow]:
        """Those for one contact, oldest first."""
        cursor = self._connection.execute(
            f"{_UNSEALED} WHERE contact = ? ORDER BY number", (contact,)
        )
        return all_of(cursor, UnsealedRow)

    def unsealed_by_message(self, message: int) -> list[UnsealedRow]:
        cursor = self._connection.execute(f"{_UNSEALED} WHERE message = ?", (message,))
        return all_of(cursor, UnsealedRow)

    def unsealed_counts(self) -> dict[int, int]:
        """Return how many wait, by contact."""
        counts = {}
        for contact, count in self._connection.execute(
            "SELECT contact, count(*) FROM unsealed GROUP BY contact"
        ).fetchall():
            assert isinstance(contact, int)
            assert isinstance(count, int)
            counts[contact] = count
        return counts

    def remove_unsealed(self, number: int) -> None:
        self._connection.execute("DELETE FROM unsealed WHERE number = ?", (number,))

    # --- Sealed -------------------------------------------------------------------------------

    def add(self, row: OutboxRow, data: bytes) -> None:
        """Keep a sealed envelope until the store has it."""
        self._connection.execute(
            "INSERT INTO outbox (id, message, lapses, read_hash, withdraw_token, data) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (row.id, row.message, row.lapses, row.read_hash, row.withdraw_token, data),
        )

    def find(self, envelope: EnvelopeId) -> OutboxRow | None:
        """An envelope of ours that is on its way, if it is one."""
        return find_one(self._connection.execute(f"{_SEALED} WHERE id = ?", (envelope,)), OutboxRow)

    def of_message(self, message: int) -> list[OutboxRow]:
        """All envelopes of one message that are on their way, oldest first."""
        cursor = self._connection.execute(
            f"{_SEALED} WHERE message = ? ORDER BY number", (message,)
        )
        return all_of(cursor, OutboxRow)

    def unposted(self, limit: int) -> list[bytes]:
        """Envelopes that the store is not known to have, oldest first."""
        cursor = self._connection.execute(
            "SELECT data FROM outbox WHERE data IS NOT NULL ORDER BY number LIMIT ?", (limit,)
        )
        return blobs(cursor)

    def unposted_count(self) -> int:
        return integer(
            self._connection.execute("SELECT count(*) FROM outbox WHERE data IS NOT NULL")
        )

    def set_posted(self, envelope: EnvelopeId) -> bool:
        """Let go of the bytes; return whether they were still here."""
        cursor = self._connection.execute(
            "UPDATE outbox SET data = NULL WHERE id = ? AND data IS NOT NULL", (envelope,)
        )
        return cursor.rowcount == 1

    def all(self) -> list[OutboxRow]:
        """All envelopes of ours that have not expired, oldest first."""
        cursor = self._connection.execute(f"{_SEALED} ORDER BY number")
        return all_of(cursor, OutboxRow)

    def expired(self, before: UnixSeconds, limit: int) -> list[OutboxRow]:
        """Envelopes that have outlived their lifetime."""
        cursor = self._connection.execute(
            f"{_SEALED} WHERE lapses < ? ORDER BY lapses, number LIMIT ?",
            (before, limit),
        )
        return all_of(cursor, OutboxRow)

    def remove(self, envelope: EnvelopeId) -> None:
        self._connection.execute("DELETE FROM outbox WHERE id = ?", (envelope,))

    # --- Carriers -----------------------------------------------------------------------------

    def add_carrier(self, message: int, link: bytes) -> bool:
        """Note who carries a message; return False if that was known."""
        cursor = self._connection.execute(
            "INSERT OR IGNORE INTO carriers (message, link) VALUES (?, ?)", (message, link)
        )
        return cursor.rowcount == 1

    def forget_carriers(self, message: int) -> None:
        self._connection.execute("DELETE FROM carriers WHERE message = ?", (message,))


class RetirementRows:
    """Tokens that are ours to tell and that the store is not known to have."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[RetirementRow]:
        """All of them, oldest first."""
        cursor = self._connection.execute(
            "SELECT envelope, token, due_ms FROM retirements ORDER BY number"
        )
        return all_of(cursor, RetirementRow)

    def add(self, envelope: EnvelopeId, token: bytes, due_ms: int) -> bool:
        """Keep a token; return False if it is here already."""
        cursor = self._connection.execute(
            "INSERT OR IGNORE INTO retirements (envelope, token, due_ms) VALUES (?, ?, ?)",
            (envelope, token, due_ms),
        )
        return cursor.rowcount == 1

    def remove(self, envelope: EnvelopeId, token: bytes) -> None:
        self._connection.execute(
            "DELETE FROM retirements WHERE envelope = ? AND token = ?", (envelope, token)
        )
