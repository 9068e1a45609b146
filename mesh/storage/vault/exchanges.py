"""Rows of the vault about what is counted of the sessions with each contact."""

from mesh.database import Connection
from mesh.ids import ContactId, UnixSeconds
from mesh.storage.vault.kept_rows import KeptRows
from mesh.storage.vault.rows import ExchangeRow, find_one, integer


class ExchangeRows:
    """One row a contact. What changes with each payload stands apart from their long row."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.kept: KeptRows[ContactId, ExchangeRow] = KeptRows()

    def add(self, contact: ContactId) -> None:
        """Nothing was counted of a contact who is new."""
        self._connection.execute("INSERT INTO exchanges (contact) VALUES (?)", (contact,))

    def exchange(self, contact: ContactId) -> ExchangeRow:
        """Return what is counted of a contact."""
        row = self.kept.find(contact, self._read)
        assert row is not None
        return row

    def heard(self) -> dict[int, int]:
        """Return when each contact was last heard, where one ever was."""
        found = {}
        sql = "SELECT contact, heard FROM exchanges WHERE heard > 0"
        for contact, heard in self._connection.execute(sql).fetchall():
            assert isinstance(contact, int)
            assert isinstance(heard, int)
            found[contact] = heard
        return found

    def set_heard(self, contact: ContactId, heard: UnixSeconds, clock: int) -> None:
        """Something of theirs was opened; what is older than the newest changes nothing."""
        if (row := self.kept.find_kept(contact)) is not None:
            self.kept.change(
                contact, heard=max(row.heard, heard), heard_clock=max(row.heard_clock, clock)
            )
        self._connection.execute(
            "UPDATE exchanges SET heard = max(heard, ?), heard_clock = max(heard_clock, ?) "
            "WHERE contact = ?",
            (heard, clock, contact),
        )

    def lower_clocks(self, highest: int) -> None:
        """No clock that was heard, on a session or of a contact, is beyond this one.

        Nothing is written where none is: a vault opens on a disk that is full.
        """
        if not integer(
            self._connection.execute(
                "SELECT EXISTS (SELECT 1 FROM sessions WHERE heard > ?1) "
                "OR EXISTS (SELECT 1 FROM exchanges WHERE heard_clock > ?1)",
                (highest,),
            )
        ):
            return
        self.kept.clear()
        self._connection.execute("UPDATE sessions SET heard = ?1 WHERE heard > ?1", (highest,))
        self._connection.execute(
            "UPDATE exchanges SET heard_clock = ?1 WHERE heard_clock > ?1", (highest,)
        )

    def set_reads(self, contact: ContactId, reads: int) -> None:
        """They said which payloads their Mesh reads."""
        self._set(contact, "reads", reads)

    def set_sent_count(self, contact: ContactId, sent_count: int) -> None:
        self._set(contact, "sent_count", sent_count)

    def set_seen_count(self, contact: ContactId, seen_count: int) -> None:
        self._set(contact, "seen_count", seen_count)

    def set_keys_told(self, contact: ContactId, prekey: int) -> None:
        self._set(contact, "keys_told", prekey)

    def set_lapsed_count(self, contact: ContactId, lapsed_count: int) -> None:
        self._set(contact, "lapsed_count", lapsed_count)

    def clear_lapsed_count(self, contact: ContactId) -> None:
        """One of ours was opened. Most often none had lapsed, and then nothing is written."""
        self.kept.change(contact, lapsed_count=0)
        self._connection.execute(
            "UPDATE exchanges SET lapsed_count = 0 WHERE contact = ? AND lapsed_count <> 0",
            (contact,),
        )

    def set_their_seen(self, contact: ContactId, their_seen: int) -> None:
        self._set(contact, "their_seen", their_seen)

    def set_unreached(self, contact: ContactId, unreached: UnixSeconds) -> None:
        """This vault lost what they know (0: they were heard since)."""
        self._set(contact, "unreached", unreached)

    def unreached(self) -> dict[int, int]:
        """Return since when each contact may be out of reach, where one is."""
        found = {}
        sql = "SELECT contact, unreached FROM exchanges WHERE unreached > 0"
        for contact, unreached in self._connection.execute(sql).fetchall():
            assert isinstance(contact, int)
            assert isinstance(unreached, int)
            found[contact] = unreached
        return found

    def set_probed(self, contact: ContactId, probed: UnixSeconds) -> None:
        self._set(contact, "probed", probed)

    def set_renewed(self, contact: ContactId, renewed: UnixSeconds) -> None:
        self._set(contact, "renewed", renewed)

    def _read(self, contact: ContactId) -> ExchangeRow | None:
        cursor = self._connection.execute(
            "SELECT sent_count, seen_count, keys_told, lapsed_count, renewed, heard, heard_clock, "
            "their_seen, unreached, reads, probed FROM exchanges WHERE contact = ?",
            (contact,),
        )
        return find_one(cursor, ExchangeRow)

    def _set(self, contact: ContactId, column: str, value: int) -> None:
        self.kept.change(contact, **{column: value})
        # The columns are named above.
        sql = f"UPDATE exchanges SET {column} = ? WHERE contact = ?"
        self._connection.execute(sql, (value, contact))
