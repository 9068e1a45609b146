"""Finds the files of the page. They are read again when they change, so that who writes the page
only has to reload it.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mesh.limits.door import STATIC_FILE_BYTES_MAX

FOLDER: Final = Path(__file__).parent / "static"

TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
"""A file whose ending is not here is not served."""

_SCRIPT: Final = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*")


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file as it is sent.

    `tag` is its ETag; `scripts` allows those inside it (Content Security Policy Level 3, 2.3.1).
    """

    content: bytes
    media_type: str
    tag: str
    scripts: str
    stamp: tuple[int, int]


class StaticFiles:
    """The files of a folder, by the path of a URL; `/` is `index.html`."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder.resolve()
        self._known: dict[str, StaticFile] = {}

    def find(self, url_path: str) -> StaticFile | None:
        """Return a file; None if nothing of that name is served."""
        name = url_path.removeprefix("/") or "index.html"
        # Nothing that climbs out, hides, or means something to a system.
        if not all(_SEGMENT.fullmatch(part) for part in name.split("/")):
            return None
        path = self._folder / name
        media_type = TYPES.get(path.suffix)
        try:
            found = path.stat()
            if media_type is None or not path.is_file() or found.st_size > STATIC_FILE_BYTES_MAX:
                return None
            stamp = (found.st_mtime_ns, found.st_size)
            known = self._known.get(name)
            if known is None or known.stamp != stamp:
                content = path.read_bytes()
                tag = f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"'
                scripts = _allowed(content) if path.suffix == ".html" else ""
                known = self._known[name] = StaticFile(content, media_type, tag, scripts, stamp)
        except OSError:
            return None
        return known


def _allowed(page: bytes) -> str:
    """The sources of a policy that allow what stands between the script tags of a page."""
    hashes = [hashlib.sha256(text).digest() for text in _SCRIPT.findall(page)]
    return "".join(f" 'sha256-{base64.b64encode(each).decode()}'" for each in hashes)
