"""The small file by which every client finds the door of the running daemon.

It lies in the state folder of the profile (0600) and is removed when the daemon stops. A client
of another session may have another runtime folder, so it asks here first (`mesh.api.doors`).
"""

from pathlib import Path

import msgspec

ENDPOINT_BYTES_MAX = 4_096


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """The place where a daemon listens. `started` is in Unix seconds."""

    pid: int
    started: int
    version: str
    unix: str = ""
    """The path of the unix socket; empty: there is none."""
    port: int = 0
    """The port on 127.0.0.1 for browsers and programs with a token; 0: there is none."""


def find_endpoint(path: Path) -> Endpoint | None:
    """Return what the file says; None if there is none, or if it is damaged."""
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(ENDPOINT_BYTES_MAX), type=Endpoint)
    except (OSError, ValueError):
        return None
