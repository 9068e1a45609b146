"""Notes: what happened to a contact and a person should know, kept with the contact."""

from mesh.commands.contacts import NoteAnswer, NoteKind
from mesh.ids import ContactId, UnixSeconds
from mesh.limits.contacts import NOTES_PER_CONTACT_MAX
from mesh.messenger.pending_events import PendingEvents
from mesh.storage.vault.trust import NoteRow, TrustRows


class Notes:
    """Notes on all contacts."""

    def __init__(self, rows: TrustRows, pending_events: PendingEvents) -> None:
        self._rows = rows
        self._pending_events = pending_events

    def add(self, contact: ContactId, kind: NoteKind, sentence: str, mesh_now: UnixSeconds) -> None:
        """Keep a note and tell it."""
        row = NoteRow(at=mesh_now, kind=kind, sentence=sentence)
        self._rows.add_note(contact, row, kept_max=NOTES_PER_CONTACT_MAX)
        self._pending_events.noted(contact, _answer(row))

    def add_once(
        self, contact: ContactId, kind: NoteKind, sentence: str, mesh_now: UnixSeconds
    ) -> None:
        """The same, unless the very same is kept already: who repeats himself is not heard."""
        known = self._rows.notes(contact)
        if not any((row.kind, row.sentence) == (kind, sentence) for row in known):
            self.add(contact, kind, sentence, mesh_now)

    def answers(self, contact: ContactId) -> list[NoteAnswer]:
        """All notes on a contact, newest first."""
        return [_answer(row) for row in self._rows.notes(contact)]


def _answer(row: NoteRow) -> NoteAnswer:
    return NoteAnswer(at=row.at, kind=row.kind, sentence=row.sentence)
