"""The inbox: envelopes that bear one of our tags, opened.

Implements `docs/protocol/first-contact.md`, sections "Opening" and "Founding", and `session.md`,
section "Opening"; whether a session still does is judged in `renewals.py`. Everything is checked
before anything is written: what does not open, is not by the person whose tag it bears, or was
opened before, is counted and dropped, and has changed nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, assert_never

from mesh.crypto.entropy import Entropy
from mesh.crypto.kem import Kem
from mesh.crypto.signing import is_signature_valid
from mesh.errors import PeerError
from mesh.events import ContactAdded, NoticeRaised
from mesh.ids import Instant, InviteId, MessageId, UnixSeconds
from mesh.limits import CONTACTS_MAX, SESSIONS_PER_CONTACT_MAX
from mesh.messenger.contacts import KEY_PREFIX_DIGITS_MIN, Contacts
from mesh.messenger.expected import ExpectedTags, OfBundle, OfInvite, OfRendezvous, OfSession
from mesh.messenger.history import History, Place, mesh_milliseconds
from mesh.messenger.identity import Identity, check_bundle
from mesh.messenger.invitations import Invitations
from mesh.messenger.invites import Invites, state_of
from mesh.messenger.names import is_name
from mesh.messenger.outbox import Outbox
from mesh.messenger.prekeys import Prekey, Prekeys, stored_bundle
from mesh.messenger.renewals import Renewals
from mesh.messenger.retirements import Retirements
from mesh.messenger.session import Session
from mesh.messenger.sessions import Sessions
from mesh.messenger.telling import Telling
from mesh.messenger.verified import VerifiedSignatures
from mesh.ratchet.double_ratchet import Awaiting, OutOfStep, Ratchet, Receiving
from mesh.ratchet.first_contact import (
    Author,
    FirstContact,
    Roots,
    open_opening,
    open_outside,
)
from mesh.ratchet.sealed_message import open_header, open_payload, read_token_of, split_nonce
from mesh.ratchet.tags import box_key_of, invite_tag_key
from mesh.storage.vault import Vault
from mesh.storage.vault_rows import ContactRow, InviteRow, MessageRow
from mesh.wire.bundle import Bundle, decode_prekeys
from mesh.wire.controls import KEYS, OVER
from mesh.wire.envelope import Envelope, is_envelope_signature_valid
from mesh.wire.payload import Payload, decode_payload, message_id_of
from mesh.wire.ratchet_header import RatchetHeader

CLOCK_MAX = 1 << 62
"""A clock beyond is a lie (it is the year 4,199), and would leave no room for what follows."""


class ControlHandler(Protocol):
    """Who acts on some kinds of controls. What it refuses raises PeerError and changes nothing.

    It is called in the vault's transaction, after the payload's text was kept; the contact is
    who sent it, beyond doubt.
    """

    def control_came(
        self, contact: ContactRow, kind: int, data: bytes, *, mesh_now: UnixSeconds, now: Instant
    ) -> None:
        """Act on one control."""
        ...


@dataclass(frozen=True, slots=True)
class Opened:
    """A message that has opened; nothing is written yet."""

    envelope: Envelope
    header: RatchetHeader
    receiving: Receiving = field(repr=False)
    payload_bytes: bytes = field(repr=False)
    payload: Payload = field(repr=False)


@dataclass(frozen=True, slots=True)
class Founded:
    """A first contact that nobody repeated before: its author, and the session that it founds."""

    prekey: Prekey
    ephemeral: bytes
    author: Author
    roots: Roots = field(repr=False)
    ratchet: Ratchet = field(repr=False)
    opened: Opened = field(repr=False)


class Inbox:
    """Opens what arrives. `counters` say what was dropped, by reason."""

    def __init__(
        self,
        vault: Vault,
        identity: Identity,
        *,
        expected: ExpectedTags,
        sessions: Sessions,
        prekeys: Prekeys,
        contacts: Contacts,
        invites: Invites,
        invitations: Invitations,
        history: History,
        outbox: Outbox,
        retirements: Retirements,
        telling: Telling,
        entropy: Entropy,
        kem: Kem,
        renewals: Renewals,
        tell_received: Callable[[MessageRow], None],
    ) -> None:
        self._people = vault.people
        self._rows = vault.sessions
        self._identity = identity
        self._expected = expected
        self._sessions = sessions
        self._prekeys = prekeys
        self._contacts = contacts
        self._invites = invites
        self._invitations = invitations
        self._history = history
        self._outbox = outbox
        self._retirements = retirements
        self._telling = telling
        self._entropy = entropy
        self._kem = kem
        self._tell_received = tell_received
        self._renewals = renewals
        self._verify = VerifiedSignatures()
        # Whoever has a closed invite can come as often as they like: it is told once in a run.
        self._told_closed: dict[InviteId, None] = {}
        self._handlers: dict[int, ControlHandler] = {}
        self.counters: dict[str, int] = {}

    def handle(self, kinds: Sequence[int], handler: ControlHandler) -> None:
        """Give the controls of these kinds to a handler from now on."""
        self._handlers.update(dict.fromkeys(kinds, handler))

    def take(self, envelopes: Sequence[Envelope], *, mesh_now: UnixSeconds, now: Instant) -> None:
        """Open what can be opened; hostile bodies are dropped."""
        for envelope in envelopes:
            try:
                self._open(envelope, mesh_now, now)
            except PeerError as error:
                self._count(error)

    def _open(self, envelope: Envelope, mesh_now: UnixSeconds, now: Instant) -> None:
        tag = envelope.header.tag
        place = self._expected.find(tag)
        if place is None:
            # Another envelope of this batch has used the tag up.
            return
        owner, index = place
        match owner:
            case OfInvite(invite):
                self._open_by_invite(self._invites.invite(invite), index, envelope, mesh_now, now)
            case OfBundle(contact):
                self._invitations.bundle_came(contact, index, envelope, mesh_now)
            case OfSession(id_, generation):
                session = self._sessions.session(id_)
                self._open_on_session(session, generation, index, envelope, mesh_now, now)
            case OfRendezvous(id_):
                session = self._sessions.session(id_)
                self._open_renewal(session, index, envelope, mesh_now, now)
            case _:
                assert_never(owner)

    # --- Under a tag of a session -------------------------------------------------------------

    def _open_on_session(
        self,
        session: Session,
        generation: int,
        index: int,
        envelope: Envelope,
        mesh_now: UnixSeconds,
        now: Instant,
    ) -> None:
        contact = self._people.contact(session.contact)
        box_key = session.box_key(generation, index)
        nonce, boxes = split_nonce(envelope.body)
        try:
            opened = self._opened_on(session, envelope, nonce, boxes, box_key, mesh_now)
        except OutOfStep:
            # The header box holds the posting key to be theirs, and the signature the rest.
            if is_envelope_signature_valid(envelope, is_signature_valid):
                reason = "what they write can no longer be opened"
                self._renewals.lost(contact, session, reason, mesh_now, now)
            raise
        tag = envelope.header.tag
        if opened is None:
            if not self._sessions.tags.awaits(session, tag):
                raise PeerError("too many messages wait for a post-quantum step")
            return
        was_known = session.is_known
        self._sessions.opened(session, opened.receiving, mesh_now)
        self._sessions.tags.used(session, generation, index, tag, opened.header, mesh_now)
        self._accept(contact, session, opened, is_first=not was_known, mesh_now=mesh_now, now=now)

    def _opened_on(
        self,
        session: Session,
        envelope: Envelope,
        nonce: bytes,
        boxes: bytes,
        header_key: bytes,
        mesh_now: UnixSeconds,
    ) -> Opened | None:
        """The message in the boxes; None if it waits for a post-quantum step."""
        associated = envelope.header_bytes
        header, header_box, message_box = open_header(
            boxes, header_key=header_key, associated=associated, nonce=nonce
        )
        receiving = self._sessions.receive(session, header, mesh_now)
        if isinstance(receiving, Awaiting):
            return None
        return _opened(envelope, nonce, header, header_box, message_box, receiving)

    # --- First contacts -----------------------------------------------------------------------

    def _open_by_invite(
        self,
        invite: InviteRow,
        index: int,
        envelope: Envelope,
        mesh_now: UnixSeconds,
        now: Instant,
    ) -> None:
        assert invite.secret is not None, "tags of invites go with the secret"
        assert invite.prekey is not None, "a secret goes with its bundle"
        box_key = box_key_of(invite_tag_key(invite.secret), index)
        first = open_outside(envelope.body, box_key=box_key, associated=envelope.header_bytes)
        prekeys = [self._prekeys.prekey(invite.prekey)]
        if self._open_repetition(prekeys, first, envelope, mesh_now, now):
            return
        founded = self._founded(prekeys, first, envelope, mesh_now)
        author = founded.author
        if author.verify_key == self._identity.keys.verify_key:
            raise PeerError("a first contact by ourselves")
        self._invites.check_guest(invite, author.verify_key)
        contact = self._people.find_contact_by_key(author.verify_key)
        if contact is not None and contact.is_blocked:
            raise PeerError("a first contact by somebody who is blocked")
        self._check_author(contact, author, mesh_now)
        self._check_may_found(invite, contact, founded)
        if contact is not None and contact.state == "answered":
            # They gave up what we had, or lost it.
            self._renewals.end_known(contact)
        contact = contact or self._add_contact(author, founded.opened.payload, invite, mesh_now)
        if invite.is_met:
            contact = self._contacts.met(contact.id)
        if invite.uses < invite.uses_max:
            self._invites.use(invite, mesh_now)
        self._found(contact, founded, mesh_now, now)

    def _open_renewal(
        self,
        lost: Session,
        index: int,
        envelope: Envelope,
        mesh_now: UnixSeconds,
        now: Instant,
    ) -> None:
        """A contact begins a session in place of one that somebody lost."""
        tag = envelope.header.tag
        box_key = lost.rendezvous_box_key(index)
        first = open_outside(envelope.body, box_key=box_key, associated=envelope.header_bytes)
        prekeys = self._prekeys.of_contact(lost.contact)
        if self._open_repetition(prekeys, first, envelope, mesh_now, now):
            self._sessions.tags.rendezvous_used(lost, index, tag)
            return
        contact = self._people.contact(lost.contact)
        try:
            founded = self._founded(prekeys, first, envelope, mesh_now)
        except PeerError:
            # The box of the tag proves that the contact sealed it, to a bundle of ours.
            reason = "they wrote to keys that this profile no longer has"
            self._renewals.lost(contact, lost, reason, mesh_now, now)
            raise
        self._check_author(contact, founded.author, mesh_now)
        self._sessions.tags.rendezvous_used(lost, index, tag)
        self._renewals.begun(contact, lost, mesh_now)
        self._found(contact, founded, mesh_now, now)

    def _open_repetition(
        self,
        prekeys: Sequence[Prekey],
        first: FirstContact,
        envelope: Envelope,
        mesh_now: UnixSeconds,
        now: Instant,
    ) -> bool:
        """Open a first contact of which a repetition came before; False if none did."""
        for prekey in prekeys:
            row = self._rows.find_opening(prekey.id, first.ephemeral)
            if row is None:
                continue
            if not self._sessions.has(row.session):
                raise PeerError("a first contact of a session that is gone")
            session = self._sessions.session(row.session)
            opened = self._opened_on(
                session, envelope, first.nonce, first.boxes, row.header_key, mesh_now
            )
            if opened is None:
                raise PeerError("a first contact that waits for something")
            self._sessions.opened(session, opened.receiving, mesh_now)
            contact = self._people.contact(session.contact)
            self._accept(contact, session, opened, is_first=False, mesh_now=mesh_now, now=now)
            return True
        return False

    def _founded(
        self,
        prekeys: Sequence[Prekey],
        first: FirstContact,
        envelope: Envelope,
        mesh_now: UnixSeconds,
    ) -> Founded:
        """What a first contact founds, opened by the newest bundle of ours that opens it."""
        reason = PeerError("a first contact to a bundle that is gone")
        for prekey in prekeys:
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
            verify=self._verify,
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
        opened = _opened(envelope, first.nonce, header, header_box, message_box, receiving)
        return Founded(prekey, first.ephemeral, author, roots, ratchet, opened)

    def _found(
        self, contact: ContactRow, founded: Founded, mesh_now: UnixSeconds, now: Instant
    ) -> None:
        """Everything is in order: the session is there on this side too."""
        roots, opened = founded.roots, founded.opened
        session = self._sessions.found(
            roots, contact.id, founded.ratchet, is_begun_here=False, created=mesh_now
        )
        self._rows.note_opening(
            founded.prekey.id,
            founded.ephemeral,
            session=session.id,
            header_key=roots.header_key,
        )
        self._sessions.opened(session, opened.receiving, mesh_now)
        self._learn_bundle(contact, founded.author.bundle, is_first=True)
        self._accept(contact, session, opened, is_first=True, mesh_now=mesh_now, now=now)
        # They repeat their first contact until they have opened something of ours.
        mesh_ms = mesh_milliseconds(mesh_now, now)
        current = self._people.contact(contact.id)
        self._outbox.tell_over(contact.id)
        self._outbox.send_hello(current, mesh_ms=mesh_ms, mesh_now=mesh_now)

    def _check_may_found(
        self, invite: InviteRow, contact: ContactRow | None, founded: Founded
    ) -> None:
        # What was sent before the invite expired may have been on its way for long.
        state = state_of(invite, founded.opened.envelope.header.created)
        # Who is a contact begins anew: he lost what came of the invite, and takes no use of it.
        is_again = contact is not None and contact.state == "answered" and state == "used up"
        if state != "open" and not is_again:
            if contact is None:
                self._tell_closed(invite, state, founded)
            raise PeerError(f"a first contact by an invite that is {state}")
        if contact is None and len(self._contacts) >= CONTACTS_MAX:
            raise PeerError("too many contacts")
        if contact is not None and self._sessions.count(contact.id) >= SESSIONS_PER_CONTACT_MAX:
            raise PeerError("too many first contacts by one person")

    def _tell_closed(self, invite: InviteRow, state: str, founded: Founded) -> None:
        """Somebody was not let in: perhaps whom our person waits for, after somebody else was."""
        if invite.id in self._told_closed:
            return
        self._told_closed[invite.id] = None
        name = founded.opened.payload.name
        key = founded.author.verify_key.hex()[:KEY_PREFIX_DIGITS_MIN]
        who = f"{name} (key {key})" if is_name(name) else f"Somebody with the key {key}"
        hint = (
            "If you meant them, look who came by it: it was in other hands too."
            if state == "used up"
            else "If you expect them, make another one."
        )
        what = f"came by your invite {invite.id}, which is {state}, and was not let in."
        self._telling.tell(NoticeRaised(f"{who} {what} {hint}"))

    def _add_contact(
        self, author: Author, payload: Payload, invite: InviteRow, mesh_now: UnixSeconds
    ) -> ContactRow:
        shown = payload.name if is_name(payload.name) else ""
        row = self._contacts.add(
            wanted_label=shown or author.verify_key.hex()[:KEY_PREFIX_DIGITS_MIN],
            name=shown,
            verify_key=author.verify_key,
            agreement_key=author.identity_key,
            bundle=author.bundle.encode(),
            is_by_our_invite=True,
            # An invite for many may have been passed on to anybody.
            is_request=invite.uses_max > 1,
            introduced_by=invite.vouched_by,
            mesh_now=mesh_now,
        )
        self._telling.tell(ContactAdded(self._contacts.answer(row.id)))
        return row

    def _check_author(
        self, contact: ContactRow | None, author: Author, mesh_now: UnixSeconds
    ) -> None:
        """The author is the contact, with the identity key of always, and with usable prekeys."""
        if contact is not None and author.verify_key != contact.verify_key:
            raise PeerError("a first contact by somebody else than its tag says")
        if contact is not None and contact.agreement_key not in (None, author.identity_key):
            self._contacts.refused_other_keys(contact, mesh_now)
            raise PeerError("a known key with another identity key")
        if contact is None or contact.bundle != author.bundle.encode():
            check_bundle(author.bundle, self._identity, entropy=self._entropy, kem=self._kem)

    # --- All ----------------------------------------------------------------------------------

    def _accept(
        self,
        contact: ContactRow,
        session: Session,
        opened: Opened,
        *,
        is_first: bool,
        mesh_now: UnixSeconds,
        now: Instant,
    ) -> None:
        """Everything is in order: learn, and keep the message.

        `is_first`: nothing of the session was opened here before.
        """
        payload = opened.payload
        token = read_token_of(opened.receiving.message_key)
        self._retirements.opened(opened.envelope.id, token, mesh_now=mesh_now, now=now)
        is_apart = self._renewals.heard(
            contact,
            session,
            payload,
            created=opened.envelope.header.created,
            is_first=is_first,
        )
        self._contacts.named(contact, payload.name, mesh_now)
        message = message_id_of(opened.payload_bytes)
        if payload.text and not self._history.has(contact.id, message):
            row = self._history.add(
                contact.id,
                message,
                Place([MessageId(parent) for parent in payload.parents], payload.hlc),
                text=payload.text,
                is_mine=False,
                state="received",
                received=mesh_now,
            )
            self._tell_received(row)
        self._act_on_controls(contact, session, payload, mesh_now, now)
        self._renewals.settle(
            contact,
            session,
            payload,
            is_first=is_first,
            is_apart=is_apart,
            mesh_now=mesh_now,
            now=now,
        )

    def _act_on_controls(
        self,
        contact: ContactRow,
        session: Session,
        payload: Payload,
        mesh_now: UnixSeconds,
        now: Instant,
    ) -> None:
        for kind, data in payload.controls:
            handler = self._handlers.get(kind)
            try:
                current = self._people.contact(contact.id)
                if kind == KEYS:
                    self._learn_keys(current, data)
                elif kind == OVER:
                    self._renewals.end_over(session, data)
                elif handler is not None:
                    handler.control_came(current, kind, data, mesh_now=mesh_now, now=now)
            except PeerError as error:
                # The message beside it stands.
                self._count(error)

    def _count(self, error: PeerError) -> None:
        self.counters[error.reason] = self.counters.get(error.reason, 0) + 1

    def _learn_keys(self, contact: ContactRow, data: bytes) -> None:
        """Their newest prekeys came inside the session."""
        assert contact.agreement_key is not None, "who has a session has an identity key"
        bundle = decode_prekeys(contact.verify_key, contact.agreement_key, data, self._verify)
        check_bundle(bundle, self._identity, entropy=self._entropy, kem=self._kem)
        self._learn_bundle(contact, bundle, is_first=False)

    def _learn_bundle(self, contact: ContactRow, bundle: Bundle, *, is_first: bool) -> None:
        """Keep the newest bundle. The invite's own is only for first contacts.

        With a first contact came what they have: if it is older, they lost what was newer.
        """
        encoded = bundle.encode()
        if encoded == contact.bundle:
            return
        if contact.state == "answered" and contact.bundle is not None and not is_first:
            known_from = stored_bundle(contact.bundle).valid_from
            if bundle.valid_from < known_from:
                return
        self._people.set_keys(contact.id, agreement_key=bundle.identity_key, bundle=encoded)


def _opened(
    envelope: Envelope,
    nonce: bytes,
    header: RatchetHeader,
    header_box: bytes,
    message_box: bytes,
    receiving: Receiving,
) -> Opened:
    """Open the second box of a message whose header has opened."""
    try:
        data = open_payload(
            receiving.message_key,
            associated=envelope.header_bytes,
            nonce=nonce,
            header_box=header_box,
            message_box=message_box,
        )
    except PeerError as error:
        if receiving.is_new_chain:
            raise OutOfStep("an answer to keys that are not here") from error
        raise
    payload = decode_payload(data)
    if payload.hlc >= CLOCK_MAX:
        raise PeerError("a clock beyond all calendars")
    return Opened(envelope, header, receiving, data, payload)


def _nothing_skipped(_public: bytes, _number: int) -> bytes | None:
    return None
