"""Rows of the vault about the room that conversations take, and what is deleted of one."""

from typing import Final

from mesh.content.entry import CHANGE_BIT, Kind
from mesh.database import Connection
from mesh.ids import ConversationId
from mesh.storage.vault.rows import Row, all_of

MESSAGE_ROW_BYTES: Final = 250
"""About what an entry takes beside its words and its parents: its columns, and its place in five
indexes. A test holds it against the size of a file."""

DELETED_ROW_BYTES: Final = 60
"""About what is kept of a message that was deleted."""

_ROOM: Final = (
    "SELECT conversations.number, coalesce(sum(place), 0), "
    "coalesce(sum(?1 + coalesce(length(data), 0) + coalesce(length(CAST(texts.text AS BLOB)), 0) "
    "+ length(parents)), 0) "
    "+ coalesce((SELECT sum(length(file_blocks.data)) FROM file_blocks "
    "JOIN files ON files.number = file_blocks.file JOIN entries AS of_file "
    "ON of_file.number = files.entry WHERE of_file.conversation = conversations.number), 0) "
    "+ coalesce((SELECT length(CAST(text AS BLOB)) FROM drafts "
    "WHERE drafts.conversation = conversations.number), 0) "
    "+ coalesce((SELECT sum(?1 + length(post)) FROM group_operations "
    "WHERE group_operations.conversation = conversations.number), 0) "
    "+ ?2 * (SELECT count(*) FROM deleted_messages "
    "WHERE deleted_messages.conversation = conversations.number), "
    "coalesce(sum(is_mine "
    "AND state IN ('awaiting-key', 'waiting-for-keys', 'queued', 'carried')), 0) "
    "FROM conversations LEFT JOIN entries ON entries.conversation = conversations.number "
    "LEFT JOIN contents ON contents.entry = entries.number "
    "LEFT JOIN texts ON texts.entry = entries.number "
    "GROUP BY conversations.number ORDER BY 3 DESC, 1"
)
# What is still to leave is not there to be deleted: it was promised to be sent. The timer of the
# conversation is a setting, and so are the names of members: they stay, but are shown no more.
_SETTINGS: Final = f"({int(Kind.TIMER)}, {int(Kind.NAME)})"
_SETTLED: Final = (
    f"SELECT number FROM entries WHERE conversation = ?1 AND kind NOT IN {_SETTINGS} "
    "AND NOT (is_mine AND state IN ('awaiting-key', 'waiting-for-keys', 'queued', 'carried')) "
    "AND number NOT IN (SELECT message FROM payloads WHERE message IS NOT NULL)"
)
# A change that is still to leave, of something that goes. Its words go along: what has to be sealed
# of it, or sealed again, does not lie among the words.
_LEFT_OVER: Final = (
    f"SELECT number FROM entries WHERE conversation = ?1 AND kind & {CHANGE_BIT} "
    "AND target <> x'' AND target IN (SELECT id FROM entries WHERE conversation = ?1 "
    f"AND number IN ({_SETTLED}))"
)
# In the order that foreign keys ask for; all of the text stands in this file.
_DELETE: Final = (
    f"DELETE FROM contents WHERE entry IN ({_LEFT_OVER})",
    f"DELETE FROM register_values WHERE entry IN ({_LEFT_OVER})",
    f"DELETE FROM named WHERE entry IN ({_LEFT_OVER})",
    f"UPDATE entries SET gone = 'forgotten' WHERE gone = '' AND number IN ({_LEFT_OVER})",
    f"DELETE FROM carriers WHERE message IN ({_SETTLED})",
    f"DELETE FROM message_steps WHERE message IN ({_SETTLED})",
    f"DELETE FROM gaps WHERE child IN ({_SETTLED})",
    f"DELETE FROM group_told WHERE entry IN ({_SETTLED})",
    f"DELETE FROM texts WHERE entry IN ({_SETTLED})",
    f"DELETE FROM contents WHERE entry IN ({_SETTLED})",
    f"DELETE FROM polls WHERE entry IN ({_SETTLED})",
    f"DELETE FROM register_values WHERE entry IN ({_SETTLED})",
    f"DELETE FROM named WHERE entry IN ({_SETTLED})",
    # Of notes to oneself nothing comes again.
    "INSERT INTO deleted_messages SELECT conversation, id, position, author FROM entries "
    f"WHERE number IN ({_SETTLED}) "
    "AND conversation IN (SELECT number FROM conversations WHERE kind <> 'self')",
    "DELETE FROM heads WHERE conversation IN "
    "(SELECT number FROM conversations WHERE number = ?1 AND kind = 'self')",
    "DELETE FROM drafts WHERE conversation = ?1",
    f"DELETE FROM entries WHERE number IN ({_SETTLED})",
    f"UPDATE entries SET place = 0 WHERE conversation = ?1 AND kind IN {_SETTINGS}",
)


class RoomRow(Row, frozen=True):
    """The room that a conversation takes; `waiting_count` messages of it are still to leave."""

    conversation: ConversationId
    messages_count: int
    bytes: int
    waiting_count: int


class RoomRows:
    """The room of each conversation, and the end of what is in one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_conversations(self) -> list[RoomRow]:
        """All conversations, the largest first. It reads all messages."""
        cursor = self._connection.execute(_ROOM, (MESSAGE_ROW_BYTES, DELETED_ROW_BYTES))
        return all_of(cursor, RoomRow)

    def settled(self, conversation: ConversationId) -> list[int]:
        """Numbers of the messages that can be deleted: all but those that are still to leave."""
        rows = self._connection.execute(_SETTLED, (conversation,)).fetchall()
        return [number for (number,) in rows if isinstance(number, int)]

    def delete_settled(self, conversation: ConversationId) -> None:
        """Delete those, and the draft. None is in the outbox."""
        for statement in _DELETE:
            self._connection.execute(statement, (conversation,))
