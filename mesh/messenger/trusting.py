"""Whom one trusts: safety numbers, blocking, requests, and contacts that go or change their keys.

Implements `docs/protocol/trust.md`. Trust rises only by what the person does here: *verified* by
saying that the safety number was compared, or by a live comparison that both confirmed.
"""

from mesh.commands import ContactDetailsAnswer, VerifyContact
from mesh.errors import UserError
from mesh.events import ContactRemoved
from mesh.ids import ContactId, UnixSeconds, VerifyKey, direct_conversation
from mesh.limits import SAFETY_NUMBERS_CACHED
from mesh.messenger.comparisons import Comparisons
from mesh.messenger.contacts import Contacts
from mesh.messenger.identity import Identity
from mesh.messenger.invitations import Invitations
from mesh.messenger.keys_given import KeysGiven
from mesh.messenger.notes import Notes
from mesh.messenger.outbox import Outbox
from mesh.messenger.sessions import Sessions
from mesh.messenger.telling import Telling
from mesh.ratchet.safety_number import identity_half, joined
from mesh.storage.vault import Vault
from mesh.storage.vault_rows import ContactRow


class Trusting:
    """What a person decides about a contact."""

    def __init__(
        self,
        vault: Vault,
        identity: Identity,
        *,
        contacts: Contacts,
        notes: Notes,
        comparisons: Comparisons,
        sessions: Sessions,
        invitations: Invitations,
        keys_given: KeysGiven,
        outbox: Outbox,
        telling: Telling,
    ) -> None:
        self._people = vault.people
        self._leaving = vault.leaving
        self._messages = vault.messages
        self._identity = identity
        self._contacts = contacts
        self._notes = notes
        self._comparisons = comparisons
        self._sessions = sessions
        self._invitations = invitations
        self._keys_given = keys_given
        self._outbox = outbox
        self._telling = telling
        self._halves: dict[tuple[VerifyKey, bytes], str] = {}
        for row in self._people.blocked():
            self._sessions.pause(row.id)

    def details(self, row: ContactRow, mesh_now: UnixSeconds) -> ContactDetailsAnswer:
        """All that is told of one contact."""
        return ContactDetailsAnswer(
            contact=self._contacts.answer(row.id),
            safety_number=self._safety_number(row),
            notes=self._notes.answers(row.id),
            comparison=self._comparisons.answer(row, mesh_now),
        )

    def verify(self, row: ContactRow, command: VerifyContact, mesh_now: UnixSeconds) -> None:
        """The person compared the safety number, or takes that back."""
        if row.agreement_key is None:
            raise UserError(
                "no-key", f"The keys of {row.label} are not here yet; there is nothing to compare."
            )
        if command.is_verified == (row.trust == "verified"):
            return
        if command.is_verified:
            sentence = f"You said that you compared the safety number with {row.label}."
            self._notes.add(row.id, "verified", sentence, mesh_now)
        self._contacts.set_trust(row.id, "verified" if command.is_verified else row.first_trust)

    def block(self, row: ContactRow, *, is_blocked: bool, mesh_now: UnixSeconds) -> None:
        """Recognise nothing of a contact any more, or everything that came meanwhile."""
        if row.is_blocked == is_blocked:
            return
        self._people.set_blocked(row.id, is_blocked=is_blocked)
        self._telling.contact_changed(row.id)
        if is_blocked:
            self._sessions.pause(row.id)
            self._invitations.pause(row)
            self._keys_given.forget(row.id)
            return
        self._sessions.resume(row.id)
        self._invitations.resume(row)
        self._outbox.seal_waiting_of(self._people.contact(row.id), mesh_now)

    def link_keys(self) -> list[tuple[ContactId, bytes]]:
        """The keys shared with each contact who was accepted and is not blocked."""
        return [
            (row.id, session.link_key)
            for row in self._people.contacts()
            if not row.is_blocked and not row.is_request
            for session in self._sessions.of_contact(row.id)
            if not session.is_over
        ]

    def remove(self, row: ContactRow) -> None:
        """Forget a contact. Afterwards the desk must be set up anew: its memory knows them."""
        self._telling.forget_contact(row.id, self._messages.numbers(direct_conversation(row.id)))
        self._leaving.remove(row.id)
        self._telling.tell(ContactRemoved(row.id, row.label))

    def replace(self, row: ContactRow, by: ContactRow, mesh_now: UnixSeconds) -> None:
        """A contact goes on under the keys of another; the desk must be set up anew too."""
        if row.id == by.id:
            raise UserError("same-contact", f"{row.label} cannot replace their own identity.")
        for one in (row, by):
            if one.is_blocked:
                raise UserError("blocked", f"{one.label} is blocked; unblock them first.")
        self._outbox.give_up_waiting(row)
        self._telling.forget_contact(by.id, [])
        self._leaving.replace(row.id, by, mesh_now)
        self._telling.tell(ContactRemoved(by.id, by.label))
        self._telling.contact_changed(row.id)
        self._notes.add(
            row.id,
            "identity changed",
            f"You gave {row.label} the identity that was known as {by.label}; "
            "compare the safety number again.",
            mesh_now,
        )

    def _safety_number(self, row: ContactRow) -> str:
        if row.agreement_key is None:
            return ""
        keys = self._identity.keys
        ours = self._half(keys.verify_key, keys.identity_key)
        return joined(ours, self._half(row.verify_key, row.agreement_key))

    def _half(self, verify_key: VerifyKey, identity_key: bytes) -> str:
        known = self._halves.get((verify_key, identity_key))
        if known is None:
            if len(self._halves) >= SAFETY_NUMBERS_CACHED:
                del self._halves[next(iter(self._halves))]
            known = identity_half(verify_key, identity_key)
            self._halves[verify_key, identity_key] = known
        return known
