"""A member writes to one who is no contact of his: the letter, and the words that follow it.

Implements `docs/protocol/groups.md`, section "Writing to a member". A letter has an invite of who
writes, for one use. Who wrote proves on the session that grows of it which member he is, and then
so does who accepted. A word names neither group nor member: who was given the invite by whom it was
written to, or made it for something else, learns nothing of either.
"""

import base64
from typing import Annotated, Final, Literal

import msgspec

from mesh.content.entry import Id
from mesh.content.fields import InvalidContentError, require_bytes
from mesh.crypto.hashing import blake2b
from mesh.errors import PeerError
from mesh.group.posts import GroupId
from mesh.ids import VerifyKey
from mesh.limits.groups import INVITE_NOTE_BYTES_MAX
from mesh.limits.member_letters import LETTER_INVITE_BYTES_MAX
from mesh.wire.invite import LINK_PREFIX

VERSION: Final = 1
MEMBER_LETTER: Final = 52
"""The kind of the letter; those before it are of controls that are letters too."""

PROOF_BYTES: Final = 16


class MemberLetter(msgspec.Struct, frozen=True, array_like=True):
    """A member asks another to become a contact: `invite` is the bytes of a link."""

    version: Literal[1]
    gid: Id
    invite: Annotated[bytes, msgspec.Meta(min_length=1, max_length=LETTER_INVITE_BYTES_MAX)]
    note: str

    @property
    def link(self) -> str:
        """The invite as a text."""
        return LINK_PREFIX + base64.urlsafe_b64encode(self.invite).rstrip(b"=").decode()


class MemberWord(msgspec.Struct, frozen=True, array_like=True):
    """A contact proves which member of a group he is, to who knows of which he may be one."""

    version: Literal[1]
    proof: Annotated[bytes, msgspec.Meta(min_length=PROOF_BYTES, max_length=PROOF_BYTES)]


_encoder = msgspec.msgpack.Encoder()
_letters = msgspec.msgpack.Decoder(MemberLetter)
_words = msgspec.msgpack.Decoder(MemberWord)
_MALFORMED: Final = (
    msgspec.DecodeError,
    UnicodeDecodeError,
    RecursionError,
    InvalidContentError,
)


def encode_member_letter(gid: GroupId, link: str, note: str) -> bytes:
    """Return the bytes of a letter with the invite of a link."""
    encoded = link.removeprefix(LINK_PREFIX)
    invite = base64.b64decode(encoded + "=" * (-len(encoded) % 4), b"-_", validate=True)
    return _encoder.encode(MemberLetter(VERSION, gid, invite, note))


def decode_member_letter(data: bytes) -> MemberLetter:
    """Return what a letter says; PeerError on anything else. The invite is not looked at."""
    try:
        letter = _letters.decode(data)
        require_bytes(letter.note, INVITE_NOTE_BYTES_MAX)
    except _MALFORMED as error:
        raise PeerError("malformed letter of a member") from error
    return letter


def encode_member_word(gid: GroupId, member: VerifyKey, secret: bytes) -> bytes:
    """Return the bytes by which a member says who he is, by the secret of the invite."""
    return _encoder.encode(MemberWord(VERSION, _proof(gid, member, secret)))


def decode_member_word(data: bytes) -> MemberWord:
    """Return what a contact says of himself; PeerError on anything else."""
    try:
        return _words.decode(data)
    except _MALFORMED as error:
        raise PeerError("malformed word on who is a member") from error


def is_proved(word: MemberWord, gid: GroupId, member: VerifyKey, secret: bytes) -> bool:
    """Say whether a word is by this member of this group, who has the invite of this secret."""
    return word.proof == _proof(gid, member, secret)


def _proof(gid: GroupId, member: VerifyKey, secret: bytes) -> bytes:
    return blake2b(secret, gid + member, b"mesh/grp/self", PROOF_BYTES)
