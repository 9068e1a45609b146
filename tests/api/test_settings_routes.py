"""Settings over the API: told with all that matters, changed all or none."""

import httpx2
import msgspec
import pytest

from mesh.commands.settings import SettingAnswer, SettingsAnswer
from mesh.config import Config
from mesh.settings import AT_ONCE, SETTINGS
from tests.api.conftest import Serving
from tests.api.test_vault_routes import told


def settings_in(response: httpx2.Response) -> dict[str, SettingAnswer]:
    """The settings of a good answer, by name."""
    assert response.status_code == 200, response.text
    answer = msgspec.json.decode(response.content, type=SettingsAnswer)
    return {one.name: one for one in answer.settings}


async def test_each_is_told_with_bounds_and_source(serving: Serving) -> None:
    file = serving.path.with_name("config.toml")
    file.write_text("carried_days = 7\nlisten_port = 0\n")
    async with serving.http() as http:
        found = settings_in(await http.get("/v1/settings"))
    assert list(found) == list(SETTINGS)
    days = found["carried_days"]
    assert (days.value, days.default, days.source) == (7, 30, "file")
    assert (days.minimum, days.maximum, days.takes_effect) == (1, 30, "at once")
    port = found["listen_port"]
    assert (port.value, port.default, port.maximum) == (0, None, 65_535)
    # The node of this test was started without a file.
    assert (port.takes_effect, port.is_waiting) == ("at the next start", True)
    assert found["beacon"].source == "default"
    assert set(found["log_level"].choices) == {"debug", "info", "warning", "error"}


async def test_what_is_changed_stands_in_the_file_and_what_else_stood_there_stays(
    serving: Serving,
) -> None:
    file = serving.path.with_name("config.toml")
    file.write_text("# mine\ncarried_days = 7 # a week\n")
    async with serving.http() as http:
        body = {"values": {"carried_days": 3, "auto_lock_minutes": "2.5", "discovery": False}}
        changed = settings_in(await http.patch("/v1/settings", json=body))
        assert list(changed) == ["carried_days", "auto_lock_minutes", "discovery"]
        assert [one.value for one in changed.values()] == [3, 2.5, False]
        assert [one.is_waiting for one in changed.values()] == [False, False, True]
        assert file.read_text().startswith("# mine\ncarried_days = 3 # a week\n")
        body = {"values": {"carried_days": None}}
        reset = settings_in(await http.patch("/v1/settings", json=body))["carried_days"]
        assert (reset.value, reset.source, reset.is_waiting) == (30, "default", False)


@pytest.mark.parametrize(
    "values, kind",
    [
        ({"carried_days": 5, "carried_day": 7}, (404, "not-found")),
        ({"carried_days": 5, "beacon": "perhaps"}, (422, "bad-config")),
        ({"carried_days": 5, "contacts_share_percent": 36}, (422, "bad-config")),
        ({"carried_days": 31}, (422, "bad-config")),
        ({"carried_days": 5, "mesh_name": "club"}, (409, "decided")),
        ({"relay": True}, (409, "decided")),
        ({"carried_days": [5]}, (400, "bad-request")),
    ],
)
async def test_what_cannot_be_changed_changes_nothing(
    serving: Serving, values: dict[str, object], kind: tuple[int, str]
) -> None:
    file = serving.path.with_name("config.toml")
    file.write_text("carried_days = 7\n")
    async with serving.http() as http:
        refused = await http.patch("/v1/settings", json={"values": values})
    assert told(refused) == kind
    assert file.read_text() == "carried_days = 7\n"


def test_what_is_taken_over_at_once_is_a_setting() -> None:
    assert set(AT_ONCE) < set(Config.__struct_fields__)
