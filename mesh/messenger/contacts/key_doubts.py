"""Doubts about the keys with a contact: theirs may be a thief's, ours may look like one.

Implements `docs/protocol/session.md`, sections "Renewal" and "What healing ends".
"""

from mesh.ids import ContactId, UnixSeconds
from mesh.messenger.contacts.notes import Notes
from mesh.messenger.pending_events import PendingEvents
from mesh.storage.vault.rows import ContactRow
from mesh.storage.vault.vault import Vault


class KeyDoubts:
    """The contacts whose new keys nothing confirms, and those who may be out of reach; `notes` say
    so.
    """

    def __init__(self, vault: Vault, notes: Notes, pending_events: PendingEvents) -> None:
        self._rows = vault.contacts
        self._exchanges = vault.exchanges
        self.notes = notes
        self._pending_events = pending_events

    def doubted(self, row: ContactRow, mesh_now: UnixSeconds) -> None:
        """New keys were begun with somebody verified, and nothing of before says that it is they.

        Who has stolen a vault can do so too, and the safety number stays what it was.
        """
        if row.trust == "verified" and not row.unconfirmed:
            self._rows.set_unconfirmed(row.id, mesh_now)
            sentence = (
                f"New keys were begun with {row.label}, and nothing of the keys before confirms "
                "that it is they: ask them by another way whether they did, and then say that you "
                f"verified them: mesh contact verify {row.id}"
            )
            self.notes.add(row.id, "keys unconfirmed", sentence, mesh_now)
            self._pending_events.contact_changed(row.id)

    def confirmed(self, row: ContactRow, sentence: str, mesh_now: UnixSeconds) -> None:
        """Something of before, or our person, says that the new keys are theirs."""
        self._rows.set_unconfirmed(row.id, UnixSeconds(0))
        self.notes.add(row.id, "verified", sentence, mesh_now)
        self._pending_events.contact_changed(row.id)

    def unreached(self, row: ContactRow, mesh_now: UnixSeconds) -> None:
        """This vault seems older than what was written with it, which to them looks stolen."""
        if not self._exchanges.exchange(row.id).unreached:
            self._exchanges.set_unreached(row.id, mesh_now)
            sentence = (
                f"The keys that this profile has with {row.label} no longer fit: it seems older "
                "than what was written with it. If they have gone on to newer keys they can not be "
                "reached by these: give them a new invite, and all goes on: mesh invite"
            )
            self.notes.add(row.id, "out of reach", sentence, mesh_now)
            self._pending_events.contact_changed(row.id)

    def reached(self, contact: ContactId) -> bool:
        """They write on keys that were begun since; return whether they were out of reach."""
        if not self._exchanges.exchange(contact).unreached:
            return False
        self._exchanges.set_unreached(contact, UnixSeconds(0))
        self._pending_events.contact_changed(contact)
        return True
