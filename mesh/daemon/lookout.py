"""Looks why nobody is linked, where that lasts, so that status and page can say it.

A node that has links looks at nothing. One that has none asks the doctor's question of the network
after a while, soon again where the networks have changed, and ever more seldom where they stay.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from mesh.commands.status import AskStatus, Situation, StatusAnswer
from mesh.limits.daemon import ALONE_LOOK_MS, ALONE_LOOK_MS_MAX, LINKED_LOOK_MS
from mesh.node.doctor.finding import Finding
from mesh.node.interfaces import list_interfaces, networks
from mesh.node.node import Node

_log = logging.getLogger("mesh.daemon")

QUIET: Final[tuple[Situation, ...]] = ("", "linked", "reached", "nobody-yet")
"""Of these nobody has to be told: there is nothing to do."""


class Lookout:
    """Keeps `node.situation`. `look` takes seconds and returns the doctor's verdict, if any."""

    def __init__(self, node: Node, look: Callable[[], Awaitable[Finding | None]]) -> None:
        self._node = node
        self._look = look
        self._pause_ms = ALONE_LOOK_MS
        self._networks: tuple[tuple[int, str], ...] = ()

    async def run(self) -> None:
        """Look until cancelled."""
        waited_ms, is_linked = 0, False
        while True:
            pause_ms = LINKED_LOOK_MS if is_linked else ALONE_LOOK_MS
            await trio.sleep(pause_ms / 1_000)
            status = await self._node.ask(AskStatus())
            assert isinstance(status, StatusAnswer)
            is_linked = status.links_count > 0
            if is_linked:
                self._node.situation, self._pause_ms, waited_ms = "", ALONE_LOOK_MS, 0
                continue
            waited_ms += ALONE_LOOK_MS
            try:
                if await self._has_moved() or waited_ms >= self._pause_ms:
                    waited_ms = 0
                    self._pause_ms = min(2 * self._pause_ms, ALONE_LOOK_MS_MAX)
                    self._tell(await self._look())
            except (OSError, ImportError) as error:
                # It only advises: an interface that vanishes, too many open files, or parts that
                # an upgrade has replaced stop no node.
                _log.warning("why nobody is linked was not found out: %s", error)

    async def _has_moved(self) -> bool:
        """Say whether this machine is on other networks than at the last call."""
        before = self._networks
        self._networks = networks(await trio.to_thread.run_sync(list_interfaces))
        if self._networks == before:
            return False
        self._pause_ms = ALONE_LOOK_MS
        return True

    def _tell(self, finding: Finding | None) -> None:
        situation: Situation = "" if finding is None else finding.situation
        if situation == self._node.situation:
            return
        self._node.situation = situation
        if finding is not None and situation not in QUIET:
            _log.info("nobody is linked: %s", situation)
            self._node.notice(f"{finding.found} What helps: mesh doctor")
