"""One finding of `mesh doctor`."""

from typing import Literal

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at. `fix` is what to do, empty where there is nothing to do."""

    check: str
    level: Literal["ok", "warn", "fail"]
    found: str
    meaning: str = ""
    fix: str = ""
