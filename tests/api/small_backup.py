"""The backup of a small node: a real file, with one contact and some messages to oneself."""

import io
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator

import trio

from mesh.commands.backup import BackupAnswer, Restored
from mesh.crypto.kem import PycaKem
from mesh.errors import UserError
from mesh.node.restoring import check
from mesh.node.system_entropy import SystemEntropy
from mesh.storage.vault.schema import VAULT_MIGRATIONS
from mesh.wire.backup_file import BackupLock, BackupWriter, LockCost
from mesh.wire.backup_records import (
    CONTENT_VERSION,
    EndRecord,
    FileRecord,
    Manifest,
    RowsRecord,
    encode_record,
)

CHEAP = LockCost(memory_bytes=8 * 1024, passes=1)


def small_backup(name: str, passphrase: str, bytes_count: int) -> Iterator[bytes]:
    """Yield the bytes of a backup with about so many."""
    entropy, kem = SystemEntropy(), PycaKem()
    lock = BackupLock.make(passphrase, CHEAP, entropy=entropy, kem=kem)
    writer = BackupWriter(lock, entropy=entropy, kem=kem)
    yield writer.head
    records = (
        Manifest(CONTENT_VERSION, 1_700_000_000, "default", False, len(VAULT_MIGRATIONS)),
        FileRecord("config.toml", b"battery_low_percent = 33\n"),
        RowsRecord("identity", ["only", "seed", "name", "created"], [[1, bytes(32), name, 1]]),
        RowsRecord("drafts", ["conversation", "text"], [[1, "x" * 1_000]] * (bytes_count // 1_000)),
        EndRecord(1 + bytes_count // 1_000),
    )
    for record in records:
        if sealed := writer.write(encode_record(record)):
            yield sealed
    yield writer.finish()


class SmallArchive:
    """The part of a small node that makes backups."""

    name: str
    is_locked: bool

    def forget_backups(self) -> None:
        self.is_cut_short = False
        self.restored: tuple[Restored, bytes] | None = None
        self.backup_passphrase: bytes | None = None
        self.backup_bytes = 200_000

    async def backup(self, passphrase: bytes, *, is_new: bool) -> AsyncGenerator[bytes, None]:
        await trio.lowlevel.checkpoint()
        if self.is_locked:
            raise UserError("locked", "The vault is locked. Unlock it with: mesh unlock")
        if not is_new and self.backup_passphrase not in (None, passphrase):
            raise UserError("wrong-passphrase", "That is not the passphrase of your backups.")
        self.backup_passphrase = passphrase
        for piece in small_backup(self.name, passphrase.decode(), self.backup_bytes):
            yield piece
            if self.is_cut_short:
                raise UserError("locked", "The vault was locked.")

    async def restore(
        self, more: Callable[[], Awaitable[bytes]], backup_passphrase: bytes, passphrase: bytes
    ) -> Restored:
        content = b""
        while piece := await more():
            content += piece
        found = check(io.BytesIO(content), backup_passphrase=backup_passphrase.decode())
        self.restored = (found, passphrase)
        return found

    async def backup_state(self) -> BackupAnswer:
        await trio.lowlevel.checkpoint()
        return BackupAnswer(has_passphrase=self.backup_passphrase is not None, is_weekly=True)
