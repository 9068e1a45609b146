"""Somebody who makes first contacts by hand, with whatever keys and payload."""

from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import is_signature_valid, verify_key_of
from mesh.ids import PostingKey, UnixSeconds
from mesh.ratchet.double_ratchet import Ratchet
from mesh.ratchet.first_contact import begin_first_contact, seal_first_contact
from mesh.ratchet.identity import IdentityKeys, make_bundle
from mesh.ratchet.sealed_message import read_hash_of
from mesh.ratchet.tags import box_key_of, invite_tag_key, tag_of
from mesh.wire.bundle import Bundle
from mesh.wire.envelope import Envelope, Header, sign_envelope
from mesh.wire.invite import parse_invite
from mesh.wire.payload import PAYLOAD_VERSION, Payload
from tests.entropy import SeededEntropy
from tests.messenger.people import START_S, Person

MALLORY_SEED = bytes(range(32))


class Mallory:
    """Holds an invite of somebody, and an identity of their own."""

    def __init__(self, link: str, seed: bytes = MALLORY_SEED) -> None:
        self.entropy = SeededEntropy(99)
        self.invite = parse_invite(link, is_signature_valid)
        self.keys = IdentityKeys.from_seed(seed)
        self.bundle, _ = make_bundle(
            self.keys,
            valid_from=UnixSeconds(START_S),
            valid_to=UnixSeconds(START_S + 86_400),
            entropy=self.entropy,
            kem=PycaKem(),
        )

    def first_contact(
        self,
        payload_bytes: bytes,
        *,
        index: int = 5,
        bundle: Bundle | None = None,
        to: Bundle | None = None,
    ) -> Envelope:
        """A first contact under a tag of the invite, to its bundle or to another."""
        theirs = to or self.invite.bundle
        assert theirs is not None
        opening = begin_first_contact(
            self.keys, bundle or self.bundle, theirs, entropy=self.entropy, kem=PycaKem()
        )
        ratchet = Ratchet.initiator(
            opening.roots.ratchet, theirs.prekey, kem_seed=None, mesh_now=UnixSeconds(START_S)
        )
        sending = ratchet.next_sending(
            entropy=self.entropy, kem=PycaKem(), mesh_now=UnixSeconds(START_S)
        )
        seed, key = bytes(32), invite_tag_key(self.invite.secret)
        header = Header(
            size_class=1,
            lifetime_class=1,
            created=UnixSeconds(START_S),
            tag=tag_of(key, index),
            read_hash=read_hash_of(sending.message_key),
            withdraw_hash=bytes(16),
            posting_key=PostingKey(verify_key_of(seed)),
            stamp=bytes(12),
        )
        body = seal_first_contact(
            opening.data,
            sending.header,
            sending.message_key,
            payload_bytes,
            first_header_key=opening.roots.header_key,
            box_key=box_key_of(key, index),
            associated=header.encode(),
            size_class=1,
            entropy=self.entropy,
        )
        return sign_envelope(header, body, seed)


def payload(text: str = "hi", *, name: str = "Mallory", clock: int = 1) -> bytes:
    """A payload by whoever."""
    return Payload(PAYLOAD_VERSION, clock, 0, [], name, text).encode()


def untouched(person: Person) -> list[tuple[object, ...]]:
    """All rows of a vault, to see that nothing changed."""
    tables = person.connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
    ).fetchall()
    return [
        row
        for (table,) in tables
        for row in person.connection.execute(f"SELECT * FROM {table}").fetchall()
    ]
