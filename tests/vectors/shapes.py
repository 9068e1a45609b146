"""The shapes of the frozen vectors that are ours, and where they lie. All byte strings are hex."""

from pathlib import Path
from typing import Final

import msgspec

FOLDER: Final = Path(__file__).parent


class EnvelopeVector(msgspec.Struct, kw_only=True):
    """One envelope; its body is SHAKE-128 of `body_seed`, as long as the size class asks."""

    posting_seed: str
    posting_key: str
    size_class: int
    lifetime_class: int
    created: int
    tag: str
    read_hash: str
    withdraw_hash: str
    stamp: str
    body_seed: str
    header: str
    body_hash: str
    signature: str
    id: str
    envelope_hash: str
    """BLAKE2b-256 of all bytes of the envelope."""


class StampVector(msgspec.Struct, kw_only=True):
    """A posting key of a day, where the search began, and the stamp that it found.

    `worth`: its bits, by which it admits 2^worth envelopes.
    """

    posting_key: str
    day: int
    bits: int
    worth: int
    start: str
    stamp: str
    proof: str
    precheck: str


class TagVector(msgspec.Struct, kw_only=True):
    """One index under one tag key."""

    key: str
    index: int
    tag: str
    box_key: str


class ChainVector(msgspec.Struct, kw_only=True):
    """The tags of one direction of a session."""

    tag_root: str
    direction: int
    tags: list[TagVector]


class TagsVector(msgspec.Struct, kw_only=True):
    """All uses of tags: chains, and the two tables that grow from an invite's secret."""

    chains: list[ChainVector]
    invite_secret: str
    invite_tags: list[TagVector]
    bundle_tags: list[TagVector]


class IdentityVector(msgspec.Struct, kw_only=True):
    """The keys that grow from an identity's seed."""

    seed: str
    signing_seed: str
    verify_key: str
    identity_private: str
    identity_key: str
    tie: str


class BundleVector(msgspec.Struct, kw_only=True):
    """A bundle and the private halves of its prekeys."""

    prekey_private: str
    kem_seed: str
    valid_from: int
    valid_to: int
    bundle: str


class MessageVector(msgspec.Struct, kw_only=True):
    """A message of a session, from the keys of its chain to its envelope.

    `chain_private` is the writer's X25519 key of the chain, `header_key` seals the header box;
    `kem_coin` (m of FIPS 203) and `kem_seed` (of the key that is handed over) are of the
    post-quantum step that the chain began with, or empty.
    """

    by_founder: bool
    chain_private: str
    kem_coin: str
    kem_seed: str
    root: str
    """The root of the ratchet after the chain has begun."""
    ratchet_header: str
    message_key: str
    hedge: str
    nonce: str
    read_token: str
    withdraw_token: str
    generation: int | None
    """Of the tag; None under a tag of an invite."""
    place: TagVector
    header_key: str
    size_class: int
    payload: str
    header: str
    body: str
    posting_seed: str
    signature: str


class SealedBundleVector(msgspec.Struct, kw_only=True):
    """An invite's bundle as it stands on the mesh."""

    header: str
    box_key: str
    nonce: str
    body: str
    signature: str
    """Of the short texts of the invite, behind the bundle."""


class ClosedVector(msgspec.Struct, kw_only=True):
    """The answer that an invite is closed."""

    place: TagVector
    read_token: str
    hedge: str
    header: str
    body: str


class PayloadVector(msgspec.Struct, kw_only=True):
    """A payload, its bytes and its id."""

    hlc: int
    seq: int
    parents: list[str]
    name: str
    text: str
    seen: int
    controls: list[tuple[int, str]]
    encoded: str
    message_id: str


class FirstContactVector(msgspec.Struct, kw_only=True):
    """A writes to a bundle of B: two messages under one opening; and B's bundle on the mesh."""

    author: IdentityVector
    author_bundle: BundleVector
    reader: IdentityVector
    reader_bundle: BundleVector
    ephemeral_private: str
    kem_coin: str
    ephemeral: str
    ciphertext: str
    transcript: str
    author_key: str
    chain_key: str
    box: str
    root: str
    tag_root: str
    header_key: str
    session_id: str
    invite_secret: str
    payload: PayloadVector
    repetitions: list[MessageVector]
    sealed_bundle: SealedBundleVector
    closed: ClosedVector


class GenerationVector(msgspec.Struct, kw_only=True):
    """A generation: its root, the first tag key of each direction, and by which ways the two find
    each other again.
    """

    tag_root: str
    from_founder: str
    to_founder: str
    rendezvous_from_founder: list[TagVector]
    rendezvous_to_founder: list[TagVector]
    link_key: str


class SessionVector(msgspec.Struct, kw_only=True):
    """The session that `first-contact.json` begins.

    `messages` are those that arrive; numbers that are missing were lost. Each was written when its
    author had opened all before it.
    """

    generations: list[GenerationVector]
    messages: list[MessageVector]


class InviteVector(msgspec.Struct, kw_only=True):
    """An invite in both texts. The bundle is the reader's of `first-contact.json`."""

    verify_key: str
    secret: str
    expires: int
    psk: str
    address_hint: str
    name: str
    link: str
    qr: str
    short_signature: str
    """What stands beside the bundle on the mesh; empty for invites of before there were any."""


class RefusedText(msgspec.Struct, kw_only=True):
    """A text that is no invite of this version, and why."""

    because: str
    text: str


class InvitesVector(msgspec.Struct, kw_only=True):
    """Good texts and bad ones."""

    bundle: str
    invites: list[InviteVector]
    refused: list[RefusedText]


def frozen_bytes(name: str) -> bytes:
    """The file of a vector as it lies in the repository."""
    return (FOLDER / name).read_bytes()
