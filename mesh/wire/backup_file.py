"""The file of a backup: a head that a passphrase opens, and a stream that the head's key opens.

Implements `docs/protocol/backup-file.md`. Whoever writes needs only the public half of the head's
keys, so that a copy can be made while nobody is there to type the passphrase. The keys are X25519
and ML-KEM-768 together, as everywhere: both must be broken. Reading and writing take the memory of
one chunk, however long the file is.
"""

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from mesh.crypto.aead import NONCE_BYTES, TAG_BYTES, open_sealed_key, seal
from mesh.crypto.agreement import X25519_BYTES, x25519, x25519_public
from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import ARGON2_SALT_BYTES, blake2b, blake2b_128
from mesh.crypto.kem import KEM_CIPHERTEXT_BYTES, KEM_PUBLIC_KEY_BYTES, KEM_SEED_BYTES, Kem
from mesh.crypto.passphrase import derive_key
from mesh.crypto.secret_stream import (
    PIECE_OVERHEAD_BYTES,
    STREAM_HEADER_BYTES,
    StreamOpener,
    StreamSealer,
)
from mesh.errors import PeerError, UserError
from mesh.limits.backup import (
    BACKUP_CHUNK_BYTES,
    BACKUP_MEMORY_BYTES_MAX,
    BACKUP_WORK_BYTES_MAX,
)
from mesh.limits.passphrase import PASSPHRASE_BYTES_MAX

MAGIC: Final = b"MESHBACK"
VERSION: Final = 1
CHECKSUM_BYTES: Final = 16

_KIBIBYTE: Final = 1024
_MEMORY_KIB_MIN: Final = 8
_KEYS_BYTES: Final = X25519_BYTES + KEM_SEED_BYTES
_COST_BYTES: Final = len(MAGIC) + 1 + 4 + 4 + ARGON2_SALT_BYTES + NONCE_BYTES
_BOX_BYTES: Final = _KEYS_BYTES + TAG_BYTES
_HEAD_BYTES: Final = _COST_BYTES + _BOX_BYTES
LOCK_BYTES: Final = _HEAD_BYTES + X25519_BYTES + KEM_PUBLIC_KEY_BYTES
FILE_HEAD_BYTES: Final = (
    _HEAD_BYTES + X25519_BYTES + KEM_CIPHERTEXT_BYTES + STREAM_HEADER_BYTES + CHECKSUM_BYTES
)
"""What stands before the first chunk. Without it nothing of a file can be opened."""
_PIECE_BYTES: Final = BACKUP_CHUNK_BYTES + PIECE_OVERHEAD_BYTES

NO_BACKUP: Final = "it is no backup of Mesh"
LATER_RELEASE: Final = "it was made by a later release of Mesh: update Mesh, nothing was changed"
ENDS_EARLY: Final = "it ends too early: a part of it is missing"
WORKS_TOO_HARD: Final = "it asks for more memory or work than any backup does"

Read = Callable[[int], bytes]
"""Returns the next bytes of a file, at most so many; fewer only at its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockCost:
    """The cost of one guess of a backup's passphrase: Argon2id's memory and passes."""

    memory_bytes: int
    passes: int


@dataclass(frozen=True, slots=True)
class BackupKeys:
    """The private halves, which only the passphrase gives."""

    private: bytes = field(repr=False)
    kem_seed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class BackupLock:
    """The private halves under a passphrase (`head`), and the public ones, to which files are
    sealed.
    """

    head: bytes = field(repr=False)
    public: bytes = field(repr=False)
    kem_public: bytes = field(repr=False)

    @classmethod
    def make(cls, passphrase: str, cost: LockCost, *, entropy: Entropy, kem: Kem) -> "BackupLock":
        """Draw keys and seal them; about a second and a quarter of a gigabyte at the usual cost."""
        private, kem_seed = entropy.draw(X25519_BYTES), entropy.draw(KEM_SEED_BYTES)
        memory_kib = cost.memory_bytes // _KIBIBYTE
        salt, nonce = entropy.draw(ARGON2_SALT_BYTES), entropy.draw(NONCE_BYTES)
        start = MAGIC + bytes([VERSION]) + memory_kib.to_bytes(4, "big")
        start += cost.passes.to_bytes(4, "big") + salt + nonce
        box = seal(_wrapping_key(start, passphrase), nonce, start, private + kem_seed)
        return cls(start + box, x25519_public(private), kem.public_key(kem_seed))

    @classmethod
    def decode(cls, data: bytes) -> "BackupLock":
        """Read what `encode` wrote; PeerError if that is something else."""
        if len(data) != LOCK_BYTES:
            raise PeerError("the lock of backups has a wrong length")
        head, rest = data[:_HEAD_BYTES], data[_HEAD_BYTES:]
        check_head(head)
        return cls(head, rest[:X25519_BYTES], rest[X25519_BYTES:])

    def encode(self) -> bytes:
        """The bytes that stay beside a profile."""
        return self.head + self.public + self.kem_public

    def find_keys(self, passphrase: str) -> BackupKeys | None:
        """The private halves; None if it is another passphrase. As long as `make`."""
        return find_keys(self.head, passphrase)


def find_keys(head: bytes, passphrase: str) -> BackupKeys | None:
    """Open the head of a file or lock, which `check_head` has passed; None with another
    passphrase.
    """
    start, box = head[:_COST_BYTES], head[_COST_BYTES:]
    nonce = start[-NONCE_BYTES:]
    try:
        keys = open_sealed_key(_wrapping_key(start, passphrase), nonce, start, box)
    except PeerError:
        return None
    try:
        return BackupKeys(bytes(keys[:X25519_BYTES]), bytes(keys[X25519_BYTES:]))
    finally:
        keys[:] = bytes(len(keys))


def check_head(head: bytes) -> None:
    """PeerError unless it is one of this release and asks for no more than it may."""
    if head[: len(MAGIC)] != MAGIC:
        raise PeerError(NO_BACKUP)
    if len(head) <= len(MAGIC):
        raise PeerError(ENDS_EARLY)
    if head[len(MAGIC)] > VERSION:
        raise PeerError(LATER_RELEASE)
    if len(head) < _HEAD_BYTES:
        raise PeerError(ENDS_EARLY)
    memory_bytes, passes = _cost(head)
    is_memory_fine = _MEMORY_KIB_MIN * _KIBIBYTE <= memory_bytes <= BACKUP_MEMORY_BYTES_MAX
    if not is_memory_fine or passes < 1 or memory_bytes * passes > BACKUP_WORK_BYTES_MAX:
        raise PeerError(WORKS_TOO_HARD)


class BackupWriter:
    """Turns bytes into a backup, chunk by chunk."""

    def __init__(self, lock: BackupLock, *, entropy: Entropy, kem: Kem) -> None:
        ephemeral = entropy.draw(X25519_BYTES)
        shared = x25519(ephemeral, lock.public)
        ciphertext, kem_shared = kem.encapsulate(lock.kem_public, entropy)
        sent = x25519_public(ephemeral) + ciphertext
        self._stream = StreamSealer(_file_key(shared, kem_shared, lock.head, sent, lock.public))
        head = lock.head + sent + self._stream.header
        self.head = head + blake2b_128(head)
        """The beginning of the file."""
        self._waiting = bytearray()

    def write(self, data: bytes) -> bytes:
        """Take more of the content; return what there is for the file."""
        self._waiting += data
        sealed = bytearray()
        # The last chunk says that it is, so one is always kept back.
        while len(self._waiting) > BACKUP_CHUNK_BYTES:
            piece = bytes(self._waiting[:BACKUP_CHUNK_BYTES])
            del self._waiting[:BACKUP_CHUNK_BYTES]
            sealed += self._stream.seal(piece, is_last=False)
        return bytes(sealed)

    def finish(self) -> bytes:
        """The end of the file."""
        return self._stream.seal(bytes(self._waiting), is_last=True)


class OpenedBackup:
    """A backup whose head has opened, and its `lock`, to which others can be sealed."""

    def __init__(self, read: Read, passphrase: str, kem: Kem) -> None:
        """Raises PeerError, whose reason says what is wrong with the file, and UserError
        (`wrong-passphrase`).
        """
        self._read = read
        head = read(FILE_HEAD_BYTES)
        check_head(head[:_HEAD_BYTES])
        if len(head) < FILE_HEAD_BYTES:
            raise PeerError(ENDS_EARLY)
        if blake2b_128(head[:-CHECKSUM_BYTES]) != head[-CHECKSUM_BYTES:]:
            raise PeerError("its beginning is damaged")
        keys = find_keys(head[:_HEAD_BYTES], passphrase)
        if keys is None:
            raise UserError("wrong-passphrase", "That is not the passphrase of this backup.")
        sent = head[_HEAD_BYTES : _HEAD_BYTES + X25519_BYTES + KEM_CIPHERTEXT_BYTES]
        shared = x25519(keys.private, sent[:X25519_BYTES])
        kem_shared = kem.decapsulate(keys.kem_seed, sent[X25519_BYTES:])
        public, kem_public = x25519_public(keys.private), kem.public_key(keys.kem_seed)
        self.lock = BackupLock(head[:_HEAD_BYTES], public, kem_public)
        key = _file_key(shared, kem_shared, self.lock.head, sent, public)
        start = _HEAD_BYTES + len(sent)
        self._stream = StreamOpener(key, head[start : start + STREAM_HEADER_BYTES])

    def pieces(self) -> Iterator[bytes]:
        """Yield the content once, in pieces that were sealed as they are; PeerError as above.

        Whoever acts on it waits for the end, since only that shows it whole.
        """
        return _pieces(self._read, self._stream)


def _pieces(read: Read, stream: StreamOpener) -> Iterator[bytes]:
    offset, is_last = FILE_HEAD_BYTES, False
    while not is_last:
        sealed = read(_PIECE_BYTES)
        if not sealed:
            raise PeerError(ENDS_EARLY)
        try:
            piece, is_last = stream.open_sealed(sealed)
        except PeerError:
            if len(sealed) < _PIECE_BYTES:
                raise PeerError(f"it is damaged or cut short, at byte {offset} or later") from None
            raise PeerError(f"it is damaged, at byte {offset} or later") from None
        offset += len(sealed)
        yield piece
    if read(1):
        raise PeerError("it goes on behind its end")


def _file_key(shared: bytes, kem_shared: bytes, head: bytes, sent: bytes, public: bytes) -> bytes:
    """The key of one file, bound to all that stands before its stream."""
    return blake2b(shared + kem_shared, head + sent + public, b"mesh/backup", 32)


def _cost(head: bytes) -> tuple[int, int]:
    at = len(MAGIC) + 1
    memory_kib = int.from_bytes(head[at : at + 4], "big")
    return memory_kib * _KIBIBYTE, int.from_bytes(head[at + 4 : at + 8], "big")


def _wrapping_key(start: bytes, passphrase: str) -> bytes:
    if len(unicodedata.normalize("NFC", passphrase).encode()) > PASSPHRASE_BYTES_MAX:
        raise UserError("bad-passphrase", f"A passphrase has at most {PASSPHRASE_BYTES_MAX} bytes.")
    memory_bytes, passes = _cost(start)
    at = len(MAGIC) + 1 + 4 + 4
    salt = start[at : at + ARGON2_SALT_BYTES]
    try:
        return derive_key(passphrase, salt, memory_bytes=memory_bytes, passes=passes)
    except RuntimeError:
        needed = memory_bytes // (_KIBIBYTE * _KIBIBYTE)
        raise UserError(
            "no-memory",
            f"This passphrase takes {needed} MiB of memory for a second, and there was less: "
            "close other programs and try again.",
        ) from None
