"""Finds what a path leads to, in a table of paths with names in braces.

A name stands for one segment, as it was sent: a label may hold a slash, which comes as %2F. Where
several paths of the table match, the first one counts.
"""

import re
from collections.abc import Mapping
from typing import Generic, TypeVar

LeadsToT = TypeVar("LeadsToT")


class PathTable(Generic[LeadsToT]):
    """All paths, by how many segments they have."""

    def __init__(self, table: Mapping[str, LeadsToT]) -> None:
        self._by_depth: dict[int, list[tuple[re.Pattern[str], LeadsToT]]] = {}
        self._fixed: dict[str, LeadsToT] = {}
        for path, leads_to in table.items():
            at_depth = self._by_depth.setdefault(path.count("/"), [])
            at_depth.append((_pattern(path), leads_to))
            if "{" not in path and self._search(path) == (leads_to, {}):
                self._fixed[path] = leads_to

    def find(self, path: str) -> tuple[LeadsToT, dict[str, str]] | None:
        """Return what it leads to and the fields in it, which are still escaped."""
        fixed = self._fixed.get(path)
        return self._search(path) if fixed is None else (fixed, {})

    def _search(self, path: str) -> tuple[LeadsToT, dict[str, str]] | None:
        for pattern, leads_to in self._by_depth.get(path.count("/"), ()):
            if (found := pattern.fullmatch(path)) is not None:
                return leads_to, found.groupdict()
        return None


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)))
