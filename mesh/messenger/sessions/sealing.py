"""Sealing: from a payload to an envelope, under the right tag, keys and posting key.

Implements `docs/protocol/first-contact.md`, section "Which tag, which keys", and `session.md`.
Until the other side is known to have a session, each message repeats our first contact around the
next message of the session; from then on each stands by itself under the tags of the session.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from mesh.crypto.aead import KEY_BYTES
from mesh.crypto.hashing import blake2b_128
from mesh.ids import ContactId, Tag, UnixSeconds
from mesh.limits.sessions import EXPIRED_BEFORE_RENEWAL
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import Contacts
from mesh.messenger.contacts.key_doubts import KeyDoubts
from mesh.messenger.sessions.posting_keys import Audience, PostingKeys, Signer
from mesh.messenger.sessions.session import Session
from mesh.messenger.sessions.session_setup import NO_KEYS_LEFT, SessionSetup
from mesh.messenger.sessions.sessions import Sessions
from mesh.ratchet.closed_invite import CLOSED_SIZE_CLASS, closed_tag_of, seal_closed
from mesh.ratchet.first_contact import (
    first_contact_size_class,
    seal_bundle,
    seal_first_contact,
)
from mesh.ratchet.sealed_block import block_size_class, seal_block
from mesh.ratchet.sealed_message import (
    nonce_of,
    read_hash_of,
    seal_boxes,
    session_size_class,
)
from mesh.ratchet.self_note import seal_note
from mesh.ratchet.tags import box_key_of, invite_bundle_key, tag_of
from mesh.storage.vault.rows import ContactRow
from mesh.wire.bundle import Bundle
from mesh.wire.envelope import (
    CREATED_ROUNDING_S,
    LIFETIME_WEEK,
    SECONDS_PER_DAY,
    TAG_BYTES,
    TOKEN_BYTES,
    TOKEN_HASH_BYTES,
    Envelope,
    Header,
    body_bytes,
    envelope_of,
)

Block = tuple[bytes, Tag, bytes]
"""A block of a file: its key, its tag, and its bytes behind their path."""

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
        key_doubts: KeyDoubts,
        sessions: Sessions,
        session_setup: SessionSetup,
        posting_keys: PostingKeys,
        is_tag_stored: Callable[[Tag], bool],
        posted: Callable[[Signer, int], None],
    ) -> None:
        self._people = account.vault.contacts
        self._their_invites = account.vault.invites
        self._exchanges = account.vault.exchanges
        self._contacts = contacts
        self._key_doubts = key_doubts
        self._sessions = sessions
        self._session_setup = session_setup
        self._posting_keys = posting_keys
        self._is_tag_stored = is_tag_stored
        # Told of all but dummies: by which key, and of which size class.
        self._posted = posted
        self._entropy = account.entropy
        self.has_stopped = False
        """On a former machine nothing is sealed to others (`onboarding/machines.py`)."""

    def seal(
        self,
        contact: ContactRow,
        payload: bytes,
        mesh_now: UnixSeconds,
        lifetime_class: int = LIFETIME_WEEK,
        *,
        is_again: bool = False,
    ) -> Sealed | None:
        """Seal a payload for a contact, if their keys and a posting key of ours are ready.

        `is_again`: it was sealed before, in vain.
        """
        if contact.bundle is None or contact.is_blocked or self.has_stopped:
            return None
        signer = self._ready(Audience.CONTACTS, mesh_now, contact.id)
        if signer is None:
            return None
        self._renew_if_lost(contact, mesh_now)
        session = self._sessions.find_known(contact.id)
        if session is None:
            return self._seal_first(
                contact, payload, signer, lifetime_class, mesh_now, is_again=is_again
            )
        return self._seal_on(session, payload, signer, lifetime_class, mesh_now)

    def seal_on(self, session: Session, payload: bytes, mesh_now: UnixSeconds) -> Sealed | None:
        """Seal a payload on one session, if a posting key of ours is ready."""
        signer = self._ready(Audience.CONTACTS, mesh_now)
        if signer is None:
            return None
        return self._seal_on(session, payload, signer, LIFETIME_WEEK, mesh_now)

    def goes_round(self, contact: ContactRow, mesh_now: UnixSeconds) -> bool:
        """Say whether a hello is to go by the next way, since a renewal is not answered."""
        return self.has_signer(mesh_now) and self._session_setup.is_round_due(contact.id, mesh_now)

    def begins_probe(self, contact: ContactRow, mesh_now: UnixSeconds) -> bool:
        """Say whether a payload is to go as a first contact now, though a session is there."""
        return (
            self._sessions.find_known(contact.id) is not None
            and self.has_signer(mesh_now)
            and self._session_setup.begin_probe(contact, mesh_now)
        )

    def seal_probe(
        self, contact: ContactRow, payload: bytes, mesh_now: UnixSeconds
    ) -> Sealed | None:
        """Seal that payload, by which who lost what we share finds us again."""
        signer = self._ready(Audience.CONTACTS, mesh_now)
        if signer is None:
            return None
        return self._seal_first(contact, payload, signer, LIFETIME_WEEK, mesh_now, is_again=False)

    def has_signer(self, mesh_now: UnixSeconds, audience: int = Audience.CONTACTS) -> bool:
        """Say whether a posting key for contacts, or for another audience, is ready."""
        return not self.has_stopped and self._ready(audience, mesh_now) is not None

    def seal_note(
        self, note: bytes, key: bytes, index: int, mesh_now: UnixSeconds
    ) -> Sealed | None:
        """Seal a note to ourselves, if a posting key is ready: to others it is a message."""
        signer = self._ready(Audience.CONTACTS, mesh_now)
        if signer is None:
            return None
        # Nobody tells that it was read: more than one machine may have to read it.
        unread = self._entropy.draw(KEY_BYTES)
        classes = (0, LIFETIME_WEEK)
        header, token = self._header(classes, tag_of(key, index), unread, signer, mesh_now)
        associated, room = header.encode(), body_bytes(0)
        body = seal_note(note, key, index, associated=associated, room=room, entropy=self._entropy)
        return Sealed(self._sign(header, body, signer), token)

    def seal_dummy(
        self, signer: Signer, size_class: int, mesh_now: UnixSeconds
    ) -> tuple[Sealed, bytes] | None:
        """Seal nothing, if that key is ready: to others it is a message.

        Return the envelope, and the read token that its reader would have.
        """
        if self.has_stopped or not self._posting_keys.is_ready(signer):
            return None
        read_token, withdraw_token = (self._entropy.draw(TOKEN_BYTES) for _ in range(2))
        header = Header(
            size_class=size_class,
            lifetime_class=LIFETIME_WEEK,
            created=_created(mesh_now),
            tag=Tag(self._entropy.draw(TAG_BYTES)),
            read_hash=blake2b_128(read_token),
            withdraw_hash=blake2b_128(withdraw_token),
            posting_key=signer.public,
            stamp=_stamp(signer),
        )
        body = self._entropy.draw(body_bytes(size_class))
        self._posting_keys.count_use(signer)
        return Sealed(envelope_of(header, body, signer.key), withdraw_token), read_token

    def seal_invite_bundle(
        self,
        bundle: Bundle,
        secret: bytes,
        signature: bytes,
        *,
        posts_count: int,
        lifetime_class: int,
        mesh_now: UnixSeconds,
        audience: int = Audience.PUBLIC,
    ) -> Sealed | None:
        """Seal an invite's bundle and the signature of its short texts for the mesh, if a public
        posting key is ready.
        """
        signer = None if self.has_stopped else self._ready(audience, mesh_now)
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
            signature,
            box_key=box_key_of(key, posts_count),
            header=header.encode(),
            size_class=BUNDLE_SIZE_CLASS,
            entropy=self._entropy,
        )
        return Sealed(self._sign(header, body, signer), withdraw_token=b"")

    def seal_closed(self, key: bytes, mesh_now: UnixSeconds) -> Sealed | None:
        """Seal the answer that an invite of ours is closed, if a key for one is ready."""
        signer = self._ready(Audience.REFUSED, mesh_now)
        if signer is None:
            return None
        tag = closed_tag_of(key)
        classes = CLOSED_SIZE_CLASS, LIFETIME_WEEK
        header, token = self._header(classes, tag, key, signer, mesh_now)
        body = seal_closed(key, associated=header.encode(), entropy=self._entropy)
        return Sealed(self._sign(header, body, signer), token)

    def seal_for_group(
        self,
        audience: int,
        tag: Tag,
        classes: tuple[int, int],
        body_of: Callable[[bytes], bytes],
        mesh_now: UnixSeconds,
    ) -> Sealed:
        """Seal what `body_of` makes for a header, by a posting key that is ready.

        Nobody can tell the mesh that it was read, or one reader would retire it for the others.
        """
        signer = self._ready(audience, mesh_now)
        assert signer is not None, "it was asked for before anything changed"
        withdraw_token = self._entropy.draw(TOKEN_BYTES)
        header = Header(
            size_class=classes[0],
            lifetime_class=classes[1],
            created=_created(mesh_now),
            tag=tag,
            read_hash=self._entropy.draw(TOKEN_HASH_BYTES),
            withdraw_hash=blake2b_128(withdraw_token),
            posting_key=signer.public,
            stamp=_stamp(signer),
        )
        return Sealed(self._sign(header, body_of(header.encode()), signer), withdraw_token)

    def seal_blocks(
        self, blocks: Sequence[Block], mesh_now: UnixSeconds, *, is_for_many: bool
    ) -> list[Sealed]:
        """Seal the blocks of one posting of a file, if a posting key for them is ready; none else.

        They have that key alone: who can open one of a key's envelopes knows whose all others are.
        `is_for_many`: nobody can tell the mesh that one was read.
        """
        signer = None if self.has_stopped else self._ready(Audience.FILES, mesh_now)
        if signer is None:
            return []
        return [self._seal_block(one, signer, mesh_now, is_for_many=is_for_many) for one in blocks]

    def _seal_block(
        self, block: Block, signer: Signer, mesh_now: UnixSeconds, *, is_for_many: bool
    ) -> Sealed:
        key, tag, content = block
        classes = block_size_class(len(content)), LIFETIME_WEEK
        unread = self._entropy.draw(KEY_BYTES) if is_for_many else key
        header, token = self._header(classes, tag, unread, signer, mesh_now)
        body = seal_block(
            key,
            content,
            associated=header.encode(),
            size_class=header.size_class,
            entropy=self._entropy,
        )
        return Sealed(self._sign(header, body, signer), token)

    def _renew_if_lost(self, contact: ContactRow, mesh_now: UnixSeconds) -> None:
        """Begin a new session where none carries what we write."""
        session = self._sessions.find_known(contact.id)
        if session is None:
            if not self._session_setup.is_cut_off(contact.id):
                return
            reason = NO_KEYS_LEFT
        elif self._is_tag_stored(session.next_tag):
            reason = "this profile is older than what was written with it"
            self._key_doubts.unreached(contact, mesh_now)
        elif self._exchanges.exchange(contact.id).lapsed_count >= EXPIRED_BEFORE_RENEWAL:
            reason = f"{EXPIRED_BEFORE_RENEWAL} messages in a row were never opened"
        else:
            return
        if self._session_setup.renew(contact, mesh_now, is_asked=False):
            self._exchanges.set_lapsed_count(contact.id, 0)
            self._contacts.renewed(contact, reason, mesh_now)

    def _ready(
        self, audience: int, mesh_now: UnixSeconds, reader: ContactId | None = None
    ) -> Signer | None:
        day = mesh_now // SECONDS_PER_DAY
        signer = self._posting_keys.find_ready(audience, day, reader)
        if signer is None:
            self._posting_keys.prepare([audience], day)
        return signer

    def _seal_on(
        self,
        session: Session,
        payload: bytes,
        signer: Signer,
        lifetime_class: int,
        mesh_now: UnixSeconds,
    ) -> Sealed:
        """The next message of a session that both sides have."""
        sending, tag, box_key = self._sessions.step_under_tag(session, mesh_now)
        has_long_header = bool(sending.header.kem_part)
        size_class = session_size_class(len(payload), has_long_header=has_long_header)
        assert size_class is not None, "a text within its bound fits the largest size"
        classes = size_class, lifetime_class
        header, token = self._header(classes, tag, sending.message_key, signer, mesh_now)
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
        self,
        contact: ContactRow,
        payload: bytes,
        signer: Signer,
        lifetime_class: int,
        mesh_now: UnixSeconds,
        *,
        is_again: bool,
    ) -> Sealed | None:
        """The next repetition of our first contact."""
        row = self._session_setup.find(contact.id)
        if row is None:
            if self._their_invites.find_accepted_invite(contact.id) is None:
                return None
            row = self._session_setup.begin(contact, None, mesh_now)
        place = self._session_setup.take_place(contact, row, mesh_now, is_again=is_again)
        if place is None:
            return None
        row, tag, box_key = place
        session = self._sessions.session(row.session)
        sending = self._sessions.step(session, mesh_now)
        size_class = first_contact_size_class(len(payload))
        assert size_class is not None, "a text within its bound fits the largest size"
        classes = size_class, lifetime_class
        header, token = self._header(classes, tag, sending.message_key, signer, mesh_now)
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
        classes: tuple[int, int],
        tag: Tag,
        message_key: bytes,
        signer: Signer,
        mesh_now: UnixSeconds,
    ) -> tuple[Header, bytes]:
        """The header of a message to one person, and the token that takes it back.

        `classes`: of its size and its lifetime.
        """
        withdraw_token = self._entropy.draw(TOKEN_BYTES)
        header = Header(
            size_class=classes[0],
            lifetime_class=classes[1],
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
        self._posted(signer, header.size_class)
        return envelope_of(header, body, signer.key)


def _created(mesh_now: UnixSeconds) -> UnixSeconds:
    return UnixSeconds(mesh_now - mesh_now % CREATED_ROUNDING_S)


def _stamp(signer: Signer) -> bytes:
    assert signer.stamp is not None
    return signer.stamp
