"""Backups of a profile on disk: put back whole, refused whole, and never half."""

import io
import os
import shutil
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from mesh.database import Connection
from mesh.errors import StorageError, UserError
from mesh.ids import UnixSeconds
from mesh.limits.backup import BACKUP_CHUNK_BYTES
from mesh.node.backups import (
    find_lock,
    find_state,
    has_deleted,
    keep_lock,
    lock_of,
    remove_copy,
    state_now,
)
from mesh.node.config_file import load_config, set_in_config, write_default_config
from mesh.node.folders import ProfileFolders, profile_folders
from mesh.node.membership import find_mesh, keep_mesh
from mesh.node.profile import Profile
from mesh.node.restoring import check
from mesh.node.system_entropy import SystemEntropy
from mesh.node.wiping import wipe_at_once
from mesh.storage.connection import transaction
from mesh.storage.store.link_state import LinkStateRows
from mesh.storage.vault.schema import VAULT_MIGRATIONS
from mesh.wire.backup_file import FILE_HEAD_BYTES, BackupLock, BackupWriter
from mesh.wire.backup_records import CONTENT_VERSION, EndRecord, Manifest, Record, encode_record
from mesh.wire.parameters import MeshParameters
from tests.messenger.people import copied
from tests.node.backing_up import (
    BACKUP_PASSPHRASE,
    CHEAP_LOCK,
    PASSPHRASE,
    backup_of,
    files_of,
    make_copy,
    restored,
)
from tests.node.killing import left_by
from tests.node.profiles import created, needs_rights
from tests.storage.test_portable import lived

CLOSED = MeshParameters(name="club", stamp_bits=3, key_quota=99, psk=bytes(range(32)))


def folders_in(home: Path, name: str = "anna") -> ProfileFolders:
    return profile_folders(name, {"MESH_HOME": str(home)})


@pytest.fixture
def anna(tmp_path: Path) -> Iterator[Profile]:
    """A profile that has lived, and is held."""
    folders = folders_in(tmp_path / "former")
    write_default_config(folders.config_file)
    set_in_config(folders.config_file, "battery_low_percent", "33")
    keep_mesh(folders, CLOSED)
    profile = created(folders, PASSPHRASE)
    vault = profile.open_vault(PASSPHRASE)
    ann, _ = lived()
    copied(ann.connection, vault)
    vault.close()
    yield profile
    profile.release()


@pytest.fixture
def backup(anna: Profile) -> bytes:
    """Return its backup."""
    vault, reader = anna.open_vault_twice(PASSPHRASE)
    assert reader is not None
    data = backup_of(anna, reader, peers=["192.0.2.1:41730"])
    reader.close()
    vault.close()
    return data


def test_a_profile_goes_on_elsewhere_with_all_that_its_person_has(
    tmp_path: Path, anna: Profile, backup: bytes
) -> None:
    other = folders_in(tmp_path / "other", "moved")
    found = restored(other, backup)
    assert (found.name, found.profile, found.contacts_count) == ("Ann", "anna", 2)
    assert (found.messages_count, found.undelivered_count) == (16, 3)
    assert found.hints == []
    assert load_config(other.config_file, {}).battery_low_percent == 33
    assert find_mesh(other) == CLOSED
    with Profile.held(other) as profile:
        former, vault = anna.open_vault(PASSPHRASE), profile.open_vault(PASSPHRASE)
        for table in ("identity", "contacts", "drafts"):
            statement = f"SELECT * FROM {table}"
            assert vault.execute(statement).fetchall() == former.execute(statement).fetchall()
        # The passphrase of backups goes with it, so the copies go on.
        lock = find_lock(other, profile.owner_key(vault))
        assert lock is not None
        assert lock.find_keys(BACKUP_PASSPHRASE) is not None
        store = profile.open_store()
        assert LinkStateRows(store).peers() == ["192.0.2.1:41730"]
        for connection in (former, vault, store):
            connection.close()
    for path in other.data.iterdir():
        if path.is_file():
            assert path.stat().st_mode & 0o077 == 0


def test_a_relay_goes_on_elsewhere_too(tmp_path: Path) -> None:
    folders = folders_in(tmp_path / "former")
    with Profile.held(folders) as profile:
        profile.open_store().close()
        write_default_config(folders.config_file)
        set_in_config(folders.config_file, "relay", "true")
        keep_mesh(folders, CLOSED)
        data = backup_of(profile, None, peers=["192.0.2.1:41730"])
    other = folders_in(tmp_path / "other")
    found = restored(other, data)
    assert found.is_relay
    assert load_config(other.config_file, {}).relay
    assert find_mesh(other) == CLOSED
    assert not other.vault_key_file.exists()
    assert not other.vault_file.exists()


@pytest.mark.parametrize("is_relay", [False, True])
def test_what_fails_beside_the_vault_leaves_the_profile_as_empty_as_it_was(
    tmp_path: Path, backup: bytes, is_relay: bool
) -> None:
    data = backup
    if is_relay:
        with Profile.held(folders_in(tmp_path / "relay")) as profile:
            profile.open_store().close()
            keep_mesh(profile.folders, CLOSED)
            data = backup_of(profile, None, peers=["192.0.2.1:41730"])
    other = folders_in(tmp_path / "other")
    # The last file before the vault's key cannot be written.
    other.backup_key_file.mkdir(mode=0o700, parents=True)
    other.copy_file.write_bytes(data)
    with pytest.raises(StorageError):
        restored(other, data)
    assert files_of(other) == [other.copy_file.name]
    other.backup_key_file.rmdir()
    assert restored(other, data).is_relay == is_relay
    assert not other.copy_file.exists()


def test_there_is_no_way_over_a_profile_that_is_there(
    tmp_path: Path, anna: Profile, backup: bytes
) -> None:
    anna.release()
    before = {name: (anna.folders.data / name).read_bytes() for name in files_of(anna.folders)}
    with pytest.raises(UserError) as refused:
        restored(anna.folders, backup)
    assert refused.value.kind == "exists"
    relay = folders_in(tmp_path / "relay")
    with Profile.held(relay) as profile:
        profile.open_store().close()
    with pytest.raises(UserError) as refused:
        restored(relay, backup)
    assert refused.value.kind == "exists"
    assert before == {name: (anna.folders.data / name).read_bytes() for name in before}


def test_settings_that_are_there_already_stay(tmp_path: Path, backup: bytes) -> None:
    other = folders_in(tmp_path / "other")
    other.config.mkdir(parents=True)
    other.config_file.write_text("battery_low_percent = 7\n")
    assert "stay" in restored(other, backup).hints[0]
    assert load_config(other.config_file, {}).battery_low_percent == 7


def test_another_passphrase_and_damage_anywhere_leave_nothing_behind(
    tmp_path: Path, backup: bytes
) -> None:
    other = folders_in(tmp_path / "other")
    with pytest.raises(UserError) as refused:
        restored(other, backup, backup_passphrase="horse")
    assert refused.value.kind == "wrong-passphrase"
    assert files_of(other) == []
    for at in range(0, len(backup), 1_000):
        damaged = bytearray(backup)
        damaged[at] ^= 0x40
        for data in (bytes(damaged), backup[:at]):
            with pytest.raises(UserError) as refused:
                restored(other, data)
            assert refused.value.kind == "bad-backup"
            assert str(refused.value).endswith(".")
            assert files_of(other) == []
    assert restored(other, backup).contacts_count == 2


def test_damage_in_the_last_chunk_leaves_nothing_behind(tmp_path: Path, anna: Profile) -> None:
    vault, reader = anna.open_vault_twice(PASSPHRASE)
    assert reader is not None
    add_messages(vault, 30)
    data = backup_of(anna, reader)
    reader.close()
    vault.close()
    assert len(data) > 3 * BACKUP_CHUNK_BYTES
    damaged = bytearray(data)
    damaged[-1] ^= 1
    other = folders_in(tmp_path / "other")
    # All rows but the last were written by then.
    for broken in (bytes(damaged), data[:-1], data + b"x"):
        with pytest.raises(UserError):
            restored(other, broken)
        assert files_of(other) == []


def add_messages(vault: Connection, count: int) -> None:
    """Add messages of 8 kB."""
    with transaction(vault):
        vault.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "INSERT INTO entries (number, conversation, id, is_mine, parents, clock, position, "
            "received, state, carriers, is_read, is_late) SELECT i, 1, CAST(i AS BLOB), 1, x'', i, "
            "i, 0, 'delivered', 0, 1, 0 FROM n",
            (999 + count,),
        )
        vault.execute(
            "INSERT INTO texts SELECT number, hex(zeroblob(4000)) FROM entries WHERE number > 999"
        )


def sealed_records(*records: Record) -> bytes:
    entropy = SystemEntropy()
    from mesh.crypto.kem import PycaKem

    lock = BackupLock.make(BACKUP_PASSPHRASE, CHEAP_LOCK, entropy=entropy, kem=PycaKem())
    writer = BackupWriter(lock, entropy=entropy, kem=PycaKem())
    content = b"".join(encode_record(record) for record in records)
    return writer.head + writer.write(content) + writer.finish()


@pytest.mark.parametrize(
    "records, reason",
    [
        ((Manifest(CONTENT_VERSION + 1, 1, "x", False, 1), EndRecord(0)), "later release"),
        (
            (Manifest(CONTENT_VERSION, 1, "x", False, len(VAULT_MIGRATIONS) + 1), EndRecord(0)),
            "later release",
        ),
        ((EndRecord(0),), "does not begin"),
        ((Manifest(CONTENT_VERSION, 1, "x", False, 1),), "not whole"),
        ((Manifest(CONTENT_VERSION, 1, "x", False, 1), EndRecord(1)), "not whole"),
    ],
)
def test_what_this_release_cannot_put_back_is_refused_in_words(
    tmp_path: Path, records: tuple[Record, ...], reason: str
) -> None:
    other = folders_in(tmp_path / "other")
    with pytest.raises(UserError, match=reason) as refused:
        restored(other, sealed_records(*records))
    assert refused.value.kind == "bad-backup"
    assert files_of(other) == []


def test_a_backup_can_be_read_to_its_end_without_being_put_back(backup: bytes) -> None:
    assert check(io.BytesIO(backup), backup_passphrase=BACKUP_PASSPHRASE).messages_count == 16
    with pytest.raises(UserError):
        check(io.BytesIO(backup[:-1]), backup_passphrase=BACKUP_PASSPHRASE)


@needs_rights
@pytest.mark.slow
def test_a_restore_that_is_killed_anywhere_leaves_no_half_of_a_profile(
    tmp_path: Path, backup: bytes
) -> None:
    begun = folders_in(tmp_path / "home")
    places = left_by(begun, lambda: restored(begun, backup))
    assert places[-1].vault_key_file.exists()
    unfinished = 0
    for folders in places:
        if not folders.vault_key_file.exists():
            try:
                restored(folders, backup)
            except UserError:
                unfinished += 1
                # Nothing is made over it, and no empty profile in its place.
                if folders.vault_file.exists():
                    with Profile.held(folders) as profile, pytest.raises(UserError):
                        profile.create(PASSPHRASE)
                wipe_at_once(folders, timeout_s=5)
                restored(folders, backup)
        # Whatever opens is whole, with what lies beside the vault.
        assert find_mesh(folders) == CLOSED
        assert load_config(folders.config_file, {}).battery_low_percent == 33
        assert folders.backup_key_file.exists()
        with Profile.held(folders) as profile:
            vault = profile.open_vault(PASSPHRASE)
            ((count,),) = vault.execute("SELECT count(*) FROM entries").fetchall()
            assert count == 16
            vault.close()
        shutil.rmtree(folders.data.parent)
    assert len(places) > 20
    assert unfinished


# --- The passphrase of backups --------------------------------------------------------------------


def test_the_first_passphrase_is_set_and_the_next_must_be_the_same(anna: Profile) -> None:
    vault = anna.open_vault(PASSPHRASE)
    owner_key, entropy = anna.owner_key(vault), SystemEntropy()
    vault.close()

    def lock(passphrase: str, *, is_new: bool = False) -> BackupLock:
        return lock_of(
            anna.folders, owner_key, passphrase, is_new=is_new, entropy=entropy, cost=CHEAP_LOCK
        )

    with pytest.raises(UserError, match="needs a passphrase"):
        lock("")
    first = lock("one")
    assert lock("one") == first
    with pytest.raises(UserError) as refused:
        lock("two")
    assert refused.value.kind == "wrong-passphrase"
    assert lock("two", is_new=True) != first
    with pytest.raises(UserError):
        lock("one")


def test_a_lock_that_somebody_put_there_is_not_sealed_to(anna: Profile, backup: bytes) -> None:
    assert backup
    vault = anna.open_vault(PASSPHRASE)
    owner_key = anna.owner_key(vault)
    vault.close()
    from mesh.crypto.kem import PycaKem

    theirs = BackupLock.make("theirs", CHEAP_LOCK, entropy=SystemEntropy(), kem=PycaKem())
    keep_lock(anna.folders, theirs, b"of another profile".ljust(32))
    with pytest.raises(StorageError, match="not of this profile"):
        find_lock(anna.folders, owner_key)


# --- The automatic copy ---------------------------------------------------------------------------


def test_a_copy_is_a_backup_that_needed_no_passphrase(
    tmp_path: Path, anna: Profile, backup: bytes
) -> None:
    make_copy(anna)
    data = anna.folders.copy_file.read_bytes()
    assert data != backup
    assert restored(folders_in(tmp_path / "other"), data).messages_count == 16


def test_a_deletion_is_noticed_by_the_state_of_the_copy(anna: Profile, backup: bytes) -> None:
    make_copy(anna)
    vault = anna.open_vault(PASSPHRASE)
    owner_key = anna.owner_key(vault)
    state = find_state(anna.folders, owner_key)
    assert state == state_now(vault, UnixSeconds(1_700_000_000))
    assert state is not None
    assert not has_deleted(vault, state)
    vault.execute("PRAGMA foreign_keys = OFF")
    with transaction(vault):
        vault.execute("DELETE FROM entries WHERE number = 2")
        vault.execute(
            "INSERT INTO entries (number, conversation, id, is_mine, parents, clock, position, "
            "received, state, carriers, is_read, is_late) SELECT 99, conversation, x'99', is_mine, "
            "parents, clock, position, received, state, carriers, is_read, is_late FROM entries "
            "WHERE number = 1"
        )
    assert has_deleted(vault, state)
    assert not has_deleted(vault, state_now(vault, UnixSeconds(1)))
    vault.close()
    # What the disk tells of it is noise without the vault.
    assert find_state(anna.folders, bytes(32)) is None


def test_a_new_passphrase_ends_the_copy_under_the_former_one(anna: Profile, backup: bytes) -> None:
    make_copy(anna)
    vault = anna.open_vault(PASSPHRASE)
    lock_of(
        anna.folders,
        anna.owner_key(vault),
        "another",
        is_new=True,
        entropy=SystemEntropy(),
        cost=CHEAP_LOCK,
    )
    vault.close()
    assert not anna.folders.copy_file.exists()
    assert not anna.folders.copy_state_file.exists()


def test_a_copy_that_is_made_anew_overwrites_the_head_of_the_former(
    anna: Profile, backup: bytes
) -> None:
    make_copy(anna)
    former = os.open(anna.folders.copy_file, os.O_RDONLY)
    head = os.pread(former, FILE_HEAD_BYTES, 0)
    make_copy(anna)
    assert os.pread(former, FILE_HEAD_BYTES, 0) != head
    os.close(former)
    assert not [name for name in files_of(anna.folders) if name.startswith(".")]


@pytest.mark.parametrize("at_once", [False, True])
def test_a_wipe_takes_the_copies_and_their_heads(
    anna: Profile, backup: bytes, *, at_once: bool
) -> None:
    make_copy(anna)
    anna.folders.upgrade_copy_file.write_bytes(backup)
    part = anna.folders.data / "before-upgrade.backup.part"
    part.write_bytes(backup)
    files = (anna.folders.copy_file, anna.folders.upgrade_copy_file, part)
    copies = [os.open(each, os.O_RDONLY) for each in files]
    heads = [os.pread(copy, FILE_HEAD_BYTES, 0) for copy in copies]
    if at_once:
        anna.release()
        wipe_at_once(anna.folders, timeout_s=5)
    else:
        anna.wipe()
    for copy, head in zip(copies, heads, strict=True):
        assert os.pread(copy, FILE_HEAD_BYTES, 0) != head
        os.close(copy)
    assert not anna.folders.data.exists()


def test_a_copy_that_is_to_stop_leaves_the_former_one(anna: Profile, backup: bytes) -> None:
    make_copy(anna)
    before = anna.folders.copy_file.read_bytes()
    with pytest.raises(UserError):
        make_copy(anna, should_stop=lambda: True)
    assert anna.folders.copy_file.read_bytes() == before
    remove_copy(anna.folders)
    assert not anna.folders.copy_file.exists()


@needs_rights
@pytest.mark.slow
def test_a_copy_that_is_killed_anywhere_leaves_the_former_one_or_the_new(
    anna: Profile, backup: bytes
) -> None:
    make_copy(anna)
    places = left_by(anna.folders, lambda: make_copy(anna))
    copies = [folders.copy_file.read_bytes() for folders in places]
    assert len(copies) > 5
    for data, _ in groupby(copies):
        assert check(io.BytesIO(data), backup_passphrase=BACKUP_PASSPHRASE).messages_count == 16
    assert len(set(copies)) == 2


def test_a_large_history_takes_the_memory_of_a_piece(tmp_path: Path, anna: Profile) -> None:
    import tracemalloc

    vault, reader = anna.open_vault_twice(PASSPHRASE)
    assert reader is not None
    add_messages(vault, 3_001)
    from mesh.node.backups import content_of, sealed_content

    began = time.monotonic()
    owner_key = anna.owner_key(reader)
    lock = lock_of(
        anna.folders,
        owner_key,
        BACKUP_PASSPHRASE,
        is_new=False,
        entropy=SystemEntropy(),
        cost=CHEAP_LOCK,
    )
    tracemalloc.start()
    size = 0
    with (tmp_path / "large.backup").open("wb") as file:
        content = content_of(anna.folders, reader, [], UnixSeconds(1))
        for piece in sealed_content(lock, content, SystemEntropy()):
            size += len(piece)
            file.write(piece)
    with (tmp_path / "large.backup").open("rb") as file:
        assert check(file, backup_passphrase=BACKUP_PASSPHRASE).messages_count == 3_017
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    reader.close()
    vault.close()
    assert size > 24_000_000
    assert peak < 5_000_000, (peak, time.monotonic() - began)
