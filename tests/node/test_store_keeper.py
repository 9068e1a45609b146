"""The store of a node that runs: what a new one takes over, however often it is begun."""

import pytest

from mesh.database import Connection
from mesh.errors import DamagedError, StorageError
from mesh.node.database_files import unfinished
from mesh.node.folders import ProfileFolders
from mesh.node.profile import Profile
from mesh.node.store_keeper import StoreKeeper
from mesh.storage.connection import transaction
from mesh.storage.store.link_state import LinkStateRows
from mesh.storage.store.store import Store
from mesh.wire.parameters import MeshParameters
from tests.node.profiles import CHEAP

PEER = "192.0.2.1:41730"
# Beyond what the time makes: so it is known to come of the store.
LAST_ARRIVAL = 1 << 60


def last_arrival(store: Connection) -> int:
    return Store(store).totals()[0]


def test_a_new_store_that_could_not_be_made_is_made_at_the_next_start(
    folders: ProfileFolders,
) -> None:
    with Profile.held(folders, cost=CHEAP) as profile:
        keeper = StoreKeeper(profile, folders, MeshParameters())
        store = keeper.open().connection
        assert last_arrival(store) == 0
        with transaction(store):
            store.execute("UPDATE totals SET last_arrival = ?", (LAST_ARRIVAL,))
            LinkStateRows(store).add_peer(PEER)
        # In the way of the file that is to become the new store.
        unfinished(folders.store_file).mkdir()
        with pytest.raises(StorageError):
            keeper.replace(DamagedError("The store is damaged.", str(folders.store_file)))
        assert not folders.store_file.exists()
        unfinished(folders.store_file).rmdir()
        store = keeper.open().connection
        assert last_arrival(store) == LAST_ARRIVAL
        assert LinkStateRows(store).peers() == [PEER]
        keeper.close()


def test_a_store_that_is_gone_begins_beyond_what_the_vault_has_read(
    folders: ProfileFolders,
) -> None:
    with Profile.held(folders, cost=CHEAP) as profile:
        keeper = StoreKeeper(profile, folders, MeshParameters())
        keeper.open()
        profile.create("horse")
        keeper.close()
        folders.store_file.unlink()
        # More than any node takes in while it is new.
        assert last_arrival(keeper.open().connection) > 1 << 48
        keeper.close()
