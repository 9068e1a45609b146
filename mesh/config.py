"""The settings of a node: `config.toml`, and `MESH_…` in the environment over it.

Each key stands once, in `Config`, with its bounds; the variable of a key is `MESH_` and the key in
capitals. A mistake is answered with the name of the key, never with a default in its place.
Reading the file is the shell's (`mesh/node/config_file.py`).
"""

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

import msgspec

from mesh.errors import UserError
from mesh.limits.node import BATTERY_LOW_PERCENT
from mesh.limits.retention import CARRIED_DAYS_MAX, STORED_BYTES_DEFAULT, STORED_BYTES_MIN
from mesh.limits.retirements import RELAY_DELAY_MS_MAX, RETIRE_DELAY_MS

_VARIABLE_PREFIX = "MESH_"
# 63 characters of up to four bytes: the mesh id holds the name's length in one byte.
_NAME_CHARACTERS_MAX = 63
_AUTO_LOCK_MINUTES_MAX = 7 * 24 * 60

_DELAY_SECONDS_MAX = 86_400

Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
MeshName = Annotated[str, msgspec.Meta(min_length=1, max_length=_NAME_CHARACTERS_MAX)]
StampBits = Annotated[int, msgspec.Meta(ge=0, le=24)]
KeyQuota = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]

MESH_SETTINGS: Final = ("mesh_name", "stamp_bits", "key_quota", "mesh_secret_file")
"""What a profile takes over at its first start, and no setting changes later."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings, each with its default. None stands for a key that is not set."""

    mesh_name: MeshName | None = None
    stamp_bits: StampBits | None = None
    key_quota: KeyQuota | None = None
    mesh_secret_file: str = ""
    stored_bytes_max: Annotated[int, msgspec.Meta(ge=STORED_BYTES_MIN)] = STORED_BYTES_DEFAULT
    carried_days: Annotated[int, msgspec.Meta(ge=1, le=CARRIED_DAYS_MAX)] = CARRIED_DAYS_MAX
    metered_interfaces: str = ""
    battery_low_percent: Annotated[int, msgspec.Meta(ge=0, le=100)] = BATTERY_LOW_PERCENT
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
    relay: bool = False
    auto_lock_minutes: Annotated[float, msgspec.Meta(ge=0, le=_AUTO_LOCK_MINUTES_MAX)] = 0
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def metered_names(self) -> tuple[str, ...]:
        """The interfaces of networks that cost money."""
        return tuple(name.strip() for name in self.metered_interfaces.split(",") if name.strip())


DEFAULT_TEXT = f"""\
# Settings of this Mesh profile. Lines that begin with # show the defaults.
# An environment variable wins over this file: MESH_LISTEN_PORT=0 mesh up

# Which mesh this profile belongs to is not set here: it was decided at the first start.
# `mesh status` shows it, and `mesh join` changes it.

# Bytes of sealed mail that this node carries for everybody; never more than a tenth of the disk
# that is free. A tenth of them is for your own mail that is not known to be delivered.
# stored_bytes_max = {STORED_BYTES_DEFAULT}

# Days after which it drops mail of others, 1 to {CARRIED_DAYS_MAX}; nothing lives longer.
# carried_days = {CARRIED_DAYS_MAX}

# Networks that cost money, by the names of their interfaces: "wwan0, usb0". Over those it sends
# others only new mail, and nothing that waits since before.
# metered_interfaces = ""

# Below so many percent, and not charging, only your own mail and your contacts' is sent; 0: never.
# battery_low_percent = {BATTERY_LOW_PERCENT}

# The TCP port. Without this line: 41730, or any free one if that is taken. 0: any free one.
# listen_port = 41730

# Find other nodes on the local networks, and be found.
# discovery = true

# Find nodes on this machine too where it has no network at all.
# discovery_on_loopback = false

# Say and hear by a beacon too who is there (UDP port 41730), where mDNS is blocked.
# beacon = true

# Let neighbours tell the internet address of this node to others. On a local network they may.
# public = false

# A message that was opened is known to be delivered after a while of chance, so that nobody sees
# who reads when: at most so many seconds, and at least a tenth of them.
# opened_delay_seconds = {RETIRE_DELAY_MS[1] // 1000}

# What others tell of that kind is passed on after at most so many seconds.
# relay_delay_seconds = {RELAY_DELAY_MS_MAX // 1000}

# Be a relay: carry mail for others, without a person, a passphrase or a vault.
# relay = false

# Lock after so many minutes in which nobody asked for anything; 0: never.
# auto_lock_minutes = 0

# debug, info, warning or error.
# log_level = "info"
"""


def parse_config(text: str, environment: Mapping[str, str], *, path: str = "config.toml") -> Config:
    """Return the settings; raises UserError (`bad-config`) that names the key at fault."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _bad(f"{path} is not valid TOML: {error}.") from None
    config = _convert(table, path)
    for key in Config.__struct_fields__:
        value = environment.get(variable_of(key))
        if value is not None:
            config = _override(config, key, value)
    return config


def variable_of(key: str) -> str:
    """Return the environment variable of a key."""
    return _VARIABLE_PREFIX + key.upper()


def setting(config: Config, key: str) -> str:
    """Return one setting as text, as it would stand in the file; UserError if there is none."""
    _require_known(key)
    value = getattr(config, key)
    return "" if value is None else msgspec.json.encode(value).decode().strip('"')


def without_settings(text: str, keys: Sequence[str]) -> str:
    """Return the file's text without some keys, comments and order kept."""
    import tomlkit

    document = tomlkit.parse(text)
    for key in keys:
        document.pop(key, None)
    return tomlkit.dumps(document)


def with_setting(text: str, key: str, value: str) -> str:
    """Return the file's text with one key set, comments and order kept; UserError if it is bad."""
    # Only for editing, and it costs a megabyte.
    import tomlkit

    _require_known(key)
    checked = getattr(_override(_convert(tomllib.loads(text), "config.toml"), key, value), key)
    document = tomlkit.parse(text)
    document[key] = checked
    return tomlkit.dumps(document)


def _convert(table: Mapping[str, object], path: str) -> Config:
    try:
        return msgspec.convert(table, Config)
    except msgspec.ValidationError as error:
        raise _bad(f"{path}: {_in_words(str(error))}") from None


def _override(config: Config, key: str, value: str) -> Config:
    """Text from the environment or the command line stands for what the key needs."""
    table = {name: getattr(config, name) for name in Config.__struct_fields__}
    try:
        return msgspec.convert({**table, key: value}, Config, strict=False)
    except msgspec.ValidationError as error:
        raise _bad(f"{variable_of(key)}: {_in_words(str(error))}") from None


def _in_words(message: str) -> str:
    """The library says `Expected X, got Y - at `$.key``: put the key first."""
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", message)
    if unknown:
        return _unknown(unknown.group(1))
    fault, _, place = message.partition(" - at ")
    key = place.strip("`$.")
    return f"{key}: {fault[:1].lower()}{fault[1:]}." if key else f"{fault}."


def _require_known(key: str) -> None:
    if key not in Config.__struct_fields__:
        raise _bad(_unknown(key))


def _unknown(key: str) -> str:
    near = difflib.get_close_matches(key, Config.__struct_fields__, n=1)
    names = ", ".join(Config.__struct_fields__)
    hint = f"did you mean `{near[0]}`?" if near else f"there are: {names}."
    return f"there is no setting `{key}`; {hint}"


def _bad(sentence: str) -> UserError:
    return UserError("bad-config", sentence)
