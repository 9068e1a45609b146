"""The listener for browsers: loopback only, at a port that stays the same."""

import errno
import logging
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from mesh.errors import UserError

LOG = logging.getLogger("mesh.api")

BACKLOG = 128


@dataclass(frozen=True, slots=True)
class LoopbackListener:
    """The sockets that listen, one for each version of IP that the machine has."""

    sockets: Sequence[socket.socket]
    port: int

    @classmethod
    def bind(cls, wanted_port: int) -> "LoopbackListener":
        """Listen at a port, or at any free one if that is taken; UserError if there is none."""
        try:
            first = _listening(socket.AF_INET, "127.0.0.1", wanted_port)
        except OSError as error:
            if not wanted_port or error.errno == errno.EADDRNOTAVAIL:
                raise UserError(
                    "no-door", f"Nothing can listen on 127.0.0.1: {error.strerror}."
                ) from None
            LOG.warning("the port %d of the page is taken: another one is used", wanted_port)
            return cls.bind(0)
        port: int = first.getsockname()[1]
        sockets = [first]
        try:
            sockets.append(_listening(socket.AF_INET6, "::1", port))
        except OSError as error:
            LOG.debug("the page is not on ::1: %s", error.strerror)
        return cls(sockets, port)

    @classmethod
    def inherited(cls, descriptors: Sequence[int]) -> "LoopbackListener":
        """Return the listener that the program before this one has opened."""
        sockets = [socket.socket(fileno=each) for each in descriptors]
        for each in sockets:
            each.setblocking(False)
        port: int = sockets[0].getsockname()[1]
        return cls(sockets, port)

    def hand_on(self) -> list[int]:
        """Return the sockets for the next program; who calls meanwhile waits in them."""
        return [os.dup(each.fileno()) for each in self.sockets]

    def close(self) -> None:
        """Stop listening."""
        for each in self.sockets:
            each.close()


def _listening(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            # There the other option would let a second program take the port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            # A restart finds connections of the former run that the system still remembers.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener
