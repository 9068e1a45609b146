"""The rows of the vault: what is ours.

Implements `docs/protocol/storage.md`, section "The vault". Rows only: nothing is decided here, and
whoever writes has begun a transaction (`connection.transaction`).
"""

from typing import Final

from msgspec.structs import replace

from mesh.database import Connection
from mesh.ids import ContactId, UnixSeconds
from mesh.storage.vault.at_hand import AtHandRows
from mesh.storage.vault.authors import AuthorRows
from mesh.storage.vault.changes import ChangeRows
from mesh.storage.vault.closed_answers import ClosedAnswerRows
from mesh.storage.vault.contacts import ContactRows
from mesh.storage.vault.contents import ContentRows
from mesh.storage.vault.conversations import ConversationRows
from mesh.storage.vault.direct_files import DirectRows
from mesh.storage.vault.entries import EntryRows
from mesh.storage.vault.exchanges import ExchangeRows
from mesh.storage.vault.files import BlockRows, FileRows
from mesh.storage.vault.first_contacts import FirstContactRows
from mesh.storage.vault.group_files import GroupFileRows
from mesh.storage.vault.group_keys import GroupKeyEndRows, GroupKeyRows
from mesh.storage.vault.group_links import GroupLinkRows
from mesh.storage.vault.group_losses import GroupLossRows
from mesh.storage.vault.group_needs import GroupNeedRows
from mesh.storage.vault.group_people import GroupPeopleRows
from mesh.storage.vault.group_receipts import GroupReceiptRows
from mesh.storage.vault.groups import GroupRows
from mesh.storage.vault.history import HistoryRows
from mesh.storage.vault.invites import InviteRows
from mesh.storage.vault.known_keys import KnownKeyRows
from mesh.storage.vault.leaving import LeavingRows
from mesh.storage.vault.member_letters import MemberLetterRows
from mesh.storage.vault.member_names import MemberNameRows
from mesh.storage.vault.outbox import OutboxRows, RetirementRows
from mesh.storage.vault.payloads import PayloadRows
from mesh.storage.vault.posting_keys import PostingKeyRows
from mesh.storage.vault.prekeys import PrekeyRows
from mesh.storage.vault.registers import RegisterRows
from mesh.storage.vault.room import RoomRows
from mesh.storage.vault.rows import ContactRow, IdentityRow, find_one
from mesh.storage.vault.scheduled import ScheduledRows
from mesh.storage.vault.sealed import SealedRows
from mesh.storage.vault.search import SearchRows
from mesh.storage.vault.sessions import SessionRows
from mesh.storage.vault.shown import ShownRows
from mesh.storage.vault.steps import StepRows
from mesh.storage.vault.timers import TimerRows
from mesh.storage.vault.trust import TrustRows

BEGIN_ANEW_MARK: Final = "sessions begin anew"
"""The mark of a vault that has lost something of its sessions (`mesh/node/vault_salvage.py`)."""

NEWEST_OPENED_MARK: Final = "newest opened"
"""The mark of when the newest envelope of a contact was created that was opened here."""

NAME_CHOSEN_MARK: Final = "name chosen"
"""The mark of a vault whose person chose a name since groups are told it."""


class Vault:
    """The vault of one profile, over a connection that `migrate_vault` has prepared."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.work = 0
        """Which piece of work this is: what was found in one may not hold in the next."""

        # What was done last was to write messages, or to open mail.
        self._is_after_mail = False

        self.contacts = ContactRows(connection)
        self.invites = InviteRows(connection)
        self.closed_answers = ClosedAnswerRows(connection)
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
        self.authors = AuthorRows(connection)
        self.entries = EntryRows(connection)
        self.changes = ChangeRows(connection, self.entries)
        self.contents = ContentRows(connection)
        self.shown = ShownRows(connection)
        self.registers = RegisterRows(connection)
        self.member_names = MemberNameRows(connection)
        self.files = FileRows(connection)
        self.blocks = BlockRows(connection)
        self.direct_files = DirectRows(connection)
        self.at_hand = AtHandRows(connection)
        self.steps = StepRows(connection)
        self.history = HistoryRows(connection, self.entries)
        self.timers = TimerRows(connection, self.history)
        self.scheduled = ScheduledRows(connection)
        self.search = SearchRows(connection)
        self.room = RoomRows(connection)
        self.group_keys = GroupKeyRows(connection)
        self.group_key_ends = GroupKeyEndRows(connection)
        self.group_people = GroupPeopleRows(connection)
        self.group_losses = GroupLossRows(connection)
        self.group_needs = GroupNeedRows(connection)
        self.group_files = GroupFileRows(connection)
        self.group_receipts = GroupReceiptRows(connection)
        self.group_links = GroupLinkRows(connection)
        self.member_letters = MemberLetterRows(connection)
        self.groups = GroupRows(connection)
        self.payloads = PayloadRows(connection)
        self.outbox = OutboxRows(connection)
        self.retirements = RetirementRows(connection)

    def begin(self, *, is_mail: bool = False) -> None:
        """Another piece of work begins: what it reads was not read before. Mail that comes or goes
        behind other mail of its batch goes on with it: each of these rows is written through what
        keeps it.
        """
        is_going_on, self._is_after_mail = is_mail and self._is_after_mail, is_mail
        if is_going_on:
            return
        self.work += 1
        self.history.forget()
        self.member_names.clear()
        for rows in (self.contacts, self.conversations, self.exchanges, self.authors, self.sealed):
            rows.kept.clear()
        self.known_keys.kept.clear()

    def taken_back(self) -> None:
        """Keep nothing that was read since a savepoint: what was written there is gone."""
        self.groups.changed()
        self.begin()

    def end_batch(self) -> None:
        """The transaction is complete: nothing but what is told of it goes on with its rows."""
        self._is_after_mail = False

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

    def set_identity_name(self, name: str) -> None:
        """Be called otherwise from now on."""
        self._connection.execute("UPDATE identity SET name = ?", (name,))

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

    def write_mark_anew(self, name: str, value: int) -> None:
        """Write a mark so that its page is written though nothing in it changes.

        Where a row is replaced by its like SQLite writes none, and the commit costs nothing.
        """
        self._connection.execute("DELETE FROM marks WHERE name = ?", (name,))
        self.set_mark(name, value)
