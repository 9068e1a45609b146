"""The times at which the vault's log is emptied, so that what was erased is nowhere in its files.

Implements `docs/protocol/storage.md`, section "Erasing". Nearly each commit of the vault erases
something: a message key that was used, the state of a session before its last step, a row that is
over. The write-ahead log and the pages that it has not reached yet still hold the former bytes,
until a truncating checkpoint. One after every commit would cost more than the commit, so the first
commit since the last checkpoint sets a term within which the next one comes.
"""

from mesh.database import Connection
from mesh.ids import Instant, Monotonic
from mesh.limits.storage import VAULT_CHECKPOINT_MS
from mesh.storage.connection import changes_count, checkpoint


class VaultCheckpoints:
    """The term of one open vault. Nothing here is called inside a transaction."""

    def __init__(self, vault: Connection) -> None:
        self._vault = vault
        self._due: Monotonic | None = None
        # Whoever opened it has emptied its log.
        self._swept_count = changes_count(vault)

    def deadline(self) -> Monotonic | None:
        """Return when `tend` wants to be called."""
        return self._due

    def committed(self, now: Instant) -> None:
        """A transaction was committed, whether it wrote or only read."""
        if self._due is None:
            self._due = now.after(VAULT_CHECKPOINT_MS)

    def tend(self, now: Instant) -> None:
        """Empty the log if it is time and if anything was written since."""
        if self._due is None or now.monotonic < self._due:
            return
        count = changes_count(self._vault)
        is_swept = count == self._swept_count or checkpoint(self._vault, is_patient=False)
        self._due = None if is_swept else now.after(VAULT_CHECKPOINT_MS)
        if is_swept:
            self._swept_count = count
