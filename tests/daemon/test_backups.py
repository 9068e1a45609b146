"""Backups of a node that runs: a stream while it goes on, and the automatic copy when it is due."""

import io
import os
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

import pytest
import trio

from mesh.commands.messages import MessageAnswer, SendMessage
from mesh.crypto.entropy import Entropy
from mesh.daemon.backups import Backups
from mesh.daemon.vault_keeper import VaultKeeper
from mesh.errors import UserError
from mesh.limits.backup import (
    COPY_AGE_SECONDS_MAX,
    COPY_DELETED_SECONDS_MAX,
    COPY_LOOK_SECONDS,
    COPY_RETRY_SECONDS,
)
from mesh.node.backups import lock_of
from mesh.node.node import Node
from mesh.node.profile import Profile
from mesh.node.restoring import check
from mesh.node.system_entropy import SystemEntropy
from mesh.storage.connection import checkpoint, transaction
from tests.daemon.test_vault_keeper import running
from tests.messenger.people import copied
from tests.node.backing_up import BACKUP_PASSPHRASE, CHEAP_LOCK, make_copy
from tests.storage.test_portable import lived

BEGAN = 1_800_000_000.0


async def wrote_much(node: Node) -> None:
    """Have 40 messages written, more than one piece of a backup holds."""
    for number in range(40):
        await wrote(node, f"{number} " + "x" * 30_000)


async def streamed(
    keeper: VaultKeeper, passphrase: str = BACKUP_PASSPHRASE, *, is_new: bool = False
) -> bytes:
    async with aclosing(keeper.backup(passphrase.encode(), is_new=is_new)) as pieces:
        return b"".join([piece async for piece in pieces])


def open_files() -> list[str]:
    links = []
    for name in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            links.append(os.readlink(f"/proc/self/fd/{name}"))
    return links


def messages_in(data: bytes, passphrase: str = BACKUP_PASSPHRASE) -> int:
    return check(io.BytesIO(data), backup_passphrase=passphrase).messages_count


def set_passphrase(profile: Profile) -> None:
    """Set the passphrase of backups at a cost that tests can pay."""
    vault, reader = profile.open_vault_twice("horse")
    assert reader is not None
    owner_key = profile.owner_key(reader)
    lock_of(
        profile.folders,
        owner_key,
        BACKUP_PASSPHRASE,
        is_new=False,
        entropy=SystemEntropy(),
        cost=CHEAP_LOCK,
    )
    reader.close()
    vault.close()


async def wrote(node: Node, text: str) -> None:
    answer = await node.ask(SendMessage("me", text))
    assert isinstance(answer, MessageAnswer)


async def test_a_backup_is_of_one_instant_while_the_node_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path, "Anna") as (node, keeper, profile):
        set_passphrase(profile)
        await wrote_much(node)
        async with aclosing(keeper.backup(BACKUP_PASSPHRASE.encode(), is_new=False)) as pieces:
            data = await anext(pieces)
            data += await anext(pieces)
            # It is written while it is read: neither waits for the other.
            await wrote(node, "meanwhile")
            async for piece in pieces:
                data += piece
        assert messages_in(data) == 40
        assert messages_in(await streamed(keeper)) == 41


async def test_a_lock_ends_a_backup_and_closes_all_that_reads(tmp_path: Path) -> None:
    async with running(tmp_path, "Anna") as (node, keeper, profile):
        set_passphrase(profile)
        await wrote_much(node)
        async with aclosing(keeper.backup(BACKUP_PASSPHRASE.encode(), is_new=False)) as pieces:
            await anext(pieces)
            await keeper.lock()
            with pytest.raises(UserError) as refused:
                async for _ in pieces:
                    pass
            assert refused.value.kind == "locked"
        with pytest.raises(UserError) as refused:
            await streamed(keeper)
        assert refused.value.kind == "locked"
        vault = os.fspath(profile.folders.vault_file)
        assert not [link for link in open_files() if link.startswith(vault)]
        await keeper.unlock(b"horse")
        assert messages_in(await streamed(keeper)) == 40


async def test_a_stop_ends_a_backup_and_waits_for_none(tmp_path: Path) -> None:
    async with running(tmp_path, "Anna") as (node, keeper, profile):
        set_passphrase(profile)
        await wrote_much(node)
        async with aclosing(keeper.backup(BACKUP_PASSPHRASE.encode(), is_new=False)) as pieces:
            await anext(pieces)
            keeper.backups.stop()
            with pytest.raises(UserError):
                async for _ in pieces:
                    pass


async def test_whoever_stops_reading_leaves_the_vault_to_the_next(tmp_path: Path) -> None:
    async with running(tmp_path, "Anna") as (node, keeper, profile):
        set_passphrase(profile)
        await wrote(node, "x")
        for _ in range(3):
            async with aclosing(keeper.backup(BACKUP_PASSPHRASE.encode(), is_new=False)) as pieces:
                await anext(pieces)
        assert messages_in(await streamed(keeper)) == 1


async def test_the_first_backup_sets_the_passphrase_and_another_one_is_refused(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, "Anna") as (node, keeper, _):
        assert not (await keeper.backup_state()).has_passphrase
        await wrote(node, "x")
        assert messages_in(await streamed(keeper)) == 1
        assert (await keeper.backup_state()).has_passphrase
        with pytest.raises(UserError) as refused:
            await streamed(keeper, "another")
        assert refused.value.kind == "wrong-passphrase"
        assert messages_in(await streamed(keeper, "another", is_new=True), "another") == 1


class Copying:
    """The backups of a profile with a history, at a time that a test says."""

    def __init__(
        self, profile: Profile, *, is_weekly: bool = True, entropy: Entropy | None = None
    ) -> None:
        self.now = BEGAN
        self.notices: list[str] = []
        self.profile = profile
        self.backups = Backups(
            profile,
            is_relay=False,
            notice=self.notices.append,
            addresses=_no_addresses,
            wall=lambda: self.now,
            entropy=entropy,
        )
        self.backups.set_weekly(is_on=is_weekly)
        self.unlock()

    def unlock(self) -> None:
        """Open the vault."""
        self.vault, reader = self.profile.open_vault_twice("horse")
        assert reader is not None
        self.backups.vault_opened(reader)

    async def close(self) -> None:
        await self.backups.vault_closing()
        self.vault.close()

    def delete(self) -> None:
        """Delete a message."""
        with transaction(self.vault):
            self.vault.execute("DELETE FROM carriers")
            self.vault.execute("DELETE FROM outbox")
            self.vault.execute("DELETE FROM payloads")
            self.vault.execute("DELETE FROM texts")
            self.vault.execute("DELETE FROM contents")
            self.vault.execute(
                "DELETE FROM entries WHERE number = (SELECT min(number) FROM entries)"
            )

    @property
    def copied_count(self) -> int:
        return messages_in(self.profile.folders.copy_file.read_bytes())


async def _no_addresses() -> list[str]:
    return []


@asynccontextmanager
async def copying(
    folder: Path,
    *,
    has_passphrase: bool = True,
    is_weekly: bool = True,
    entropy: Entropy | None = None,
) -> AsyncIterator[Copying]:
    from mesh.node.folders import profile_folders
    from tests.node.profiles import created

    profile = created(profile_folders("anna", {"MESH_HOME": str(folder)}), "horse")
    vault = profile.open_vault("horse")
    copied(lived()[0].connection, vault)
    vault.close()
    if has_passphrase:
        set_passphrase(profile)
    made = Copying(profile, is_weekly=is_weekly, entropy=entropy)
    yield made
    await made.close()
    profile.release()


async def test_a_copy_is_made_at_once_and_then_each_week(tmp_path: Path) -> None:
    async with copying(tmp_path) as one:
        assert await one.backups.copy_if_due()
        assert one.copied_count == 16
        for _ in range(6):
            one.now += COPY_AGE_SECONDS_MAX / 6 - 60
            assert not await one.backups.copy_if_due()
        one.now += 6 * 60
        assert await one.backups.copy_if_due()
        # A clock that goes back is no reason to wait for years.
        one.now -= 10 * COPY_AGE_SECONDS_MAX
        assert await one.backups.copy_if_due()


async def test_what_is_deleted_is_in_no_copy_within_a_day(tmp_path: Path) -> None:
    async with copying(tmp_path) as one:
        assert await one.backups.copy_if_due()
        one.delete()
        # Who deletes all day long has no copy made each time.
        one.now += 60
        assert not await one.backups.copy_if_due()
        assert COPY_DELETED_SECONDS_MAX < 86_400 - 3_600
        one.now += COPY_DELETED_SECONDS_MAX
        assert await one.backups.copy_if_due()
        assert one.copied_count == 15
        one.now += COPY_DELETED_SECONDS_MAX
        assert not await one.backups.copy_if_due()


@pytest.mark.parametrize(
    "sent", ["DELETE FROM drafts", "UPDATE drafts SET text = 'next'", "DELETE FROM scheduled"]
)
async def test_a_draft_and_what_was_to_be_sent_later_are_in_no_copy_within_a_day(
    tmp_path: Path, sent: str
) -> None:
    """They are words that disappear where a timer runs, once they are sent."""
    async with copying(tmp_path) as one:
        with transaction(one.vault):
            one.vault.execute("DELETE FROM drafts")
            one.vault.execute(
                "INSERT INTO drafts (conversation, text) SELECT min(number), 'the code is 4711' "
                "FROM conversations"
            )
            one.vault.execute(
                "INSERT INTO scheduled (conversation, due, item, failure) "
                "SELECT min(number), 1, x'7b7d', '' FROM conversations"
            )
        assert await one.backups.copy_if_due()
        one.now += COPY_DELETED_SECONDS_MAX
        assert not await one.backups.copy_if_due()
        with transaction(one.vault):
            one.vault.execute(sent)
        assert await one.backups.copy_if_due()
        one.now += COPY_DELETED_SECONDS_MAX
        assert not await one.backups.copy_if_due()


async def test_without_a_passphrase_or_with_the_setting_off_there_is_no_copy(
    tmp_path: Path,
) -> None:
    async with copying(tmp_path / "none", has_passphrase=False) as one:
        assert not await one.backups.copy_if_due()
        assert not one.profile.folders.copy_file.exists()
    async with copying(tmp_path / "off", is_weekly=False) as one:
        await one.close()
        make_copy(one.profile)
        one.unlock()
        assert not await one.backups.copy_if_due()
        # Who turns it off wants the one that is there no longer.
        assert not one.profile.folders.copy_file.exists()


class Meanwhile(SystemEntropy):
    """Does something when the first random bytes of a copy are drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.does: Callable[[], None] | None = None

    def draw(self, length: int) -> bytes:
        """Do it once."""
        does, self.does = self.does, None
        if does is not None:
            does()
        return super().draw(length)


async def test_what_comes_while_a_copy_begins_and_is_deleted_is_in_no_copy_within_a_day(
    tmp_path: Path,
) -> None:
    entropy = Meanwhile()
    async with copying(tmp_path, entropy=entropy) as one:
        row = one.vault.execute("SELECT * FROM entries ORDER BY number").fetchall()[0]
        assert row[0] == 1, "the number comes first"
        one.delete()

        def come() -> None:
            with transaction(one.vault):
                places = ", ".join("?" * len(row))
                one.vault.execute(f"INSERT INTO entries VALUES ({places})", (9_999, *row[1:]))

        entropy.does = come
        assert await one.backups.copy_if_due()
        assert one.vault.execute("SELECT 1 FROM entries WHERE number = 9999").fetchall()
        with transaction(one.vault):
            one.vault.execute("DELETE FROM entries WHERE number = 9999")
        one.now += COPY_DELETED_SECONDS_MAX
        await one.backups.copy_if_due()
        assert one.copied_count == 15


async def test_a_locked_node_makes_no_copy(tmp_path: Path) -> None:
    async with copying(tmp_path) as one:
        await one.backups.vault_closing()
        await one.backups.tend()
        assert not one.profile.folders.copy_file.exists()
        one.unlock()
        await one.backups.tend()
        assert one.copied_count == 16


async def test_a_copy_that_cannot_be_made_is_told_once_and_tried_again(tmp_path: Path) -> None:
    async with copying(tmp_path) as one:
        blocked = one.profile.folders.copy_files[0]
        blocked.mkdir()
        for _ in range(3):
            await one.backups.tend()
            one.now += COPY_RETRY_SECONDS
        assert len(one.notices) == 1
        assert "could not be made" in one.notices[0]
        assert (await one.backups.state()).failure
        blocked.rmdir()
        await one.backups.tend()
        assert one.copied_count == 16
        assert (await one.backups.state()).failure == ""


async def test_a_clock_that_was_wrong_at_one_look_stops_no_copy(tmp_path: Path) -> None:
    async with copying(tmp_path) as one:
        one.now += 10 * 365 * 24 * 3600
        await one.backups.tend()
        assert one.copied_count == 16
        one.delete()
        one.now = BEGAN
        await one.backups.tend()
        assert one.copied_count == 15
        # From then on it is looked at in time, and not each minute.
        one.profile.folders.copy_file.unlink()
        one.now = BEGAN + 60
        await one.backups.tend()
        assert not one.profile.folders.copy_file.exists()
        one.now = BEGAN + COPY_LOOK_SECONDS
        await one.backups.tend()
        assert one.copied_count == 15


async def test_a_backup_that_is_being_read_holds_up_no_node(tmp_path: Path) -> None:
    async with running(tmp_path, "Anna") as (node, keeper, profile):
        set_passphrase(profile)
        await wrote_much(node)
        vault = profile.open_vault("horse")
        async with aclosing(keeper.backup(BACKUP_PASSPHRASE.encode(), is_new=False)) as pieces:
            await anext(pieces)
            await anext(pieces)
            await wrote(node, "meanwhile")
            began = trio.current_time()
            # As the node empties the log, which is being read.
            assert not checkpoint(vault, is_patient=False)
            assert trio.current_time() - began < 1
        assert checkpoint(vault, is_patient=False)
        vault.close()
