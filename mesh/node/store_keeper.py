"""The store of a node that runs: opened, and replaced by a new one where it is damaged.

Implements `docs/protocol/storage.md`, section "Damage". What a store carries neighbours have too,
so a damaged one is moved aside and filled again by them; what the new one takes over is said by
`mesh.storage.store.replacement`.
"""

import logging
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from mesh.database import Connection
from mesh.errors import DamagedError, MeshError
from mesh.ids import UnixSeconds
from mesh.node.database_files import aside_of
from mesh.node.folders import ProfileFolders
from mesh.node.key_files import decode_store_key
from mesh.node.node import OpenStore
from mesh.node.private_files import find_private_bytes
from mesh.node.profile import Profile
from mesh.node.store_mark import settle_store
from mesh.storage.salvage import DamagedDatabase
from mesh.storage.store.replacement import begin_after, told_of
from mesh.storage.vault_saving import vault_damage
from mesh.wire.parameters import MeshParameters

_log = logging.getLogger("mesh.node")


class StoreKeeper:
    """The open store of a profile. All methods block."""

    def __init__(self, profile: Profile, folders: ProfileFolders, mesh: MeshParameters) -> None:
        self._profile = profile
        self._folders = folders
        self._mesh = mesh
        self._store: Connection | None = None

    def open(self) -> OpenStore:
        """Open it; a damaged one is replaced."""
        try:
            store = self._store = self._profile.open_store(self._fill)
            settle_store(self._folders, store, self._mesh)
        except DamagedError as error:
            store, sentence = self.replace(error)
            return OpenStore(store, self.replace, [sentence])
        return OpenStore(store, self.replace)

    def replace(self, error: DamagedError) -> tuple[Connection, str]:
        """Move a damaged store aside; return another one, and what to tell.

        Raises the error if it is not about the store.
        """
        folders = self._folders
        if error.path == str(folders.vault_file):
            raise vault_damage(error) from error
        if error.path not in (str(folders.store_file), str(folders.store_key_file)):
            raise error
        self.close()
        aside = self._profile.move_store_aside()
        store = self._store = self._profile.open_store(self._fill)
        settle_store(folders, store, self._mesh)
        sentence = told_of(str(aside))
        _log.warning("%s (%s)", sentence, error)
        return store, sentence

    def close(self) -> None:
        """Let go of it."""
        store, self._store = self._store, None
        if store is not None:
            with suppress(MeshError):
                store.close()

    def _fill(self, store: Connection) -> None:
        """A new store takes the place of one that was moved aside, perhaps by a start that could
        not end, or of one that is gone: the vault remembers how far it read that. That of a new
        profile, whose vault is made first, may begin as high; it loses nothing by that.
        """
        folders = self._folders
        aside = aside_of(folders.store_file)
        if not (aside.exists() or folders.vault_file.exists()):
            return
        now = UnixSeconds(int(time.time()))
        with ExitStack() as open_files:
            former = self._former(aside)
            if former is not None:
                open_files.callback(former.close)
            begin_after(store, former, now)

    def _former(self, aside: Path) -> DamagedDatabase | None:
        """Return the store that was moved aside, if it and its key are there."""
        folders = self._folders
        with suppress(MeshError):
            content = find_private_bytes(folders.store_key_file, bytes_max=4096)
            if content is not None and aside.exists():
                return DamagedDatabase(
                    aside, decode_store_key(content, str(folders.store_key_file))
                )
        return None
