"""The door by which a laptop gives Mesh away: plain HTTP on the local network, reading only.

It knows its files from the start and opens no other: a path is looked up and never joined to a
folder. One request a connection, GET and HEAD alone, bounded in number, size and patience. Who is
not on one of this laptop's networks is not answered.
"""

import functools
import ipaddress
from collections import Counter
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

import h11
import trio

from mesh.bundles.share_page import HEADERS, page_of, sums_of
from mesh.bundles.shelf import Offer
from mesh.errors import UserError
from mesh.limits.bundles import (
    SHARE_BYTES_PER_SECOND_MIN,
    SHARE_CONNECTIONS_MAX,
    SHARE_CONNECTIONS_PER_HOST_MAX,
    SHARE_CONNECTIONS_PER_IPV6_NETWORK_MAX,
    SHARE_HEAD_BYTES_MAX,
    SHARE_HEAD_MS,
    SHARE_INTERFACES_MS,
    SHARE_PIECE_BYTES,
    SHARE_PORT,
    SHARE_STALL_MS,
)
from mesh.node.http_heads import RequestReader
from mesh.node.interfaces import Interfaces, list_interfaces, networks, tellable_hosts
from mesh.node.tcp.listening import open_listeners

NO_NETWORK: Final = "This laptop is on no network: join one, or begin one."

_IPV6_NETWORK_BITS: Final = 64

_TEXTS: Final = {"/": "text/html; charset=utf-8", "/SHA256SUMS": "text/plain; charset=utf-8"}


class ShareDoor:
    """Serves a few files for as long as it runs."""

    def __init__(self, offers: list[Offer]) -> None:
        self._texts = {"/": page_of(offers), "/SHA256SUMS": sums_of(offers)}
        self._offers = {f"/{each.name}": each for each in offers}
        self._counts: Counter[str] = Counter()
        self._interfaces: Interfaces = ()
        self._lists_again = float("-inf")
        self.given_count = 0
        """Files that were given whole."""

    async def run(
        self,
        listeners: list[trio.SocketListener],
        task_status: trio.TaskStatus[list[trio.SocketListener]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Answer whoever comes, until this is cancelled."""
        await trio.serve_listeners(self._meet, listeners, task_status=task_status)

    async def _meet(self, stream: trio.SocketStream) -> None:
        """Answer one caller, if there is room, and whatever they do."""
        async with stream:
            try:
                host = str(stream.socket.getpeername()[0])
                if is_near(host, self._own_interfaces()):
                    await self._answer_in_turn(stream, host)
            except (OSError, trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
                # A file that cannot be read ends what is sent of it, and nothing else.
                return

    def _own_interfaces(self) -> Interfaces:
        """Return our interfaces, which are listed at most once in `SHARE_INTERFACES_MS`."""
        now = trio.current_time()
        if now >= self._lists_again:
            self._interfaces = list_interfaces()
            self._lists_again = now + SHARE_INTERFACES_MS / 1_000
        return self._interfaces

    async def _answer_in_turn(self, stream: trio.SocketStream, host: str) -> None:
        """Answer a caller if there is room for one more of its kind."""
        shares = shares_of(host)
        if any(self._counts[each] >= most for each, most in shares.items()):
            return
        self._counts.update(shares.keys())
        try:
            await self._answer(stream)
        finally:
            # Without those that are 0: names of callers are not kept.
            self._counts -= Counter(shares.keys())

    async def _answer(self, stream: trio.SocketStream) -> None:
        """Read one request and answer it."""
        requests = RequestReader(SHARE_HEAD_BYTES_MAX)
        spoken = requests.spoken
        try:
            with trio.fail_after(SHARE_HEAD_MS / 1_000):
                request = await requests.next_request(stream.receive_some)
        except h11.RemoteProtocolError as error:
            if spoken.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                await _say(spoken, stream, HTTPStatus(error.error_status_hint))
                # Before an end that breaks what is unread, so that the answer is read.
                await stream.send_eof()
            return
        if request is None:
            return
        if request.method not in (b"GET", b"HEAD"):
            await _say(spoken, stream, HTTPStatus.METHOD_NOT_ALLOWED)
            return
        is_head = request.method == b"HEAD"
        path = unquote(request.target.partition(b"?")[0].decode("ascii"))
        if (text := self._texts.get(path)) is not None:
            await _say(spoken, stream, HTTPStatus.OK, text, _TEXTS[path], is_head=is_head)
        elif (offer := self._offers.get(path)) is None:
            await _say(spoken, stream, HTTPStatus.NOT_FOUND, is_head=is_head)
        else:
            await self._give(spoken, stream, offer, is_head=is_head)

    async def _give(
        self, spoken: h11.Connection, stream: trio.SocketStream, offer: Offer, *, is_head: bool
    ) -> None:
        """Send one file, piece by piece; TooSlowError of who takes it for longer than it may."""
        patience_s = SHARE_STALL_MS / 1_000 + offer.judged.bytes / SHARE_BYTES_PER_SECOND_MIN
        try:
            with offer.opened() as file, trio.fail_after(patience_s):
                head = _head(HTTPStatus.OK, "application/octet-stream", offer.judged.bytes)
                await _send(spoken, stream, head)
                left = 0 if is_head else offer.judged.bytes
                while left:
                    read = functools.partial(file.read, min(left, SHARE_PIECE_BYTES))
                    piece = await trio.to_thread.run_sync(read)
                    if not piece:
                        # It was cut while it is sent: the caller sees that it is not whole.
                        return
                    left -= len(piece)
                    await _send(spoken, stream, h11.Data(data=piece), SHARE_STALL_MS)
                await _send(spoken, stream, h11.EndOfMessage())
                self.given_count += not is_head
        except UserError:
            await _say(spoken, stream, HTTPStatus.GONE, is_head=is_head)


def open_share_listeners() -> tuple[int, list[trio.SocketListener]]:
    """Return the port and the sockets, on all interfaces."""
    try:
        return open_listeners(SHARE_PORT)
    except UserError:
        return open_listeners(0)


def addresses(port: int, interfaces: Interfaces) -> list[str]:
    """Return the addresses to type or scan, the best first; on one cable those of that cable."""
    hosts = tellable_hosts(interfaces) or [each.host for each in interfaces if not each.is_ipv6]
    return [
        f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/" for host in hosts
    ]


def is_near(host: str, interfaces: Interfaces) -> bool:
    """Say whether a caller is on this computer or on one of its networks."""
    caller = ipaddress.ip_address(host.partition("%")[0])
    return (
        caller.is_loopback
        or caller.is_link_local
        or any(caller in ipaddress.ip_network(network) for _, network in networks(interfaces))
    )


def shares_of(host: str) -> dict[str, int]:
    """Return by what a caller is counted, and how many connections each may have at a time.

    Everybody on a network may have addresses of one IPv6 network, and one laptop as many of them as
    it likes: together they leave room for who types an address of IPv4.
    """
    caller = ipaddress.ip_address(host.partition("%")[0])
    shares = {"all": SHARE_CONNECTIONS_MAX, host: SHARE_CONNECTIONS_PER_HOST_MAX}
    if caller.version == 6:
        network = ipaddress.ip_network((caller, _IPV6_NETWORK_BITS), strict=False)
        shares[str(network)] = SHARE_CONNECTIONS_PER_IPV6_NETWORK_MAX
    return shares


async def _say(
    spoken: h11.Connection,
    stream: trio.SocketStream,
    status: HTTPStatus,
    text: bytes = b"",
    kind: str = "text/plain; charset=utf-8",
    *,
    is_head: bool = False,
) -> None:
    """Send a whole answer; without a text, what the status means."""
    text = text or f"{status.value} {status.phrase}\n".encode()
    await _send(spoken, stream, _head(status, kind, len(text)))
    if not is_head:
        await _send(spoken, stream, h11.Data(data=text))
    await _send(spoken, stream, h11.EndOfMessage())


def _head(status: HTTPStatus, kind: str, length: int) -> h11.Response:
    headers = [("Content-Type", kind), ("Content-Length", str(length)), ("Connection", "close")]
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append(("Allow", "GET, HEAD"))
    return h11.Response(
        status_code=status.value, reason=status.phrase.encode(), headers=[*headers, *HEADERS]
    )


async def _send(
    spoken: h11.Connection,
    stream: trio.SocketStream,
    event: h11.Response | h11.Data | h11.EndOfMessage,
    patience_ms: int = SHARE_HEAD_MS,
) -> None:
    with trio.fail_after(patience_ms / 1_000):
        await stream.send_all(spoken.send(event) or b"")
