"""Sessions that others begin: their first contacts, opened and founded.

Implements `docs/protocol/first-contact.md`, sections "Opening" and "Founding", and `session.md`,
section "Renewal". Everything is checked before anything is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mesh.errors import PeerError
from mesh.events import ContactAdded, NoticeRaised
from mesh.ids import Instant, InviteId, UnixSeconds
from mesh.limits.contacts import CONTACTS_MAX
from mesh.limits.sessions import SESSIONS_PER_CONTACT_MAX
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import KEY_PREFIX_DIGITS_MIN, Contacts
from mesh.messenger.inbox.reception import Reception
from mesh.messenger.names import is_fair_name
from mesh.messenger.onboarding.invites import Invites, state_of
from mesh.messenger.onboarding.session_recovery import SessionRecovery
from mesh.messenger.pauses import Pause
from mesh.messenger.sessions.contact_bundles import ContactBundles
from mesh.messenger.sessions.opened import Opened, opened_by, opened_on
from mesh.messenger.sessions.prekeys import Prekey, Prekeys
from mesh.messenger.sessions.session import Session
from mesh.messenger.sessions.sessions import Sessions
from mesh.ratchet.double_ratchet import Awaiting, Ratchet
from mesh.ratchet.first_contact import Author, FirstContact, Roots, open_opening, open_outside
from mesh.ratchet.sealed_message import open_header
from mesh.ratchet.tags import box_key_of, invite_tag_key
from mesh.storage.vault.rows import ContactRow, InviteRow
from mesh.wire.envelope import Envelope
from mesh.wire.payload import AnyPayload


@dataclass(frozen=True, slots=True)
class Founded:
    """A first contact that nobody repeated before: its author, and the session that it founds."""

    prekey: Prekey
    ephemeral: bytes
    author: Author
    roots: Roots = field(repr=False)
    ratchet: Ratchet = field(repr=False)
    opened: Opened = field(repr=False)


class InboundSessions:
    """Opens first contacts, by an invite of ours or in place of a session that was lost."""

    def __init__(
        self,
        account: Account,
        *,
        contacts: Contacts,
        sessions: Sessions,
        prekeys: Prekeys,
        invites: Invites,
        session_recovery: SessionRecovery,
        bundles: ContactBundles,
        reception: Reception,
    ) -> None:
        self._people = account.vault.contacts
        self._rows = account.vault.prekeys
        self._identity = account.identity
        self._kem = account.kem
        self._pending_events = account.pending_events
        self._contacts = contacts
        self._sessions = sessions
        self._prekeys = prekeys
        self._invites = invites
        self._session_recovery = session_recovery
        self._bundles = bundles
        self._reception = reception
        # Whoever has a closed invite can come as often as they like: it is told once in a run.
        self._told_closed: dict[InviteId, None] = {}

    def open_by_invite(
        self, invite_id: InviteId, index: int, envelope: Envelope, now: Instant
    ) -> None:
        """Somebody uses an invite of ours; PeerError if they may not."""
        invite = self._invites.invite(invite_id)
        assert invite.secret is not None, "tags of invites go with the secret"
        assert invite.prekey is not None, "a secret goes with its bundle"
        box_key = box_key_of(invite_tag_key(invite.secret), index)
        first = open_outside(envelope.body, box_key=box_key, associated=envelope.header_bytes)
        prekeys = [self._prekeys.prekey(invite.prekey)]
        if self._open_repetition(prekeys, first, envelope, now):
            return
        founded = self._founded(prekeys, first, envelope, now.mesh)
        author = founded.author
        if author.verify_key == self._identity.keys.verify_key:
            raise PeerError("a first contact by ourselves")
        self._invites.check_guest(invite, author.verify_key)
        contact = self._people.find_contact_by_key(author.verify_key)
        if contact is not None and contact.is_blocked:
            raise PeerError("a first contact by somebody who is blocked")
        if contact is not None:
            self._check_opens(contact, founded.opened, now)
        self._bundles.check_author(contact, author, now.mesh)
        is_late = self._check_may_found(invite, contact, founded, now)
        is_again = contact is not None and contact.state == "answered"
        if contact is not None and is_again:
            # They gave up what we had, or lost it.
            self._session_recovery.begun(contact, None, founded.roots.session_id, now.mesh)
        if contact is None:
            # An invite for many may have been passed on to anybody, and so may an old one.
            is_request = invite.uses_max > 1 or is_late
            contact = self._add_contact(
                author, founded.opened.payload, invite, now.mesh, is_request=is_request
            )
        if invite.is_met:
            contact = self._contacts.met(contact.id)
        # One person does not use up what is for many.
        is_counted = not (is_again and invite.uses_max > 1)
        if is_counted and invite.uses < invite.uses_max:
            self._invites.use(invite, now)
        self._found(contact, founded, pause=Pause.SOON, now=now)
        if invite.is_in_letter:
            self._invites.used_in_letter(invite.id, contact, now)

    def open_renewal(
        self, lost: Session, generation: int, index: int, envelope: Envelope, now: Instant
    ) -> None:
        """A contact begins a session in place of one that somebody lost."""
        tag = envelope.header.tag
        box_key = lost.rendezvous_box_key(generation, index)
        first = open_outside(envelope.body, box_key=box_key, associated=envelope.header_bytes)
        prekeys = self._prekeys.of_contact(lost.contact)
        if self._open_repetition(prekeys, first, envelope, now):
            self._sessions.tags.ways.used(lost, generation, index, tag)
            return
        if lost.rendezvous[generation].closed is not None:
            # Their vault of today has newer ones: it is a copy of an older one, or a thief's.
            raise PeerError("a renewal by keys that were given up")
        contact = self._people.contact(lost.contact)
        self._sessions.sealed_mail.check_opens(contact, tag, now)
        try:
            founded = self._founded(prekeys, first, envelope, now.mesh)
        except PeerError:
            # The box of the tag proves that the contact sealed it, to a bundle of ours.
            reason = "they wrote to keys that this profile no longer has"
            self._sessions.unopened.note(contact.id, envelope.id)
            self._session_recovery.lost(contact, lost, reason, now, is_older=True)
            raise
        self._check_opens(contact, founded.opened, now)
        self._bundles.check_author(contact, founded.author, now.mesh)
        self._sessions.tags.ways.used(lost, generation, index, tag)
        self._session_recovery.begun(contact, lost, founded.roots.session_id, now.mesh)
        self._found(contact, founded, pause=Pause.LATER, now=now)

    def _open_repetition(
        self, prekeys: Sequence[Prekey], first: FirstContact, envelope: Envelope, now: Instant
    ) -> bool:
        """Open a first contact of which a repetition came before; False if none did."""
        for prekey in prekeys:
            row = self._rows.find_opening(prekey.id, first.ephemeral)
            if row is None:
                continue
            if not self._sessions.has(row.session):
                raise PeerError("a first contact of a session that is gone")
            session = self._sessions.session(row.session)
            contact = self._people.contact(session.contact)
            if contact.is_blocked:
                raise PeerError("a first contact by somebody who is blocked")
            opened = opened_on(
                self._sessions,
                session,
                envelope,
                nonce=first.nonce,
                boxes=first.boxes,
                header_key=row.header_key,
                mesh_now=now.mesh,
            )
            if opened is None:
                raise PeerError("a first contact that waits for something")
            self._check_opens(contact, opened, now)
            self._sessions.opened(session, opened.receiving, now.expiry)
            self._reception.accept(contact, session, opened, is_first=False, now=now)
            self._count_opened(contact, opened, now)
            return True
        return False

    def _founded(
        self,
        prekeys: Sequence[Prekey],
        first: FirstContact,
        envelope: Envelope,
        mesh_now: UnixSeconds,
    ) -> Founded:
        """Return what a first contact founds, opened by the newest bundle of ours that opens it."""
        reason = PeerError("a first contact to a bundle that is gone")
        for prekey in prekeys:
            if not prekey.has_private:
                continue
            try:
                return self._founded_by(prekey, first, envelope, mesh_now)
            except PeerError as error:
                reason = error
        raise reason

    def _founded_by(
        self, prekey: Prekey, first: FirstContact, envelope: Envelope, mesh_now: UnixSeconds
    ) -> Founded:
        author, roots = open_opening(
            first.opening,
            identity=self._identity.keys,
            bundle=prekey.bundle,
            secrets=prekey.secrets,
            verify=self._bundles.verify,
            kem=self._kem,
        )
        ratchet = Ratchet.responder(
            roots.ratchet,
            prekey.secrets.prekey_private,
            their_kem_key=author.bundle.kem_key,
            mesh_now=mesh_now,
        )
        header, header_box, message_box = open_header(
            first.boxes,
            header_key=roots.header_key,
            associated=envelope.header_bytes,
            nonce=first.nonce,
        )
        receiving = ratchet.receive(
            header, kem=self._kem, mesh_now=mesh_now, find_skipped=_nothing_skipped
        )
        if isinstance(receiving, Awaiting):
            raise PeerError("a first contact that waits for something")
        opened = opened_by(envelope, first.nonce, header, header_box, message_box, receiving)
        return Founded(prekey, first.ephemeral, author, roots, ratchet, opened)

    def _found(self, contact: ContactRow, founded: Founded, *, pause: Pause, now: Instant) -> None:
        """Everything is in order: the session is there on this side too, and answered."""
        roots, opened = founded.roots, founded.opened
        session = self._sessions.found(
            roots, contact.id, founded.ratchet, is_begun_here=False, created=now.mesh
        )
        self._rows.note_opening(
            founded.prekey.id,
            founded.ephemeral,
            session=session.id,
            header_key=roots.header_key,
        )
        self._sessions.opened(session, opened.receiving, now.expiry)
        self._bundles.learn(contact, founded.author.bundle, is_first=True)
        self._reception.accept(contact, session, opened, is_first=True, now=now)
        self._count_opened(contact, opened, now)
        self._session_recovery.answer_first(contact.id, session, pause=pause, now=now)

    def _check_opens(self, contact: ContactRow, opened: Opened, now: Instant) -> None:
        """PeerError if what has opened stays sealed all the same; nothing of it is written."""
        tag, size = opened.envelope.header.tag, len(opened.payload_bytes)
        self._sessions.sealed_mail.check_opens(contact, tag, now, size=size)

    def _count_opened(self, contact: ContactRow, opened: Opened, now: Instant) -> None:
        size, words_count = len(opened.payload_bytes), opened.payload.words_count
        self._sessions.sealed_mail.opened(contact, now, size=size, words_count=words_count)

    def _check_may_found(
        self, invite: InviteRow, contact: ContactRow | None, founded: Founded, now: Instant
    ) -> bool:
        """PeerError if a first contact founds nothing; return whether it was made too late.

        Who was away may use an invite that has expired; they wait for our person's word.
        """
        # What was sent before the invite expired may have been on its way for long.
        state = state_of(invite, founded.opened.envelope.header.created)
        # Who is a contact begins anew: he lost what came of the invite, and takes no use of it.
        is_again = contact is not None and contact.state == "answered" and state == "used up"
        is_late = state == "expired" and (contact is None or contact.state != "answered")
        if state != "open" and not is_again and not is_late:
            if state != "expired":
                author, tag_root = founded.author.verify_key, founded.roots.tags
                self._invites.closed_answers.refused(invite, author, tag_root, now=now)
            if contact is None:
                self._tell_closed(invite, state, founded)
            raise PeerError(f"a first contact by an invite that is {state}")
        if contact is None and len(self._contacts) >= CONTACTS_MAX:
            raise PeerError("too many contacts")
        # For who begins anew there will be room: what was begun before goes, as with a renewal.
        if (
            contact is not None
            and contact.state != "answered"
            and self._sessions.count(contact.id) >= SESSIONS_PER_CONTACT_MAX
        ):
            raise PeerError("too many first contacts by one person")
        return is_late

    def _tell_closed(self, invite: InviteRow, state: str, founded: Founded) -> None:
        """Somebody was not let in: perhaps whom our person waits for, after somebody else was."""
        if invite.id in self._told_closed:
            return
        self._told_closed[invite.id] = None
        name = founded.opened.payload.name
        key = founded.author.verify_key.hex()[:KEY_PREFIX_DIGITS_MIN]
        who = f"{name} (key {key})" if is_fair_name(name) else f"Somebody with the key {key}"
        hint = (
            "If you meant them, look who came by it: it was in other hands too."
            if state == "used up"
            else "If you expect them, make another one."
        )
        what = f"came by your invite {invite.id}, which is {state}, and was not let in."
        told = " They will be told that it is closed." if invite.tells_closed else ""
        self._pending_events.tell(NoticeRaised(f"{who} {what}{told} {hint}"))

    def _add_contact(
        self,
        author: Author,
        payload: AnyPayload,
        invite: InviteRow,
        mesh_now: UnixSeconds,
        *,
        is_request: bool,
    ) -> ContactRow:
        shown = payload.name if is_fair_name(payload.name) else ""
        row = self._contacts.add(
            wanted_label=shown or author.verify_key.hex()[:KEY_PREFIX_DIGITS_MIN],
            name=shown,
            verify_key=author.verify_key,
            agreement_key=author.identity_key,
            bundle=author.bundle.encode(),
            is_by_our_invite=True,
            is_request=is_request,
            introduced_by=invite.vouched_by,
            mesh_now=mesh_now,
        )
        self._pending_events.tell(ContactAdded(self._contacts.answer(row.id)))
        return row


def _nothing_skipped(_public: bytes, _number: int) -> bytes | None:
    return None
