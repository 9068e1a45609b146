"""A profile on disk: keys, databases, and what is told when they are damaged."""

import os
from collections.abc import Callable

import pytest

from mesh.errors import DiskFullError, StorageError, UserError
from mesh.limits.passphrase import PASSPHRASE_MEMORY_BYTES, PASSPHRASE_PASSES
from mesh.node.database_files import aside_of
from mesh.node.folders import ProfileFolders
from mesh.node.key_files import WrappedKey
from mesh.node.profile import PLAIN_MAGIC, USUAL_COST, Profile, close_vault
from mesh.storage.connection import checkpoint, transaction
from mesh.storage.migrations import migrate_vault
from tests.node.profiles import CHEAP, created, is_marked, is_noted, mark, needs_rights, note


def test_a_profile_opens_again_with_its_passphrase(folders: ProfileFolders) -> None:
    profile = created(folders)
    store, vault = profile.open_store(), profile.open_vault("horse")
    mark(store)
    note(vault)
    store.close()
    vault.close()
    profile.release()
    with Profile.held(folders) as again:
        assert again.is_created
        store, vault = again.open_store(), again.open_vault("horse")
        assert is_marked(store)
        assert is_noted(vault)
        store.close()
        vault.close()


def test_a_vault_that_was_written_to_is_rebuilt_as_it_closes(folders: ProfileFolders) -> None:
    profile = created(folders)
    vault = profile.open_vault("horse")
    close_vault(vault)
    empty_bytes = folders.vault_file.stat().st_size
    vault = profile.open_vault("horse")
    note(vault)
    with transaction(vault):
        vault.executemany("INSERT INTO noted VALUES (?)", [(bytes(1_000),) for _ in range(500)])
    with transaction(vault):
        vault.execute("DELETE FROM noted")
    assert checkpoint(vault)
    assert folders.vault_file.stat().st_size > empty_bytes + 500_000
    close_vault(vault)
    # A page for the table, and perhaps one for its name.
    assert folders.vault_file.stat().st_size <= empty_bytes + 2 * 4_096
    assert not folders.vault_file.with_name("vault.db-wal").exists()
    assert is_noted(profile.open_vault("horse"))


def test_the_usual_cost_stands_in_the_key_file(folders: ProfileFolders) -> None:
    with Profile.held(folders) as profile:
        profile.create("horse")
    key = WrappedKey.decode(folders.vault_key_file.read_bytes(), "vault.key")
    assert key.cost == USUAL_COST
    assert (key.cost.memory_bytes, key.cost.passes) == (PASSPHRASE_MEMORY_BYTES, PASSPHRASE_PASSES)
    assert len(key.unwrap("horse")) == 32


def test_both_databases_are_migrated_and_encrypted(folders: ProfileFolders) -> None:
    profile = created(folders)
    for connection in (profile.open_store(), profile.open_vault("horse")):
        connection.close()
    for file in (folders.store_file, folders.vault_file):
        content = file.read_bytes()
        assert len(content) >= 4096
        assert b"SQLite" not in content
        assert b"CREATE TABLE" not in content


def test_the_keys_of_the_databases_are_drawn_apart(folders: ProfileFolders) -> None:
    profile = created(folders)
    profile.open_store().close()
    folders.vault_file.write_bytes(folders.store_file.read_bytes())
    with pytest.raises(StorageError, match="does not open with its key"):
        profile.open_vault("horse")


def test_a_wrong_passphrase_opens_and_makes_nothing(folders: ProfileFolders) -> None:
    profile = created(folders)
    with pytest.raises(UserError) as caught:
        profile.open_vault("house")
    assert caught.value.kind == "wrong-passphrase"
    assert not profile.folders.vault_file.with_name(".vault.db.new").exists()


def test_a_store_needs_no_passphrase(folders: ProfileFolders) -> None:
    with Profile.held(folders) as relay:
        relay.open_store().close()
        assert not relay.is_created
        with pytest.raises(UserError) as caught:
            relay.open_vault("")
        assert caught.value.kind == "no-identity"


def test_a_relay_that_becomes_a_person_keeps_its_store(folders: ProfileFolders) -> None:
    with Profile.held(folders, cost=CHEAP) as profile:
        store = profile.open_store()
        mark(store)
        store.close()
        profile.create("horse")
        assert is_marked(profile.open_store())


def test_a_profile_is_not_created_over_another(folders: ProfileFolders) -> None:
    profile = created(folders)
    before = folders.vault_key_file.read_bytes()
    with pytest.raises(UserError) as caught:
        profile.create("other")
    assert caught.value.kind == "exists"
    assert folders.vault_key_file.read_bytes() == before


def test_a_changed_passphrase_opens_what_the_former_one_did(folders: ProfileFolders) -> None:
    profile = created(folders)
    vault = profile.open_vault("horse")
    note(vault)
    vault.close()
    with pytest.raises(UserError, match="not the passphrase"):
        profile.change_passphrase("house", "battery")
    profile.change_passphrase("horse", "battery")
    with pytest.raises(UserError, match="not the passphrase"):
        profile.open_vault("horse")
    assert is_noted(profile.open_vault("battery"))


@needs_rights
def test_the_former_key_file_is_overwritten_when_the_passphrase_changes(
    folders: ProfileFolders,
) -> None:
    profile = created(folders)
    former = folders.data / "link-to-the-former"
    os.link(folders.vault_key_file, former)
    before = former.read_bytes()
    profile.change_passphrase("horse", "battery")
    assert len(former.read_bytes()) == len(before)
    assert former.read_bytes()[9:] != before[9:]
    with pytest.raises(StorageError, match="is damaged"):
        WrappedKey.decode(former.read_bytes(), "former")


@pytest.mark.parametrize(
    "name, otherwise",
    [("store.key", ", or move it and the database"), ("vault.key", "; without it nobody")],
)
def test_a_damaged_key_file_is_told_by_its_name_and_what_can_be_done(
    folders: ProfileFolders, name: str, otherwise: str
) -> None:
    profile = created(folders)
    (folders.data / name).write_bytes(b"nonsense" * 20)
    opening: Callable[[], object]
    opening = profile.open_store if name == "store.key" else lambda: profile.open_vault("horse")
    with pytest.raises(StorageError, match=rf"{name} is damaged: put it back.*{otherwise}"):
        opening()


def test_a_lost_store_key_is_told_and_not_replaced(folders: ProfileFolders) -> None:
    profile = created(folders)
    profile.open_store().close()
    folders.store_key_file.unlink()
    with pytest.raises(StorageError, match=r"store\.key is gone"):
        profile.open_store()
    assert not folders.store_key_file.exists()


def test_a_plain_database_in_the_place_of_ours_is_told_and_left_alone(
    folders: ProfileFolders,
) -> None:
    profile = created(folders)
    plain = PLAIN_MAGIC + bytes(4080)
    folders.store_file.write_bytes(plain)
    with pytest.raises(StorageError, match="is not encrypted and none of ours: move it away"):
        profile.open_store()
    assert folders.store_file.read_bytes() == plain


@pytest.mark.parametrize("content", [b"", b"S", b"SQLite format 3"])
@pytest.mark.parametrize("name", ["store", "vault"])
def test_an_emptied_database_is_told_and_not_taken_for_a_new_one(
    folders: ProfileFolders, name: str, content: bytes
) -> None:
    with Profile.held(folders, cost=CHEAP) as profile:
        profile.create("horse")
        profile.open_store().close()
        profile.open_vault("horse").close()
        path = {"store": folders.store_file, "vault": folders.vault_file}[name]
        path.write_bytes(content)
        with pytest.raises(StorageError, match=r"is damaged, since nothing is in it"):
            profile.open_store().close() if name == "store" else profile.open_vault("horse")
        assert path.read_bytes() == content


def test_a_vault_that_is_gone_beside_its_key_is_told_and_none_is_made(
    folders: ProfileFolders,
) -> None:
    with Profile.held(folders, cost=CHEAP) as profile:
        profile.create("horse")
        folders.vault_file.unlink()
        with pytest.raises(StorageError, match=r"is gone.*`mesh restore FILE`.*`mesh wipe`"):
            profile.open_vault("horse")
        assert not folders.vault_file.exists()


def test_a_store_that_is_moved_aside_leaves_a_new_one_and_is_kept_with_its_log(
    folders: ProfileFolders,
) -> None:
    with Profile.held(folders, cost=CHEAP) as profile:
        profile.create("horse")
        profile.open_store().close()
        folders.store_file.write_bytes(b"damaged")
        folders.store_file.with_name("store.db-wal").write_bytes(b"log")
        aside = profile.move_store_aside()
        assert aside == aside_of(folders.store_file)
        assert aside.read_bytes() == b"damaged"
        assert aside.with_name("store.db.damaged-wal").read_bytes() == b"log"
        profile.open_store().close()
        folders.store_file.write_bytes(b"again")
        assert profile.move_store_aside().read_bytes() == b"again"
        assert not aside.with_name("store.db.damaged-wal").exists()


def test_the_log_of_a_database_that_was_moved_away_does_not_damage_the_new_one(
    folders: ProfileFolders,
) -> None:
    with Profile.held(folders, cost=CHEAP) as profile:
        profile.create("horse")
        store = profile.open_store()
        with transaction(store):
            store.execute("INSERT INTO configured_peers (address) VALUES ('host:1')")
        log = folders.store_file.with_name("store.db-wal")
        kept = log.read_bytes()
        store.close()
        folders.store_file.unlink()
        assert len(kept) > 4096
        log.write_bytes(kept)
        store = profile.open_store()
        query = "SELECT count(*) FROM configured_peers"
        assert store.execute(query).fetchone() == (0,)
        store.close()


def test_a_store_of_a_later_release_is_told(folders: ProfileFolders) -> None:
    profile = created(folders)
    store = profile.open_store()
    store.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(StorageError, match=r"The store has schema 99.*Update Mesh"):
        profile.open_store()


def test_a_vault_that_gets_no_key_is_not_left_behind(folders: ProfileFolders) -> None:
    def fails() -> None:
        raise DiskFullError("The disk is full.")

    with Profile.held(folders, cost=CHEAP) as profile:
        with pytest.raises(DiskFullError):
            profile.create_filled("horse", migrate_vault, before_key=fails)
        assert not folders.vault_file.exists()
        profile.create("horse")
        profile.open_vault("horse").close()
