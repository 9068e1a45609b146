"""The settings of a node: `config.toml`, and `MESH_…` in the environment over it.

Each key stands once, in `Config`, with its bounds; the variable of a key is `MESH_` and the key in
capitals. A mistake is answered with the name of the key, never with a default in its place.
Reading the file is the shell's (`mesh/node/config_file.py`).
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Final, Literal

import msgspec

from mesh.errors import UserError
from mesh.limits.admission import STAMP_BITS_MAX
from mesh.limits.node import BATTERY_LOW_PERCENT
from mesh.limits.retention import (
    CARRIED_DAYS_MAX,
    CONTACTS_SHARE_PERCENT,
    FRIENDS_SHARE_PERCENT,
    OWN_SHARE_PERCENT,
    OWN_SHARE_PERCENT_MAX,
    OWN_SHARE_PERCENT_MIN,
    STORED_BYTES_DEFAULT,
    STORED_BYTES_MAX,
    STORED_BYTES_MIN,
    STRANGERS_SHARE_PERCENT,
)
from mesh.limits.retirements import RELAY_DELAY_MS_MAX, RETIRE_DELAY_MS

_VARIABLE_PREFIX = "MESH_"
# 63 characters of up to four bytes: the mesh id holds the name's length in one byte.
_NAME_CHARACTERS_MAX = 63
_AUTO_LOCK_MINUTES_MAX = 7 * 24 * 60

_DELAY_SECONDS_MAX = 86_400
_PERCENT_MAX = 100

Value = bool | int | float | str | None
"""A value of a setting; None stands for a key that is not set."""

Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
MeshName = Annotated[str, msgspec.Meta(min_length=1, max_length=_NAME_CHARACTERS_MAX)]
StampBits = Annotated[int, msgspec.Meta(ge=0, le=STAMP_BITS_MAX)]
StoredBytes = Annotated[int, msgspec.Meta(ge=STORED_BYTES_MIN, le=STORED_BYTES_MAX)]
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]
OwnPercent = Annotated[int, msgspec.Meta(ge=OWN_SHARE_PERCENT_MIN, le=OWN_SHARE_PERCENT_MAX)]
KeyQuota = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]

MESH_SETTINGS: Final = ("mesh_name", "stamp_bits", "key_quota", "mesh_secret_file")
"""What a profile takes over at its first start, and no setting changes later."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings, each with its default. None stands for a key that is not set."""

    mesh_name: MeshName | None = None
    stamp_bits: StampBits | None = None
    key_quota: KeyQuota | None = None
    mesh_secret_file: str = ""
    stored_bytes_max: StoredBytes = STORED_BYTES_DEFAULT
    own_share_percent: OwnPercent = OWN_SHARE_PERCENT
    contacts_share_percent: Percent = CONTACTS_SHARE_PERCENT
    friends_share_percent: Percent = FRIENDS_SHARE_PERCENT
    strangers_share_percent: Percent = STRANGERS_SHARE_PERCENT
    carried_days: Annotated[int, msgspec.Meta(ge=1, le=CARRIED_DAYS_MAX)] = CARRIED_DAYS_MAX
    metered_interfaces: str = ""
    battery_low_percent: Percent = BATTERY_LOW_PERCENT
    listen_port: Port | None = None
    discovery: bool = True
    discovery_on_loopback: bool = False
    beacon: bool = True
    public: bool = False
    opened_delay_seconds: Annotated[int, msgspec.Meta(ge=0, le=_DELAY_SECONDS_MAX)] = (
        RETIRE_DELAY_MS[1] // 1000
    )
    relay_delay_seconds: Annotated[int, msgspec.Meta(ge=0, le=_DELAY_SECONDS_MAX)] = (
        RELAY_DELAY_MS_MAX // 1000
    )
    cover: Literal["off", "low", "high"] = "off"
    relay: bool = False
    desktop_notifications: bool = False
    weekly_copy: bool = True
    auto_lock_minutes: Annotated[float, msgspec.Meta(ge=0, le=_AUTO_LOCK_MINUTES_MAX)] = 0
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    def __post_init__(self) -> None:
        shares = (
            self.own_share_percent,
            self.contacts_share_percent,
            self.friends_share_percent,
            self.strangers_share_percent,
        )
        if sum(shares) > _PERCENT_MAX:
            raise ValueError(
                "the shares of own mail, contacts, friends and strangers come to "
                f"{sum(shares)} percent, and there are {_PERCENT_MAX}; lower another one first"
            )

    @property
    def metered_names(self) -> tuple[str, ...]:
        """The interfaces of networks that cost money."""
        return tuple(name.strip() for name in self.metered_interfaces.split(",") if name.strip())


def parse_config(text: str, environment: Mapping[str, str], *, path: str = "config.toml") -> Config:
    """Return the settings; raises UserError (`bad-config`) that names the key at fault."""
    config = _read(text, path)
    given = {key: environment[variable] for key, variable in said_by(environment).items()}
    return _override(config, given, variable_of) if given else config


def said_by(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the keys that the environment sets, each with its variable."""
    variables = {key: variable_of(key) for key in Config.__struct_fields__}
    return {key: variable for key, variable in variables.items() if variable in environment}


def variable_of(key: str) -> str:
    """Return the environment variable of a key."""
    return _VARIABLE_PREFIX + key.upper()


def without_settings(text: str, keys: Sequence[str]) -> str:
    """Return the file's text without some keys, comments and order kept."""
    import tomlkit

    document = tomlkit.parse(text)
    for key in keys:
        document.pop(key, None)
    return tomlkit.dumps(document)


def with_settings(text: str, changes: Mapping[str, Value]) -> str:
    """Return the file's text with some keys set, or left to their default where None is given.

    Comments and order are kept. UserError if a key or a value is bad; values may be texts.
    """
    # Only for editing, and it costs a megabyte.
    import tomlkit

    former = _read(text, "config.toml")
    kept = Config()
    for key in changes:
        if key not in Config.__struct_fields__:
            raise UserError("not-found", _unknown(key))
    given = {key: getattr(kept, key) if value is None else value for key, value in changes.items()}
    checked = _override(former, given, lambda key: key)
    document = tomlkit.parse(text)
    for key, value in changes.items():
        if value is None:
            document.pop(key, None)
        else:
            document[key] = getattr(checked, key)
    return tomlkit.dumps(document)


def _read(text: str, path: str) -> Config:
    try:
        return msgspec.convert(tomllib.loads(text), Config)
    except tomllib.TOMLDecodeError as error:
        raise _bad(f"{path} is not valid TOML: {error}.") from None
    except msgspec.ValidationError as error:
        raise _bad(f"{path}: {_in_words(str(error))}") from None


def _override(config: Config, given: Mapping[str, Value], name_of: Callable[[str], str]) -> Config:
    """Text from the environment or the command line stands for what the keys need."""
    table = {name: getattr(config, name) for name in Config.__struct_fields__}
    try:
        return msgspec.convert({**table, **given}, Config, strict=False)
    except msgspec.ValidationError as error:
        raise _bad(_in_words(str(error), name_of)) from None


def _in_words(message: str, name_of: Callable[[str], str] = str) -> str:
    """The library says `Expected X, got Y - at `$.key``: put the key first."""
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", message)
    if unknown:
        return _unknown(unknown.group(1))
    fault, _, place = message.partition(" - at ")
    key = place.strip("`$.")
    words = _words_of(key)
    fault += f"; it is one of: {', '.join(words)}" if words else ""
    return f"{name_of(key)}: {fault[:1].lower()}{fault[1:]}." if key else f"{fault}."


def _words_of(key: str) -> list[str]:
    """Return the words that a setting takes; none if it takes others than a few."""
    properties = msgspec.json.schema(Config)["$defs"]["Config"]["properties"]
    words: list[str] = properties.get(key, {}).get("enum", [])
    return words


def _unknown(key: str) -> str:
    near = difflib.get_close_matches(key, Config.__struct_fields__, n=3)
    names = ", ".join(Config.__struct_fields__)
    hint = (
        f"did you mean {' or '.join(f'`{each}`' for each in near)}?"
        if near
        else f"there are: {names}."
    )
    return f"there is no setting `{key}`; {hint}"


def _bad(sentence: str) -> UserError:
    return UserError("bad-config", sentence)
