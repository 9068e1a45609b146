"""The key files of a profile, byte for byte.

Implements `docs/protocol/storage.md`, section "Key files". The store's key and the mesh stand in
their files as they are; the vault's key is sealed under a key from the passphrase. The parameters
of that step stand in the file, so that later releases may raise them. A checksum tells a damaged
file from a wrong passphrase.
"""

import unicodedata
from dataclasses import dataclass, field
from typing import Final

from mesh.crypto.aead import KEY_BYTES, NONCE_BYTES, TAG_BYTES, open_sealed_key, seal
from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import ARGON2_SALT_BYTES, blake2b_128
from mesh.crypto.passphrase import derive_key
from mesh.errors import DamagedError, PeerError, StorageError, UserError
from mesh.limits.admission import STAMP_BITS_MAX
from mesh.limits.passphrase import (
    PASSPHRASE_BYTES_MAX,
    PASSPHRASE_MEMORY_BYTES_MAX,
    PASSPHRASE_PASSES_MAX,
)
from mesh.wire.parameters import FORMER_STAMP_BITS, STAMP_BITS_DEFAULT, MeshParameters

VERSION: Final = 1
_MESH_VERSION: Final = 2
CHECKSUM_BYTES: Final = 16
STORE_KEY_FILE_BYTES: Final = 1 + KEY_BYTES + CHECKSUM_BYTES

_KIBIBYTE: Final = 1024
_QUOTA_BYTES: Final = 4
MESH_FILE_BYTES_MIN: Final = 1 + 1 + _QUOTA_BYTES + KEY_BYTES + 1 + CHECKSUM_BYTES
MESH_FILE_BYTES_MAX: Final = MESH_FILE_BYTES_MIN + 255
_HEAD_BYTES: Final = 1 + 4 + 4 + ARGON2_SALT_BYTES + NONCE_BYTES
_SEALED_BYTES: Final = KEY_BYTES + TAG_BYTES
WRAPPED_KEY_FILE_BYTES: Final = _HEAD_BYTES + _SEALED_BYTES + CHECKSUM_BYTES

# libsodium's floor for Argon2id (8 KiB, one pass).
_MEMORY_KIB_MIN: Final = 8
_PASSES_MIN: Final = 1


def encode_store_key(key: bytes) -> bytes:
    """The content of the store's key file."""
    assert len(key) == KEY_BYTES
    return _with_checksum(bytes([VERSION]) + key)


def decode_store_key(content: bytes, path: str) -> bytes:
    """The store's key; `path` is for the sentence of an error."""
    return _checked(content, STORE_KEY_FILE_BYTES, path, otherwise=_STORE_CAN_BE_EMPTY)[1:]


def encode_mesh(mesh: MeshParameters) -> bytes:
    """The content of the file that says which mesh a profile belongs to."""
    name = mesh.name.encode()
    head = bytes([_MESH_VERSION, mesh.stamp_bits]) + mesh.key_quota.to_bytes(_QUOTA_BYTES, "big")
    return _with_checksum(head + mesh.psk + bytes([len(name)]) + name)


def decode_mesh(content: bytes, path: str) -> MeshParameters:
    """The mesh of a profile; `path` is for the sentence of an error.

    In the first version every stamp had the bits of the mesh; now these are the least. Where it was
    9, as it was unless somebody chose otherwise, it is what is usual now.
    """
    body = _checked(
        content, len(content), path, otherwise=_MESH_CAN_BE_SAID_AGAIN, version=_MESH_VERSION
    )
    name = body[MESH_FILE_BYTES_MIN - CHECKSUM_BYTES :]
    if body[1 + 1 + _QUOTA_BYTES + KEY_BYTES :][:1] != bytes([len(name)]):
        raise _damaged(path, _MESH_CAN_BE_SAID_AGAIN)
    return MeshParameters(
        name=name.decode(),
        stamp_bits=body[1] if body[0] == _MESH_VERSION else _least_bits(body[1]),
        key_quota=int.from_bytes(body[2 : 2 + _QUOTA_BYTES], "big"),
        psk=body[2 + _QUOTA_BYTES :][:KEY_BYTES],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PassphraseCost:
    """The cost of one guess of a passphrase: Argon2id's memory and passes."""

    memory_bytes: int
    passes: int

    def __post_init__(self) -> None:
        assert self.memory_bytes % _KIBIBYTE == 0
        assert _is_bearable(self.memory_bytes // _KIBIBYTE, passes=self.passes)


_VAULT_IS_LOST: Final = (
    ", or restore a backup with `mesh restore FILE`; without it nobody can read what it opens"
)
_MESH_CAN_BE_SAID_AGAIN: Final = ", or say which mesh this profile belongs to: mesh join --help"
_STORE_CAN_BE_EMPTY: Final = (
    ", or move it and the database beside it away to begin with an empty store"
)


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """The vault's key, sealed under a passphrase."""

    cost: PassphraseCost
    salt: bytes = field(repr=False)
    nonce: bytes = field(repr=False)
    sealed: bytes = field(repr=False)

    @classmethod
    def wrap(
        cls, key: bytes | bytearray, passphrase: str, cost: PassphraseCost, entropy: Entropy
    ) -> "WrappedKey":
        """Seal a key; takes about a second at the usual cost."""
        assert len(key) == KEY_BYTES
        salt, nonce = entropy.draw(ARGON2_SALT_BYTES), entropy.draw(NONCE_BYTES)
        wrapping = _wrapping_key(passphrase, salt, cost)
        return cls(cost, salt, nonce, seal(wrapping, nonce, _head(cost, salt, nonce), key))

    @classmethod
    def decode(cls, content: bytes, path: str) -> "WrappedKey":
        """Read a key file; `path` is for the sentence of an error."""
        parts = _checked(content, WRAPPED_KEY_FILE_BYTES, path, otherwise=_VAULT_IS_LOST)
        memory_kib = int.from_bytes(parts[1:5], "big")
        passes = int.from_bytes(parts[5:9], "big")
        if not _is_bearable(memory_kib, passes=passes):
            raise _damaged(path, _VAULT_IS_LOST)
        salt, rest = parts[9 : 9 + ARGON2_SALT_BYTES], parts[9 + ARGON2_SALT_BYTES :]
        cost = PassphraseCost(memory_bytes=memory_kib * _KIBIBYTE, passes=passes)
        return cls(cost, salt, rest[:NONCE_BYTES], rest[NONCE_BYTES:])

    def opens_without(self) -> bool:
        """Say whether the passphrase is an empty one; a second of work at the usual cost."""
        try:
            self.unwrap("")[:] = bytes(KEY_BYTES)
        except UserError:
            return False
        return True

    def encode(self) -> bytes:
        """The content of the vault's key file."""
        return _with_checksum(_head(self.cost, self.salt, self.nonce) + self.sealed)

    def unwrap(self, passphrase: str) -> bytearray:
        """The vault's key, to be overwritten after use; takes a second at the usual cost."""
        wrapping = _wrapping_key(passphrase, self.salt, self.cost)
        head = _head(self.cost, self.salt, self.nonce)
        try:
            return open_sealed_key(wrapping, self.nonce, head, self.sealed)
        except PeerError:
            raise UserError("wrong-passphrase", "That is not the passphrase.") from None


def _least_bits(stamp_bits: int) -> int:
    """Return the least bits of a stamp in a mesh in which all had so many."""
    if stamp_bits == FORMER_STAMP_BITS:
        return STAMP_BITS_DEFAULT
    return min(stamp_bits, STAMP_BITS_MAX)


def _head(cost: PassphraseCost, salt: bytes, nonce: bytes) -> bytes:
    memory_kib = cost.memory_bytes // _KIBIBYTE
    return (bytes([VERSION]) + memory_kib.to_bytes(4, "big") + cost.passes.to_bytes(4, "big")) + (
        salt + nonce
    )


def _is_bearable(memory_kib: int, *, passes: int) -> bool:
    """Say whether Argon2id allows it and a machine survives it."""
    memory_kib_max = PASSPHRASE_MEMORY_BYTES_MAX // _KIBIBYTE
    is_memory_in_range = _MEMORY_KIB_MIN <= memory_kib <= memory_kib_max
    return is_memory_in_range and _PASSES_MIN <= passes <= PASSPHRASE_PASSES_MAX


def _wrapping_key(passphrase: str, salt: bytes, cost: PassphraseCost) -> bytes:
    if len(unicodedata.normalize("NFC", passphrase).encode()) > PASSPHRASE_BYTES_MAX:
        raise UserError("bad-passphrase", f"A passphrase has at most {PASSPHRASE_BYTES_MAX} bytes.")
    try:
        return derive_key(passphrase, salt, memory_bytes=cost.memory_bytes, passes=cost.passes)
    except RuntimeError:
        # All that libsodium says when it could not have the memory.
        needed = cost.memory_bytes // (_KIBIBYTE * _KIBIBYTE)
        raise UserError(
            "no-memory",
            f"A passphrase takes {needed} MiB of memory for a second, and there was less: "
            "close other programs and try again.",
        ) from None


def _with_checksum(content: bytes) -> bytes:
    return content + blake2b_128(content)


def _checked(
    content: bytes, length: int, path: str, *, otherwise: str, version: int = VERSION
) -> bytes:
    """The content of a key file without its checksum."""
    body, checksum = content[:-CHECKSUM_BYTES], content[-CHECKSUM_BYTES:]
    if not body or blake2b_128(body) != checksum:
        raise _damaged(path, otherwise)
    if body[0] > version:
        raise StorageError(f"The key file {path} is of a later release: update Mesh.")
    if not VERSION <= body[0] <= version or len(content) != length:
        raise _damaged(path, otherwise)
    return body


def _damaged(path: str, otherwise: str) -> DamagedError:
    return DamagedError(f"The key file {path} is damaged: put it back{otherwise}.", path)


EMPTY_COST: Final = PassphraseCost(memory_bytes=_MEMORY_KIB_MIN * _KIBIBYTE, passes=_PASSES_MIN)
"""What a key under an empty passphrase costs: nothing makes an empty one harder to guess, and so
its file says that there is none."""
