"""The keeper of a running daemon's vault: opens and closes it at the start, when asked, when idle.

Implements `docs/protocol/storage.md`, section "Locking". The node carries mail with its store
whether the vault is open or not; locking takes from the process what opens or shows what is ours.
One thing at a time is done to the vault, and a caller that gives up leaves it whole: what was
begun is done. So never more than one passphrase is tried, however many bring one.
"""

import gc
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from typing import Final

import msgspec
import trio

from mesh.commands.answer import Answer
from mesh.commands.backup import BackupAnswer, Restored
from mesh.commands.carry import CarryCommand
from mesh.commands.command import Command
from mesh.commands.peers import AskPeers, PeersAnswer
from mesh.commands.status import StatusAnswer
from mesh.config import Config
from mesh.daemon.backups import Backups
from mesh.daemon.guesses import Guesses
from mesh.daemon.putting_back import put_back
from mesh.daemon.start_order import passphrase_in
from mesh.errors import StorageError, UserError, relay_refusal
from mesh.limits.api import API_GRACE_MS
from mesh.limits.passphrase import IDLE_LOOK_MS, PASSPHRASE_ATTEMPTS_WAITING_MAX
from mesh.node.clock import Clock, system_now
from mesh.node.config_file import write_default_config
from mesh.node.free_memory import overwrite_free_buffers, overwrite_free_memory
from mesh.node.node import Node
from mesh.node.profile import Profile, close_vault
from mesh.node.wiped_keys import copy_stays, erase_keys
from mesh.release import release

_log = logging.getLogger("mesh.daemon")

NOTHING_TO_LOCK_WITH = (
    "This profile has no passphrase, so anybody could unlock it: choose one first with "
    "`mesh passphrase`."
)
FIRST_RUN = (
    "This profile is new: choose a passphrase for it, or an empty one, which protects nothing."
)
TOO_MANY_ATTEMPTS = (
    f"{PASSPHRASE_ATTEMPTS_WAITING_MAX} attempts with a passphrase wait already, each for a "
    "second: end the program that makes them, or try again in a moment."
)


BEGINS_ANEW = "The node was locked and begins anew: try again in a moment."

_ROUNDS_TO_END: Final = 50
"""Rounds of the event loop in which a connection that its client has closed is surely over, and no
door takes another one after a stop; a few are enough, and each takes microseconds."""


class IdleTime:
    """The time since a person was there. Sleep of the machine counts where the clock runs."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begun = clock().monotonic

    def end(self) -> None:
        """Somebody is there."""
        self._begun = self._clock().monotonic

    async def wait(self, idle_ms: int) -> None:
        """Return once nobody was there for so long.

        It looks again and again: a timer would stand still while the machine sleeps.
        """
        while (left_us := self.left_us(idle_ms)) > 0:
            pause_s = min(left_us / 1_000_000, IDLE_LOOK_MS / 1_000)
            await trio.sleep(pause_s)

    def left_us(self, idle_ms: int) -> int:
        """Return how much is missing until nobody was there for so long."""
        return self._begun + idle_ms * 1_000 - self._clock().monotonic


class VaultKeeper:
    """Stands between the API and the node: knows whether somebody is there, and locks if not."""

    def __init__(
        self,
        profile: Profile,
        node: Node,
        *,
        config: Config,
        begin_restored: Callable[[str], None],
        is_relay: bool = False,
        clock: Clock = system_now,
        begin_anew: Callable[[], bool] = lambda: False,
    ) -> None:
        """A relay has no vault, and whoever asks for one is told so.

        `begin_restored` is told the passphrase of a profile that was put back. `begin_anew` lets a
        locked node go on in a new program; False: here that cannot be.
        """
        self.backups = Backups(
            profile,
            is_relay=is_relay,
            notice=lambda sentence: node.notice(sentence),
            addresses=self._addresses,
        )
        self._profile = profile
        self._node = node
        self._config = config
        self._begin_restored = begin_restored
        self._is_relay = is_relay
        self._turn = trio.Lock()
        self._waiting_count = 0
        self._idle = IdleTime(clock)
        self._guesses = Guesses(clock)
        self._begin_anew = begin_anew
        self._is_ending = False
        self.is_wiped = False
        """Whether its files are to go when the node has stopped."""
        self._auto_lock_minutes = 0.0
        self._auto_lock_changed = trio.Event()
        # Only what opened the vault says whether there is a passphrase.
        self._is_protected = True

    def person_came(self) -> None:
        """Somebody is there: not a program, and not a page that only looks."""
        self._idle.end()

    async def ask(self, command: Command) -> Answer:
        """Ask the node."""
        answer = await self._node.ask(command)
        return self._completed(answer) if isinstance(answer, StatusAnswer) else answer

    def _completed(self, status: StatusAnswer) -> StatusAnswer:
        """Add to what the engine says what only the process knows."""
        told = msgspec.structs.replace(
            status,
            profile=self._profile.folders.name,
            version=release(),
            has_passphrase=self._is_protected,
        )
        if told.vault == "locked" and not self._profile.is_created:
            # There is nothing yet that could be unlocked.
            return msgspec.structs.replace(told, vault="empty", locked_since=0)
        return told

    async def ask_all(self, commands: Sequence[Command]) -> list[Answer | UserError]:
        """Ask the node for several things in their order."""
        return await self._node.ask_all(commands)

    async def carry_by_hand(self, command: CarryCommand) -> Answer:
        """Ask for a piece of a file that goes by hand: that says nothing of a person."""
        return await self._node.carry_by_hand(command)

    async def begin(self, passphrase: bytes | None) -> None:
        """First run: make the keys of the profile where there are none, and open the vault."""
        self._require_person()
        if passphrase is None:
            if not self._node.has_vault:
                raise UserError("no-passphrase", FIRST_RUN)
            return
        await self._wait_for_turn()
        try:
            with trio.CancelScope(shield=True):
                if not self._profile.is_created:
                    text = passphrase_in(passphrase)
                    await trio.to_thread.run_sync(self._profile.create, text)
                    write_default_config(self._profile.folders.config_file)
        finally:
            self._turn.release()
        await self.unlock(passphrase)

    async def unlock(self, passphrase: bytes) -> None:
        """Open the vault; nothing happens if it is open."""
        self._require_person()
        await self._wait_for_turn()
        try:
            with trio.CancelScope(shield=True):
                if self._is_ending:
                    raise UserError("stopping", BEGINS_ANEW)
                if self._node.has_vault:
                    return
                text = passphrase_in(passphrase)
                with self._guesses.judged():
                    opened = await trio.to_thread.run_sync(self._profile.open_vault_twice, text)
                await self._node.open_vault(opened[0])
                self.backups.vault_opened(opened[1])
                # Else this frame would hold them beyond a lock that comes before it is gone.
                del opened
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
                await self._forget()

    async def change_passphrase(self, former: bytes, new: bytes) -> None:
        """Seal the vault's key under another passphrase, whether the vault is open or not."""
        self._require_person()
        await self._wait_for_turn()
        try:
            with trio.CancelScope(shield=True):
                texts = passphrase_in(former), passphrase_in(new)
                with self._guesses.judged():
                    await trio.to_thread.run_sync(self._profile.change_passphrase, *texts)
                self._is_protected = texts[1] != ""
                self._idle.end()
                _log.info("the passphrase was changed")
        finally:
            self._turn.release()

    async def backup(self, passphrase: bytes, *, is_new: bool) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of a backup under the passphrase of backups."""
        self._idle.end()
        text = passphrase_in(passphrase)
        async with aclosing(self.backups.stream(text, is_new=is_new)) as pieces:
            async for piece in pieces:
                yield piece
                self._idle.end()

    async def backup_state(self) -> BackupAnswer:
        """Return how the automatic copy is."""
        return await self.backups.state()

    async def restore(
        self, more: Callable[[], Awaitable[bytes]], backup_passphrase: bytes, passphrase: bytes
    ) -> Restored:
        """Put a backup back, where nobody is yet; the node begins anew after that."""
        self._require_person()
        backup_text, text = passphrase_in(backup_passphrase), passphrase_in(passphrase)
        await self._wait_for_turn()
        try:
            restored = await put_back(
                self._profile,
                self._node,
                more,
                backup_passphrase=backup_text,
                passphrase=text,
                config=self._config,
            )
        finally:
            self._turn.release()
        _log.info("a backup was put back; the node begins anew")
        self._begin_restored(text)
        # Once that is answered, whoever comes is one for the next program.
        await _pass_rounds()
        return restored

    async def wipe(self, profile: str) -> None:
        """Destroy the keys of this profile, which must be named; nobody undoes this.

        Raises UserError `not-wiped` if the vault's key stays, or, with that gone, `copy-stays` if
        a copy or another key could not be overwritten.
        """
        folders = self._profile.folders
        if profile != folders.name:
            raise UserError(
                "other-profile",
                f"This is the profile {folders.name}: say its name to remove it for ever.",
                profile=folders.name,
            )
        with trio.CancelScope(shield=True):
            async with self._turn:
                left = await trio.to_thread.run_sync(erase_keys, folders)
                self.is_wiped = True
                # Who listens is told by it: other pages and terminals show nothing any more.
                with suppress(StorageError):
                    await self._close_file()
        _log.warning("the keys of this profile were destroyed")
        if left:
            raise copy_stays(folders.name, left)

    def set_auto_lock(self, minutes: float) -> None:
        """Lock after so long without use, counted from now on; 0: never."""
        self._idle.end()
        if minutes != self._auto_lock_minutes:
            self._auto_lock_minutes = minutes
            self._auto_lock_changed.set()
            self._auto_lock_changed = trio.Event()

    async def lock_when_idle(self) -> None:
        """Lock whenever nobody was there for as long as is set; for ever."""
        while True:
            changed = self._auto_lock_changed
            async with trio.open_nursery() as nursery:
                if self._auto_lock_minutes:
                    nursery.start_soon(self._lock_when_idle, self._auto_lock_minutes)
                await changed.wait()
                nursery.cancel_scope.cancel()

    async def _lock_when_idle(self, minutes: float) -> None:
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
                        await self._forget()
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
        _log.info("the vault is locked")

    async def _forget(self) -> None:
        """Keep nothing of what was open in the memory of this process."""
        # Who listens is told first. And connections whose clients are gone end now: they still
        # hold what was asked over them.
        await _pass_rounds()
        if self._begin_anew():
            self._is_ending = True
            # Once a lock is answered, whoever comes is one for the next program.
            await _pass_rounds()
            return
        # Only now: until then this task held the connection, which remembers its key.
        await trio.to_thread.run_sync(_overwrite)
        # Requests are read here, so what is left of a passphrase that came is this thread's.
        overwrite_free_buffers()

    async def _addresses(self) -> list[str]:
        """Return the addresses that a person told this node to dial."""
        answer = await self._node.ask(AskPeers())
        assert isinstance(answer, PeersAnswer)
        return [peer.address for peer in answer.peers if peer.is_configured]

    async def _close_file(self) -> None:
        await self.backups.vault_closing()
        vault = await self._node.close_vault()
        if vault is not None:
            await trio.to_thread.run_sync(close_vault, vault)


def _overwrite() -> None:
    # Sessions and contacts refer to one another, so that they do not go by themselves.
    gc.collect()
    overwrite_free_memory()


async def _pass_rounds() -> None:
    # Where others are busy each round takes their time, and a stop does not wait for that.
    with trio.move_on_after(API_GRACE_MS / 4 / 1000):
        for _ in range(_ROUNDS_TO_END):
            await trio.lowlevel.checkpoint()
