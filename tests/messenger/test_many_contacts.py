"""A thousand contacts: opening a vault takes what it takes with two, and so does a message."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mesh.database import Connection, Cursor
from mesh.limits.sessions import RENDEZVOUS_TAGS, TAG_WINDOW
from tests.entropy import SeededEntropy
from tests.messenger.mallory import Mallory, payload
from tests.messenger.people import Clock, Person, exchange

GUESTS_COUNT = 1_000


@dataclass(slots=True)
class Counting:
    """A connection that counts the statements which it is asked to run."""

    inside: Connection
    statements_count: int = 0

    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> Cursor:
        self.statements_count += 1
        return self.inside.execute(sql, parameters)

    def executemany(self, sql: str, rows: Iterable[Sequence[object]], /) -> Cursor:
        self.statements_count += 1
        return self.inside.executemany(sql, rows)

    def close(self) -> None:
        self.inside.close()


def statements(person: Person, counting: Counting) -> tuple[int, int, int]:
    """Statements that opening the vault, reading one message and writing one take."""
    counting.statements_count = 0
    person.restart()
    opening = counting.statements_count
    friend = Person("Friend", person.clock, seed=50)
    friend.add(person.invite().link)
    exchange(person, friend)
    friend.send(person.name, "hello")
    posted = friend.post()
    counting.statements_count = 0
    person.receive(posted)
    reading = counting.statements_count
    counting.statements_count = 0
    person.send("Friend", "hello")
    return opening, reading, counting.statements_count


def with_guests(count: int) -> tuple[Person, Counting]:
    """Ann, with so many contacts who have a session with her each."""
    ann = Person("Ann", Clock())
    link = ann.invite(uses_max=1_000).link
    for number in range(count):
        guest = Mallory(link, seed=number.to_bytes(32, "big"))
        guest.entropy = SeededEntropy(1_000 + number)
        name = f"Guest {number}"
        ann.receive([guest.first_contact(payload(name=name), index=number)])
    assert len(ann.contacts()) == count
    counting = Counting(ann.connection)
    ann.connection = counting
    return ann, counting


def test_a_thousand_contacts_cost_what_one_costs() -> None:
    few, counting_few = with_guests(2)
    many, counting_many = with_guests(GUESTS_COUNT)
    opening, *of_message = statements(few, counting_few)
    opening_many, *of_message_many = statements(many, counting_many)
    assert opening_many == opening
    assert of_message_many == of_message
    # Of each guest the two generations that its first reply began, and the rendezvous of both.
    each = 2 * (TAG_WINDOW + RENDEZVOUS_TAGS)
    tags = len(many.messenger.ours().tags) - len(few.messenger.ours().tags)
    assert tags <= (GUESTS_COUNT - 2) * each
    many.connection = counting_many.inside
