"""Versions of releases, and which of two is the later one.

Of Python's versions (PEP 440) three numbers, and behind them `.dev`, `a`, `b` or `rc` with another.
"""

import re
from typing import Final

_NUMBER: Final = r"(?:0|[1-9][0-9]{0,3})"
VERSION_PATTERN: Final = rf"^{_NUMBER}\.{_NUMBER}\.{_NUMBER}(\.dev{_NUMBER}|(a|b|rc){_NUMBER})?\Z"

_PARTS: Final = re.compile(r"([0-9]+)\.([0-9]+)\.([0-9]+)(?:(\.dev|a|b|rc)([0-9]+))?")
_RANKS: Final = {".dev": 0, "a": 1, "b": 2, "rc": 3, None: 4}


def find_rank(version: str) -> tuple[int, ...] | None:
    """Return what sorts as versions do; None of what is no version of a release."""
    parts = _PARTS.fullmatch(version) if re.match(VERSION_PATTERN, version) else None
    if parts is None:
        return None
    numbers = (int(parts[1]), int(parts[2]), int(parts[3]))
    return (*numbers, _RANKS[parts[4]], int(parts[5] or 0))
