"""A reader of envelopes, written from the pages alone: what it opens, the pages describe.

It implements `docs/protocol/{envelope,first-contact,session}.md` from the side of who receives,
and shares no code with `mesh/`. It is the plainest reader there can be: no bounds, no clock, no
disk, and what does not open may have changed it. What is wrong in bytes is a `Malformed`.
"""

import base64
import hashlib
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from kyber_py.ml_kem import ML_KEM_768

SIZES = (1_024, 4_096, 16_384, 65_536)
INVITE_INDICES = 4_096
WINDOW = 256
STEP = 64


class Malformed(Exception):
    """Bytes that no page allows."""


@dataclass(frozen=True)
class Envelope:
    """Page "The envelope", section "Layout"."""

    header: bytes
    body: bytes
    signature: bytes

    @property
    def tag(self) -> bytes:
        """By which its reader knows it."""
        return self.header[7:23]

    @property
    def read_hash(self) -> bytes:
        """Of the read token."""
        return self.header[23:39]

    @property
    def stub(self) -> bytes:
        """Return what proves it without its body."""
        return self.header + plain(self.body) + self.signature

    @property
    def id(self) -> bytes:
        """Its name."""
        return plain(self.stub)


@dataclass(frozen=True)
class Opened:
    """A message: its payload, and the token that says so."""

    payload: bytes
    read_token: bytes


def decode_envelope(data: bytes) -> Envelope:
    """Section "Decoding", and the signature."""
    if data[0] != 1 or data[1] > 3 or data[2] > 2 or len(data) != SIZES[data[1]]:
        raise Malformed("form")
    envelope = Envelope(data[:99], data[99:-64], data[-64:])
    if int.from_bytes(data[3:7], "big") % 10:
        raise Malformed("created")
    signed = b"mesh/env/1" + envelope.header + plain(envelope.body)
    verify(envelope.header[55:87], envelope.signature, signed)
    return envelope


@dataclass
class Tags:
    """Page "Sessions", section "Tags": one generation of one direction, from who reads."""

    key: bytes
    opened: set[int] = field(default_factory=set)

    def find(self, tag: bytes) -> tuple[int, bytes] | None:
        """The index and the box key of a tag, if it is expected."""
        key = self.key
        for index in range(max(self.opened, default=-1) + 1 + WINDOW):
            if index and index % STEP == 0:
                key = B(key, b"", "mesh/tag/step", 32)
            if index not in self.opened and tag_of(key, index) == tag:
                return index, box_key_of(key, index)
        return None


@dataclass
class Session:
    """Page "Sessions", section "Ratchet": one side of it, as far as reading needs it."""

    root: bytes
    private: bytes
    their_public: bytes
    kem_seed: bytes
    direction_in: int
    header_key: bytes = b""
    receiving: bytes = b""
    number: int = 0
    kept: dict[tuple[bytes, int], bytes] = field(default_factory=dict)
    generations: list[Tags] = field(default_factory=list)

    def write(self, private: bytes, coin: bytes, kem_seed: bytes, their_kem_key: bytes) -> None:
        """We began a sending chain; with a coin by a post-quantum step."""
        self.private = private
        secret = dh(private, self.their_public)
        if coin:
            shared, _ = ML_KEM_768._encaps_internal(their_kem_key, coin)
            secret += shared
            self.kem_seed = kem_seed
        self.root = B(self.root, secret, "mesh/dr/root", 64)[:32]
        if coin:
            self.expect()

    def expect(self) -> None:
        """The root is one of tags too."""
        self.expect_from(B(self.root, b"", "mesh/dr/tags", 32))

    def expect_from(self, tag_root: bytes) -> None:
        """Expect the other side's tags of one more generation."""
        self.generations.append(Tags(B(tag_root, bytes([self.direction_in]), "mesh/tag/chain", 32)))

    def open(self, envelope: Envelope) -> Opened | None:
        """A message under a tag of the session, or None if it bears none."""
        for tags in self.generations:
            found = tags.find(envelope.tag)
            if found is not None:
                index, box_key = found
                nonce, boxes = envelope.body[:12], envelope.body[12:]
                opened = self.open_boxes(envelope, nonce, boxes, box_key)
                tags.opened.add(index)
                return opened
        return None

    def open_boxes(
        self, envelope: Envelope, nonce: bytes, boxes: bytes, header_key: bytes
    ) -> Opened:
        """Section "Body"."""
        for length in (61, 2_333):
            try:
                header = unseal(header_key, nonce, envelope.header, boxes[:length])
            except Malformed:
                continue
            key = self.message_key(header)
            associated = envelope.header + boxes[:length]
            payload = unpadded(unseal(key, nonce, associated, boxes[length:]))
            read_token = B(key, b"", "mesh/ret/read", 16)
            if plain(read_token, 16) != envelope.read_hash:
                raise Malformed("read hash")
            return Opened(payload, read_token)
        raise Malformed("no header box opens")

    def message_key(self, header: bytes) -> bytes:
        """Sections "Header" and "Ratchet": the key of a message."""
        flags, public, part = header[0], header[1:33], header[45:]
        previous, number = (int.from_bytes(header[at : at + 4], "big") for at in (33, 37))
        if flags > 1 or (part and not flags):
            raise Malformed("flags")
        if (public, number) in self.kept:
            return self.kept.pop((public, number))
        if public != self.their_public or not self.receiving:
            if flags and not part:
                raise Malformed("it has to wait for a long header")
            if self.receiving:
                self.keep_until(previous)
            secret = dh(self.private, public)
            if part:
                _, decapsulation_key = ML_KEM_768.key_derive(self.kem_seed)
                secret += ML_KEM_768.decaps(decapsulation_key, part[:1_088])
                self.kem_seed = b""
            keys = B(self.root, secret, "mesh/dr/root", 64)
            self.root, self.receiving, self.number = keys[:32], keys[32:], 0
            self.their_public = public
            if part:
                self.expect()
        if number < self.number:
            raise Malformed("it was opened before")
        self.keep_until(number)
        keys = B(self.receiving, b"", "mesh/dr/chain", 64)
        self.receiving, self.number = keys[:32], number + 1
        return keys[32:]

    def keep_until(self, number: int) -> None:
        """Keep the keys of what has not come."""
        while self.number < number:
            keys = B(self.receiving, b"", "mesh/dr/chain", 64)
            self.kept[self.their_public, self.number] = keys[32:]
            self.receiving = keys[:32]
            self.number += 1


@dataclass(frozen=True)
class Invite:
    """Page "First contacts": what the inviter keeps of one."""

    secret: bytes
    identity_private: bytes
    bundle: bytes
    prekey_private: bytes
    kem_seed: bytes

    def open(self, envelope: Envelope, known: dict[bytes, Session]) -> tuple[bytes, Opened] | None:
        """(vk of the author, the message), if it bears a tag of the invite; founds a session."""
        key = B(self.secret, b"", "mesh/inv/tag", 32)
        for index in range(INVITE_INDICES):
            if tag_of(key, index) == envelope.tag:
                return self.open_first(envelope, box_key_of(key, index), known)
        return None

    def open_first(
        self, envelope: Envelope, box_key: bytes, known: dict[bytes, Session]
    ) -> tuple[bytes, Opened]:
        """Sections "Body", "First contact" and "Opening"."""
        nonce = envelope.body[:12]
        inside = unseal(box_key, nonce, envelope.header, envelope.body[12:])
        kind, opening, boxes = inside[0], inside[1 : 1 + 2_552], inside[1 + 2_552 :]
        if kind != 1:
            raise Malformed("kind")
        ephemeral, ciphertext, box = opening[:32], opening[32:1_120], opening[1_120:]
        t0 = b"mesh.fc.1" + self.bundle[:96] + plain(self.bundle[96:1_280])
        t0 += ephemeral + ciphertext
        _, decapsulation_key = ML_KEM_768.key_derive(self.kem_seed)
        secret = dh(self.identity_private, ephemeral) + dh(self.prekey_private, ephemeral)
        secret += ML_KEM_768.decaps(decapsulation_key, ciphertext)
        keys = B(b"\xff" * 32, secret + t0, "mesh/fc/k0", 64)
        author = unseal(keys[:32], bytes(12), t0, box)
        vk, identity_key, tie, prekeys = author[:32], author[32:64], author[64:128], author[128:]
        verify(vk, tie, b"mesh.id.1" + identity_key)
        verify(vk, prekeys[-64:], b"mesh.bundle.1" + vk + identity_key + prekeys[:-64])
        session = known.get(ephemeral)
        if session is None:
            shared = dh(self.prekey_private, identity_key)
            roots = B(keys[32:], shared + t0 + box, "mesh/fc/sk", 64)
            session = Session(roots[:32], self.prekey_private, b"", b"", direction_in=0)
            session.header_key = B(roots[:32], b"", "mesh/fc/hb", 32)
            session.expect_from(roots[32:])
        opened = session.open_boxes(envelope, nonce, boxes, session.header_key)
        known[ephemeral] = session
        return vk, opened


def open_bundle(secret: bytes, posts: int, header: bytes, body: bytes) -> tuple[bytes, bytes]:
    """Page "First contacts", section "Using an invite": the bundle, and the signature behind it."""
    box_key = box_key_of(B(secret, b"", "mesh/inv/bundle", 32), posts)
    data = unpadded(unseal(box_key, body[:12], header, body[12:]))
    return data[:1352], data[1352:]


def invite_bytes_of(text: str) -> bytes:
    """Page "First contacts", section "Invite": the bytes in a text, without the checksum."""
    prefix, _, encoded = text.partition("/")
    if prefix == "mesh:invite":
        data = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    else:
        data = base64.b32decode(encoded + "=" * (-len(encoded) % 8))
    if data[-4:] != B(b"", data[:-4], "mesh/inv/check", 4):
        raise Malformed("a checksum")
    return data[:-4]


def is_invite_signed(data: bytes) -> bool:
    """The same section: the third flag."""
    return bool(data[1] & 4)


def check_invite(data: bytes, signature: bytes) -> None:
    """The same section: a text with the bundle ends with the signature, which signs all before."""
    signed = data[:-64] if data[1] & 1 else data
    verify(data[2:34], signature, b"mesh.invite.1" + plain(signed))


def is_closed(tag_root: bytes, header: bytes, body: bytes) -> bool:
    """Page "First contacts", section "A closed invite"."""
    key = B(tag_root, b"", "mesh/inv/closed", 32)
    if tag_of(key, 0) != header[7:23]:
        return False
    return unpadded(unseal(box_key_of(key, 0), body[:12], header, body[12:]))[:1] == b"\x01"


def B(key: bytes, message: bytes, person: str, length: int) -> bytes:
    """As the pages write it."""
    return hashlib.blake2b(message, key=key, person=person.encode(), digest_size=length).digest()


def plain(message: bytes, length: int = 32) -> bytes:
    """BLAKE2b-256 or -128."""
    return hashlib.blake2b(message, digest_size=length).digest()


def tag_of(key: bytes, index: int) -> bytes:
    """The tag of an index."""
    return hashlib.blake2s(index.to_bytes(4, "big"), key=key, digest_size=16).digest()


def box_key_of(key: bytes, index: int) -> bytes:
    """K_box of an index."""
    return B(key, index.to_bytes(4, "big"), "mesh/tag/box", 32)


def dh(private: bytes, public: bytes) -> bytes:
    """X25519."""
    try:
        return X25519PrivateKey.from_private_bytes(private).exchange(
            X25519PublicKey.from_public_bytes(public)
        )
    except ValueError:
        raise Malformed("a point of low order") from None


def unseal(key: bytes, nonce: bytes, associated: bytes, sealed: bytes) -> bytes:
    """Open an AEAD."""
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, sealed, associated)
    except (InvalidTag, ValueError):
        raise Malformed("a box does not open") from None


def verify(key: bytes, signature: bytes, message: bytes) -> None:
    """Ed25519; the vectors hold none of the keys about which libraries differ."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        raise Malformed("a signature") from None


def unpadded(padded: bytes) -> bytes:
    """u16 length ‖ content ‖ zeros."""
    length = int.from_bytes(padded[:2], "big")
    if any(padded[2 + length :]) or 2 + length > len(padded):
        raise Malformed("padding")
    return padded[2 : 2 + length]
