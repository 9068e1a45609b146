"""Rows of the vault about people: contacts, the invites of theirs that we use, and our own."""

from typing import Final

from mesh.commands import Trust
from mesh.ids import ContactId, InviteId, UnixSeconds, VerifyKey
from mesh.inputs import Connection
from mesh.storage.vault_rows import (
    ContactRow,
    ContactState,
    InvitationRow,
    InviteRow,
    all_of,
    find_one,
    insert,
    insert_numbered,
    integer,
)

_CONTACT: Final = (
    "SELECT id, label, name, verify_key, agreement_key, trust, state, bundle, first_trust, "
    "is_request, is_blocked, introduced_by, identity_changed FROM contacts"
)
_INVITATION: Final = "SELECT contact, secret, bundle_hash, expires FROM invitations"
_INVITE: Final = (
    "SELECT id, label, secret, prekey, hint, created, expires, uses_max, erase_after, uses, "
    "is_revoked, posts_count, posted_until, bound_to, is_met, vouched_by FROM invites"
)


class PeopleRows:
    """Contacts, invitations (theirs) and invites (ours)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- Contacts -----------------------------------------------------------------------------

    def insert_contact(self, row: ContactRow) -> None:
        """Add a contact with a number and a label that are free and a key that is new."""
        insert(self._connection, "contacts", row)

    def contact(self, contact: ContactId) -> ContactRow:
        """The contact of an id that was read from the vault."""
        row = self.find_contact(contact)
        assert row is not None
        return row

    def find_contact(self, contact: ContactId) -> ContactRow | None:
        return find_one(
            self._connection.execute(f"{_CONTACT} WHERE id = ?", (contact,)), ContactRow
        )

    def find_contact_by_label(self, label: str) -> ContactRow | None:
        cursor = self._connection.execute(f"{_CONTACT} WHERE label = ?", (label,))
        return find_one(cursor, ContactRow)

    def find_contact_by_key(self, verify_key: VerifyKey) -> ContactRow | None:
        cursor = self._connection.execute(f"{_CONTACT} WHERE verify_key = ?", (verify_key,))
        return find_one(cursor, ContactRow)

    def contacts_by_key_range(self, first: bytes, last: bytes) -> list[ContactRow]:
        """At most two contacts whose key is within the bounds."""
        cursor = self._connection.execute(
            f"{_CONTACT} WHERE verify_key BETWEEN ? AND ? LIMIT 2", (first, last)
        )
        return all_of(cursor, ContactRow)

    def contacts(self) -> list[ContactRow]:
        """All contacts, by label."""
        return all_of(self._connection.execute(f"{_CONTACT} ORDER BY label"), ContactRow)

    def requests_count(self) -> int:
        """How many contacts wait apart to be let in."""
        return integer(
            self._connection.execute("SELECT count(*) FROM contacts WHERE is_request = 1")
        )

    def set_label(self, contact: ContactId, label: str) -> None:
        self._connection.execute("UPDATE contacts SET label = ? WHERE id = ?", (label, contact))

    def set_name(self, contact: ContactId, name: str) -> None:
        self._connection.execute("UPDATE contacts SET name = ? WHERE id = ?", (name, contact))

    def blocked(self) -> list[ContactRow]:
        """Contacts of whom nothing is opened."""
        cursor = self._connection.execute(f"{_CONTACT} WHERE is_blocked = 1 ORDER BY id")
        return all_of(cursor, ContactRow)

    def set_trust(self, contact: ContactId, trust: Trust) -> None:
        self._connection.execute("UPDATE contacts SET trust = ? WHERE id = ?", (trust, contact))

    def set_request(self, contact: ContactId, *, is_request: bool) -> None:
        self._connection.execute(
            "UPDATE contacts SET is_request = ? WHERE id = ?", (is_request, contact)
        )

    def set_blocked(self, contact: ContactId, *, is_blocked: bool) -> None:
        self._connection.execute(
            "UPDATE contacts SET is_blocked = ? WHERE id = ?", (is_blocked, contact)
        )

    def set_state(self, contact: ContactId, state: ContactState) -> None:
        self._connection.execute("UPDATE contacts SET state = ? WHERE id = ?", (state, contact))

    def set_keys(self, contact: ContactId, *, agreement_key: bytes, bundle: bytes) -> None:
        """Keep what is needed to seal for a contact."""
        self._connection.execute(
            "UPDATE contacts SET agreement_key = ?, bundle = ? WHERE id = ?",
            (agreement_key, bundle, contact),
        )

    def clear_bundle(self, contact: ContactId) -> None:
        """A new invite promises another bundle."""
        self._connection.execute("UPDATE contacts SET bundle = NULL WHERE id = ?", (contact,))

    # --- Their invites ------------------------------------------------------------------------

    def put_invitation(self, row: InvitationRow) -> None:
        """Keep the invite of theirs that is used, in place of an earlier one."""
        self._connection.execute(
            "INSERT OR REPLACE INTO invitations (contact, secret, bundle_hash, expires) "
            "VALUES (?, ?, ?, ?)",
            (row.contact, row.secret, row.bundle_hash, row.expires),
        )

    def find_invitation(self, contact: ContactId) -> InvitationRow | None:
        cursor = self._connection.execute(f"{_INVITATION} WHERE contact = ?", (contact,))
        return find_one(cursor, InvitationRow)

    def invitations_without_bundle(self) -> list[InvitationRow]:
        """Those of contacts whose key is still awaited, unless they are blocked."""
        cursor = self._connection.execute(
            f"{_INVITATION} JOIN contacts ON contacts.id = contact WHERE contacts.bundle IS NULL "
            "AND NOT contacts.is_blocked ORDER BY contact"
        )
        return all_of(cursor, InvitationRow)

    def erase_invitation(self, contact: ContactId) -> None:
        self._connection.execute("DELETE FROM invitations WHERE contact = ?", (contact,))

    # --- Our invites --------------------------------------------------------------------------

    def insert_invite(self, row: InviteRow) -> InviteRow:
        """Add an invite of ours; return it with its number."""
        return insert_numbered(self._connection, "invites", row)

    def find_invite(self, invite: InviteId) -> InviteRow | None:
        return find_one(self._connection.execute(f"{_INVITE} WHERE id = ?", (invite,)), InviteRow)

    def invites(self) -> list[InviteRow]:
        """All invites, newest first."""
        return all_of(self._connection.execute(f"{_INVITE} ORDER BY id DESC"), InviteRow)

    def invites_with_secret(self) -> list[InviteRow]:
        """Invites under whose tags something may still come."""
        cursor = self._connection.execute(f"{_INVITE} WHERE secret IS NOT NULL ORDER BY id")
        return all_of(cursor, InviteRow)

    def set_uses(self, invite: InviteId, *, uses: int, erase_after: UnixSeconds) -> None:
        self._connection.execute(
            "UPDATE invites SET uses = ?, erase_after = ? WHERE id = ?", (uses, erase_after, invite)
        )

    def set_revoked(self, invite: InviteId, *, erase_after: UnixSeconds) -> None:
        self._connection.execute(
            "UPDATE invites SET is_revoked = 1, erase_after = ? WHERE id = ?", (erase_after, invite)
        )

    def set_posted(self, invite: InviteId, *, posts_count: int, posted_until: UnixSeconds) -> None:
        """Note that the invite's bundle was sealed once more for the mesh."""
        self._connection.execute(
            "UPDATE invites SET posts_count = ?, posted_until = ? WHERE id = ?",
            (posts_count, posted_until, invite),
        )

    def erase_invite_keys(self, invite: InviteId) -> None:
        """Forget the secret; the invite stays as a line of history."""
        self._connection.execute(
            "UPDATE invites SET secret = NULL, prekey = NULL WHERE id = ?", (invite,)
        )
