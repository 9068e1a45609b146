"""The name of a file within one link, and which way it goes there.

Implements `docs/protocol/direct-files.md`, section "Handles".
"""

from typing import Final

from mesh.crypto.hashing import blake2b

ROLE_RESPONDER: Final = 0
ROLE_INITIATOR: Final = 1


def handle_of(file_key: bytes, handshake_hash: bytes, *, is_asker_initiator: bool) -> bytes:
    """Return how a file is asked for: only who has its key can, and in this link alone."""
    role = ROLE_INITIATOR if is_asker_initiator else ROLE_RESPONDER
    return blake2b(file_key, handshake_hash + bytes((role,)), b"mesh/file/ask", 16)
