"""The header of a message in a session: what the other side needs to find the message's key.

Implements `docs/protocol/session.md`, section "Header". It is sealed wherever it travels. There
are two lengths: the long one carries a post-quantum step beside the rest.
"""

from struct import Struct
from typing import Final

import msgspec

from mesh.errors import PeerError

PUBLIC_KEY_BYTES: Final = 32
KEM_PART_BYTES: Final = 1_088 + 1_184
"""A ciphertext, and the key to which the next step of the other side is encapsulated."""
_FIXED: Final = Struct(">B32sIII")
HEADER_BYTES_SHORT: Final = _FIXED.size
HEADER_BYTES_LONG: Final = HEADER_BYTES_SHORT + KEM_PART_BYTES
_POST_QUANTUM: Final = 1


class RatchetHeader(msgspec.Struct, frozen=True):
    """The chain of a message, and its number there.

    `previous_count` is how many messages the chain before had; `tags_before` how many tags of the
    author's former generation were used. `is_post_quantum` says that the chain begins with a
    post-quantum step, `kem_part` is that step or empty.
    """

    public: bytes
    previous_count: int
    number: int
    is_post_quantum: bool = False
    kem_part: bytes = b""
    tags_before: int = 0

    def encode(self) -> bytes:
        """The 45 bytes, or 2,317 with a post-quantum step."""
        return (
            _FIXED.pack(
                _POST_QUANTUM if self.is_post_quantum else 0,
                self.public,
                self.previous_count,
                self.number,
                self.tags_before,
            )
            + self.kem_part
        )


def decode_ratchet_header(data: bytes) -> RatchetHeader:
    """The header in `data`; PeerError if its form is wrong."""
    if len(data) not in (HEADER_BYTES_SHORT, HEADER_BYTES_LONG):
        raise PeerError("ratchet header of a wrong length")
    flags, public, previous_count, number, tags_before = _FIXED.unpack_from(data)
    kem_part = data[HEADER_BYTES_SHORT:]
    if flags not in (0, _POST_QUANTUM) or (kem_part and not flags):
        raise PeerError("ratchet header with unknown flags")
    return RatchetHeader(public, previous_count, number, bool(flags), kem_part, tags_before)
