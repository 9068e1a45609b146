"""Trust: safety numbers and blocking.

Implements `docs/protocol/trust.md`. Trust rises only by what the person does here: *verified* by
saying that the safety number was compared, or by a live comparison that both confirmed.
"""

from mesh.commands.contacts import (
    AskContact,
    BlockContact,
    ContactAnswer,
    ContactDetailsAnswer,
    VerifyContact,
)
from mesh.errors import UserError
from mesh.ids import Instant, VerifyKey
from mesh.limits.contacts import SAFETY_NUMBERS_CACHED
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import Contacts
from mesh.messenger.contacts.key_doubts import KeyDoubts
from mesh.messenger.conversations.outbox import Outbox
from mesh.messenger.feature import Feature, command
from mesh.messenger.onboarding.invites_accepted import InvitesAccepted
from mesh.messenger.onboarding.verification import Verification
from mesh.messenger.pauses import Pause
from mesh.messenger.sessions.posting_key_sharing import PostingKeySharing
from mesh.messenger.sessions.sessions import Sessions
from mesh.ratchet.safety_number import identity_half, joined
from mesh.storage.vault.rows import ContactRow


class TrustDecisions:
    """The decisions of a person about a contact."""

    def __init__(
        self,
        account: Account,
        *,
        contacts: Contacts,
        key_doubts: KeyDoubts,
        verification: Verification,
        sessions: Sessions,
        invites_accepted: InvitesAccepted,
        posting_key_sharing: PostingKeySharing,
        outbox: Outbox,
    ) -> None:
        self._people = account.vault.contacts
        self._closed_answers = account.vault.closed_answers
        self._identity = account.identity
        self._contacts = contacts
        self._notes = key_doubts.notes
        self._key_doubts = key_doubts
        self._verification = verification
        self._sessions = sessions
        self._invites_accepted = invites_accepted
        self._posting_key_sharing = posting_key_sharing
        self._outbox = outbox
        self._pending_events = account.pending_events
        self._halves: dict[tuple[VerifyKey, bytes], str] = {}
        for row in self._people.blocked():
            self._sessions.pause(row.id)

    def feature(self) -> Feature:
        """Return what a person decides about a contact, and sees of one."""
        return Feature(
            commands=[
                command(AskContact, self._details),
                command(VerifyContact, self._verify),
                command(BlockContact, self._block),
            ]
        )

    def _details(self, asked: AskContact, now: Instant) -> ContactDetailsAnswer:
        """All that is told of one contact."""
        row = self._contacts.contact(asked.contact)
        return ContactDetailsAnswer(
            contact=self._contacts.answer(row.id),
            safety_number=self._safety_number(row),
            notes=self._notes.answers(row.id),
            comparison=self._verification.answer(row, now.mesh),
        )

    def _verify(self, asked: VerifyContact, now: Instant) -> ContactAnswer:
        """The person compared the safety number, or takes that back."""
        row = self._contacts.contact(asked.contact)
        if row.agreement_key is None:
            raise UserError(
                "no-key", f"The keys of {row.label} are not here yet; there is nothing to compare."
            )
        if asked.is_verified != (row.trust == "verified"):
            if asked.is_verified:
                sentence = f"You said that you compared the safety number with {row.label}."
                self._notes.add(row.id, "verified", sentence, now.mesh)
            trust = "verified" if asked.is_verified else row.first_trust
            self._contacts.set_trust(row.id, trust)
        elif row.unconfirmed:
            sentence = f"You said that the new keys are those of {row.label}."
            self._key_doubts.confirmed(row, sentence, now.mesh)
        return self._contacts.answer(row.id)

    def _block(self, asked: BlockContact, now: Instant) -> ContactAnswer:
        """Recognise nothing of a contact any more, or what comes from now on."""
        row = self._contacts.contact(asked.contact)
        if row.is_blocked != asked.is_blocked:
            self._people.set_blocked(row.id, is_blocked=asked.is_blocked)
            self._pending_events.contact_changed(row.id)
            if asked.is_blocked:
                self._sessions.pause(row.id)
                self._invites_accepted.pause(row)
                self._posting_key_sharing.forget(row.id)
                # They may have any invite, and must not learn by it that somebody is there.
                self._closed_answers.silence()
            else:
                self._sessions.resume(row.id)
                self._invites_accepted.resume(row)
                self._outbox.seal_waiting_of(
                    self._people.contact(row.id), pause=Pause.AT_ONCE, now=now
                )
        if asked.opens_sealed and not asked.is_blocked:
            self._sessions.sealed_mail.unseal(row.id)
            self._pending_events.contact_changed(row.id)
        return self._contacts.answer(row.id)

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
