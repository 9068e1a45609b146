"""One finding of `mesh doctor`, and what a person may say before it looks."""

from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from mesh.commands.status import Situation

Level = Literal["ok", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at. `fix` is what to do, empty where there is nothing to do.

    `situation`: of `neighbours`, why nobody is linked.
    """

    check: str
    level: Level
    found: str
    meaning: str = ""
    fix: str = ""
    situation: Situation = ""


@dataclass(frozen=True, slots=True)
class Said:
    """The words of a person on the network: that another node is here now, and at which address."""

    is_somebody_here: bool = False
    address: str = ""


NOTHING_SAID: Final = Said()
