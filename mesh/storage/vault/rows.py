"""The rows of the vault as values.

A row is checked as it is read: what does not fit its type means a damaged file. No row shows its
fields in a `repr`, since most of them are secrets.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final, Literal, TypeVar

import msgspec

from mesh.commands.contacts import Trust
from mesh.commands.conversations import ConversationKind
from mesh.commands.fields import KeepFor
from mesh.commands.messages import MessageState
from mesh.database import Connection, Cursor
from mesh.errors import StorageError
from mesh.ids import (
    ContactId,
    ConversationId,
    EnvelopeId,
    InviteId,
    MessageId,
    PostingKey,
    UnixSeconds,
    VerifyKey,
)

Verdict = Literal["valid", "waiting", "unknown", "invalid"]
"""The judgement of an entry; `valid` and `invalid` are final."""

EntryGone = Literal["", "retracted", "expired", "forgotten", "hidden"]
"""The reason why the words of an entry are gone; empty: they are here."""

ContactState = Literal["waiting for their key", "invited", "answered"]


class Row(msgspec.Struct, array_like=True, frozen=True):
    """The root of all rows; the fields stand in the order of the columns."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


AnyRow = TypeVar("AnyRow", bound=Row)


class IdentityRow(Row, frozen=True):
    """Our identity's row; everything else of the identity is derived from the seed."""

    seed: bytes
    name: str


NEW_CONTACT: Final = ContactId(0)
"""The number of a contact who has none yet: the vault gives it."""


class ContactRow(Row, frozen=True):
    """A contact. `bundle` is the newest of their bundles, without which nothing can be sealed.

    `first_trust` is what `trust` was before anybody compared anything. `unconfirmed`: since when
    nothing of before confirms the keys of somebody who is verified; 0: they are confirmed.
    """

    id: ContactId
    label: str
    name: str
    verify_key: VerifyKey
    agreement_key: bytes | None
    trust: Trust
    state: ContactState
    bundle: bytes | None
    first_trust: Trust
    is_request: bool = False
    is_blocked: bool = False
    introduced_by: ContactId | None = None
    identity_changed: UnixSeconds = UnixSeconds(0)
    unconfirmed: UnixSeconds = UnixSeconds(0)

    @property
    def waits_apart(self) -> bool:
        """Say whether they wait to be let in; whoever is blocked waits for nothing."""
        return self.is_request and not self.is_blocked


class ExchangeRow(Row, frozen=True):
    """The counts of the sessions with a contact.

    `sent_count`: payloads written here; `seen_count`: one beyond the highest `seq` of the other
    side that was opened; `keys_told`: which bundle of ours they have; `lapsed_count`: messages of
    ours in a row that expired without proof; `renewed`: when the session was last renewed unasked;
    `heard`: when the newest of theirs was written, as its envelope says, and `heard_clock` by the
    clock in it, which orders what they write.
    `their_seen`: the highest `seen` that the other side told. `unreached`: since when this vault is
    known to be older than what was written with it, and they were not heard on new keys; else 0.
    `reads`: the newest version of payloads that the other side said to read.
    `probed`: when a message was last followed by a probe.
    """

    sent_count: int
    seen_count: int
    keys_told: int
    lapsed_count: int
    renewed: UnixSeconds
    heard: UnixSeconds
    heard_clock: int
    their_seen: int
    unreached: UnixSeconds
    reads: int
    probed: UnixSeconds


class ConversationRow(Row, frozen=True):
    """A conversation and its settings, which never leave this profile.

    `contact` is the other side of a direct one, else None. `read_position` is how far it was read,
    `muted_until` when its person wants to be told of it again. `written_count` entries were written
    here in this `run`, which was drawn by chance before the first.
    """

    number: ConversationId
    kind: ConversationKind
    contact: ContactId | None
    read_position: int = 0
    sends_read_receipts: bool = False
    muted_until: UnixSeconds = UnixSeconds(0)
    is_pinned: bool = False
    is_archived: bool = False
    is_marked_unread: bool = False
    keep_for: KeepFor = "30d"
    run: int = 0
    written_count: int = 0


class ConversationSummaryRow(Row, frozen=True):
    """A line of a list of conversations, without their settings; `newest` is a message's number."""

    number: ConversationId
    unread_count: int
    newest: int | None
    draft: str
    draft_reply: bytes


class AcceptedInviteRow(Row, frozen=True):
    """Their invite that we use, `since` when.

    `is_unanswered`: our person was told that no answer has come; `is_closed`: its issuer's node
    said that it can no longer be used. `text_hash`: of its text, where a signature of that is to
    stand beside the bundle on the mesh.
    """

    contact: ContactId
    secret: bytes
    bundle_hash: bytes
    expires: UnixSeconds
    since: UnixSeconds
    is_unanswered: bool = False
    is_closed: bool = False
    text_hash: bytes | None = None

    @property
    def unanswered_since(self) -> UnixSeconds:
        """Since when no answer came, if our person was told so; else 0."""
        return self.since if self.is_unanswered else UnixSeconds(0)


class PrekeyRow(Row, frozen=True):
    """A bundle of ours with its private halves; `contact` is None for an invite's."""

    id: int
    contact: ContactId | None
    bundle: bytes
    private: bytes
    made: UnixSeconds
    erase_after: UnixSeconds | None


class InviteRow(Row, frozen=True):
    """An invite of ours; `secret` and `prekey` are None when nobody can use it any more.

    `bound_to`: who alone may use it, whom our person met or `vouched_by` speaks for; None: anybody.
    `tells_closed`: who comes when it is closed is told so. `is_in_letter`: only a member has it.
    """

    id: InviteId
    label: str
    secret: bytes | None
    prekey: int | None
    hint: str
    created: UnixSeconds
    expires: UnixSeconds
    uses_max: int
    erase_after: UnixSeconds
    uses: int = 0
    is_revoked: bool = False
    posts_count: int = 0
    posted_until: UnixSeconds = UnixSeconds(0)
    bound_to: VerifyKey | None = None
    is_met: bool = False
    vouched_by: ContactId | None = None
    tells_closed: bool = True
    is_in_letter: bool = False


class ClosedAnswerRow(Row, frozen=True):
    """An answer to who came by a closed invite of ours: due, or sealed, and then without its key.

    `lapses` is when its envelope does; until then the same author gets no other.
    """

    invite: InviteId
    author: VerifyKey
    key: bytes | None
    due_ms: int
    lapses: UnixSeconds | None = None


class SessionRow(Row, frozen=True):
    """A session with a contact, without the tags of what the other side writes.

    `is_known`: the other side is known to have it; `is_over`: nothing is sent on it any more;
    `heard`: the latest clock of what was opened on it (0: nothing); `successor`: which session the
    other side said on it to have begun in its place.
    """

    id: bytes
    contact: ContactId
    is_begun_here: bool
    is_known: bool
    is_over: bool
    created: UnixSeconds
    ratchet: bytes
    post_quantum: bytes
    generation: int
    out_key: bytes
    out_index: int
    out_before: int
    out_next: bytes | None
    rendezvous_start: int
    rendezvous_count: int
    heard: int
    successor: bytes | None = None


class RendezvousRow(Row, frozen=True):
    """The ways by which one generation of a session lets both sides find each other again.

    `number` is the order of birth, among all of this vault. `used`: a bit for each tag under which
    the other side came; `closed`: since when nothing new is founded by it.
    """

    number: int
    session: bytes
    generation: int
    key_out: bytes
    key_in: bytes
    used: int
    link_key: bytes
    closed: UnixSeconds | None = None


class GenerationRow(Row, frozen=True):
    """One chain of tags of what the other side of a session writes."""

    session: bytes
    number: int
    key: bytes
    step: int
    opened: bytes
    expected: int
    used: bytes
    ends: int | None
    superseded: UnixSeconds | None


class SkippedRow(Row, frozen=True):
    """The key of a message that has not come yet."""

    session: bytes
    public: bytes
    number: int
    key: bytes
    erase_after: UnixSeconds


class FirstContactRow(Row, frozen=True):
    """The common part of our first contact's repetitions. `renewed` is None for an invite's.

    `closed_key` is that of the answer which says that the invite is closed. `is_told`: it was said
    on the session of before that this one is begun.
    """

    contact: ContactId
    session: bytes
    opening: bytes
    header_key: bytes
    renewed: bytes | None
    tags_start: int
    sent_count: int
    closed_key: bytes | None = None
    is_told: bool = False


class OpeningRow(Row, frozen=True):
    """The session that an opening has founded, and the key of the headers in its repetitions."""

    session: bytes
    header_key: bytes


class PostingKeyRow(Row, frozen=True):
    """A posting key of ours; without a seed it is only remembered. `uses`: of its stamp.

    The later it was made the higher is its number.
    """

    number: int
    public: PostingKey
    seed: bytes | None
    audience: int
    day: int
    stamp: bytes | None
    stamp_bits: int
    uses: int


OURSELVES: Final = 0
"""The number of ourselves among the authors of each conversation."""

OTHER_SIDE: Final = 1
"""The number of the other side in a conversation of two."""


class EntryRow(Row, frozen=True):
    """An entry of a conversation, without its words. `parents` are ids of 32 bytes, one behind the
    other; `ops` are those of the membership operations that it names.

    `author`: 0 ourselves, 1 the other side of two, else a number of `authors`; `run` and `seq`
    number its author's entries. `is_apart`: by all that is known, it does not count. `target`: what
    a change is about; `waits`: the id without which it is not judged; `place`: it stands in the
    stream. `timer`: seconds from sealing or reading until it disappears; `disappears`: when that
    is. `gone`: why it has no words. `was_sealed`: it was once, so that somebody may have it.
    """

    number: int
    conversation: ConversationId
    id: MessageId
    is_mine: bool
    parents: bytes
    clock: int
    position: int
    received: UnixSeconds
    state: MessageState
    carriers: int = 0
    lapses: UnixSeconds | None = None
    is_read: bool = False
    is_late: bool = False
    send_key: str | None = None
    kind: int = 0
    run: int = 0
    seq: int = 0
    target: bytes = b""
    waits: bytes | None = None
    verdict: Verdict = "valid"
    is_counted: bool = True
    place: bool = True
    timer: int = 0
    disappears: UnixSeconds = UnixSeconds(0)
    gone: EntryGone = ""
    author: int = 0
    ops: bytes = b""
    is_apart: bool = False
    was_sealed: bool = False

    def __post_init__(self) -> None:
        # Who says no more than that it is not ours speaks of two.
        author = OURSELVES if self.is_mine else self.author or OTHER_SIDE
        if author != self.author:
            msgspec.structs.force_setattr(self, "author", author)


class PayloadRow(Row, frozen=True):
    """A payload that is to be sealed; `message` is None for a hello and for controls.

    `kept_until`: by then it is sealed again when it lapsed without proof; None: never.
    `posts_count`: how often it was sealed; `is_waiting`: it is to be sealed now; `is_hello`: the
    next one that is kept takes its place.
    """

    number: int
    contact: ContactId
    message: int | None
    payload: bytes
    lifetime_class: int
    kept_until: UnixSeconds | None
    posts_count: int
    is_waiting: bool
    is_hello: bool


class OutboxRow(Row, frozen=True):
    """A sealed envelope, without its bytes.

    `payload`: the number of what is in it, if that is kept. `withdraw_token`: empty if it is taken
    back already, or is for many.
    """

    id: EnvelopeId
    message: int | None
    lapses: UnixSeconds
    read_hash: bytes
    withdraw_token: bytes
    payload: int | None = None


class RetirementRow(Row, frozen=True):
    """A token for the store, and when it leaves in mesh time."""

    envelope: EnvelopeId
    token: bytes
    due_ms: int


def find_one(cursor: Cursor, row_type: type[AnyRow]) -> AnyRow | None:
    """The first row, if there is one."""
    columns = cursor.fetchone()
    return None if columns is None else _row(columns, row_type)


def all_of(cursor: Cursor, row_type: type[AnyRow]) -> list[AnyRow]:
    """All rows."""
    return [_row(columns, row_type) for columns in cursor.fetchall()]


def insert(connection: Connection, table: str, row: Row) -> None:
    """Insert a row as it stands: its fields are columns of the table."""
    connection.execute(_insertion(table, row.__struct_fields__), msgspec.structs.astuple(row))


def insert_numbered(connection: Connection, table: str, row: AnyRow) -> AnyRow:
    """Insert a row whose first field is a number that the table gives; return it with that."""
    columns, values = row.__struct_fields__, msgspec.structs.astuple(row)
    cursor = connection.execute(_insertion(table, columns[1:]), values[1:])
    return msgspec.structs.replace(row, **{columns[0]: new_number(cursor)})


@cache
def _insertion(table: str, columns: tuple[str, ...]) -> str:
    names, places = ", ".join(columns), ", ".join("?" * len(columns))
    # The names are those of our own tables and rows.
    return f"INSERT INTO {table} ({names}) VALUES ({places})"


def integer(cursor: Cursor) -> int:
    """The one integer of a statement that always has one."""
    columns = cursor.fetchone()
    assert columns is not None
    assert isinstance(columns[0], int)
    return columns[0]


def integers(cursor: Cursor) -> list[int]:
    """The first column of all rows, which are integers."""
    found = []
    for columns in cursor.fetchall():
        assert isinstance(columns[0], int)
        found.append(columns[0])
    return found


def new_number(cursor: Cursor) -> int:
    """The number that an insert gave."""
    number = cursor.lastrowid
    assert number is not None
    return number


def blobs(cursor: Cursor) -> list[bytes]:
    """The first column of all rows, which are bytes."""
    found = []
    for columns in cursor.fetchall():
        assert isinstance(columns[0], bytes)
        found.append(columns[0])
    return found


def _row(columns: Sequence[object], row_type: type[AnyRow]) -> AnyRow:
    try:
        # Not strict: SQLite has no truth values, they are 0 and 1.
        return msgspec.convert(columns, row_type, strict=False)
    except msgspec.ValidationError as error:
        raise StorageError(
            f"The vault holds a row that is no {row_type.__name__} ({error}): it is damaged; "
            "put it back from a backup."
        ) from error
