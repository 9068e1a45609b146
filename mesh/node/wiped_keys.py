"""The keys of a profile are destroyed, and what could not be overwritten is told.

Implements `docs/protocol/storage.md`, section "Order of writing", "Wiping".
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from mesh.errors import DamagedError, StorageError, UserError
from mesh.node.database_files import unfinished
from mesh.node.folders import ProfileFolders
from mesh.node.key_files import WRAPPED_KEY_FILE_BYTES, WrappedKey
from mesh.node.private_files import erase, erase_head
from mesh.wire.backup_file import FILE_HEAD_BYTES


def key_files(folders: ProfileFolders) -> tuple[Path, ...]:
    """Return the files of keys, in the order in which they are destroyed."""
    return (
        folders.vault_key_file,
        folders.store_key_file,
        folders.mesh_file,
        folders.backup_key_file,
    )


def erase_keys(folders: ProfileFolders) -> list[str]:
    """Destroy the keys of a profile: its databases are noise from then on.

    The heads of copies go first: whoever knows the passphrase of backups could open one, and
    nothing would show that it is left. Then the vault's key; what is left of an unfinished change
    goes before it, so that whoever is killed in between leaves a profile that opens, or one that
    nobody opens any more. Raises UserError `not-wiped` if the vault's key stays. Without that one
    nothing comes back, so nothing else ends it: returns the names of what could not be
    overwritten, which is told at the very end. No program may go on with an open vault for it.
    """
    left: list[str] = []

    def try_for(path: Path, destroy: Callable[[Path], None]) -> None:
        try:
            destroy(path)
        except StorageError:
            left.append(path.name)

    for copy in (*folders.copy_files, *folders.upgrade_copy_files):
        try_for(copy, lambda path: erase_head(path, FILE_HEAD_BYTES))
    left += _erase_vault_key(folders)
    for key_file in key_files(folders)[1:]:
        try_for(unfinished(key_file), erase)
        try_for(key_file, erase)
    return left


def copy_stays(name: str, left: Sequence[str]) -> UserError:
    """Return what is told where keys are destroyed and some files were not overwritten."""
    return UserError(
        "copy-stays", f"The profile {name} is gone. {_disk_holds(left)}", files=", ".join(left)
    )


def files_stay(name: str, left: Sequence[str], error: StorageError) -> UserError:
    """Return what is told where keys are destroyed and some files cannot be removed."""
    not_overwritten = f" {_disk_holds(left)}" if left else ""
    return UserError(
        "files-stay",
        f"The keys of the profile {name} are destroyed, so nobody opens it any more, but not all "
        f"of its files are removed: {error} Then run `mesh wipe` again.{not_overwritten}",
    )


def _disk_holds(left: Sequence[str]) -> str:
    return (
        f"These files could not be overwritten before they go, so the disk may hold them for "
        f"longer: {', '.join(left)}. A copy opens with the passphrase of your backups."
    )


def _erase_vault_key(folders: ProfileFolders) -> list[str]:
    """Destroy it; return the names of what reads as destroyed and is not known to be so on the
    disk: a write or a removal of it failed.
    """
    left = []
    for path in (unfinished(folders.vault_key_file), folders.vault_key_file):
        try:
            erase(path)
        except StorageError as error:
            if not _opens_nothing(path):
                raise UserError(
                    "not-wiped",
                    f"The profile {folders.name} is not wiped, since its key cannot be destroyed: "
                    f"{error} Copies that lay beside it may be gone.",
                ) from error
            left.append(path.name)
    return left


def _opens_nothing(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            WrappedKey.decode(file.read(WRAPPED_KEY_FILE_BYTES + 1), str(path))
    except (FileNotFoundError, DamagedError):
        return True
    except OSError:
        return False
    return False
