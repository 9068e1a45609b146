"""The sockets on which a node waits for others, on all interfaces, IPv4 and IPv6.

The port is fixed (41730) so that an address can be typed; where another program has it, and the
person did not ask for a certain one, any free port will do, since discovery tells it to others.
"""

import contextlib
import errno
import socket
import sys
from collections.abc import Sequence

import trio

from mesh.errors import UserError
from mesh.ids import Address

PORT_DEFAULT = 41_730
_BACKLOG = 64
_FREE_PORT_ATTEMPTS = 8
_NO_FAMILY = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT}


def open_listeners(port: int | None) -> tuple[int, list[trio.SocketListener]]:
    """Return the port and its listeners. None: the default one, else any free one.

    Raises UserError if the port that was asked for cannot be had.
    """
    try:
        return _listen(PORT_DEFAULT if port is None else port)
    except OSError as error:
        if port is None and error.errno in {errno.EADDRINUSE, errno.EACCES}:
            return _listen(0)
        raise _refusal(PORT_DEFAULT if port is None else port, error) from error


def inherited_listeners(descriptors: Sequence[int]) -> tuple[int, list[trio.SocketListener]]:
    """Return the port and the listeners that the program before this one has opened."""
    sockets = [socket.socket(fileno=each) for each in descriptors]
    for each in sockets:
        each.setblocking(False)
    port: int = sockets[0].getsockname()[1]
    return port, [trio.SocketListener(trio.socket.from_stdlib_socket(each)) for each in sockets]


def address_of(sockaddr: object) -> Address:
    """Return the address in what the socket module calls one."""
    match sockaddr:
        case (str(host), int(port)):
            return Address(host, port)
        case (str(host), int(port), int(_), int(scope)):
            return Address(host.partition("%")[0], port, scope)
        case _:
            return Address("unknown", 0)


def _listen(port: int) -> tuple[int, list[trio.SocketListener]]:
    """Both families on one port; for port 0 the second may find the first's choice taken."""
    attempts = 1 if port else _FREE_PORT_ATTEMPTS
    while True:
        attempts -= 1
        with contextlib.ExitStack() as opened:
            try:
                return _listen_both(port, opened)
            except OSError as error:
                if not attempts or error.errno != errno.EADDRINUSE:
                    raise


def _listen_both(port: int, opened: contextlib.ExitStack) -> tuple[int, list[trio.SocketListener]]:
    sockets: list[socket.socket] = []
    # On all interfaces on purpose: peers are to reach us, and the handshake keeps others out.
    for family, host in ((socket.AF_INET6, "::"), (socket.AF_INET, "0.0.0.0")):  # noqa: S104 (all, by intent)
        try:
            bound = opened.enter_context(socket.socket(family, socket.SOCK_STREAM))
            _bind(bound, host, port)
        except OSError as error:
            if error.errno not in _NO_FAMILY:
                raise
            continue
        port = bound.getsockname()[1]
        sockets.append(bound)
    if not sockets:
        raise OSError(errno.EAFNOSUPPORT, "this system has neither IPv4 nor IPv6")
    opened.pop_all()
    return port, [trio.SocketListener(trio.socket.from_stdlib_socket(each)) for each in sockets]


def _bind(unbound: socket.socket, host: str, port: int) -> None:
    if sys.platform == "win32":
        # There SO_REUSEADDR would let another program take the port away.
        unbound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        unbound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if unbound.family == socket.AF_INET6:
        unbound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    unbound.bind((host, port))
    unbound.listen(_BACKLOG)
    unbound.setblocking(False)


def _refusal(port: int, error: OSError) -> UserError:
    if error.errno == errno.EADDRINUSE:
        return UserError(
            "port-in-use",
            f"Port {port} is used by another program; set another `listen_port`, "
            "or 0 for any free one.",
        )
    return UserError("no-port", f"Cannot listen on port {port}: {error.strerror or error}.")
