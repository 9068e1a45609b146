"""The steps between two people near each other, as they stand inside a sealed frame.

Implements `docs/protocol/nearby.md`, section "Steps". MessagePack arrays that begin with their
type, like frames. Fields that a later version appends are skipped; a type that we do not know
decodes to `None`.
"""

from typing import Annotated, TypeVar

import msgspec

from mesh.errors import PeerError
from mesh.limits.contacts import NAME_BYTES_MAX
from mesh.limits.nearby import NEARBY_BOX_BYTES_MAX, NEARBY_LINK_CHARACTERS_MAX

_COMPARISON_BYTES_MAX = 128
_FIXARRAY = range(0x91, 0xA0)
_FIXINT_MAX = 0x7F

Decoded = TypeVar("Decoded")
U8 = Annotated[int, msgspec.Meta(ge=0, le=0xFF)]


class Compared(msgspec.Struct, frozen=True, array_like=True, tag=0x01):
    """A step of the comparison, and how its sender calls himself."""

    kind: U8
    step: Annotated[bytes, msgspec.Meta(max_length=_COMPARISON_BYTES_MAX)]
    name: Annotated[str, msgspec.Meta(max_length=NAME_BYTES_MAX)]


class Proved(msgspec.Struct, frozen=True, array_like=True, tag=0x02):
    """A step under the key that the comparison has authenticated."""

    box: Annotated[bytes, msgspec.Meta(max_length=NEARBY_BOX_BYTES_MAX)]


class Declined(msgspec.Struct, frozen=True, array_like=True, tag=0x03):
    """The comparison matched, but no contact can come of it."""


class Identified(msgspec.Struct, frozen=True, array_like=True, tag=0x10):
    """The sender's identity, with a signature that nobody else could make for this comparison."""

    verify_key: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
    signature: Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]


class Invited(msgspec.Struct, frozen=True, array_like=True, tag=0x11):
    """The link of an invite that only the receiver can use."""

    link: Annotated[str, msgspec.Meta(max_length=NEARBY_LINK_CHARACTERS_MAX)]


Step = Compared | Proved | Declined
"""What stands in the box of a frame."""

ProvedStep = Identified | Invited
"""What stands in the box of a `Proved`."""

_encoder = msgspec.msgpack.Encoder()
_step_decoder: msgspec.msgpack.Decoder[Step] = msgspec.msgpack.Decoder(Step)
_proved_decoder: msgspec.msgpack.Decoder[ProvedStep] = msgspec.msgpack.Decoder(ProvedStep)
_STEPS = frozenset({0x01, 0x02, 0x03})
_PROVED_STEPS = frozenset({0x10, 0x11})


def encode_step(step: Step | ProvedStep) -> bytes:
    """The bytes of a step."""
    return _encoder.encode(step)


def decode_step(data: bytes) -> Step | None:
    """The step in the box of a frame, None if of a later version; PeerError if it is none."""
    return _decoded(data, _step_decoder, _STEPS)


def decode_proved_step(data: bytes) -> ProvedStep | None:
    """The step in the box of a `Proved`, None if of a later version; PeerError if it is none."""
    return _decoded(data, _proved_decoder, _PROVED_STEPS)


def _decoded(
    data: bytes, decoder: msgspec.msgpack.Decoder[Decoded], known: frozenset[int]
) -> Decoded | None:
    if len(data) < 2 or data[0] not in _FIXARRAY or data[1] > _FIXINT_MAX:
        raise PeerError("not a step of people nearby")
    if data[1] not in known:
        return None
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PeerError("malformed step of people nearby") from error
