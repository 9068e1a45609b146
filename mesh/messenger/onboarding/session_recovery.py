"""The renewal of sessions that no longer do for both sides.

Implements `docs/protocol/session.md`, section "Renewal". Everything that opens here may show that
one side lost what it had, runs twice, or wrote to keys that are gone. Then new keys begin, and the
person is told why.
"""

from typing import Final

from mesh.commands.contacts import ContactAnswer, RenewSession
from mesh.errors import PeerError, UserError
from mesh.ids import ContactId, Instant, UnixSeconds
from mesh.limits.sessions import RENEWAL_REPEATED_SECONDS, SESSIONS_PER_CONTACT_MAX
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import Contacts
from mesh.messenger.contacts.key_doubts import KeyDoubts
from mesh.messenger.conversations.outbox import Outbox
from mesh.messenger.feature import Chore, Feature, ReceivedControl, command
from mesh.messenger.onboarding.invites_accepted import InvitesAccepted
from mesh.messenger.pauses import Pause
from mesh.messenger.sessions.heard_clocks import clock_of
from mesh.messenger.sessions.session import Session
from mesh.messenger.sessions.session_setup import NO_KEYS_LEFT, SessionSetup
from mesh.messenger.sessions.sessions import Sessions
from mesh.ratchet.first_contact import SESSION_ID_BYTES
from mesh.storage.vault.rows import ContactRow
from mesh.storage.vault.vault import BEGIN_ANEW_MARK
from mesh.wire.controls import BEGUN, OVER
from mesh.wire.payload import AnyPayload

NOBODY_LEFT: Final = "the keys with them were lost with a part of this profile; add a new invite"
"""Said of a contact with whom no session is left by which they could be met."""


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
        key_doubts: KeyDoubts,
    ) -> None:
        self._vault = account.vault
        self._people = account.vault.contacts
        self._exchanges = account.vault.exchanges
        self._pending_events = account.pending_events
        self._contacts = contacts
        self._sessions = sessions
        self._session_setup = session_setup
        self._invites_accepted = invites_accepted
        self._outbox = outbox
        self._key_doubts = key_doubts

    def feature(self) -> Feature:
        """Beginning new keys, and hearing which ones are given up."""
        return Feature(
            commands=[command(RenewSession, self._renew)],
            controls={OVER: self._are_over, BEGUN: self._is_begun},
            chores=[Chore(self._begin_all_anew), Chore(self._tell_all_begun)],
        )

    def _renew(self, asked: RenewSession, now: Instant) -> ContactAnswer:
        contact = self._contacts.contact(asked.contact)
        if not self._session_setup.renew(contact, now.mesh, is_asked=True):
            raise UserError(
                "cannot-renew",
                f"There is nothing left by which {contact.label} could be met; "
                "ask them for a new invite and add it.",
            )
        self._outbox.seal_waiting_of(contact, pause=Pause.AT_ONCE, now=now)
        for _ in range(self._session_setup.ways_count(contact.id)):
            # One by each session that they may still have.
            self._outbox.send_greeting(contact, pause=Pause.AT_ONCE, now=now)
        self._tell_begun(contact, now)
        self._pending_events.contact_changed(contact.id)
        return self._contacts.answer(contact.id)

    def _begin_all_anew(self, now: Instant) -> None:
        """A part of this vault was lost: begin new keys with everybody, before they notice."""
        if not self._vault.mark(BEGIN_ANEW_MARK):
            return
        self._vault.set_mark(BEGIN_ANEW_MARK, 0)
        for contact in self._people.contacts():
            if contact.is_blocked or contact.is_request:
                continue
            self._key_doubts.unreached(contact, now.mesh)
            if not self._session_setup.renew(contact, now.mesh, is_asked=True):
                self._contacts.renewed(contact, NOBODY_LEFT, now.mesh)
                continue
            self._contacts.renewed(contact, "a part of this profile was lost", now.mesh)
            self._outbox.seal_waiting_of(contact, pause=Pause.SOON, now=now)
            for _ in range(self._session_setup.ways_count(contact.id)):
                self._outbox.send_greeting(contact, pause=Pause.LATER, now=now)

    def begun(
        self, contact: ContactRow, lost: Session | None, begun: bytes, mesh_now: UnixSeconds
    ) -> None:
        """The contact begins a session of this id in place of one that somebody lost; by an invite
        of ours if it is not known which one.
        """
        self._session_setup.make_room(contact.id, keep=lost)
        self.end_known(contact)
        self._contacts.renewed(contact, f"{contact.label} began new keys", mesh_now)
        if all(one.successor != begun for one in self._sessions.of_contact(contact.id)):
            self._key_doubts.doubted(contact, mesh_now)

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

    def _is_begun(self, control: ReceivedControl, now: Instant) -> None:
        """They say on a session of before that another one is theirs. One that was begun since
        there is a doubt says nothing.
        """
        contact, on = control.contact, self._sessions.session(control.session)
        if len(control.data) != SESSION_ID_BYTES or control.data == on.id:
            raise PeerError("malformed id of a session that was begun")
        if contact.unconfirmed and on.created >= contact.unconfirmed:
            return
        self._sessions.succeed(on, control.data)
        if contact.unconfirmed and self._sessions.has(control.data):
            sentence = "The new keys are confirmed by the keys of before."
            self._key_doubts.confirmed(contact, sentence, now.mesh)

    def _tell_all_begun(self, now: Instant) -> None:
        """Confirm what was begun since, where they may still hear us by the keys of before."""
        for contact in self._session_setup.untold():
            self._tell_begun(self._people.contact(contact), now)

    def _tell_begun(self, contact: ContactRow, now: Instant) -> None:
        """Say on the session of before which one is begun in its place, as far as that is whole."""
        former = self._session_setup.take_untold(contact.id)
        if former is not None and not contact.is_blocked:
            begun = self._session_setup.find(contact.id)
            assert begun is not None
            begun_id = BEGUN, begun.session
            self._outbox.send_on(contact, former, [begun_id], pause=Pause.LATER, now=now)

    def answer_first(
        self, contact: ContactId, session: Session, *, pause: Pause, now: Instant
    ) -> None:
        """They repeat their first contact until they have opened something of ours."""
        current = self._people.contact(contact)
        self._outbox.news.tell_over(contact)
        self._say_hello(current, session, pause=pause, now=now)

    def heard(
        self,
        contact: ContactRow,
        session: Session,
        payload: AnyPayload,
        *,
        created: UnixSeconds,
        is_first: bool,
    ) -> bool:
        """Something of theirs opened on a session; return whether they write apart.

        `is_first`: nothing of the session was opened here before.
        """
        is_apart = self._is_written_apart(session, payload, created)
        self._sessions.hear(session, clock_of(payload, created))
        if is_first:
            self._answered(contact, session)
        return is_apart

    def settle(
        self,
        contact: ContactRow,
        session: Session,
        payload: AnyPayload,
        *,
        is_first: bool,
        is_apart: bool,
        now: Instant,
    ) -> None:
        """All of it is kept and acted on: answer on keys that both have."""
        self._compare_counts(contact, session, payload, now, is_first=is_first)
        if is_first:
            answered = self._people.contact(contact.id)
            if contact.bundle is None:
                self._outbox.retell_waiting(answered)
            self._outbox.seal_waiting_of(answered, pause=Pause.SOON, now=now)
            if self._key_doubts.reached(contact.id):
                # What was sealed meanwhile went where they no longer look.
                self._outbox.seal_again(self._vault.payloads.of_contact(contact.id), now=now)
        elif is_apart:
            reason = "they write with keys that a copy of their profile has given up"
            self.lost(contact, session, reason, now)
        elif session.is_over and self._sessions.find_known(contact.id) is not None:
            # They do not know that the session gets no answers any more.
            self._outbox.news.tell_over(contact.id)
        elif self._session_setup.is_stuck(contact.id):
            # They were away longer than our renewal lived, and have lost nothing.
            self._sessions.revive(session)
            away = self._people.contact(contact.id)
            self._outbox.seal_waiting_of(away, pause=Pause.SOON, now=now)
        elif self._session_setup.is_cut_off(contact.id):
            self.lost(contact, session, NO_KEYS_LEFT, now)

    def lost(
        self,
        contact: ContactRow,
        session: Session,
        reason: str,
        now: Instant,
        *,
        is_older: bool = False,
    ) -> None:
        """One of both sides lost its state: begin anew, and say so. They wrote on `session`.

        `is_older`: perhaps this vault, which is older than what was written with it.
        """
        if is_older:
            self._key_doubts.unreached(contact, now.mesh)
        if self._session_setup.renew(contact, now.mesh, is_asked=False, heard_on=session):
            self._contacts.renewed(contact, reason, now.mesh)
            current = self._people.contact(contact.id)
            self._outbox.seal_waiting_of(current, pause=Pause.SOON, now=now)
            self._say_hello(current, session, pause=Pause.LATER, now=now)
            self._tell_begun(current, now)

    def _say_hello(
        self, contact: ContactRow, heard_on: Session, *, pause: Pause, now: Instant
    ) -> None:
        """Answer, unless they have begun so often today that the next thing written must do."""
        if not self._outbox.unasked.grant(contact.id, heard_on.id, now):
            return
        until = UnixSeconds(now.expiry + RENEWAL_REPEATED_SECONDS)
        self._outbox.send_hello(contact, until=until, pause=pause, now=now)

    def _is_written_apart(
        self, session: Session, payload: AnyPayload, created: UnixSeconds
    ) -> bool:
        """Say whether they write on a session that is over as if they had not the one in use.

        Both had that one already when this was written, and something was written on it before: one
        vault would have written on it again. They run two, or put an older one back. Who has not
        opened our answer yet writes on the former session, and probes by the other.
        """
        in_use = self._sessions.find_known(session.contact)
        return (
            session.is_over
            and in_use is not None
            and in_use.is_written_on
            and in_use.heard < clock_of(payload, created)
            and in_use.created < created
        )

    def _answered(self, contact: ContactRow, session: Session) -> None:
        """The other side has the session: our first contact for it has done its work."""
        if contact.state != "answered":
            self._invites_accepted.answered(contact)
        first = self._session_setup.find(contact.id)
        if first is not None and first.session == session.id:
            self._session_setup.end(contact.id)
            if first.renewed is not None:
                # What was in use when it began is perhaps lost on their side.
                for former in self._sessions.of_contact(contact.id):
                    if former.created < session.created:
                        self._sessions.end(former)

    def _compare_counts(
        self,
        contact: ContactRow,
        session: Session,
        payload: AnyPayload,
        now: Instant,
        *,
        is_first: bool,
    ) -> None:
        """Remember how much of theirs we have, and notice if they have more of ours than we: on a
        session that has just begun that is over and done with.
        """
        counts = self._exchanges.exchange(contact.id)
        if payload.seq >= counts.seen_count:
            self._exchanges.set_seen_count(contact.id, payload.seq + 1)
        if payload.seen > counts.their_seen:
            self._exchanges.set_their_seen(contact.id, payload.seen)
            if counts.lapsed_count and payload.seen + counts.lapsed_count > counts.sent_count:
                # They opened one of the last ones, though its token did not come.
                self._exchanges.set_lapsed_count(contact.id, 0)
        if payload.seen > counts.sent_count:
            self._exchanges.set_sent_count(contact.id, payload.seen)
            if not is_first:
                reason = "they have more of what you wrote than this profile"
                self.lost(contact, session, reason, now, is_older=True)
