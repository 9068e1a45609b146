"""The inbox: envelopes that bear one of our tags, opened.

Implements `docs/protocol/session.md`, section "Opening"; first contacts are opened in
`inbound_sessions.py`, and whether a session still does is judged in `session_recovery.py`.
Everything is checked before anything is written: what does not open, is not by the person whose tag
it bears, or was opened before, is counted and dropped, and has changed nothing.
"""

from collections import Counter
from collections.abc import Sequence
from typing import assert_never

from mesh.crypto.signing import is_signature_valid
from mesh.errors import PeerError
from mesh.ids import Instant
from mesh.messenger.account import Account
from mesh.messenger.inbox.inbound_sessions import InboundSessions
from mesh.messenger.inbox.reception import Reception
from mesh.messenger.onboarding.invites_accepted import InvitesAccepted
from mesh.messenger.onboarding.session_recovery import SessionRecovery
from mesh.messenger.sessions.opened import opened_on
from mesh.messenger.sessions.session import Session
from mesh.messenger.sessions.sessions import Sessions
from mesh.messenger.sessions.tag_index import OfBundle, OfInvite, OfRendezvous, OfSession, TagIndex
from mesh.ratchet.double_ratchet import OutOfStep
from mesh.ratchet.sealed_message import split_nonce
from mesh.wire.envelope import Envelope, is_envelope_signature_valid


class Inbox:
    """Opens what arrives. `dropped` counts what was not accepted, by reason."""

    def __init__(
        self,
        account: Account,
        *,
        tag_index: TagIndex,
        sessions: Sessions,
        invites_accepted: InvitesAccepted,
        session_recovery: SessionRecovery,
        inbound: InboundSessions,
        reception: Reception,
        dropped: Counter[str],
    ) -> None:
        self._people = account.vault.contacts
        self._tag_index = tag_index
        self._sessions = sessions
        self._invites_accepted = invites_accepted
        self._session_recovery = session_recovery
        self._inbound = inbound
        self._reception = reception
        self._dropped = dropped

    def take(self, envelopes: Sequence[Envelope], *, now: Instant) -> None:
        """Open what can be opened; hostile bodies are dropped."""
        for envelope in envelopes:
            try:
                self._open(envelope, now)
            except PeerError as error:
                self._dropped[error.reason] += 1

    def _open(self, envelope: Envelope, now: Instant) -> None:
        tag = envelope.header.tag
        place = self._tag_index.find(tag)
        if place is None:
            # Another envelope of this batch has used the tag up.
            return
        owner, index = place
        match owner:
            case OfInvite(invite):
                self._inbound.open_by_invite(invite, index, envelope, now)
            case OfBundle(contact):
                self._invites_accepted.bundle_came(contact, index, envelope, now.mesh)
            case OfSession(id_, generation):
                session = self._sessions.session(id_)
                self._open_on_session(session, generation, index, envelope, now)
            case OfRendezvous(id_):
                session = self._sessions.session(id_)
                self._inbound.open_renewal(session, index, envelope, now)
            case _:
                assert_never(owner)

    def _open_on_session(
        self, session: Session, generation: int, index: int, envelope: Envelope, now: Instant
    ) -> None:
        contact = self._people.contact(session.contact)
        tag, sealed_mail = envelope.header.tag, self._sessions.sealed_mail
        sealed_mail.check_opens(contact, tag)
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
                reason = "what they write can no longer be opened"
                self._session_recovery.lost(contact, session, reason, now)
            raise
        if opened is None:
            if not self._sessions.tags.awaits(session, tag):
                raise PeerError("too many messages wait for a post-quantum step")
            return
        sealed_mail.check_opens(contact, tag, size=len(opened.payload_bytes))
        was_known = session.is_known
        self._sessions.opened(session, opened.receiving, now.mesh)
        self._sessions.tags.used(session, generation, index, tag, opened.header, now.mesh)
        self._reception.accept(contact, session, opened, is_first=not was_known, now=now)
        sealed_mail.opened(
            contact, size=len(opened.payload_bytes), has_text=bool(opened.payload.text)
        )
