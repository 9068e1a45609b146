"""The pages from the envelope to the first contact a second time, in straight lines.

It shares no code with `mesh/`: the primitives are hashlib's, pyca's and kyber-py's, the layouts are
spelled out. What it computes is frozen in the vectors, and `mesh/` has to compute the same.
"""

import base64
import hashlib
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from kyber_py.ml_kem import ML_KEM_768

from tests.vectors.shapes import (
    BundleVector,
    ClosedVector,
    EnvelopeVector,
    IdentityVector,
    InviteVector,
    PayloadVector,
    SealedBundleVector,
    StampVector,
    TagVector,
)

SIZES: Final = (1 << 10, 1 << 12, 1 << 14, 1 << 16)


class KyberPy(Protocol):
    """The functions of kyber-py used here."""

    def key_derive(self, seed: bytes) -> tuple[bytes, bytes]: ...
    def _encaps_internal(self, ek: bytes, m: bytes) -> tuple[bytes, bytes]: ...


KYBER: KyberPy = ML_KEM_768


def chance(label: str, length: int) -> bytes:
    """Bytes that stand for random ones: the same for the same label."""
    return hashlib.shake_128(b"mesh vectors: " + label.encode()).digest(length)


def b(key: bytes, message: bytes, person: str, length: int) -> bytes:
    """B of the pages."""
    hasher = hashlib.blake2b(key=key, person=person.encode(), digest_size=length)
    hasher.update(message)
    return hasher.digest()


def plain(message: bytes, length: int = 32) -> bytes:
    """BLAKE2b without key and personalisation."""
    return hashlib.blake2b(message, digest_size=length).digest()


def u32(number: int) -> bytes:
    """Four bytes, the greatest first."""
    return number.to_bytes(4, "big")


def ed25519_public(seed: bytes) -> bytes:
    """The key that verifies."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def ed25519_sign(seed: bytes, message: bytes) -> bytes:
    """A signature."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def x25519_public(private: bytes) -> bytes:
    """The public half."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def dh(private: bytes, public: bytes) -> bytes:
    """X25519."""
    ours = X25519PrivateKey.from_private_bytes(private)
    return ours.exchange(X25519PublicKey.from_public_bytes(public))


def seal(key: bytes, nonce: bytes, associated: bytes, plaintext: bytes) -> bytes:
    """ChaCha20-Poly1305."""
    return ChaCha20Poly1305(key).encrypt(nonce, plaintext, associated)


def padded(content: bytes, length: int) -> bytes:
    """A u16 length, the content, and zeros, `length` bytes in all."""
    return (len(content).to_bytes(2, "big") + content).ljust(length, b"\0")


def header(
    label: str,
    posting_key: bytes,
    size_class: int,
    *,
    tag: bytes,
    read_hash: bytes,
    withdraw_hash: bytes | None = None,
) -> bytes:
    """A header of a mesh without stamps."""
    kinds = bytes((1, size_class, 1))
    return b"".join(
        (
            kinds,
            u32(1_800_000_000),
            tag,
            read_hash,
            withdraw_hash or chance(label + " withdraw hash", 16),
            posting_key,
            bytes(12),
        )
    )


def envelope(
    label: str, *, size_class: int, lifetime_class: int, created: int, stamp: bytes
) -> EnvelopeVector:
    """An envelope with a body of chance."""
    seed = chance(label + " posting seed", 32)
    tag, read, withdraw = (chance(f"{label} {word}", 16) for word in ("tag", "read", "withdraw"))
    body_seed = chance(label + " body", 16)
    body = hashlib.shake_128(body_seed).digest(SIZES[size_class] - 99 - 64)
    head = bytes((1, size_class, lifetime_class)) + u32(created) + tag + read + withdraw
    head += ed25519_public(seed) + stamp
    signature = ed25519_sign(seed, b"mesh/env/1" + head + plain(body))
    return EnvelopeVector(
        posting_seed=seed.hex(),
        posting_key=ed25519_public(seed).hex(),
        size_class=size_class,
        lifetime_class=lifetime_class,
        created=created,
        tag=tag.hex(),
        read_hash=read.hex(),
        withdraw_hash=withdraw.hex(),
        stamp=stamp.hex(),
        body_seed=body_seed.hex(),
        header=head.hex(),
        body_hash=plain(body).hex(),
        signature=signature.hex(),
        id=plain(head + plain(body) + signature).hex(),
        envelope_hash=plain(head + body + signature).hex(),
    )


def stamp(posting_key: bytes, day: int, bits: int, start: int) -> StampVector:
    """The first stamp from `start` on."""
    nonce = start
    while True:
        subject = posting_key + u32(day) + nonce.to_bytes(8, "big")
        proof = Argon2id(
            salt=b"mesh/post/stamp1", length=32, iterations=1, lanes=1, memory_cost=16 * 1024
        ).derive(subject)
        if f"{int.from_bytes(proof, 'big'):0256b}".startswith("0" * bits):
            break
        nonce += 1
    c = 0
    while b(b"", subject + u32(c), "mesh/post/pre", 32)[:2] != b"\0\0":
        c += 1
    return StampVector(
        posting_key=posting_key.hex(),
        day=day,
        bits=bits,
        worth=min(f"{int.from_bytes(proof, 'big'):0256b}".index("1"), 12),
        start=start.to_bytes(8, "big").hex(),
        stamp=(nonce.to_bytes(8, "big") + u32(c)).hex(),
        proof=proof.hex(),
        precheck=b(b"", subject + u32(c), "mesh/post/pre", 32).hex(),
    )


def tag(key: bytes, index: int) -> TagVector:
    """The tag and the box key of one index."""
    return TagVector(
        key=key.hex(),
        index=index,
        tag=hashlib.blake2s(u32(index), key=key, digest_size=16).hexdigest(),
        box_key=b(key, u32(index), "mesh/tag/box", 32).hex(),
    )


def chain_key(tag_root: bytes, direction: int, step: int) -> bytes:
    """K of a step of a direction."""
    key = b(tag_root, bytes((direction,)), "mesh/tag/chain", 32)
    for _ in range(step):
        key = b(key, b"", "mesh/tag/step", 32)
    return key


def identity(label: str) -> IdentityVector:
    """Both keys of a person."""
    seed = chance(label + " identity", 32)
    signing, agreeing = b(seed, b"", "mesh/id/sign", 32), b(seed, b"", "mesh/id/dh", 32)
    return IdentityVector(
        seed=seed.hex(),
        signing_seed=signing.hex(),
        verify_key=ed25519_public(signing).hex(),
        identity_private=agreeing.hex(),
        identity_key=x25519_public(agreeing).hex(),
        tie=ed25519_sign(signing, b"mesh.id.1" + x25519_public(agreeing)).hex(),
    )


def bundle(label: str, person: IdentityVector, valid_from: int, valid_to: int) -> BundleVector:
    """A bundle of fresh prekeys."""
    private, kem_seed = chance(label + " prekey", 32), chance(label + " kem", 64)
    unsigned = bytes.fromhex(person.verify_key + person.identity_key)
    unsigned += x25519_public(private) + KYBER.key_derive(kem_seed)[0]
    unsigned += u32(valid_from) + u32(valid_to)
    signature = ed25519_sign(bytes.fromhex(person.signing_seed), b"mesh.bundle.1" + unsigned)
    return BundleVector(
        prekey_private=private.hex(),
        kem_seed=kem_seed.hex(),
        valid_from=valid_from,
        valid_to=valid_to,
        bundle=(unsigned + signature).hex(),
    )


def payload(
    *,
    hlc: int,
    seq: int,
    parents: list[bytes],
    name: str,
    text: str,
    seen: int,
    controls: list[tuple[int, bytes]],
) -> PayloadVector:
    """MessagePack by hand; the numbers here need their longest forms, the texts their shortest."""
    encoded = b"\x98\x01\xcf" + hlc.to_bytes(8, "big") + b"\xce" + u32(seq)
    encoded += bytes((0x90 + len(parents),)) + b"".join(b"\xc4\x20" + one for one in parents)
    for words in (name.encode(), text.encode()):
        encoded += bytes((0xA0 + len(words),)) + words
    encoded += b"\xce" + u32(seen) + bytes((0x90 + len(controls),))
    for kind, content in controls:
        encoded += bytes((0x92, kind, 0xC4, len(content))) + content
    return PayloadVector(
        hlc=hlc,
        seq=seq,
        parents=[one.hex() for one in parents],
        name=name,
        text=text,
        seen=seen,
        controls=[(kind, content.hex()) for kind, content in controls],
        encoded=encoded.hex(),
        message_id=plain(encoded).hex(),
    )


class Opening:
    """The author's half of a first contact, step by step as the page has it."""

    def __init__(
        self, label: str, author: IdentityVector, prekeys: bytes, reader_bundle: bytes
    ) -> None:
        verify_key, identity_key, prekey = (
            reader_bundle[start : start + 32] for start in (0, 32, 64)
        )
        kem_key = reader_bundle[96 : 96 + 1184]
        self.ephemeral_private = chance(label + " ephemeral", 32)
        self.coin = chance(label + " coin", 32)
        self.ephemeral = x25519_public(self.ephemeral_private)
        shared, self.ciphertext = KYBER._encaps_internal(kem_key, self.coin)
        self.transcript = b"mesh.fc.1" + verify_key + identity_key + prekey + plain(kem_key)
        self.transcript += self.ephemeral + self.ciphertext
        keys = b(
            b"\xff" * 32,
            dh(self.ephemeral_private, identity_key)
            + dh(self.ephemeral_private, prekey)
            + shared
            + self.transcript,
            "mesh/fc/k0",
            64,
        )
        self.author_key, self.chain_key = keys[:32], keys[32:]
        inside = bytes.fromhex(author.verify_key + author.identity_key + author.tie) + prekeys
        self.box = seal(self.author_key, bytes(12), self.transcript, inside)
        roots = b(
            self.chain_key,
            dh(bytes.fromhex(author.identity_private), prekey) + self.transcript + self.box,
            "mesh/fc/sk",
            64,
        )
        self.root, self.tag_root = roots[:32], roots[32:]
        self.header_key = b(self.root, b"", "mesh/fc/hb", 32)
        self.whole = self.ephemeral + self.ciphertext + self.box
        self.session_id = b(self.chain_key, b"", "mesh/fc/sid", 16)


def sealed_bundle(label: str, encoded: bytes, place: TagVector) -> SealedBundleVector:
    """A bundle in an envelope of 4 KiB, with the signature of the short texts of its invite."""
    short = invite("invite", encoded, psk=b"", address_hint="", name="").short_signature
    head = header(
        label,
        ed25519_public(chance(label + " posting seed", 32)),
        1,
        tag=bytes.fromhex(place.tag),
        read_hash=chance(label + " read hash", 16),
    )
    nonce = chance(label + " nonce", 12)
    room = SIZES[1] - 99 - 64 - 12 - 16
    body = nonce + seal(
        bytes.fromhex(place.box_key), nonce, head, padded(encoded + bytes.fromhex(short), room)
    )
    return SealedBundleVector(
        header=head.hex(),
        box_key=place.box_key,
        nonce=nonce.hex(),
        body=body.hex(),
        signature=short,
    )


def closed(label: str, tag_root: bytes) -> ClosedVector:
    """The answer that an invite is closed, in an envelope of 4 KiB."""
    key, hedge = b(tag_root, b"", "mesh/inv/closed", 32), chance(label + " hedge", 16)
    place, read_token = tag(key, 0), b(key, b"", "mesh/ret/read", 16)
    head = header(
        label,
        ed25519_public(chance(label + " posting seed", 32)),
        1,
        tag=bytes.fromhex(place.tag),
        read_hash=plain(read_token, 16),
    )
    nonce = b(key, hedge + b"\x01", "mesh/msg/nonce", 12)
    room = SIZES[1] - 99 - 64 - 12 - 16
    body = nonce + seal(bytes.fromhex(place.box_key), nonce, head, padded(b"\x01", room))
    return ClosedVector(
        place=place,
        read_token=read_token.hex(),
        hedge=hedge.hex(),
        header=head.hex(),
        body=body.hex(),
    )


def checked(encoded: bytes) -> bytes:
    """An invite with its checksum."""
    return encoded + b(b"", encoded, "mesh/inv/check", 4)


def link_text(encoded: bytes) -> str:
    """The text of a link."""
    return "mesh:invite/" + base64.urlsafe_b64encode(encoded).decode().rstrip("=")


def qr_text(encoded: bytes) -> str:
    """The text of a QR code."""
    return "MESH:I/" + base64.b32encode(encoded).decode().rstrip("=")


def invite_bytes(
    encoded_bundle: bytes,
    vector: InviteVector,
    *,
    has_bundle: bool,
    version: int = 1,
    is_signed: bool = True,
) -> bytes:
    """An invite without its checksum."""
    psk = bytes.fromhex(vector.psk)
    flags = (1 if has_bundle else 0) + (2 if psk else 0) + (4 if is_signed else 0)
    encoded = bytes((version, flags)) + bytes.fromhex(vector.verify_key + vector.secret)
    encoded += u32(vector.expires) + (encoded_bundle if has_bundle else plain(encoded_bundle))
    encoded += psk
    for kind, words in ((1, vector.address_hint), (2, vector.name if has_bundle else "")):
        if words:
            encoded += bytes((kind, len(words.encode()))) + words.encode()
    if is_signed and has_bundle:
        encoded += invite_signature(encoded)
    return encoded


def invite_signature(encoded: bytes) -> bytes:
    """The signature of an invite of the reader, without its checksum."""
    seed = bytes.fromhex(identity("reader").signing_seed)
    return ed25519_sign(seed, b"mesh.invite.1" + plain(encoded))


def invite(
    label: str,
    encoded_bundle: bytes,
    *,
    psk: bytes,
    address_hint: str,
    name: str,
    is_signed: bool = True,
) -> InviteVector:
    """An invite in both texts."""
    vector = InviteVector(
        verify_key=encoded_bundle[:32].hex(),
        secret=chance(label + " secret", 16).hex(),
        expires=1_801_000_000,
        psk=psk.hex(),
        address_hint=address_hint,
        name=name,
        link="",
        qr="",
        short_signature="",
    )
    link, short = (
        invite_bytes(encoded_bundle, vector, has_bundle=has_bundle, is_signed=is_signed)
        for has_bundle in (True, False)
    )
    vector.link, vector.qr = link_text(checked(link)), qr_text(checked(short))
    if is_signed:
        vector.short_signature = invite_signature(short).hex()
    return vector
