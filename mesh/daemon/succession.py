"""A locked node goes on in a new program, whose memory never held what the lock is to hide.

Implements `docs/protocol/storage.md`, section "Locking". Python cannot overwrite all that it has
freed, so the process executes itself anew: it keeps its number, its place under a service manager
or in a terminal, the lock of the profile, and its listening sockets. Who calls meanwhile waits in
them. What else the new program must know comes in a file that has no name and lies in memory.
"""

import os
import sys
from typing import Final, NoReturn

import msgspec

from mesh.daemon.detached import command_line, environment_of_daemon
from mesh.daemon.start_order import SUCCEEDS
from mesh.errors import MeshError
from mesh.ids import EnvelopeId, Tag
from mesh.messenger.messenger import Ours

CAN_SUCCEED: Final = sys.platform == "linux"
"""Elsewhere a node that is locked forgets what it can, and goes on as it is."""


class Succession(msgspec.Struct, frozen=True, kw_only=True):
    """The things that a locked node hands on; numbers of files are those of this process."""

    profile: str
    has_console: bool = False
    lock: int = -1
    link_sockets: list[int]
    unix_socket: int | None
    loopback_sockets: list[int]
    owner_token: str
    """The token of the private file by which command lines are let in over loopback."""
    envelopes: list[EnvelopeId]
    tags: list[Tag]
    """By them mail for us that is evicted or not taken is kept apart while the vault is locked, and
    by the ids what we wrote is not evicted. Neither opens anything; their number tells about how
    many contacts there are.
    """
    is_stop_wanted: bool = False
    """Whether somebody wanted the node to stop while it was on its way here."""

    @classmethod
    def of(
        cls,
        ours: Ours,
        *,
        profile: str,
        link_sockets: list[int],
        unix_socket: int | None,
        loopback_sockets: list[int],
        owner_token: str,
    ) -> "Succession":
        """Return what is known when the vault was closed."""
        return cls(
            profile=profile,
            link_sockets=link_sockets,
            unix_socket=unix_socket,
            loopback_sockets=loopback_sockets,
            owner_token=owner_token,
            envelopes=list(ours.envelopes),
            tags=list(ours.tags),
        )

    @property
    def ours(self) -> Ours:
        """Return what stays recognised while the vault is locked."""
        return Ours(frozenset(self.envelopes), frozenset(self.tags))

    @property
    def files(self) -> list[int]:
        """Return all that is inherited."""
        sockets = [*self.link_sockets, *self.loopback_sockets]
        return [self.lock, *sockets, *([] if self.unix_socket is None else [self.unix_socket])]


def succeed(succession: Succession) -> NoReturn:
    """Become the new program; raises MeshError if it cannot be had, with everything closed."""
    if sys.platform != "linux":
        raise AssertionError("this system has no way to hand on what a node listens on")
    else:
        told = os.memfd_create("mesh", flags=0)
        with open(told, "wb", closefd=False) as file:
            file.write(msgspec.msgpack.encode(succession))
        for each in (told, *succession.files):
            os.set_inheritable(each, True)
        words = [*command_line(succession.profile), SUCCEEDS, str(told)]
        try:
            # Our own interpreter and module, no words of anybody else: nothing to inject.
            os.execve(sys.executable, words, environment_of_daemon())  # noqa: S606
        except OSError as error:
            raise MeshError(
                f"The vault is locked, and the node stopped: {sys.executable} does not start "
                f"({error.strerror}). Start it again with: mesh up"
            ) from error


def received(told: int) -> Succession:
    """Return what was handed on in a file of this number. What is inherited goes no further."""
    os.lseek(told, 0, os.SEEK_SET)
    with open(told, "rb") as file:
        succession = msgspec.msgpack.decode(file.read(), type=Succession)
    for each in succession.files:
        os.set_inheritable(each, False)
    return succession
