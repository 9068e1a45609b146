"""Settings of a group: each key by itself, so that two who change two things change both.

Implements `docs/protocol/groups.md`, section "Settings". On the wire they are a map of the keys
that change; a key of a newer version is passed over.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from mesh.content.fields import InvalidContentError, require_bytes
from mesh.limits.groups import (
    ABOUT_BYTES_MAX,
    GROUP_NAME_BYTES_MAX,
    HISTORY_DAYS_MAX,
    LIFETIME_CLASS_MAX,
)

Who = Literal["members", "admins"]
Switch = Literal["on", "off"]
SettingValue = str | int


class SettingsChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """The settings that a *create* or a *set* gives; the others stay as they are."""

    name: str | UnsetType = UNSET
    about: str | UnsetType = UNSET
    add: Who | UnsetType = UNSET
    """The least that somebody is who adds people."""

    write: Who | UnsetType = UNSET
    """The same for objects: texts, polls, tasks."""

    pin: Who | UnsetType = UNSET
    timer: Who | UnsetType = UNSET
    board: Switch | UnsetType = UNSET
    """On: a newcomer gets open polls, tasks, notices and pins."""

    history: Annotated[int, msgspec.Meta(ge=0, le=HISTORY_DAYS_MAX)] | UnsetType = UNSET
    """Days of what was said before, for a newcomer."""

    lifetime: Annotated[int, msgspec.Meta(ge=0, le=LIFETIME_CLASS_MAX)] | UnsetType = UNSET
    """The lifetime class of what is said."""

    acks: Literal["auto", "on", "off"] | UnsetType = UNSET
    closed: Literal["no", "yes"] | UnsetType = UNSET
    """Closed: nobody writes, and only an owner opens it again."""

    def check(self) -> None:
        """Raise InvalidContentError where a bound in bytes is broken."""
        if self.name is not UNSET:
            require_bytes(self.name, GROUP_NAME_BYTES_MAX)
        if self.about is not UNSET:
            require_bytes(self.about, ABOUT_BYTES_MAX)

    def items(self) -> dict[str, SettingValue]:
        """Return the keys that are given, in the order of the wire."""
        values = {key: getattr(self, key) for key in self.__struct_fields__}
        return {key: value for key, value in values.items() if value is not UNSET}


class Settings(msgspec.Struct, frozen=True):
    """The settings in force, each with its default."""

    name: str = ""
    about: str = ""
    add: Who = "admins"
    write: Who = "members"
    pin: Who = "members"
    timer: Who = "admins"
    board: Switch = "on"
    history: int = 0
    lifetime: int = 1
    acks: Literal["auto", "on", "off"] = "auto"
    closed: Literal["no", "yes"] = "no"


KEYS: Final = SettingsChange.__struct_fields__


def settings_of(values: dict[str, SettingValue]) -> Settings:
    """Return the settings in force where these were set by operations, which checked them."""
    return msgspec.convert(values, Settings)


def setting_change(values: dict[str, SettingValue]) -> SettingsChange:
    """Return a change of these keys; InvalidContentError if a key or a value is none."""
    if unknown := [key for key in values if key not in KEYS]:
        raise InvalidContentError(f"no such setting: {unknown[0]}")
    try:
        change = msgspec.convert(values, SettingsChange)
    except msgspec.ValidationError as error:
        raise InvalidContentError(str(error)) from error
    change.check()
    return change
