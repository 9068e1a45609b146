"""The shared door gives its files to whoever is near, and nothing else to anybody."""

import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio.testing

from mesh.bundles import share_door
from mesh.bundles.share_door import ShareDoor, addresses, is_near, shares_of
from mesh.bundles.shelf import find_offers
from mesh.limits.bundles import (
    SHARE_CONNECTIONS_MAX,
    SHARE_CONNECTIONS_PER_HOST_MAX,
    SHARE_CONNECTIONS_PER_IPV6_NETWORK_MAX,
    SHARE_HEAD_BYTES_MAX,
    SHARE_HEAD_MS,
    SHARE_STALL_MS,
)
from mesh.node.interfaces import InterfaceAddress, Interfaces, list_interfaces
from mesh.node.tcp.listening import open_listeners
from tests.bundles.making import small_release


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[ShareDoor, int]]:
    """Open a door to the files of a folder on loopback."""
    door = ShareDoor(find_offers(folder))
    async with serving(door) as port:
        yield door, port


@asynccontextmanager
async def serving(door: ShareDoor) -> AsyncIterator[int]:
    """Run a door on loopback, and yield its port."""
    port, listeners = open_listeners(0)
    async with trio.open_nursery() as nursery:
        await nursery.start(door.run, listeners)
        yield port
        nursery.cancel_scope.cancel()


async def ask(port: int, request: bytes) -> tuple[bytes, bytes]:
    """Send a request as it is; return head and body of the answer, both empty if there is none."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        try:
            await stream.send_all(request)
            answer = b"".join([piece async for piece in stream])
        except trio.BrokenResourceError:
            return b"", b""
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


def get(path: str, method: str = "GET") -> bytes:
    """Return a request."""
    return f"{method} {path} HTTP/1.1\r\nHost: mesh\r\n\r\n".encode()


async def test_a_file_comes_as_it_is_and_its_hash_stands_on_the_page(tmp_path: Path) -> None:
    _, wheel = small_release(tmp_path)
    async with opened(tmp_path) as (door, port):
        head, page = await ask(port, get("/"))
        assert b"Content-Security-Policy: default-src 'none'" in head
        assert b"<script" not in page
        for offer in find_offers(tmp_path):
            assert offer.judged.sha256.encode() in page
        assert (await ask(port, get(f"/{wheel.name}")))[1] == wheel.read_bytes()
        assert door.given_count == 1
        head, body = await ask(port, get(f"/{wheel.name}", "HEAD"))
        assert b"Content-Length: 2000" in head
        assert body == b""
        sums = (await ask(port, get("/SHA256SUMS")))[1]
        assert wheel.name.encode() in sums


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "//secret.txt",
        "/secret.txt",
        "/wheels/",
        "/wheels/../secret.txt",
        "http://elsewhere/secret.txt",
        "/mesh_messenger-9.1.0-py3-none-any.whl/",
        "/mesh_messenger-9.1.0-py3-none-any.whl%00",
    ],
)
async def test_nothing_else_is_given_whatever_the_path(tmp_path: Path, path: str) -> None:
    small_release(tmp_path / "dist")
    for place in (tmp_path, tmp_path / "dist"):
        (place / "secret.txt").write_text("private")
    async with opened(tmp_path / "dist") as (_, port):
        head, body = await ask(port, get(path))
    assert head.startswith(b"HTTP/1.1 404 ")
    assert b"private" not in body


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
async def test_nothing_can_be_written(tmp_path: Path, method: str) -> None:
    _, wheel = small_release(tmp_path)
    before = wheel.read_bytes()
    request = get(f"/{wheel.name}", method)[:-2] + b"Content-Length: 4\r\n\r\nevil"
    async with opened(tmp_path) as (_, port):
        head, _ = await ask(port, request)
    assert head.startswith(b"HTTP/1.1 405 ")
    assert b"Allow: GET, HEAD" in head
    assert wheel.read_bytes() == before


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 2 * SHARE_HEAD_BYTES_MAX + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\r\n" * 100,
    ],
)
async def test_noise_gets_no_file_and_ends_nothing(tmp_path: Path, request_: bytes) -> None:
    small_release(tmp_path)
    async with opened(tmp_path) as (_, port):
        with trio.move_on_after(5):
            head, _ = await ask(port, request_)
            assert not head.startswith(b"HTTP/1.1 200")
        assert (await ask(port, get("/")))[0].startswith(b"HTTP/1.1 200")


async def test_a_line_of_blanks_is_refused_cheaply(tmp_path: Path) -> None:
    small_release(tmp_path)
    line = b"X:" + b" " * (SHARE_HEAD_BYTES_MAX - 100) + b"\0"
    async with opened(tmp_path) as (_, port):
        begun = time.process_time()
        for _ in range(24):
            head, _ = await ask(port, b"GET / HTTP/1.1\r\nHost: a\r\n" + line + b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 400 ")
        # A tenth of that in truth; six times it where time grows with the square of the line.
        assert time.process_time() - begun < 1


async def test_a_head_that_is_too_long_is_refused_if_it_comes_whole(tmp_path: Path) -> None:
    small_release(tmp_path)
    head = b"GET / HTTP/1.1\r\nHost: a\r\nX:"
    async with opened(tmp_path) as (_, port):
        for more, status in ((0, b"200"), (100, b"431")):
            line = b"y" * (SHARE_HEAD_BYTES_MAX - len(head) - 4 + more)
            answer, _ = await ask(port, head + line + b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 " + status)


async def test_a_file_that_was_changed_is_gone(tmp_path: Path) -> None:
    _, wheel = small_release(tmp_path)
    async with opened(tmp_path) as (_, port):
        wheel.write_bytes(b"something else")
        head, body = await ask(port, get(f"/{wheel.name}"))
    assert head.startswith(b"HTTP/1.1 410 ")
    assert b"something" not in body


async def test_one_laptop_keeps_no_more_connections_than_it_may(tmp_path: Path) -> None:
    small_release(tmp_path)
    async with opened(tmp_path) as (_, port):
        silent = [
            await trio.open_tcp_stream("127.0.0.1", port)
            for _ in range(SHARE_CONNECTIONS_PER_HOST_MAX)
        ]
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert await ask(port, get("/")) == (b"", b"")
        await silent.pop().aclose()
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert (await ask(port, get("/")))[0].startswith(b"HTTP/1.1 200")
        for stream in silent:
            await stream.aclose()


@pytest.mark.skipif(sys.platform != "linux", reason="a file that fails is Linux's own memory")
async def test_a_disk_that_fails_ends_one_answer_only(tmp_path: Path) -> None:
    _, wheel = small_release(tmp_path)
    offers = find_offers(tmp_path)
    # What nobody may read at 0: the system answers EIO, as a failing disk does.
    seen = os.stat("/proc/self/mem")
    failing = (seen.st_ino, seen.st_size, seen.st_mtime_ns)
    offers = [
        replace(each, path=Path("/proc/self/mem"), seen=failing) if each.path == wheel else each
        for each in offers
    ]
    async with serving(ShareDoor(offers)) as port:
        head, body = await ask(port, get(f"/{wheel.name}"))
        assert head.startswith(b"HTTP/1.1 200 ")
        assert body == b""
        assert (await ask(port, get("/")))[0].startswith(b"HTTP/1.1 200 ")


async def test_who_takes_a_file_drop_by_drop_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, wheel = small_release(tmp_path)
    wheel.write_bytes(bytes(40_000_000))
    monkeypatch.setattr(share_door, "SHARE_STALL_MS", 500)
    monkeypatch.setattr(share_door, "SHARE_BYTES_PER_SECOND_MIN", 80_000_000)
    taken = 0
    async with opened(tmp_path) as (door, port):
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream:
            await stream.send_all(get(f"/{wheel.name}"))
            with trio.fail_after(60):
                while piece := await received(stream):
                    taken += len(piece)
                    # Quicker than a piece has to be taken.
                    await trio.sleep(0.1)
        assert door.given_count == 0
    assert 0 < taken < 40_000_000


async def received(stream: trio.SocketStream) -> bytes:
    """Return the next bytes; none at the end, however it ends."""
    try:
        return bytes(await stream.receive_some(200_000))
    except trio.BrokenResourceError:
        return b""


async def test_interfaces_are_not_listed_for_each_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_release(tmp_path)
    listed = 0

    def counted() -> Interfaces:
        nonlocal listed
        listed += 1
        return list_interfaces()

    monkeypatch.setattr(share_door, "list_interfaces", counted)
    monkeypatch.setattr(share_door, "SHARE_INTERFACES_MS", 600_000)
    async with opened(tmp_path) as (_, port):
        for _ in range(5):
            assert (await ask(port, get("/")))[0].startswith(b"HTTP/1.1 200 ")
    assert listed == 1


def test_who_makes_itself_addresses_leaves_room_for_others() -> None:
    one, other = shares_of("2001:db8::1"), shares_of("2001:db8::ffff:2")
    (network,) = (each for each in one if each in other and each != "all")
    assert one[network] == SHARE_CONNECTIONS_PER_IPV6_NETWORK_MAX
    assert SHARE_CONNECTIONS_PER_IPV6_NETWORK_MAX + SHARE_CONNECTIONS_PER_HOST_MAX <= (
        SHARE_CONNECTIONS_MAX
    )
    assert shares_of("fe80::1%eth0").keys() & shares_of("fe80::2%eth0").keys() == {
        "all",
        "fe80::/64",
    }
    assert set(shares_of("192.168.1.7")) == {"all", "192.168.1.7"}


def test_patience_has_an_end() -> None:
    assert 0 < SHARE_HEAD_MS <= SHARE_STALL_MS <= 60_000


@pytest.mark.parametrize(
    "host, near",
    [
        ("192.168.1.77", True),
        ("192.168.2.77", False),
        ("127.0.0.1", True),
        ("fe80::1%eth0", True),
        ("fd00:1::9", True),
        ("2001:db8::1", False),
        ("8.8.8.8", False),
        ("10.0.0.1", False),
    ],
)
def test_who_is_on_no_network_of_ours_is_not_near(host: str, near: bool) -> None:
    interfaces = (
        InterfaceAddress(2, "wlan0", "192.168.1.20", 24),
        InterfaceAddress(2, "wlan0", "fd00:1::20", 64),
    )
    assert is_near(host, interfaces) is near


def test_the_addresses_to_scan_begin_with_the_shortest() -> None:
    cable = (InterfaceAddress(3, "eth0", "169.254.7.7", 16), InterfaceAddress(3, "eth0", "fe80::7"))
    assert addresses(41731, cable) == ["http://169.254.7.7:41731/"]
    both = (
        *cable,
        InterfaceAddress(2, "wlan0", "fd00::2", 64),
        InterfaceAddress(2, "wlan0", "10.0.0.2"),
    )
    assert addresses(41731, both) == ["http://10.0.0.2:41731/", "http://[fd00::2]:41731/"]
