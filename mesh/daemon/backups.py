"""Backups of a running node: a stream for whoever asks for a file, and the automatic copy.

Implements `docs/protocol/backup-file.md`, section "The automatic copy". Rows are read through a
connection of their own, beside the engine's, in worker threads: the node goes on meanwhile. Locking
ends at once what is being read.
"""

import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from functools import partial
from itertools import chain
from typing import TypeVar

import trio

from mesh.commands.backup import BackupAnswer
from mesh.crypto.entropy import Entropy
from mesh.database import Connection
from mesh.errors import StorageError, UserError
from mesh.ids import UnixSeconds
from mesh.limits.backup import (
    COPY_AGE_SECONDS_MAX,
    COPY_DELETED_SECONDS_MAX,
    COPY_LOOK_SECONDS,
    COPY_RETRY_SECONDS,
    COPY_WAKE_MS,
)
from mesh.node.backups import (
    CopyState,
    content_of,
    find_lock,
    find_state,
    has_deleted,
    lock_of,
    remove_copy,
    sealed_content,
    state_now,
    write_copy,
)
from mesh.node.former_vault import remove_old_former
from mesh.node.profile import Profile
from mesh.node.system_entropy import SystemEntropy
from mesh.wire.backup_file import BackupLock

_T = TypeVar("_T")
_log = logging.getLogger("mesh.daemon")

LOCKED = "The vault is locked; unlock it first (mesh unlock)."
FULL = (
    "The disk was full when the vault was opened, so that nobody else can read it: make room, then "
    "lock and unlock (mesh lock, mesh unlock)."
)


class Backups:
    """The backups of one profile. `vault_opened` and `vault_closing` come in turn."""

    def __init__(
        self,
        profile: Profile,
        *,
        is_relay: bool,
        notice: Callable[[str], None],
        addresses: Callable[[], Awaitable[list[str]]],
        wall: Callable[[], float] = time.time,
        entropy: Entropy | None = None,
    ) -> None:
        """`addresses` returns those that a person told this node to dial."""
        self._profile = profile
        self._folders = profile.folders
        self._is_relay = is_relay
        self._is_weekly = True
        self._notice = notice
        self._addresses = addresses
        self._wall = wall
        self._entropy = SystemEntropy() if entropy is None else entropy
        self._reader: Connection | None = None
        self._is_open = False
        self._is_closing = False
        # One backup is made at a time; and whoever reads, or closes the reader, has the turn.
        self._one = trio.Lock()
        self._turn = trio.Lock()
        self._content: Generator[bytes, None, None] | None = None
        self._look_at = 0.0
        self._failure = ""

    # --- The vault ----------------------------------------------------------------------------

    def vault_opened(self, reader: Connection | None) -> None:
        """The vault is open, and can be read over this connection too; None: on a full disk."""
        self._reader = reader
        self._is_open = True
        self._look_at = 0.0

    async def vault_closing(self) -> None:
        """End what is being read, and let go of the connection."""
        self._is_closing = True
        try:
            async with self._turn:
                self._is_open = False
                reader, self._reader = self._reader, None
                content, self._content = self._content, None
                if reader is not None:
                    await trio.to_thread.run_sync(_close, content, reader)
        finally:
            self._is_closing = False

    def stop(self) -> None:
        """The node stops: what is being copied is given up at once."""
        self._is_closing = True

    def let_go(self) -> None:
        """The node has stopped, and nobody asks for anything any more."""
        reader, self._reader = self._reader, None
        content, self._content = self._content, None
        _close(content, reader)

    # --- A file -------------------------------------------------------------------------------

    async def stream(self, passphrase: str, *, is_new: bool) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of a backup under the passphrase of backups; `is_new`: under another one
        from now on. UserError if there is another passphrase, or the vault is locked or becomes so.
        """
        reader = self._require_reader()
        addresses = await self._addresses()
        async with self._one:
            lock = await self._in_turn(
                reader, partial(self._lock, reader, passphrase, is_new=is_new)
            )
            # The copy under the former passphrase, or none, is made anew soon.
            self._look_at = 0.0
            sealed = self._sealed(lock, reader, addresses)
            try:
                while (
                    piece := await self._in_turn(reader, lambda: next(sealed, None))
                ) is not None:
                    yield piece
            finally:
                with trio.CancelScope(shield=True):
                    async with self._turn:
                        content, self._content = self._content, None
                        if content is not None:
                            await trio.to_thread.run_sync(_close, content, None)

    async def state(self) -> BackupAnswer:
        """Return whether there is a passphrase, and how the automatic copy is."""
        return await trio.to_thread.run_sync(self._state)

    # --- The automatic copy -------------------------------------------------------------------

    def set_weekly(self, *, is_on: bool) -> None:
        """Make the automatic copy from now on, or let there be none."""
        self._is_weekly = is_on
        self._look_at = 0.0

    async def run(self) -> None:
        """Make the automatic copy whenever it is due; for ever."""
        while True:
            await self.tend()
            await trio.sleep(COPY_WAKE_MS / 1000)

    async def tend(self) -> None:
        """Look whether a copy is due, if it is time to look; a failure is told once.

        The vault of before an update goes when its day is over, open or locked.
        """
        with contextlib.suppress(StorageError):
            remove_old_former(self._folders.vault_file, self._wall())
        # A look that is further away was set by a clock that was wrong.
        is_early = 0 < self._look_at - self._wall() <= max(COPY_LOOK_SECONDS, COPY_RETRY_SECONDS)
        if self._reader is None or is_early:
            return
        self._look_at = self._wall() + COPY_LOOK_SECONDS
        try:
            await self.copy_if_due()
        except UserError:
            # The vault was locked meanwhile; it is looked at again when it opens.
            return
        except StorageError as error:
            self._failed(str(error))

    async def copy_if_due(self) -> bool:
        """Make the copy if it is due; return whether that was done. StorageError, UserError."""
        reader = self._reader
        if reader is None:
            return False
        addresses = await self._addresses()
        async with self._one:
            return await self._in_turn(reader, lambda: self._copy_if_due(reader, addresses))

    def _copy_if_due(self, reader: Connection, addresses: list[str]) -> bool:
        owner_key = self._profile.owner_key(reader)
        if not self._is_weekly:
            remove_copy(self._folders)
            return False
        lock, now = find_lock(self._folders, owner_key), UnixSeconds(int(self._wall()))
        state = find_state(self._folders, owner_key)
        if lock is None or (state is not None and not _is_due(reader, state, now)):
            return False
        self._content = content_of(self._folders, reader, addresses, now)
        try:
            # From its first record on all that is read is of one instant, the state too.
            first = next(self._content)
            write_copy(
                self._folders,
                sealed_content(lock, chain([first], self._content), self._entropy),
                state_now(reader, now),
                owner_key,
                self._entropy,
                should_stop=lambda: self._is_closing,
            )
        finally:
            content, self._content = self._content, None
            _close(content, None)
        self._failure = ""
        _log.info("the automatic copy was made")
        return True

    # --- Below --------------------------------------------------------------------------------

    def _sealed(
        self, lock: BackupLock, reader: Connection | None, addresses: list[str]
    ) -> Iterator[bytes]:
        now = UnixSeconds(int(self._wall()))
        self._content = content_of(self._folders, reader, addresses, now)
        return sealed_content(lock, self._content, self._entropy)

    def _lock(self, reader: Connection | None, passphrase: str, *, is_new: bool) -> BackupLock:
        owner_key = self._profile.owner_key(reader)
        return lock_of(self._folders, owner_key, passphrase, is_new=is_new, entropy=self._entropy)

    async def _in_turn(self, reader: Connection | None, work: Callable[[], _T]) -> _T:
        """Do something with the vault in a thread; UserError `locked` if it is closed meanwhile."""
        async with self._turn:
            if self._is_closing or self._reader is not reader:
                raise UserError("locked", LOCKED)
            # A thread is waited for, whoever gives up meanwhile: so the turn ends after it.
            return await trio.to_thread.run_sync(work)

    def _require_reader(self) -> Connection | None:
        if self._reader is None and not self._is_relay:
            if self._is_open:
                raise UserError("no-room", FULL, reason="disk")
            raise UserError("locked", LOCKED)
        return self._reader

    def _state(self) -> BackupAnswer:
        folders = self._folders
        try:
            found = folders.copy_file.stat()
        except OSError:
            found = None
        try:
            vault_bytes = folders.vault_file.stat().st_size
        except OSError:
            vault_bytes = 0
        return BackupAnswer(
            has_passphrase=folders.backup_key_file.exists(),
            is_weekly=self._is_weekly,
            copy_file="" if found is None else str(folders.copy_file),
            copied=0 if found is None else int(found.st_mtime),
            copy_bytes=0 if found is None else found.st_size,
            failure=self._failure,
            vault_bytes=vault_bytes,
        )

    def _failed(self, sentence: str) -> None:
        self._look_at = self._wall() + COPY_RETRY_SECONDS
        if sentence != self._failure:
            self._notice(f"The automatic copy of this profile could not be made. {sentence}")
        self._failure = sentence


def _is_due(reader: Connection, state: CopyState, now: UnixSeconds) -> bool:
    """Say whether a copy is too old, or holds for too long what was deleted since."""
    age = now - state.made
    if 0 <= age < COPY_DELETED_SECONDS_MAX:
        return False
    return not 0 <= age < COPY_AGE_SECONDS_MAX or has_deleted(reader, state)


def _close(content: Generator[bytes, None, None] | None, reader: Connection | None) -> None:
    if content is not None:
        content.close()
    if reader is not None:
        reader.close()
