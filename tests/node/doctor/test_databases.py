"""Damage that the doctor sees in a profile's files, while it leaves them as they are."""

import os
from pathlib import Path

import pytest

from mesh.errors import UserError
from mesh.node.doctor.databases import examine_databases
from mesh.node.doctor.finding import Finding
from mesh.node.folders import ProfileFolders
from mesh.storage.connection import transaction
from tests.node.profiles import created, mark

PASSPHRASE = "horse"


def make(folders: ProfileFolders) -> None:
    """Make a profile whose store and vault have some pages."""
    profile = created(folders, PASSPHRASE)
    store, vault = profile.open_store(), profile.open_vault(PASSPHRASE)
    mark(store)
    with transaction(vault):
        vault.execute("CREATE TABLE filler (bytes BLOB)")
        vault.executemany("INSERT INTO filler VALUES (?)", [(os.urandom(2_000),)] * 200)
    store.close()
    vault.close()
    profile.release()


def levels(folders: ProfileFolders, passphrase: str | None = None) -> list[str]:
    """Return how store and vault are."""
    found = examine_databases(folders, passphrase)
    assert [each.check for each in found] == ["store", "vault"]
    return [each.level for each in found]


def contents(folders: ProfileFolders) -> dict[Path, bytes]:
    """Return all that the databases and the key files hold."""
    kept = (folders.store_file, folders.vault_file, folders.store_key_file, folders.vault_key_file)
    return {path: path.read_bytes() for path in kept}


def test_whole_databases_are_read_and_stay_as_they_are(folders: ProfileFolders) -> None:
    assert levels(folders) == ["ok", "ok"]
    make(folders)
    before = contents(folders)
    assert levels(folders) == ["ok", "ok"]
    assert levels(folders, PASSPHRASE) == ["ok", "ok"]
    assert contents(folders) == before


def test_what_a_killed_node_left_in_its_log_is_read_and_stays(folders: ProfileFolders) -> None:
    profile = created(folders, PASSPHRASE)
    store = profile.open_store()
    mark(store)
    log = folders.store_file.with_name(f"{folders.store_file.name}-wal")
    before = (folders.store_file.read_bytes(), log.read_bytes())
    assert before[1]
    assert levels(folders) == ["ok", "ok"]
    assert (folders.store_file.read_bytes(), log.read_bytes()) == before
    store.close()
    profile.release()


def test_a_wrong_passphrase_is_no_damage(folders: ProfileFolders) -> None:
    make(folders)
    with pytest.raises(UserError) as caught:
        examine_databases(folders, "zebra")
    assert caught.value.kind == "wrong-passphrase"


@pytest.mark.parametrize("page", [bytes(4_096), b"[log] something else\n" * 195 + bytes(1)])
@pytest.mark.parametrize("number", [0, 7])
def test_what_does_not_look_sealed_is_damage_without_the_key(
    folders: ProfileFolders, page: bytes, number: int
) -> None:
    make(folders)
    with folders.vault_file.open("r+b") as file:
        file.seek(number * 4_096)
        file.write(page)
    store, vault = examine_databases(folders, None)
    assert (store.level, vault.level) == ("ok", "fail")
    assert f"page {number + 1} " in vault.found
    assert vault.meaning
    assert vault.fix


def check_failure(finding: Finding, word: str) -> None:
    """Check that damage is told with what it means and what to do."""
    assert finding.level == "fail"
    assert word in finding.found
    assert finding.meaning
    assert finding.fix


def test_files_that_are_cut_off_or_gone_are_told(folders: ProfileFolders) -> None:
    make(folders)
    os.truncate(folders.store_file, 5_000)
    os.truncate(folders.vault_file, 0)
    for finding in examine_databases(folders, None):
        check_failure(finding, "cut off")
    folders.store_key_file.unlink()
    folders.vault_key_file.unlink()
    for finding in examine_databases(folders, None):
        check_failure(finding, "gone")


def test_damaged_keys_are_told(folders: ProfileFolders) -> None:
    make(folders)
    for path in (folders.store_key_file, folders.vault_key_file):
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        path.chmod(0o600)
    for finding in examine_databases(folders, None):
        check_failure(finding, "damaged")
