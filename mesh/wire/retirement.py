"""Retirements: who opened an envelope, or wrote it, shows the token that its header commits to.

Implements `docs/protocol/envelope.md`, section "Retirements". Anybody can check one against the
stub of its envelope; only who opened the envelope knows its read token, and only its author the
withdraw token.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from mesh.crypto.hashing import blake2b_128, blake2b_256
from mesh.errors import PeerError
from mesh.ids import EnvelopeId
from mesh.wire.envelope import TOKEN_BYTES, Header

RETIREMENT_SIZE_CLASS: Final = 255
"""What stands in the place of a size class where ids of retirements are listed."""

RETIREMENTS_PER_ENVELOPE_MAX: Final = 2
"""By the read token and by the withdraw token."""

RETIREMENT_BYTES: Final = 32 + TOKEN_BYTES

_ELEMENT_PREFIX: Final = b"mesh/retired"


class Retirement(NamedTuple):
    """A token of 16 bytes that retires an envelope; nothing is said of whether it is true."""

    envelope: EnvelopeId
    token: bytes

    @property
    def element(self) -> EnvelopeId:
        """The id under which the retirement itself stands in the set of ids."""
        return EnvelopeId(blake2b_256(_ELEMENT_PREFIX, self.envelope, self.token))


def is_token_of(header: Header, token: bytes) -> bool:
    """Say whether a header commits to this token."""
    return blake2b_128(token) in (header.read_hash, header.withdraw_hash)


def join_retirements(retirements: Iterable[Retirement]) -> bytes:
    """Entries of an id and a token each, as one byte string."""
    return b"".join(envelope + token for envelope, token in retirements)


def split_retirements(entries: bytes) -> list[Retirement]:
    """The retirements in a byte string; PeerError if one is cut."""
    if len(entries) % RETIREMENT_BYTES:
        raise PeerError("cut list of retirements")
    starts = range(0, len(entries), RETIREMENT_BYTES)
    return [
        Retirement(EnvelopeId(entries[at : at + 32]), entries[at + 32 : at + RETIREMENT_BYTES])
        for at in starts
    ]


def split_tokens(tokens: bytes) -> list[bytes]:
    """The tokens behind a stub; PeerError if one is cut."""
    if len(tokens) % TOKEN_BYTES:
        raise PeerError("cut token")
    return [tokens[at : at + TOKEN_BYTES] for at in range(0, len(tokens), TOKEN_BYTES)]
