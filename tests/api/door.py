"""The door on loopback, and raw requests to it: whatever bytes an attacker would send."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import trio

from mesh.api.access import Access
from mesh.api.problems import Problem
from mesh.ids import Instant, Monotonic

HOUR = 3_600_000_000


@dataclass
class HandClock:
    """Both clocks, moved by hand, in microseconds."""

    at: int = 1_800_000_000_000_000

    def __call__(self) -> Instant:
        return Instant(Monotonic(self.at), self.at)

    def pass_by(self, microseconds: int) -> None:
        self.at += microseconds


@dataclass(frozen=True)
class Answered:
    """The answer, taken apart."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """The kind of the problem; empty if it is none."""
        if self.headers.get("content-type") != "application/problem+json":
            return ""
        return msgspec.json.decode(self.body, type=Problem).kind


@dataclass
class Door:
    """The door of a served node. `token` is that of a session, once there is one."""

    access: Access
    clock: HandClock
    port: int
    stopped: trio.Event
    token: str = ""

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def sign_in(self) -> str:
        """Begin a session as a page does, and return its token."""
        code = self.access.new_code(as_file=False).code
        answered = await self.ask("POST", "/v1/session", json={"code": code})
        assert answered.status == 200, answered
        self.token = msgspec.json.decode(answered.body)["token"]
        return self.token

    async def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        json: object = None,
    ) -> Answered:
        """Ask with the token, if there is one; a header that is given as empty is left out."""
        body = b"" if json is None else msgspec.json.encode(json)
        sent = {"Host": self.host, "Content-Length": str(len(body)), "Connection": "close"}
        if json is not None:
            sent["Content-Type"] = "application/json"
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        sent |= headers or {}
        lines = [f"{name}: {value}" for name, value in sent.items() if value]
        return await self.exchange(f"{method} {path} HTTP/1.1", lines, body)

    async def exchange(self, first: str, lines: list[str], body: bytes = b"") -> Answered:
        """Send a request as it is, and read until the connection ends."""
        head = "\r\n".join([first, *lines, "", ""])
        async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
            await stream.send_all(head.encode("latin-1") + body)
            return answered_in(b"".join([piece async for piece in stream]))

    async def events(self) -> trio.SocketStream:
        """Return a stream of events whose beginning was read."""
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        head = f"GET /v1/events HTTP/1.1\r\nHost: {self.host}\r\nAuthorization: Bearer {self.token}"
        await stream.send_all(f"{head}\r\n\r\n".encode())
        told = b""
        while b'"hello"' not in told:
            told += await stream.receive_some()
        return stream


def answered_in(received: bytes) -> Answered:
    """Take an answer apart."""
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.split(": ", 1) for line in lines]
    return Answered(int(first.split()[1]), {name.lower(): value for name, value in pairs}, body)
