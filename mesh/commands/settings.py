"""The settings of a node: what they are, where they come from, and changing them."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from mesh.commands.answer import Answer
from mesh.limits.api import SETTING_CHARACTERS_MAX, SETTING_NUMBER_MAX, SETTINGS_CHANGED_MAX

WholeValue = Annotated[int, Meta(ge=0, le=SETTING_NUMBER_MAX)]
NumberValue = Annotated[float, Meta(ge=0, le=SETTING_NUMBER_MAX)]
TextValue = Annotated[str, Meta(max_length=SETTING_CHARACTERS_MAX)]
SettingName = Annotated[str, Meta(max_length=SETTING_CHARACTERS_MAX)]


class SettingAnswer(Answer, frozen=True, kw_only=True):
    """One setting. `meaning` is a sentence for people."""

    name: str
    value: bool | int | float | str | None
    """What holds, or will from the next start on (`is_waiting`); null: not set."""

    default: bool | int | float | str | None
    source: Literal["default", "file", "environment"]
    """Where the value comes from; the environment, and options of `mesh up`, win over the file."""

    variable: str
    """The variable of the environment that would win."""

    meaning: str
    minimum: float | None = None
    maximum: float | None = None
    choices: list[str] = []
    takes_effect: Literal["at once", "at the next start"]
    is_waiting: bool = False
    """Whether the node that runs still goes by another value, until it is started again."""


class SettingsAnswer(Answer, frozen=True, kw_only=True):
    """All settings, or those that were changed."""

    settings: list[SettingAnswer]


@dataclass(frozen=True, slots=True)
class AskSettings:
    """Answer: SettingsAnswer; works while locked."""


@dataclass(frozen=True, slots=True)
class ChangeSettings:
    """Write settings into the file of the profile, all or none. Answer: SettingsAnswer, of these.

    A value may be given as text. None takes the setting out of the file: the default holds again.
    """

    values: Annotated[
        dict[SettingName, bool | WholeValue | NumberValue | TextValue | None],
        Meta(extra_json_schema={"minProperties": 1, "maxProperties": SETTINGS_CHANGED_MAX}),
    ]
