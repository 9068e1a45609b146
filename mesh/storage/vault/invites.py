"""Rows of the vault about invites: those of contacts that we use (invitations), and our own."""

from typing import Final

import msgspec

from mesh.database import Connection
from mesh.ids import ContactId, InviteId, UnixSeconds
from mesh.storage.vault.rows import (
    AcceptedInviteRow,
    InviteRow,
    all_of,
    find_one,
    insert_numbered,
)

_INVITATION: Final = (
    "SELECT contact, secret, bundle_hash, expires, since, is_unanswered, is_closed, text_hash "
    "FROM invitations"
)
_INVITE: Final = (
    "SELECT id, label, secret, prekey, hint, created, expires, uses_max, erase_after, uses, "
    "is_revoked, posts_count, posted_until, bound_to, is_met, vouched_by, "
    "tells_closed, is_in_letter FROM invites"
)


class InviteRows:
    """Invitations are theirs, invites are ours."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- Their invites ------------------------------------------------------------------------

    def put_accepted_invite(self, row: AcceptedInviteRow) -> None:
        """Keep the invite of theirs that is used, in place of an earlier one."""
        self._connection.execute(
            "INSERT OR REPLACE INTO invitations "
            "(contact, secret, bundle_hash, expires, since, is_unanswered, is_closed, text_hash) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            msgspec.structs.astuple(row),
        )

    def find_accepted_invite(self, contact: ContactId) -> AcceptedInviteRow | None:
        cursor = self._connection.execute(f"{_INVITATION} WHERE contact = ?", (contact,))
        return find_one(cursor, AcceptedInviteRow)

    def accepted_invites_without_bundle(self) -> list[AcceptedInviteRow]:
        """Those of contacts whose key is still awaited, unless they are blocked."""
        cursor = self._connection.execute(
            f"{_INVITATION} JOIN contacts ON contacts.id = contact WHERE contacts.bundle IS NULL "
            "AND NOT contacts.is_blocked ORDER BY contact"
        )
        return all_of(cursor, AcceptedInviteRow)

    def accepted_invites(self) -> list[AcceptedInviteRow]:
        """Those of all contacts who have not answered."""
        return all_of(
            self._connection.execute(f"{_INVITATION} ORDER BY contact"), AcceptedInviteRow
        )

    def erase_accepted_invite(self, contact: ContactId) -> None:
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

    def set_revoked(
        self, invite: InviteId, *, erase_after: UnixSeconds, tells_closed: bool
    ) -> None:
        self._connection.execute(
            "UPDATE invites SET is_revoked = 1, erase_after = ?, tells_closed = ? WHERE id = ?",
            (erase_after, tells_closed, invite),
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
