"""The files that the page needs at once, and those that each part brings, by import lines."""

import re
from pathlib import Path

STATIC = Path(__file__).resolve().parents[2] / "mesh" / "web" / "static"
_IMPORT = re.compile(
    r'(?:^|;)\s*(?:import|export)\s*(?:[^"\'();]*?\sfrom\s*)?"([^"]+)"', re.MULTILINE
)


def closure(path: Path) -> list[Path]:
    """A module with all that it imports, and these in turn; not what it fetches later."""
    found: dict[Path, None] = {}
    waiting = [path]
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        found[one] = None
        for name in _IMPORT.findall(one.read_text()):
            place = STATIC / name[1:] if name.startswith("/") else one.parent / name
            waiting.append(place.resolve())
    return list(found)


def needed_at_once() -> list[Path]:
    """The files without which nothing is read or written."""
    page = STATIC / "index.html"
    named = re.findall(r'(?:href|src)="/([^"]+)"', page.read_text())
    scripts = [name for name in named if name.endswith(".js")]
    others = [STATIC / name for name in named if not name.endswith(".js")]
    return [page, *others, *(path for name in scripts for path in closure(STATIC / name))]
