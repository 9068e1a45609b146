"""Sealing: from a payload to an envelope, under the right tag, keys and posting key.

Implements `docs/protocol/first-contact.md`, section "Which tag, which keys". Until the other side
is known to have a session, each message repeats our first contact under the next tag of their
invite; from then on each is a letter with keys of its own under the tags of the session.
"""

from dataclasses import dataclass, field
from typing import Final

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.crypto.hashing import blake2b_128
from mesh.crypto.kem import KEM_CIPHERTEXT_BYTES, Kem
from mesh.ids import Tag, UnixSeconds
from mesh.limits import INVITE_TAGS
from mesh.messenger.identity import Identity
from mesh.messenger.posting_keys import Audience, PostingKeys, Signer
from mesh.messenger.prekeys import Prekeys, stored_bundle
from mesh.messenger.sessions import Sessions
from mesh.ratchet.letters import (
    Opening,
    begin_letter,
    letter_size_class,
    read_hash_of,
    seal_bundle,
    seal_letter,
)
from mesh.ratchet.tags import box_key_of, invite_bundle_key, invite_tag_key, tag_of
from mesh.storage.vault import Vault
from mesh.storage.vault_rows import ContactRow, FirstContactRow
from mesh.wire.bundle import KEY_BYTES, Bundle
from mesh.wire.envelope import (
    CREATED_ROUNDING_S,
    SECONDS_PER_DAY,
    TOKEN_BYTES,
    TOKEN_HASH_BYTES,
    Envelope,
    Header,
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
    """Makes envelopes. What cannot be sealed now is None, and nothing has changed."""

    def __init__(
        self,
        vault: Vault,
        identity: Identity,
        *,
        sessions: Sessions,
        prekeys: Prekeys,
        posting_keys: PostingKeys,
        entropy: Entropy,
        kem: Kem,
    ) -> None:
        self._people = vault.people
        self._rows = vault.sessions
        self._identity = identity
        self._sessions = sessions
        self._prekeys = prekeys
        self._posting_keys = posting_keys
        self._entropy = entropy
        self._kem = kem

    def seal(self, contact: ContactRow, payload: bytes, mesh_now: UnixSeconds) -> Sealed | None:
        """Seal a payload for a contact, if their keys and a posting key of ours are ready."""
        if contact.bundle is None:
            return None
        signer = self._ready(Audience.CONTACTS, mesh_now)
        if signer is None:
            return None
        session = self._sessions.find_known(contact.id)
        if session is None:
            return self._seal_first(
                contact, stored_bundle(contact.bundle), payload, signer, mesh_now
            )
        opening = self._begin(contact, stored_bundle(contact.bundle), mesh_now)
        tag, box_key = self._sessions.take_tag(session)
        return self._seal_letter(opening, 0, tag, box_key, payload, signer, mesh_now)

    def has_signer(self, mesh_now: UnixSeconds) -> bool:
        """Whether a posting key for contacts is ready."""
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

    def _ready(self, audience: Audience, mesh_now: UnixSeconds) -> Signer | None:
        day = mesh_now // SECONDS_PER_DAY
        signer = self._posting_keys.find_ready(audience, day)
        if signer is None:
            self._posting_keys.prepare([audience], day)
        return signer

    def _begin(self, contact: ContactRow, bundle: Bundle, mesh_now: UnixSeconds) -> Opening:
        return begin_letter(
            self._identity.keys,
            self._prekeys.newest(contact.id, mesh_now).bundle,
            bundle,
            entropy=self._entropy,
            kem=self._kem,
        )

    def _seal_first(
        self,
        contact: ContactRow,
        bundle: Bundle,
        payload: bytes,
        signer: Signer,
        mesh_now: UnixSeconds,
    ) -> Sealed | None:
        """The next repetition of our first contact, under the next tag of their invite."""
        invitation = self._people.find_invitation(contact.id)
        row = self._rows.find_first_contact(contact.id)
        if invitation is None or (row is not None and row.sent_count >= INVITE_TAGS):
            return None
        if row is None:
            row = self._begin_first_contact(contact, bundle, mesh_now)
        index = (row.tags_start + row.sent_count) % INVITE_TAGS
        key = invite_tag_key(invitation.secret)
        self._rows.set_sent_count(contact.id, row.sent_count + 1)
        return self._seal_letter(
            _opening_of(row),
            row.sent_count,
            tag_of(key, index),
            box_key_of(key, index),
            payload,
            signer,
            mesh_now,
        )

    def _begin_first_contact(
        self, contact: ContactRow, bundle: Bundle, mesh_now: UnixSeconds
    ) -> FirstContactRow:
        opening = self._begin(contact, bundle, mesh_now)
        self._sessions.found(opening.session_id, contact.id, opening.tag_root, is_begun_here=True)
        row = FirstContactRow(
            contact=contact.id,
            session=opening.session_id,
            opening=opening.ephemeral + opening.ciphertext + opening.box,
            root=opening.root,
            tags_start=uniform_below(self._entropy, INVITE_TAGS),
            sent_count=0,
        )
        self._rows.put_first_contact(row)
        return row

    def _seal_letter(
        self,
        opening: Opening,
        n: int,
        tag: Tag,
        box_key: bytes,
        payload: bytes,
        signer: Signer,
        mesh_now: UnixSeconds,
    ) -> Sealed:
        size_class = letter_size_class(len(payload))
        assert size_class is not None, "a text within its bound fits the largest size"
        withdraw_token = self._entropy.draw(TOKEN_BYTES)
        header = Header(
            size_class=size_class,
            lifetime_class=LIFETIME_WEEK,
            created=_created(mesh_now),
            tag=tag,
            read_hash=read_hash_of(opening.root, n),
            withdraw_hash=blake2b_128(withdraw_token),
            posting_key=signer.public,
            stamp=_stamp(signer),
        )
        body = seal_letter(
            opening,
            n,
            payload,
            box_key=box_key,
            header=header.encode(),
            size_class=size_class,
            entropy=self._entropy,
        )
        return Sealed(self._sign(header, body, signer), withdraw_token)

    def _sign(self, header: Header, body: bytes, signer: Signer) -> Envelope:
        self._posting_keys.count_use(signer)
        return sign_envelope(header, body, signer.seed)


def _created(mesh_now: UnixSeconds) -> UnixSeconds:
    return UnixSeconds(mesh_now - mesh_now % CREATED_ROUNDING_S)


def _stamp(signer: Signer) -> bytes:
    assert signer.stamp is not None
    return signer.stamp


def _opening_of(row: FirstContactRow) -> Opening:
    ciphertext_end = KEY_BYTES + KEM_CIPHERTEXT_BYTES
    return Opening(
        ephemeral=row.opening[:KEY_BYTES],
        ciphertext=row.opening[KEY_BYTES:ciphertext_end],
        box=row.opening[ciphertext_end:],
        root=row.root,
        # The session has its tags; its root is not kept.
        tag_root=b"",
        session_id=row.session,
    )
