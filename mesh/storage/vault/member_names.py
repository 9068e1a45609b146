"""Rows of the vault about names: what members of groups call themselves, as their registers say.

A name is a value of a register that its bearer alone writes, so its last word is what holds.
"""

from typing import Final

from mesh.database import Connection
from mesh.ids import ConversationId, MessageId
from mesh.storage.vault.rows import blobs, integers

# The field stands in the text, as in `registers.py`.
_OF: Final = "conversation = ?1 AND target = x'' AND field = 'name'"
_WORDS: Final = (
    "SELECT data FROM register_values JOIN contents ON contents.entry = register_values.entry "  # noqa: S608 (ours)
    f"WHERE {_OF} AND holder = ?2"
)


class MemberNameRows:
    """The names of members, each the bytes of an entry."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, conversation: ConversationId, bearer: bytes) -> bytes | None:
        """Return the entry in which somebody named himself last; None if in none that counts."""
        found = blobs(self._connection.execute(f"{_WORDS} AND is_last = 1", (conversation, bearer)))
        return found[0] if found else None

    def find_before(
        self, conversation: ConversationId, bearer: bytes, clock: int, id_: MessageId
    ) -> bytes | None:
        """Return the one before an entry, by clock and id."""
        found = blobs(
            self._connection.execute(
                f"{_WORDS} AND (clock, id) < (?3, ?4) ORDER BY clock DESC, id DESC LIMIT 1",
                (conversation, bearer, clock, id_),
            )
        )
        return found[0] if found else None

    def newest(self, conversation: ConversationId, limit: int) -> list[int]:
        """Return the entries in which people of a group named themselves last, the newest first."""
        return integers(
            self._connection.execute(
                f"SELECT entry FROM register_values WHERE {_OF} AND is_last = 1 "  # noqa: S608 (ours)
                "ORDER BY clock DESC, id DESC LIMIT ?2",
                (conversation, limit),
            )
        )
