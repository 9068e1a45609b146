"""Rows of the vault about a group's keys: leaves, secrets of pairs, epochs, chains.

When each is erased is decided in `mesh/group/lifetimes.py`. A group is named by its conversation.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from mesh.database import Connection
from mesh.ids import ConversationId, Tag, UnixSeconds, VerifyKey
from mesh.limits.group_keys import WRAP_SECRETS_MAX
from mesh.storage.vault.rows import (
    Row,
    all_of,
    blobs,
    find_one,
    insert,
    insert_numbered,
    integers,
)

GROUP_KEYS: Final = (
    # The newest leaves of each member, as others have them; `short` is NULL until one was told.
    """
    CREATE TABLE group_leaves (
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        member BLOB NOT NULL,
        bundle BLOB,
        short BLOB,
        PRIMARY KEY (conversation, member)
    ) STRICT
    """,
    # `name`: the `from` of a bundle, the number of a short leaf. `public` is what others get.
    """
    CREATE TABLE group_own_leaves (
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        is_long INTEGER NOT NULL,
        name INTEGER NOT NULL,
        public BLOB NOT NULL,
        private BLOB NOT NULL,
        made INTEGER NOT NULL,
        erase_after INTEGER,
        PRIMARY KEY (conversation, is_long, name)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX group_own_leaves_to_erase ON group_own_leaves (erase_after) "
    "WHERE erase_after IS NOT NULL",
    # What a first wrap has founded, by the bundle that begins at `valid_from`.
    """
    CREATE TABLE group_wrap_secrets (
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        member BLOB NOT NULL,
        is_out INTEGER NOT NULL,
        valid_from INTEGER NOT NULL,
        secret BLOB NOT NULL,
        founded INTEGER NOT NULL,
        PRIMARY KEY (conversation, member, is_out, valid_from)
    ) STRICT, WITHOUT ROWID
    """,
    # `announcement` is the signed post. `wraps` are kept of the epoch in use, to hand them on.
    """
    CREATE TABLE group_epochs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        id BLOB NOT NULL,
        announcement BLOB NOT NULL,
        wraps BLOB,
        seed BLOB,
        came INTEGER NOT NULL,
        over_since INTEGER,
        UNIQUE (conversation, id)
    ) STRICT
    """,
    # Our own chain is among them. `opened`: when something of it was opened last; 0: nothing yet.
    """
    CREATE TABLE group_chains (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        epoch INTEGER NOT NULL REFERENCES group_epochs (number),
        member BLOB NOT NULL,
        chain BLOB NOT NULL,
        tag_key BLOB NOT NULL,
        hello_key BLOB NOT NULL,
        next INTEGER NOT NULL,
        ends INTEGER,
        opened INTEGER NOT NULL,
        erase_after INTEGER,
        UNIQUE (epoch, member)
    ) STRICT
    """,
    "CREATE INDEX group_chains_to_erase ON group_chains (erase_after) "
    "WHERE erase_after IS NOT NULL",
    """
    CREATE TABLE group_skipped (
        chain INTEGER NOT NULL REFERENCES group_chains (number),
        number INTEGER NOT NULL,
        tag BLOB NOT NULL,
        key BLOB NOT NULL,
        erase_after INTEGER NOT NULL,
        PRIMARY KEY (chain, number)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX group_skipped_to_erase ON group_skipped (erase_after)",
)
"""The statements that make the tables. They are part of a migration, and so never change."""

GROUP_WRAP_SECRETS: Final = (
    # A maker may found several by one bundle, and pages come in any order: the newest does not push
    # out those before it.
    "ALTER TABLE group_wrap_secrets RENAME TO former_wrap_secrets",
    """
    CREATE TABLE group_wrap_secrets (
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        member BLOB NOT NULL,
        is_out INTEGER NOT NULL,
        valid_from INTEGER NOT NULL,
        secret BLOB NOT NULL,
        founded INTEGER NOT NULL,
        PRIMARY KEY (conversation, member, is_out, valid_from, secret)
    ) STRICT, WITHOUT ROWID
    """,
    "INSERT INTO group_wrap_secrets SELECT conversation, member, is_out, valid_from, secret, "
    "founded FROM former_wrap_secrets",
    "DROP TABLE former_wrap_secrets",
)

_LEAVES: Final = "SELECT conversation, member, bundle, short FROM group_leaves"
_OWN_LEAVES: Final = (
    "SELECT conversation, is_long, name, public, private, made, erase_after FROM group_own_leaves"
)
_SECRETS: Final = (
    "SELECT conversation, member, is_out, valid_from, secret, founded FROM group_wrap_secrets"
)
_EPOCHS: Final = (
    "SELECT number, conversation, id, announcement, wraps, seed, came, over_since FROM group_epochs"
)
_CHAINS: Final = (
    "SELECT number, epoch, member, chain, tag_key, hello_key, next, ends, opened, erase_after "
    "FROM group_chains"
)
_OF_CHAINS: Final = "SELECT number FROM group_chains WHERE erase_after <= ?1"
_OF_EPOCH: Final = "SELECT number FROM group_chains WHERE epoch = ?1"


class LeafRow(Row, frozen=True):
    """The leaves of another member."""

    conversation: ConversationId
    member: VerifyKey
    bundle: bytes | None
    short: bytes | None


class OwnLeafRow(Row, frozen=True):
    """A leaf of ours."""

    conversation: ConversationId
    is_long: bool
    name: int
    public: bytes
    private: bytes
    made: UnixSeconds
    erase_after: UnixSeconds | None = None


class WrapSecretRow(Row, frozen=True):
    """The secret of a pair and direction. `is_out`: we wrap by it."""

    conversation: ConversationId
    member: VerifyKey
    is_out: bool
    valid_from: UnixSeconds
    secret: bytes
    founded: UnixSeconds


class EpochRow(Row, frozen=True):
    """An epoch of which we have, or had, the seed."""

    number: int
    conversation: ConversationId
    id: bytes
    announcement: bytes
    wraps: bytes | None
    seed: bytes | None
    came: UnixSeconds
    over_since: UnixSeconds | None = None


class ChainRow(Row, frozen=True):
    """The chain of a member in an epoch, as it stands."""

    number: int
    epoch: int
    member: VerifyKey
    chain: bytes
    tag_key: bytes
    hello_key: bytes
    next: int
    ends: int | None
    opened: UnixSeconds
    erase_after: UnixSeconds | None = None


class SkippedKeyRow(Row, frozen=True):
    """The key of a number that has not come yet."""

    chain: int
    number: int
    tag: Tag
    key: bytes
    erase_after: UnixSeconds


class GroupKeyRows:
    """All keys of all groups."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- Leaves ---------------------------------------------------------------------------------

    def put_leaf(self, row: LeafRow) -> None:
        """Keep the leaves of another, in place of those of before."""
        self._connection.execute(
            "INSERT OR REPLACE INTO group_leaves (conversation, member, bundle, short) "
            "VALUES (?, ?, ?, ?)",
            msgspec.structs.astuple(row),
        )

    def leaves(
        self, conversation: ConversationId, member: VerifyKey | None = None
    ) -> list[LeafRow]:
        """The leaves of all members of whom there are any, by their keys; or those of one."""
        cursor = self._connection.execute(
            f"{_LEAVES} WHERE conversation = ?1 AND (?2 IS NULL OR member = ?2) ORDER BY member",
            (conversation, member),
        )
        return all_of(cursor, LeafRow)

    def forget_leaf(self, conversation: ConversationId, member: VerifyKey) -> None:
        """Forget a member who is gone, and the secrets shared with him in both directions."""
        for table in ("group_leaves", "group_wrap_secrets"):
            # The names are those of this file.
            self._connection.execute(
                f"DELETE FROM {table} WHERE conversation = ? AND member = ?",
                (conversation, member),
            )

    def succeed_own_leaf(self, row: OwnLeafRow, *, erase_after: UnixSeconds) -> None:
        """Add a leaf of ours; those of its kind before it go at a time that is not set yet."""
        self._connection.execute(
            "UPDATE group_own_leaves SET erase_after = ? "
            "WHERE conversation = ? AND is_long = ? AND erase_after IS NULL",
            (erase_after, row.conversation, row.is_long),
        )
        insert(self._connection, "group_own_leaves", row)

    def own_leaves(self, conversation: ConversationId) -> list[OwnLeafRow]:
        """Our leaves whose private halves live, long ones first, the newest of each kind first."""
        cursor = self._connection.execute(
            f"{_OWN_LEAVES} WHERE conversation = ? ORDER BY is_long DESC, name DESC",
            (conversation,),
        )
        return all_of(cursor, OwnLeafRow)

    # --- Secrets of pairs -----------------------------------------------------------------------

    def put_wrap_secret(self, row: WrapSecretRow) -> None:
        """Keep a secret: of those by which we wrap, in place of another one of the same bundle; of
        those by which a maker wraps for us, beside those that were founded last.
        """
        of_maker = row.conversation, row.member
        if row.is_out:
            self._connection.execute(
                "DELETE FROM group_wrap_secrets "
                "WHERE conversation = ? AND member = ? AND is_out AND valid_from = ?",
                (*of_maker, row.valid_from),
            )
        self._connection.execute(
            "INSERT OR REPLACE INTO group_wrap_secrets "
            "(conversation, member, is_out, valid_from, secret, founded) VALUES (?, ?, ?, ?, ?, ?)",
            msgspec.structs.astuple(row),
        )
        if not row.is_out:
            self._connection.execute(
                "DELETE FROM group_wrap_secrets WHERE conversation = ?1 AND member = ?2 "
                "AND NOT is_out AND secret NOT IN (SELECT secret FROM group_wrap_secrets "
                "WHERE conversation = ?1 AND member = ?2 AND NOT is_out "
                "ORDER BY secret = ?3 DESC, min(founded, ?5) DESC LIMIT ?4)",
                (*of_maker, row.secret, WRAP_SECRETS_MAX, row.founded),
            )

    def wrap_secrets(
        self, conversation: ConversationId, *, is_out: bool, member: VerifyKey | None = None
    ) -> list[WrapSecretRow]:
        """All of one direction, or those of one member: by member, the newest first."""
        given = (conversation, is_out) if member is None else (conversation, is_out, member)
        cursor = self._connection.execute(
            f"{_SECRETS} WHERE conversation = ? AND is_out = ? "
            f"{'' if member is None else 'AND member = ? '}"
            "ORDER BY member, founded DESC, valid_from DESC",
            given,
        )
        return all_of(cursor, WrapSecretRow)

    def forget_outgoing(
        self, conversation: ConversationId, member: VerifyKey | None = None
    ) -> None:
        """Forget by what we wrap for all, or for one: a vault that went back, ours or his, has not
        what both have founded since.
        """
        self._connection.execute(
            "DELETE FROM group_wrap_secrets WHERE conversation = ?1 AND is_out "
            "AND (?2 IS NULL OR member = ?2)",
            (conversation, member),
        )

    # --- Epochs ---------------------------------------------------------------------------------

    def add_epoch(self, row: EpochRow) -> EpochRow:
        """Add an epoch that was opened or made here; return it with its number."""
        return insert_numbered(self._connection, "group_epochs", row)

    def epochs(self, conversation: ConversationId) -> list[EpochRow]:
        """All epochs of a group in the order in which they came."""
        cursor = self._connection.execute(
            f"{_EPOCHS} WHERE conversation = ? ORDER BY number", (conversation,)
        )
        return all_of(cursor, EpochRow)

    def erase_seed(self, epoch: int) -> None:
        """Erase the seed: all chains are made, or nobody can make them any more."""
        self._connection.execute("UPDATE group_epochs SET seed = NULL WHERE number = ?", (epoch,))

    def keep_wraps_of(self, conversation: ConversationId, epoch: int) -> None:
        """Keep the wraps of the epoch in use only."""
        self._connection.execute(
            "UPDATE group_epochs SET wraps = NULL WHERE conversation = ? AND number <> ? "
            "AND wraps IS NOT NULL",
            (conversation, epoch),
        )

    def set_over(self, epoch: int, since: UnixSeconds) -> None:
        """Remember since when an epoch is not written under, the first time."""
        self._connection.execute(
            "UPDATE group_epochs SET over_since = ? WHERE number = ? AND over_since IS NULL",
            (since, epoch),
        )

    def erase_epoch(self, epoch: int) -> None:
        """Erase all of an epoch, with its chains."""
        for statement in (
            f"DELETE FROM group_skipped WHERE chain IN ({_OF_EPOCH})",
            "DELETE FROM group_chains WHERE epoch = ?1",
            "DELETE FROM group_epochs WHERE number = ?1",
        ):
            self._connection.execute(statement, (epoch,))

    # --- Chains ---------------------------------------------------------------------------------

    def add_chain(self, row: ChainRow) -> ChainRow:
        """Add a chain; return it with its number."""
        return insert_numbered(self._connection, "group_chains", row)

    def chains(self, epoch: int) -> list[ChainRow]:
        """All chains of an epoch, in the order in which they were made."""
        cursor = self._connection.execute(f"{_CHAINS} WHERE epoch = ? ORDER BY number", (epoch,))
        return all_of(cursor, ChainRow)

    def chain(self, number: int) -> ChainRow | None:
        """The chain of a number that was expected, unless it is erased."""
        return find_one(
            self._connection.execute(f"{_CHAINS} WHERE number = ?", (number,)), ChainRow
        )

    def find_chain(self, epoch: int, member: VerifyKey) -> ChainRow | None:
        """The chain of one member."""
        cursor = self._connection.execute(
            f"{_CHAINS} WHERE epoch = ? AND member = ?", (epoch, member)
        )
        return find_one(cursor, ChainRow)

    def move_chain(self, row: ChainRow, skipped: Sequence[SkippedKeyRow]) -> None:
        """Keep a chain as it stands now, and the keys of the numbers that it passed."""
        self._connection.execute(
            "UPDATE group_chains SET chain = ?, tag_key = ?, next = ?, ends = ?, opened = ? "
            "WHERE number = ?",
            (row.chain, row.tag_key, row.next, row.ends, row.opened, row.number),
        )
        for one in skipped:
            insert(self._connection, "group_skipped", one)

    def skipped(self, chain: int) -> list[SkippedKeyRow]:
        """The keys of what did not come, the lowest number first."""
        cursor = self._connection.execute(
            "SELECT chain, number, tag, key, erase_after FROM group_skipped WHERE chain = ? "
            "ORDER BY number",
            (chain,),
        )
        return all_of(cursor, SkippedKeyRow)

    def erase_skipped(self, chain: int, number: int) -> None:
        """Erase a key: what it opens was opened, or others need its room."""
        self._connection.execute(
            "DELETE FROM group_skipped WHERE chain = ? AND number = ?", (chain, number)
        )

    def erase_chain_after(self, chain: int, erase_after: UnixSeconds) -> None:
        """Set when a chain goes; an earlier time stands."""
        self._connection.execute(
            "UPDATE group_chains SET erase_after = min(coalesce(erase_after, ?1), ?1) "
            "WHERE number = ?2",
            (erase_after, chain),
        )

    # --- Erasing --------------------------------------------------------------------------------

    def erase_due(self, expiry_now: UnixSeconds) -> None:
        """Erase all whose time has come. Only to be called while expiry time is steady."""
        for statement in (
            # What was founded by a bundle goes with its private halves.
            "DELETE FROM group_wrap_secrets WHERE NOT is_out AND EXISTS (SELECT 1 "
            "FROM group_own_leaves AS leaf WHERE leaf.erase_after <= ?1 AND leaf.is_long "
            "AND leaf.conversation = group_wrap_secrets.conversation "
            "AND leaf.name = group_wrap_secrets.valid_from)",
            "DELETE FROM group_own_leaves WHERE erase_after <= ?1",
            f"DELETE FROM group_skipped WHERE erase_after <= ?1 OR chain IN ({_OF_CHAINS})",
            "DELETE FROM group_chains WHERE erase_after <= ?1",
        ):
            self._connection.execute(statement, (expiry_now,))

    def forget(self, conversation: ConversationId) -> None:
        """Erase all keys of a group."""
        for epoch in self.epochs(conversation):
            self.erase_epoch(epoch.number)
        for table in ("group_leaves", "group_own_leaves", "group_wrap_secrets"):
            # The names are those of this file.
            self._connection.execute(
                f"DELETE FROM {table} WHERE conversation = ?",
                (conversation,),
            )


class GroupKeyEndRows:
    """The keys of groups of which it is set when they go."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def chains_ending(self, conversation: ConversationId) -> list[ChainRow]:
        """The chains of a group of which it is set when they go."""
        cursor = self._connection.execute(
            f"{_CHAINS} WHERE erase_after IS NOT NULL AND epoch IN "
            "(SELECT number FROM group_epochs WHERE conversation = ?) ORDER BY number",
            (conversation,),
        )
        return all_of(cursor, ChainRow)

    def keep_chain(self, chain: int) -> None:
        """Nothing sets any more when a chain goes."""
        self._connection.execute(
            "UPDATE group_chains SET erase_after = NULL WHERE number = ?", (chain,)
        )

    def chains_due(self, expiry_now: UnixSeconds) -> list[int]:
        """The chains whose time has come."""
        return integers(
            self._connection.execute(
                "SELECT number FROM group_chains WHERE erase_after <= ? ORDER BY number",
                (expiry_now,),
            )
        )

    def skipped_due(self, expiry_now: UnixSeconds) -> list[Tag]:
        """The tags of the numbers whose keys are kept no longer."""
        cursor = self._connection.execute(
            "SELECT tag FROM group_skipped WHERE erase_after <= ?", (expiry_now,)
        )
        return [Tag(tag) for tag in blobs(cursor)]
