"""Wraps: the seed of an epoch, sealed for each member.

Implements `docs/protocol/group-keys.md`, section "Wraps". A *first* wrap holds a KEM ciphertext and
founds a secret of the pair and direction; a *linked* one rests on that secret, and on a DH with a
fresh key of its recipient. Whoever misses or loses a secret says so and gets a first wrap again.

    linked = hint 8 ‖ mark 1 ‖ box 48
    first  = hint 8 ‖ mark 1 ‖ from 4 ‖ ct 1,088 ‖ box 48
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from mesh.crypto import aead
from mesh.crypto.agreement import x25519, x25519_public
from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b, blake2b_256
from mesh.crypto.kem import KEM_CIPHERTEXT_BYTES, Kem
from mesh.errors import PeerError
from mesh.group.epochs import SEED_BYTES, Announcement, EpochId, check_seed
from mesh.group.leaves import OwnLeaves
from mesh.group.posts import GroupId
from mesh.ids import UnixSeconds, VerifyKey
from mesh.limits.group_keys import WRAPS_TRIED_MAX
from mesh.wire.bundle import Bundle

HINT_BYTES: Final = 8
BOX_BYTES: Final = SEED_BYTES + aead.TAG_BYTES
_FROM_BYTES: Final = 4
_MARK_END: Final = HINT_BYTES + 1
_FROM_END: Final = _MARK_END + _FROM_BYTES
LINKED_BYTES: Final = _MARK_END + BOX_BYTES
FIRST_BYTES: Final = _FROM_END + KEM_CIPHERTEXT_BYTES + BOX_BYTES
_ZERO_NONCE: Final = bytes(aead.NONCE_BYTES)


@dataclass(frozen=True, slots=True)
class Wraps:
    """The wraps of one page: those of each kind one behind the other, sorted, so that where one
    stands says nothing of whom it is for.
    """

    linked: bytes = b""
    first: bytes = b""

    @property
    def is_empty(self) -> bool:
        """Say whether there is none."""
        return not self.linked and not self.first


@dataclass(frozen=True, slots=True)
class EpochMaker:
    """The maker of an epoch, with the private half of E and the seed."""

    group: GroupId
    maker: VerifyKey
    epoch: EpochId
    ephemeral: bytes
    ephemeral_private: bytes = field(repr=False)
    seed: bytes = field(repr=False)

    def linked(self, member: VerifyKey, secret: bytes, *, mark: int, key: bytes) -> bytes:
        """A wrap by the secret of the pair; `mark` and `key` say to which leaf."""
        hint = blake2b(secret, self.ephemeral, b"mesh/grp/hint", HINT_BYTES)
        return hint + bytes((mark,)) + self._box(member, secret, key)

    def first(
        self,
        member: VerifyKey,
        bundle: Bundle,
        *,
        mark: int,
        key: bytes,
        entropy: Entropy,
        kem: Kem,
    ) -> tuple[bytes, bytes]:
        """A wrap that founds a secret of the pair by the member's bundle; also that secret."""
        ciphertext, shared = kem.encapsulate(bundle.kem_key, entropy)
        secret = wrap_secret(
            shared,
            ciphertext,
            group=self.group,
            maker=self.maker,
            member=member,
            valid_from=bundle.valid_from,
        )
        valid_from = bundle.valid_from.to_bytes(_FROM_BYTES, "big")
        head = first_hint(self.ephemeral, member) + bytes((mark,)) + valid_from
        return head + ciphertext + self._box(member, secret, key), secret

    def _box(self, member: VerifyKey, secret: bytes, key: bytes) -> bytes:
        agreed = x25519(self.ephemeral_private, key)
        box_key = wrap_key(secret, agreed, ephemeral=self.ephemeral, leaf_key=key, epoch=self.epoch)
        return aead.seal(box_key, _ZERO_NONCE, self.group + member, self.seed)


class Trouble(IntEnum):
    """The reasons why an epoch does not open, as a need says them."""

    NO_WRAP = 0
    DOES_NOT_OPEN = 1
    NO_SECRET = 2
    """There may be a linked one: nothing is shared here with the maker."""


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """The seed of an epoch, and the secret that a first wrap has founded."""

    seed: bytes = field(repr=False)
    founded: tuple[UnixSeconds, bytes] | None = field(repr=False, default=None)
    """The `from` of the bundle by which it was founded, and the secret."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A member who opens wraps, with the private halves of his leaves and the secrets that he
    shares with the maker, the newest first.
    """

    group: GroupId
    member: VerifyKey
    leaves: OwnLeaves
    secrets: Sequence[bytes] = field(repr=False)

    def unwrap(
        self,
        wraps: Wraps,
        *,
        announcement: Announcement,
        epoch: EpochId,
        maker: VerifyKey,
        kem: Kem,
    ) -> Unwrapped | Trouble:
        """Return the seed in a page, or why there is none. Linked wraps are tried first: they take
        no KEM. Nothing that does not fit the announcement's commitment is a seed.
        """
        trouble = Trouble.NO_WRAP if self.secrets else Trouble.NO_SECRET
        opening = _Opening(self, announcement, epoch)
        for secret, mark, box in self._linked(wraps, announcement.ephemeral):
            seed = opening.seed(secret, mark, box)
            if seed is not None:
                return Unwrapped(seed)
            trouble = Trouble.DOES_NOT_OPEN
        for valid_from, secret, mark, box in self._first(wraps, announcement.ephemeral, maker, kem):
            seed = opening.seed(secret, mark, box)
            if seed is not None:
                return Unwrapped(seed, (valid_from, secret))
            trouble = Trouble.DOES_NOT_OPEN
        return trouble

    def _linked(self, wraps: Wraps, ephemeral: bytes) -> Iterator[tuple[bytes, int, bytes]]:
        """Find (secret, mark, box) of those whose hints are ours."""
        for secret in self.secrets:
            hint = blake2b(secret, ephemeral, b"mesh/grp/hint", HINT_BYTES)
            for wrap in _with_hint(wraps.linked, LINKED_BYTES, hint):
                yield secret, wrap[HINT_BYTES], wrap[_MARK_END:]

    def _first(
        self, wraps: Wraps, ephemeral: bytes, maker: VerifyKey, kem: Kem
    ) -> Iterator[tuple[UnixSeconds, bytes, int, bytes]]:
        """Find (from, secret, mark, box) of those that name a bundle of ours."""
        long = {one.valid_from: one.secrets for one in self.leaves.long}
        for wrap in _with_hint(wraps.first, FIRST_BYTES, first_hint(ephemeral, self.member)):
            valid_from = UnixSeconds(int.from_bytes(wrap[_MARK_END:_FROM_END], "big"))
            if valid_from not in long:
                continue
            ciphertext = wrap[_FROM_END:-BOX_BYTES]
            secret = wrap_secret(
                kem.decapsulate(long[valid_from].kem_seed, ciphertext),
                ciphertext,
                group=self.group,
                maker=maker,
                member=self.member,
                valid_from=valid_from,
            )
            yield valid_from, secret, wrap[HINT_BYTES], wrap[-BOX_BYTES:]


@dataclass(frozen=True, slots=True)
class _Opening:
    """One page being opened."""

    reader: Reader
    announcement: Announcement
    epoch: EpochId

    def seed(self, secret: bytes, mark: int, box: bytes) -> bytes | None:
        """The announced seed in a box, or None."""
        reader, ephemeral = self.reader, self.announcement.ephemeral
        for private in reader.leaves.private_keys(mark):
            try:
                key = wrap_key(
                    secret,
                    x25519(private, ephemeral),
                    ephemeral=ephemeral,
                    leaf_key=x25519_public(private),
                    epoch=self.epoch,
                )
                seed = aead.open_sealed(key, _ZERO_NONCE, reader.group + reader.member, box)
                check_seed(seed, self.announcement, reader.group)
            except PeerError:
                continue
            return seed
        return None


def wrap_secret(
    shared: bytes,
    ciphertext: bytes,
    *,
    group: GroupId,
    maker: VerifyKey,
    member: VerifyKey,
    valid_from: UnixSeconds,
) -> bytes:
    """Return what a pair shares in one direction, from the KEM of a first wrap."""
    message = b"".join(
        (
            b"mesh.glink.1",
            group,
            maker,
            member,
            valid_from.to_bytes(_FROM_BYTES, "big"),
            blake2b_256(ciphertext),
        )
    )
    return blake2b(shared, message, b"mesh/grp/link", 32)


def wrap_key(
    secret: bytes, agreed: bytes, *, ephemeral: bytes, leaf_key: bytes, epoch: EpochId
) -> bytes:
    """The key of one box. It is used once, E being fresh, so its nonce may be zeros."""
    return blake2b(secret, agreed + ephemeral + leaf_key + epoch, b"mesh/grp/wrap", 32)


def first_hint(ephemeral: bytes, member: VerifyKey) -> bytes:
    """Return by what a first wrap is found: everybody who reads the page can compute it."""
    return blake2b(b"", ephemeral + member, b"mesh/grp/first", HINT_BYTES)


def wrap_for(
    wraps: Wraps, member: VerifyKey, *, ephemeral: bytes, secret: bytes | None
) -> Wraps | None:
    """Return one member's wrap out of those that we made, to hand it on; `secret`: by which we
    wrap for him. None if there is none.
    """
    if secret is not None:
        hint = blake2b(secret, ephemeral, b"mesh/grp/hint", HINT_BYTES)
        for wrap in _with_hint(wraps.linked, LINKED_BYTES, hint):
            return Wraps(linked=wrap)
    for wrap in _with_hint(wraps.first, FIRST_BYTES, first_hint(ephemeral, member)):
        return Wraps(first=wrap)
    return None


def joined_wraps(linked: Sequence[bytes], first: Sequence[bytes]) -> Wraps:
    """Return the wraps of one page in their order."""
    return Wraps(b"".join(sorted(linked)), b"".join(sorted(first)))


def _with_hint(wraps: bytes, length: int, hint: bytes) -> Iterator[bytes]:
    """Find the wraps that begin with a hint, a few of them: anybody can repeat one."""
    found = 0
    start = wraps.find(hint)
    while start >= 0 and found < WRAPS_TRIED_MAX:
        if start % length == 0:
            found += 1
            yield wraps[start : start + length]
        start = wraps.find(hint, start + 1)
