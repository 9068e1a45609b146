"""The steps by which a contact comes into a group: invite, word of acceptance, welcome.

Implements `docs/protocol/groups.md`, section "Coming in". Each is a control of a session with a
contact, and so from him beyond doubt; what it says of the group is checked from the group's id on.
"""

from typing import Annotated, Final, Literal

import msgspec

from mesh.content.entry import Id
from mesh.content.fields import InvalidContentError, Key, require_bytes
from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b_256
from mesh.crypto.kem import Kem
from mesh.crypto.signing import Verify
from mesh.errors import PeerError
from mesh.group.leaves import check_long_leaf
from mesh.group.operations import Record, has_consent
from mesh.group.posts import GroupId, PostKind, SignedPost, post_kind
from mesh.group.wraps import FIRST_BYTES
from mesh.limits.groups import (
    GROUP_NAME_BYTES_MAX,
    INVITE_NOTE_BYTES_MAX,
    MEMBER_NAME_BYTES_MAX,
)
from mesh.wire.bundle import BUNDLE_BYTES, Bundle, decode_bundle

VERSION: Final = 1


class GroupInvite(msgspec.Struct, frozen=True, array_like=True):
    """Somebody asks a contact into a group."""

    version: Literal[1]
    gid: Id
    name: str
    """The name of the group, as the inviter says it."""

    inviter: Key
    """The member key of the inviter."""

    size: Annotated[int, msgspec.Meta(ge=1, le=1 << 16)]
    """So many are in it."""

    note: str


class GroupAccept(msgspec.Struct, frozen=True, array_like=True):
    """The answer: a record with consent, and the bundle that it names."""

    version: Literal[1]
    gid: Id
    record: Record
    bundle: Annotated[bytes, msgspec.Meta(min_length=BUNDLE_BYTES, max_length=BUNDLE_BYTES)]


class GroupWelcome(msgspec.Struct, frozen=True, array_like=True):
    """The first epoch of a newcomer: its announcement, and the wrap for him."""

    version: Literal[1]
    gid: Id
    announcement: SignedPost
    wrap: Annotated[bytes, msgspec.Meta(min_length=FIRST_BYTES, max_length=FIRST_BYTES)]


_encoder = msgspec.msgpack.Encoder()
_invites = msgspec.msgpack.Decoder(GroupInvite)
_accepts = msgspec.msgpack.Decoder(GroupAccept)
_welcomes = msgspec.msgpack.Decoder(GroupWelcome)
_MALFORMED: Final = (
    msgspec.DecodeError,
    UnicodeDecodeError,
    RecursionError,
    InvalidContentError,
)


def encode_step(step: GroupInvite | GroupAccept | GroupWelcome) -> bytes:
    """Return the bytes of a control."""
    return _encoder.encode(step)


def decode_invite(data: bytes) -> GroupInvite:
    """The invite in a control; PeerError on anything else."""
    try:
        invite = _invites.decode(data)
        require_bytes(invite.name, GROUP_NAME_BYTES_MAX)
        require_bytes(invite.note, INVITE_NOTE_BYTES_MAX)
    except _MALFORMED as error:
        raise PeerError("malformed invite into a group") from error
    return invite


def decode_accept(
    data: bytes, *, verify: Verify, entropy: Entropy, kem: Kem
) -> tuple[GroupAccept, Bundle]:
    """The answer in a control, with its bundle; PeerError unless its member signed all of it, for
    the group that it names, and can be sealed to.
    """
    try:
        accept = _accepts.decode(data)
        require_bytes(accept.record.name, MEMBER_NAME_BYTES_MAX, least=1)
    except _MALFORMED as error:
        raise PeerError("malformed word of somebody who joins a group") from error
    record = accept.record
    if blake2b_256(accept.bundle) != record.bundle_hash:
        raise PeerError("a record of another bundle")
    bundle = decode_bundle(accept.bundle, verify)
    if (bundle.verify_key, bundle.identity_key) != (record.key, record.agreement_key):
        raise PeerError("a record with the bundle of somebody else")
    if not has_consent(record, GroupId(accept.gid), verify=verify):
        raise PeerError("somebody who did not agree to join a group")
    check_long_leaf(bundle, entropy=entropy, kem=kem)
    return accept, bundle


def stored_accept(data: bytes) -> GroupAccept:
    """An answer that was checked before it was kept."""
    return _accepts.decode(data)


def decode_welcome(data: bytes) -> GroupWelcome:
    """The welcome in a control; PeerError on anything else. Nothing of it is opened yet."""
    try:
        welcome = _welcomes.decode(data)
    except _MALFORMED as error:
        raise PeerError("malformed welcome into a group") from error
    if post_kind(welcome.announcement.post) != PostKind.ANNOUNCEMENT:
        raise PeerError("a welcome without an epoch")
    return welcome
