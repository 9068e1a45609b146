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
from contextlib import closing
from pathlib import Path
from typing import Final

from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b
from mesh.database import Connection
from mesh.errors import DamagedError, StorageError, UserError
from mesh.ids import UnixSeconds
from mesh.limits.passphrase import PASSPHRASE_MEMORY_BYTES, PASSPHRASE_PASSES
from mesh.limits.storage import VAULT_REBUILT_BYTES_MAX
from mesh.node.database_files import (
    aside_of,
    give_name,
    make_database,
    move_aside,
    remove_database,
    salvaged_of,
    unfinished,
)
from mesh.node.folders import ProfileFolders
from mesh.node.former_vault import bring_up_to_date, go_back
from mesh.node.key_files import (
    EMPTY_COST,
    STORE_KEY_FILE_BYTES,
    WRAPPED_KEY_FILE_BYTES,
    PassphraseCost,
    WrappedKey,
    decode_store_key,
    encode_store_key,
)
from mesh.node.login_start import LoginStart
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
from mesh.node.wiped_keys import copy_stays, erase_keys, files_stay, key_files
from mesh.storage.connection import (
    KEY_BYTES,
    changes_count,
    checkpoint,
    connect,
    connect_to_read,
    damaged,
    overwrite_freed_memory,
    rebuild,
)
from mesh.storage.migrations import migrate_store, migrate_vault, schema_version
from mesh.storage.store.schema import STORE_MIGRATIONS
from mesh.storage.vault_saving import vault_damage

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
        inherited_lock: int | None = None,
    ) -> None:
        """`cost` is for new key files; only tests give another than the usual one.

        `inherited_lock`: what the program that this process was before has held.
        """
        self.folders: Final = folders
        self._entropy = SystemEntropy() if entropy is None else entropy
        self._cost = cost
        for folder in (folders.config, folders.data, folders.state):
            make_private_folder(folder)
        self._lock = ProfileLock(folders.lock_file, folders.name, inherited=inherited_lock)
        try:
            for key_file in key_files(folders):
                # What a write that was killed left here opens the vault as well as the other one.
                erase(unfinished(key_file))
        except BaseException:
            self._lock.release()
            raise

    @classmethod
    @contextlib.contextmanager
    def held(
        cls,
        folders: ProfileFolders,
        *,
        cost: PassphraseCost = USUAL_COST,
        inherited_lock: int | None = None,
    ) -> Iterator["Profile"]:
        """Hold a profile for the length of a block."""
        profile = cls(folders, cost=cost, inherited_lock=inherited_lock)
        try:
            yield profile
        finally:
            profile.release()

    def release(self) -> None:
        """Let another process have the profile; the databases have been closed before."""
        self._lock.release()

    def hand_on(self) -> int:
        """Return what holds the profile, for the next program of this process."""
        return self._lock.hand_on()

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
                "read it: put the key back, restore a backup with `mesh restore FILE`, or remove "
                "all with `mesh wipe`.",
            )
        self._store_key()
        vault_file = self.folders.vault_file
        with _overwritten(bytearray(self._entropy.draw(KEY_BYTES))) as key:
            # Made before its key and named after it: so a key without a vault is one that was lost.
            make_database(unfinished(vault_file), key, migrate_vault)
            self._write_vault_key(key, passphrase)
        give_name(unfinished(vault_file), vault_file)

    def open_store(self, fill: Callable[[Connection], None] = lambda _store: None) -> Connection:
        """The store, migrated; where there is none one is made, which `fill` writes into before it
        has its name.
        """

        def make(store: Connection) -> None:
            migrate_store(store)
            fill(store)

        return _opened(self.folders.store_file, self._store_key(), migrate_store, make=make)

    def move_store_aside(self) -> Path:
        """Move a damaged store out of the way, with its log; the one moved before it goes.

        Its key goes with it if that is damaged.
        """
        file, key_file = self.folders.store_file, self.folders.store_key_file
        try:
            content = find_private_bytes(key_file, bytes_max=STORE_KEY_FILE_BYTES)
            if content is not None:
                decode_store_key(content, str(key_file))
        except DamagedError:
            key_file.replace(aside_of(key_file))
        return move_aside(file)

    def create_filled(
        self,
        passphrase: str,
        fill: Callable[[Connection], None],
        *,
        before_key: Callable[[], None],
    ) -> None:
        """First run with a vault that `fill` makes of an empty file: a backup is put back.

        `before_key` writes what lies beside it.
        The vault has its name before its key has: who is killed in between leaves a profile that
        says so, and never one that looks new. What fails there leaves neither.
        """
        folders = self.folders
        with _overwritten(bytearray(self._entropy.draw(KEY_BYTES))) as key:
            try:
                make_database(unfinished(folders.vault_file), key, fill)
            except BaseException:
                remove_database(unfinished(folders.vault_file))
                raise
            give_name(unfinished(folders.vault_file), folders.vault_file)
            try:
                self._store_key()
                before_key()
                self._write_vault_key(key, passphrase)
            except BaseException:
                remove_with_key(folders.vault_file, folders.vault_key_file)
                raise

    def owner_key(self, vault: Connection | None) -> bytes:
        """A key that only this profile has: of its open vault, or of the store of a relay."""
        if vault is None:
            secret = self._store_key()
        else:
            row = vault.execute("SELECT seed FROM identity").fetchone()
            secret = row[0] if row is not None and isinstance(row[0], bytes) else b""
        return blake2b(secret, b"", b"mesh/backup/own", KEY_BYTES)

    def open_vault(self, passphrase: str) -> Connection:
        """The vault, migrated; UserError `wrong-passphrase` if it is not the right one."""
        vault, reader = self.open_vault_twice(passphrase)
        if reader is not None:
            reader.close()
        return vault

    def open_vault_twice(self, passphrase: str) -> tuple[Connection, Connection | None]:
        """The same, and a second connection that only reads; None where the disk is full.

        Without room for what two share, a vault is open for one alone.
        """
        wrapped, path = self._wrapped_key(), self.folders.vault_file
        self.require_vault()
        with _overwritten(wrapped.unwrap(passphrase)) as key:
            try:
                vault = _opened(path, key, migrate_vault, before=bring_up_to_date)
            except DamagedError as error:
                raise vault_damage(error) from error
            reader = None
            with contextlib.suppress(StorageError):
                reader = connect_to_read(path, key)
            if not passphrase and wrapped.cost != EMPTY_COST:
                # An earlier release wrote it: from now on the file says that there is none. A full
                # disk must not keep a vault from being opened; the next time does it too.
                with contextlib.suppress(StorageError):
                    self._write_vault_key(key, passphrase)
            return vault, reader

    def require_vault(self) -> None:
        """Raise StorageError if there is a key and the vault that it opens is gone."""
        file = self.folders.vault_file
        if salvaged_of(file).exists():
            raise StorageError(
                "The salvage of this profile's vault was interrupted: `mesh vault salvage` goes on."
            )
        if file.exists():
            if unfinished(file).exists():
                # A change of it was killed half-way, and nothing else would remove what it wrote.
                remove_database(unfinished(file))
            return
        if not self.is_created:
            return
        if unfinished(file).exists():
            # The first start was killed after the key was durable, or a later release after it had
            # changed the vault.
            give_name(unfinished(file), file)
            return
        raise StorageError(
            f"The vault {file} is gone, with your identity, contacts and messages, and its key is "
            "here. Put the file back, restore a backup with `mesh restore FILE`, or remove what is "
            "left with `mesh wipe` and start anew."
        )

    def go_back(self, key: bytes | bytearray) -> UnixSeconds:
        """Put the vault of before an update back; return when it was left. The newer one is kept.

        A store that this release does not know goes aside. Sessions begin anew. UserError and
        StorageError as `mesh.node.former_vault.go_back`.
        """
        self.require_vault()
        return go_back(
            self.folders.vault_file, key, self._entropy, before_swap=self._let_later_store_aside
        )

    def vault_key(self, passphrase: str) -> bytearray:
        """The key of the vault, to be overwritten after use; UserError `wrong-passphrase`."""
        return self._wrapped_key().unwrap(passphrase)

    def change_passphrase(self, former: str, new: str) -> None:
        """Seal the vault's key under another passphrase; the vault itself stays as it is."""
        with _overwritten(self._wrapped_key().unwrap(former)) as key:
            self._write_vault_key(key, new)

    def wipe(self) -> None:
        """Destroy the profile and let go of it; the databases have been closed before.

        Without its key, which goes first, the vault is noise, wherever copies of it may lie. Raises
        UserError `not-wiped` if that key stays; with it gone, `files-stay` if not all files could
        be removed, and at the end `copy-stays` if one went without being overwritten.
        """
        folders = self.folders
        left = erase_keys(folders)
        try:
            self._remove_files()
        except StorageError as error:
            raise files_stay(folders.name, left, error) from error
        self._lock.release()
        folders.lock_file.unlink(missing_ok=True)
        # A daemon that was killed leaves its socket, perhaps outside of the three folders.
        folders.socket_file.unlink(missing_ok=True)
        for folder in (folders.state, folders.socket_file.parent):
            with contextlib.suppress(OSError):
                folder.rmdir()
        if left:
            raise copy_stays(folders.name, left)

    def _remove_files(self) -> None:
        folders = self.folders
        # It would make a new profile of this name at the next login: whatever else stays, it goes.
        failure: StorageError | None = None
        try:
            LoginStart(folders.name).remove()
        except StorageError as error:
            failure = error
        for database in (folders.vault_file, folders.store_file):
            remove_database(database)
        for folder in (folders.config, folders.data, folders.state):
            remove_folder(folder, keep=folders.lock_file)
        if failure is not None:
            raise failure

    def _let_later_store_aside(self) -> None:
        file = self.folders.store_file
        if not file.exists():
            return
        # A damaged one is told of at the next start.
        with contextlib.suppress(DamagedError), closing(connect(file, self._store_key())) as store:
            if schema_version(store) <= len(STORE_MIGRATIONS):
                return
        self.move_store_aside()

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
        replace_private_bytes(path, encode_store_key(key), is_key=True)
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
        replace_private_bytes(self.folders.vault_key_file, wrapped.encode(), is_key=True)


def remove_with_key(file: Path, key_file: Path) -> None:
    """Let neither a database be there nor its key, as far as the disk lets that be done."""
    for each in (unfinished(key_file), key_file):
        with contextlib.suppress(StorageError):
            erase(each)
    with contextlib.suppress(StorageError):
        remove_database(file)


def close_vault(vault: Connection) -> None:
    """Let nothing that was erased outlive it in the files or in memory, and let go of both.

    A damaged vault is closed as it is: who met the damage has told of it, or the next one will.
    """
    try:
        with contextlib.suppress(DamagedError):
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
    path: Path,
    key: bytes | bytearray,
    migrate: Callable[[Connection], None],
    *,
    make: Callable[[Connection], None] | None = None,
    before: Callable[[Path, bytes | bytearray], None] = lambda _path, _key: None,
) -> Connection:
    """Open a database, and `make` it where there is none; `before` has one that may be older."""
    if not path.exists():
        make_database(unfinished(path), key, make or migrate)
        give_name(unfinished(path), path)
    make_private_file(path)
    first = _first_bytes(path)
    if first == PLAIN_MAGIC:
        raise StorageError(f"{path} is not encrypted and none of ours: move it away.")
    if len(first) < len(PLAIN_MAGIC):
        # The library would take it for a new one, and nobody would miss what it held.
        raise damaged(str(path), ", since nothing is in it")
    before(path, key)
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


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(PLAIN_MAGIC))
    except OSError as error:
        raise storage_error(error, path) from error
