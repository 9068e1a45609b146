"""The inbox: envelopes that bear one of our tags, opened.

Implements `docs/protocol/session.md`, section "Opening"; first contacts are opened in
`inbound_sessions.py`, and whether a session still does is judged in `session_recovery.py`.
Everything is checked before anything is written: what does not open, is not by the person whose tag
it bears, or was opened before, is counted and dropped, and has changed nothing.
"""

from collections.abc import Sequence
from typing import Final, assert_never

from mesh.crypto.signing import is_signature_valid
from mesh.errors import NewerVersionError, PeerError
from mesh.events import NoticeRaised
from mesh.ids import EnvelopeId, Instant, UnixSeconds
from mesh.limits.messages import NEWER_ENVELOPES_MAX
from mesh.messenger.account import Account
from mesh.messenger.groups.group_inbox import GroupInbox
from mesh.messenger.inbox.inbound_sessions import InboundSessions
from mesh.messenger.inbox.reception import Reception
from mesh.messenger.onboarding.invites_accepted import InvitesAccepted
from mesh.messenger.onboarding.machines import Machines
from mesh.messenger.onboarding.session_recovery import SessionRecovery
from mesh.messenger.parts import Parts
from mesh.messenger.sessions.opened import opened_on
from mesh.messenger.sessions.session import Session
from mesh.messenger.sessions.tag_index import (
    OfBundle,
    OfChain,
    OfClosedInvite,
    OfEntrance,
    OfFile,
    OfGroupLink,
    OfHello,
    OfInvite,
    OfLinkBundle,
    OfRendezvous,
    OfSelf,
    OfSession,
)
from mesh.ratchet.double_ratchet import OutOfStep
from mesh.ratchet.sealed_message import split_nonce
from mesh.wire.envelope import Envelope, is_envelope_signature_valid

NEWER_MARK: Final = "made with a newer Mesh"
"""The mark of a vault whose store holds mail that this release could not read."""
_WAITS_FOR_UPGRADE: Final = (
    "Mail for you was made with a newer Mesh. It is kept, and shown when this one is upgraded."
)


class Inbox:
    """Opens what arrives."""

    def __init__(
        self,
        account: Account,
        *,
        parts: Parts,
        invites_accepted: InvitesAccepted,
        session_recovery: SessionRecovery,
        machines: Machines,
        inbound: InboundSessions,
        groups: GroupInbox,
        reception: Reception,
    ) -> None:
        self._people = account.vault.contacts
        self._tag_index = parts.tag_index
        self._sessions = parts.sessions
        self._invites_accepted = invites_accepted
        self._session_recovery = session_recovery
        self._machines = machines
        self._inbound = inbound
        self._groups = groups
        self._reception = reception
        self._vault, self._pending_events = account.vault, account.pending_events
        self.newer: dict[EnvelopeId, None] = {}
        """Mail for us that a later Mesh made. It stays in the store, where each start looks again:
        after an upgrade it is opened."""

    @property
    def notice(self) -> str:
        """Return what is to be said of mail that a later Mesh made; empty if there is none."""
        return _WAITS_FOR_UPGRADE if self.newer else ""

    def take(self, envelopes: Sequence[Envelope], *, now: Instant) -> None:
        """Open what can be opened; hostile bodies are dropped."""
        for envelope in envelopes:
            try:
                self._open(envelope, now)
            except NewerVersionError as error:
                self._reception.dropped[error.reason] += 1
                self._note_newer(envelope)
            except PeerError as error:
                self._reception.dropped[error.reason] += 1

    @property
    def newest_opened(self) -> UnixSeconds:
        """Return when the newest was made that a contact wrote; rounded after a restart."""
        return self._reception.newest_opened

    def add_opened(self, now: Instant) -> None:
        """All is opened that came together: its messages enter the history, and are told."""
        self._reception.add_opened(now)

    def _note_newer(self, envelope: Envelope) -> None:
        """Keep in mind what this release cannot read, and have the store looked through again.

        Strangers who come by an invite write in the first version.
        """
        place = self._tag_index.find(envelope.header.tag)
        if place is None or not isinstance(place[0], OfSession | OfRendezvous | OfBundle):
            return
        if not self.newer:
            self._pending_events.tell(NoticeRaised(_WAITS_FOR_UPGRADE))
        self.newer[envelope.id] = None
        while len(self.newer) > NEWER_ENVELOPES_MAX:
            del self.newer[next(iter(self.newer))]
        self._vault.set_mark(NEWER_MARK, 1)

    def _open(self, envelope: Envelope, now: Instant) -> None:
        tag = envelope.header.tag
        place = self._tag_index.find(tag)
        if place is None:
            # Another envelope of this batch has used the tag up.
            return
        owner, index = place
        if self._machines.is_former and not isinstance(owner, OfSelf):
            # It comes to the present machine; once opened here it would be told as delivered.
            return
        if envelope.header.is_newer:
            raise NewerVersionError("envelope of a later version")
        match owner:
            case OfSelf():
                self._machines.note_came(index, envelope, now)
            case OfInvite(invite):
                self._inbound.open_by_invite(invite, index, envelope, now)
            case OfBundle(contact):
                self._invites_accepted.bundle_came(contact, index, envelope, now)
            case OfClosedInvite(contact):
                self._invites_accepted.unanswered.closed_came(contact, envelope, now)
            case OfSession(id_, generation):
                session = self._sessions.session(id_)
                self._open_on_session(session, generation, index, envelope, now)
            case OfRendezvous(id_, generation):
                session = self._sessions.session(id_)
                self._inbound.open_renewal(session, generation, index, envelope, now)
            case OfFile(file):
                self._reception.files.block_came(file, index, envelope, now)
            case OfChain() | OfHello():
                self._groups.take(owner, index, envelope, now)
            case OfGroupLink() | OfLinkBundle() | OfEntrance():
                self._groups.take_letter(owner, index, envelope, now)
            case _:
                assert_never(owner)

    def _open_on_session(
        self, session: Session, generation: int, index: int, envelope: Envelope, now: Instant
    ) -> None:
        contact = self._people.contact(session.contact)
        tag, sealed_mail = envelope.header.tag, self._sessions.sealed_mail
        sealed_mail.check_opens(contact, tag, now)
        box_key = session.box_key(generation, index)
        nonce, boxes = split_nonce(envelope.body)
        try:
            opened = opened_on(
                self._sessions,
                session,
                envelope,
                nonce=nonce,
                boxes=boxes,
                header_key=box_key,
                mesh_now=now.mesh,
            )
        except OutOfStep:
            # The header box holds the posting key to be theirs, and the signature the rest.
            if is_envelope_signature_valid(envelope, is_signature_valid):
                self._sessions.unopened.note(contact.id, envelope.id)
                reason = "what they write can no longer be opened"
                self._session_recovery.lost(contact, session, reason, now, is_older=True)
            raise
        if opened is None:
            if not self._sessions.tags.awaits(session, tag, envelope.id):
                raise PeerError("too many messages wait for a post-quantum step")
            return
        sealed_mail.check_opens(contact, tag, now, size=len(opened.payload_bytes))
        was_known = session.is_known
        self._sessions.opened(session, opened.receiving, now.expiry)
        self._sessions.tags.used(session, generation, index, tag, opened.header, now.expiry)
        self._sessions.heard_under(session, generation, now.expiry)
        self._reception.accept(contact, session, opened, is_first=not was_known, now=now)
        self._reception.heard_on(contact, session)
        sealed_mail.opened(
            contact, now, size=len(opened.payload_bytes), words_count=opened.payload.words_count
        )
