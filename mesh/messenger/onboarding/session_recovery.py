"""The renewal of sessions that no longer do for both sides.

Implements `docs/protocol/session.md`, section "Renewal". Everything that opens here may show that
one side lost what it had, runs twice, or wrote to keys that are gone. Then new keys begin, and the
person is told why.
"""

from mesh.commands.contacts import ContactAnswer, RenewSession
from mesh.errors import PeerError, UserError
from mesh.ids import ContactId, Instant, UnixSeconds
from mesh.limits.sessions import SESSIONS_PER_CONTACT_MAX
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import Contacts
from mesh.messenger.conversations.outbox import Outbox
from mesh.messenger.feature import Feature, ReceivedControl, command
from mesh.messenger.onboarding.invites_accepted import InvitesAccepted
from mesh.messenger.sessions.session import Session
from mesh.messenger.sessions.session_setup import NO_KEYS_LEFT, SessionSetup
from mesh.messenger.sessions.sessions import Sessions
from mesh.ratchet.first_contact import SESSION_ID_BYTES
from mesh.storage.vault.rows import ContactRow
from mesh.wire.controls import OVER
from mesh.wire.payload import Payload


class SessionRecovery:
    """The sessions that are over, and when another one is begun."""

    def __init__(
        self,
        account: Account,
        *,
        contacts: Contacts,
        sessions: Sessions,
        session_setup: SessionSetup,
        invites_accepted: InvitesAccepted,
        outbox: Outbox,
    ) -> None:
        self._people = account.vault.contacts
        self._rows = account.vault.first_contacts
        self._exchanges = account.vault.exchanges
        self._pending_events = account.pending_events
        self._contacts = contacts
        self._sessions = sessions
        self._session_setup = session_setup
        self._invites_accepted = invites_accepted
        self._outbox = outbox

    def feature(self) -> Feature:
        """Beginning new keys, and hearing which ones are given up."""
        return Feature(
            commands=[command(RenewSession, self._renew)], controls={OVER: self._are_over}
        )

    def _renew(self, asked: RenewSession, now: Instant) -> ContactAnswer:
        contact = self._contacts.contact(asked.contact)
        if not self._session_setup.renew(contact, now.mesh, is_asked=True):
            raise UserError(
                "cannot-renew",
                f"There is nothing left by which {contact.label} could be met; "
                "ask them for a new invite and add it.",
            )
        self._outbox.seal_waiting_of(contact, now.mesh)
        for _ in range(self._session_setup.ways_count(contact.id)):
            # One by each session that they may still have.
            self._outbox.send_greeting(contact, now=now)
        self._pending_events.contact_changed(contact.id)
        return self._contacts.answer(contact.id)

    def begun(self, contact: ContactRow, lost: Session, mesh_now: UnixSeconds) -> None:
        """The contact begins a session in place of one that somebody lost."""
        self._session_setup.make_room(contact.id, keep=lost)
        self.end_known(contact)
        self._contacts.renewed(contact, f"{contact.label} began new keys", mesh_now)

    def end_known(self, contact: ContactRow) -> None:
        """Write on the sessions of before no more, but on one that we have just begun too."""
        for session in self._sessions.of_contact(contact.id):
            if session.is_known:
                self._sessions.end(session)

    def _are_over(self, control: ReceivedControl, now: Instant) -> None:
        """They write no more on these sessions; not on that of the control can they say it."""
        data = control.data
        if len(data) % SESSION_ID_BYTES or len(data) > SESSIONS_PER_CONTACT_MAX * SESSION_ID_BYTES:
            raise PeerError("malformed ids of sessions")
        for start in range(0, len(data), SESSION_ID_BYTES):
            id_ = data[start : start + SESSION_ID_BYTES]
            if id_ == control.session or not self._sessions.has(id_):
                continue
            named = self._sessions.session(id_)
            if named.contact == control.contact.id and named.is_known:
                self._sessions.end(named)

    def answer_first(self, contact: ContactId, now: Instant) -> None:
        """They repeat their first contact until they have opened something of ours."""
        current = self._people.contact(contact)
        self._outbox.tell_over(contact)
        self._outbox.send_greeting(current, now=now)

    def heard(
        self,
        contact: ContactRow,
        session: Session,
        payload: Payload,
        *,
        created: UnixSeconds,
        is_first: bool,
    ) -> bool:
        """Something of theirs opened on a session; return whether they write apart.

        `is_first`: nothing of the session was opened here before.
        """
        is_apart = self._is_written_apart(session, payload, created)
        self._sessions.hear(session, payload.hlc)
        if is_first:
            self._answered(contact, session)
        return is_apart

    def settle(
        self,
        contact: ContactRow,
        session: Session,
        payload: Payload,
        *,
        is_first: bool,
        is_apart: bool,
        now: Instant,
    ) -> None:
        """All of it is kept and acted on: answer on keys that both have."""
        self._compare_counts(contact, session, payload, now)
        if is_first:
            answered = self._people.contact(contact.id)
            if contact.bundle is None:
                self._outbox.retell_waiting(answered)
            self._outbox.seal_waiting_of(answered, now.mesh)
        elif is_apart:
            reason = "they write with keys that a copy of their profile has given up"
            self.lost(contact, session, reason, now)
        elif session.is_over and self._sessions.find_known(contact.id) is not None:
            # They do not know that the session gets no answers any more.
            self._outbox.tell_over(contact.id)
        elif self._session_setup.is_stuck(contact.id):
            # They were away longer than our renewal lived, and have lost nothing.
            self._sessions.revive(session)
            self._outbox.seal_waiting_of(self._people.contact(contact.id), now.mesh)
        elif self._session_setup.is_cut_off(contact.id):
            self.lost(contact, session, NO_KEYS_LEFT, now)

    def lost(self, contact: ContactRow, session: Session, reason: str, now: Instant) -> None:
        """One of both sides lost its state: begin anew, and say so. They wrote on `session`."""
        if self._session_setup.renew(contact, now.mesh, is_asked=False, heard_on=session):
            self._contacts.renewed(contact, reason, now.mesh)
            current = self._people.contact(contact.id)
            self._outbox.seal_waiting_of(current, now.mesh)
            self._outbox.send_greeting(current, now=now)

    def _is_written_apart(self, session: Session, payload: Payload, created: UnixSeconds) -> bool:
        """Say whether they write on a session that is over as if they had not the one in use.

        It stood here already when this was written, and something was written on it before: one
        vault would have written on that one. They run two, or put an older one back.
        """
        in_use = self._sessions.find_known(session.contact)
        return (
            session.is_over
            and in_use is not None
            and 0 < in_use.heard < payload.hlc
            and in_use.created < created
        )

    def _answered(self, contact: ContactRow, session: Session) -> None:
        """The other side has the session: our first contact for it has done its work."""
        if contact.state != "answered":
            self._invites_accepted.answered(contact)
        first = self._session_setup.find(contact.id)
        if first is not None and first.session == session.id:
            self._rows.erase_first_contact(contact.id)
            if first.renewed is not None:
                # What was in use when it began is perhaps lost on their side.
                for former in self._sessions.of_contact(contact.id):
                    if former.created < session.created:
                        self._sessions.end(former)

    def _compare_counts(
        self, contact: ContactRow, session: Session, payload: Payload, now: Instant
    ) -> None:
        """Remember how much of theirs we have, and notice if they have more of ours than we."""
        counts = self._exchanges.exchange(contact.id)
        if payload.seq >= counts.seen_count:
            self._exchanges.set_seen_count(contact.id, payload.seq + 1)
        if counts.lapsed_count and payload.seen + counts.lapsed_count > counts.sent_count:
            # They opened one of the last ones, though its token did not come.
            self._exchanges.set_lapsed_count(contact.id, 0)
        if payload.seen > counts.sent_count:
            self._exchanges.set_sent_count(contact.id, payload.seen)
            reason = "they have more of what you wrote than this profile"
            self.lost(contact, session, reason, now)
