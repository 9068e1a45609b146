"""The payload: what an envelope to one person holds, opened.

Implements `docs/protocol/first-contact.md`, section "Payload". The same payload keeps its bytes,
and so its message id, however often it is sealed and posted again.
"""

from typing import Annotated, Final

import msgspec

from mesh.crypto.hashing import blake2b_256
from mesh.errors import NewerVersionError, PeerError
from mesh.ids import MessageId
from mesh.limits.contacts import NAME_BYTES_MAX
from mesh.limits.content import CLOCK_BITS
from mesh.limits.messages import (
    CONTROL_BYTES_MAX,
    CONTROLS_MAX,
    ENTRIES_MAX,
    PARENTS_MAX,
    TEXT_BYTES_MAX,
)

PAYLOAD_VERSION: Final = 1
ENTRIES_VERSION: Final = 2
READS: Final = 2
"""The newest version of payloads that this node reads, as it tells each contact."""

HLC_COUNTER_BITS: Final = 16
"""A hybrid logical clock is milliseconds (48 bits) and a counter below them."""

_Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
_Seen = Annotated[int, msgspec.Meta(ge=0, le=1 << 32)]
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
    seq: _Count
    parents: Annotated[list[_Parent], msgspec.Meta(max_length=PARENTS_MAX)]
    name: str
    text: str
    seen: _Seen = 0
    controls: Annotated[list[_Control], msgspec.Meta(max_length=CONTROLS_MAX)] = []
    reads: Annotated[int, msgspec.Meta(ge=1, le=0xFF)] = 1
    """The newest version of payloads that the author reads."""

    @property
    def words_count(self) -> int:
        """Return how many things a person has said in it."""
        return int(bool(self.text))

    def encode(self) -> bytes:
        """The bytes that are sealed."""
        if self.reads == 1:
            # As a node of the first release writes it.
            return _encoder.encode(msgspec.structs.astuple(self)[:-1])
        return _encoder.encode(self)


class EntriesPayload(msgspec.Struct, frozen=True, array_like=True):
    """Entries of a person, each as its bytes: what they are is judged in the conversation.

    The other fields are those of `Payload`. Who writes this reads it too.
    """

    version: Annotated[int, msgspec.Meta(ge=1, le=0xFF)]
    seq: _Count
    seen: _Seen
    name: str
    controls: Annotated[list[_Control], msgspec.Meta(max_length=CONTROLS_MAX)]
    entries: Annotated[list[bytes], msgspec.Meta(max_length=ENTRIES_MAX)]

    @property
    def hlc(self) -> int:
        """The highest clock of its entries, which orders what its author wrote; 0 without any."""
        return max(map(_clock_of, self.entries), default=0)

    @property
    def reads(self) -> int:
        """The newest version of payloads that the author reads."""
        return self.version

    @property
    def words_count(self) -> int:
        """Return how many things a person has said in it."""
        return len(self.entries)

    def encode(self) -> bytes:
        """The bytes that are sealed."""
        return _encoder.encode(self)


AnyPayload = Payload | EntriesPayload


class _Version(msgspec.Struct, frozen=True, array_like=True):
    version: int


class _Clock(msgspec.Struct, frozen=True, array_like=True):
    """The beginning of an entry."""

    kind: int
    clock: Annotated[int, msgspec.Meta(ge=0, lt=1 << CLOCK_BITS)]


_MALFORMED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_encoder = msgspec.msgpack.Encoder()
_versions = msgspec.msgpack.Decoder(_Version)
_clocks = msgspec.msgpack.Decoder(_Clock)
_decoders: Final[dict[int, msgspec.msgpack.Decoder[AnyPayload]]] = {
    PAYLOAD_VERSION: msgspec.msgpack.Decoder(Payload),
    ENTRIES_VERSION: msgspec.msgpack.Decoder(EntriesPayload),
}


def decode_payload(data: bytes) -> AnyPayload:
    """The payload in `data`; PeerError on anything else, and NewerVersionError if a later Mesh made
    it. Entries are not looked at.
    """
    try:
        version = _versions.decode(data).version
        decoder = _decoders.get(version)
        payload = None if decoder is None else decoder.decode(data)
    except _MALFORMED as error:
        raise PeerError("malformed payload") from error
    if payload is None:
        is_newer = version > ENTRIES_VERSION
        raise (NewerVersionError if is_newer else PeerError)("payload of an unknown version")
    if len(payload.name.encode()) > NAME_BYTES_MAX:
        raise PeerError("name too long")
    if isinstance(payload, Payload) and len(payload.text.encode()) > TEXT_BYTES_MAX:
        raise PeerError("text too long")
    return payload


def _clock_of(entry: bytes) -> int:
    """Return the clock of an entry; 0 if it is malformed."""
    try:
        return _clocks.decode(entry).clock
    except _MALFORMED:
        return 0


def message_id_of(payload_bytes: bytes) -> MessageId:
    """The id of a message, from the bytes of its payload."""
    return MessageId(blake2b_256(payload_bytes))
