"""Tells by the person's desktop that something new came, where no page is open that tells it.

A locked node opens nothing, so it tells nothing either.
"""

import logging
from collections.abc import Callable
from subprocess import DEVNULL
from typing import Final

import trio

from mesh.commands.conversations import AskConversation, ConversationAnswer
from mesh.daemon.vault_keeper import VaultKeeper
from mesh.errors import UserError
from mesh.events import Event, ItemAdded, MessageReceived
from mesh.limits.daemon import NOTICE_PAUSE_MS, NOTICE_PROGRAM_MS
from mesh.node.clock import Clock, system_now
from mesh.node.desktop_notice import find_notice_command

_log = logging.getLogger("mesh.daemon")

_SETTINGS: Final = ("timer", "name")
"""Kinds of items that say how something is from now on: nobody has to read them."""


class Notifier:
    """Shows at most one notification at a time: what comes soon after one is covered by it."""

    def __init__(
        self,
        keeper: VaultKeeper,
        *,
        is_page_open: Callable[[], bool],
        find_command: Callable[[], list[str] | None] = find_notice_command,
        clock: Clock = system_now,
    ) -> None:
        """`is_page_open`: a page follows what happens, and tells it itself."""
        self.is_on = False
        self._keeper = keeper
        self._is_page_open = is_page_open
        self._find_command = find_command
        self._clock = clock
        self._came: dict[int, None] = {}
        """Conversations in which something came that nobody was told of."""
        self._has_come = trio.Event()
        self._is_warned = False

    def hear(self, event: Event) -> None:
        """Note what is worth a notification; nobody waits for it."""
        conversation = find_news(event)
        if conversation is not None and self.is_on and not self._is_page_open():
            self._came[conversation] = None
            self._has_come.set()

    async def run(self) -> None:
        """Show what came; for ever."""
        while True:
            await self._has_come.wait()
            self._has_come = trio.Event()
            came, self._came = self._came, {}
            if any([await self._is_to_be_told(each) for each in came]):
                await self._show()
                await trio.sleep(NOTICE_PAUSE_MS / 1000)
                # Whoever looks at the screen was told of these.
                self._came.clear()
                self._has_come = trio.Event()

    async def _is_to_be_told(self, conversation: int) -> bool:
        try:
            found = await self._keeper.ask(AskConversation(conversation))
        except UserError:
            # The vault was locked meanwhile, or the contact is gone.
            return False
        assert isinstance(found, ConversationAnswer)
        now = self._clock().wall // 1_000_000
        return found.muted_until <= now and not found.is_request and not self._is_page_open()

    async def _show(self) -> None:
        command = self._find_command()
        if command is None:
            if not self._is_warned:
                self._is_warned = True
                _log.warning("no program shows notifications here: install notify-send (libnotify)")
            return
        with trio.move_on_after(NOTICE_PROGRAM_MS / 1000):
            try:
                done = await trio.run_process(
                    command, stdin=b"", stdout=DEVNULL, stderr=DEVNULL, check=False
                )
            except OSError as error:
                _log.warning("%s: %s", command[0], error.strerror)
                return
            if done.returncode:
                _log.warning("%s ended with %d", command[0], done.returncode)


def find_news(event: Event) -> int | None:
    """Return in which conversation somebody else said what is to be read; None: in none."""
    match event:
        case MessageReceived(message=message):
            return message.conversation
        case ItemAdded(item=item) if not item.author.is_mine and item.kind not in _SETTINGS:
            return item.conversation
        case _:
            return None
