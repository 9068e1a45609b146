"""The check of files: what is here of them was sent, and of deleted ones nothing is left."""

import pytest

from mesh.commands.item_commands import RetractItem
from mesh.storage.connection import transaction
from sim.hosts.databases import MemoryDatabase
from sim.invariants.files import SentFiles
from sim.invariants.invariants import S3, S12, BrokenInvariant
from tests.messenger.doing import both
from tests.messenger.people import Person, exchange
from tests.messenger.sending_files import content, items, send


def sent_to_bob() -> tuple[SentFiles, Person, Person]:
    ann, bob = both()
    sent = SentFiles()
    name = sent.add(0, content())
    send(ann, bob, content())
    for person in (ann, bob):
        with transaction(person.connection):
            person.connection.execute("UPDATE files SET name = ?", (name,))
    return sent, ann, bob


def test_files_that_are_as_they_were_sent_are_true() -> None:
    sent, ann, bob = sent_to_bob()
    for person in (ann, bob):
        sent.require_true(0, person.connection)
    assert sent.whole_count == 1
    ann.ask(RetractItem(next(one.number for one in items(ann) if one.files)))
    exchange(ann, bob)
    for person in (ann, bob):
        sent.require_true(0, person.connection)
    sent.require_true(0, MemoryDatabase())


@pytest.mark.parametrize(
    "slip, invariant",
    [
        ("UPDATE file_blocks SET data = x'00' WHERE block = 2", S3),
        ("UPDATE file_blocks SET block = 9 - block", S3),
        ("DELETE FROM file_blocks WHERE block = 1", S3),
        ("UPDATE entries SET gone = 'retracted'", S12),
        ("DELETE FROM files", S12),
    ],
)
def test_files_that_are_not_break_an_invariant(slip: str, invariant: object) -> None:
    sent, _, bob = sent_to_bob()
    bob.connection.execute("PRAGMA foreign_keys = OFF")
    with transaction(bob.connection):
        bob.connection.execute(slip)
    with pytest.raises(BrokenInvariant) as caught:
        sent.require_true(0, bob.connection)
    assert caught.value.invariant is invariant
