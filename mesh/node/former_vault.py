"""The vault as it was before a later release changed it, and the way back to it.

Implements `docs/protocol/storage.md`, section "A later release". The vault is changed as a copy,
which then takes its place: so whoever is killed leaves one of the two, whole, and the former one
is kept beside it for a day.
"""

import contextlib
import logging
import os
import shutil
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from mesh.crypto.entropy import Entropy
from mesh.database import Connection
from mesh.errors import DamagedError, StorageError, UserError
from mesh.ids import UnixSeconds
from mesh.limits.backup import FORMER_VAULT_SECONDS
from mesh.node.database_files import (
    give_name,
    move_database_file,
    remove_database,
    require_emptied,
    unfinished,
)
from mesh.node.private_files import make_private_file, storage_error
from mesh.storage.connection import checkpoint, connect, filling, transaction
from mesh.storage.migrations import migrate_vault, schema_version
from mesh.storage.vault.portable import put_rows, rows_of, taken_up
from mesh.storage.vault.schema import VAULT_MIGRATIONS

_INSTANCE_BITS = 62
_log = logging.getLogger("mesh.node")


def former_of(vault_file: Path) -> Path:
    """Return where the vault of before the last change of its schema stands."""
    return vault_file.with_name(f"{vault_file.name}.former")


def remove_old_former(vault_file: Path, now: float) -> None:
    """Let no former vault be there that is a day old; `now` in seconds of Unix time.

    One of more than a day to come goes too: nobody knows how old it is.
    """
    former = former_of(vault_file)
    try:
        age = now - former.stat().st_mtime
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error(error, former) from error
    if not -FORMER_VAULT_SECONDS < age < FORMER_VAULT_SECONDS:
        remove_database(former)
        _log.info("the vault of before the last update is a day old, and was removed")


def bring_up_to_date(vault_file: Path, key: bytes | bytearray) -> None:
    """Change a vault of an earlier release as a copy, and keep the former one.

    Any other vault, or none, is left alone. StorageError, with the vault as it was, where there
    is no room for two.
    """
    with closing(connect(vault_file, key)) as vault:
        if not 0 < schema_version(vault) < len(VAULT_MIGRATIONS):
            return
        require_emptied(checkpoint(vault), vault_file)
    fresh = unfinished(vault_file)
    remove_database(fresh)
    try:
        make_private_file(fresh)
        with vault_file.open("rb") as source, fresh.open("r+b") as target:
            shutil.copyfileobj(source, target, 1 << 20)
            target.flush()
            os.fsync(target.fileno())
    except OSError as error:
        with contextlib.suppress(StorageError):
            remove_database(fresh)
        raise storage_error(error, vault_file) from error
    _filled(fresh, key, migrate_vault)
    _swap(vault_file)


def go_back(
    vault_file: Path, key: bytes | bytearray, entropy: Entropy, before_swap: Callable[[], None]
) -> UnixSeconds:
    """Let what a backup of the former vault would hold take the place of today's, which is kept.

    Sessions begin anew, as after any backup was put back: the newer vault has used keys, numbers
    and invites of this one. Returns when the former vault was left. UserError `no-former` if there
    is none, `other-release` if an earlier release left it; StorageError if a later one did.
    """
    former = former_of(vault_file)
    try:
        left = UnixSeconds(int(former.stat().st_mtime))
    except FileNotFoundError:
        raise UserError(
            "no-former",
            "There is no vault of before an update here: one is kept for a day after a later "
            "release of Mesh has changed the vault. A backup is put back with `mesh restore FILE`.",
        ) from None
    instance = int.from_bytes(entropy.draw(8), "big") >> (64 - _INSTANCE_BITS)
    fresh = unfinished(vault_file)
    remove_database(fresh)
    with closing(connect(former, key)) as source:
        if 0 < schema_version(source) < len(VAULT_MIGRATIONS):
            raise UserError(
                "other-release",
                "This release of Mesh changed that vault itself: say `mesh vault back` with the "
                "release that you return to. Nothing was changed.",
            )
        # One of a later release is refused in words.
        migrate_vault(source)

        def fill(vault: Connection) -> None:
            migrate_vault(vault)
            with filling(vault), transaction(source):
                for record in rows_of(source):
                    with transaction(vault):
                        put_rows(vault, record)
            taken_up(vault, instance=instance, restored=UnixSeconds(int(time.time())))

        make_private_file(fresh)
        _filled(fresh, key, fill)
    with contextlib.suppress(DamagedError), closing(connect(vault_file, key)) as vault:
        # What today's holds in its log is not lost, whatever release wrote it.
        if not checkpoint(vault):
            remove_database(fresh)
            require_emptied(False, vault_file)
    before_swap()
    _swap(vault_file)
    return left


def _filled(fresh: Path, key: bytes | bytearray, fill: Callable[[Connection], None]) -> None:
    """Change a new database, and let all of it stand in its file; nothing of it stays if not."""
    try:
        with closing(connect(fresh, key)) as vault:
            fill(vault)
            require_emptied(checkpoint(vault), fresh)
    except BaseException:
        with contextlib.suppress(StorageError):
            remove_database(fresh)
        raise


def _swap(vault_file: Path) -> None:
    """Let the new vault take the name of the one that is kept.

    Between the two steps there is none, which the next start mends (`Profile.require_vault`).
    """
    former = former_of(vault_file)
    try:
        # Its age is that of the change.
        os.utime(vault_file)
        move_database_file(vault_file, former, "")
        # A damaged one keeps what stands in its log.
        with contextlib.suppress(FileNotFoundError):
            move_database_file(vault_file, former, "-wal")
    except OSError as error:
        raise storage_error(error, vault_file) from error
    give_name(unfinished(vault_file), vault_file)
