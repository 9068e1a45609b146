"""The manifest of a release: its files with their hashes, signed by keys of its makers.

One line of JSON in one form only: keys sorted, no spaces, a line feed at the end. Signed is
`release` in this form behind `SIGNED_AS`, by Ed25519. Whoever reads it knows k of n keys. A
signature by a key that they do not know tells them nothing; one by a known key that does not fit
spoils all.
"""

from collections.abc import Sequence
from typing import Annotated, Final, Literal, TypeVar

import msgspec

from mesh.bundles.versions import VERSION_PATTERN
from mesh.crypto.signing import is_signature_valid, sign, verify_key_of
from mesh.errors import PeerError
from mesh.limits.bundles import (
    BUNDLE_FILE_BYTES_MAX,
    MANIFEST_BYTES_MAX,
    MANIFEST_FILES_MAX,
    MANIFEST_SIGNATURES_MAX,
)

SIGNED_AS: Final = b"mesh release 1\n"
"""Before what is signed, so that no other signature of these keys stands for one of a release."""

ENDING: Final = ".manifest.json"

Kind = Literal["bundle", "package", "wheel", "source"]

FILE_NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._+~-]{0,127}\Z"
SYSTEM_PATTERN: Final = r"^[a-z0-9_-]{0,32}\Z"

FileName = Annotated[str, msgspec.Meta(pattern=FILE_NAME_PATTERN)]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
_Read = TypeVar("_Read", bound=msgspec.Struct)

PublicKey = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class ReleaseFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file. `system`: the one that a bundle or package is for, such as linux-x86_64."""

    bytes: Annotated[int, msgspec.Meta(ge=1, le=BUNDLE_FILE_BYTES_MAX)]
    kind: Kind
    name: FileName
    sha256: Sha256
    system: Annotated[str, msgspec.Meta(pattern=SYSTEM_PATTERN)]


class Release(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The signed part. `day`: when it was made, for people; nothing ends by it."""

    day: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
    files: Annotated[tuple[ReleaseFile, ...], msgspec.Meta(max_length=MANIFEST_FILES_MAX)]
    version: Annotated[str, msgspec.Meta(pattern=VERSION_PATTERN)]

    def signed_bytes(self) -> bytes:
        """Return what a signature is made over."""
        return SIGNED_AS + _canonical(self)


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A signature, and by which key."""

    key: PublicKey
    signature: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{128}\Z")]


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A release with its signatures, sorted by key."""

    release: Release
    signatures: Annotated[tuple[Signature, ...], msgspec.Meta(max_length=MANIFEST_SIGNATURES_MAX)]

    def encode(self) -> bytes:
        """Return the file."""
        return _canonical(self) + b"\n"


class ReleaseKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A public key, and what its holder is called."""

    key: PublicKey
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class ReleaseKeys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys that somebody knows, and how many of them must have signed."""

    keys: Annotated[tuple[ReleaseKey, ...], msgspec.Meta(max_length=MANIFEST_SIGNATURES_MAX)]
    threshold: Annotated[int, msgspec.Meta(ge=1, le=MANIFEST_SIGNATURES_MAX)]


def decode_manifest(data: bytes) -> Manifest:
    """Return the manifest of a file; PeerError if it is none, or not in the one form."""
    if len(data) > MANIFEST_BYTES_MAX:
        raise PeerError("it is too large to be a manifest")
    manifest = _decoded(data, Manifest, "manifest")
    if manifest.encode() != data:
        raise PeerError("it is not written as manifests are")
    files, keys = manifest.release.files, [each.key for each in manifest.signatures]
    if [each.name for each in files] != sorted({each.name for each in files}):
        raise PeerError("its files are not in order, or one comes twice")
    if keys != sorted({*keys}):
        raise PeerError("its signatures are not in order, or one comes twice")
    return manifest


def decode_keys(data: bytes) -> ReleaseKeys:
    """Return the keys of a file; PeerError if it is none. Its form is free: people write it."""
    keys = _decoded(data, ReleaseKeys, "list of keys")
    if len({each.key for each in keys.keys}) != len(keys.keys):
        raise PeerError("a key comes twice")
    if keys.keys and keys.threshold > len(keys.keys):
        raise PeerError("it asks for more signatures than it has keys")
    return keys


def signers(manifest: Manifest, keys: ReleaseKeys) -> list[str]:
    """Return the names of those known keys that signed; PeerError if a signature does not fit."""
    known = {each.key: each.name for each in keys.keys}
    signed = manifest.release.signed_bytes()
    names = []
    for each in manifest.signatures:
        if each.key in known:
            if not is_signature_valid(
                bytes.fromhex(each.key), signed, bytes.fromhex(each.signature)
            ):
                raise PeerError(f"the signature of {known[each.key]} does not fit")
            names.append(known[each.key])
    return sorted(names)


def signed_by(manifest: Manifest, seeds: Sequence[bytes]) -> Manifest:
    """Return a manifest with the signatures of these keys beside those that it has."""
    message = manifest.release.signed_bytes()
    made = {
        verify_key_of(seed).hex(): Signature(
            key=verify_key_of(seed).hex(), signature=sign(seed, message).hex()
        )
        for seed in seeds
    }
    made = {each.key: each for each in manifest.signatures} | made
    return Manifest(release=manifest.release, signatures=tuple(made[key] for key in sorted(made)))


def _canonical(value: msgspec.Struct) -> bytes:
    return msgspec.json.encode(value, order="sorted")


def _decoded(data: bytes, kind: type[_Read], what: str) -> _Read:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise PeerError(f"it is no {what}") from None
