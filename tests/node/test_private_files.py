"""Nobody else reads the files of a profile, and nothing of them stays when it is wiped."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from mesh.errors import UserError
from mesh.node.folders import ProfileFolders
from mesh.node.private_files import replace_private_bytes
from mesh.node.profile import Profile
from tests.node.profiles import CHEAP, created, mark, needs_rights, note


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


@pytest.mark.parametrize("make", [Path.symlink_to, Path.hardlink_to])
def test_what_other_names_lead_to_is_replaced_and_not_overwritten(
    tmp_path: Path, make: Callable[[Path, Path], None]
) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    theirs.write_bytes(b"before")
    make(ours, theirs)
    replace_private_bytes(ours, b"after")
    assert (theirs.read_bytes(), ours.read_bytes()) == (b"before", b"after")
