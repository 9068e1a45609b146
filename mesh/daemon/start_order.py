"""The order that a daemon gets when it starts, and its answer. Loads nothing heavy.

Between `mesh up` and the detached daemon these are one line of JSON each way, over the daemon's
standard input and output: a passphrase is never on a command line or in the environment.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from mesh.errors import MeshError, UserError
from mesh.limits.passphrase import PASSPHRASE_BYTES_MAX

SUCCEEDS: Final = "--succeeds"
"""In place of an order: followed by the number of a file in which a locked node has handed on what
it goes on with."""


class StartOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The order to start. Without a passphrase the vault stays locked, and mail is carried anyway.

    `name` makes the identity where there is none yet. An empty passphrase is one too.
    """

    profile: str
    name: str | None = None
    passphrase: str | None = None

    def __repr__(self) -> str:
        return f"StartOrder(profile={self.profile!r}, …)"


class StartReport(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a start: an empty `kind` means that the daemon runs."""

    kind: str = ""
    sentence: str = ""

    def raise_failure(self) -> None:
        """Raise what the daemon failed with."""
        if self.kind == "failed":
            raise MeshError(self.sentence)
        if self.kind:
            raise UserError(self.kind, self.sentence)


def find_passphrase(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the passphrase in the file that MESH_PASSPHRASE_FILE names; None if it is not set."""
    path = environment.get("MESH_PASSPHRASE_FILE")
    if not path:
        return None
    try:
        with Path(path).expanduser().open("rb") as file:
            return passphrase_in(file.read(PASSPHRASE_BYTES_MAX + 2))
    except OSError as error:
        raise UserError(
            "no-passphrase", f"MESH_PASSPHRASE_FILE: cannot read {path}: {error.strerror}."
        ) from None


def passphrase_in(content: bytes) -> str:
    """Return the passphrase in bytes that may end in a line end, which is not part of it."""
    line = content.removesuffix(b"\n").removesuffix(b"\r")
    if len(line) > PASSPHRASE_BYTES_MAX:
        raise UserError("no-passphrase", f"A passphrase has at most {PASSPHRASE_BYTES_MAX} bytes.")
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise UserError("no-passphrase", "The passphrase is not UTF-8 text.") from None
