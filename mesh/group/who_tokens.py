"""By what a contact recognises a member in a group, and nobody else can.

Implements `docs/protocol/group-keys.md`, section "Being known". The tokens stand in a hello; they
are sorted, since a sorted list of bytes that look like chance tells no more than a shuffled one.
"""

from collections.abc import Sequence
from typing import Final

from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b
from mesh.group.posts import GroupId
from mesh.ids import VerifyKey
from mesh.limits.group_keys import WHO_TOKENS_MAX, WHO_TOKENS_STEP

TOKEN_BYTES: Final = 8


def who_token(link_key: bytes, group: GroupId, member: VerifyKey) -> bytes:
    """Return the token for the contact with whom `link_key` (K_link of a session) is shared."""
    return blake2b(link_key, group + member, b"mesh/grp/who", TOKEN_BYTES)


def who_tokens(
    link_keys: Sequence[bytes], group: GroupId, member: VerifyKey, entropy: Entropy
) -> bytes:
    """Return the tokens for these contacts, the first 256, filled to a multiple of 32 by chance."""
    tokens = [who_token(key, group, member) for key in link_keys[:WHO_TOKENS_MAX]]
    missing = -len(tokens) % WHO_TOKENS_STEP or (0 if tokens else WHO_TOKENS_STEP)
    tokens += [entropy.draw(TOKEN_BYTES) for _ in range(missing)]
    return b"".join(sorted(tokens))


def is_known_by(tokens: bytes, link_key: bytes, group: GroupId, member: VerifyKey) -> bool:
    """Say whether the member is the contact with whom `link_key` is shared."""
    token = who_token(link_key, group, member)
    return any(
        tokens[start : start + TOKEN_BYTES] == token for start in range(0, len(tokens), TOKEN_BYTES)
    )
