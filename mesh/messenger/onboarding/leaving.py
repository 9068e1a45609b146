"""Contacts who go, and contacts who go on under other keys.

Implements `docs/protocol/trust.md`. Nearly every part knows the contacts, so all of them are made
anew over the vault afterwards. This is rare, and takes less than a second for a thousand contacts.
"""

from collections.abc import Callable

from mesh.commands.answer import Done
from mesh.commands.contacts import ContactAnswer, RemoveContact, ReplaceIdentity
from mesh.errors import UserError
from mesh.events import ContactRemoved
from mesh.ids import Instant, direct_conversation
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import Contacts
from mesh.messenger.contacts.notes import Notes
from mesh.messenger.contacts.refusals import require_unblocked
from mesh.messenger.conversations.outbox import Outbox
from mesh.messenger.feature import Feature, command


class Leaving:
    """Forgets contacts. `reload` makes all parts anew and returns the contacts among them."""

    def __init__(
        self,
        account: Account,
        *,
        contacts: Contacts,
        notes: Notes,
        outbox: Outbox,
        reload: Callable[[Instant], Contacts],
    ) -> None:
        self._rows = account.vault.leaving
        self._closed_answers = account.vault.closed_answers
        self._messages = account.vault.entries
        self._search = account.vault.search
        self._pending_events = account.pending_events
        self._contacts = contacts
        self._notes = notes
        self._outbox = outbox
        self._reload = reload

    def feature(self) -> Feature:
        """Forgetting a contact, and joining two."""
        return Feature(
            commands=[command(RemoveContact, self._remove), command(ReplaceIdentity, self._replace)]
        )

    def _remove(self, asked: RemoveContact, now: Instant) -> Done:
        row = self._contacts.contact(asked.contact)
        numbers = self._messages.numbers(direct_conversation(row.id))
        self._pending_events.forget_contact(row.id, numbers)
        with self._search.going(len(numbers)):
            self._rows.remove(row.id)
        self._closed_answers.silence()
        self._pending_events.tell(ContactRemoved(row.id, row.label))
        self._reload(now)
        return Done()

    def _replace(self, asked: ReplaceIdentity, now: Instant) -> ContactAnswer:
        """A contact goes on under the keys of another."""
        row, by = self._contacts.contact(asked.contact), self._contacts.contact(asked.by)
        if row.id == by.id:
            raise UserError("same-contact", f"{row.label} cannot replace their own identity.")
        for one in (row, by):
            require_unblocked(one)
        self._outbox.give_up_waiting(row)
        self._pending_events.forget_contact(by.id, [])
        self._rows.replace(row.id, by, now.mesh)
        self._pending_events.tell(ContactRemoved(by.id, by.label))
        self._pending_events.contact_changed(row.id)
        self._notes.add(
            row.id,
            "identity changed",
            f"You gave {row.label} the identity that was known as {by.label}; "
            "compare the safety number again.",
            now.mesh,
        )
        return self._reload(now).answer(row.id)
