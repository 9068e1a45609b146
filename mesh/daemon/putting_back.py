"""A backup that comes as a stream, put back into the profile of a daemon that is nobody's yet.

The file is read in a worker thread, which asks the event loop for each piece: so as much of it is
in memory as one piece, and whoever sends it waits for the disk.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import trio

from mesh.commands.backup import Restored
from mesh.commands.peers import AddPeer
from mesh.config import Config
from mesh.errors import UserError
from mesh.node.node import Node
from mesh.node.profile import Profile
from mesh.node.restoring import restore_running

More = Callable[[], Awaitable[bytes]]
"""Returns the next bytes of a file; none at its end."""


async def put_back(
    profile: Profile,
    node: Node,
    more: More,
    *,
    backup_passphrase: str,
    passphrase: str,
    config: Config,
) -> Restored:
    """Put a backup back. Who gives up meanwhile ends the reading, and nothing is taken."""

    async def put_addresses(addresses: list[str]) -> None:
        for address in addresses:
            # One that this release does not take is not worth all the rest.
            with suppress(UserError):
                await node.ask(AddPeer(address))

    return await trio.to_thread.run_sync(
        partial(
            restore_running,
            profile,
            _Arriving(more),
            backup_passphrase=backup_passphrase,
            passphrase=passphrase,
            config=config,
            put_addresses=lambda addresses: trio.from_thread.run(put_addresses, addresses),
        )
    )


class _Arriving:
    """A file of which the bytes still come, for a worker thread."""

    def __init__(self, more: More) -> None:
        self._more = more
        self._held = bytearray()
        self._is_over = False

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most so many; fewer only at the end."""
        while len(self._held) < size and not self._is_over:
            piece = trio.from_thread.run(self._more)
            self._is_over = not piece
            self._held += piece
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken
