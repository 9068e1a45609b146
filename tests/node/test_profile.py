"""A profile on disk: keys, databases, the lock, and what is left when a process is killed."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mesh.errors import StorageError, UserError
from mesh.inputs import Connection
from mesh.limits import PASSPHRASE_MEMORY_BYTES, PASSPHRASE_PASSES
from mesh.node.folders import ProfileFolders, profile_folders
from mesh.node.key_files import PassphraseCost, WrappedKey
from mesh.node.profile import PLAIN_MAGIC, USUAL_COST, Profile, close_vault
from mesh.storage.sqlcipher import checkpoint, transaction
from mesh.storage.store import Store
from tests.mounts import run_on_disk
from tests.node.killing import IsKilled

CHEAP = PassphraseCost(memory_bytes=8 * 1024, passes=1)

needs_rights = pytest.mark.skipif(os.name == "nt", reason="there are no such rights on Windows")


@pytest.fixture
def folders(tmp_path: Path) -> ProfileFolders:
    return profile_folders("anna", {"MESH_HOME": str(tmp_path / "home")})


def mark(connection: Connection) -> None:
    with transaction(connection):
        Store(connection).put_setting("mark", b"here")


def is_marked(connection: Connection) -> bool:
    return Store(connection).find_setting("mark") == b"here"


def note(vault: Connection) -> None:
    with transaction(vault):
        vault.execute("CREATE TABLE IF NOT EXISTS noted (note)")


def is_noted(vault: Connection) -> bool:
    return bool(vault.execute("SELECT 1 FROM sqlite_master WHERE name = 'noted'").fetchall())


def created(folders: ProfileFolders, passphrase: str = "horse") -> Profile:
    profile = Profile(folders, cost=CHEAP)
    profile.create(passphrase)
    return profile


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
        profile.create("")
    key = WrappedKey.decode(folders.vault_key_file.read_bytes(), "vault.key")
    assert key.cost == USUAL_COST
    assert (key.cost.memory_bytes, key.cost.passes) == (PASSPHRASE_MEMORY_BYTES, PASSPHRASE_PASSES)
    assert len(key.unwrap("")) == 32


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
    assert not folders.vault_file.exists()


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
        with pytest.raises(StorageError, match=r"is damaged, since nothing is in it: put it back"):
            profile.open_store().close() if name == "store" else profile.open_vault("horse")
        assert path.read_bytes() == content
        path.unlink()
        profile.open_store().close()
        profile.open_vault("horse").close()
        assert path.stat().st_size > 4096


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
    with pytest.raises(StorageError, match=r"The store has schema 99.*update Mesh"):
        profile.open_store()


def test_a_profile_is_held_by_one_process(folders: ProfileFolders) -> None:
    first = created(folders)
    with pytest.raises(UserError, match=rf"profile anna \(process {os.getpid()}\)") as caught:
        Profile(folders)
    assert caught.value.kind == "already-running"
    first.release()
    Profile(folders).release()


def test_who_is_just_leaving_is_waited_for(folders: ProfileFolders) -> None:
    profile = Profile(folders)
    # The first step of letting go: the number is gone, the lock is not yet.
    os.truncate(folders.lock_file, 0)
    leaving = threading.Timer(0.1, profile.release)
    leaving.start()
    Profile(folders).release()
    leaving.join()


HOLD = """
import sys
from mesh.node.folders import profile_folders
from mesh.node.profile import Profile
profile = Profile(profile_folders("anna", {"MESH_HOME": sys.argv[1]}))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_killed_daemon_does_not_lock_its_profile(folders: ProfileFolders) -> None:
    daemon = subprocess.Popen(
        [sys.executable, "-c", HOLD, folders.data.parent],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert daemon.stdin is not None
    assert daemon.stdout is not None
    assert daemon.stdout.readline() == "held\n"
    with pytest.raises(UserError, match=rf"\(process {daemon.pid}\)"):
        Profile(folders)
    daemon.kill()
    daemon.wait()
    daemon.stdin.close()
    daemon.stdout.close()
    Profile(folders).release()


@needs_rights
def test_files_are_closed_to_others(folders: ProfileFolders) -> None:
    # Even for a person whose new files are open to all by default.
    former = os.umask(0)
    try:
        profile = created(folders)
        store, vault = profile.open_store(), profile.open_vault("horse")
        mark(store)
        note(vault)
    finally:
        os.umask(former)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folders.data.iterdir()}
    assert {"store.db", "store.db-wal", "store.key", "vault.db", "vault.key"} <= modes.keys()
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(folders.data.stat().st_mode) == 0o700
    store.close()
    vault.close()


@needs_rights
def test_rights_that_became_wider_are_mended(folders: ProfileFolders) -> None:
    profile = created(folders)
    profile.open_store().close()
    profile.release()
    folders.data.chmod(0o755)
    for file in (folders.store_key_file, folders.store_file):
        file.chmod(0o644)
    with Profile.held(folders) as again:
        again.open_store().close()
    assert stat.S_IMODE(folders.data.stat().st_mode) == 0o700
    for file in (folders.store_key_file, folders.store_file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() != 0, reason="only root can give a file to somebody else"
)
@pytest.mark.parametrize("name", ["", "store.key", "store.db"])
def test_what_belongs_to_another_user_is_refused(folders: ProfileFolders, name: str) -> None:
    profile = created(folders)
    profile.open_store().close()
    profile.release()
    os.chown(folders.data / name, 65_534, 65_534)
    with (
        pytest.raises(UserError, match="belongs to another user") as caught,
        Profile.held(folders) as again,
    ):
        again.open_store()
    assert caught.value.kind == "unsafe-folder"


def test_a_file_in_the_place_of_the_folder_is_told(folders: ProfileFolders) -> None:
    folders.data.parent.mkdir()
    folders.data.write_bytes(b"")
    with pytest.raises(UserError, match="in the way and is no folder"):
        Profile(folders)


def test_wiping_leaves_nothing_and_another_can_be_created(folders: ProfileFolders) -> None:
    profile = created(folders)
    store, vault = profile.open_store(), profile.open_vault("horse")
    folders.config_file.write_text("")
    (folders.state / "logs").mkdir()
    (folders.state / "logs" / "mesh.log").write_text("")
    store.close()
    vault.close()
    for name in ("vault.db-wal", "vault.db-shm", ".vault.key.new"):
        (folders.data / name).write_bytes(b"left by a crash")
    profile.wipe()
    assert list(folders.data.parent.iterdir()) == []
    with Profile.held(folders, cost=CHEAP) as again:
        assert not again.is_created
        again.create("")
        again.open_vault("").close()


@needs_rights
def test_a_wiped_key_is_overwritten_and_not_only_unlinked(folders: ProfileFolders) -> None:
    profile = created(folders)
    profile.open_store().close()
    links = {}
    for file in (folders.vault_key_file, folders.store_key_file):
        link = folders.data.parent / f"link-to-{file.name}"
        os.link(file, link)
        links[link] = file.read_bytes()
    profile.wipe()
    for link, before in links.items():
        assert len(link.read_bytes()) == len(before)
        assert link.read_bytes() != before


@needs_rights
@pytest.mark.slow
def test_a_first_run_that_is_killed_anywhere_starts_again(
    tmp_path: Path, is_killed: IsKilled
) -> None:
    calls_before = 0
    while True:
        folders = profile_folders("anna", {"MESH_HOME": str(tmp_path / str(calls_before))})
        was_killed = is_killed(folders, "create", calls_before)
        with Profile.held(folders, cost=CHEAP) as profile:
            if not profile.is_created:
                profile.create("horse")
            profile.open_store().close()
            profile.open_vault("horse").close()
        if not was_killed:
            break
        calls_before += 1
    assert calls_before > 10


@needs_rights
@pytest.mark.slow
def test_a_change_of_passphrase_that_is_killed_anywhere_leaves_one_of_the_two(
    tmp_path: Path, is_killed: IsKilled
) -> None:
    calls_before = 0
    opened_by = []
    while True:
        folders = profile_folders("anna", {"MESH_HOME": str(tmp_path / str(calls_before))})
        profile = created(folders)
        vault = profile.open_vault("horse")
        note(vault)
        vault.close()
        profile.release()
        was_killed = is_killed(folders, "change", calls_before)
        with Profile.held(folders) as again:
            try:
                vault = again.open_vault("horse")
                opened_by.append("horse")
            except UserError:
                vault = again.open_vault("battery")
                opened_by.append("battery")
            assert is_noted(vault)
            vault.close()
        if not was_killed:
            break
        calls_before += 1
    assert opened_by == sorted(opened_by, reverse=True)
    assert {"horse", "battery"} == set(opened_by)


@needs_rights
@pytest.mark.slow
def test_a_wipe_that_is_killed_anywhere_is_finished_by_the_next(
    tmp_path: Path, is_killed: IsKilled
) -> None:
    calls_before = 0
    seen_unfinished = 0
    while True:
        folders = profile_folders("anna", {"MESH_HOME": str(tmp_path / str(calls_before))})
        profile = created(folders)
        profile.open_store().close()
        profile.open_vault("horse").close()
        profile.release()
        was_killed = is_killed(folders, "wipe", calls_before)
        if was_killed:
            again = Profile(folders, cost=CHEAP)
            if not again.is_created and folders.vault_file.exists():
                seen_unfinished += 1
                with pytest.raises(UserError) as caught:
                    again.create("horse")
                assert caught.value.kind == "wipe-unfinished"
            again.wipe()
        assert not folders.data.exists()
        if not was_killed:
            break
        calls_before += 1
    assert seen_unfinished > 0


FILL = """
import sys
from pathlib import Path
from mesh.errors import MeshError
from mesh.node.folders import profile_folders
from mesh.node.key_files import PassphraseCost
from mesh.node.profile import Profile
folders = profile_folders("anna", {"MESH_HOME": sys.argv[1]})
try:
    with Profile.held(folders, cost=PassphraseCost(memory_bytes=8192, passes=1)) as profile:
        if not profile.is_created:
            profile.create("horse")
        profile.open_store().close()
        profile.open_vault("horse").close()
        print("opened")
except MeshError as error:
    print(error)
"""


def test_a_full_disk_is_told_at_first_run_and_the_next_run_succeeds(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "if sys.argv[2] == 'first':\n"
        "    file = (pathlib.Path(sys.argv[1]) / 'ballast').open('wb', buffering=0)\n"
        "    try:\n"
        "        while True:\n"
        "            file.write(bytes(4096))\n"
        "    except OSError:\n"
        "        pass\n" + FILL
    )
    said = run_on_disk(
        tmp_path, "size=2m", program, then='head -c 0 /dev/null >"$DISK/ballast"'
    ).splitlines()
    assert said[0].startswith("The disk is full: free some space")
    assert said[1:] == ["opened"]


def test_a_read_only_disk_is_told_in_a_sentence(tmp_path: Path) -> None:
    said = run_on_disk(tmp_path, "size=2m", FILL, then='mount -o remount,ro "$DISK"').splitlines()
    assert said[0] == "opened"
    assert said[1].endswith("is on a disk that is not read-only.")
