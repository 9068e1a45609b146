"""The mesh that a profile belongs to, with real daemons: decided once, moved by a command only."""

from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from mesh.api.own_requests import Stop
from mesh.commands.answer import Done
from mesh.commands.invites import CreateInvite, InviteAnswer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.errors import MeshError, UserError
from mesh.node.config_file import set_in_config
from mesh.node.membership import find_mesh, keep_mesh
from mesh.node.profile import Profile
from mesh.storage.connection import transaction
from mesh.wire.parameters import MeshParameters
from tests.daemon.processes import Household, stop

VARIABLES = ("MESH_MESH_NAME", "MESH_STAMP_BITS", "MESH_KEY_QUOTA", "MESH_MESH_SECRET_FILE")


@pytest.fixture
def secret(household: Household, tmp_path: Path) -> Path:
    """A file with a secret; a profile that starts now is made in the closed mesh `club`."""
    path = tmp_path / "secret"
    path.write_text("5c" * 32)
    household.set({"MESH_MESH_NAME": "club", "MESH_MESH_SECRET_FILE": str(path)})
    return path


def forget_settings(household: Household) -> None:
    """Let the next start be one at which nobody says a mesh."""
    for name in VARIABLES:
        household.monkeypatch.delenv(name, raising=False)


def status_of(household: Household, profile: str) -> StatusAnswer:
    """The node in one look."""
    return household.client(profile).ask(AskStatus(), StatusAnswer)


@pytest.mark.parametrize("is_relay", [False, True], ids=["person", "relay"])
def test_a_profile_of_a_closed_mesh_stays_in_it_when_nobody_says_so_again(
    household: Household, secret: Path, *, is_relay: bool
) -> None:
    if is_relay:
        household.set({"MESH_RELAY": "true"})
    else:
        household.make("anna", "")
    start = partial(
        household.start,
        "anna",
        name=None if is_relay else "Anna",
        passphrase=None if is_relay else "",
    )
    assert stop(start()) == 0
    forget_settings(household)
    secret.unlink()
    start()
    status = status_of(household, "anna")
    assert (status.mesh, status.is_closed) == ("club", True)


def test_a_setting_that_differs_later_is_refused_and_the_command_is_named(
    household: Household, secret: Path
) -> None:
    household.make("anna", "")
    stop(household.start("anna", name="Anna"))
    forget_settings(household)
    other = secret.with_name("other")
    other.write_text("another passphrase")
    for settings in (
        {"MESH_MESH_NAME": "harbour"},
        {"MESH_STAMP_BITS": "3"},
        {"MESH_KEY_QUOTA": "9"},
        {"MESH_MESH_SECRET_FILE": str(other)},
    ):
        with pytest.MonkeyPatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            with pytest.raises(UserError, match="mesh join") as caught:
                household.start("anna")
        assert caught.value.kind == "other-mesh"
    set_in_config(household.folders("anna").config_file, "mesh_name", "harbour")
    with pytest.raises(UserError, match="closed mesh club, but mesh_name says harbour"):
        household.start("anna")
    # What repeats the profile's own mesh is no difference.
    set_in_config(household.folders("anna").config_file, "mesh_name", "club")
    household.set({"MESH_MESH_SECRET_FILE": str(secret)})
    household.start("anna")


def test_an_open_profile_is_not_closed_by_a_setting(household: Household, tmp_path: Path) -> None:
    stop(household.start("anna", passphrase=None))
    household.set({"MESH_MESH_SECRET_FILE": str(tmp_path)})
    with pytest.raises(UserError, match="belongs to the open mesh"):
        household.start("anna", passphrase=None)


def test_what_a_profile_of_an_earlier_release_was_started_with_is_taken_over_once(
    household: Household, secret: Path
) -> None:
    stop(household.start("anna", passphrase=None))
    folders = household.folders("anna")
    # An earlier release wrote neither the file nor the mark.
    folders.mesh_file.unlink()
    with (
        Profile.held(folders) as profile,
        closing(profile.open_store()) as store,
        transaction(store),
    ):
        store.execute("DELETE FROM settings WHERE name = 'mesh'")
    assert find_mesh(folders) is None
    stop(household.start("anna", passphrase=None))
    assert find_mesh(folders) == MeshParameters("club", 0, 512, psk=bytes.fromhex("5c" * 32))


def test_a_lost_or_damaged_file_never_opens_a_closed_mesh(
    household: Household, secret: Path
) -> None:
    stop(household.start("anna", passphrase=None))
    forget_settings(household)
    file = household.folders("anna").mesh_file
    content = file.read_bytes()
    file.write_bytes(content[:-1] + b"x")
    with pytest.raises(MeshError, match=r"damaged.*mesh join"):
        household.start("anna", passphrase=None)
    file.unlink()
    with pytest.raises(MeshError, match=r"is gone.*mesh join"):
        household.start("anna", passphrase=None)
    assert not file.exists()
    file.write_bytes(content)
    household.start("anna", passphrase=None)
    assert status_of(household, "anna").is_closed


def test_a_refused_first_start_decides_nothing(household: Household, secret: Path) -> None:
    with pytest.raises(UserError, match="needs a name"):
        household.start("anna")
    assert not household.folders("anna").mesh_file.exists()


def test_mail_of_the_mesh_of_before_does_not_enter_the_next(household: Household) -> None:
    process = household.start("anna", name="Anna")
    client = household.client("anna")
    client.ask(CreateInvite(), InviteAnswer)
    assert status_of(household, "anna").envelopes_count > 0
    client.ask(Stop(), Done)
    assert process.wait(timeout=30) == 0
    mesh = find_mesh(household.folders("anna"))
    assert mesh is not None
    keep_mesh(household.folders("anna"), MeshParameters("next", mesh.stamp_bits, mesh.key_quota))
    forget_settings(household)
    household.start("anna", passphrase=None)
    status = status_of(household, "anna")
    assert (status.mesh, status.envelopes_count, status.stored_bytes) == ("next", 0, 0)
