"""The ways of a client to a node: its unix socket, or loopback with the token of its private file.

Loopback is taken where there are no unix sockets (Windows), where the daemon opened none, and
wherever MESH_API=tcp says so. There the node shows first, on the same connection, that it knows
the token: whoever took the port of a node that crashed is told nothing.
"""

import http.client
import os
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from mesh.api.endpoint import find_endpoint
from mesh.api.problems import Problem
from mesh.api.proof import PROOF_PATH, ProofAnswer, proof_of
from mesh.api.unix_socket import unix_stream
from mesh.errors import UserError
from mesh.limits.door import CHALLENGE_BYTES, SECRET_CHARACTERS_MAX
from mesh.node.folders import ProfileFolders

CONNECT_PATIENCE_S = 2.0
CONNECT_PAUSE_S = 0.05

NO_DOOR = "This node has no door on loopback: the log of its start says why."


class DoorConnection(http.client.HTTPConnection):
    """HTTP over a socket that is connected; `host` is what the door is called."""

    auto_open = 0

    def __init__(
        self, stream: socket.socket, host: str, *, timeout_s: float, token: str = ""
    ) -> None:
        super().__init__(host, timeout=timeout_s)
        self.sock = stream
        self._marks = {"Authorization": f"Bearer {token}"} if token else {}

    def ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> None:
        """Send a request; if nobody reads it, an answer that says why may be there all the same."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.request(method, path, body=body, headers={**headers, **self._marks})

    def begin(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        """Send the head of a request whose body follows."""
        self.putrequest(method, path)
        for name, value in {**headers, **self._marks}.items():
            self.putheader(name, value)
        with suppress(BrokenPipeError, ConnectionResetError):
            self.endheaders()


class Door(Protocol):
    """A way to a node."""

    def connect(self, timeout_s: float) -> DoorConnection:
        """Return a connection; raises an OSError, FileNotFoundError if no node runs."""
        ...


@dataclass(frozen=True, slots=True)
class UnixDoor:
    """The unix socket at a path; its rights are the access control."""

    path: Path

    def connect(self, timeout_s: float) -> DoorConnection:
        """Connect; BlockingIOError if as many as the system keeps wait there already."""
        stream = unix_stream()
        try:
            stream.settimeout(timeout_s)
            give_up = time.monotonic() + min(timeout_s, CONNECT_PATIENCE_S)
            while True:
                try:
                    stream.connect(os.fspath(self.path))
                except BlockingIOError:
                    if time.monotonic() > give_up:
                        raise
                    time.sleep(CONNECT_PAUSE_S)
                else:
                    return DoorConnection(stream, "mesh", timeout_s=timeout_s)
        except BaseException:
            stream.close()
            raise


@dataclass(frozen=True, slots=True)
class LoopbackDoor:
    """The door on loopback of a profile; where it is now is read anew for each connection."""

    endpoint_file: Path
    token_file: Path

    def connect(self, timeout_s: float) -> DoorConnection:
        """Connect, and let the node show who it is; ConnectionRefusedError if it cannot."""
        endpoint = find_endpoint(self.endpoint_file)
        if endpoint is None:
            raise FileNotFoundError(self.endpoint_file)
        if not endpoint.port:
            raise UserError("no-door", NO_DOOR)
        with self.token_file.open(encoding="ascii", errors="replace") as file:
            token = file.read(SECRET_CHARACTERS_MAX)
        stream = socket.create_connection(("127.0.0.1", endpoint.port), timeout=timeout_s)
        try:
            _require_known(stream, endpoint.port, token, timeout_s)
        except BaseException:
            stream.close()
            raise
        return DoorConnection(
            stream, f"127.0.0.1:{endpoint.port}", timeout_s=timeout_s, token=token
        )


def door_of(folders: ProfileFolders) -> Door:
    """Return the way to the node of a profile, whether one runs or not."""
    loopback = LoopbackDoor(folders.endpoint_file, folders.token_file)
    if is_over_tcp():
        return loopback
    endpoint = find_endpoint(folders.endpoint_file)
    if endpoint is None:
        return UnixDoor(folders.socket_file)
    # Of another session: it may have another runtime folder, or no socket.
    return UnixDoor(Path(endpoint.unix)) if endpoint.unix else loopback


def is_over_tcp(environment: Mapping[str, str] = os.environ) -> bool:
    """Say whether there is no unix socket here, or none is wanted (MESH_API)."""
    chosen = environment.get("MESH_API", "")
    if chosen not in ("", "unix", "tcp"):
        raise UserError("bad-config", f"MESH_API is `unix` or `tcp`, not {chosen!r}.")
    return chosen == "tcp" or sys.platform == "win32"


def _require_known(stream: socket.socket, port: int, token: str, timeout_s: float) -> None:
    """Ask for what only the node of this profile can answer."""
    challenge = os.urandom(CHALLENGE_BYTES).hex()
    asking = DoorConnection(stream, f"127.0.0.1:{port}", timeout_s=timeout_s)
    asking.ask(
        "POST",
        PROOF_PATH,
        msgspec.json.encode({"challenge": challenge}),
        {"Content-Type": "application/json"},
    )
    response = asking.getresponse()
    told = response.read()
    if response.status == http.client.SERVICE_UNAVAILABLE:
        problem = msgspec.json.decode(told, type=Problem)
        raise UserError(problem.kind, problem.detail)
    try:
        shown = msgspec.json.decode(told, type=ProofAnswer).proof
    except ValueError:
        shown = ""
    if shown != proof_of(token, port, challenge):
        raise ConnectionRefusedError(f"another program listens on port {port}")
