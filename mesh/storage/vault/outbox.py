"""Rows of the vault about what was written here and is on its way."""

from collections.abc import Sequence

from mesh.database import Connection
from mesh.ids import ContactId, ConversationId, EnvelopeId, UnixSeconds
from mesh.storage.vault.rows import (
    OutboxRow,
    RetirementRow,
    all_of,
    blobs,
    find_one,
    integer,
)

_SEALED = "SELECT id, message, lapses, read_hash, withdraw_token, payload FROM outbox"
_SUPERSEDED = (
    "SELECT id, message, lapses, read_hash, withdraw_token, payload FROM outbox AS former "
    "WHERE payload IS NOT NULL AND lapses > ?1 AND length(withdraw_token) > 0 AND EXISTS (SELECT 1 "
    "FROM outbox WHERE payload = former.payload AND number > former.number AND lapses <= ?2)"
)
_NOT_LIVE = (
    "SELECT id FROM outbox AS former WHERE message IS NOT NULL AND (length(withdraw_token) = 0 "
    "OR payload IN (SELECT number FROM payloads WHERE is_waiting) OR EXISTS (SELECT 1 FROM outbox "
    "WHERE payload = former.payload AND number > former.number) "
    "OR (SELECT state FROM entries WHERE number = former.message) = 'withdrawn')"
)


class OutboxRows:
    """Sealed envelopes, and who carries them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self, row: OutboxRow, data: bytes, contact: ContactId | None = None, *, due_ms: int = 0
    ) -> None:
        """Keep a sealed envelope until somebody else has it; `contact`: whom one without a message
        is for. It is not to leave before `due_ms`, mesh time in Unix milliseconds.
        """
        self._connection.execute(
            "INSERT INTO outbox (id, message, lapses, read_hash, withdraw_token, payload, data, "
            "contact, due_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row.id,
                row.message,
                row.lapses,
                row.read_hash,
                row.withdraw_token,
                row.payload,
                data,
                contact,
                due_ms,
            ),
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

    def of_conversation(self, conversation: ConversationId) -> list[OutboxRow]:
        """All envelopes of the messages of a conversation, oldest first."""
        cursor = self._connection.execute(
            "SELECT id, message, lapses, read_hash, withdraw_token, payload FROM outbox WHERE "
            "message IN (SELECT number FROM entries WHERE conversation = ?) ORDER BY number",
            (conversation,),
        )
        return all_of(cursor, OutboxRow)

    def of_payload(self, payload: int) -> list[OutboxRow]:
        """All envelopes of one payload that is kept, oldest first."""
        cursor = self._connection.execute(
            f"{_SEALED} WHERE payload = ? ORDER BY number", (payload,)
        )
        return all_of(cursor, OutboxRow)

    def superseded(self, after: UnixSeconds, to: UnixSeconds) -> list[OutboxRow]:
        """Envelopes that lapse after one time, of payloads with a later one; that by the other."""
        cursor = self._connection.execute(_SUPERSEDED, (after, to))
        return all_of(cursor, OutboxRow)

    def not_live(self) -> list[EnvelopeId]:
        """Envelopes of messages that were taken back, or in whose place another one was sealed, or
        is to be.
        """
        cursor = self._connection.execute(_NOT_LIVE)
        return [EnvelopeId(id_) for id_ in blobs(cursor)]

    def set_taken_back(self, envelope: EnvelopeId) -> None:
        """Note that an envelope is live no longer: another one is sealed in its place."""
        self._connection.execute("UPDATE outbox SET withdraw_token = x'' WHERE id = ?", (envelope,))

    def ids_for(self, contact: ContactId) -> list[EnvelopeId]:
        """All envelopes for one contact that are on their way, oldest first."""
        cursor = self._connection.execute(
            "SELECT id FROM outbox WHERE contact = ?1 OR message IN "
            "(SELECT number FROM entries WHERE conversation = ?1) ORDER BY number",
            (contact,),
        )
        return [EnvelopeId(id_) for id_ in blobs(cursor)]

    def set_exported(self, envelope: EnvelopeId, at: UnixSeconds) -> bool:
        """Note that an envelope is in a carry file; return False if it was before."""
        cursor = self._connection.execute(
            "UPDATE outbox SET exported = ? WHERE id = ? AND exported IS NULL", (at, envelope)
        )
        return cursor.rowcount == 1

    def exported_since(self, message: int) -> int:
        """Return since when a message is in a carry file; 0: it is in none."""
        return integer(
            self._connection.execute(
                "SELECT coalesce(min(exported), 0) FROM outbox WHERE message = ? "
                "AND length(withdraw_token) > 0",
                (message,),
            )
        )

    def kept(self) -> list[tuple[EnvelopeId, int]]:
        """Envelopes whose bytes are here, oldest first, and when each may leave, in Unix ms."""
        rows = self._connection.execute(
            "SELECT id, due_ms FROM outbox WHERE data IS NOT NULL ORDER BY number"
        ).fetchall()
        return [
            (EnvelopeId(id_), due_ms)
            for id_, due_ms in rows
            if isinstance(id_, bytes) and isinstance(due_ms, int)
        ]

    def data_of(self, ids: Sequence[EnvelopeId]) -> list[bytes]:
        """The bytes of these envelopes, which are here."""
        return [
            data
            for id_ in ids
            for data in blobs(
                self._connection.execute("SELECT data FROM outbox WHERE id = ?", (id_,))
            )
        ]

    def drop_data(self, envelope: EnvelopeId) -> None:
        """Let go of the bytes, if they are here."""
        self._connection.execute(
            "UPDATE outbox SET data = NULL WHERE id = ? AND data IS NOT NULL", (envelope,)
        )

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

    def remove_carrier(self, link: bytes, conversation: ConversationId) -> list[int]:
        """Forget that a peer carries messages of a conversation; return which they were."""
        rows = self._connection.execute(
            "DELETE FROM carriers WHERE link = ? AND message IN "
            "(SELECT number FROM entries WHERE conversation = ?) RETURNING message",
            (link, conversation),
        ).fetchall()
        return sorted(number for (number,) in rows if isinstance(number, int))

    def forget_carriers(self, message: int) -> None:
        self._connection.execute("DELETE FROM carriers WHERE message = ?", (message,))


class RetirementRows:
    """Tokens that are ours to tell and that the store is not known to have."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[RetirementRow]:
        """All of them, in the order in which they leave."""
        cursor = self._connection.execute(
            "SELECT envelope, token, due_ms FROM retirements ORDER BY due_ms, envelope, token"
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
