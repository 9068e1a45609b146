"""The database part of `mesh doctor`: the key files, and every page of what they open.

The store's key lies beside it, so all of its pages are read and their seals tried. The vault's is
sealed under the passphrase, which nobody is asked for here; but whoever writes over a sealed page,
or what a bad disk gives back in its place, hardly ever looks like noise, as each sealed page does.
`mesh doctor --vault` asks for the passphrase and reads the vault as well.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from mesh.errors import MeshError, StorageError, UserError
from mesh.node.database_files import unfinished
from mesh.node.doctor.finding import Finding
from mesh.node.folders import ProfileFolders
from mesh.node.key_files import (
    STORE_KEY_FILE_BYTES,
    WRAPPED_KEY_FILE_BYTES,
    WrappedKey,
    decode_store_key,
)
from mesh.node.private_files import find_private_bytes
from mesh.storage.connection import check_pages, connect_to_read

_PAGE_BYTES = 4_096
# SQLite never writes the page with this byte, so it is a hole in the file.
_UNUSED_PAGE = 0x4000_0000 // _PAGE_BYTES
# Of 256 values a page of noise lacks one in 35,000 pages, and never sixteen.
_VALUES_MIN = 240


def examine_databases(folders: ProfileFolders, passphrase: str | None) -> list[Finding]:
    """Look at both databases and their keys; the vault's pages are opened with a passphrase."""
    parts: list[tuple[str, Path, Path, Callable[[], str]]] = [
        ("store", folders.store_file, folders.store_key_file, lambda: _check_store(folders)),
        (
            "vault",
            folders.vault_file,
            folders.vault_key_file,
            lambda: _check_vault(folders, passphrase),
        ),
    ]
    return [_finding(check, file, key_file, look) for check, file, key_file, look in parts]


def find_store_key(folders: ProfileFolders) -> bytes | None:
    """The key of the store; StorageError if its file is damaged."""
    path = folders.store_key_file
    content = find_private_bytes(path, bytes_max=STORE_KEY_FILE_BYTES)
    return None if content is None else decode_store_key(content, str(path))


def _finding(check: str, file: Path, key_file: Path, look: Callable[[], str]) -> Finding:
    if not file.exists() and not key_file.exists():
        return Finding(check=check, level="ok", found=f"There is no {check} yet.")
    try:
        return Finding(check=check, level="ok", found=look())
    except UserError:
        # The passphrase is a wrong one; that says nothing of the database.
        raise
    except StorageError as error:
        is_store = check == "store"
        return Finding(
            check=check,
            level="fail",
            found=str(error),
            meaning=(
                "It holds the mail that this node carries, which its neighbours have too. When it "
                "meets the damage, the node moves it aside and has it filled again; this does so "
                "now."
                if is_store
                else "It holds your keys, contacts and messages, and nobody else has them."
            ),
            fix=_moved_away(file)
            if is_store
            else f"mesh down; keep a copy of the folder {file.parent}; then: mesh vault check",
        )
    except MeshError as error:
        return Finding(check=check, level="fail", found=str(error))


def _moved_away(file: Path) -> str:
    return f"mesh down; mv '{file}' '{file}.damaged'; rm -f '{file}-wal' '{file}-shm'; mesh up"


def _check_store(folders: ProfileFolders) -> str:
    key = find_store_key(folders)
    file = folders.store_file
    if key is None:
        raise StorageError(f"The key file {folders.store_key_file} is gone.")
    if not file.exists():
        return "The store will be made at the next start."
    _check_length(file)
    with closing(connect_to_read(file, key)) as store:
        check_pages(store)
    return "The store is whole: the seal of every page was tried."


def _check_vault(folders: ProfileFolders, passphrase: str | None) -> str:
    path, file = folders.vault_key_file, folders.vault_file
    content = find_private_bytes(path, bytes_max=WRAPPED_KEY_FILE_BYTES)
    if content is None:
        raise StorageError(f"The key file {path} is gone; without it nobody can read {file}.")
    wrapped = WrappedKey.decode(content, str(path))
    if not file.exists() and unfinished(file).exists():
        return "An update of the vault was interrupted; the next start of the node ends it."
    if not file.exists():
        raise StorageError(f"The vault {file} is gone, and its key is here.")
    _check_length(file)
    if passphrase is None:
        for number in _pages_without_noise(file):
            raise StorageError(
                f"The database {file} is damaged: page {number} is not what Mesh wrote there."
            )
        return "Nothing in the vault looks damaged; to try every seal: mesh doctor --vault"
    key = wrapped.unwrap(passphrase)
    try:
        with closing(connect_to_read(file, key)) as vault:
            check_pages(vault)
    finally:
        key[:] = bytes(len(key))
    return "The vault is whole: the seal of every page was tried."


def _check_length(file: Path) -> None:
    length = file.stat().st_size
    if length < _PAGE_BYTES or length % _PAGE_BYTES:
        raise StorageError(f"The database {file} is damaged: a part of it is cut off.")


def _pages_without_noise(file: Path) -> Iterator[int]:
    try:
        with file.open("rb") as opened:
            number = 0
            while page := opened.read(_PAGE_BYTES):
                number += 1
                is_noise = len(frozenset(page)) >= _VALUES_MIN
                if not is_noise and number != _UNUSED_PAGE + 1:
                    yield number
    except OSError as error:
        raise StorageError(f"The database {file} cannot be read: {error.strerror}.") from error
