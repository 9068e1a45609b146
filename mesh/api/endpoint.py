"""The small file by which every client finds the door of the running daemon.

It lies in the state folder of the profile (0600) and is removed when the daemon stops. A client
of another session may have another runtime folder, so it asks here first.
"""

from pathlib import Path

import msgspec

ENDPOINT_BYTES_MAX = 4_096


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """The place where a daemon listens. `started` is in Unix seconds."""

    pid: int
    started: int
    version: str
    unix: str


def find_endpoint(path: Path) -> Endpoint | None:
    """Return what the file says; None if there is none, or if it is damaged."""
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(ENDPOINT_BYTES_MAX), type=Endpoint)
    except (OSError, ValueError):
        return None
