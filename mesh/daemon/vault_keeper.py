"""The keeper of a running daemon's vault: opens and closes it at the start, when asked, when idle.

Implements `docs/protocol/storage.md`, section "Locking". The node carries mail with its store
whether the vault is open or not; locking takes from the process what opens or shows what is ours.
One thing at a time is done to the vault, and a caller that gives up leaves it whole: what was
begun is done. So never more than one passphrase is tried, however many bring one.
"""

import gc
import logging
from collections.abc import Sequence
from typing import Final

import trio

from mesh.commands.answer import Answer
from mesh.commands.carry import CarryCommand
from mesh.commands.command import Command
from mesh.commands.peers import AskPeers
from mesh.commands.status import AskStatus
from mesh.daemon.start_order import passphrase_in
from mesh.errors import UserError, relay_refusal
from mesh.limits.passphrase import IDLE_LOOK_MS, PASSPHRASE_ATTEMPTS_WAITING_MAX
from mesh.node.clock import Clock, system_now
from mesh.node.free_memory import overwrite_free_buffers, overwrite_free_memory
from mesh.node.node import Node
from mesh.node.profile import Profile, close_vault

_log = logging.getLogger("mesh.daemon")

NOTHING_TO_LOCK_WITH = (
    "This profile has no passphrase, so anybody could unlock it: choose one first with "
    "`mesh passphrase`."
)
TOO_MANY_ATTEMPTS = (
    f"{PASSPHRASE_ATTEMPTS_WAITING_MAX} attempts with a passphrase wait already, each for a "
    "second: end the program that makes them, or try again in a moment."
)


_ROUNDS_TO_END: Final = 50
"""Rounds of the event loop in which a connection that its client has closed is surely over; a few
are enough, and each takes microseconds."""


class IdleTime:
    """The time since anybody asked for anything. Sleep of the machine counts where the clock
    runs.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begun = clock().monotonic

    def end(self) -> None:
        """Somebody is there."""
        self._begun = self._clock().monotonic

    async def wait(self, idle_ms: int) -> None:
        """Return once nobody asked for anything for so long.

        It looks again and again: a timer would stand still while the machine sleeps.
        """
        while (left_us := self.left_us(idle_ms)) > 0:
            pause_s = min(left_us / 1_000_000, IDLE_LOOK_MS / 1_000)
            await trio.sleep(pause_s)

    def left_us(self, idle_ms: int) -> int:
        """Return how much is missing until nobody asked for anything for so long."""
        return self._begun + idle_ms * 1_000 - self._clock().monotonic


class VaultKeeper:
    """Stands between the API and the node: knows whether somebody is there, and locks if not."""

    def __init__(
        self, profile: Profile, node: Node, *, is_relay: bool = False, clock: Clock = system_now
    ) -> None:
        """A relay has no vault, and whoever asks for one is told so."""
        self._profile = profile
        self._node = node
        self._is_relay = is_relay
        self._turn = trio.Lock()
        self._waiting_count = 0
        self._idle = IdleTime(clock)
        # Only what opened the vault says whether there is a passphrase.
        self._is_protected = True

    async def ask(self, command: Command) -> Answer:
        """Ask the node; who asks for more than its state is a person, or acts for one."""
        if isinstance(command, AskStatus | AskPeers):
            return await self._node.ask(command)
        self._idle.end()
        try:
            return await self._node.ask(command)
        finally:
            self._idle.end()

    async def ask_all(self, commands: Sequence[Command]) -> list[Answer | UserError]:
        """Ask the node for several things in their order."""
        self._idle.end()
        return await self._node.ask_all(commands)

    async def carry_by_hand(self, command: CarryCommand) -> Answer:
        """Ask for a piece of a file that goes by hand: that says nothing of a person."""
        return await self._node.carry_by_hand(command)

    async def unlock(self, passphrase: bytes) -> None:
        """Open the vault; nothing happens if it is open."""
        self._require_person()
        await self._wait_for_turn()
        try:
            with trio.CancelScope(shield=True):
                if self._node.has_vault:
                    return
                text = passphrase_in(passphrase)
                vault = await trio.to_thread.run_sync(self._profile.open_vault, text)
                await self._node.open_vault(vault)
                self._is_protected = text != ""
                self._idle.end()
        finally:
            self._turn.release()

    async def lock(self) -> None:
        """Close the vault; nothing happens if it is closed."""
        self._require_person()
        with trio.CancelScope(shield=True):
            async with self._turn:
                if not self._node.has_vault:
                    return
                if not self._is_protected:
                    raise UserError("no-passphrase", NOTHING_TO_LOCK_WITH)
                await self._close()

    async def change_passphrase(self, former: bytes, new: bytes) -> None:
        """Seal the vault's key under another passphrase, whether the vault is open or not."""
        self._require_person()
        await self._wait_for_turn()
        try:
            with trio.CancelScope(shield=True):
                texts = passphrase_in(former), passphrase_in(new)
                await trio.to_thread.run_sync(self._profile.change_passphrase, *texts)
                self._is_protected = texts[1] != ""
                self._idle.end()
                _log.info("the passphrase was changed")
        finally:
            self._turn.release()

    async def lock_when_idle(self, minutes: float) -> None:
        """Lock whenever nobody has asked for anything for so long; for ever."""
        idle_ms = int(minutes * 60_000)
        is_told = False
        while True:
            await self._idle.wait(idle_ms)
            with trio.CancelScope(shield=True):
                async with self._turn:
                    # Somebody may have come while another thing was done to the vault.
                    if self._idle.left_us(idle_ms) > 0:
                        continue
                    if self._node.has_vault and self._is_protected:
                        await self._close()
                        self._node.notice(f"Locked after {minutes:g} minutes without use.")
                    elif self._node.has_vault and not is_told:
                        is_told = True
                        self._node.notice(f"Not locked when idle. {NOTHING_TO_LOCK_WITH}")
                    self._idle.end()

    async def _wait_for_turn(self) -> None:
        """Wait until somebody's passphrase may be tried, which costs memory and a second.

        One at a time is tried, in the order in which they came. A stop ends the waiting, so that
        nobody waits for attempts that others left behind; what was begun is done.
        """
        if self._waiting_count >= PASSPHRASE_ATTEMPTS_WAITING_MAX:
            raise UserError("busy", TOO_MANY_ATTEMPTS)
        self._waiting_count += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting_count -= 1

    def _require_person(self) -> None:
        if self._is_relay:
            raise relay_refusal()

    async def _close(self) -> None:
        await self._close_file()
        # Connections whose clients are gone end now: they still hold what was asked over them.
        for _ in range(_ROUNDS_TO_END):
            await trio.lowlevel.checkpoint()
        # Only now: until then this task held the connection, which remembers its key.
        await trio.to_thread.run_sync(_forget)
        # Requests are read here, so what is left of a passphrase that came is this thread's.
        overwrite_free_buffers()
        _log.info("the vault is locked")

    async def _close_file(self) -> None:
        vault = await self._node.close_vault()
        if vault is not None:
            await trio.to_thread.run_sync(close_vault, vault)


def _forget() -> None:
    # Sessions and contacts refer to one another, so that they do not go by themselves.
    gc.collect()
    overwrite_free_memory()
