"""The rows of the store as values.

What is read is checked by its type only: the tables are STRICT, and a damaged page never gets as
far as here. Tuples rather than records, because a start reads a million of them.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from mesh.database import Connection
from mesh.ids import EnvelopeId, PostingKey, Tag, UnixSeconds
from mesh.wire.envelope import (
    HEADER_BYTES,
    LIFETIME_SECONDS,
    SECONDS_PER_DAY,
    SIGNATURE_BYTES,
    Envelope,
    StampedKey,
    Stub,
)

# Few numbers of keys, so that the statements stay compiled: the last key is repeated to fill one.
# SQLite sorts all of them into a tree first, so most queries, which have few, use a narrow one.
_WIDTHS: Final = (1, 4, 16, 64)
_KEYS_PER_QUERY: Final = _WIDTHS[-1]


class IndexRow(NamedTuple):
    """The entry of an envelope in the indexes in memory. `is_missing`: its body never came."""

    id: EnvelopeId
    created: UnixSeconds
    size_class: int
    lifetime_class: int
    lapses: UnixSeconds
    posting_key: PostingKey
    day: int
    nonce: bytes
    has_body: bool
    is_missing: bool

    @property
    def stamped_key(self) -> StampedKey:
        """Return under what the envelope counts."""
        return StampedKey(self.posting_key, self.day, self.nonce)


class ArrivedTag(NamedTuple):
    """An envelope with a body, in the order of arrival."""

    arrival: int
    id: EnvelopeId
    tag: Tag


class CarriedRow(NamedTuple):
    """The entry of an envelope in an export before its body is read."""

    created: UnixSeconds
    id: EnvelopeId
    size_class: int
    lapses: UnixSeconds
    has_body: bool
    is_missing: bool


def envelope_row(arrival: int, envelope: Envelope | Stub) -> tuple[object, ...]:
    header = envelope.header
    return (
        arrival,
        envelope.id,
        header.created,
        header.lapses,
        header.size_class,
        header.posting_key,
        header.tag,
        envelope.data if isinstance(envelope, Stub) else envelope.stub,
    )


def index_row(row: tuple[object, ...]) -> IndexRow:
    id_, created, size_class, lapses, posting_key, nonce, has_body, is_missing = row
    second, lapsing = integer(created), integer(lapses)
    return IndexRow(
        EnvelopeId(blob(id_)),
        UnixSeconds(second),
        integer(size_class),
        LIFETIME_SECONDS.index(lapsing - second),
        UnixSeconds(lapsing),
        PostingKey(blob(posting_key)),
        second // SECONDS_PER_DAY,
        blob(nonce),
        bool(has_body),
        bool(is_missing),
    )


def carried_row(row: tuple[object, ...]) -> CarriedRow:
    created, id_, size_class, lapses, has_body, is_missing = row
    return CarriedRow(
        UnixSeconds(integer(created)),
        EnvelopeId(blob(id_)),
        integer(size_class),
        UnixSeconds(integer(lapses)),
        bool(has_body),
        bool(is_missing),
    )


def joined(stub: object, body: object) -> bytes:
    """An envelope from what is kept of it: the stub is header, hash of the body, signature."""
    proof = blob(stub)
    return proof[:HEADER_BYTES] + blob(body) + proof[-SIGNATURE_BYTES:]


def first_integer(row: tuple[object, ...]) -> int:
    return integer(row[0])


def blob(value: object) -> bytes:
    assert isinstance(value, bytes)
    return value


def integer(value: object) -> int:
    assert isinstance(value, int)
    return value


def text(value: object) -> str:
    assert isinstance(value, str)
    return value


def select_by_keys(
    connection: Connection, sql: str, keys: Sequence[bytes]
) -> list[tuple[object, ...]]:
    """The rows of those of the given keys that are there; `sql` ends with IN."""
    rows: list[tuple[object, ...]] = []
    unique = list(dict.fromkeys(keys))
    for start in range(0, len(unique), _KEYS_PER_QUERY):
        chunk = unique[start : start + _KEYS_PER_QUERY]
        width = next(one for one in _WIDTHS if one >= len(chunk))
        chunk += [chunk[-1]] * (width - len(chunk))
        marks = ", ".join("?" * width)
        rows += connection.execute(f"{sql} ({marks})", chunk).fetchall()
    return rows
