"""Rows of the vault about our posting keys."""

from collections.abc import Sequence
from typing import Final

from mesh.database import Connection
from mesh.ids import PostingKey
from mesh.storage.vault.rows import (
    PostingKeyRow,
    all_of,
    blobs,
    new_number,
)

_POSTING_KEY: Final = (
    "SELECT number, public, seed, audience, day, stamp, stamp_bits, uses FROM posting_keys"
)


class PostingKeyRows:
    """Pseudonyms for one day and audience; the seed goes with its day."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_posting_key(
        self, public: PostingKey, *, seed: bytes, audience: int, day: int, stamp: bytes | None
    ) -> int:
        """Keep a key that has signed nothing yet; return its number."""
        cursor = self._connection.execute(
            "INSERT INTO posting_keys (public, seed, audience, day, stamp, uses) "
            "VALUES (?, ?, ?, ?, ?, 0)",
            (public, seed, audience, day, stamp),
        )
        return new_number(cursor)

    def posting_keys_with_seed(self) -> list[PostingKeyRow]:
        """Keys that can still sign, by day, and of a day the oldest first."""
        cursor = self._connection.execute(
            f"{_POSTING_KEY} WHERE seed IS NOT NULL ORDER BY day, number"
        )
        return all_of(cursor, PostingKeyRow)

    def posting_keys(self) -> Sequence[bytes]:
        """All that are remembered as ours."""
        return blobs(self._connection.execute("SELECT public FROM posting_keys ORDER BY public"))

    def set_stamp(self, public: PostingKey, stamp: bytes, bits: int) -> None:
        """A key signs by this stamp from now on, by which it has signed nothing yet."""
        self._connection.execute(
            "UPDATE posting_keys SET stamp = ?, stamp_bits = ?, uses = 0 WHERE public = ?",
            (stamp, bits, public),
        )

    def set_key_uses(self, public: PostingKey, uses: int) -> None:
        self._connection.execute(
            "UPDATE posting_keys SET uses = ? WHERE public = ?", (uses, public)
        )

    def erase_posting_seeds(self, before_day: int) -> None:
        """Erase the seeds of days that are over."""
        self._connection.execute(
            "UPDATE posting_keys SET seed = NULL WHERE day < ? AND seed IS NOT NULL", (before_day,)
        )

    def forget_posting_keys(self, before_day: int) -> bool:
        """Forget keys whose envelopes have all expired; return whether there were any."""
        cursor = self._connection.execute("DELETE FROM posting_keys WHERE day < ?", (before_day,))
        return cursor.rowcount > 0
