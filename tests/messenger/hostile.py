"""Entries that no honest program writes, sent as any other."""

import msgspec

from mesh.content.entry import Entry, Kind
from mesh.storage.connection import transaction
from mesh.wire.payload import ENTRIES_VERSION, EntriesPayload
from tests.messenger.people import Person


def write(
    person: Person,
    contact: str,
    kind: int,
    content: list[object],
    target: bytes = b"",
    *,
    clock: int | None = None,
    over: list[bytes] | None = None,
    ops: list[bytes] | None = None,
    timer: int = 0,
) -> bytes:
    """Write one entry, and return its bytes."""
    clock = (person.now.mesh_ms << 16) if clock is None else clock
    data = entry(kind, content, target, clock=clock, over=over, ops=ops, timer=timer)
    write_bytes(person, contact, [data])
    return data


def entry(
    kind: int,
    content: list[object],
    target: bytes = b"",
    *,
    clock: int,
    over: list[bytes] | None = None,
    ops: list[bytes] | None = None,
    timer: int = 0,
) -> bytes:
    """Return the bytes of an entry without parents."""
    return Entry(
        kind=int(Kind(kind)) if kind in list(Kind) else kind,
        clock=clock,
        run=1,
        number=0,
        parents=[],
        ops=ops or [],
        target=target,
        over=over or [],
        timer=timer,
        content=msgspec.Raw(msgspec.msgpack.encode(content)),
    ).encode()


def write_bytes(person: Person, contact: str, entries: list[bytes]) -> None:
    """Write whatever bytes as the entries of one payload."""
    row = person.messenger.parts.contacts.contact(contact)
    counts = person.connection.execute(
        "SELECT sent_count FROM exchanges WHERE contact = ?", (row.id,)
    )
    (sent_count,) = counts.fetchall()[0]
    assert isinstance(sent_count, int)
    payload = EntriesPayload(ENTRIES_VERSION, sent_count, 0, person.name, [], entries).encode()
    with transaction(person.connection):
        person.connection.execute("UPDATE exchanges SET sent_count = sent_count + 1")
        person.connection.execute(
            "INSERT INTO payloads (contact, payload) VALUES (?, ?)", (row.id, payload)
        )
    person.restart()
    person.tend()
