"""The daemon as a process: first start, lock, signals, wrong passphrase, a failing disk."""

import os
import signal
import socket
from pathlib import Path

import pytest

from mesh.api.endpoint import find_endpoint
from mesh.api.own_requests import Stop, Unlock
from mesh.commands.answer import Done
from mesh.commands.identity import AskIdentity, IdentityAnswer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.errors import MeshError, UserError
from tests.daemon.processes import Household, stop
from tests.mounts import run_on_disk


def test_a_first_start_makes_an_identity_that_a_second_start_finds(household: Household) -> None:
    first = household.start("anna", name="Anna", passphrase="correct horse")
    identity = household.client("anna").ask(AskIdentity(), IdentityAnswer)
    assert identity.name == "Anna"
    assert stop(first) == 0
    second = household.start("anna", passphrase="correct horse")
    assert household.client("anna").ask(AskIdentity(), IdentityAnswer) == identity
    assert stop(second, signal.SIGINT) == 0
    assert find_endpoint(household.folders("anna").endpoint_file) is None
    assert not household.folders("anna").socket_file.exists()


def test_a_new_profile_without_a_name_is_refused_and_nothing_is_made(household: Household) -> None:
    with pytest.raises(UserError) as caught:
        household.start("anna")
    assert caught.value.kind == "no-name"
    assert not household.folders("anna").vault_key_file.exists()


def test_a_node_carries_mail_while_it_is_locked_and_opens_at_the_passphrase(
    household: Household,
) -> None:
    household.make("anna", "secret")
    stop(household.start("anna", name="Anna", passphrase="secret"))
    process = household.start("anna", passphrase=None)
    client = household.client("anna")
    assert client.ask(AskStatus(), StatusAnswer).vault == "locked"
    with pytest.raises(UserError) as caught:
        client.ask(Unlock(passphrase="guess"), Done)
    assert caught.value.kind == "wrong-passphrase"
    client.ask(Unlock(passphrase="secret"), Done)
    client.ask(Unlock(passphrase="secret"), Done)
    assert client.ask(AskStatus(), StatusAnswer).vault == "open"
    assert stop(process) == 0


def test_a_wrong_passphrase_at_the_start_is_told_to_the_starter(household: Household) -> None:
    stop(household.start("anna", name="Anna", passphrase="secret"))
    with pytest.raises(UserError) as caught:
        household.start("anna", passphrase="guess")
    assert caught.value.kind == "wrong-passphrase"
    assert "guess" not in household.log("anna")


def test_a_second_daemon_of_a_profile_is_refused_in_a_sentence(household: Household) -> None:
    household.start("anna", passphrase=None)
    with pytest.raises(UserError) as caught:
        household.start("anna", passphrase=None)
    assert caught.value.kind == "already-running"
    assert household.client("anna").is_running()


def test_a_port_of_another_program_is_told_to_the_starter(household: Household) -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        household.set({"MESH_LISTEN_PORT": str(port)})
        with pytest.raises(UserError, match=f"Port {port} is used by another program"):
            household.start("anna", passphrase=None)
    household.start("anna", passphrase=None)


def test_a_mistake_in_the_settings_is_told_to_the_starter(household: Household) -> None:
    folders = household.folders("anna")
    folders.config.mkdir(parents=True, mode=0o700)
    folders.config_file.write_text("listen_prot = 1\n")
    with pytest.raises(UserError, match="did you mean `listen_port`"):
        household.start("anna", passphrase=None)


def test_the_api_can_stop_the_daemon(household: Household) -> None:
    process = household.start("anna", passphrase=None)
    household.client("anna").ask(Stop(), Done)
    assert process.wait(timeout=30) == 0
    assert "fault" not in household.log("anna")


def test_a_damaged_vault_is_one_sentence_and_an_exit_code(household: Household) -> None:
    household.make("anna", "")
    stop(household.start("anna", name="Anna"))
    household.folders("anna").vault_file.write_bytes(b"this is no database" * 1_000)
    with pytest.raises(MeshError, match="mesh vault salvage") as caught:
        household.start("anna")
    assert "Traceback" not in str(caught.value)
    assert "Traceback" not in household.log("anna")
    assert str(caught.value).endswith(".")


def test_a_damaged_store_is_replaced_and_said(household: Household) -> None:
    stop(household.start("anna", passphrase=None))
    household.folders("anna").store_file.write_bytes(b"this is no database" * 1_000)
    household.start("anna", passphrase=None)
    [notice] = household.client("anna").ask(AskStatus(), StatusAnswer).notices
    assert notice.startswith("The store was damaged. It was moved to ")
    assert "The store was damaged" in household.log("anna")


def test_a_killed_daemon_leaves_nothing_in_the_way_of_the_next(household: Household) -> None:
    household.make("anna", "")
    process = household.start("anna", name="Anna")
    process.kill()
    process.wait()
    assert household.folders("anna").endpoint_file.exists()
    household.start("anna")
    assert household.client("anna").ask(AskIdentity(), IdentityAnswer).name == "Anna"


def test_a_daemon_lets_go_of_the_terminal_and_of_the_session(household: Household) -> None:
    process = household.start("anna", passphrase=None)
    assert os.getsid(process.pid) == process.pid
    for descriptor in (0, 1, 2):
        assert os.readlink(f"/proc/{process.pid}/fd/{descriptor}") == os.devnull
    assert os.readlink(f"/proc/{process.pid}/cwd") == "/"


def test_nothing_that_a_daemon_writes_may_be_read_by_others(household: Household) -> None:
    stop(household.start("anna", name="Anna"))
    for path in household.home.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_read_only_folder_of_logs_is_told_in_a_sentence(tmp_path: Path) -> None:
    program = """
import os, sys
os.environ["MESH_HOME"] = sys.argv[1]
from mesh.daemon.running import run_daemon
from mesh.daemon.start_order import StartOrder
from mesh.errors import StorageError
if sys.argv[2] == "first":
    os.makedirs(sys.argv[1] + "/default/logs", mode=0o700)
else:
    try:
        run_daemon(StartOrder(profile="default"), console=None, on_ready=lambda: None)
    except StorageError as error:
        print(error)
"""
    said = run_on_disk(tmp_path, "size=2m", program, then='mount -o remount,ro "$DISK"')
    assert said.strip().endswith("is on a disk that is not read-only.")
