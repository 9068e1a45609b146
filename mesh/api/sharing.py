"""Gives Mesh away from the node's own process, for as long as its person wants it."""

import contextlib
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path

import trio

from mesh.api.share_requests import AskShare, CloseShare, OpenShare, ShareAnswer
from mesh.bundles.share_door import NO_NETWORK, ShareDoor, addresses, open_share_listeners
from mesh.bundles.shelf import Offer, own_offers
from mesh.bundles.verifying import Judged
from mesh.errors import UserError
from mesh.limits.bundles import SHARE_SECONDS_MAX
from mesh.node.interfaces import list_interfaces

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Open:
    """A door that is open."""

    door: ShareDoor
    addresses: list[str]
    files: list[Judged]
    listeners: list[trio.SocketListener]
    held: contextlib.ExitStack
    """The sockets, and what was packed for it."""
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    until: int = 0
    closed: trio.Event = field(default_factory=trio.Event)


class Sharing:
    """One door at most. It is closed with the process, and when the node is locked."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder`: where the files are; None: those of this program."""
        self._folder = folder
        self._nursery: trio.Nursery | None = None
        self._changing = trio.Lock()
        self._open: _Open | None = None
        self._has_failed = False

    async def run(self) -> None:
        """Hold what is open; for ever."""
        async with trio.open_nursery() as self._nursery:
            await trio.sleep_forever()

    async def answer(self, asked: AskShare | OpenShare | CloseShare) -> ShareAnswer:
        """Say how it stands, after it was opened or closed if that is asked."""
        match asked:
            case OpenShare(seconds=seconds):
                async with self._changing:
                    await self._open_for(max(1, min(seconds, SHARE_SECONDS_MAX)))
            case CloseShare():
                async with self._changing:
                    await self._close()
            case AskShare():
                pass
        found = self._open
        if found is None:
            return ShareAnswer(
                is_open=False,
                until=0,
                addresses=[],
                files=[],
                given_count=0,
                has_failed=self._has_failed,
            )
        return ShareAnswer(
            is_open=True,
            until=found.until,
            addresses=found.addresses,
            files=found.files,
            given_count=found.door.given_count,
        )

    def shut(self) -> None:
        """Close the door if it is open, without waiting for that."""
        if self._open is not None:
            self._open.scope.cancel()

    async def _open_for(self, seconds: int) -> None:
        assert self._nursery is not None
        if self._open is None:
            self._open = await self._prepared()
            self._has_failed = False
            await self._nursery.start(self._serve, self._open)
        self._open.scope.deadline = trio.current_time() + seconds
        self._open.until = int(time.time()) + seconds

    async def _prepared(self) -> _Open:
        """Look at the files, and open the sockets; UserError if one of both cannot be."""
        with contextlib.ExitStack() as held:
            # Each file is hashed, and a bundle may have to pack itself first.
            offers: list[Offer] = await trio.to_thread.run_sync(
                held.enter_context, own_offers(self._folder)
            )
            interfaces = await trio.to_thread.run_sync(list_interfaces)
            port, listeners = open_share_listeners()
            for each in listeners:
                held.callback(each.socket.close)
            told = addresses(port, interfaces)
            if not told:
                raise UserError("no-network", NO_NETWORK)
            files = [each.judged for each in offers]
            return _Open(ShareDoor(offers), told, files, listeners, held.pop_all())
        raise AssertionError("an exit stack lets errors pass")

    async def _serve(
        self, opened: _Open, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve until the scope of the door ends it."""
        try:
            with opened.scope:
                task_status.started()
                await opened.door.run(opened.listeners)
        except Exception:
            # The last guard of this task: whatever ends the door ends no node.
            _log.exception("the door that gives Mesh away is closed by a fault")
            self._has_failed = True
        finally:
            self._open = None
            opened.closed.set()
            # It removes what was packed, within milliseconds.
            opened.held.close()

    async def _close(self) -> None:
        if (found := self._open) is not None:
            self.shut()
            await found.closed.wait()
