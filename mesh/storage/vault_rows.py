"""The rows of the vault as values.

A row is checked as it is read: what does not fit its type means a damaged file. No row shows its
fields in a `repr`, since most of them are secrets.
"""

from collections.abc import Sequence
from typing import Literal, TypeVar

import msgspec

from mesh.commands import MessageState, Trust
from mesh.errors import StorageError
from mesh.ids import ContactId, EnvelopeId, InviteId, MessageId, PostingKey, UnixSeconds, VerifyKey
from mesh.inputs import Cursor

ContactState = Literal["waiting for their key", "invited", "answered"]


class Row(msgspec.Struct, array_like=True, frozen=True):
    """The root of all rows; the fields stand in the order of the columns."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


AnyRow = TypeVar("AnyRow", bound=Row)


class IdentityRow(Row, frozen=True):
    """Who we are; everything else of the identity is derived from the seed."""

    seed: bytes
    name: str


class ContactRow(Row, frozen=True):
    """A contact. `bundle` is the newest of their bundles, without which nothing can be sealed.

    `first_trust` is what `trust` was before anybody compared anything.
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
    is_request: bool
    is_blocked: bool
    introduced_by: ContactId | None
    identity_changed: UnixSeconds


class ConversationRow(Row, frozen=True):
    """What is counted of a conversation.

    `sent_count`: payloads written here; `seen_count`: one beyond the highest `seq` of the other
    side that was opened; `keys_told`: which bundle of ours they have; `lapsed_count`: messages of
    ours in a row that lapsed without proof; `renewed`: when the session was last renewed unasked.
    """

    sent_count: int
    read_position: int
    sends_read_receipts: bool
    seen_count: int
    keys_told: int
    lapsed_count: int
    renewed: UnixSeconds


class InvitationRow(Row, frozen=True):
    """Their invite that we use."""

    contact: ContactId
    secret: bytes
    bundle_hash: bytes
    expires: UnixSeconds


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

    `bound_to` is the one person who may use it (None: anybody who has it), since our person met
    them or `vouched_by` speaks for them.
    """

    id: InviteId
    label: str
    secret: bytes | None
    prekey: int | None
    hint: str
    created: UnixSeconds
    expires: UnixSeconds
    uses: int
    uses_max: int
    is_revoked: bool
    erase_after: UnixSeconds
    posts_count: int
    posted_until: UnixSeconds
    bound_to: VerifyKey | None
    is_met: bool
    vouched_by: ContactId | None


class SessionRow(Row, frozen=True):
    """A session with a contact, without the tags of what the other side writes.

    `is_known`: the other side is known to have it; `is_over`: nothing is sent on it any more;
    `heard`: the latest clock of what was opened on it (0: nothing).
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
    rendezvous_out: bytes
    rendezvous_start: int
    rendezvous_count: int
    rendezvous_in: bytes
    rendezvous_used: int
    link_key: bytes
    heard: int


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
    """What the repetitions of our first contact share. `renewed` is None for an invite's."""

    contact: ContactId
    session: bytes
    opening: bytes
    header_key: bytes
    renewed: bytes | None
    tags_start: int
    sent_count: int


class OpeningRow(Row, frozen=True):
    """Which session an opening has founded, and the key of the headers in its repetitions."""

    session: bytes
    header_key: bytes


class PostingKeyRow(Row, frozen=True):
    """A posting key of ours; without a seed it is only remembered.

    The later it was made the higher is its number.
    """

    number: int
    public: PostingKey
    seed: bytes | None
    audience: int
    day: int
    stamp: bytes | None
    uses: int


class MessageRow(Row, frozen=True):
    """A message. `parents` are ids of 32 bytes, one behind the other."""

    number: int
    contact: ContactId
    id: MessageId
    is_mine: bool
    text: str
    parents: bytes
    clock: int
    position: int
    received: UnixSeconds
    state: MessageState
    carriers: int
    lapses: UnixSeconds | None
    is_read: bool
    is_late: bool
    send_key: str | None


class HeadRow(Row, frozen=True):
    """A message that nothing follows, and where it stands."""

    position: int
    id: MessageId


class UnsealedRow(Row, frozen=True):
    """A payload that waits for a key; `message` is None for a hello."""

    number: int
    contact: ContactId
    message: int | None
    payload: bytes


class OutboxRow(Row, frozen=True):
    """A sealed envelope, without its bytes."""

    id: EnvelopeId
    message: int | None
    lapses: UnixSeconds
    read_hash: bytes
    withdraw_token: bytes


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


def integer(cursor: Cursor) -> int:
    """The one integer of a statement that always has one."""
    columns = cursor.fetchone()
    assert columns is not None
    assert isinstance(columns[0], int)
    return columns[0]


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
