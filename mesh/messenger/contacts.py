"""The contacts: who they are, how we call them, and what is known of them."""

from mesh.commands import ContactAnswer
from mesh.errors import UserError
from mesh.ids import ContactId, VerifyKey
from mesh.limits import CONTACTS_MAX
from mesh.messenger.names import checked_name, free_label, is_name
from mesh.messenger.telling import Telling
from mesh.storage.vault import Vault
from mesh.storage.vault_rows import ContactRow
from mesh.wire.bundle import KEY_BYTES

KEY_PREFIX_DIGITS_MIN = 8
"""A shorter beginning of a key would too often be the beginning of two."""


class Contacts:
    """All contacts of this profile. Their labels are in memory: every event names one."""

    def __init__(self, vault: Vault, telling: Telling) -> None:
        self._rows = vault.people
        self._messages = vault.messages
        self._telling = telling
        self._labels = {row.id: row.label for row in self._rows.contacts()}

    def __len__(self) -> int:
        return len(self._labels)

    def label(self, contact: ContactId) -> str:
        """How a contact is called here."""
        return self._labels[contact]

    def contact(self, named: str) -> ContactRow:
        """The contact of a label, an id, or the beginning of a key; UserError if there is none."""
        found = self._rows.find_contact_by_label(named) if is_name(named) else None
        if found is None and named.isascii() and named.isdigit() and len(named) < len(str(2**63)):
            found = self._rows.find_contact(ContactId(int(named)))
        if found is None:
            found = self._find_by_key(named.lower())
        if found is None:
            raise UserError("not-found", f"There is no contact {named!r}; see: mesh contacts")
        return found

    def add(
        self,
        *,
        wanted_label: str,
        name: str,
        verify_key: VerifyKey,
        agreement_key: bytes | None,
        bundle: bytes | None,
        is_by_our_invite: bool,
    ) -> ContactRow:
        """Add a contact under a label that is made unique."""
        if len(self._labels) >= CONTACTS_MAX:
            raise UserError("too-many", f"A profile has at most {CONTACTS_MAX} contacts.")
        label = free_label(wanted_label, self._is_label_taken)
        row = self._rows.add_contact(
            label=label,
            name=name,
            verify_key=verify_key,
            agreement_key=agreement_key,
            # Their own link vouches for the key; whoever comes by an invite is seen for the
            # first time.
            trust="first seen" if is_by_our_invite else "known",
            state=(
                "answered"
                if is_by_our_invite
                else "waiting for their key"
                if bundle is None
                else "invited"
            ),
            bundle=bundle,
        )
        self._labels[row.id] = label
        return row

    def check_free(self, label: str) -> None:
        """UserError if a contact has this label."""
        if self._is_label_taken(label):
            raise UserError("exists", f"Another contact has the label {label!r} already.")

    def rename(self, row: ContactRow, label: str) -> None:
        """Call a contact otherwise."""
        checked = checked_name(label, "The label")
        if checked == row.label:
            return
        self.check_free(checked)
        self._rows.set_label(row.id, checked)
        self._labels[row.id] = checked
        self._telling.contact_changed(row.id)

    def named(self, row: ContactRow, name: str) -> None:
        """A contact told their name; one that a screen cannot show is passed over."""
        if name != row.name and is_name(name):
            self._rows.set_name(row.id, name)
            self._telling.contact_changed(row.id)

    def met(self, contact: ContactId) -> ContactRow:
        """Their person stood before ours, and both screens showed the same."""
        if self._rows.contact(contact).trust != "verified":
            self._rows.set_trust(contact, "verified")
            self._telling.contact_changed(contact)
        return self._rows.contact(contact)

    def answers(self) -> list[ContactAnswer]:
        """All contacts, by label."""
        counts, unread = self._messages.counts(), self._messages.unread_counts()
        allowed = self._messages.contacts_with_read_receipts()
        return [
            _answer(
                row,
                counts.get(row.id, 0),
                unread.get(row.id, 0),
                sends_read_receipts=row.id in allowed,
            )
            for row in self._rows.contacts()
        ]

    def answer(self, contact: ContactId) -> ContactAnswer:
        """What is told of a contact."""
        return _answer(
            self._rows.contact(contact),
            self._messages.count(contact),
            self._messages.unread_count(contact),
            sends_read_receipts=self._messages.conversation(contact).sends_read_receipts,
        )

    def _is_label_taken(self, label: str) -> bool:
        return self._rows.find_contact_by_label(label) is not None

    def _find_by_key(self, digits: str) -> ContactRow | None:
        if not KEY_PREFIX_DIGITS_MIN <= len(digits) <= 2 * KEY_BYTES:
            return None
        if not all(digit in "0123456789abcdef" for digit in digits):
            return None
        first = bytes.fromhex(digits.ljust(2 * KEY_BYTES, "0"))
        last = bytes.fromhex(digits.ljust(2 * KEY_BYTES, "f"))
        found = self._rows.contacts_by_key_range(first, last)
        if len(found) > 1:
            raise UserError(
                "ambiguous", f"More than one key begins with {digits}; give more of it."
            )
        return found[0] if found else None


def _answer(
    row: ContactRow, messages_count: int, unread_count: int, *, sends_read_receipts: bool
) -> ContactAnswer:
    return ContactAnswer(
        id=row.id,
        label=row.label,
        name=row.name,
        key=row.verify_key.hex(),
        trust=row.trust,
        state=row.state,
        messages_count=messages_count,
        unread_count=unread_count,
        sends_read_receipts=sends_read_receipts,
    )
