"""Sealing: from a payload to an envelope, under the right tag, keys and posting key.

Implements `docs/protocol/first-contact.md`, section "Which tag, which keys", and `session.md`.
Until the other side is known to have a session, each message repeats our first contact around the
next message of the session; from then on each stands by itself under the tags of the session.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from mesh.crypto.hashing import blake2b_128
from mesh.ids import Tag, UnixSeconds
from mesh.limits.sessions import EXPIRED_BEFORE_RENEWAL
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import Contacts
from mesh.messenger.sessions.posting_keys import Audience, PostingKeys, Signer
from mesh.messenger.sessions.session import Session
from mesh.messenger.sessions.session_setup import NO_KEYS_LEFT, SessionSetup
from mesh.messenger.sessions.sessions import Sessions
from mesh.ratchet.first_contact import (
    first_contact_size_class,
    seal_bundle,
    seal_first_contact,
)
from mesh.ratchet.sealed_message import (
    nonce_of,
    read_hash_of,
    seal_boxes,
    session_size_class,
)
from mesh.ratchet.tags import box_key_of, invite_bundle_key, tag_of
from mesh.storage.vault.rows import ContactRow
from mesh.wire.bundle import Bundle
from mesh.wire.envelope import (
    CREATED_ROUNDING_S,
    SECONDS_PER_DAY,
    TOKEN_BYTES,
    TOKEN_HASH_BYTES,
    Envelope,
    Header,
    body_bytes,
    sign_envelope,
)

LIFETIME_DAY, LIFETIME_WEEK, LIFETIME_MONTH = 0, 1, 2
BUNDLE_SIZE_CLASS: Final = 1
"""A bundle of 1,352 bytes fits 4 KiB."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """An envelope and the token that takes it back; empty where many read the same envelope."""

    envelope: Envelope
    withdraw_token: bytes = field(repr=False)


class Sealing:
    """Makes envelopes. What cannot be sealed now is None, and nothing has changed.

    `is_tag_stored` says whether the mesh has an envelope of a tag that we have not used yet:
    then this vault is older than what was once written with it, or somebody runs a copy of it.
    """

    def __init__(
        self,
        account: Account,
        *,
        contacts: Contacts,
        sessions: Sessions,
        session_setup: SessionSetup,
        posting_keys: PostingKeys,
        is_tag_stored: Callable[[Tag], bool],
    ) -> None:
        self._people = account.vault.contacts
        self._their_invites = account.vault.invites
        self._exchanges = account.vault.exchanges
        self._contacts = contacts
        self._sessions = sessions
        self._session_setup = session_setup
        self._posting_keys = posting_keys
        self._is_tag_stored = is_tag_stored
        self._entropy = account.entropy

    def seal(self, contact: ContactRow, payload: bytes, mesh_now: UnixSeconds) -> Sealed | None:
        """Seal a payload for a contact, if their keys and a posting key of ours are ready."""
        if contact.bundle is None or contact.is_blocked:
            return None
        signer = self._ready(Audience.CONTACTS, mesh_now)
        if signer is None:
            return None
        self._renew_if_lost(contact, mesh_now)
        session = self._sessions.find_known(contact.id)
        if session is None or self._session_setup.begin_probe(contact, mesh_now):
            sealed = self._seal_first(contact, payload, signer, mesh_now)
            if session is None or sealed is not None:
                return sealed
        return self._seal_on(session, payload, signer, mesh_now)

    def has_signer(self, mesh_now: UnixSeconds) -> bool:
        """Say whether a posting key for contacts is ready."""
        return self._ready(Audience.CONTACTS, mesh_now) is not None

    def seal_invite_bundle(
        self,
        bundle: Bundle,
        secret: bytes,
        *,
        posts_count: int,
        lifetime_class: int,
        mesh_now: UnixSeconds,
    ) -> Sealed | None:
        """Seal an invite's bundle for the mesh, if a public posting key is ready."""
        signer = self._ready(Audience.PUBLIC, mesh_now)
        if signer is None:
            return None
        key = invite_bundle_key(secret)
        header = Header(
            size_class=BUNDLE_SIZE_CLASS,
            lifetime_class=lifetime_class,
            created=_created(mesh_now),
            tag=tag_of(key, posts_count),
            # Many may read it, so nobody can tell the mesh that it was read.
            read_hash=self._entropy.draw(TOKEN_HASH_BYTES),
            withdraw_hash=self._entropy.draw(TOKEN_HASH_BYTES),
            posting_key=signer.public,
            stamp=_stamp(signer),
        )
        body = seal_bundle(
            bundle,
            box_key=box_key_of(key, posts_count),
            header=header.encode(),
            size_class=BUNDLE_SIZE_CLASS,
            entropy=self._entropy,
        )
        return Sealed(self._sign(header, body, signer), withdraw_token=b"")

    def _renew_if_lost(self, contact: ContactRow, mesh_now: UnixSeconds) -> None:
        """Begin a new session where none carries what we write."""
        session = self._sessions.find_known(contact.id)
        if session is None:
            if not self._session_setup.is_cut_off(contact.id):
                return
            reason = NO_KEYS_LEFT
        elif self._is_tag_stored(session.next_tag):
            reason = "this profile is older than what was written with it"
        elif self._exchanges.exchange(contact.id).lapsed_count >= EXPIRED_BEFORE_RENEWAL:
            reason = f"{EXPIRED_BEFORE_RENEWAL} messages in a row were never opened"
        else:
            return
        if self._session_setup.renew(contact, mesh_now, is_asked=False):
            self._exchanges.set_lapsed_count(contact.id, 0)
            self._contacts.renewed(contact, reason, mesh_now)

    def _ready(self, audience: Audience, mesh_now: UnixSeconds) -> Signer | None:
        day = mesh_now // SECONDS_PER_DAY
        signer = self._posting_keys.find_ready(audience, day)
        if signer is None:
            self._posting_keys.prepare([audience], day)
        return signer

    def _seal_on(
        self, session: Session, payload: bytes, signer: Signer, mesh_now: UnixSeconds
    ) -> Sealed:
        """The next message of a session that both sides have."""
        sending, tag, box_key = self._sessions.step_under_tag(session, mesh_now)
        has_long_header = bool(sending.header.kem_part)
        size_class = session_size_class(len(payload), has_long_header=has_long_header)
        assert size_class is not None, "a text within its bound fits the largest size"
        header, token = self._header(size_class, tag, sending.message_key, signer, mesh_now)
        nonce = nonce_of(sending.message_key, payload, self._entropy)
        boxes = seal_boxes(
            sending.header,
            sending.message_key,
            payload,
            header_key=box_key,
            associated=header.encode(),
            nonce=nonce,
            room=body_bytes(size_class),
        )
        return Sealed(self._sign(header, nonce + boxes, signer), token)

    def _seal_first(
        self, contact: ContactRow, payload: bytes, signer: Signer, mesh_now: UnixSeconds
    ) -> Sealed | None:
        """The next repetition of our first contact."""
        row = self._session_setup.find(contact.id)
        if row is None:
            if self._their_invites.find_accepted_invite(contact.id) is None:
                return None
            row = self._session_setup.begin(contact, None, mesh_now)
        place = self._session_setup.take_place(contact, row, mesh_now)
        if place is None:
            return None
        row, tag, box_key = place
        session = self._sessions.session(row.session)
        sending = self._sessions.step(session, mesh_now)
        size_class = first_contact_size_class(len(payload))
        assert size_class is not None, "a text within its bound fits the largest size"
        header, token = self._header(size_class, tag, sending.message_key, signer, mesh_now)
        body = seal_first_contact(
            row.opening,
            sending.header,
            sending.message_key,
            payload,
            first_header_key=row.header_key,
            box_key=box_key,
            associated=header.encode(),
            size_class=size_class,
            entropy=self._entropy,
        )
        return Sealed(self._sign(header, body, signer), token)

    def _header(
        self,
        size_class: int,
        tag: Tag,
        message_key: bytes,
        signer: Signer,
        mesh_now: UnixSeconds,
    ) -> tuple[Header, bytes]:
        """The header of a message to one person, and the token that takes it back."""
        withdraw_token = self._entropy.draw(TOKEN_BYTES)
        header = Header(
            size_class=size_class,
            lifetime_class=LIFETIME_WEEK,
            created=_created(mesh_now),
            tag=tag,
            read_hash=read_hash_of(message_key),
            withdraw_hash=blake2b_128(withdraw_token),
            posting_key=signer.public,
            stamp=_stamp(signer),
        )
        return header, withdraw_token

    def _sign(self, header: Header, body: bytes, signer: Signer) -> Envelope:
        self._posting_keys.count_use(signer)
        return sign_envelope(header, body, signer.seed)


def _created(mesh_now: UnixSeconds) -> UnixSeconds:
    return UnixSeconds(mesh_now - mesh_now % CREATED_ROUNDING_S)


def _stamp(signer: Signer) -> bytes:
    assert signer.stamp is not None
    return signer.stamp
