"""The settings as people are told of them: a sentence for each, and when it takes effect.

What a person finds in a new `config.toml`, what `mesh settings` shows and what the local API
answers come from the one table here. Types, bounds and defaults stand in `mesh/config.py`.
"""

import textwrap
import tomllib
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

from mesh.commands.settings import SettingAnswer
from mesh.config import (
    MESH_SETTINGS,
    Config,
    Value,
    parse_config,
    said_by,
    variable_of,
    with_settings,
)
from mesh.errors import UserError
from mesh.limits.retention import CARRIED_DAYS_MAX

_COLUMNS: Final = 98


class Setting(NamedTuple):
    """The meaning of a setting, and whether a node that runs goes by it at once."""

    meaning: str
    is_at_once: bool = False
    shown: Value = None
    """Stands in a new file where the default is more than a value."""


SETTINGS: Final[dict[str, Setting]] = {
    "stored_bytes_max": Setting(
        "Bytes of sealed mail that this node carries for everybody; never more than a tenth of the "
        "disk that is free.",
        is_at_once=True,
    ),
    "own_share_percent": Setting(
        "Of them, in percent, for your own mail that is not known to be delivered; when that is "
        "full, writing more is refused.",
        is_at_once=True,
    ),
    "contacts_share_percent": Setting(
        "Of them, in percent, what your contacts' mail loses to nobody further away. The four "
        "shares come to 100 at most; what nobody uses strangers may borrow.",
        is_at_once=True,
    ),
    "friends_share_percent": Setting(
        "The same for those for whom your contacts answer, and for those one further.",
        is_at_once=True,
    ),
    "strangers_share_percent": Setting("The same for everybody else.", is_at_once=True),
    "carried_days": Setting(
        f"Days after which it drops mail of others, 1 to {CARRIED_DAYS_MAX}; nothing lives longer.",
        is_at_once=True,
    ),
    "metered_interfaces": Setting(
        'Networks that cost money, by the names of their interfaces: "wwan0, usb0". Over those it '
        "sends new mail, and little of what waits since before.",
        is_at_once=True,
    ),
    "battery_low_percent": Setting(
        "Below so many percent, and not charging, little but short new mail is sent; 0: never.",
        is_at_once=True,
    ),
    "listen_port": Setting(
        "The TCP port. Not set: 41730, or any free one if that is taken. 0: any free one.",
        shown=41_730,
    ),
    "discovery": Setting("Find other nodes on the local networks, and be found."),
    "discovery_on_loopback": Setting(
        "Find nodes on this machine too where it has no network at all."
    ),
    "beacon": Setting(
        "Say and hear by a beacon too who is there (UDP port 41730), where mDNS is blocked."
    ),
    "public": Setting(
        "Let neighbours tell the internet address of this node to others. On a local network they "
        "may."
    ),
    "opened_delay_seconds": Setting(
        "A message that was opened is known to be delivered after a while of chance, so that "
        "nobody sees who reads when: at most so many seconds, and at least a tenth of them. What "
        "the node writes by itself waits as long, or up to ten seconds where people wait for it.",
        is_at_once=True,
    ),
    "relay_delay_seconds": Setting(
        "What others tell of that kind is passed on after at most so many seconds.",
        is_at_once=True,
    ),
    "cover": Setting(
        "Post sealed envelopes that are for nobody, so that it shows less when you write: off, low "
        "(one in ten minutes) or high (one a minute). What it costs in bytes says the README.",
        is_at_once=True,
    ),
    "relay": Setting(
        "Be a relay: carry mail for others, without a person, a passphrase or a vault."
    ),
    "desktop_notifications": Setting(
        "Tell by the desktop that a message came, while no page is open, which tells it itself. It "
        "says no name and no text.",
        is_at_once=True,
    ),
    "weekly_copy": Setting(
        "Once a passphrase for backups was set (mesh backup FILE): keep a copy of contacts and "
        "history beside this profile, sealed so that only that passphrase opens it, and make it "
        "anew each week.",
        is_at_once=True,
    ),
    "auto_lock_minutes": Setting(
        "Lock after so many minutes in which no person was there; 0: never.",
        is_at_once=True,
    ),
    "log_level": Setting(
        "How much the log says: debug, info, warning or error.",
        is_at_once=True,
    ),
}
"""All but those of the mesh, in the order in which they are shown."""

DECIDED: Final = {
    **dict.fromkeys(MESH_SETTINGS, "`mesh join` moves a profile to another mesh"),
    "relay": "`mesh up --relay --profile NAME` makes a relay of a new profile",
}
"""Settings that are decided at the first start, and the command that decides them."""

ELSEWHERE: Final = dict.fromkeys(
    ("receipts", "read_receipts"),
    "Read receipts are set for each contact: mesh contact receipts NAME on; "
    "in a group: mesh group receipts NAME read. How late others learn that something was opened "
    "is opened_delay_seconds.",
)
"""What people look for among the settings and is set by another command, and by which."""

AT_ONCE: Final = tuple(name for name, setting in SETTINGS.items() if setting.is_at_once)
"""Settings that a running node takes over."""


def default_text() -> str:
    """Return a new file: it explains all settings and sets none."""
    head = """\
# Settings of this Mesh profile. Lines that begin with # show the defaults.
# `mesh settings` shows them and changes them. An environment variable wins over this file:
# MESH_LISTEN_PORT=0 mesh up

# Which mesh this profile belongs to is not set here: it was decided at the first start.
# `mesh status` shows it, and `mesh join` changes it.
"""
    defaults = Config()
    parts = [head]
    for name, setting in SETTINGS.items():
        value = getattr(defaults, name) if setting.shown is None else setting.shown
        words = "\n".join(f"# {line}" for line in textwrap.wrap(setting.meaning, _COLUMNS))
        parts.append(f"{words}\n# {name} = {msgspec.json.encode(value).decode()}\n")
    return "\n".join(parts)


def changed_text(text: str, values: Mapping[str, Value]) -> str:
    """Return the text of a file with other settings.

    Raises UserError `not-found` for a name that there is not, `decided` for one that no setting
    changes, and `bad-config` for a bad value.
    """
    for name in values:
        if name in ELSEWHERE:
            raise UserError("not-found", ELSEWHERE[name])
        if name in DECIDED:
            raise UserError(
                "decided",
                f"`{name}` is decided at the first start and changed by no setting: "
                f"{DECIDED[name]}.",
            )
    return with_settings(text, values)


def in_force(former: Config, wanted: Config) -> Config:
    """Return what a node that runs goes by, after it took over what it can."""
    return msgspec.structs.replace(former, **{name: getattr(wanted, name) for name in AT_ONCE})


def told(
    text: str,
    environment: Mapping[str, str],
    running: Config | None,
    names: Iterable[str],
) -> list[SettingAnswer]:
    """Return what is told of settings; `running`: what the node goes by, if one runs."""
    config, defaults = parse_config(text, environment), Config()
    in_file, in_environment = tomllib.loads(text), said_by(environment)
    bounds = msgspec.json.schema(Config)["$defs"]["Config"]["properties"]
    answers = []
    for name in names:
        value, by_file = getattr(config, name), "file" if name in in_file else "default"
        fields = {
            **_bounds_of(bounds[name]),
            "name": name,
            "value": value,
            "default": getattr(defaults, name),
            "source": "environment" if name in in_environment else by_file,
            "variable": variable_of(name),
            "meaning": SETTINGS[name].meaning,
            "takes_effect": "at once" if SETTINGS[name].is_at_once else "at the next start",
            "is_waiting": running is not None and getattr(running, name) != value,
        }
        answers.append(msgspec.convert(fields, SettingAnswer))
    return answers


def require_known(name: str) -> None:
    """Raise what `changed_text` would for a name."""
    if name not in SETTINGS:
        changed_text("", {name: None})


def _bounds_of(schema: dict[str, object]) -> dict[str, object]:
    """Return the bounds of a value, which may also be missing."""
    kinds = schema.get("anyOf", [schema])
    assert isinstance(kinds, list)
    bounds = {key: value for kind in kinds for key, value in kind.items()}
    named = {"minimum": "minimum", "maximum": "maximum", "enum": "choices"}
    return {named[key]: bounds[key] for key in named if key in bounds}
