"""Rows of the vault about what was written here, until it is known to be opened."""

from mesh.database import Connection
from mesh.ids import ContactId, UnixSeconds
from mesh.limits.messages import MOMENT_MAX
from mesh.storage.vault.rows import PayloadRow, all_of, find_one, new_number

_PAYLOAD = (
    "SELECT number, contact, message, payload, lifetime_class, kept_until, posts_count, "
    "is_waiting, is_hello FROM payloads"
)
_LAPSED = (
    "SELECT number, contact, message, payload, lifetime_class, kept_until, posts_count, "
    "is_waiting, is_hello FROM payloads WHERE NOT is_waiting AND kept_until > ?2 AND number IN "
    "(SELECT payload FROM outbox AS last WHERE lapses <= ?1 AND payload IS NOT NULL AND NOT EXISTS "
    "(SELECT 1 FROM outbox WHERE payload = last.payload AND number > last.number)) "
    "ORDER BY number LIMIT ?3"
)
_DATED_AFTER = (
    f"{_PAYLOAD} WHERE NOT is_waiting AND number IN (SELECT payload "
    "FROM outbox AS last WHERE "
    "lapses > ?1 + CASE payloads.lifetime_class WHEN 0 THEN 86400 WHEN 1 THEN 604800 "
    "ELSE 2592000 END AND payload IS NOT NULL AND NOT EXISTS "
    "(SELECT 1 FROM outbox WHERE payload = last.payload AND number > last.number)) "
    "ORDER BY number LIMIT ?2"
)


class PayloadRows:
    """Payloads that wait to be sealed, and those that may have to be sealed again."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self,
        contact: ContactId,
        message: int | None,
        payload: bytes,
        *,
        lifetime_class: int = 1,
        kept_until: UnixSeconds | None = None,
        posts_count: int = 0,
        is_hello: bool = False,
    ) -> int:
        """Keep a payload; return its number. One that was not sealed yet waits for it."""
        cursor = self._connection.execute(
            "INSERT INTO payloads (contact, message, payload, lifetime_class, kept_until, "
            "posts_count, is_waiting, is_hello) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                contact,
                message,
                payload,
                lifetime_class,
                kept_until,
                posts_count,
                posts_count == 0,
                is_hello,
            ),
        )
        return new_number(cursor)

    def find(self, number: int) -> PayloadRow | None:
        """One that is perhaps still kept."""
        cursor = self._connection.execute(f"{_PAYLOAD} WHERE number = ?", (number,))
        return find_one(cursor, PayloadRow)

    def find_of_message(self, message: int) -> PayloadRow | None:
        """Return what is kept of a message that is not known to be opened."""
        cursor = self._connection.execute(f"{_PAYLOAD} WHERE message = ?", (message,))
        return find_one(cursor, PayloadRow)

    def waiting(self, after: int, limit: int) -> list[PayloadRow]:
        """The next beyond a number that wait to be sealed, oldest first."""
        cursor = self._connection.execute(
            f"{_PAYLOAD} WHERE is_waiting AND number > ? ORDER BY number LIMIT ?", (after, limit)
        )
        return all_of(cursor, PayloadRow)

    def waiting_of(self, contact: ContactId) -> list[PayloadRow]:
        """Those for one contact that wait to be sealed, oldest first."""
        cursor = self._connection.execute(
            f"{_PAYLOAD} WHERE is_waiting AND contact = ? ORDER BY number", (contact,)
        )
        return all_of(cursor, PayloadRow)

    def of_contact(self, contact: ContactId) -> list[PayloadRow]:
        """All that is kept for one contact, oldest first."""
        cursor = self._connection.execute(
            f"{_PAYLOAD} WHERE contact = ? ORDER BY number", (contact,)
        )
        return all_of(cursor, PayloadRow)

    def notes_of(self, contact: ContactId) -> list[PayloadRow]:
        """All of that which holds no message, oldest first."""
        cursor = self._connection.execute(
            f"{_PAYLOAD} WHERE contact = ? AND message IS NULL ORDER BY number", (contact,)
        )
        return all_of(cursor, PayloadRow)

    def lapsed(
        self, mesh_now: UnixSeconds, expiry_now: UnixSeconds, limit: int
    ) -> list[PayloadRow]:
        """Those that are still wanted by the one clock, and whose last envelope has lapsed by the
        other.
        """
        cursor = self._connection.execute(_LAPSED, (mesh_now, expiry_now, limit))
        return all_of(cursor, PayloadRow)

    def dated_after(self, created: UnixSeconds, limit: int) -> list[PayloadRow]:
        """Those whose last envelope says that it was made later than this."""
        cursor = self._connection.execute(_DATED_AFTER, (created, limit))
        return all_of(cursor, PayloadRow)

    def move_kept_until(self, by_s: int) -> None:
        """The clock was set by so much: every wish of a person ends at another time by it."""
        self._connection.execute(
            "UPDATE payloads SET kept_until = kept_until + ? WHERE kept_until < ?",
            (by_s, MOMENT_MAX),
        )

    def hellos(self) -> list[PayloadRow]:
        """Those that are kept for the sake of a session."""
        return all_of(self._connection.execute(f"{_PAYLOAD} WHERE is_hello"), PayloadRow)

    def over(self, before: UnixSeconds, limit: int) -> list[PayloadRow]:
        """Those that waited to be sealed until nobody wants them any more."""
        cursor = self._connection.execute(
            f"{_PAYLOAD} WHERE is_waiting AND kept_until <= ? ORDER BY kept_until, number LIMIT ?",
            (before, limit),
        )
        return all_of(cursor, PayloadRow)

    def waiting_counts(self) -> dict[ContactId, int]:
        """Return how many wait to be sealed, by contact."""
        counts = {}
        for contact, count in self._connection.execute(
            "SELECT contact, count(*) FROM payloads WHERE is_waiting GROUP BY contact"
        ).fetchall():
            assert isinstance(contact, int)
            assert isinstance(count, int)
            counts[ContactId(contact)] = count
        return counts

    def set_sealed(self, number: int) -> None:
        """Note that it was sealed once more."""
        self._connection.execute(
            "UPDATE payloads SET is_waiting = 0, posts_count = posts_count + 1 WHERE number = ?",
            (number,),
        )

    def set_waiting(self, number: int) -> None:
        """Note that it is to be sealed again."""
        self._connection.execute("UPDATE payloads SET is_waiting = 1 WHERE number = ?", (number,))

    def remove(self, number: int) -> None:
        self._connection.execute("DELETE FROM payloads WHERE number = ?", (number,))
