"""Opening and closing the vault of a node that runs: by order, by passphrase, and when idle."""

import gc
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from enum import Enum
from pathlib import Path

import pytest
import trio

from mesh.commands.contacts import AddContact, ContactAnswer
from mesh.commands.identity import AskIdentity, CreateIdentity
from mesh.commands.invites import CreateInvite, InviteAnswer
from mesh.commands.messages import AskMessages, MessageAnswer, MessagesAnswer, SendMessage
from mesh.commands.peers import AddPeer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.config import Config
from mesh.daemon import vault_keeper
from mesh.daemon.vault_keeper import NOTHING_TO_LOCK_WITH, IdleTime, VaultKeeper
from mesh.engine.settings import EngineSettings
from mesh.errors import UserError
from mesh.events import (
    Event,
    MessageReceived,
    MessageStateChanged,
    NoticeRaised,
    VaultLocked,
    VaultUnlocked,
)
from mesh.ids import Instant, Monotonic
from mesh.limits.api import API_GRACE_MS
from mesh.limits.passphrase import PASSPHRASE_ATTEMPTS_WAITING_MAX
from mesh.node.clock import Clock, system_now
from mesh.node.folders import profile_folders
from mesh.node.node import Node
from mesh.node.profile import Profile, close_vault
from mesh.node.subscription import Subscription
from mesh.storage.connection import SqlcipherConnection
from mesh.wire.parameters import MeshParameters
from tests.node.profiles import CHEAP, made_quickly

SETTINGS = EngineSettings(parameters=MeshParameters(name="test", stamp_bits=0))


@asynccontextmanager
async def running(
    folder: Path, name: str, passphrase: str = "horse", *, clock: Clock = system_now
) -> AsyncIterator[tuple[Node, VaultKeeper, Profile]]:
    """A node whose vault is open, in a profile of its own."""
    folders = profile_folders(name.lower(), {"MESH_HOME": str(folder)})
    made_quickly(folders, passphrase)
    with Profile.held(folders, cost=CHEAP) as profile:
        store = profile.open_store()
        node = Node(settings=SETTINGS, store=store, listen_port=0)
        keeper = VaultKeeper(
            profile, node, config=Config(), begin_restored=pytest.fail, clock=clock
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(node.run)
            await keeper.unlock(passphrase.encode())
            await keeper.ask(CreateIdentity(name))
            yield node, keeper, profile
            nursery.cancel_scope.cancel()
        vault = node.take_vault()
        if vault is not None:
            close_vault(vault)
        store.close()


async def status(keeper: VaultKeeper) -> StatusAnswer:
    answer = await keeper.ask(AskStatus())
    assert isinstance(answer, StatusAnswer)
    return answer


async def refused(keeper: VaultKeeper) -> str:
    with pytest.raises(UserError) as caught:
        await keeper.ask(AskIdentity())
    return caught.value.kind


async def wait_for(events: Subscription, kind: type[Event]) -> list[Event]:
    """All events up to the first of a kind."""
    seen: list[Event] = []
    async for event in events:
        seen.append(event)
        if isinstance(event, kind):
            break
    return seen


async def wait_until(events: Subscription, sentence: str) -> list[str]:
    """All notices up to this one."""
    seen: list[str] = []
    while sentence not in seen:
        seen += [
            each.sentence
            for each in await wait_for(events, NoticeRaised)
            if isinstance(each, NoticeRaised)
        ]
    return seen


async def test_a_locked_node_says_so_and_refuses_in_words_until_it_is_unlocked(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, "Anna") as (node, keeper, _):
        assert (await status(keeper)).locked_since == 0
        with node.subscribe() as events:
            await keeper.lock()
            assert isinstance((await wait_for(events, VaultLocked))[-1], VaultLocked)
            locked = await status(keeper)
            assert (locked.vault, locked.name, locked.contacts_count) == ("locked", "", 0)
            assert locked.locked_since > 1_700_000_000
            assert await refused(keeper) == "locked"
            await keeper.lock()
            with pytest.raises(UserError) as caught:
                await keeper.unlock(b"house")
            assert caught.value.kind == "wrong-passphrase"
            assert await refused(keeper) == "locked"
            await keeper.unlock(b"horse")
            assert isinstance((await wait_for(events, VaultUnlocked))[-1], VaultUnlocked)
        assert (await status(keeper)).vault == "open"
        assert (await status(keeper)).locked_since == 0


async def test_locking_closes_the_file_and_leaves_no_log_beside_it(tmp_path: Path) -> None:
    async with running(tmp_path, "Anna") as (_, keeper, profile):
        log = profile.folders.vault_file.with_name("vault.db-wal")
        assert log.exists()
        await keeper.lock()
        assert not log.exists()
        if sys.platform == "linux":
            assert "store.db" in open_files()
            assert "vault.db" not in open_files()


@pytest.fixture
def others() -> list[object]:
    """Return what earlier tests of this process keep alive: held, so that no id is used again."""
    gc.collect()
    return [each for each in gc.get_objects() if is_of_a_vault(each)]


async def test_after_locking_no_object_that_works_on_the_vault_is_left(
    tmp_path: Path, others: list[object]
) -> None:
    async with running(tmp_path, "Anna") as (_, keeper, _):
        assert {"Messenger", "Vault", "Person"} <= vault_objects(others)
        # That of the store, that of the vault, and one by which backups read the vault.
        assert connections_count(others) == 3
        await keeper.lock()
        assert vault_objects(others) == set()
        assert connections_count(others) == 1


def open_files() -> list[str]:
    """The names of all files that this process has open."""
    names = []
    for descriptor in os.listdir("/proc/self/fd"):
        # The descriptor by which they are listed is one of them, and is closed again.
        with suppress(FileNotFoundError):
            names.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
    return names


def vault_objects(others: Sequence[object]) -> set[str]:
    """The kinds of all other living objects of the messenger and the ratchet, and of rows."""
    return {
        type(each).__name__
        for each in newcomers(others)
        if not isinstance(each, SqlcipherConnection)
    } - {"Ours"}


def connections_count(others: Sequence[object]) -> int:
    """Return how many other connections live."""
    return sum(isinstance(each, SqlcipherConnection) for each in newcomers(others))


def newcomers(others: Sequence[object]) -> list[object]:
    """Return what works on a vault or on a database, but for these."""
    known = {id(one) for one in others}
    return [each for each in gc.get_objects() if is_of_a_vault(each) and id(each) not in known]


def is_of_a_vault(each: object) -> bool:
    """Say whether it is a connection, or of the messenger, the ratchet or rows."""
    kind = type(each)
    # Classes written in C may have anything for a module, such as a descriptor.
    is_ours = str(kind.__module__).startswith(
        ("mesh.messenger", "mesh.ratchet", "mesh.storage.vault")
    )
    return issubclass(kind, SqlcipherConnection) or (is_ours and not issubclass(kind, Enum))


async def test_a_profile_without_a_passphrase_is_not_locked_but_told_why(tmp_path: Path) -> None:
    async with running(tmp_path, "Anna", passphrase="") as (_, keeper, _):
        with pytest.raises(UserError, match="no passphrase") as caught:
            await keeper.lock()
        assert caught.value.kind == "no-passphrase"
        assert (await status(keeper)).vault == "open"
        await keeper.change_passphrase(b"", b"horse")
        await keeper.lock()
        assert (await status(keeper)).vault == "locked"
        await keeper.unlock(b"horse")
        await keeper.change_passphrase(b"horse", b"")
        with pytest.raises(UserError, match="no passphrase"):
            await keeper.lock()


async def test_a_passphrase_is_changed_while_locked_and_while_open(tmp_path: Path) -> None:
    async with running(tmp_path, "Anna") as (_, keeper, _):
        with pytest.raises(UserError) as caught:
            await keeper.change_passphrase(b"house", b"battery")
        assert caught.value.kind == "wrong-passphrase"
        await keeper.change_passphrase(b"horse", b"battery")
        await keeper.lock()
        await keeper.change_passphrase(b"battery", b"staple")
        with pytest.raises(UserError, match="not the passphrase"):
            await keeper.unlock(b"battery")
        await keeper.unlock(b"staple")
        assert (await status(keeper)).name == "Anna"


async def test_mail_for_a_locked_node_waits_and_is_opened_at_unlock(tmp_path: Path) -> None:
    async with (
        running(tmp_path, "Anna") as (anna_node, anna, _),
        running(tmp_path, "Ben") as (ben_node, ben, _),
    ):
        with anna_node.subscribe() as at_anna, ben_node.subscribe() as at_ben:
            invite = await ben.ask(CreateInvite())
            assert isinstance(invite, InviteAnswer)
            contact = await anna.ask(AddContact(invite.link, "ben"))
            assert isinstance(contact, ContactAnswer)
            await anna.ask(AddPeer(f"127.0.0.1:{ben_node.port}"))
            await anna.ask(SendMessage("ben", "before"))
            await wait_for(at_ben, MessageReceived)
            await ben.lock()
            sent = await anna.ask(SendMessage("ben", "while you were away"))
            assert isinstance(sent, MessageAnswer)
            assert await carried(at_anna, sent.number) == 1
            await ben.unlock(b"horse")
            [*_, received] = await wait_for(at_ben, MessageReceived)
            assert isinstance(received, MessageReceived)
            assert received.message.text == "while you were away"
        page = await ben.ask(AskMessages())
        assert isinstance(page, MessagesAnswer)
        assert [each.text for each in page.messages] == ["before", "while you were away"]


async def carried(events: Subscription, number: int) -> int:
    """Wait until a message is carried; by how many."""
    async for event in events:
        if (
            isinstance(event, MessageStateChanged)
            and event.message.number == number
            and event.message.state == "carried"
        ):
            return event.message.carriers
    raise AssertionError("the node has stopped")


async def test_attempts_to_unlock_wait_in_order_and_no_more_than_a_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesh.daemon.guesses.WRONG_PASSPHRASES_FREE", 100)
    told: list[str] = []

    async def attempt(keeper: VaultKeeper, passphrase: bytes) -> None:
        try:
            await keeper.unlock(passphrase)
        except UserError as error:
            told.append(error.kind)
        else:
            told.append("open")

    async with running(tmp_path, "Anna") as (_, keeper, _):
        await keeper.lock()
        async with trio.open_nursery() as nursery, keeper._turn:
            for count in range(1, PASSPHRASE_ATTEMPTS_WAITING_MAX + 1):
                is_last = count == PASSPHRASE_ATTEMPTS_WAITING_MAX
                nursery.start_soon(attempt, keeper, b"horse" if is_last else b"house")
                await trio.testing.wait_all_tasks_blocked()
            await attempt(keeper, b"horse")
        wrong = ["wrong-passphrase"] * (PASSPHRASE_ATTEMPTS_WAITING_MAX - 1)
        assert told == ["busy", *wrong, "open"]


async def test_who_brings_wrong_passphrases_waits_longer_each_time(tmp_path: Path) -> None:
    now_us = 0
    # One expression over a variable that the test moves on.
    clock: Clock = lambda: Instant(Monotonic(now_us), 0)  # noqa: E731 (as long as its use)
    async with running(tmp_path, "Anna", clock=clock) as (_, keeper, _):
        await keeper.lock()
        waits = []
        for _ in range(9):
            with pytest.raises(UserError, match="not the passphrase") as caught:
                await keeper.unlock(b"house")
            waits.append(caught.value.fields["wait_seconds"])
            now_us += 1_000_000 * int(waits[-1])
        assert waits == [0, 0, 1, 2, 4, 8, 16, 32, 60]
        now_us -= 1_500_000
        with pytest.raises(UserError) as caught:
            await keeper.unlock(b"horse")
        assert (caught.value.kind, caught.value.fields) == ("too-soon", {"wait_seconds": 2})
        now_us += 1_500_000
        await keeper.unlock(b"horse")
        with pytest.raises(UserError) as caught:
            await keeper.change_passphrase(b"house", b"other")
        assert caught.value.fields == {"wait_seconds": 0}


async def test_a_stop_does_not_wait_for_attempts_that_have_not_begun(tmp_path: Path) -> None:
    async with running(tmp_path, "Anna") as (_, keeper, _):
        await keeper.lock()
        async with keeper._turn:
            async with trio.open_nursery() as nursery:
                for _ in range(8):
                    nursery.start_soon(keeper.unlock, b"horse")
                await trio.testing.wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
            assert keeper._turn.statistics().tasks_waiting == 0
        assert (await status(keeper)).vault == "locked"


async def test_a_caller_that_gives_up_does_not_leave_the_vault_half_closed(
    tmp_path: Path, others: list[object]
) -> None:
    async with running(tmp_path, "Anna") as (_, keeper, _):
        for given_up in (keeper.lock, lambda: keeper.unlock(b"horse")):
            with trio.CancelScope() as scope:
                scope.cancel()
                await given_up()
            assert connections_count(others) == (2 if (await status(keeper)).vault == "open" else 1)


async def test_a_node_that_nobody_uses_locks_itself_and_tells_why(tmp_path: Path) -> None:
    async with running(tmp_path, "Anna") as (node, keeper, _), trio.open_nursery() as nursery:
        with node.subscribe() as events:
            keeper.set_auto_lock(0.0001)
            nursery.start_soon(keeper.lock_when_idle)
            [*_, notice] = await wait_for(events, NoticeRaised)
            assert notice == NoticeRaised("Locked after 0.0001 minutes without use.")
            assert (await status(keeper)).vault == "locked"
        nursery.cancel_scope.cancel()


async def test_who_came_while_the_vault_was_busy_is_not_locked_out(tmp_path: Path) -> None:
    now_us = 0
    # One expression over a variable that the test moves on.
    clock: Clock = lambda: Instant(Monotonic(now_us), 0)  # noqa: E731 (as long as its use)
    async with (
        running(tmp_path, "Anna", clock=clock) as (_, keeper, _),
        trio.open_nursery() as nursery,
    ):
        keeper.set_auto_lock(10)
        async with keeper._turn:
            now_us = 3_600_000_000
            nursery.start_soon(keeper.lock_when_idle)
            await trio.testing.wait_all_tasks_blocked()
            assert keeper._turn.statistics().tasks_waiting == 1
            keeper.person_came()
        await trio.testing.wait_all_tasks_blocked()
        assert (await status(keeper)).vault == "open"
        nursery.cancel_scope.cancel()


async def test_a_node_without_a_passphrase_never_locks_itself_and_says_so_once(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with running(tmp_path, "Anna", passphrase="") as (node, keeper, _):
        with node.subscribe() as events:
            with trio.move_on_after(100):
                keeper.set_auto_lock(0.0001)
                await keeper.lock_when_idle()
            assert (await status(keeper)).vault == "open"
            node.notice("the end")
            told = [each for each in await wait_until(events, "the end") if "idle" in each]
            assert told == [f"Not locked when idle. {NOTHING_TO_LOCK_WITH}"]


async def test_idle_time_begins_anew_whenever_somebody_is_there(
    autojump_clock: trio.testing.MockClock,
) -> None:
    idle = IdleTime(virtual_now)
    ended: list[float] = []

    async def watch() -> None:
        await idle.wait(600_000)
        ended.append(trio.current_time())

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        for _ in range(3):
            await trio.sleep(599)
            idle.end()
    assert ended == [pytest.approx(began + 3 * 599 + 600, abs=0.001)]


async def test_sleep_of_the_machine_counts_as_idle_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    slept_us = 0
    idle = IdleTime(lambda: Instant(Monotonic(virtual_now().monotonic + slept_us), 0))
    began = trio.current_time()
    slept_us = 3_600 * 1_000_000
    await idle.wait(600_000)
    assert trio.current_time() == began


def virtual_now() -> Instant:
    return Instant(Monotonic(round(trio.current_time() * 1_000_000)), 0)


async def test_rounds_that_take_long_do_not_hold_up_a_lock(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    async def be_busy() -> None:
        while True:
            autojump_clock.jump(API_GRACE_MS / 20 / 1000)
            await trio.lowlevel.checkpoint()

    nursery.start_soon(be_busy)
    begun = trio.current_time()
    await vault_keeper._pass_rounds()
    assert trio.current_time() - begun < API_GRACE_MS / 2 / 1000
