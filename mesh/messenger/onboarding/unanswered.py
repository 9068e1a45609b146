"""Invites of others that we use and that nobody answers: told, and believed if they are closed.

Implements `docs/protocol/first-contact.md`, sections "No answer" and "A closed invite". An invite
that was used up or taken back looks like one whose issuer is away. So our person is told after a
day that no answer came; and at once if the issuer's node says that the invite is closed.
"""

from datetime import UTC, datetime

from msgspec.structs import replace

from mesh.errors import PeerError
from mesh.ids import ContactId, Instant, UnixSeconds, direct_conversation
from mesh.limits.invites import UNANSWERED_AFTER_SECONDS
from mesh.messenger.account import Account
from mesh.messenger.contacts.notes import Notes
from mesh.messenger.conversations.outbox import Outbox
from mesh.messenger.feature import Chore, Feature
from mesh.messenger.sessions.lapsing import Lapsing
from mesh.messenger.sessions.retirements import Retirements
from mesh.messenger.sessions.sealed_mail import SealedMail
from mesh.messenger.sessions.session_setup import SessionSetup
from mesh.ratchet.closed_invite import check_closed
from mesh.ratchet.sealed_message import read_token_of
from mesh.storage.vault.rows import AcceptedInviteRow, ContactRow
from mesh.wire.envelope import Envelope


class Unanswered:
    """Watches the first contacts that we make by invites."""

    def __init__(
        self,
        account: Account,
        *,
        notes: Notes,
        session_setup: SessionSetup,
        sealed_mail: SealedMail,
        retirements: Retirements,
        lapsing: Lapsing,
        outbox: Outbox,
    ) -> None:
        self._people = account.vault.contacts
        self._their_invites = account.vault.invites
        self._messages = account.vault.entries
        self._payloads = account.vault.payloads
        self._pending_events = account.pending_events
        self._notes = notes
        self._session_setup = session_setup
        self._sealed_mail = sealed_mail
        self._retirements = retirements
        self._lapsing = lapsing
        self._outbox = outbox

    def feature(self) -> Feature:
        """Telling that no answer came."""
        return Feature(chores=[Chore(self._tell)])

    def take_back(self, row: ContactRow, *, now: Instant) -> None:
        """Let all that is not known to be opened wait for a newer invite; nothing of it is live."""
        for payload in self._payloads.of_contact(row.id):
            self._lapsing.seal_again(payload, now=now)
        self._outbox.retell_waiting(row)

    def closed_came(self, contact: ContactId, envelope: Envelope, now: Instant) -> None:
        """An envelope under the tag of the answer that an invite is closed; PeerError if not so."""
        row = self._people.contact(contact)
        first = self._session_setup.find(contact)
        accepted_invite = self._their_invites.find_accepted_invite(contact)
        if first is None or first.closed_key is None or accepted_invite is None:
            raise PeerError("an answer to a first contact that is over")
        self._sealed_mail.check_opens(row, envelope.header.tag, now)
        check_closed(envelope.body, key=first.closed_key, associated=envelope.header_bytes)
        self._retirements.opened(envelope.id, read_token_of(first.closed_key), now=now)
        self._session_setup.forget_closed_tag(contact)
        # What is under way lapses by itself: tokens that leave now would tell who read this.
        self._put(replace(accepted_invite, is_unanswered=True, is_closed=True))
        sentence = (
            f"The invite of {row.label} can no longer be used: somebody used it before, or it was "
            "taken back. Ask for a new one and add it; what you wrote then goes by that."
        )
        self._notes.add(contact, "invite closed", sentence, now.mesh)

    def _tell(self, now: Instant) -> None:
        """Say of which invites no answer came within a day, each once."""
        for accepted_invite in self._their_invites.accepted_invites():
            row = self._people.contact(accepted_invite.contact)
            if (
                accepted_invite.is_unanswered
                or row.is_blocked
                or accepted_invite.since + UNANSWERED_AFTER_SECONDS > now.mesh
                or not self._has_left(row)
            ):
                continue
            self._put(replace(accepted_invite, is_unanswered=True))
            sentence = (
                f"{row.label} has not answered since {moment_words(accepted_invite.since)}: the "
                "invite may be used or taken back; ask for a new one."
            )
            self._notes.add(row.id, "not answered", sentence, now.mesh)

    def _has_left(self, row: ContactRow) -> bool:
        """Say whether there was anything to answer, or to wait for."""
        if row.bundle is None:
            return True
        first = self._session_setup.find(row.id)
        return first is not None and first.renewed is None

    def _put(self, accepted_invite: AcceptedInviteRow) -> None:
        """Keep what became of an invite; contact and messages are told anew."""
        self._their_invites.put_accepted_invite(accepted_invite)
        self._pending_events.contact_changed(accepted_invite.contact)
        for number in self._messages.on_their_way(direct_conversation(accepted_invite.contact)):
            self._pending_events.message_changed(number)


def moment_words(moment: UnixSeconds) -> str:
    """A date and a time of day that also tell somebody whose own calendar is years wrong."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")
