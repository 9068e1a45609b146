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
    """A posting key of a day, where the search began, and the stamp that it found."""

    posting_key: str
    day: int
    bits: int
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
    """What grows from an identity's seed."""

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


class LetterVector(msgspec.Struct, kw_only=True):
    """A letter under one opening."""

    n: int
    payload: str
    hedge: str
    size_class: int
    header: str
    box_key: str
    message_key: str
    read_token: str
    read_hash: str
    nonce: str
    body: str


class SealedBundleVector(msgspec.Struct, kw_only=True):
    """An invite's bundle as it stands on the mesh."""

    header: str
    box_key: str
    nonce: str
    body: str


class PayloadVector(msgspec.Struct, kw_only=True):
    """A payload, its bytes and its id."""

    hlc: int
    seq: int
    parents: list[str]
    name: str
    text: str
    encoded: str
    message_id: str


class FirstContactVector(msgspec.Struct, kw_only=True):
    """A writes to a bundle of B: two letters under one opening; and B's bundle on the mesh."""

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
    session_id: str
    payload: PayloadVector
    letters: list[LetterVector]
    sealed_bundle: SealedBundleVector


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
