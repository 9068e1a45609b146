"""Rows of the vault about what it has lost itself: it was put back, or there is a copy of it."""

from typing import Final

import msgspec

from mesh.database import Connection
from mesh.ids import ConversationId, UnixSeconds
from mesh.storage.vault.rows import Row, all_of

GROUP_LOSSES: Final = (
    # `run`: in which of our entries are lost; -1: an operation is; 0: it showed otherwise.
    # `noticed`: in mesh time, when we began anew for it, or had done so less than a day before;
    # `last_epoch`: epochs up to this number are written under no more.
    """
    CREATE TABLE group_losses (
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        run INTEGER NOT NULL,
        noticed INTEGER NOT NULL,
        last_epoch INTEGER NOT NULL,
        is_proved INTEGER NOT NULL,
        PRIMARY KEY (conversation, run)
    ) STRICT, WITHOUT ROWID
    """,
)
"""The statement that makes the table. It is part of a migration, and so never changes."""


class LossRow(Row, frozen=True):
    """Something of ours that members have, and this vault has not. `is_proved`: our signature
    stands under it; else anybody in the group can have done it.
    """

    conversation: ConversationId
    run: int
    noticed: UnixSeconds
    last_epoch: int
    is_proved: bool


class GroupLossRows:
    """The signs that this vault is an older one, in each group."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, row: LossRow) -> None:
        """Note that something is lost, of a run of which that may have been known."""
        self._connection.execute(
            "INSERT OR REPLACE INTO group_losses "
            "(conversation, run, noticed, last_epoch, is_proved) VALUES (?, ?, ?, ?, ?)",
            msgspec.structs.astuple(row),
        )

    def of(self, conversation: ConversationId) -> list[LossRow]:
        """All of a group, the last first."""
        cursor = self._connection.execute(
            "SELECT conversation, run, noticed, last_epoch, is_proved FROM group_losses "
            "WHERE conversation = ? ORDER BY noticed DESC, run",
            (conversation,),
        )
        return all_of(cursor, LossRow)

    def forget(self, conversation: ConversationId) -> None:
        """Erase all of a group."""
        self._connection.execute("DELETE FROM group_losses WHERE conversation = ?", (conversation,))
