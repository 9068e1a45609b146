"""Leaves: the keys of a member to which others seal the seeds of epochs.

Implements `docs/protocol/group-keys.md`, section "Leaves". The *long* leaf is a bundle of the
member key; the *short* one is a fresh X25519 key, told in what its owner writes next. A leaf counts
only with its owner's signature, and only if its key can be used.
"""

from dataclasses import dataclass, field
from typing import Final

from mesh.crypto.agreement import X25519_BYTES, x25519, x25519_public
from mesh.crypto.entropy import Entropy
from mesh.crypto.kem import Kem
from mesh.crypto.signing import SIGNATURE_BYTES, Verify, sign
from mesh.errors import PeerError
from mesh.group.posts import GroupId
from mesh.ids import UnixSeconds, VerifyKey
from mesh.limits.group_keys import (
    LARGE_GROUP_MEMBERS,
    LONG_LEAF_LARGE_SECONDS,
    LONG_LEAF_SECONDS,
    SHORT_LEAF_INTERVAL_SECONDS,
    SHORT_LEAF_USED_SECONDS,
)
from mesh.ratchet.identity import PrekeySecrets
from mesh.wire.bundle import Bundle

_NUMBER_BYTES: Final = 4
SHORT_LEAF_BYTES: Final = _NUMBER_BYTES + X25519_BYTES + SIGNATURE_BYTES
LONG_LEAF_MARK: Final = 0
"""The mark of a wrap that goes by the bundle's prekey."""

_SIGNED_PREFIX: Final = b"mesh.gleaf.1"
# Any scalar is clamped to a multiple of eight, so any one finds a key of low order.
_PROBE: Final = b"\x01" * X25519_BYTES


@dataclass(frozen=True, slots=True)
class ShortLeaf:
    """A member's short leaf, as others have it."""

    number: int
    key: bytes
    signature: bytes = field(repr=False)

    def encode(self) -> bytes:
        """The 100 bytes."""
        return self.number.to_bytes(_NUMBER_BYTES, "big") + self.key + self.signature

    @property
    def mark(self) -> int:
        """The byte by which a wrap says that it goes by this leaf: 1 to 255."""
        return mark_of(self.number)


@dataclass(frozen=True, slots=True)
class OwnShortLeaf:
    """The private half of a short leaf of ours."""

    number: int
    private: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OwnLongLeaf:
    """The private halves of a bundle of ours, which its `valid_from` names."""

    valid_from: UnixSeconds
    secrets: PrekeySecrets = field(repr=False)


@dataclass(frozen=True, slots=True)
class OwnLeaves:
    """All of ours whose private halves live, the newest first."""

    short: tuple[OwnShortLeaf, ...]
    long: tuple[OwnLongLeaf, ...]

    def private_keys(self, mark: int) -> list[bytes]:
        """The X25519 keys to which a wrap with this mark may be sealed, the newest first."""
        if mark == LONG_LEAF_MARK:
            return [one.secrets.prekey_private for one in self.long]
        return [one.private for one in self.short if mark_of(one.number) == mark]


def mark_of(number: int) -> int:
    """Return the mark of the short leaf with this number."""
    return 1 + number % 255


def next_leaf_number(last: int | None, mesh_now: UnixSeconds) -> int:
    """Return the number of a new short leaf: greater than the last, also of a clock put back."""
    return mesh_now if last is None else max(last + 1, mesh_now)


def sign_short_leaf(
    signing_seed: bytes, group: GroupId, member: VerifyKey, own: OwnShortLeaf
) -> ShortLeaf:
    """Make the public half of a short leaf of ours."""
    key = x25519_public(own.private)
    signature = sign(signing_seed, _signed(group, member, own.number, key))
    return ShortLeaf(own.number, key, signature)


def decode_short_leaf(
    data: bytes, *, group: GroupId, member: VerifyKey, verify: Verify
) -> ShortLeaf:
    """The leaf in 100 bytes; PeerError unless its owner signed it and its key can be used."""
    if len(data) != SHORT_LEAF_BYTES:
        raise PeerError("short leaf of a wrong length")
    number = int.from_bytes(data[:_NUMBER_BYTES], "big")
    key = data[_NUMBER_BYTES : _NUMBER_BYTES + X25519_BYTES]
    signature = data[-SIGNATURE_BYTES:]
    if not verify(member, _signed(group, member, number, key), signature):
        raise PeerError("short leaf with a bad signature")
    x25519(_PROBE, key)
    return ShortLeaf(number, key, signature)


def check_long_leaf(bundle: Bundle, *, entropy: Entropy, kem: Kem) -> None:
    """Try the keys of a bundle before it is kept; PeerError if nothing can be sealed to them."""
    x25519(_PROBE, bundle.identity_key)
    x25519(_PROBE, bundle.prekey)
    kem.encapsulate(bundle.kem_key, entropy)


def wrapped_to(
    short: ShortLeaf | None, bundle: Bundle, *, heard: UnixSeconds, mesh_now: UnixSeconds
) -> tuple[int, bytes]:
    """Return the mark and the key to which the seed is sealed for a member.

    Who was not heard for five days may have erased the private half of the short leaf.
    """
    if short is not None and mesh_now - heard <= SHORT_LEAF_USED_SECONDS:
        return short.mark, short.key
    return LONG_LEAF_MARK, bundle.prekey


def is_short_leaf_due(made: UnixSeconds, mesh_now: UnixSeconds) -> bool:
    """Say whether the next post may tell a new short leaf."""
    return mesh_now - made >= SHORT_LEAF_INTERVAL_SECONDS


def is_long_leaf_due(made: UnixSeconds, *, members_count: int, mesh_now: UnixSeconds) -> bool:
    """Say whether it is time for a new bundle."""
    is_large = members_count > LARGE_GROUP_MEMBERS
    return mesh_now - made >= (LONG_LEAF_LARGE_SECONDS if is_large else LONG_LEAF_SECONDS)


def _signed(group: GroupId, member: VerifyKey, number: int, key: bytes) -> bytes:
    return _SIGNED_PREFIX + group + member + number.to_bytes(_NUMBER_BYTES, "big") + key
