"""One message of a session, sealed: a nonce, a box for the header and a box for the payload.

Implements `docs/protocol/session.md`, section "Body". The ratchet gives the keys; here they are
used, once each. The nonce is hedged: it depends on chance and on the payload, so that a disk that
was rolled back, and takes the same key again, never uses it with the same nonce for another text.
"""

from typing import Final

from mesh.crypto import aead
from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b, blake2b_128
from mesh.errors import PeerError
from mesh.wire.envelope import SIZE_BYTES, body_bytes
from mesh.wire.ratchet_header import (
    HEADER_BYTES_LONG,
    HEADER_BYTES_SHORT,
    RatchetHeader,
    decode_ratchet_header,
)

_LENGTH_BYTES: Final = 2
_HEDGE_BYTES: Final = 16
_ZEROS: Final = bytes(SIZE_BYTES[-1])
_HEADER_BOXES: Final = (
    HEADER_BYTES_SHORT + aead.TAG_BYTES,
    HEADER_BYTES_LONG + aead.TAG_BYTES,
)


def payload_room(room: int, *, has_long_header: bool) -> int:
    """The longest payload that nonce and boxes of `room` bytes hold; may be negative."""
    header_box = _HEADER_BOXES[1 if has_long_header else 0]
    return room - aead.NONCE_BYTES - header_box - _LENGTH_BYTES - aead.TAG_BYTES


def session_size_class(payload_bytes: int, *, has_long_header: bool) -> int | None:
    """The smallest size class for a payload under the tags of a session, or None."""
    for size_class in range(len(SIZE_BYTES)):
        room = body_bytes(size_class)
        if payload_bytes <= payload_room(room, has_long_header=has_long_header):
            return size_class
    return None


def read_token_of(message_key: bytes) -> bytes:
    """Return what only who can open the message can show: proof of delivery."""
    return blake2b(message_key, b"", b"mesh/ret/read", 16)


def read_hash_of(message_key: bytes) -> bytes:
    """The read hash that the envelope's header bears."""
    return blake2b_128(read_token_of(message_key))


def nonce_of(message_key: bytes, payload: bytes, entropy: Entropy) -> bytes:
    """The nonce of a message, for all its boxes: they are under different keys."""
    return blake2b(message_key, entropy.draw(_HEDGE_BYTES) + payload, b"mesh/msg/nonce", 12)


def seal_boxes(
    header: RatchetHeader,
    message_key: bytes,
    payload: bytes,
    *,
    header_key: bytes,
    associated: bytes,
    nonce: bytes,
    room: int,
) -> bytes:
    """Header box and message box, filling `room` bytes less the nonce."""
    header_box = aead.seal(header_key, nonce, associated, header.encode())
    space = payload_room(room, has_long_header=bool(header.kem_part))
    assert len(payload) <= space
    content = len(payload).to_bytes(_LENGTH_BYTES, "big") + payload
    padded = content.ljust(_LENGTH_BYTES + space, b"\0")
    return header_box + aead.seal(message_key, nonce, associated + header_box, padded)


def open_header(
    boxes: bytes, *, header_key: bytes, associated: bytes, nonce: bytes
) -> tuple[RatchetHeader, bytes, bytes]:
    """The header in the first box, and both boxes; PeerError if no length opens."""
    for length in _HEADER_BOXES:
        box = boxes[:length]
        if len(box) < length:
            break
        try:
            data = aead.open_sealed(header_key, nonce, associated, box)
        except PeerError:
            continue
        return decode_ratchet_header(data), box, boxes[length:]
    raise PeerError("a message whose header does not open")


def open_payload(
    message_key: bytes, *, associated: bytes, nonce: bytes, header_box: bytes, message_box: bytes
) -> bytes:
    """The payload in the second box; PeerError if anything of the message was changed."""
    padded = aead.open_sealed(message_key, nonce, associated + header_box, message_box)
    return unpadded(padded)


def split_nonce(body: bytes) -> tuple[bytes, bytes]:
    """The nonce of a body, and what stands behind it."""
    if len(body) < aead.NONCE_BYTES:
        raise PeerError("body too short")
    return body[: aead.NONCE_BYTES], body[aead.NONCE_BYTES :]


def unpadded(padded: bytes) -> bytes:
    """Return what stands before the zeros; PeerError if the length or the padding is wrong."""
    if len(padded) < _LENGTH_BYTES:
        raise PeerError("no length")
    end = _LENGTH_BYTES + int.from_bytes(padded[:_LENGTH_BYTES], "big")
    # A comparison with zeros that are there already takes a tenth of the time of counting them.
    if end > len(padded) or not _ZEROS.startswith(padded[end:]):
        raise PeerError("wrong padding")
    return padded[_LENGTH_BYTES:end]
