"""An invite: what one person gives to another so that they can write.

Implements `docs/protocol/first-contact.md`, section "Invite". The same bytes go into a link, which
carries the whole key bundle, and into a QR code, which carries only the bundle's hash. Both end
with a checksum, so that a text that was cut or changed on its way is told from a forged one.
"""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Final

from mesh.crypto.hashing import blake2b
from mesh.crypto.signing import Verify
from mesh.errors import PeerError, UserError
from mesh.ids import UnixSeconds, VerifyKey
from mesh.limits.contacts import NAME_BYTES_MAX
from mesh.limits.invites import ADDRESS_HINT_BYTES_MAX, INVITE_TEXT_CHARACTERS_MAX
from mesh.wire.bundle import BUNDLE_BYTES, KEY_BYTES, Bundle, decode_bundle

VERSION: Final = 1
SECRET_BYTES: Final = 16
HASH_BYTES: Final = 32
PSK_BYTES: Final = 32
LINK_PREFIX: Final = "mesh:invite/"
QR_PREFIX: Final = "MESH:I/"

_FLAG_BUNDLE: Final = 0x01
_FLAG_PSK: Final = 0x02
_HINT_ADDRESS: Final = 1
_HINT_NAME: Final = 2
_CHECKSUM_BYTES: Final = 4
_FIXED_BYTES: Final = 2 + KEY_BYTES + SECRET_BYTES + 4
# What mail and chat programs put into a long word without being asked.
_INSERTED: Final = dict.fromkeys(map(ord, "<>\u00ad\u200b\u200c\u200d\u2060\ufeff"))


@dataclass(frozen=True, slots=True)
class Invite:
    """The addressee of an invite, under which secret, until when.

    Exactly one of `bundle` and `bundle_hash` came with it. `psk` is of a closed mesh.
    """

    verify_key: VerifyKey
    secret: bytes = field(repr=False)
    expires: UnixSeconds
    bundle: Bundle | None
    bundle_hash: bytes
    psk: bytes | None = field(default=None, repr=False)
    address_hint: str = ""
    name: str = ""

    def link(self) -> str:
        """The text with the whole bundle; survives mail and chat programs."""
        assert self.bundle is not None
        return self._in_base64(with_bundle=True)

    def short_link(self) -> str:
        """The link with the bundle's hash: enough for whoever gets the bundle from the mesh."""
        return self._in_base64(with_bundle=False)

    def qr(self) -> str:
        """The short text with the bundle's hash, in the characters that a QR code packs best."""
        encoded = _with_checksum(self._encode(with_bundle=False))
        return QR_PREFIX + base64.b32encode(encoded).rstrip(b"=").decode()

    def _in_base64(self, *, with_bundle: bool) -> str:
        encoded = _with_checksum(self._encode(with_bundle=with_bundle))
        return LINK_PREFIX + base64.urlsafe_b64encode(encoded).rstrip(b"=").decode()

    def _encode(self, *, with_bundle: bool) -> bytes:
        flags = (_FLAG_BUNDLE if with_bundle else 0) | (_FLAG_PSK if self.psk else 0)
        keys = self.bundle.encode() if with_bundle and self.bundle else self.bundle_hash
        hints = _hint(_HINT_ADDRESS, self.address_hint)
        if with_bundle:
            hints += _hint(_HINT_NAME, self.name)
        return b"".join(
            (
                bytes((VERSION, flags)),
                self.verify_key,
                self.secret,
                self.expires.to_bytes(4, "big"),
                keys,
                self.psk or b"",
                hints,
            )
        )


def parse_invite(text: str, verify: Verify) -> Invite:
    """The invite in a link or QR text; white space inside is passed over.

    UserError `bad-invite` with one sentence that says what is wrong.
    """
    data = _checked(_decode_text("".join(text.translate(_INSERTED).split())))
    if data[0] != VERSION or data[1] & ~(_FLAG_BUNDLE | _FLAG_PSK):
        raise _bad("This invite was made by a newer Mesh; update Mesh and add it again.")
    try:
        return _decode(data, verify)
    except (PeerError, UnicodeDecodeError) as error:
        raise _bad("This invite is not valid; ask for a new one.") from error


def _decode_text(text: str) -> bytes:
    if len(text) > INVITE_TEXT_CHARACTERS_MAX:
        raise _bad("This is far too long for an invite; copy only the link itself.")
    try:
        if text.lower().startswith(LINK_PREFIX):
            encoded = text[len(LINK_PREFIX) :]
            # No bytes have such a length: it was cut, and the checksum will say so.
            encoded += "A" * (len(encoded) % 4 == 1)
            return base64.b64decode(encoded + "=" * (-len(encoded) % 4), b"-_", validate=True)
        if text.upper().startswith(QR_PREFIX):
            encoded = text[len(QR_PREFIX) :].upper()
            encoded += "A" * (len(encoded) % 8 in (1, 3, 6))
            return base64.b32decode(encoded + "=" * (-len(encoded) % 8))
    except (binascii.Error, ValueError) as error:
        raise _bad("This invite was changed on its way; copy the whole link again.") from error
    raise _bad(f"This is not an invite; an invite begins with {LINK_PREFIX} or {QR_PREFIX}.")


def _checked(data: bytes) -> bytes:
    """The bytes before the checksum, which ends an invite of every version."""
    body, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
    if len(body) >= 2 and _checksum(body) == checksum:
        return body
    if len(data) < 2 or (data[0] == VERSION and len(body) < _bytes_min(data[1])):
        raise _bad("This invite is cut off, its end is missing; copy the whole link again.")
    raise _bad("This invite is cut off or was changed on its way; copy the whole link again.")


def _bytes_min(flags: int) -> int:
    """Return how long an invite with these flags is at least, without its checksum."""
    keys_bytes = BUNDLE_BYTES if flags & _FLAG_BUNDLE else HASH_BYTES
    return _FIXED_BYTES + keys_bytes + (PSK_BYTES if flags & _FLAG_PSK else 0)


def _decode(data: bytes, verify: Verify) -> Invite:
    flags = data[1]
    rest = _Reader(data[2:])
    verify_key = VerifyKey(rest.take(KEY_BYTES))
    secret = rest.take(SECRET_BYTES)
    expires = UnixSeconds(int.from_bytes(rest.take(4), "big"))
    bundle: Bundle | None = None
    if flags & _FLAG_BUNDLE:
        bundle = decode_bundle(rest.take(BUNDLE_BYTES), verify)
        if bundle.verify_key != verify_key:
            raise PeerError("bundle of somebody else")
        bundle_hash = bundle.digest
    else:
        bundle_hash = rest.take(HASH_BYTES)
    psk = rest.take(PSK_BYTES) if flags & _FLAG_PSK else None
    hints = dict(rest.hints())
    name = hints.get(_HINT_NAME, b"")
    if len(name) > NAME_BYTES_MAX:
        raise PeerError("name too long")
    return Invite(
        verify_key=verify_key,
        secret=secret,
        expires=expires,
        bundle=bundle,
        bundle_hash=bundle_hash,
        psk=psk,
        address_hint=hints.get(_HINT_ADDRESS, b"").decode(),
        name=name.decode(),
    )


class _Reader:
    """Takes fields off the front of bytes; PeerError when they end too soon."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > len(self._data):
            raise PeerError("invite too short")
        taken, self._data = self._data[:count], self._data[count:]
        return taken

    def hints(self) -> list[tuple[int, bytes]]:
        """The rest as (type, value); types of later versions are the caller's to skip."""
        found: list[tuple[int, bytes]] = []
        while self._data:
            kind, length = self.take(2)
            found.append((kind, self.take(length)))
        return found


def _hint(kind: int, text: str) -> bytes:
    value = text.encode()
    assert len(value) <= ADDRESS_HINT_BYTES_MAX
    return bytes((kind, len(value))) + value if value else b""


def _with_checksum(data: bytes) -> bytes:
    return data + _checksum(data)


def _checksum(data: bytes) -> bytes:
    return blake2b(b"", data, b"mesh/inv/check", _CHECKSUM_BYTES)


def _bad(sentence: str) -> UserError:
    return UserError("bad-invite", sentence)
