"""Settings: defaults, the file, the environment, and what is said of mistakes."""

import re
import tomllib

import pytest

from mesh.config import (
    MESH_SETTINGS,
    Config,
    parse_config,
    variable_of,
    with_settings,
    without_settings,
)
from mesh.errors import UserError
from mesh.settings import SETTINGS, default_text


def test_an_empty_file_gives_the_defaults() -> None:
    assert parse_config("", {}) == Config()
    assert parse_config(default_text(), {}) == Config()


def test_the_text_of_a_new_file_shows_each_key_with_its_default() -> None:
    shown = tomllib.loads("\n".join(re.findall(r"^# (\w+ = .*)$", default_text(), re.MULTILINE)))
    settable = [key for key in Config.__struct_fields__ if key not in MESH_SETTINGS]
    assert list(shown) == settable
    # The default of the port is more than a number; the comment beside it says so.
    assert shown.pop("listen_port") == 41_730
    defaults = {key: getattr(Config(), key) for key in shown}
    assert shown == defaults


def test_the_file_wins_over_defaults_and_the_environment_over_the_file() -> None:
    text = 'listen_port = 1000\nmesh_name = "harbour"\n'
    environment = {"MESH_LISTEN_PORT": "0", "MESH_DISCOVERY": "false", "MESH_HOME": "/elsewhere"}
    config = parse_config(text, environment)
    assert config == Config(listen_port=0, mesh_name="harbour", discovery=False)


@pytest.mark.parametrize(
    "text, words",
    [
        ("listen_prot = 1", "there is no setting `listen_prot`; did you mean `listen_port`?"),
        ("zebra = 1", "there is no setting `zebra`"),
        ('listen_port = "many"', "listen_port: expected `int | null`, got `str`"),
        ("listen_port = 70000", "listen_port: expected `int` <= 65535"),
        ('log_level = "loud"', "log_level: invalid enum value 'loud'"),
        ("mesh_name = ", "is not valid TOML"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_the_key(text: str, words: str) -> None:
    with pytest.raises(UserError, match=re.escape(words)) as caught:
        parse_config(text, {}, path="config.toml")
    assert caught.value.kind == "bad-config"
    assert str(caught.value).startswith("config.toml")


def test_a_mistake_in_the_environment_is_told_with_the_variable() -> None:
    with pytest.raises(UserError, match=r"^MESH_STAMP_BITS: .*<= 12"):
        parse_config("", {"MESH_STAMP_BITS": "99"})


def test_setting_a_key_keeps_comments_and_the_rest() -> None:
    text = with_settings("# mine\ndiscovery = false # quiet\n", {"listen_port": "4000"})
    assert text == "# mine\ndiscovery = false # quiet\nlisten_port = 4000\n"
    text = with_settings(text, {"discovery": "true"})
    assert parse_config(text, {}) == Config(listen_port=4_000)
    assert "# quiet" in text


def test_keys_that_are_taken_out_leave_comments_and_the_rest() -> None:
    text = '# mine\nmesh_name = "harbour"\ndiscovery = false # quiet\n'
    assert without_settings(text, MESH_SETTINGS) == "# mine\ndiscovery = false # quiet\n"


def test_a_bad_value_is_refused_before_anything_is_written() -> None:
    with pytest.raises(UserError, match=r"^listen_port: "):
        with_settings("", {"discovery": False, "listen_port": "many"})
    with pytest.raises(UserError, match="no setting `nothing`"):
        with_settings("", {"nothing": "1"})


def test_a_key_without_a_value_has_its_default_again() -> None:
    text = with_settings("listen_port = 4000 # mine\nbeacon = false\n", {"listen_port": None})
    assert text == "beacon = false\n"


def test_shares_come_to_a_hundred_at_most() -> None:
    assert parse_config("contacts_share_percent = 35", {}).contacts_share_percent == 35
    with pytest.raises(UserError, match="come to 101 percent"):
        parse_config("contacts_share_percent = 35", {"MESH_OWN_SHARE_PERCENT": "11"})


def test_each_setting_has_a_sentence() -> None:
    assert list(SETTINGS) == [key for key in Config.__struct_fields__ if key not in MESH_SETTINGS]
    assert all(setting.meaning.endswith(".") for setting in SETTINGS.values())
    assert variable_of("mesh_name") == "MESH_MESH_NAME"


def test_metered_interfaces_are_names_with_commas_between() -> None:
    assert parse_config("", {}).metered_names == ()
    config = parse_config(
        'metered_interfaces = "wwan0"', {"MESH_METERED_INTERFACES": "wwan0, usb0,"}
    )
    assert config.metered_names == ("wwan0", "usb0")


@pytest.mark.parametrize("setting", ["carried_days = 31", "carried_days = 0"])
def test_days_to_carry_are_bounded(setting: str) -> None:
    with pytest.raises(UserError, match="carried_days"):
        parse_config(setting, {})
