"""The payload of a group: entries of a member, and controls that he signs with their place.

Implements `docs/protocol/group-keys.md`, section "Payload". All members can seal under everybody's
chain. So the signature of the controls is never empty: it covers the header of the envelope, and
with its tag the epoch and the number. Else anybody could seal old entries of somebody under his
next numbers, and use them up.
"""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec

from mesh.content.entry import EntryId, Scope, entry_id, signed_bytes
from mesh.crypto.signing import SIGNATURE_BYTES, SigningKey, Verify
from mesh.errors import PeerError
from mesh.group.bodies import content_size_class
from mesh.group.epochs import EPOCH_PREFIX_BYTES
from mesh.group.posts import GroupId
from mesh.ids import UnixSeconds, VerifyKey
from mesh.limits.group_keys import ENDED_MAX, SHORT_LEAF_WAITS_SECONDS
from mesh.limits.messages import CONTROL_BYTES_MAX, CONTROLS_MAX, ENTRIES_MAX

RECEIPT: Final = 6
"""What the author holds of other members (`mesh/group/receipts.py`); empty: he tells nobody."""

FILE_WANTED: Final = 7
"""The author misses blocks of a file (`mesh/wire/file_controls.py`)."""

FILE_POSTED: Final = 8
"""The author has posted blocks of a file again."""

ENDED: Final = 9
"""Epochs in which the author writes no more, from a number on."""

LEAF: Final = 10
"""The author's new short leaf, 100 bytes (`mesh/group/leaves.py`)."""

FILE_WHOLE: Final = 12
"""The author has all of these files."""

KNOCKS_OVER: Final = 13
"""People of whose knocks the author told, who are to be let in by nobody: first 8 of each key."""

_NEXT_BYTES: Final = 4
_ENDED_BYTES: Final = EPOCH_PREFIX_BYTES + _NEXT_BYTES
_SIGNED_PREFIX: Final = b"mesh.notes.1"

_Signature = Annotated[bytes, msgspec.Meta(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)]
_Control = tuple[
    Annotated[int, msgspec.Meta(ge=0, le=0xFF)],
    Annotated[bytes, msgspec.Meta(max_length=CONTROL_BYTES_MAX)],
]
_Controls = Annotated[list[_Control], msgspec.Meta(max_length=CONTROLS_MAX)]


class SignedEntry(msgspec.Struct, frozen=True, array_like=True):
    """The bytes of an entry, and its author's signature over its id."""

    entry: bytes
    signature: _Signature


class GroupPayload(msgspec.Struct, frozen=True, array_like=True):
    """The content of an envelope of a group that is no post."""

    version: Literal[2]
    controls_bytes: msgspec.Raw
    """The array of the controls as it was signed."""

    signature: _Signature
    entries: Annotated[list[SignedEntry], msgspec.Meta(max_length=ENTRIES_MAX)]

    def encode(self) -> bytes:
        """The bytes that are sealed."""
        return _encoder.encode(self)

    @property
    def controls(self) -> list[tuple[int, bytes]]:
        """The controls of any kind, in their order."""
        return _controls.decode(self.controls_bytes)


@dataclass(frozen=True, slots=True)
class Ended:
    """The author writes no more in an epoch from this number on."""

    epoch_prefix: bytes
    next: int


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[GroupPayload] = msgspec.msgpack.Decoder(GroupPayload)
_controls: msgspec.msgpack.Decoder[list[tuple[int, bytes]]] = msgspec.msgpack.Decoder(_Controls)
_MALFORMED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def sign_entry(key: SigningKey, group: GroupId, entry: bytes) -> SignedEntry:
    """An entry of ours as it goes to a group."""
    return SignedEntry(entry, key.sign(signed_bytes(_id_of(group, key.verify_key, entry))))


def is_entry_valid(
    signed: SignedEntry, *, group: GroupId, author: VerifyKey, verify: Verify
) -> bool:
    """Say whether the author signed this entry for this group."""
    return verify(author, signed_bytes(_id_of(group, author, signed.entry)), signed.signature)


def make_payload(
    key: SigningKey,
    group: GroupId,
    *,
    header: bytes,
    controls: list[tuple[int, bytes]],
    entries: list[SignedEntry],
) -> GroupPayload:
    """A payload for one envelope: its controls are signed with the header."""
    controls_bytes = _encoder.encode(controls)
    signature = key.sign(_signed(group, header, controls_bytes))
    return GroupPayload(2, msgspec.Raw(controls_bytes), signature, entries)


def payload_bytes(controls: list[tuple[int, bytes]], entries: list[SignedEntry]) -> int:
    """Return how long a payload will be; the header, which it signs, needs that first."""
    controls_bytes = msgspec.Raw(_encoder.encode(controls))
    return len(GroupPayload(2, controls_bytes, bytes(SIGNATURE_BYTES), entries).encode())


def does_leaf_ride(
    *, without_bytes: int, with_bytes: int, made: UnixSeconds, mesh_now: UnixSeconds
) -> bool:
    """Say whether a payload tells our new short leaf: where that costs no larger size class, and
    in any case when it has waited for a day.
    """
    is_free = content_size_class(with_bytes) == content_size_class(without_bytes)
    return is_free or mesh_now - made >= SHORT_LEAF_WAITS_SECONDS


def read_payload(
    content: bytes, *, header: bytes, group: GroupId, author: VerifyKey, verify: Verify
) -> GroupPayload:
    """The payload in a content; PeerError unless the owner of the chain signed it for this header.

    Entries are not looked at, but for their form: each stands by its own signature.
    """
    try:
        payload = _decoder.decode(content)
        _controls.decode(payload.controls_bytes)
    except _MALFORMED as error:
        raise PeerError("malformed payload of a group") from error
    signed = _signed(group, header, bytes(payload.controls_bytes))
    if not verify(author, signed, payload.signature):
        raise PeerError("a payload of a group that stands where its author did not put it")
    return payload


def encode_ended(ended: list[Ended]) -> bytes:
    """The bytes of the control, of at most four epochs."""
    assert len(ended) <= ENDED_MAX
    return b"".join(one.epoch_prefix + one.next.to_bytes(_NEXT_BYTES, "big") for one in ended)


def decode_ended(data: bytes) -> list[Ended]:
    """The epochs that a control ends; PeerError on anything else."""
    if len(data) % _ENDED_BYTES or not 0 < len(data) <= ENDED_MAX * _ENDED_BYTES:
        raise PeerError("malformed word of epochs that have ended")
    return [
        Ended(
            data[start : start + EPOCH_PREFIX_BYTES],
            int.from_bytes(data[start + EPOCH_PREFIX_BYTES : start + _ENDED_BYTES], "big"),
        )
        for start in range(0, len(data), _ENDED_BYTES)
    ]


def _id_of(group: GroupId, author: bytes, entry: bytes) -> EntryId:
    return entry_id(Scope(group), VerifyKey(author), entry)


def _signed(group: GroupId, header: bytes, controls_bytes: bytes) -> bytes:
    return _SIGNED_PREFIX + group + header + controls_bytes
