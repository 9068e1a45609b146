"""The payload: what an envelope to one person holds, opened.

Implements `docs/protocol/first-contact.md`, section "Payload". The same payload keeps its bytes,
and so its message id, however often it is sealed and posted again.
"""

from typing import Annotated, Final

import msgspec

from mesh.crypto.hashing import blake2b_256
from mesh.errors import PeerError
from mesh.ids import MessageId
from mesh.limits.contacts import NAME_BYTES_MAX
from mesh.limits.messages import CONTROL_BYTES_MAX, CONTROLS_MAX, PARENTS_MAX, TEXT_BYTES_MAX

PAYLOAD_VERSION: Final = 1
HLC_COUNTER_BITS: Final = 16
"""A hybrid logical clock is milliseconds (48 bits) and a counter below them."""

_Parent = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]


_Control = tuple[
    Annotated[int, msgspec.Meta(ge=0, le=0xFF)],
    Annotated[bytes, msgspec.Meta(max_length=CONTROL_BYTES_MAX)],
]


class Payload(msgspec.Struct, frozen=True, array_like=True):
    """The words of a person, their place in the conversation, and how their author calls himself.

    `seq` counts the author's payloads in this conversation, `seen` is one beyond the highest `seq`
    of the other side that the author has opened. An empty text is no message: such a payload tells
    the name and carries `controls`, each a kind (`wire/controls.py`) and its bytes.
    """

    version: Annotated[int, msgspec.Meta(ge=1, le=0xFF)]
    hlc: Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
    seq: Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
    parents: Annotated[list[_Parent], msgspec.Meta(max_length=PARENTS_MAX)]
    name: str
    text: str
    seen: Annotated[int, msgspec.Meta(ge=0, le=1 << 32)] = 0
    controls: Annotated[list[_Control], msgspec.Meta(max_length=CONTROLS_MAX)] = []

    def encode(self) -> bytes:
        """The bytes that are sealed."""
        return _encoder.encode(self)


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Payload] = msgspec.msgpack.Decoder(Payload)


def decode_payload(data: bytes) -> Payload:
    """The payload in `data`; PeerError on anything else."""
    try:
        payload = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PeerError("malformed payload") from error
    if payload.version != PAYLOAD_VERSION:
        raise PeerError("payload of an unknown version")
    if len(payload.name.encode()) > NAME_BYTES_MAX:
        raise PeerError("name too long")
    if len(payload.text.encode()) > TEXT_BYTES_MAX:
        raise PeerError("text too long")
    return payload


def message_id_of(payload_bytes: bytes) -> MessageId:
    """The id of a message, from the bytes of its payload."""
    return MessageId(blake2b_256(payload_bytes))
