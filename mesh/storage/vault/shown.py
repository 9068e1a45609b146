"""All that the vault knows of one item beside its own row, with one look."""

from typing import Final, Literal

from mesh.database import Connection
from mesh.ids import UnixSeconds
from mesh.storage.vault.rows import EntryRow, Row, find_one

_WORDS: Final = (
    "contents.form, contents.data, coalesce(texts.text, ''), "
    "EXISTS (SELECT 1 FROM register_values WHERE conversation = ?2 AND target = ?3), "
    # What we write answers to what is here.
    "CASE WHEN ?4 THEN 0 ELSE (SELECT count(*) FROM gaps WHERE child = ?1) END"
)
_FROM: Final = (
    "FROM (SELECT 1) LEFT JOIN contents ON contents.entry = ?1 LEFT JOIN texts ON texts.entry = ?1"
)
# A direct conversation bears the number of its contact.
_INVITATION: Final = "FROM invitations WHERE contact = ?2"
_WAY: Final = (
    "(SELECT coalesce(min(exported), 0) FROM outbox WHERE message = ?1 "
    "AND length(withdraw_token) > 0), "
    "coalesce((SELECT kept_until FROM payloads WHERE message = ?1), 0), "
    "coalesce((SELECT posts_count FROM payloads WHERE message = ?1 AND kept_until IS NOT NULL), "
    f"0), coalesce((SELECT CASE WHEN is_unanswered THEN since ELSE 0 END {_INVITATION}), 0), "
    f"coalesce((SELECT is_closed {_INVITATION}), 0)"
)


class ShownRow(Row, frozen=True):
    """The words of an item, with what is shown now of it, and how it is on its way.

    `is_changed`: a register of it has values; `missing_count`: parents that are not here. Of what
    is on its way: since when it is `exported`, until when it is kept and how often it was posted,
    and what is known of their invite.
    """

    form: Literal[1, 2] | None
    data: bytes | None
    text: str
    is_changed: bool
    missing_count: int
    exported: UnixSeconds = UnixSeconds(0)
    kept_until: UnixSeconds = UnixSeconds(0)
    posts_count: int = 0
    unanswered_since: UnixSeconds = UnixSeconds(0)
    is_invite_closed: bool = False


class ShownRows:
    """Items, as answers and events tell of them: each message is told of several times."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, row: EntryRow, *, is_on_its_way: bool) -> ShownRow:
        """Return what is known of an item. `is_on_its_way`: it was sent, and nobody has it yet."""
        way = f", {_WAY}" if is_on_its_way else ""
        shown = find_one(
            self._connection.execute(
                # Texts of this file.
                f"SELECT {_WORDS}{way} {_FROM}",
                (row.number, row.conversation, row.id, row.is_mine),
            ),
            ShownRow,
        )
        assert shown is not None
        return shown
