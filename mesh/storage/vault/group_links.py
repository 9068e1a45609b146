"""Rows of the vault about links into groups: ours, who stands at them, and those that we use.

A group is named by its conversation.
"""

from typing import Final

from mesh.database import Connection
from mesh.ids import ConversationId, UnixSeconds, VerifyKey
from mesh.storage.vault.rows import Row, all_of, find_one, insert, insert_numbered, integers

GROUP_LINKS: Final = (
    # `seed`: of the identity that the link has for itself; `private`: of its bundle. Both are NULL
    # where it is over.
    """
    CREATE TABLE group_links (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        secret BLOB,
        seed BLOB,
        bundle BLOB NOT NULL,
        private BLOB,
        created INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        uses_max INTEGER NOT NULL,
        uses INTEGER NOT NULL,
        needs_approval INTEGER NOT NULL,
        is_revoked INTEGER NOT NULL,
        posts_count INTEGER NOT NULL,
        posted_until INTEGER NOT NULL
    ) STRICT
    """,
    "CREATE INDEX group_links_of ON group_links (conversation)",
    # Who asks to be let in. `link`: by which of ours; 0: another member told of them. `is_told`:
    # the group was.
    """
    CREATE TABLE group_knocks (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        member BLOB NOT NULL,
        link INTEGER NOT NULL,
        record BLOB NOT NULL,
        bundle BLOB NOT NULL,
        note TEXT NOT NULL,
        came INTEGER NOT NULL,
        is_refused INTEGER NOT NULL,
        UNIQUE (conversation, member)
    ) STRICT
    """,
    # A link that we use until we are in. `bundle` is NULL until it came, where the link has its
    # hash only.
    """
    CREATE TABLE group_joins (
        conversation INTEGER PRIMARY KEY REFERENCES conversations (number),
        verify_key BLOB NOT NULL,
        secret BLOB NOT NULL,
        bundle BLOB,
        bundle_hash BLOB NOT NULL,
        text_hash BLOB,
        expires INTEGER NOT NULL,
        note TEXT NOT NULL,
        tags_start INTEGER NOT NULL,
        sent_count INTEGER NOT NULL,
        sent INTEGER NOT NULL
    ) STRICT
    """,
    # Letters to entrances that wait for a posting key.
    """
    CREATE TABLE group_letters (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        entrance BLOB NOT NULL,
        bundle BLOB NOT NULL,
        kind INTEGER NOT NULL,
        data BLOB NOT NULL
    ) STRICT
    """,
    # How much of the board was told to newcomers since an hour began, and whether some wait for it.
    """
    CREATE TABLE group_briefings (
        conversation INTEGER PRIMARY KEY REFERENCES conversations (number),
        since INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        is_owed INTEGER NOT NULL
    ) STRICT
    """,
)
"""The statements that make the tables. They are part of a migration, and so never change."""

GROUP_WELCOMED: Final = (
    # Members of whom nothing was heard since they were added: since when that is known, how often
    # we welcomed them again, and when last.
    """
    CREATE TABLE group_welcomed (
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        member BLOB NOT NULL,
        since INTEGER NOT NULL,
        count INTEGER NOT NULL,
        last INTEGER NOT NULL,
        PRIMARY KEY (conversation, member)
    ) STRICT, WITHOUT ROWID
    """,
)
"""The same, of a later version."""

_FORGOTTEN: Final = (
    "group_welcomed",
    "group_links",
    "group_knocks",
    "group_joins",
    "group_letters",
    "group_briefings",
)

_LINK: Final = (
    "SELECT number, conversation, secret, seed, bundle, private, created, expires, uses_max, uses, "
    "needs_approval, is_revoked, posts_count, posted_until FROM group_links"
)
_KNOCK: Final = (
    "SELECT number, conversation, member, link, record, bundle, note, came, is_refused "
    "FROM group_knocks"
)
_JOIN: Final = (
    "SELECT conversation, verify_key, secret, bundle, bundle_hash, text_hash, expires, note, "
    "tags_start, sent_count, sent FROM group_joins"
)


class GroupLinkRow(Row, frozen=True):
    """A link of ours into a group. Times are mesh time."""

    number: int
    conversation: ConversationId
    secret: bytes | None
    seed: bytes | None
    bundle: bytes
    private: bytes | None
    created: UnixSeconds
    expires: UnixSeconds
    uses_max: int
    uses: int
    needs_approval: bool
    is_revoked: bool = False
    posts_count: int = 0
    posted_until: UnixSeconds = UnixSeconds(0)


class KnockRow(Row, frozen=True):
    """Somebody who asks to be let into a group; `record` is MessagePack, signed by them.

    `link`: by which of ours they came; below zero: the number of the member who told of them.
    Without a record it says that a knock is over which has not come: `member` is how its key
    begins, then the number of who told.
    """

    number: int
    conversation: ConversationId
    member: VerifyKey
    link: int
    record: bytes
    bundle: bytes
    note: str
    came: UnixSeconds
    is_refused: bool = False

    @property
    def is_over(self) -> bool:
        """Say whether a member told that this knock is over, and the knock has not come."""
        return not self.record


class GroupJoinRow(Row, frozen=True):
    """A link by which we ask to be let into a group; `sent`: when we last did."""

    conversation: ConversationId
    verify_key: VerifyKey
    secret: bytes
    bundle: bytes | None
    bundle_hash: bytes
    text_hash: bytes | None
    expires: UnixSeconds
    note: str
    tags_start: int
    sent_count: int = 0
    sent: UnixSeconds = UnixSeconds(0)


class LetterRow(Row, frozen=True):
    """A letter to the entrance of somebody in a group."""

    number: int
    conversation: ConversationId
    entrance: bytes
    bundle: bytes
    kind: int
    data: bytes


class WelcomedRow(Row, frozen=True):
    """A member of whom nothing was heard since he was added. Times are mesh time."""

    conversation: ConversationId
    member: VerifyKey
    since: UnixSeconds
    count: int = 0
    last: UnixSeconds = UnixSeconds(0)


class BriefingRow(Row, frozen=True):
    """The briefings of a group since an hour began, in bytes. `is_owed`: some wait for one."""

    conversation: ConversationId
    since: UnixSeconds = UnixSeconds(0)
    bytes: int = 0
    is_owed: bool = False


class GroupLinkRows:
    """Links into groups."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- Ours ---------------------------------------------------------------------------------

    def add(self, row: GroupLinkRow) -> GroupLinkRow:
        """Add a link; return it with its number."""
        return insert_numbered(self._connection, "group_links", row)

    def put(self, row: GroupLinkRow) -> None:
        """Keep what is known of a link now."""
        self._connection.execute(
            "UPDATE group_links SET secret = ?, seed = ?, private = ?, uses = ?, is_revoked = ?, "
            "posts_count = ?, posted_until = ? WHERE number = ?",
            (
                row.secret,
                row.seed,
                row.private,
                row.uses,
                row.is_revoked,
                row.posts_count,
                row.posted_until,
                row.number,
            ),
        )

    def find(self, number: int) -> GroupLinkRow | None:
        """The link of a number."""
        return find_one(
            self._connection.execute(f"{_LINK} WHERE number = ?", (number,)), GroupLinkRow
        )

    def of(self, conversation: ConversationId) -> list[GroupLinkRow]:
        """All links into a group, the newest first."""
        cursor = self._connection.execute(
            f"{_LINK} WHERE conversation = ? ORDER BY number DESC", (conversation,)
        )
        return all_of(cursor, GroupLinkRow)

    def with_secret(self) -> list[GroupLinkRow]:
        """Those whose private halves are here."""
        cursor = self._connection.execute(f"{_LINK} WHERE secret IS NOT NULL ORDER BY number")
        return all_of(cursor, GroupLinkRow)

    # --- Who knocks ---------------------------------------------------------------------------

    def add_knock(self, row: KnockRow) -> KnockRow:
        """Add somebody who is new at the links of a group; return them with their number."""
        return insert_numbered(self._connection, "group_knocks", row)

    def drop_knocks_before(self, came: UnixSeconds) -> None:
        """Forget all who came until then."""
        self._connection.execute("DELETE FROM group_knocks WHERE came <= ?", (came,))

    def refuse(self, number: int) -> None:
        """They are not let in by us."""
        self._connection.execute(
            "UPDATE group_knocks SET is_refused = 1 WHERE number = ?", (number,)
        )

    def knocks(self, conversation: ConversationId) -> list[KnockRow]:
        """All who ask to be let into a group, as they came; also those whom we refused."""
        cursor = self._connection.execute(
            f"{_KNOCK} WHERE conversation = ? ORDER BY number", (conversation,)
        )
        return all_of(cursor, KnockRow)

    def drop_knock(self, number: int) -> None:
        """They are in, or ask no more."""
        self._connection.execute("DELETE FROM group_knocks WHERE number = ?", (number,))

    # --- Theirs -------------------------------------------------------------------------------

    def put_join(self, row: GroupJoinRow) -> None:
        """Use a link, or keep how far that is."""
        self._connection.execute(
            "DELETE FROM group_joins WHERE conversation = ?", (row.conversation,)
        )
        insert(self._connection, "group_joins", row)

    def find_join(self, conversation: ConversationId) -> GroupJoinRow | None:
        """The link by which we ask to be let into a group."""
        cursor = self._connection.execute(f"{_JOIN} WHERE conversation = ?", (conversation,))
        return find_one(cursor, GroupJoinRow)

    def joins(self) -> list[GroupJoinRow]:
        """All links that we use."""
        cursor = self._connection.execute(f"{_JOIN} ORDER BY conversation")
        return all_of(cursor, GroupJoinRow)

    def drop_join(self, conversation: ConversationId) -> None:
        """We are in, or do not want any more."""
        self._connection.execute("DELETE FROM group_joins WHERE conversation = ?", (conversation,))

    # --- Letters and briefings ----------------------------------------------------------------

    def add_letter(self, row: LetterRow) -> None:
        """Keep a letter until it is posted."""
        insert_numbered(self._connection, "group_letters", row)

    def letters(self, conversation: ConversationId) -> list[LetterRow]:
        """The letters of a group that wait, in their order."""
        cursor = self._connection.execute(
            "SELECT number, conversation, entrance, bundle, kind, data FROM group_letters "
            "WHERE conversation = ? ORDER BY number",
            (conversation,),
        )
        return all_of(cursor, LetterRow)

    def put_welcomed(self, row: WelcomedRow) -> None:
        """Keep how often a newcomer was welcomed."""
        self._connection.execute(
            "INSERT OR REPLACE INTO group_welcomed (conversation, member, since, count, last) "
            "VALUES (?, ?, ?, ?, ?)",
            (row.conversation, row.member, row.since, row.count, row.last),
        )

    def welcomed(self, conversation: ConversationId) -> list[WelcomedRow]:
        """The members of a group of whom nothing was heard, by key."""
        cursor = self._connection.execute(
            "SELECT conversation, member, since, count, last FROM group_welcomed "
            "WHERE conversation = ? ORDER BY member",
            (conversation,),
        )
        return all_of(cursor, WelcomedRow)

    def drop_welcomed(self, row: WelcomedRow) -> None:
        """They were heard, or are out."""
        self._connection.execute(
            "DELETE FROM group_welcomed WHERE conversation = ? AND member = ?",
            (row.conversation, row.member),
        )

    def conversations_with_letters(self) -> list[ConversationId]:
        """Groups in which a letter waits."""
        cursor = self._connection.execute(
            "SELECT DISTINCT conversation FROM group_letters ORDER BY conversation"
        )
        return [ConversationId(number) for number in integers(cursor)]

    def drop_letter(self, number: int) -> None:
        """It is posted."""
        self._connection.execute("DELETE FROM group_letters WHERE number = ?", (number,))

    def briefing(self, conversation: ConversationId) -> BriefingRow:
        """Return what newcomers of a group were told in this hour."""
        cursor = self._connection.execute(
            "SELECT conversation, since, bytes, is_owed FROM group_briefings "
            "WHERE conversation = ?",
            (conversation,),
        )
        return find_one(cursor, BriefingRow) or BriefingRow(conversation)

    def put_briefing(self, row: BriefingRow) -> None:
        """Keep what they were told."""
        self._connection.execute(
            "INSERT OR REPLACE INTO group_briefings VALUES (?, ?, ?, ?)",
            (row.conversation, row.since, row.bytes, row.is_owed),
        )

    # --- The end ------------------------------------------------------------------------------

    def forget(self, conversation: ConversationId) -> None:
        """Erase all about links into a group."""
        for table in _FORGOTTEN:
            self._connection.execute(
                f"DELETE FROM {table} WHERE conversation = ?",
                (conversation,),
            )
