"""Settings of a daemon that runs, changed through its API and its command line."""

import time

import pytest

from mesh.api.own_requests import Unlock
from mesh.commands.answer import Done
from mesh.commands.settings import AskSettings, ChangeSettings, SettingAnswer, SettingsAnswer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.errors import UserError
from tests.daemon.processes import Household, stop

PASSPHRASE = "a passphrase of the tests"
MIB = 1024 * 1024


def change(household: Household, **values: bool | int | float | str | None) -> SettingAnswer:
    """Change settings of Anna's daemon; return the first of them."""
    asked = ChangeSettings(dict(values))
    return household.client("anna").ask(asked, SettingsAnswer).settings[0]


def status(household: Household) -> StatusAnswer:
    return household.client("anna").ask(AskStatus(), StatusAnswer)


def unlock(household: Household) -> None:
    """Open the vault; a node that was just locked may still be about to begin anew."""
    ends = time.monotonic() + 30
    while True:
        try:
            household.client("anna").ask(Unlock(PASSPHRASE), Done)
        except UserError as error:
            if error.kind != "stopping" or time.monotonic() > ends:
                raise
            time.sleep(0.1)
        else:
            return


def test_what_can_be_is_taken_over_at_once_and_stays_after_a_restart(household: Household) -> None:
    household.make("anna", PASSPHRASE)
    process = household.start("anna", name="Anna", passphrase=PASSPHRASE)
    household.folders("anna").config_file.write_text("# mine\n")
    changed = change(household, stored_bytes_max=32 * MIB, own_share_percent=20)
    assert (changed.value, changed.source, changed.is_waiting) == (32 * MIB, "file", False)
    assert status(household).stored_bytes_max == 32 * MIB
    own = status(household).carried[0]
    assert (own.whom, own.share_bytes) == ("own", 32 * MIB // 5)
    waiting = change(household, beacon=False)
    assert (waiting.value, waiting.takes_effect, waiting.is_waiting) == (
        False,
        "at the next start",
        True,
    )
    assert household.folders("anna").config_file.read_text().startswith("# mine\n")
    with pytest.raises(UserError, match="mesh join") as refusal:
        change(household, stored_bytes_max=64 * MIB, key_quota=5)
    assert refusal.value.kind == "decided"
    assert status(household).stored_bytes_max == 32 * MIB

    assert stop(process) == 0
    household.start("anna", passphrase=None)
    assert (status(household).stored_bytes_max, status(household).vault) == (32 * MIB, "locked")
    found = household.client("anna").ask(AskSettings(), SettingsAnswer).settings
    assert [one.name for one in found if one.is_waiting] == []
    assert change(household, stored_bytes_max=None).value == 1024 * MIB


def test_the_log_and_the_lock_follow_at_once(household: Household) -> None:
    household.make("anna", PASSPHRASE)
    household.start("anna", name="Anna", passphrase=PASSPHRASE)
    change(household, log_level="error")
    size = len(household.log("anna"))
    change(household, auto_lock_minutes=0.01)
    ends = time.monotonic() + 30
    while status(household).vault == "open":
        assert time.monotonic() < ends
        time.sleep(0.1)
    assert len(household.log("anna")) == size, "that it locked is no error"
    change(household, auto_lock_minutes=0, log_level="info")
    unlock(household)
    time.sleep(1.5)
    assert status(household).vault == "open"


def test_the_environment_of_the_daemon_wins_and_the_answer_says_so(household: Household) -> None:
    household.set({"MESH_CARRIED_DAYS": "5"})
    household.make("anna", PASSPHRASE)
    household.start("anna", name="Anna", passphrase=PASSPHRASE)
    changed = change(household, carried_days=9)
    assert (changed.value, changed.source, changed.is_waiting) == (5, "environment", False)
    assert changed.variable == "MESH_CARRIED_DAYS"
    assert "carried_days = 9" in household.folders("anna").config_file.read_text()


def test_a_file_that_was_broken_by_hand_is_told_and_not_overwritten(household: Household) -> None:
    household.make("anna", PASSPHRASE)
    household.start("anna", name="Anna", passphrase=PASSPHRASE)
    file = household.folders("anna").config_file
    file.write_text("carried_days = \n")
    with pytest.raises(UserError, match="not valid TOML") as told:
        change(household, carried_days=9)
    assert told.value.kind == "bad-config"
    assert file.read_text() == "carried_days = \n"
