"""An invite: what one person gives to another so that they can write.

Implements `docs/protocol/first-contact.md`, section "Invite". The same bytes go into a link, which
carries the whole key bundle, and into a QR code, which carries only the bundle's hash. Both end
with a checksum, so that a text that was cut or changed on its way is told from a forged one. Both
are signed by their author: a link bears the signature, that of a QR code stands beside the bundle
on the mesh.
"""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Final

from mesh.crypto.hashing import blake2b, blake2b_256
from mesh.crypto.signing import SIGNATURE_BYTES, Verify, sign
from mesh.errors import PeerError, UserError
from mesh.ids import UnixSeconds, VerifyKey
from mesh.limits.contacts import NAME_BYTES_MAX
from mesh.limits.invites import (
    ADDRESS_HINT_BYTES_MAX,
    INVITE_ADDRESSES_MAX,
    INVITE_TEXT_CHARACTERS_MAX,
)
from mesh.wire.bundle import BUNDLE_BYTES, KEY_BYTES, Bundle, decode_bundle

VERSION: Final = 1
SECRET_BYTES: Final = 16
HASH_BYTES: Final = 32
PSK_BYTES: Final = 32
GID_BYTES: Final = 32
LINK_PREFIX: Final = "mesh:invite/"
QR_PREFIX: Final = "MESH:I/"
GROUP_LINK_PREFIX: Final = "mesh:group/"
GROUP_QR_PREFIX: Final = "MESH:G/"

_FLAG_BUNDLE: Final = 0x01
_FLAG_PSK: Final = 0x02
_FLAG_SIGNED: Final = 0x04
_FLAG_GROUP: Final = 0x08
_FLAG_APPROVAL: Final = 0x10
_FLAGS: Final = _FLAG_BUNDLE | _FLAG_PSK | _FLAG_SIGNED
_GROUP_FLAGS: Final = _FLAGS | _FLAG_GROUP | _FLAG_APPROVAL
_SIGNED_PREFIX: Final = b"mesh.invite.1"
_HINT_ADDRESS: Final = 1
_HINT_NAME: Final = 2
_HINT_FURTHER_ADDRESS: Final = 3
_CHECKSUM_BYTES: Final = 4
_FIXED_BYTES: Final = 2 + KEY_BYTES + SECRET_BYTES + 4
# What mail and chat programs put into a long word without being asked.
_INSERTED: Final = dict.fromkeys(map(ord, "<>\u00ad\u200b\u200c\u200d\u2060\ufeff"))


@dataclass(frozen=True, slots=True)
class Invite:
    """The addressee of an invite, under which secret, until when.

    One that was read has its bundle, or the hash alone. `psk` is of a closed mesh. `text_hash`:
    what the signature beside the bundle on the mesh must be of, where only the hash came. Without
    one (invites of 0.1) whoever had it on its way may have put in name, hint and expiry.
    """

    verify_key: VerifyKey
    secret: bytes = field(repr=False)
    expires: UnixSeconds
    bundle: Bundle | None
    bundle_hash: bytes
    psk: bytes | None = field(default=None, repr=False)
    address_hint: str = ""
    name: str = ""
    is_signed: bool = True
    text_hash: bytes | None = None
    further_addresses: tuple[str, ...] = ()
    """Where its author may be reached besides; only a link has room for them."""
    gid: bytes = b""
    """Of a link into a group, which one it is; `name` is then that of the group."""

    needs_approval: bool = False

    @property
    def signed_name(self) -> str:
        """The name that its author gives himself; empty if nobody signed it."""
        return self.name if self.is_signed else ""

    @property
    def signed_addresses(self) -> tuple[str, ...]:
        """The addresses that its author told; none if nobody signed them."""
        if not self.is_signed or not self.address_hint:
            return ()
        return (self.address_hint, *self.further_addresses)

    def link(self, seed: bytes) -> str:
        """The text with the whole bundle; survives mail and chat programs. Its author signs it."""
        assert self.bundle is not None
        encoded = self._encode(with_bundle=True)
        return self._in_base64(encoded + sign(seed, _SIGNED_PREFIX + blake2b_256(encoded)))

    def short_link(self) -> str:
        """The link with the bundle's hash: enough for whoever gets the bundle from the mesh."""
        return self._in_base64(self._encode(with_bundle=False))

    def qr(self) -> str:
        """The short text with the bundle's hash, in the characters that a QR code packs best."""
        encoded = _with_checksum(self._encode(with_bundle=False))
        prefix = GROUP_QR_PREFIX if self.gid else QR_PREFIX
        return prefix + base64.b32encode(encoded).rstrip(b"=").decode()

    def short_signature(self, seed: bytes) -> bytes:
        """The signature of the short texts, for the mesh: 64 bytes."""
        return sign(seed, _SIGNED_PREFIX + blake2b_256(self._encode(with_bundle=False)))

    def _encode(self, *, with_bundle: bool) -> bytes:
        """All that is signed, which is all but signature and checksum."""
        flags = (_FLAG_BUNDLE if with_bundle else 0) | (_FLAG_PSK if self.psk else 0)
        flags |= _FLAG_SIGNED | (_FLAG_GROUP if self.gid else 0)
        flags |= _FLAG_APPROVAL if self.needs_approval else 0
        keys = self.bundle.encode() if with_bundle and self.bundle else self.bundle_hash
        hints = _hint(_HINT_ADDRESS, self.address_hint)
        if with_bundle:
            hints += _hint(_HINT_NAME, self.name)
            for address in self.further_addresses:
                hints += _hint(_HINT_FURTHER_ADDRESS, address)
        return b"".join(
            (
                bytes((VERSION, flags)),
                self.verify_key,
                self.secret,
                self.expires.to_bytes(4, "big"),
                keys,
                self.psk or b"",
                self.gid,
                hints,
            )
        )

    def _in_base64(self, encoded: bytes) -> str:
        prefix = GROUP_LINK_PREFIX if self.gid else LINK_PREFIX
        return prefix + base64.urlsafe_b64encode(_with_checksum(encoded)).rstrip(b"=").decode()


def parse_invite(text: str, verify: Verify) -> Invite:
    """The invite in a link or QR text; white space inside is passed over.

    UserError `bad-invite` with one sentence that says what is wrong.
    """
    text = "".join(text.translate(_INSERTED).split())
    if is_group_link(text):
        raise _bad("This is a link into a group; join it with: mesh group join LINK")
    return _parsed(text, LINK_PREFIX, QR_PREFIX, _FLAGS, verify)


def is_group_link(text: str) -> bool:
    """Say whether a text claims to be a link into a group."""
    return text.lower().startswith((GROUP_LINK_PREFIX, GROUP_QR_PREFIX.lower()))


def parse_group_link(text: str, verify: Verify) -> Invite:
    """The link into a group in a text, as `parse_invite`; it has a `gid`."""
    text = "".join(text.translate(_INSERTED).split())
    if text.lower().startswith((LINK_PREFIX, QR_PREFIX.lower())):
        raise _bad("This is an invite of a person, not of a group; add it with: mesh add LINK")
    invite = _parsed(text, GROUP_LINK_PREFIX, GROUP_QR_PREFIX, _GROUP_FLAGS, verify)
    if not invite.gid or not invite.is_signed:
        raise _bad("This link is not valid; ask for a new one.")
    return invite


def _parsed(text: str, link_prefix: str, qr_prefix: str, flags: int, verify: Verify) -> Invite:
    data = _checked(_decode_text(text, link_prefix, qr_prefix))
    if data[0] != VERSION or data[1] & ~flags:
        raise _bad("This invite was made by a newer Mesh; update Mesh and add it again.")
    try:
        return _decode(data, verify)
    except (PeerError, UnicodeDecodeError) as error:
        raise _bad("This invite is not valid; ask for a new one.") from error


def is_short_signature_valid(
    verify_key: VerifyKey, text_hash: bytes, signature: bytes, verify: Verify
) -> bool:
    """Say whether what stood beside a bundle on the mesh signs the short text that we have."""
    return len(signature) == SIGNATURE_BYTES and verify(
        verify_key, _SIGNED_PREFIX + text_hash, signature
    )


def _decode_text(text: str, link_prefix: str, qr_prefix: str) -> bytes:
    if len(text) > INVITE_TEXT_CHARACTERS_MAX:
        raise _bad("This is far too long for an invite; copy only the link itself.")
    try:
        if text.lower().startswith(link_prefix):
            encoded = text[len(link_prefix) :]
            # No bytes have such a length: it was cut, and the checksum will say so.
            encoded += "A" * (len(encoded) % 4 == 1)
            return base64.b64decode(encoded + "=" * (-len(encoded) % 4), b"-_", validate=True)
        if text.upper().startswith(qr_prefix):
            encoded = text[len(qr_prefix) :].upper()
            encoded += "A" * (len(encoded) % 8 in (1, 3, 6))
            return base64.b32decode(encoded + "=" * (-len(encoded) % 8))
    except (binascii.Error, ValueError) as error:
        raise _bad("This invite was changed on its way; copy the whole link again.") from error
    raise _bad(f"This is not an invite; an invite begins with {link_prefix} or {qr_prefix}.")


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
    signature_bytes = SIGNATURE_BYTES if _bears_signature(flags) else 0
    more_bytes = (PSK_BYTES if flags & _FLAG_PSK else 0) + (GID_BYTES if flags & _FLAG_GROUP else 0)
    return _FIXED_BYTES + keys_bytes + more_bytes + signature_bytes


def _bears_signature(flags: int) -> bool:
    """Say whether a text with these flags ends with the signature: a short one does not."""
    return flags & (_FLAG_SIGNED | _FLAG_BUNDLE) == _FLAG_SIGNED | _FLAG_BUNDLE


def _decode(data: bytes, verify: Verify) -> Invite:
    flags = data[1]
    is_signed, signature = bool(flags & _FLAG_SIGNED), b""
    if _bears_signature(flags):
        data, signature = data[:-SIGNATURE_BYTES], data[-SIGNATURE_BYTES:]
    rest = _Reader(data[2:])
    verify_key = VerifyKey(rest.take(KEY_BYTES))
    text_hash = blake2b_256(data) if is_signed else None
    if signature and not verify(verify_key, _SIGNED_PREFIX + blake2b_256(data), signature):
        raise PeerError("an invite with a bad signature")
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
    gid = rest.take(GID_BYTES) if flags & _FLAG_GROUP else b""
    all_hints = rest.hints()
    hints = dict(all_hints)
    further = [value.decode() for kind, value in all_hints if kind == _HINT_FURTHER_ADDRESS]
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
        is_signed=is_signed,
        text_hash=None if signature else text_hash,
        further_addresses=tuple(further[: INVITE_ADDRESSES_MAX - 1]),
        gid=gid,
        needs_approval=bool(flags & _FLAG_APPROVAL),
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
