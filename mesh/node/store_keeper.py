"""The store of a node that runs: opened, and replaced by a new one where it is damaged.

Implements `docs/protocol/storage.md`, section "Damage". What a store carries neighbours have too,
so a damaged one is moved aside and filled again by them. What a person typed (addresses) is copied,
as far as it can be read.
"""

import logging
import time
from contextlib import closing, suppress
from pathlib import Path

from mesh.database import Connection
from mesh.errors import DamagedError, MeshError
from mesh.node.database_files import aside_of
from mesh.node.folders import ProfileFolders
from mesh.node.key_files import decode_store_key
from mesh.node.node import OpenStore
from mesh.node.private_files import find_private_bytes
from mesh.node.profile import Profile, vault_damage
from mesh.node.store_mark import settle_store
from mesh.storage.connection import transaction
from mesh.storage.salvage import DamagedDatabase, Row
from mesh.wire.parameters import MeshParameters

_log = logging.getLogger("mesh.node")

_ARRIVALS_PER_SECOND = 1 << 20
"""More than any node takes in: so a number made of the time is beyond all that were given."""


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
        sentence = (
            f"The store was damaged. It was moved to {aside}, and a new one is filled by the "
            "neighbours; nothing of yours is lost: what was not delivered is given to them again."
        )
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
        kept, last_arrival = self._readable(aside)
        with transaction(store):
            store.execute("UPDATE totals SET last_arrival = ?", (last_arrival,))
            store.executemany("INSERT OR IGNORE INTO configured_peers VALUES (?, ?)", kept)

    def _readable(self, aside: Path) -> tuple[list[Row], int]:
        """Return the addresses that a person typed, and an arrival number beyond all given ones."""
        kept: list[Row] = []
        last_arrival = int(time.time()) * _ARRIVALS_PER_SECOND
        folders = self._folders
        with suppress(MeshError):
            content = find_private_bytes(folders.store_key_file, bytes_max=4096)
            if content is not None and aside.exists():
                key = decode_store_key(content, str(folders.store_key_file))
                with closing(DamagedDatabase(aside, key)) as damaged:
                    for row in damaged.rows("totals", ["last_arrival"]):
                        assert isinstance(row[0], int)
                        last_arrival = max(last_arrival, row[0])
                    kept += damaged.rows("configured_peers", ["number", "address"])
        return kept, last_arrival
