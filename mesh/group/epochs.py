"""An epoch: a seed that a member draws for the members after the operations that he knows.

Implements `docs/protocol/group-keys.md`, section "Epochs". The announcement says for whom it is and
commits to the seed; its id is that of the epoch. From the seed each member has a chain.
"""

from dataclasses import dataclass, field
from typing import Annotated, Final, Literal, NewType

import msgspec

from mesh.content.entry import Id
from mesh.crypto.hashing import blake2b
from mesh.crypto.signing import Verify
from mesh.errors import PeerError
from mesh.group.posts import GroupId, SignedPost, is_post_valid
from mesh.ids import VerifyKey
from mesh.limits.content import CLOCK_BITS
from mesh.limits.group_keys import TURN_MAX
from mesh.limits.groups import HEADS_ANNOUNCED_MAX, MEMBERS_MAX

EpochId = NewType("EpochId", bytes)
"""The id of an epoch's announcement, 32 bytes; where room is short its first 8."""

SEED_BYTES: Final = 32
EPOCH_PREFIX_BYTES: Final = 8

_U32 = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
_Key = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]


class Announcement(msgspec.Struct, frozen=True, array_like=True):
    """The post that makes an epoch. Places behind the known ones are passed over."""

    version: Literal[1]
    kind: Literal[2]
    clock: Annotated[int, msgspec.Meta(ge=0, lt=1 << CLOCK_BITS)]
    seq: _U32
    """Counts the operations and announcements of the maker."""

    heads: Annotated[list[Id], msgspec.Meta(min_length=1, max_length=HEADS_ANNOUNCED_MAX)]
    """Operations: the members after them are those for whom the epoch is."""

    turn: Annotated[int, msgspec.Meta(ge=0, le=TURN_MAX)]
    ephemeral: _Key
    """E, to which every wrap is bound."""

    commitment: _Key
    count: Annotated[int, msgspec.Meta(ge=1, le=MEMBERS_MAX)]
    """Recipients, the maker among them."""

    without: Annotated[list[_Key], msgspec.Meta(max_length=MEMBERS_MAX)]
    """Members of whom the maker had no leaf: they get no wrap."""

    def encode(self) -> bytes:
        """Return the bytes that are signed."""
        return _encoder.encode(self)


@dataclass(frozen=True, slots=True)
class ChainKeys:
    """The beginning of a member's chain in an epoch; known to all who have the seed."""

    chain: bytes = field(repr=False)
    tag: bytes = field(repr=False)
    hello: bytes = field(repr=False)


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Announcement] = msgspec.msgpack.Decoder(Announcement)


def make_announcement(
    *,
    clock: int,
    seq: int,
    heads: list[bytes],
    turn: int,
    ephemeral: bytes,
    commitment: bytes,
    count: int,
    without: list[bytes],
) -> Announcement:
    """Make the post of an epoch; `count` are its recipients."""
    return Announcement(
        1,
        2,
        clock,
        seq,
        heads,
        turn,
        ephemeral,
        commitment,
        count,
        without,
    )


def decode_announcement(post: bytes) -> Announcement:
    """The announcement in a post; PeerError on anything else. Who signed it is not looked at."""
    try:
        announcement = _decoder.decode(post)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PeerError("malformed announcement of an epoch") from error
    for named in (announcement.heads, announcement.without):
        if len(dict.fromkeys(named)) != len(named):
            raise PeerError("an announcement names something twice")
    return announcement


def read_announcement(signed: SignedPost, group: GroupId, verify: Verify) -> Announcement:
    """The announcement that somebody passes on; PeerError unless its author signed it.

    Whether he is a member, and for whom it is, follows from the operations (`choice.py`).
    """
    announcement = decode_announcement(signed.post)
    if not is_post_valid(signed, group, verify=verify):
        raise PeerError("an announcement of an epoch with a bad signature")
    return announcement


def commitment_of(seed: bytes, group: GroupId) -> bytes:
    """Return what an announcement says of its seed."""
    return blake2b(seed, group, b"mesh/grp/commit", 32)


def check_seed(seed: bytes, announcement: Announcement, group: GroupId) -> None:
    """Raise PeerError if this is not the seed to which the announcement commits."""
    if commitment_of(seed, group) != announcement.commitment:
        raise PeerError("the seed of an epoch is not the one that was announced")


def chain_keys(seed: bytes, epoch: EpochId, member: VerifyKey) -> ChainKeys:
    """The keys of one member in an epoch; the seed is erased when those of all are made."""
    keys = blake2b(seed, epoch + member, b"mesh/grp/chain", 64)
    hello = blake2b(seed, epoch + member, b"mesh/grp/hello", 32)
    return ChainKeys(keys[:32], keys[32:], hello)


def prefix_of(epoch: EpochId) -> bytes:
    """Return how an epoch is named where room is short."""
    return epoch[:EPOCH_PREFIX_BYTES]
