"""Locking, passphrases and wiping, on daemons in processes of their own; some are killed."""

import os
import random
import signal
import threading
import time
from contextlib import suppress

import pytest

from mesh.api.own_requests import ChangePassphrase, Lock, Unlock
from mesh.api.request import Request
from mesh.api.stream import Happened, Hello, Resync
from mesh.client import Client
from mesh.commands.answer import Done
from mesh.commands.identity import AskIdentity, IdentityAnswer
from mesh.commands.invites import CreateInvite, InviteAnswer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.errors import UserError
from mesh.events import NoticeRaised, VaultLocked
from mesh.node.folders import ProfileFolders
from mesh.node.key_files import WrappedKey
from mesh.node.wiping import wipe_at_once
from mesh.storage.connection import connect
from tests.daemon.memory import found_in_memory, require_memory
from tests.daemon.processes import Household
from tests.searching import seeds

PASSPHRASE = "zebra cobalt orchid lantern"
LABEL = "a label that nobody else uses"
KILLS = 3
KILL_WITHIN_S = 2.5
GONE = ("not-running", "stopping")


def secrets(folders: ProfileFolders, passphrase: str) -> dict[str, bytes]:
    """Return what opens or holds what is ours, by other means than the daemon's."""
    key = WrappedKey.decode(folders.vault_key_file.read_bytes(), "").unwrap(passphrase)
    vault = connect(folders.vault_file, key)
    columns = {
        "seed": "SELECT seed FROM identity",
        "invite": "SELECT secret FROM invites",
        "prekey": "SELECT private FROM prekeys",
    }
    found = {"passphrase": passphrase.encode(), "key": bytes(key), "typed key": key.hex().encode()}
    for name, sql in columns.items():
        row = vault.execute(sql).fetchone()
        assert row is not None
        assert isinstance(row[0], bytes)
        found[name] = row[0]
    vault.close()
    return found


def test_after_locking_neither_keys_nor_the_passphrase_are_in_memory(household: Household) -> None:
    process = household.start("anna", name="Anna", passphrase=PASSPHRASE)
    require_memory(process.pid)
    client = household.client("anna")
    client.ask(CreateInvite(label=LABEL), InviteAnswer)
    wanted = secrets(household.folders("anna"), PASSPHRASE)
    # They are here, so a search that works finds all of them; the daemon needs most of them.
    assert found_in_memory(os.getpid(), wanted) == set(wanted)
    assert found_in_memory(process.pid, wanted) >= {"typed key", "seed", "invite", "prekey"}
    lock(client)
    assert found_in_memory(process.pid, wanted) == set()
    client.ask(Unlock(PASSPHRASE), Done)
    assert found_in_memory(process.pid, wanted) >= {"typed key", "seed"}
    lock(client)
    assert found_in_memory(process.pid, wanted) == set()


def lock(client: Client) -> None:
    """Lock, and wait for the program that begins anew: the one before it answers, and then goes
    with its memory.
    """
    epoch = hello(client).epoch
    client.ask(Lock(), Done)
    ends = time.monotonic() + 60
    while True:
        with suppress(UserError):
            if hello(client).epoch != epoch:
                return
        assert time.monotonic() < ends, "no program begins anew"
        time.sleep(0.05)


def test_who_was_away_when_the_vault_was_locked_is_told_nothing_of_before(
    household: Household,
) -> None:
    household.make("anna", PASSPHRASE)
    household.start("anna", name="Anna", passphrase=PASSPHRASE)
    client = household.client("anna")
    before = hello(client)
    client.ask(Lock(), Done)
    client.ask(Unlock(PASSPHRASE), Done)
    # What this program tells is remembered, and nothing of what the one before it told.
    now = hello(client)
    assert kinds_after(client, before.seq - 1, before.epoch) == [Hello, Resync]
    assert kinds_after(client, now.seq - 1, now.epoch) == [Hello, Happened]


def hello(client: Client) -> Hello:
    first = next(client.events())
    assert isinstance(first, Hello)
    return first


def kinds_after(client: Client, seq: int, epoch: str) -> list[type]:
    """The kinds of the first two objects of a stream that goes on after a number."""
    stream = client.events(after=seq, epoch=epoch)
    return [type(next(stream)) for _ in range(2)]


def test_an_unused_daemon_locks_itself_as_its_settings_say(household: Household) -> None:
    household.set({"MESH_AUTO_LOCK_MINUTES": "0.05"})
    household.make("anna", PASSPHRASE)
    household.start("anna", name="Anna", passphrase=PASSPHRASE)
    client = household.client("anna")
    told = []
    for each in client.events():
        if isinstance(each, Happened):
            told.append(each.event)
            if isinstance(each.event, NoticeRaised):
                break
    assert told[-2:] == [VaultLocked(), NoticeRaised("Locked after 0.05 minutes without use.")]
    # The questions of a program that only looks did not keep it open. The node begins anew now.
    status = client.ask_until_back(AskStatus(), StatusAnswer)
    assert status.vault == "locked"
    assert status.locked_since > 0
    with pytest.raises(UserError) as caught:
        client.ask(AskIdentity(), IdentityAnswer)
    assert caught.value.kind == "locked"


@pytest.mark.slow
@pytest.mark.parametrize("seed", seeds(1, in_search=50))
def test_a_kill_amid_locking_and_changing_leaves_a_vault_with_one_passphrase(
    household: Household, seed: int
) -> None:
    draw = random.Random(seed)
    process = household.start("anna", name="Anna", passphrase="first")
    client = household.client("anna")
    identity = client.ask(AskIdentity(), IdentityAnswer)
    passphrase = "first"
    for number in range(KILLS):
        wanted = f"passphrase {number}"
        cut = threading.Timer(draw.uniform(0, KILL_WITHIN_S), process.kill)
        cut.start()
        work: list[Request] = [Lock(), ChangePassphrase(passphrase, wanted), Unlock(wanted)]
        is_changed = do_until_killed(client, work)
        cut.join()
        process.wait()
        process = household.start("anna", passphrase=None)
        opening = [each for each in (passphrase, wanted) if opens(client, each)]
        assert len(opening) == 1
        # What was answered is durable.
        assert not is_changed or opening == [wanted]
        [passphrase] = opening
        client.ask(Unlock(passphrase), Done)
        assert client.ask(AskIdentity(), IdentityAnswer) == identity


def do_until_killed(client: Client, work: list[Request]) -> bool:
    """Ask for one thing after another; whether the change of the passphrase was answered."""
    answered: list[Request] = []
    try:
        for request in work:
            client.ask(request, Done)
            answered.append(request)
    except UserError as error:
        if error.kind not in GONE:
            raise
    return any(isinstance(request, ChangePassphrase) for request in answered)


def opens(client: Client, passphrase: str) -> bool:
    """Say whether a locked daemon opens at a passphrase; it is locked again before the next."""
    try:
        client.ask(Unlock(passphrase), Done)
    except UserError as error:
        if error.kind != "wrong-passphrase":
            raise
        return False
    client.ask(Lock(), Done)
    return True


@pytest.mark.parametrize("is_hanging", [False, True])
def test_wiping_at_once_ends_a_daemon_that_runs_or_hangs(
    household: Household, is_hanging: bool
) -> None:
    household.make("anna", PASSPHRASE)
    process = household.start("anna", name="Anna", passphrase=PASSPHRASE)
    folders = household.folders("anna")
    if is_hanging:
        process.send_signal(signal.SIGSTOP)
    wipe_at_once(folders, timeout_s=30)
    assert process.wait(timeout=30) == -signal.SIGKILL
    assert list(household.home.iterdir()) == []
    assert not folders.socket_file.exists()
    household.start("anna", name="Another", passphrase="")
    named = household.client("anna").ask(AskIdentity(), IdentityAnswer).name
    assert named == "Another"
