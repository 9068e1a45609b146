"""The page of the session a second time, from who writes, in straight lines.

Like `reference.py` it shares no code with `mesh/`. Nothing is looked up here: whoever calls says
when a chain begins, and whether with a post-quantum step.
"""

from dataclasses import dataclass

from tests.vectors.reference import (
    KYBER,
    SIZES,
    b,
    chain_key,
    chance,
    dh,
    ed25519_public,
    ed25519_sign,
    header,
    padded,
    plain,
    seal,
    tag,
    u32,
    x25519_public,
)
from tests.vectors.shapes import MessageVector, TagVector


@dataclass
class Half:
    """One side's knowledge of the ratchet."""

    is_founder: bool
    root: bytes
    private: bytes
    their_public: bytes
    kem_seed: bytes
    their_kem_key: bytes
    kem_coin: bytes = b""
    part: bytes = b""
    key: bytes = b""
    number: int = 0
    previous_count: int = 0
    tags_before: int = 0

    def begin(self, label: str, *, is_post_quantum: bool) -> bytes:
        """Begin a sending chain; the root of the next tags, if there are any."""
        self.private = chance(label + " chain private", 32)
        secret = dh(self.private, self.their_public)
        self.kem_coin = self.part = b""
        if is_post_quantum:
            self.kem_coin, self.kem_seed = chance(label + " coin", 32), chance(label + " kem", 64)
            shared, ciphertext = KYBER._encaps_internal(self.their_kem_key, self.kem_coin)
            secret += shared
            self.part = ciphertext + KYBER.key_derive(self.kem_seed)[0]
            self.their_kem_key = b""
        self.previous_count, self.number = self.number, 0
        grown = b(self.root, secret, "mesh/dr/root", 64)
        self.root, self.key = grown[:32], grown[32:]
        return b(self.root, b"", "mesh/dr/tags", 32)

    def hear(self, other: "Half") -> None:
        """The first message of the other's chain was opened."""
        self.root = other.root
        self.their_public = x25519_public(other.private)
        if other.part:
            self.kem_seed, self.their_kem_key = b"", other.part[1_088:]

    def skip(self, count: int) -> None:
        """Write messages that get lost."""
        for _ in range(count):
            self.key = b(self.key, b"", "mesh/dr/chain", 64)[:32]
        self.number += count

    def message(
        self,
        label: str,
        content: bytes,
        *,
        size_class: int,
        place: TagVector,
        generation: int | None,
        header_key: bytes | None = None,
        opening: bytes = b"",
    ) -> MessageVector:
        """The next message; with an opening it is a repetition of a first contact."""
        keys = b(self.key, b"", "mesh/dr/chain", 64)
        self.key, message_key = keys[:32], keys[32:]
        is_long = self.part and (self.number < 4 or self.number % 16 == 0)
        inner = bytes((1 if self.part else 0,)) + x25519_public(self.private)
        inner += u32(self.previous_count) + u32(self.number) + u32(self.tags_before)
        inner += self.part if is_long else b""
        self.number += 1

        posting_seed, withdraw = chance(label + " posting seed", 32), chance(label + " token", 16)
        read_token = b(message_key, b"", "mesh/ret/read", 16)
        outer = header(
            label,
            ed25519_public(posting_seed),
            size_class,
            tag=bytes.fromhex(place.tag),
            read_hash=plain(read_token, 16),
            withdraw_hash=plain(withdraw, 16),
        )
        hedge = chance(label + " hedge", 16)
        nonce = b(message_key, hedge + content, "mesh/msg/nonce", 12)
        box_key = bytes.fromhex(place.box_key)
        header_key = header_key or box_key
        header_box = seal(header_key, nonce, outer, inner)
        room = SIZES[size_class] - 99 - 64 - 12
        room -= 16 + 1 + len(opening) if opening else 0
        text = padded(content, room - len(header_box) - 16)
        boxes = header_box + seal(message_key, nonce, outer + header_box, text)
        if opening:
            boxes = seal(box_key, nonce, outer, b"\1" + opening + boxes)
        body = nonce + boxes
        assert len(body) == SIZES[size_class] - 99 - 64
        return MessageVector(
            by_founder=self.is_founder,
            chain_private=self.private.hex(),
            kem_coin=self.kem_coin.hex(),
            kem_seed=self.kem_seed.hex() if self.part else "",
            root=self.root.hex(),
            ratchet_header=inner.hex(),
            message_key=message_key.hex(),
            hedge=hedge.hex(),
            nonce=nonce.hex(),
            read_token=read_token.hex(),
            withdraw_token=withdraw.hex(),
            generation=generation,
            place=place,
            header_key=header_key.hex(),
            size_class=size_class,
            payload=content.hex(),
            header=outer.hex(),
            body=body.hex(),
            posting_seed=posting_seed.hex(),
            signature=ed25519_sign(posting_seed, b"mesh/env/1" + outer + plain(body)).hex(),
        )


@dataclass
class Author:
    """A half of the ratchet with its tags: which generation it writes under, and the next index."""

    half: Half
    direction: int
    tag_root: bytes
    generation: int = 0
    index: int = 0

    def turn_to(self, generation: int, tag_root: bytes) -> None:
        """Write under the tags of a later generation from now on."""
        self.half.tags_before = self.index
        self.generation, self.tag_root, self.index = generation, tag_root, 0

    def skip(self, count: int) -> None:
        """Write messages that get lost."""
        self.half.skip(count)
        self.index += count

    def message(self, label: str, content: bytes, *, size_class: int = 0) -> MessageVector:
        """The next message under a tag of the session."""
        key = chain_key(self.tag_root, self.direction, self.index // 64)
        place = tag(key, self.index)
        self.index += 1
        return self.half.message(
            label, content, size_class=size_class, place=place, generation=self.generation
        )
