"""Somebody who once copied an open vault, and writes as a contact of its owner by what is in it."""

from dataclasses import dataclass, field

from mesh.crypto import aead
from mesh.crypto.agreement import x25519, x25519_public
from mesh.crypto.hashing import blake2b
from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import verify_key_of
from mesh.database import Connection
from mesh.ids import PostingKey, Tag, UnixSeconds
from mesh.messenger.sessions.tag_generations import generation_of
from mesh.ratchet import first_contact
from mesh.ratchet.double_ratchet import Ratchet
from mesh.ratchet.first_contact import Opening, seal_first_contact
from mesh.ratchet.identity import PrekeySecrets
from mesh.ratchet.sealed_message import nonce_of, read_hash_of, seal_boxes
from mesh.ratchet.tags import box_key_of, tag_of
from mesh.storage.vault.prekeys import PrekeyRows
from mesh.storage.vault.sessions import SessionRows
from mesh.wire.bundle import Bundle, decode_bundle
from mesh.wire.envelope import Envelope, Header, body_bytes, sign_envelope
from mesh.wire.ratchet_header import RatchetHeader
from tests.entropy import SeededEntropy

SEED = bytes((0x5E,)) * 32


@dataclass(slots=True)
class Thief:
    """Has a copy of a vault, and the tie of its owner's contact, which everybody has to whom they
    ever made a first contact.
    """

    vault: Connection
    contact_tie: bytes
    entropy: SeededEntropy = field(default_factory=lambda: SeededEntropy(666))

    def rendezvous_keys(self) -> list[bytes]:
        """The keys by whose tags the contact renews a session with the owner."""
        rows = self.vault.execute("SELECT key_in FROM rendezvous").fetchall()
        return [key for (key,) in rows if isinstance(key, bytes)]

    def link_keys(self) -> list[bytes]:
        """The keys by which the owner and the contact recognise each other inside a link."""
        rows = self.vault.execute("SELECT link_key FROM rendezvous").fetchall()
        return [key for (key,) in rows if isinstance(key, bytes)]

    def renewals(self, payload: bytes, mesh_now: UnixSeconds) -> list[Envelope]:
        """First contacts in the contact's name: to each bundle of the owner, under each key."""
        ((identity, bundle),) = self.vault.execute(
            "SELECT agreement_key, bundle FROM contacts"
        ).fetchall()
        assert isinstance(identity, bytes)
        assert isinstance(bundle, bytes)
        theirs = decode_bundle(bundle, lambda *_: True)
        ids = self.vault.execute("SELECT id FROM prekeys ORDER BY id").fetchall()
        made = []
        for (id_,) in ids:
            assert isinstance(id_, int)
            row = PrekeyRows(self.vault).prekey(id_)
            if not row.private:
                continue
            ours = decode_bundle(row.bundle, lambda *_: True)
            secrets = PrekeySecrets(row.private[:32], row.private[32:])
            for key in self.rendezvous_keys():
                for index in (3, 9):
                    made.append(self._renewal(ours, secrets, theirs, payload, key, index, mesh_now))
        return made

    def messages(self, payload: bytes, mesh_now: UnixSeconds) -> list[Envelope]:
        """Messages in the contact's name on the sessions as they were, under tags and keys that
        the owner still expected.
        """
        rows = SessionRows(self.vault)
        generations = [generation_of(row) for row in rows.generations()]
        owners = [row.session for row in rows.generations()]
        made = []
        for session in rows.sessions():
            ratchet = Ratchet.from_bytes(session.ratchet, session.post_quantum)
            if ratchet.receiving is None or ratchet.their_public is None:
                continue
            key, number = ratchet.receiving.key, ratchet.receiving.number
            both = blake2b(key, b"", b"mesh/dr/chain", 64)
            header = RatchetHeader(ratchet.their_public, 0, number, False, b"", 0)
            for owner, generation in zip(owners, generations, strict=True):
                if owner == session.id and not generation.receiver.is_done:
                    index, tag = generation.receiver.expected()[-1]
                    box_key = generation.receiver.box_key(index)
                    made.append(self._message(header, both[32:], payload, tag, box_key, mesh_now))
        return made

    def _message(
        self,
        header: RatchetHeader,
        message_key: bytes,
        payload: bytes,
        tag: Tag,
        box_key: bytes,
        mesh_now: UnixSeconds,
    ) -> Envelope:
        outside = self._outside(tag, message_key, mesh_now)
        nonce = nonce_of(message_key, payload, self.entropy)
        boxes = seal_boxes(
            header,
            message_key,
            payload,
            header_key=box_key,
            associated=outside.encode(),
            nonce=nonce,
            room=body_bytes(outside.size_class),
        )
        return sign_envelope(outside, nonce + boxes, SEED)

    def _outside(self, tag: Tag, message_key: bytes, mesh_now: UnixSeconds) -> Header:
        return Header(
            size_class=1,
            lifetime_class=1,
            created=mesh_now,
            tag=tag,
            read_hash=read_hash_of(message_key),
            withdraw_hash=bytes(16),
            posting_key=PostingKey(verify_key_of(SEED)),
            stamp=bytes(12),
        )

    def _renewal(
        self,
        ours: Bundle,
        secrets: PrekeySecrets,
        theirs: Bundle,
        payload: bytes,
        key: bytes,
        index: int,
        mesh_now: UnixSeconds,
    ) -> Envelope:
        opening = self._opening(ours, secrets, theirs)
        ratchet = Ratchet.initiator(
            opening.roots.ratchet, ours.prekey, kem_seed=None, mesh_now=mesh_now
        )
        sending = ratchet.next_sending(entropy=self.entropy, kem=PycaKem(), mesh_now=mesh_now)
        header = self._outside(tag_of(key, index), sending.message_key, mesh_now)
        body = seal_first_contact(
            opening.data,
            sending.header,
            sending.message_key,
            payload,
            first_header_key=opening.roots.header_key,
            box_key=box_key_of(key, index),
            associated=header.encode(),
            size_class=1,
            entropy=self.entropy,
        )
        return sign_envelope(header, body, SEED)

    def _opening(self, ours: Bundle, secrets: PrekeySecrets, theirs: Bundle) -> Opening:
        """`begin_first_contact` as the contact, of whom the thief has no private key: the owner's
        prekey makes the same secret with the contact's public one.
        """
        private = self.entropy.draw(32)
        ephemeral = x25519_public(private)
        ciphertext, shared = PycaKem().encapsulate(ours.kem_key, self.entropy)
        transcript = first_contact._transcript(ours, ephemeral, ciphertext)
        box_key, chain = first_contact._first_keys(
            x25519(private, ours.identity_key), x25519(private, ours.prekey), shared, transcript
        )
        inside = theirs.verify_key + theirs.identity_key + self.contact_tie + theirs.prekeys
        box = aead.seal(box_key, bytes(aead.NONCE_BYTES), transcript, inside)
        of_identity = x25519(secrets.prekey_private, theirs.identity_key)
        roots = first_contact._roots(chain, of_identity, transcript, box)
        return Opening(ephemeral + ciphertext + box, roots)
