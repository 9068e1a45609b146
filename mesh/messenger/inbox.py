"""The inbox: envelopes that bear one of our tags, opened.

Implements `docs/protocol/first-contact.md`, sections "Founding" and "Opening". Everything is
checked before anything is written: what does not open, is not by the person whose tag it bears,
or was opened before, is counted and dropped, and has changed nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, assert_never

from mesh.crypto.entropy import Entropy
from mesh.crypto.kem import Kem
from mesh.errors import PeerError
from mesh.events import ContactAdded
from mesh.ids import Instant, MessageId, UnixSeconds
from mesh.limits import CONTACTS_MAX, SESSIONS_PER_CONTACT_MAX
from mesh.messenger.contacts import KEY_PREFIX_DIGITS_MIN, Contacts
from mesh.messenger.expected import ExpectedTags, OfBundle, OfInvite, OfSession
from mesh.messenger.history import History, Place, mesh_milliseconds
from mesh.messenger.identity import Identity, check_bundle
from mesh.messenger.invitations import Invitations
from mesh.messenger.invites import Invites, state_of
from mesh.messenger.names import is_name
from mesh.messenger.outbox import Outbox
from mesh.messenger.prekeys import Prekey, Prekeys, stored_bundle
from mesh.messenger.retirements import Retirements
from mesh.messenger.sessions import Session, Sessions
from mesh.messenger.telling import Telling
from mesh.messenger.verified import VerifiedSignatures
from mesh.ratchet.letters import OpenedLetter, open_letter
from mesh.ratchet.tags import box_key_of, invite_tag_key
from mesh.storage.vault import Vault
from mesh.storage.vault_rows import ContactRow, InviteRow, MessageRow
from mesh.wire.envelope import Envelope
from mesh.wire.payload import Payload, decode_payload, message_id_of

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
    """A letter whose author and payload are in order."""

    envelope: Envelope
    prekey: Prekey
    letter: OpenedLetter
    payload: Payload


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
        self._verify = VerifiedSignatures()
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
        place = self._expected.find(envelope.header.tag)
        if place is None:
            # Another envelope of this batch has used the tag up.
            return
        owner, index = place
        match owner:
            case OfInvite(invite):
                self._open_first(self._invites.invite(invite), index, envelope, mesh_now, now)
            case OfBundle(contact):
                self._invitations.bundle_came(contact, index, envelope, mesh_now)
            case OfSession(session):
                self._open_letter(self._sessions.session(session), index, envelope, mesh_now, now)
            case _:
                assert_never(owner)

    # --- Under a tag of a session -------------------------------------------------------------

    def _open_letter(
        self,
        session: Session,
        index: int,
        envelope: Envelope,
        mesh_now: UnixSeconds,
        now: Instant,
    ) -> None:
        contact = self._people.contact(session.contact)
        box_key = session.receiver.box_key(index)
        opened = self._try_prekeys(self._prekeys.of_contact(contact.id), box_key, envelope)
        self._check_author(contact, opened)
        self._sessions.opened(session, index, envelope.header.tag, mesh_now)
        self._accept(contact, session, opened, mesh_now, now)

    def _try_prekeys(self, prekeys: Sequence[Prekey], box_key: bytes, envelope: Envelope) -> Opened:
        """The letter, opened by the newest bundle of ours that opens it."""
        reason = PeerError("a letter to a bundle that is gone")
        for prekey in prekeys:
            try:
                return self._unsealed(prekey, box_key, envelope)
            except PeerError as error:
                reason = error
        raise reason

    # --- Under a tag of an invite -------------------------------------------------------------

    def _open_first(
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
        opened = self._unsealed(self._prekeys.prekey(invite.prekey), box_key, envelope)
        author = opened.letter.author
        if author.verify_key == self._identity.keys.verify_key:
            raise PeerError("a first contact by ourselves")
        contact = self._people.find_contact_by_key(author.verify_key)
        self._check_author(contact, opened)
        session_id = opened.letter.session_id
        if self._sessions.has(session_id):
            session = self._sessions.session(session_id)
            if contact is None or session.contact != contact.id:
                raise PeerError("one first contact by two people")
            self._accept(contact, session, opened, mesh_now, now)
            return
        self._check_may_found(invite, contact, envelope)
        contact = contact or self._add_contact(opened)
        session = self._sessions.found(
            session_id, contact.id, opened.letter.tag_root, is_begun_here=False
        )
        self._invites.use(invite, mesh_now)
        self._accept(contact, session, opened, mesh_now, now)
        # They repeat their first contact until they have opened something of ours.
        mesh_ms = mesh_milliseconds(mesh_now, now)
        contact = self._people.contact(contact.id)
        self._outbox.send_hello(contact, mesh_ms=mesh_ms, mesh_now=mesh_now)

    def _check_may_found(
        self, invite: InviteRow, contact: ContactRow | None, envelope: Envelope
    ) -> None:
        # What was sent before the invite expired may have been on its way for long.
        state = state_of(invite, envelope.header.created)
        if state != "open":
            raise PeerError(f"a first contact by an invite that is {state}")
        if contact is None and len(self._contacts) >= CONTACTS_MAX:
            raise PeerError("too many contacts")
        if contact is not None and self._sessions.count(contact.id) >= SESSIONS_PER_CONTACT_MAX:
            raise PeerError("too many first contacts by one person")

    def _add_contact(self, opened: Opened) -> ContactRow:
        author, name = opened.letter.author, opened.payload.name
        shown = name if is_name(name) else ""
        row = self._contacts.add(
            wanted_label=shown or author.verify_key.hex()[:KEY_PREFIX_DIGITS_MIN],
            name=shown,
            verify_key=author.verify_key,
            agreement_key=author.identity_key,
            bundle=author.bundle.encode(),
            is_by_our_invite=True,
        )
        self._telling.tell(ContactAdded(self._contacts.answer(row.id)))
        return row

    # --- Both ---------------------------------------------------------------------------------

    def _unsealed(self, prekey: Prekey, box_key: bytes, envelope: Envelope) -> Opened:
        letter = open_letter(
            envelope.body,
            box_key=box_key,
            header=envelope.header_bytes,
            identity=self._identity.keys,
            bundle=prekey.bundle,
            secrets=prekey.secrets,
            verify=self._verify,
            kem=self._kem,
            is_fresh=lambda ephemeral, n: not self._rows.has_opened(prekey.id, ephemeral, n),
        )
        payload = decode_payload(letter.payload)
        if payload.hlc >= CLOCK_MAX:
            raise PeerError("a clock beyond all calendars")
        return Opened(envelope, prekey, letter, payload)

    def _check_author(self, contact: ContactRow | None, opened: Opened) -> None:
        """The author is the contact, with the identity key of always, and with usable prekeys."""
        author = opened.letter.author
        if contact is not None and author.verify_key != contact.verify_key:
            raise PeerError("a letter by somebody else than its tag says")
        known = None if contact is None else contact.agreement_key
        if known not in (None, author.identity_key):
            raise PeerError("a known key with another identity key")
        if contact is None or contact.bundle != author.bundle.encode():
            check_bundle(author.bundle, self._identity, entropy=self._entropy, kem=self._kem)

    def _accept(
        self,
        contact: ContactRow,
        session: Session,
        opened: Opened,
        mesh_now: UnixSeconds,
        now: Instant,
    ) -> None:
        """Everything is in order: remember, learn, and keep the message."""
        letter, payload = opened.letter, opened.payload
        self._rows.note_opened(opened.prekey.id, letter.ephemeral, letter.n)
        self._sessions.mark_known(session)
        is_first_answer = contact.state != "answered"
        if is_first_answer:
            self._invitations.answered(contact)
        self._learn_bundle(contact, opened, is_first_answer=is_first_answer)
        self._contacts.named(contact, payload.name)
        message = message_id_of(letter.payload)
        if payload.text and not self._history.has(contact.id, message):
            row = self._history.add(
                contact.id,
                message,
                Place([MessageId(parent) for parent in payload.parents], payload.hlc),
                text=payload.text,
                is_mine=False,
                state="received",
                received=now.unix_seconds,
            )
            self._tell_received(row)
        self._act_on_controls(contact, payload, mesh_now, now)
        self._retirements.opened(opened.envelope.id, letter.read_token, mesh_now=mesh_now, now=now)
        if is_first_answer:
            answered = self._people.contact(contact.id)
            if contact.bundle is None:
                self._outbox.retell_waiting(answered)
            self._outbox.seal_waiting_of(answered, mesh_now)

    def _act_on_controls(
        self, contact: ContactRow, payload: Payload, mesh_now: UnixSeconds, now: Instant
    ) -> None:
        for kind, data in payload.controls:
            handler = self._handlers.get(kind)
            if handler is None:
                continue
            try:
                current = self._people.contact(contact.id)
                handler.control_came(current, kind, data, mesh_now=mesh_now, now=now)
            except PeerError as error:
                # The message beside it stands.
                self._count(error)

    def _count(self, error: PeerError) -> None:
        self.counters[error.reason] = self.counters.get(error.reason, 0) + 1

    def _learn_bundle(self, contact: ContactRow, opened: Opened, *, is_first_answer: bool) -> None:
        """Keep the newest bundle. The invite's own is only for first contacts."""
        author = opened.letter.author
        encoded = author.bundle.encode()
        if encoded == contact.bundle:
            return
        if not is_first_answer and contact.bundle is not None:
            known_from = stored_bundle(contact.bundle).valid_from
            if author.bundle.valid_from < known_from:
                return
        self._people.set_keys(contact.id, agreement_key=author.identity_key, bundle=encoded)
