"""Rows of the vault about trust: notes on contacts, comparisons, introductions."""

from typing import Final, Literal

from mesh.commands.contacts import NoteKind
from mesh.database import Connection
from mesh.ids import ContactId, InviteId, UnixSeconds, VerifyKey
from mesh.storage.vault.rows import Row, all_of, blobs, find_one, insert_numbered, integer

IntroductionState = Literal["waiting", "accepted", "declined", "done"]

_INTRODUCTION: Final = (
    "SELECT number, id, voucher, verify_key, name, link, invite, state, came FROM introductions"
)
_MADE: Final = "SELECT id, guest, host, made FROM introductions_made"


class NoteRow(Row, frozen=True):
    """Something that happened to a contact."""

    at: UnixSeconds
    kind: NoteKind
    sentence: str


class IntroductionRow(Row, frozen=True):
    """Somebody whom a contact introduces to us.

    `link` is their invite; without one we are asked for an invite of ours, which is `invite` once
    it was given.
    """

    number: int
    id: bytes
    voucher: ContactId
    verify_key: VerifyKey
    name: str
    link: str | None
    invite: InviteId | None
    state: IntroductionState
    came: UnixSeconds


class IntroductionMadeRow(Row, frozen=True):
    """Two contacts whom we introduce: `host` is asked for an invite for `guest`."""

    id: bytes
    guest: ContactId
    host: ContactId
    made: UnixSeconds


class TrustRows:
    """Notes, comparisons and introductions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- Notes --------------------------------------------------------------------------------

    def add_note(self, contact: ContactId, row: NoteRow, *, kept_max: int) -> None:
        """Add a note; of more than so many of its kind the oldest go."""
        self._connection.execute(
            "INSERT INTO contact_notes (contact, at, kind, sentence) VALUES (?, ?, ?, ?)",
            (contact, row.at, row.kind, row.sentence),
        )
        self._connection.execute(
            "DELETE FROM contact_notes WHERE contact = ?1 AND kind = ?2 AND number NOT IN "
            "(SELECT number FROM contact_notes WHERE contact = ?1 AND kind = ?2 "
            "ORDER BY number DESC LIMIT ?3)",
            (contact, row.kind, kept_max),
        )

    def notes(self, contact: ContactId) -> list[NoteRow]:
        """Notes on one contact, newest first."""
        cursor = self._connection.execute(
            "SELECT at, kind, sentence FROM contact_notes WHERE contact = ? ORDER BY number DESC",
            (contact,),
        )
        return all_of(cursor, NoteRow)

    # --- Comparisons --------------------------------------------------------------------------

    def find_comparison(self, contact: ContactId) -> bytes | None:
        """The state of the comparison with a contact, if there ever was one."""
        cursor = self._connection.execute(
            "SELECT state FROM comparisons WHERE contact = ?", (contact,)
        )
        found = blobs(cursor)
        return found[0] if found else None

    def put_comparison(self, contact: ContactId, state: bytes) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO comparisons (contact, state) VALUES (?, ?)", (contact, state)
        )

    def compared(self) -> list[ContactId]:
        """Contacts with whom there ever was a comparison."""
        contacts = []
        for (contact,) in self._connection.execute(
            "SELECT contact FROM comparisons ORDER BY contact"
        ).fetchall():
            assert isinstance(contact, int)
            contacts.append(ContactId(contact))
        return contacts

    # --- Introductions to us ------------------------------------------------------------------

    def insert_introduction(self, row: IntroductionRow) -> IntroductionRow:
        """Add what no row of this voucher is about; return it with its number."""
        return insert_numbered(self._connection, "introductions", row)

    def introduction(self, number: int) -> IntroductionRow:
        """The introduction of a number that was read from the vault."""
        row = self.find_introduction(number)
        assert row is not None
        return row

    def find_introduction(self, number: int) -> IntroductionRow | None:
        cursor = self._connection.execute(f"{_INTRODUCTION} WHERE number = ?", (number,))
        return find_one(cursor, IntroductionRow)

    def find_introduction_of(
        self, voucher: ContactId, verify_key: VerifyKey
    ) -> IntroductionRow | None:
        """The introduction of this key by this contact."""
        cursor = self._connection.execute(
            f"{_INTRODUCTION} WHERE voucher = ? AND verify_key = ?", (voucher, verify_key)
        )
        return find_one(cursor, IntroductionRow)

    def find_introduction_by_invite(self, invite: InviteId) -> IntroductionRow | None:
        """The introduction for which an invite of ours was given."""
        cursor = self._connection.execute(f"{_INTRODUCTION} WHERE invite = ?", (invite,))
        return find_one(cursor, IntroductionRow)

    def introductions(self) -> list[IntroductionRow]:
        """All, newest first."""
        cursor = self._connection.execute(f"{_INTRODUCTION} ORDER BY number DESC")
        return all_of(cursor, IntroductionRow)

    def introductions_count(self, voucher: ContactId) -> int:
        """Return how many of one contact are known."""
        return integer(
            self._connection.execute(
                "SELECT count(*) FROM introductions WHERE voucher = ?", (voucher,)
            )
        )

    def set_introduction(self, row: IntroductionRow) -> None:
        """Write what may have changed of an introduction."""
        self._connection.execute(
            "UPDATE introductions SET id = ?, name = ?, link = ?, invite = ?, state = ?, came = ? "
            "WHERE number = ?",
            (row.id, row.name, row.link, row.invite, row.state, row.came, row.number),
        )

    def forget_introductions(self, before: UnixSeconds) -> None:
        """Forget what came or was made before this."""
        self._connection.execute("DELETE FROM introductions WHERE came < ?", (before,))
        self._connection.execute("DELETE FROM introductions_made WHERE made < ?", (before,))

    # --- Introductions by us ------------------------------------------------------------------

    def put_introduction_made(self, row: IntroductionMadeRow) -> None:
        """Keep whom we introduce, in place of the same two before."""
        self._connection.execute(
            "INSERT OR REPLACE INTO introductions_made (id, guest, host, made) VALUES (?, ?, ?, ?)",
            (row.id, row.guest, row.host, row.made),
        )

    def find_introduction_made(self, id_: bytes) -> IntroductionMadeRow | None:
        cursor = self._connection.execute(f"{_MADE} WHERE id = ?", (id_,))
        return find_one(cursor, IntroductionMadeRow)

    def find_introduction_of_two(
        self, guest: ContactId, host: ContactId
    ) -> IntroductionMadeRow | None:
        """The introduction of these two by us."""
        cursor = self._connection.execute(f"{_MADE} WHERE guest = ? AND host = ?", (guest, host))
        return find_one(cursor, IntroductionMadeRow)

    def introductions_made_count(self) -> int:
        return integer(self._connection.execute("SELECT count(*) FROM introductions_made"))
