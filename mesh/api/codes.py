"""Codes by which a page signs in: each works once, within a minute, and leaves nothing behind."""

import hashlib
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mesh.limits.door import SECRET_BYTES, SIGN_IN_CODE_MS, SIGN_IN_CODES_MAX
from mesh.node.clock import Clock

OPENING_FILES: Final = "open-*.html"

OPENING_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={address}">
<title>Mesh</title>
</head>
<body><p><a href="{address}" rel="noreferrer">Open Mesh</a></p></body>
</html>
"""


def hash_of(secret: str) -> str:
    """Return what is kept of a code or a token: with so much chance in it, a plain hash will do."""
    return hashlib.blake2b(secret.encode(errors="replace"), digest_size=32).hexdigest()


def new_secret() -> str:
    """Draw a code or a token."""
    return secrets.token_urlsafe(SECRET_BYTES)


@dataclass(slots=True)
class Code:
    """A code that waits to be used. `until` is in microseconds of the steady clock."""

    until: int
    file: Path | None = None


@dataclass(slots=True)
class Codes:
    """The codes that wait, by their hashes, and the files that lead browsers to the page."""

    folder: Path
    clock: Clock
    _waiting: dict[str, Code] = field(default_factory=dict)

    def make(self, page: str, *, as_file: bool) -> tuple[str, Path | None]:
        """Return a code for the page at an address, and the file if one is wanted."""
        now = self.clock().monotonic
        for key, code in list(self._waiting.items()):
            if code.until <= now or len(self._waiting) >= SIGN_IN_CODES_MAX:
                self._drop(key)
        secret = new_secret()
        file = self._write(f"{page}#code={secret}") if as_file else None
        self._waiting[hash_of(secret)] = Code(now + SIGN_IN_CODE_MS * 1_000, file)
        return secret, file

    def use(self, secret: str) -> bool:
        """Use a code up; False if there is none like it, or it is too old."""
        found = self._drop(hash_of(secret))
        return found is not None and found.until > self.clock().monotonic

    def clear(self) -> None:
        """Void all codes, and leave no file of them behind, those of a former run among them."""
        for key in list(self._waiting):
            self._drop(key)
        for file in self.folder.glob(OPENING_FILES):
            file.unlink(missing_ok=True)

    def _drop(self, key: str) -> Code | None:
        code = self._waiting.pop(key, None)
        if code is not None and code.file is not None:
            code.file.unlink(missing_ok=True)
        return code

    def _write(self, address: str) -> Path:
        file = self.folder / OPENING_FILES.replace("*", secrets.token_hex(8))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(file, flags, 0o600), "w", encoding="utf-8") as opened:
            opened.write(OPENING_PAGE.format(address=address))
        return file
