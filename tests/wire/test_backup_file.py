"""The file of a backup: whole or refused, whatever befell it."""

import io
import itertools

import pytest

from mesh.crypto.kem import PycaKem
from mesh.errors import PeerError, UserError
from mesh.limits.backup import BACKUP_CHUNK_BYTES, BACKUP_MEMORY_BYTES_MAX, BACKUP_WORK_BYTES_MAX
from mesh.wire.backup_file import (
    CHECKSUM_BYTES,
    ENDS_EARLY,
    FILE_HEAD_BYTES,
    LATER_RELEASE,
    MAGIC,
    NO_BACKUP,
    WORKS_TOO_HARD,
    BackupLock,
    BackupWriter,
    LockCost,
    OpenedBackup,
)
from tests.entropy import SeededEntropy

CHEAP = LockCost(memory_bytes=8 * 1024, passes=1)
PASSPHRASE = "correct horse"
KEM = PycaKem()
ENTROPY = SeededEntropy(48)


def made_lock() -> BackupLock:
    return BackupLock.make(PASSPHRASE, CHEAP, entropy=ENTROPY, kem=KEM)


def sealed(content: bytes, *, piece_bytes: int = 1 << 20) -> bytes:
    # Whoever writes has the public halves alone.
    writer = BackupWriter(BackupLock.decode(made_lock().encode()), entropy=ENTROPY, kem=KEM)
    pieces = [content[at : at + piece_bytes] for at in range(0, len(content), piece_bytes)]
    return writer.head + b"".join(writer.write(piece) for piece in pieces) + writer.finish()


def opened(data: bytes, passphrase: str = PASSPHRASE) -> bytes:
    return b"".join(OpenedBackup(io.BytesIO(data).read, passphrase, KEM).pieces())


@pytest.mark.parametrize(
    "length",
    [0, 1, BACKUP_CHUNK_BYTES - 1, BACKUP_CHUNK_BYTES, BACKUP_CHUNK_BYTES + 1, 200_000],
)
def test_what_was_sealed_opens(length: int) -> None:
    content = SeededEntropy(length).draw(length)
    for piece_bytes in (1_000, 70_000):
        assert opened(sealed(content, piece_bytes=piece_bytes)) == content


def test_two_files_with_one_content_have_nothing_in_common_behind_their_locks() -> None:
    lock = made_lock()
    files = []
    for _ in range(2):
        writer = BackupWriter(lock, entropy=ENTROPY, kem=KEM)
        files.append(writer.head + writer.write(bytes(1_000)) + writer.finish())
    one, other = files
    assert one[: len(lock.head)] == other[: len(lock.head)] == lock.head
    same = [at for at in range(len(lock.head), len(one)) if one[at] == other[at]]
    assert len(same) < len(one) // 50


def test_a_byte_that_was_altered_anywhere_is_noticed() -> None:
    data = sealed(bytes(200_000))
    places = [*range(FILE_HEAD_BYTES), *range(FILE_HEAD_BYTES, len(data), 1_000), len(data) - 1]
    for at in places:
        altered = bytearray(data)
        altered[at] ^= 1
        with pytest.raises(PeerError):
            opened(bytes(altered))


def test_a_head_that_was_altered_with_its_checksum_opens_with_no_passphrase() -> None:
    data = sealed(b"content")
    from mesh.crypto.hashing import blake2b_128

    # The salt, the box, the ephemeral key, the ciphertext, the stream's header.
    for at in (20, 50, 120, 170, 500, FILE_HEAD_BYTES - CHECKSUM_BYTES - 1):
        head = bytearray(data[: FILE_HEAD_BYTES - CHECKSUM_BYTES])
        head[at] ^= 1
        with pytest.raises((PeerError, UserError)):
            opened(bytes(head) + blake2b_128(bytes(head)) + data[FILE_HEAD_BYTES:])


def test_a_file_that_was_cut_anywhere_is_noticed() -> None:
    data = sealed(bytes(200_000))
    for end in [*range(0, FILE_HEAD_BYTES, 7), *range(FILE_HEAD_BYTES, len(data), 1_000)]:
        with pytest.raises(PeerError):
            opened(data[:end])
    with pytest.raises(PeerError, match=ENDS_EARLY):
        # At a border of two chunks nothing but the missing last one shows it.
        opened(data[: FILE_HEAD_BYTES + BACKUP_CHUNK_BYTES + 17])


def test_what_stands_behind_the_end_is_refused() -> None:
    # A last chunk that is full: what follows it is not read together with it.
    data = sealed(bytes(2 * BACKUP_CHUNK_BYTES))
    with pytest.raises(PeerError, match="behind its end"):
        opened(data + b"\0")


def test_chunks_in_another_order_are_noticed() -> None:
    data = sealed(bytes(4 * BACKUP_CHUNK_BYTES))
    size = BACKUP_CHUNK_BYTES + 17
    head, chunks = data[:FILE_HEAD_BYTES], data[FILE_HEAD_BYTES:]
    pieces = [chunks[at : at + size] for at in range(0, len(chunks), size)]
    assert len(pieces) == 4
    for order in itertools.permutations(range(4)):
        if order == (0, 1, 2, 3):
            continue
        with pytest.raises(PeerError):
            opened(head + b"".join(pieces[place] for place in order))
    with pytest.raises(PeerError):
        opened(head + b"".join([*pieces[:2], *pieces[1:]]))


def test_another_passphrase_is_told_from_damage() -> None:
    with pytest.raises(UserError) as refused:
        opened(sealed(b"content"), "battery staple")
    assert refused.value.kind == "wrong-passphrase"
    assert made_lock().find_keys("battery staple") is None


@pytest.mark.parametrize("data", [b"", b"SQLite format 3\0" * 100, b"MESHCARR" + bytes(4_000)])
def test_what_is_no_backup_is_called_so(data: bytes) -> None:
    with pytest.raises(PeerError, match=NO_BACKUP):
        opened(data)


def test_a_later_release_is_named_as_the_reason() -> None:
    data = bytearray(sealed(b"content"))
    data[len(MAGIC)] = 2
    with pytest.raises(PeerError, match=LATER_RELEASE):
        opened(bytes(data))


@pytest.mark.parametrize(
    "memory_kib, passes",
    [
        (BACKUP_MEMORY_BYTES_MAX // 1024 + 1, 1),
        (0xFFFFFFFF, 1),
        (256 * 1024, BACKUP_WORK_BYTES_MAX // (256 << 20) + 1),
        (8, 0xFFFFFFFF),
        (8, 0),
        (7, 1),
    ],
)
def test_a_file_that_asks_for_too_much_work_is_refused_without_it(
    memory_kib: int, passes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("mesh.wire.backup_file.derive_key")
    data = bytearray(SEALED)
    data[9:17] = memory_kib.to_bytes(4, "big") + passes.to_bytes(4, "big")
    with pytest.raises(PeerError, match=WORKS_TOO_HARD):
        opened(bytes(data))


SEALED = sealed(b"content")
