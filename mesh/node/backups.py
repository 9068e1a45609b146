"""Backups of a profile: what is in one, the passphrase that they have, and the automatic copy.

Implements `docs/protocol/backup-file.md`. All functions block; those that take a passphrase take
about a second and a quarter of a gigabyte. Callers run them in a thread.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from typing import Final

import msgspec

from mesh.config import MESH_SETTINGS, without_settings
from mesh.crypto.aead import KEY_BYTES, NONCE_BYTES, open_sealed, seal
from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b
from mesh.crypto.kem import PycaKem
from mesh.database import Connection
from mesh.errors import PeerError, StorageError, UserError
from mesh.ids import UnixSeconds
from mesh.limits.backup import BACKUP_FILE_BYTES_MAX
from mesh.limits.passphrase import PASSPHRASE_MEMORY_BYTES, PASSPHRASE_PASSES
from mesh.node.folders import ProfileFolders
from mesh.node.key_files import MESH_FILE_BYTES_MAX
from mesh.node.private_files import (
    erase_head,
    find_private_bytes,
    replace_private_bytes,
    replacing_head,
    sync_folder,
)
from mesh.node.whole_file import WholeFile
from mesh.storage.connection import reading
from mesh.storage.migrations import schema_version
from mesh.storage.vault.portable import rows_count, rows_of
from mesh.storage.vault.rows import integer
from mesh.wire.backup_file import (
    FILE_HEAD_BYTES,
    LOCK_BYTES,
    BackupLock,
    BackupWriter,
    LockCost,
)
from mesh.wire.backup_records import (
    CONTENT_VERSION,
    EndRecord,
    FileRecord,
    Manifest,
    PeersRecord,
    Record,
    encode_record,
)

USUAL_COST: Final = LockCost(memory_bytes=PASSPHRASE_MEMORY_BYTES, passes=PASSPHRASE_PASSES)
CONFIG_NAME: Final = "config.toml"
MESH_NAME: Final = "mesh.key"
_SEAL_BYTES: Final = 16
_STATE_BYTES_MAX: Final = 4096

_DRAFT_MARK_BYTES: Final = 8
_DRAFTS_MAX: Final = 256

_COUNTED: Final = (
    ("entries", "number"),
    ("contacts", "id"),
    ("contents", "entry"),
    ("scheduled", "number"),
)
"""Tables of which something may be deleted, and their keys: none is given twice. The words of an
entry may go alone. The next one is appended, since a copy of before has counted no more."""


class CopyState(msgspec.Struct, frozen=True, array_like=True):
    """The state of the vault when a copy was made: by it a deletion since then is noticed."""

    made: int
    counted: list[tuple[int, int]]
    """Of each table of `_COUNTED`: the highest key, and how many rows there were."""
    drafts: list[bytes] = []
    """A mark of each draft. It goes when its message is sent, and that one may disappear."""


def content_of(
    folders: ProfileFolders, vault: Connection | None, peers: list[str], now: UnixSeconds
) -> Generator[bytes, None, None]:
    """Yield the content of a backup. `vault` reads what is committed now; None for a relay."""
    # What is read until the end is of one instant, whatever the node writes meanwhile.
    with nullcontext() if vault is None else reading(vault):
        schema, rows_max = (0, 0) if vault is None else (schema_version(vault), rows_count(vault))
        manifest = Manifest(
            CONTENT_VERSION, now, folders.name, vault is None, schema, rows_max=rows_max
        )
        yield encode_record(manifest)
        for record in (*_files(folders), PeersRecord(peers)):
            yield encode_record(record)
        written_count = 0
        if vault is not None:
            for rows in rows_of(vault):
                written_count += len(rows.rows)
                yield encode_record(rows)
    # Without it a backup is none, so one of a damaged vault never is.
    yield encode_record(EndRecord(written_count))


def sealed_content(lock: BackupLock, content: Iterator[bytes], entropy: Entropy) -> Iterator[bytes]:
    """Yield the bytes of a backup with this content."""
    writer = BackupWriter(lock, entropy=entropy, kem=PycaKem())
    yield writer.head
    for piece in content:
        if sealed := writer.write(piece):
            yield sealed
    yield writer.finish()


# --- The passphrase of backups --------------------------------------------------------------------


def find_lock(folders: ProfileFolders, owner_key: bytes) -> BackupLock | None:
    """Return what copies are sealed to; None if no passphrase was ever set.

    StorageError if the file was not written by this profile: whoever could replace it could read
    the copies.
    """
    path = folders.backup_key_file
    content = find_private_bytes(path, bytes_max=LOCK_BYTES + _SEAL_BYTES)
    if content is None:
        return None
    data, mark = content[:LOCK_BYTES], content[LOCK_BYTES:]
    if mark != _mark_of(data, owner_key):
        raise StorageError(
            f"The file {path} is damaged or not of this profile: no copy is sealed to it. Set the "
            "passphrase of backups anew: mesh backup FILE --new-passphrase"
        )
    try:
        return BackupLock.decode(data)
    except PeerError as error:
        raise StorageError(f"The file {path} cannot be used: {error.reason}.") from error


def keep_lock(folders: ProfileFolders, lock: BackupLock, owner_key: bytes) -> None:
    """Let copies be sealed to this from now on; one under a former passphrase goes."""
    write_lock(folders, lock, owner_key)
    remove_copy(folders)


def write_lock(folders: ProfileFolders, lock: BackupLock, owner_key: bytes) -> None:
    """Let copies be sealed to this from now on; one that is there stays."""
    data = lock.encode()
    replace_private_bytes(folders.backup_key_file, data + _mark_of(data, owner_key))


def lock_of(
    folders: ProfileFolders,
    owner_key: bytes,
    passphrase: str,
    *,
    is_new: bool,
    entropy: Entropy,
    cost: LockCost = USUAL_COST,
) -> BackupLock:
    """Return what a backup under a passphrase is sealed to; set the passphrase if there is none.

    UserError `wrong-passphrase` if another one was set, and this one is not to be a new one.
    """
    lock = None if is_new else find_lock(folders, owner_key)
    if lock is None:
        if not passphrase:
            raise UserError(
                "bad-passphrase",
                "A backup needs a passphrase: whoever has the file and no passphrase to guess "
                "would be you.",
            )
        lock = BackupLock.make(passphrase, cost, entropy=entropy, kem=PycaKem())
        keep_lock(folders, lock, owner_key)
    elif lock.find_keys(passphrase) is None:
        raise UserError(
            "wrong-passphrase",
            "That is not the passphrase of your backups. To set another one for this and later "
            "ones: mesh backup FILE --new-passphrase",
        )
    return lock


# --- The automatic copy ---------------------------------------------------------------------------


def write_copy(
    folders: ProfileFolders,
    sealed: Iterator[bytes],
    state: CopyState,
    owner_key: bytes,
    entropy: Entropy,
    should_stop: Callable[[], bool],
) -> None:
    """Make the copy anew; the former one is there until the new one is whole, and then goes.

    UserError `locked` if it `should_stop`.
    """
    unfinished, path = folders.copy_files
    with WholeFile(path, unfinished) as file:
        for piece in sealed:
            if should_stop():
                raise UserError("locked", "The vault was locked before the copy was made.")
            file.write(piece)
        file.check()
        with replacing_head(path, FILE_HEAD_BYTES):
            file.keep()
    nonce = entropy.draw(NONCE_BYTES)
    box = seal(_state_key(owner_key), nonce, b"", msgspec.msgpack.encode(state))
    replace_private_bytes(folders.copy_state_file, nonce + box)
    sync_folder(path.parent)


def state_now(vault: Connection, now: UnixSeconds) -> CopyState:
    """Return what is to be compared later."""
    counted = []
    for table, key in _COUNTED:
        highest = integer(vault.execute(f"SELECT coalesce(max({key}), 0) FROM {table}"))  # noqa: S608 (ours)
        counted.append((highest, _count_up_to(vault, table, key, highest)))
    return CopyState(now, counted, _marks_of_drafts(vault)[:_DRAFTS_MAX])


def has_deleted(vault: Connection, state: CopyState) -> bool:
    """Say whether something was deleted that the copy of this state holds."""
    if not set(state.drafts) <= set(_marks_of_drafts(vault)):
        return True
    return any(
        _count_up_to(vault, table, key, highest) < count
        for (table, key), (highest, count) in zip(_COUNTED, state.counted, strict=False)
    )


def find_state(folders: ProfileFolders, owner_key: bytes) -> CopyState | None:
    """Return the state of the copy that is there; None if there is none, or it is not known."""
    if not folders.copy_file.exists():
        return None
    content = find_private_bytes(folders.copy_state_file, bytes_max=_STATE_BYTES_MAX)
    if content is None or len(content) <= NONCE_BYTES:
        return None
    try:
        data = open_sealed(_state_key(owner_key), content[:NONCE_BYTES], b"", content[NONCE_BYTES:])
        return msgspec.msgpack.decode(data, type=CopyState)
    except (PeerError, msgspec.DecodeError):
        return None


def remove_copy(folders: ProfileFolders) -> None:
    """Let no automatic copy be there any more."""
    for path in folders.copy_files:
        erase_head(path, FILE_HEAD_BYTES)
    erase_head(folders.copy_state_file, _STATE_BYTES_MAX)


# --- Below ----------------------------------------------------------------------------------------


def _files(folders: ProfileFolders) -> Iterator[Record]:
    config = find_private_bytes(folders.config_file, bytes_max=BACKUP_FILE_BYTES_MAX)
    if config is not None and len(config) <= BACKUP_FILE_BYTES_MAX:
        text = without_settings(config.decode(errors="replace"), MESH_SETTINGS)
        yield FileRecord(CONFIG_NAME, text.encode())
    mesh = find_private_bytes(folders.mesh_file, bytes_max=MESH_FILE_BYTES_MAX)
    if mesh is not None:
        yield FileRecord(MESH_NAME, mesh)


def _count_up_to(vault: Connection, table: str, key: str, highest: int) -> int:
    return integer(
        # The names of tables and columns are constants of ours.
        vault.execute(f"SELECT count(*) FROM {table} WHERE {key} <= ?", (highest,))  # noqa: S608 (ours)
    )


def _marks_of_drafts(vault: Connection) -> list[bytes]:
    rows = vault.execute("SELECT conversation, text FROM drafts ORDER BY conversation").fetchall()
    return [
        blake2b(b"", f"{conversation} {text}".encode(), b"mesh/backup/said", _DRAFT_MARK_BYTES)
        for conversation, text in rows
    ]


def _mark_of(data: bytes, owner_key: bytes) -> bytes:
    return blake2b(owner_key, data, b"mesh/backup/lock", _SEAL_BYTES)


def _state_key(owner_key: bytes) -> bytes:
    return blake2b(owner_key, b"", b"mesh/backup/seen", KEY_BYTES)
