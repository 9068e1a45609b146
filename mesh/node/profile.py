"""One profile on disk: who holds it, its keys, and its two databases.

Implements `docs/protocol/storage.md`, sections "Key files" and "Order of writing". All methods
block; those that take a passphrase take about a second and a quarter of a gigabyte. Callers run
them in a thread.

A key is durable before its database exists, and it is destroyed before its database is removed.
So a process that is killed anywhere leaves a profile that starts again, or one that says that its
wiping is unfinished.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from mesh.crypto.entropy import Entropy
from mesh.errors import StorageError, UserError
from mesh.inputs import Connection
from mesh.limits.passphrase import PASSPHRASE_MEMORY_BYTES, PASSPHRASE_PASSES
from mesh.limits.storage import VAULT_REBUILT_BYTES_MAX
from mesh.node.folders import ProfileFolders
from mesh.node.key_files import (
    EMPTY_COST,
    STORE_KEY_FILE_BYTES,
    WRAPPED_KEY_FILE_BYTES,
    PassphraseCost,
    WrappedKey,
    decode_store_key,
    encode_store_key,
)
from mesh.node.private_files import (
    erase,
    find_private_bytes,
    make_private_file,
    make_private_folder,
    remove_folder,
    replace_private_bytes,
    storage_error,
    sync_folder,
)
from mesh.node.profile_lock import ProfileLock
from mesh.node.system_entropy import SystemEntropy
from mesh.storage.connection import (
    KEY_BYTES,
    changes_count,
    checkpoint,
    connect,
    overwrite_freed_memory,
    rebuild,
)
from mesh.storage.migrations import migrate_store, migrate_vault

USUAL_COST: Final = PassphraseCost(memory_bytes=PASSPHRASE_MEMORY_BYTES, passes=PASSPHRASE_PASSES)

PLAIN_MAGIC: Final = b"SQLite format 3\0"


class Profile:
    """A profile that this process holds from its construction until `release` or `wipe`.

    A second process that tries gets a `UserError` of the kind `already-running`.
    """

    def __init__(
        self,
        folders: ProfileFolders,
        *,
        entropy: Entropy | None = None,
        cost: PassphraseCost = USUAL_COST,
    ) -> None:
        """`cost` is for new key files; only tests give another than the usual one."""
        self.folders: Final = folders
        self._entropy = SystemEntropy() if entropy is None else entropy
        self._cost = cost
        for folder in (folders.config, folders.data, folders.state):
            make_private_folder(folder)
        self._lock = ProfileLock(folders.lock_file, folders.name)
        try:
            for key_file in (folders.vault_key_file, folders.store_key_file, folders.mesh_file):
                # What a write that was killed left here opens the vault as well as the other one.
                erase(_unfinished(key_file))
        except BaseException:
            self._lock.release()
            raise

    @classmethod
    @contextlib.contextmanager
    def held(
        cls, folders: ProfileFolders, *, cost: PassphraseCost = USUAL_COST
    ) -> Iterator["Profile"]:
        """Hold a profile for the length of a block."""
        profile = cls(folders, cost=cost)
        try:
            yield profile
        finally:
            profile.release()

    def release(self) -> None:
        """Let another process have the profile; the databases have been closed before."""
        self._lock.release()

    @property
    def is_created(self) -> bool:
        """Say whether there is a passphrase: its vault can be opened."""
        return self.folders.vault_key_file.exists()

    def create(self, passphrase: str) -> None:
        """First run: make the keys. An empty passphrase is allowed; the caller warns of it."""
        if self.is_created:
            raise UserError("exists", f"The profile {self.folders.name} exists already.")
        if self.folders.vault_file.exists():
            raise UserError(
                "wipe-unfinished",
                f"The key of the vault of the profile {self.folders.name} is gone, so nobody can "
                "read it: put the key back from a backup, or remove all with `mesh wipe`.",
            )
        self._store_key()
        with _overwritten(bytearray(self._entropy.draw(KEY_BYTES))) as key:
            self._write_vault_key(key, passphrase)

    def open_store(self) -> Connection:
        """The store, migrated; an empty one is made where there is none."""
        return _opened(self.folders.store_file, self._store_key(), migrate_store)

    def open_vault(self, passphrase: str) -> Connection:
        """The vault, migrated; UserError `wrong-passphrase` if it is not the right one."""
        wrapped = self._wrapped_key()
        with _overwritten(wrapped.unwrap(passphrase)) as key:
            vault = _opened(self.folders.vault_file, key, migrate_vault)
            if not passphrase and wrapped.cost != EMPTY_COST:
                # An earlier release wrote it: from now on the file says that there is none. A full
                # disk must not keep a vault from being opened; the next time does it too.
                with contextlib.suppress(StorageError):
                    self._write_vault_key(key, passphrase)
            return vault

    def change_passphrase(self, former: str, new: str) -> None:
        """Seal the vault's key under another passphrase; the vault itself stays as it is."""
        with _overwritten(self._wrapped_key().unwrap(former)) as key:
            self._write_vault_key(key, new)

    def wipe(self) -> None:
        """Destroy the profile and let go of it; the databases have been closed before.

        Without its key, which goes first, the vault is noise, wherever copies of it may lie.
        """
        folders = self.folders
        erase_keys(folders)
        for database in (folders.vault_file, folders.store_file):
            _remove_database(database)
        for folder in (folders.config, folders.data, folders.state):
            remove_folder(folder, keep=folders.lock_file)
        self._lock.release()
        folders.lock_file.unlink(missing_ok=True)
        # A daemon that was killed leaves its socket, perhaps outside of the three folders.
        folders.socket_file.unlink(missing_ok=True)
        for folder in (folders.state, folders.socket_file.parent):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _store_key(self) -> bytes:
        path = self.folders.store_key_file
        content = find_private_bytes(path, bytes_max=STORE_KEY_FILE_BYTES)
        if content is not None:
            return decode_store_key(content, str(path))
        if self.folders.store_file.exists():
            raise StorageError(
                f"The key file {path} is gone: put it back from a backup, or move "
                f"{self.folders.store_file} away to begin with an empty store."
            )
        key = self._entropy.draw(KEY_BYTES)
        replace_private_bytes(path, encode_store_key(key))
        return key

    def _wrapped_key(self) -> WrappedKey:
        path = self.folders.vault_key_file
        content = find_private_bytes(path, bytes_max=WRAPPED_KEY_FILE_BYTES)
        if content is None:
            raise UserError(
                "no-identity",
                f"The profile {self.folders.name} has no passphrase yet: run `mesh up` first.",
            )
        return WrappedKey.decode(content, str(path))

    def _write_vault_key(self, key: bytearray, passphrase: str) -> None:
        cost = self._cost if passphrase else EMPTY_COST
        wrapped = WrappedKey.wrap(key, passphrase, cost, self._entropy)
        replace_private_bytes(self.folders.vault_key_file, wrapped.encode())


def erase_keys(folders: ProfileFolders) -> None:
    """Destroy the keys of a profile: its databases are noise from then on.

    The vault's goes first. What is left of an unfinished change goes before it, so that whoever is
    killed in between leaves a profile that opens, or one that nobody opens any more.
    """
    for key_file in (folders.vault_key_file, folders.store_key_file, folders.mesh_file):
        erase(_unfinished(key_file))
        erase(key_file)


def close_vault(vault: Connection) -> None:
    """Let nothing that was erased outlive it in the files or in memory, and let go of both."""
    try:
        overwrite_freed_memory(vault)
        if changes_count(vault):
            # A full disk must not keep a vault from being closed; the next time does it too.
            with contextlib.suppress(StorageError):
                rebuild(vault, bytes_max=VAULT_REBUILT_BYTES_MAX)
        checkpoint(vault)
    finally:
        vault.close()


@contextlib.contextmanager
def _overwritten(key: bytearray) -> Iterator[bytearray]:
    """A key for the length of a block."""
    try:
        yield key
    finally:
        key[:] = bytes(len(key))


def _opened(
    path: Path, key: bytes | bytearray, migrate: Callable[[Connection], None]
) -> Connection:
    if not path.exists():
        _make(path, key, migrate)
    make_private_file(path)
    first = _first_bytes(path)
    if first == PLAIN_MAGIC:
        raise StorageError(f"{path} is not encrypted and none of ours: move it away.")
    if len(first) < len(PLAIN_MAGIC):
        # The library would take it for a new one, and nobody would miss what it held.
        raise StorageError(
            f"The database {path} is damaged, since nothing is in it: put it back from a backup, "
            "or move it away to begin with an empty one."
        )
    connection = connect(path, key)
    try:
        migrate(connection)
        checkpoint(connection)
        # The library falls back to plain files when it is built without its cipher.
        assert _first_bytes(path) != PLAIN_MAGIC
        sync_folder(path.parent)
    except BaseException:
        connection.close()
        raise
    return connection


def _make(path: Path, key: bytes | bytearray, migrate: Callable[[Connection], None]) -> None:
    """Make an empty database, which has its name only once it is whole."""
    fresh = _unfinished(path)
    _remove_database(fresh)
    # A log without its database would be read into the new one, which is then damaged.
    _remove_database(path)
    make_private_file(fresh)
    connection = connect(fresh, key)
    try:
        migrate(connection)
        checkpoint(connection)
    finally:
        connection.close()
    try:
        fresh.replace(path)
    except OSError as error:
        raise storage_error(error, path) from error


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(PLAIN_MAGIC))
    except OSError as error:
        raise storage_error(error, path) from error


def _unfinished(path: Path) -> Path:
    """Return where a replacement that was killed half-way leaves what it had written."""
    return path.with_name(f".{path.name}.new")


def _remove_database(path: Path) -> None:
    try:
        for suffix in ("", "-wal", "-shm", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise storage_error(error, path) from error
