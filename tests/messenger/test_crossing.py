"""Two people who use each other's invites at the same time settle on one session without loss."""

from dataclasses import dataclass, field
from random import Random

import pytest

from mesh.wire.envelope import Envelope
from tests.messenger.people import Clock, Person, exchange
from tests.searching import seeds


@dataclass
class Wire:
    """A channel between two people: each envelope comes in any order, twice, or not at all."""

    ann: Person
    bob: Person
    random: Random
    loss: float
    on_its_way: list[tuple[Person, Envelope]] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    sent_count: int = 0

    def other(self, person: Person) -> Person:
        return self.bob if person is self.ann else self.ann

    def write(self, person: Person) -> None:
        """A person writes; a text whose envelope is lost is remembered."""
        text = f"{person.name} {self.sent_count}"
        self.sent_count += 1
        self.carry(person)
        assert person.send(self.other(person).name, text).state == "queued"
        (envelope,) = person.post()
        if self.random.random() < self.loss:
            self.lost.add(text)
        else:
            self.on_its_way.append((self.other(person), envelope))

    def carry(self, person: Person) -> None:
        """Carry what a person posted by itself, or lose it."""
        for envelope in person.post():
            if self.random.random() >= self.loss:
                self.on_its_way.append((self.other(person), envelope))

    def deliver(self) -> None:
        """One of those on their way comes, perhaps to come again."""
        if not self.on_its_way:
            return
        place = self.random.randrange(len(self.on_its_way))
        person, envelope = self.on_its_way[place]
        if self.random.random() < 0.8:
            del self.on_its_way[place]
        person.receive([envelope])
        self.carry(person)


def writes_on(person: Person) -> bytes:
    """The session that the next message goes to: the lowest of those that the other has."""
    row = person.connection.execute(
        "SELECT id FROM sessions WHERE is_known = 1 AND is_over = 0 ORDER BY id LIMIT 1"
    ).fetchone()
    assert row is not None
    assert isinstance(row[0], bytes)
    return row[0]


def met(seed: int, loss: float) -> Wire:
    """Ann and Bob, who hold each other's invites and know each other's names."""
    clock, random = Clock(), Random(seed)
    ann, bob = Person("Ann", clock, seed=2 * seed), Person("Bob", clock, seed=2 * seed + 1)
    wire = Wire(ann, bob, random, loss)
    links = {"Ann": bob.invite().link, "Bob": ann.invite().link}
    for person in random.sample([ann, bob], 2):
        person.add(links[person.name], label=wire.other(person).name)
        for _ in range(random.randrange(3)):
            wire.write(person)
    return wire


@pytest.mark.parametrize("loss", [0.0, 0.3, 0.7])
def test_crossing_first_contacts_settle_on_one_session_in_every_interleaving(loss: float) -> None:
    for seed in seeds(12, in_search=1_000):
        wire = met(seed, loss)
        for _ in range(wire.random.randrange(12)):
            if wire.random.random() < 0.5:
                wire.write(wire.random.choice([wire.ann, wire.bob]))
            else:
                wire.deliver()
        # From here on nothing is lost any more.
        wire.loss = 0.0
        wire.write(wire.ann)
        wire.write(wire.bob)
        while wire.on_its_way:
            wire.deliver()
        for person in (wire.ann, wire.bob, wire.ann):
            wire.write(person)
            while wire.on_its_way:
                wire.deliver()
        assert writes_on(wire.ann) == writes_on(wire.bob), seed
        sent = {
            text for text in wire.ann.texts("Bob") + wire.bob.texts("Ann") if text not in wire.lost
        }
        assert len(sent) == wire.sent_count - len(wire.lost)
        for person in (wire.ann, wire.bob):
            shown = person.texts(wire.other(person).name)
            assert len(shown) == len(set(shown))
            assert sent.issubset(shown), seed
        in_order = [
            [text for text in person.texts(wire.other(person).name) if text in sent]
            for person in (wire.ann, wire.bob)
        ]
        assert in_order[0] == in_order[1]


def test_after_settling_no_opening_is_repeated_any_more() -> None:
    wire = met(3, 0.0)
    exchange(wire.ann, wire.bob)
    for person, envelope in wire.on_its_way:
        person.receive([envelope])
    exchange(wire.ann, wire.bob)
    for person in (wire.ann, wire.bob):
        assert person.connection.execute("SELECT * FROM first_contacts").fetchall() == []
        person.send(wire.other(person).name, "short")
        (envelope,) = person.post()
        wire.other(person).receive([envelope])
    assert wire.ann.texts("Bob")[-2:] == wire.bob.texts("Ann")[-2:] == ["short", "short"]
