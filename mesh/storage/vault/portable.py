"""The rows of a vault that a backup holds, written into another vault.

Implements `docs/protocol/backup-file.md`, section "What is in it". A backup is no copy of the
database: it names each table, and a table that nobody has named is in none. Keys by which messages
are opened stay out, so that who finds a backup, and its passphrase, cannot read what was recorded
on the way. Of a session stays only by which tags the two meet again, and it is over.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from mesh.database import Connection
from mesh.errors import PeerError
from mesh.ids import UnixSeconds
from mesh.limits.backup import BACKUP_CHUNK_BYTES, BACKUP_ROWS_PER_PIECE
from mesh.limits.files import CARRIED_BYTES_MAX
from mesh.ratchet.double_ratchet import blank_ratchet
from mesh.storage.connection import transaction
from mesh.storage.vault.rows import integer
from mesh.wire.backup_records import RowsRecord

GENERATION_MARK: Final = "generation"
"""How often a profile was taken up on another machine, or on the one that it had left."""
RESTORED_MARK: Final = "restored"
"""When this vault was made of a backup; 0: never."""
INSTANCE_MARK: Final = "instance"
"""Drawn at each restoring: by it two machines with one identity tell each other apart."""
MAYBE_SENT: Final = (
    "It was put back from a backup, and may have been sent before; send it again or cancel it."
)
"""Why what was to be sent later is not sent by itself after a restore."""
TO_RENEW_MARK: Final = "contacts to renew"
"""1 beyond the number of the last contact with whom sessions are to begin anew."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The part of a table that a backup holds: which rows, and what stands instead of a column."""

    where: str = "1"
    instead: Mapping[str, str] = field(default_factory=dict)


def _hexed(data: bytes) -> str:
    return f"x'{data.hex()}'"


_VALUES: Final = (int, float, str, bytes, type(None))
_FAST, _SLOW = blank_ratchet()

_TIMED: Final = (
    "SELECT number FROM entries WHERE timer > 0 UNION SELECT change.number FROM entries AS change "
    "JOIN entries AS about ON about.conversation = change.conversation "
    "AND about.id = change.target WHERE about.timer > 0"
)
"""Objects with a timer, and the changes of them."""

_FILE_IS_KEPT: Final = (
    f"CASE WHEN entry IS NULL THEN state = 'later' AND size <= {CARRIED_BYTES_MAX} "
    f"ELSE entry NOT IN ({_TIMED}) END"
)
_FILES_KEPT: Final = f"SELECT number FROM files WHERE {_FILE_IS_KEPT}"

_FORMER_TABLES: Final = frozenset({"group_silent"})
"""Tables that have another name since: older backups hold them, and are put back as they were."""

KEPT: Final[Mapping[str, Kept]] = {
    "identity": Kept(),
    # How far the store was read is of that store, and who is the present machine of this one.
    "marks": Kept(where=f"name IN ('offers a card', '{GENERATION_MARK}')"),
    "contacts": Kept(),
    "contact_notes": Kept(),
    # Their invite, by which a first contact goes on that was not answered.
    "invitations": Kept(),
    # Ours have no secret any more: what was written to them cannot be opened.
    "invites": Kept(
        instead={
            "secret": "NULL",
            "prekey": "NULL",
            "is_revoked": "CASE WHEN secret IS NULL THEN is_revoked ELSE uses < uses_max END",
        }
    ),
    "introductions": Kept(),
    "introductions_made": Kept(),
    "exchanges": Kept(
        instead={"keys_told": "0", "lapsed_count": "0", "renewed": "0", "probed": "0"}
    ),
    # What goes on from a backup numbers its entries in a run of its own.
    "conversations": Kept(instead={"run": "0", "written_count": "0"}),
    "drafts": Kept(),
    "authors": Kept(),
    # What has a timer disappears from no backup, so its words are in none: it is over there.
    "entries": Kept(
        instead={
            "carriers": "0",
            "place": "CASE WHEN timer > 0 THEN 0 ELSE place END",
            "is_read": "CASE WHEN timer > 0 THEN 1 ELSE is_read END",
            "gone": "CASE WHEN timer > 0 AND gone = '' THEN 'expired' ELSE gone END",
            "state": "CASE WHEN timer > 0 "
            "AND state IN ('awaiting-key', 'waiting-for-keys', 'queued') "
            "THEN 'expired' ELSE state END",
            # What was on its way may have been sealed since, by the node of which the backup is.
            "was_sealed": "CASE WHEN state IN ('expired', 'withdrawn') "
            "THEN was_sealed ELSE is_mine END",
        }
    ),
    "contents": Kept(where=f"entry NOT IN ({_TIMED})"),
    "texts": Kept(where=f"entry NOT IN ({_TIMED})"),
    # Files stand in a backup as words do. What was handed over and stands in no message is not.
    # The bytes of large ones lie beside the vault: theirs can be fetched again, ours are lost.
    "files": Kept(
        where=_FILE_IS_KEPT,
        instead={
            "state": f"CASE WHEN size <= {CARRIED_BYTES_MAX} THEN state "
            "WHEN is_mine THEN 'lost' ELSE 'cancelled' END"
        },
    ),
    "file_blocks": Kept(
        where=f"file IN ({_FILES_KEPT})", instead={"envelope": "NULL", "token": "NULL"}
    ),
    # Blocks that were not sealed are not known to be unsealed still: their reader asks for them.
    "postings": Kept(where=f"file IN ({_FILES_KEPT})", instead={"waiting": "0"}),
    "block_envelopes": Kept(where=f"file IN ({_FILES_KEPT})"),
    "group_postings": Kept(where=f"file IN ({_FILES_KEPT})"),
    "file_holders": Kept(where=f"file IN ({_FILES_KEPT})"),
    # With the seed of our member key: without it nobody would know us in the group.
    "groups": Kept(),
    "group_operations": Kept(),
    # Numbers that were used since the backup are not used again, or we would seem to be two.
    "group_here": Kept(instead={"said": "0", "posted": "posted + 1024"}),
    "group_members": Kept(instead={"wrote_under": "NULL"}),
    "group_invited": Kept(),
    "group_accepts": Kept(),
    "group_other_invites": Kept(),
    "member_letters": Kept(),
    "group_told": Kept(),
    "group_had": Kept(),
    "group_held": Kept(),
    "group_tellers": Kept(),
    "group_receipts": Kept(instead={"due": "NULL"}),
    # Who goes on from a backup makes an epoch before anything else, and needs a bundle of each.
    "group_leaves": Kept(instead={"short": "NULL"}),
    "register_values": Kept(),
    "named": Kept(),
    "polls": Kept(),
    "at_hand": Kept(where=f"entry NOT IN ({_TIMED})"),
    "deleted_messages": Kept(),
    # The node of which the backup is may have sent it since.
    "scheduled": Kept(instead={"failure": f"'{MAYBE_SENT}'"}),
    "message_steps": Kept(),
    "heads": Kept(),
    "gaps": Kept(),
    "reordering": Kept(),
    # What is to be sealed anew: messages, and controls that were to last.
    "payloads": Kept(
        where="CASE WHEN message IS NULL THEN kept_until IS NOT NULL "
        f"ELSE message NOT IN ({_TIMED}) END"
    ),
    # Without the bytes: by the hash and the token it is learned that they were opened, and they
    # are taken back.
    "outbox": Kept(instead={"data": "NULL"}),
    "opened_apart": Kept(),
    "opened_in_day": Kept(),
    # One that they have never answered is not known to be theirs too.
    "sessions": Kept(
        where="is_known",
        instead={
            "is_over": "1",
            "ratchet": _hexed(_FAST),
            "post_quantum": _hexed(_SLOW),
            "out_key": "x''",
            "out_index": "0",
            "out_before": "0",
            "out_next": "NULL",
            "successor": "NULL",
        },
    ),
    "rendezvous": Kept(
        where="closed IS NULL AND session IN (SELECT id FROM sessions WHERE is_known)",
        instead={"link_key": "x''"},
    ),
    # A number that was given is not given again.
    "sqlite_sequence": Kept(),
}
"""The tables of a backup, and what of them."""

LEFT_OUT: Final[Mapping[str, str]] = {
    "comparisons": "what is secret while two compare",
    "prekeys": "private halves: by them first contacts are opened",
    "openings": "the keys of first contacts",
    "first_contacts": "the keys of first contacts",
    "generations": "keys of tags of what they write",
    "skipped": "keys of messages",
    "awaiting": "tags of messages that nobody can open any more",
    "posting_keys": "they sign, and by them what we posted is known as ours",
    "keys_given": "new posting keys are told anew",
    "contact_keys": "by them what contacts posted is known as theirs",
    "vouches": "by them whom contacts know is known",
    "carriers": "told anew by neighbours",
    "closed_answers": "keys of answers about invites, all of which a restore takes back",
    "retirements": "keys of messages that were opened, on their way to everybody",
    "sealed_mail": "tags of sessions that are over",
    "group_own_leaves": "private halves: by them the seeds of epochs are opened",
    "group_wrap_secrets": "by them and a leaf the seeds of epochs are opened",
    "group_epochs": "no epoch from before is written under again",
    "group_chains": "keys of what members write",
    "group_skipped": "keys of what members wrote",
    "group_waiting": "operations that wait for others are asked for again",
    "group_links": "private halves: by them knocks are opened",
    "group_knocks": "who asks to be let in does so again",
    "group_joins": "whoever was asked may have answered since",
    "group_welcomed": "who is not heard is found anew",
    "group_letters": "they may have been posted since",
    "member_letters_written": "the invites in them are over where a backup is put back",
    "group_briefings": "what newcomers were told in this hour",
    "group_unsealed": "it may have been sealed since",
    "group_needs": "what is missing shows anew",
    "group_losses": "what it lacks shows anew where it is put back",
    "group_receipts_owed": "what comes from then on is told with all that is held",
    "group_duties": "who was not answered asks again",
    "file_wants": "members who miss blocks ask again",
    "direct_files": "where the bytes of large files lie: they are in no backup",
    "direct_leaves": "what those bytes are checked by",
    "dropped_files": "names of sealed files that go",
}
"""The tables that are in no backup, and why."""

KEPT_BLOBS: Final = frozenset(
    {
        ("identity", "seed"),
        ("groups", "id"),
        ("groups", "seed"),
        ("group_operations", "id"),
        ("group_operations", "author"),
        ("group_operations", "post"),
        ("group_operations", "signature"),
        ("group_accepts", "data"),
        ("group_leaves", "member"),
        ("group_leaves", "bundle"),
        ("contacts", "verify_key"),
        ("contacts", "agreement_key"),
        ("contacts", "bundle"),
        ("invitations", "secret"),
        ("invitations", "bundle_hash"),
        ("invitations", "text_hash"),
        ("invites", "bound_to"),
        ("introductions", "id"),
        ("introductions", "verify_key"),
        ("introductions_made", "id"),
        ("authors", "key"),
        ("entries", "id"),
        ("entries", "parents"),
        ("entries", "ops"),
        ("entries", "target"),
        ("entries", "waits"),
        ("contents", "data"),
        ("contents", "signature"),
        ("files", "root"),
        ("files", "key"),
        ("files", "hint"),
        ("files", "preview"),
        ("file_blocks", "data"),
        ("postings", "posting"),
        ("block_envelopes", "envelope"),
        ("group_postings", "member"),
        ("group_postings", "posting"),
        ("file_holders", "member"),
        ("register_values", "target"),
        ("register_values", "holder"),
        ("register_values", "id"),
        ("named", "id"),
        ("named", "target"),
        ("named", "holder"),
        ("deleted_messages", "id"),
        ("group_here", "inviter_key"),
        ("group_other_invites", "inviter_key"),
        ("group_members", "member"),
        ("member_letters", "member"),
        ("member_letters", "key"),
        ("group_told", "member"),
        ("group_had", "member"),
        ("group_had", "had"),
        ("group_held", "member"),
        ("group_held", "ranges"),
        ("group_tellers", "member"),
        ("group_tellers", "epoch"),
        ("drafts", "reply"),
        ("scheduled", "item"),
        ("heads", "id"),
        ("gaps", "parent"),
        ("reordering", "id"),
        ("payloads", "payload"),
        ("outbox", "id"),
        ("outbox", "read_hash"),
        ("outbox", "withdraw_token"),
        ("sessions", "id"),
        ("rendezvous", "session"),
        ("rendezvous", "key_out"),
        ("rendezvous", "key_in"),
    }
)
"""Columns of bytes that are kept as they are: each was looked at. A test asks for new ones."""


def rows_of(vault: Connection) -> Iterator[RowsRecord]:
    """Yield all rows that a backup holds; the caller has begun a transaction that reads."""
    for table, kept in KEPT.items():
        columns = _columns(vault, table)
        values = ", ".join(f"{kept.instead.get(name, name)} AS {name}" for name in columns)
        # Names of this file, and of the schema.
        cursor = vault.execute(f"SELECT {values} FROM {table} WHERE {kept.where}")
        gathered: list[list[object]] = []
        gathered_bytes = 0
        while rows := cursor.fetchmany(BACKUP_ROWS_PER_PIECE):
            for row in rows:
                gathered.append(list(row))
                gathered_bytes += sum(_size(value) for value in row)
                if gathered_bytes >= BACKUP_CHUNK_BYTES:
                    yield RowsRecord(table, columns, gathered)
                    gathered, gathered_bytes = [], 0
        if gathered:
            yield RowsRecord(table, columns, gathered)


def rows_count(vault: Connection) -> int:
    """Return about how many rows a backup will hold."""
    return integer(vault.execute("SELECT (SELECT count(*) FROM entries) + count(*) FROM contacts"))


def put_rows(vault: Connection, record: RowsRecord) -> None:
    """Write rows into a vault whose schema is theirs; PeerError if they do not belong there."""
    if record.table not in (KEPT.keys() | _FORMER_TABLES) or set(record.columns) - set(
        _columns(vault, record.table)
    ):
        raise PeerError("its content holds rows of a table that is not one of a backup")
    for row in record.rows:
        if len(row) != len(record.columns) or not all(isinstance(one, _VALUES) for one in row):
            raise PeerError("its content holds a row that is not whole")
    names, places = ", ".join(record.columns), ", ".join("?" for _ in record.columns)
    verb = "INSERT OR REPLACE"
    if record.table == "sqlite_sequence":
        # It has no key: rows are there for all tables that have been written to.
        vault.execute("DELETE FROM sqlite_sequence")
        verb = "INSERT"
    vault.executemany(
        f"{verb} INTO {record.table} ({names}) VALUES ({places})",
        record.rows,
    )


def taken_up(vault: Connection, *, instance: int, restored: UnixSeconds) -> None:
    """Let a vault that was made of a backup know it: all sessions begin anew.

    `instance` is drawn by chance, below 2^63.
    """
    with transaction(vault):
        for name, value in (
            (INSTANCE_MARK, str(instance)),
            (RESTORED_MARK, str(restored)),
            (TO_RENEW_MARK, "(SELECT 1 + coalesce(max(id), 0) FROM contacts)"),
            (
                GENERATION_MARK,
                # The names of marks are constants of this file.
                f"(SELECT 1 + coalesce(max(value), 0) FROM marks WHERE name = '{GENERATION_MARK}')",
            ),
        ):
            vault.execute(
                f"INSERT OR REPLACE INTO marks (name, value) VALUES (?, {value})",
                (name,),
            )


def _columns(vault: Connection, table: str) -> list[str]:
    # The table is one of `KEPT`.
    rows = vault.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchall()
    return [str(name) for (name,) in rows]


def _size(value: object) -> int:
    return len(value) if isinstance(value, str | bytes) else 8
