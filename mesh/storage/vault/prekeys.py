"""Rows of the vault about prekeys, and about the first contacts that came to them."""

from typing import Final

from mesh.database import Connection
from mesh.ids import ContactId, UnixSeconds
from mesh.storage.vault.rows import (
    OpeningRow,
    PrekeyRow,
    all_of,
    find_one,
    new_number,
)

_PREKEY: Final = "SELECT id, contact, bundle, private, made, erase_after FROM prekeys"


class PrekeyRows:
    """Our bundles with their private halves, and which sessions were founded with them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_prekey(
        self, *, contact: ContactId | None, bundle: bytes, private: bytes, made: UnixSeconds
    ) -> PrekeyRow:
        """Keep a bundle of ours with its private halves."""
        cursor = self._connection.execute(
            "INSERT INTO prekeys (contact, bundle, private, made) VALUES (?, ?, ?, ?)",
            (contact, bundle, private, made),
        )
        return self.prekey(new_number(cursor))

    def prekey(self, prekey: int) -> PrekeyRow:
        """The prekey of an id that was read from the vault."""
        cursor = self._connection.execute(f"{_PREKEY} WHERE id = ?", (prekey,))
        row = find_one(cursor, PrekeyRow)
        assert row is not None
        return row

    def prekeys_of(self, contact: ContactId) -> list[PrekeyRow]:
        """Our bundles for a contact, newest first."""
        cursor = self._connection.execute(
            f"{_PREKEY} WHERE contact = ? ORDER BY id DESC", (contact,)
        )
        return all_of(cursor, PrekeyRow)

    def prekeys_beyond(self, most: int) -> list[PrekeyRow]:
        """Those of contacts that have so many newer ones, and that nothing erases yet."""
        cursor = self._connection.execute(
            f"{_PREKEY} WHERE contact IS NOT NULL AND erase_after IS NULL AND "
            "(SELECT count(*) FROM prekeys AS newer "
            "WHERE newer.contact = prekeys.contact AND newer.id > prekeys.id) >= ? ORDER BY id",
            (most,),
        )
        return all_of(cursor, PrekeyRow)

    def erase_prekey_after(self, prekey: int, erase_after: UnixSeconds) -> None:
        self._connection.execute(
            "UPDATE prekeys SET erase_after = ? WHERE id = ?", (erase_after, prekey)
        )

    def erase_private(self, prekey: int) -> None:
        """Erase private halves, and remember what came to them."""
        self._connection.execute("UPDATE prekeys SET private = x'' WHERE id = ?", (prekey,))

    def prekeys_to_erase(self, before: UnixSeconds) -> list[PrekeyRow]:
        """Prekeys of contacts whose time is over."""
        cursor = self._connection.execute(f"{_PREKEY} WHERE erase_after < ? ORDER BY id", (before,))
        return all_of(cursor, PrekeyRow)

    def erase_prekey(self, prekey: int) -> None:
        """Erase private halves and the memory that guarded them; no invite may name them."""
        for statement in (
            "DELETE FROM openings WHERE prekey = ?",
            "DELETE FROM prekeys WHERE id = ?",
        ):
            self._connection.execute(statement, (prekey,))

    def find_opening(self, prekey: int, ephemeral: bytes) -> OpeningRow | None:
        """Return what an opening has founded, if it came before."""
        cursor = self._connection.execute(
            "SELECT session, header_key FROM openings WHERE prekey = ? AND ephemeral = ?",
            (prekey, ephemeral),
        )
        return find_one(cursor, OpeningRow)

    def note_opening(
        self, prekey: int, ephemeral: bytes, *, session: bytes, header_key: bytes
    ) -> None:
        """Remember an opening, so that its repetitions go to the session that it founded."""
        self._connection.execute(
            "INSERT INTO openings (prekey, ephemeral, session, header_key) VALUES (?, ?, ?, ?)",
            (prekey, ephemeral, session, header_key),
        )
