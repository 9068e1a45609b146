"""Statements of a message are counted: a second answer about it, or a look too many, shows here."""

from collections.abc import Iterable, Sequence
from typing import Final

from mesh.database import Connection, Cursor
from mesh.limits.storage import STATEMENTS_CACHED
from tests.messenger.doing import both
from tests.messenger.people import Person

SENT_MAX: Final = 25
RECEIVED_MAX: Final = 24
"""The first release, which knew of nothing but texts, took 27 and 25. Of these, two count
what was opened of a contact in a day, and one looks for a timer where nobody set one.
"""


class Counting:
    """A connection that counts what is run on it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.count = 0
        self.texts: dict[str, None] = {}

    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> Cursor:
        self.count += 1
        self.texts[sql] = None
        return self._connection.execute(sql, parameters)

    def executemany(self, sql: str, rows: Iterable[Sequence[object]], /) -> Cursor:
        self.count += 1
        return self._connection.executemany(sql, rows)

    def close(self) -> None:
        self._connection.close()

    def take(self) -> int:
        taken, self.count = self.count, 0
        return taken


def counted(person: Person) -> Counting:
    person.connection = counting = Counting(person.connection)
    person.restart()
    return counting


def test_a_message_takes_no_more_statements_than_it_has_to() -> None:
    ann, bob = both()
    of_ann, of_bob = counted(ann), counted(bob)
    for text in ("one", "two"):
        # The first of a run brings what is read once.
        ann.send("Bob", text)
        bob.receive(ann.post())
    of_ann.take()
    ann.send("Bob", "three")
    assert of_ann.take() <= SENT_MAX
    posted = ann.post()
    of_bob.take()
    bob.receive(posted)
    assert of_bob.take() <= RECEIVED_MAX
    assert bob.texts("Ann")[-3:] == ["one", "two", "three"]


def test_what_one_message_needs_stays_compiled() -> None:
    """A driver that is full keeps what it had first, and compiles the rest anew each time."""
    ann, bob = both()
    counting = counted(ann)
    ann.send("Bob", "one")
    bob.receive(ann.post())
    ann.tend()
    # With those that make a new vault, which come first on the same connection: some 300.
    assert 4 * len(counting.texts) + 300 < STATEMENTS_CACHED
