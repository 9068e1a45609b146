"""Letters between a group and who stands at one of its links: a knock, a welcome.

Implements `docs/protocol/groups.md`, section "By a link".
"""

from typing import Annotated, Final, Literal

import msgspec

from mesh.content.entry import Id
from mesh.content.fields import InvalidContentError, require_bytes
from mesh.crypto.hashing import blake2b_256
from mesh.crypto.signing import Verify
from mesh.errors import PeerError
from mesh.group.operations import Record, has_consent
from mesh.group.posts import GroupId
from mesh.limits.groups import INVITE_NOTE_BYTES_MAX, MEMBER_NAME_BYTES_MAX
from mesh.wire.bundle import Bundle

VERSION: Final = 1
WELCOME: Final = 50
KNOCK: Final = 51


class Letter(msgspec.Struct, frozen=True, array_like=True):
    """The content of a letter: what it is, and its bytes."""

    kind: Annotated[int, msgspec.Meta(ge=0, le=0xFF)]
    data: bytes


class GroupKnock(msgspec.Struct, frozen=True, array_like=True):
    """Somebody at a link asks to be let in; the bundle of the record is that of the opening."""

    version: Literal[1]
    gid: Id
    record: Record
    note: str


_encoder = msgspec.msgpack.Encoder()
_letters = msgspec.msgpack.Decoder(Letter)
_knocks = msgspec.msgpack.Decoder(GroupKnock)
_MALFORMED: Final = (
    msgspec.DecodeError,
    UnicodeDecodeError,
    RecursionError,
    InvalidContentError,
)


def encode_letter(kind: int, data: bytes) -> bytes:
    """Return the content of a letter."""
    return _encoder.encode(Letter(kind, data))


def decode_letter(content: bytes) -> Letter:
    """Return what a letter says; PeerError on anything else."""
    try:
        return _letters.decode(content)
    except _MALFORMED as error:
        raise PeerError("malformed letter") from error


def encode_knock(gid: GroupId, record: Record, note: str) -> bytes:
    """Return the bytes of a knock."""
    return _encoder.encode(GroupKnock(VERSION, gid, record, note))


def decode_knock(data: bytes, bundle: Bundle, *, verify: Verify) -> GroupKnock:
    """Return the knock of whose bundle came with it; PeerError unless he signed all of it."""
    try:
        knock = _knocks.decode(data)
        require_bytes(knock.note, INVITE_NOTE_BYTES_MAX)
    except _MALFORMED as error:
        raise PeerError("malformed knock at a link") from error
    check_record(knock.record, bundle, GroupId(knock.gid), verify=verify)
    return knock


def check_record(record: Record, bundle: Bundle, gid: GroupId, *, verify: Verify) -> None:
    """Raise PeerError unless somebody agreed to come into a group with just this bundle."""
    if not 1 <= len(record.name.encode("utf-8", "surrogatepass")) <= MEMBER_NAME_BYTES_MAX:
        raise PeerError("a record with a bad name")
    if blake2b_256(bundle.encode()) != record.bundle_hash:
        raise PeerError("a record of another bundle")
    if (bundle.verify_key, bundle.identity_key) != (record.key, record.agreement_key):
        raise PeerError("a record with the bundle of somebody else")
    if not has_consent(record, gid, verify=verify):
        raise PeerError("somebody who did not agree to join a group")
