"""Rows of the vault about names: what members of groups call themselves, as their registers say.

A name is a value of a register that its bearer alone writes, so its last word is what holds.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from mesh.database import Connection
from mesh.ids import ConversationId, MessageId
from mesh.limits.storage import NAMED_GROUPS_KEPT_MAX
from mesh.storage.vault.rows import integers

# The field stands in the text, as in `registers.py`.
_OF: Final = "conversation = ?1 AND target = x'' AND field = 'name'"
_LAST: Final = (
    "SELECT holder, register_values.entry, data FROM register_values "
    f"JOIN contents ON contents.entry = register_values.entry WHERE {_OF} AND is_last = 1"
)
# Each half of the register of an author stands in the order of an index; both do not.
_BEFORE: Final = tuple(
    "SELECT clock, id, data FROM register_values JOIN contents "
    f"ON contents.entry = register_values.entry WHERE {_OF} AND holder = ?2 AND author = ?3 "
    f"AND is_own_named = {is_own_named} AND (clock, id) < (?4, ?5) "
    "ORDER BY clock DESC, id DESC LIMIT 1"
    for is_own_named in (0, 1)
)


class LastName(NamedTuple):
    """The entry in which somebody named himself last: its number, and its bytes."""

    entry: int
    data: bytes


class MemberNameRows:
    """The names of members, each the bytes of an entry.

    A list of members asks for each of them again and again, so those of a group are read at once,
    and kept as `kept_rows.py` says.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._kept: dict[ConversationId, dict[bytes, LastName]] = {}

    def find(self, conversation: ConversationId, bearer: bytes) -> LastName | None:
        """Return the entry in which somebody named himself last; None if in none that counts."""
        return self.last_of(conversation).get(bearer)

    def last_of(self, conversation: ConversationId) -> Mapping[bytes, LastName]:
        """Return the entries in which all who named themselves did so last."""
        names = self._kept.get(conversation)
        if names is None:
            if len(self._kept) >= NAMED_GROUPS_KEPT_MAX:
                self._kept.clear()
            names = self._kept[conversation] = self._read(conversation)
        return names

    def _read(self, conversation: ConversationId) -> dict[bytes, LastName]:
        names = {}
        for holder, entry, data in self._connection.execute(_LAST, (conversation,)).fetchall():
            assert isinstance(holder, bytes)
            assert isinstance(entry, int)
            assert isinstance(data, bytes)
            names[holder] = LastName(entry, data)
        return names

    def drop(self, conversation: ConversationId) -> None:
        """A name of a group came to count, or does so no more."""
        self._kept.pop(conversation, None)

    def clear(self) -> None:
        """The work at hand is another one."""
        self._kept.clear()

    def find_before(
        self,
        conversation: ConversationId,
        bearer: bytes,
        author: int,
        rank: tuple[int, MessageId],
    ) -> bytes | None:
        """Return the greatest name of somebody below a clock and id. `author`: his number."""
        found: list[tuple[object, ...]] = []
        for sql in _BEFORE:
            cursor = self._connection.execute(sql, (conversation, bearer, author, *rank))
            found += cursor.fetchall()
        greatest: tuple[int, bytes, bytes] | None = None
        for clock, id_, data in found:
            assert isinstance(clock, int)
            assert isinstance(id_, bytes)
            assert isinstance(data, bytes)
            greatest = max(greatest or (clock, id_, data), (clock, id_, data))
        return None if greatest is None else greatest[2]

    def newest(self, conversation: ConversationId, limit: int) -> list[int]:
        """Return the entries in which people of a group named themselves last, the newest first."""
        return integers(
            self._connection.execute(
                f"SELECT entry FROM register_values WHERE {_OF} AND is_last = 1 "
                "ORDER BY clock DESC, id DESC LIMIT ?2",
                (conversation, limit),
            )
        )

    def set_placed(self, entry: int, *, is_placed: bool) -> bool:
        """Let a name stand in the stream, or not; return whether that is new."""
        cursor = self._connection.execute(
            "UPDATE entries SET place = ?2 WHERE number = ?1 AND place <> ?2", (entry, is_placed)
        )
        return cursor.rowcount > 0
