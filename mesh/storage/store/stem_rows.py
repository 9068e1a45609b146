"""The rows of what this node has passed on, or is to pass on, and does not spread yet.

Implements `docs/protocol/stems.md`, section "What is written". Whoever writes has begun a
transaction.
"""

from collections.abc import Sequence
from typing import NamedTuple

from mesh.database import Connection
from mesh.ids import EnvelopeId, PostingKey
from mesh.storage.store.rows import blob, integer


class StemRow(NamedTuple):
    """An envelope on its stem, or a retirement of it, if there is a token.

    `due_ms`: by when it spreads, in mesh time; it means nothing while it `is_given` to nobody.
    """

    envelope: EnvelopeId
    token: bytes
    is_given: bool
    due_ms: int


class StemRows:
    """All that is on its stem."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, rows: Sequence[StemRow]) -> None:
        """Keep these, in place of what is there of them; an envelope that is gone is left out."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO stems SELECT arrival, ?, ?, ? FROM envelopes WHERE id = ?",
            [(row.token, row.is_given, row.due_ms, row.envelope) for row in rows],
        )

    def remove(self, items: Sequence[tuple[EnvelopeId, bytes]]) -> None:
        """These spread, each an envelope and a token."""
        self._connection.executemany(
            "DELETE FROM stems WHERE token = ? "
            "AND arrival = (SELECT arrival FROM envelopes WHERE id = ?)",
            [(token, envelope) for envelope, token in items],
        )

    def all(self) -> list[tuple[StemRow, PostingKey]]:
        """Return all of them with their posting keys, in the order in which they came."""
        rows = self._connection.execute(
            "SELECT id, token, is_given, due_ms, posting_key "
            "FROM stems JOIN envelopes USING (arrival) ORDER BY arrival, token"
        ).fetchall()
        return [
            (
                StemRow(
                    EnvelopeId(blob(id_)), blob(token), bool(integer(is_given)), integer(due_ms)
                ),
                PostingKey(blob(posting_key)),
            )
            for id_, token, is_given, due_ms, posting_key in rows
        ]
