"""Notes: what happened to a contact and a person should know, kept with the contact."""

from mesh.commands.contacts import NoteAnswer, NoteKind
from mesh.ids import ContactId, UnixSeconds
from mesh.limits.contacts import NOTES_OF_KIND_MAX, RENAMED_TOLD_SECONDS
from mesh.messenger.pending_events import PendingEvents
from mesh.storage.vault.trust import NoteRow, TrustRows


class Notes:
    """Notes on all contacts."""

    def __init__(self, rows: TrustRows, pending_events: PendingEvents) -> None:
        self._rows = rows
        self._pending_events = pending_events
        # In this run of the node: when it was last told of a contact that he has another name.
        self._renamed_told: dict[ContactId, UnixSeconds] = {}

    def add(self, contact: ContactId, kind: NoteKind, sentence: str, mesh_now: UnixSeconds) -> None:
        """Keep a note and tell it."""
        self._pending_events.noted(contact, self._keep(contact, kind, sentence, mesh_now))

    def renamed(self, contact: ContactId, sentence: str, mesh_now: UnixSeconds) -> None:
        """Keep that somebody has another name, and tell it, once a day at most."""
        note = self._keep(contact, "renamed", sentence, mesh_now)
        told = self._renamed_told.get(contact)
        if told is None or abs(mesh_now - told) >= RENAMED_TOLD_SECONDS:
            self._renamed_told[contact] = mesh_now
            self._pending_events.noted(contact, note)

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

    def _keep(
        self, contact: ContactId, kind: NoteKind, sentence: str, mesh_now: UnixSeconds
    ) -> NoteAnswer:
        row = NoteRow(at=mesh_now, kind=kind, sentence=sentence)
        self._rows.add_note(contact, row, kept_max=NOTES_OF_KIND_MAX)
        return _answer(row)


def _answer(row: NoteRow) -> NoteAnswer:
    return NoteAnswer(at=row.at, kind=row.kind, sentence=row.sentence)
