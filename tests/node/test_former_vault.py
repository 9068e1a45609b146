"""The vault of before an update: kept for a day, and put back when a person asks for it."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator

import pytest

from mesh.database import Connection
from mesh.errors import StorageError, UserError
from mesh.limits.backup import FORMER_VAULT_SECONDS
from mesh.node import former_vault
from mesh.node.database_files import aside_of, unfinished
from mesh.node.folders import ProfileFolders
from mesh.node.former_vault import former_of, remove_old_former
from mesh.node.profile import Profile
from mesh.storage import migrations
from mesh.storage.connection import checkpoint, transaction
from mesh.storage.migrations import schema_version
from mesh.storage.store.schema import STORE_MIGRATIONS
from mesh.storage.vault.portable import INSTANCE_MARK, MAYBE_SENT
from mesh.storage.vault.schema import VAULT_MIGRATIONS
from tests.node.killing import left_by
from tests.node.profiles import created

LATER = (*VAULT_MIGRATIONS, ("CREATE TABLE later_one (x)",), ("DELETE FROM marks",))
"""A later release: of two changes the second takes away what this one's tests wrote."""


def note(vault: Connection) -> None:
    """Write something that a backup holds."""
    with transaction(vault):
        vault.execute("INSERT OR REPLACE INTO marks VALUES ('offers a card', 1)")


def is_noted(vault: Connection) -> bool:
    """Say whether it is there."""
    row = vault.execute("SELECT value FROM marks WHERE name = 'offers a card'").fetchone()
    return row == (1,)


@contextlib.contextmanager
def later_release() -> Iterator[None]:
    """The release to come is at work."""
    with pytest.MonkeyPatch.context() as patched:
        for module in (migrations, former_vault):
            patched.setattr(module, "VAULT_MIGRATIONS", LATER)
        patched.setattr(
            migrations, "STORE_MIGRATIONS", (*STORE_MIGRATIONS, ("CREATE TABLE later_two (x)",))
        )
        yield


@pytest.fixture
def noted(folders: ProfileFolders) -> ProfileFolders:
    """A profile of today's release in which something is noted."""
    profile = created(folders)
    profile.open_store().close()
    vault = profile.open_vault("horse")
    note(vault)
    vault.close()
    profile.release()
    return folders


@contextlib.contextmanager
def opened(folders: ProfileFolders) -> Iterator[Connection]:
    """The vault, opened by the release at work."""
    with Profile.held(folders) as profile:
        vault = profile.open_vault("horse")
        try:
            yield vault
        finally:
            vault.close()


def update(folders: ProfileFolders) -> None:
    """Open a profile by the release to come."""
    with later_release(), Profile.held(folders) as profile:
        profile.open_store().close()
        vault = profile.open_vault("horse")
        assert schema_version(vault) == len(LATER)
        vault.close()


def back(folders: ProfileFolders) -> None:
    """Return to before, by today's release."""
    with Profile.held(folders) as profile:
        profile.go_back(profile.vault_key("horse"))


def instance_of(vault: Connection) -> str | None:
    row = vault.execute("SELECT value FROM marks WHERE name = ?", (INSTANCE_MARK,)).fetchone()
    return None if row is None else str(row[0])


def test_a_vault_that_a_later_release_changed_is_put_back(noted: ProfileFolders) -> None:
    update(noted)
    with Profile.held(noted) as profile, pytest.raises(StorageError, match="mesh vault back"):
        profile.open_vault("horse")
    back(noted)
    with Profile.held(noted) as profile:
        profile.open_store().close()
        vault = profile.open_vault("horse")
        assert is_noted(vault)
        # Its keys may have gone on since: it lives as one that was restored.
        assert instance_of(vault)
        vault.close()
    assert aside_of(noted.store_file).exists()
    # The newer one is kept in its turn.
    with later_release(), Profile.held(noted) as profile:
        profile.go_back(profile.vault_key("horse"))
        vault = profile.open_vault("horse")
        assert schema_version(vault) == len(LATER)
        assert vault.execute("SELECT count(*) FROM later_one").fetchone() == (0,)
        vault.close()


def test_a_vault_of_today_is_not_copied(noted: ProfileFolders) -> None:
    with Profile.held(noted) as profile:
        profile.open_vault("horse").close()
        with pytest.raises(UserError) as refused:
            profile.go_back(profile.vault_key("horse"))
    assert refused.value.kind == "no-former"
    assert not former_of(noted.vault_file).exists()


@pytest.mark.skipif(os.name == "nt", reason="files have no such modes there")
def test_the_former_vault_is_private(noted: ProfileFolders) -> None:
    update(noted)
    for file in (noted.vault_file, former_of(noted.vault_file)):
        assert file.stat().st_mode & 0o777 == 0o600


def test_the_former_vault_goes_after_a_day_and_when_nobody_knows_its_age(
    noted: ProfileFolders,
) -> None:
    update(noted)
    former = former_of(noted.vault_file)
    changed = former.stat().st_mtime
    for now, stays in (
        (changed + FORMER_VAULT_SECONDS - 1, True),
        (changed + FORMER_VAULT_SECONDS, False),
        (changed - 60, True),
        (changed - FORMER_VAULT_SECONDS, False),
    ):
        shutil.copy2(former, kept := former.with_name("kept"))
        remove_old_former(noted.vault_file, now)
        assert former.exists() == stays
        kept.replace(former)
    former.unlink()
    remove_old_former(noted.vault_file, changed)


def test_an_update_that_is_killed_leaves_one_vault_or_the_other(noted: ProfileFolders) -> None:
    for disk in left_by(noted, lambda: update(noted)):
        with contextlib.suppress(StorageError), opened(disk) as vault:
            assert is_noted(vault)
        update(disk)
        assert not unfinished(disk.vault_file).exists()
        # Whatever moment it was, what is kept is what today's release can read.
        back(disk)
        with opened(disk) as vault:
            assert is_noted(vault)


def test_a_return_that_is_killed_leaves_one_vault_or_the_other(noted: ProfileFolders) -> None:
    update(noted)
    for disk in left_by(noted, lambda: back(noted)):
        try:
            with opened(disk) as vault:
                assert is_noted(vault)
        except StorageError:
            back(disk)
            with opened(disk) as vault:
                assert is_noted(vault)


def test_without_room_for_two_nothing_is_changed(
    noted: ProfileFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = noted.vault_file.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr("mesh.node.former_vault.shutil.copyfileobj", full)
        with (
            later_release(),
            Profile.held(noted) as profile,
            pytest.raises(StorageError, match="full"),
        ):
            profile.open_vault("horse")
    assert noted.vault_file.read_bytes() == before
    assert {path.name for path in noted.data.glob("*vault*")} >= {"vault.db", "vault.key"}
    assert not unfinished(noted.vault_file).exists()
    assert not former_of(noted.vault_file).exists()
    update(noted)


def test_a_disk_that_fills_at_the_last_step_leaves_the_vault_as_it_was(
    noted: ProfileFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = noted.vault_file.read_bytes()
    real = checkpoint

    def full(connection: Connection) -> bool:
        # What the file would grow by does not fit any more; its log did.
        path = str(connection.execute("PRAGMA database_list").fetchall()[0][2])
        return not path.endswith(".new") and real(connection)

    with later_release(), Profile.held(noted) as profile, monkeypatch.context() as patched:
        patched.setattr(former_vault, "checkpoint", full)
        with pytest.raises(StorageError, match="full"):
            profile.open_vault("horse")
    assert noted.vault_file.read_bytes() == before
    assert not former_of(noted.vault_file).exists()
    with opened(noted) as vault:
        assert is_noted(vault)
    update(noted)
    newer = noted.vault_file.read_bytes()
    with Profile.held(noted) as profile, monkeypatch.context() as patched:
        patched.setattr(former_vault, "checkpoint", full)
        with pytest.raises(StorageError, match="full"):
            profile.go_back(profile.vault_key("horse"))
    assert noted.vault_file.read_bytes() == newer
    assert not aside_of(noted.store_file).exists()
    back(noted)


def test_a_damaged_vault_keeps_nobody_from_going_back(noted: ProfileFolders) -> None:
    update(noted)
    content = bytearray(noted.vault_file.read_bytes())
    content[20:4_000] = bytes(3_980)
    noted.vault_file.write_bytes(content)
    back(noted)
    with opened(noted) as vault:
        assert is_noted(vault)
    assert former_of(noted.vault_file).read_bytes() == bytes(content)


def test_what_was_used_up_since_is_not_used_again(noted: ProfileFolders) -> None:
    with opened(noted) as vault, transaction(vault):
        vault.execute(
            "INSERT INTO conversations (number, kind, contact, read_position, "
            "sends_read_receipts, muted_until, is_pinned, is_archived, is_marked_unread) "
            "VALUES (1, 'self', NULL, 0, 0, 0, 0, 0, 0)"
        )
        vault.execute("INSERT INTO scheduled VALUES (1, 1, 0, x'00', NULL, '')")
    update(noted)
    back(noted)
    with opened(noted) as vault:
        # The newer one may have sent it.
        assert vault.execute("SELECT failure FROM scheduled").fetchall() == [(MAYBE_SENT,)]


def test_the_release_that_changed_a_vault_does_not_take_it_back(noted: ProfileFolders) -> None:
    update(noted)
    before = noted.vault_file.read_bytes()
    with later_release(), Profile.held(noted) as profile:
        with pytest.raises(UserError) as refused:
            profile.go_back(profile.vault_key("horse"))
        assert refused.value.kind == "other-release"
    assert noted.vault_file.read_bytes() == before


def test_a_vault_that_is_later_than_both_is_refused_and_stays(noted: ProfileFolders) -> None:
    update(noted)
    shutil.copy(noted.vault_file, former_of(noted.vault_file))
    before = noted.vault_file.read_bytes()
    with Profile.held(noted) as profile, pytest.raises(StorageError, match="has schema"):
        profile.go_back(profile.vault_key("horse"))
    assert noted.vault_file.read_bytes() == before
