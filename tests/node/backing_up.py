"""Profiles with a history, their backups, and what befalls these."""

import io
from collections.abc import Callable
from pathlib import Path

from mesh.commands.backup import Restored
from mesh.database import Connection
from mesh.ids import UnixSeconds
from mesh.node.backups import (
    content_of,
    find_lock,
    lock_of,
    sealed_content,
    state_now,
    write_copy,
)
from mesh.node.folders import ProfileFolders
from mesh.node.profile import Profile
from mesh.node.restoring import restore
from mesh.node.system_entropy import SystemEntropy
from mesh.wire.backup_file import LockCost
from tests.node.profiles import CHEAP

BACKUP_PASSPHRASE = "battery staple"
PASSPHRASE = "horse"
CHEAP_LOCK = LockCost(memory_bytes=8 * 1024, passes=1)
MADE = UnixSeconds(1_700_000_000)


def backup_of(
    profile: Profile, vault: Connection | None, *, peers: list[str] | None = None
) -> bytes:
    """All bytes of a backup; its passphrase is set if there is none."""
    lock = lock_of(
        profile.folders,
        profile.owner_key(vault),
        BACKUP_PASSPHRASE,
        is_new=False,
        entropy=SystemEntropy(),
        cost=CHEAP_LOCK,
    )
    content = content_of(profile.folders, vault, peers or [], MADE)
    return b"".join(sealed_content(lock, content, SystemEntropy()))


def restored(
    folders: ProfileFolders, data: bytes, *, backup_passphrase: str = BACKUP_PASSPHRASE
) -> Restored:
    """Put a backup back."""
    return restore(
        folders,
        io.BytesIO(data),
        backup_passphrase=backup_passphrase,
        passphrase=PASSPHRASE,
        cost=CHEAP,
    )


def make_copy(
    profile: Profile,
    *,
    made: UnixSeconds = MADE,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Make the automatic copy of a profile whose backups have a passphrase."""
    vault, reader = profile.open_vault_twice(PASSPHRASE)
    assert reader is not None
    try:
        owner_key = profile.owner_key(reader)
        lock = find_lock(profile.folders, owner_key)
        assert lock is not None
        content = content_of(profile.folders, reader, [], made)
        sealed = sealed_content(lock, content, SystemEntropy())
        state = state_now(reader, made)
        write_copy(profile.folders, sealed, state, owner_key, SystemEntropy(), should_stop)
    finally:
        reader.close()
        vault.close()


def files_of(folders: ProfileFolders) -> list[str]:
    """Return the files of a profile but for its lock."""
    names = [path.name for path in folders.data.iterdir() if path.is_file()]
    return sorted(set(names) - {folders.lock_file.name})


def read(path: Path) -> bytes:
    return path.read_bytes()
