"""Contacts who accept an invite into a group: who comes in together, and with how many keys."""

import pytest

from mesh.commands.contacts import BlockContact
from mesh.commands.groups import AcceptGroup, MakeGroup
from mesh.limits.groups import ACCEPTS_GATHERED_MS
from mesh.messenger.groups import acceptances
from mesh.wire.envelope import Envelope
from tests.messenger.in_groups import epoch_of, inside, names_of, settle, told
from tests.messenger.people import Clock, Person, exchange
from tests.messenger.test_group_out_for_a_moment import accepts_of

Patch = pytest.MonkeyPatch
NAMES = ("Bob", "Cem", "Dan", "Eve")


def asked_in() -> tuple[Person, list[Person]]:
    """Ann, who made the group, and contacts of hers whom she asked in."""
    clock = Clock()
    ann, *others = (Person(name, clock, seed=seed) for seed, name in enumerate(("Ann", *NAMES), 1))
    for other in others:
        other.add(ann.invite().link)
        exchange(ann, other)
    ann.ask(MakeGroup("Crew", NAMES))
    settle(ann, *others)
    assert told(ann).invited == list(NAMES)
    return ann, others


def words_of(others: list[Person]) -> list[Envelope]:
    """All accept; return what they post, which nobody has yet."""
    for other in others:
        other.ask(AcceptGroup("Crew"))
    return [envelope for other in others for envelope in other.post()]


def made_by(person: Person) -> int:
    """Count the epochs that ever came to somebody who makes all of them."""
    return inside(person).epochs[-1].number


def test_who_accepts_at_the_same_time_comes_in_with_one_epoch() -> None:
    ann, others = asked_in()
    before = made_by(ann)
    ann.receive(words_of(others))
    # The first is in at once; the others wait for a moment, as rows.
    assert names_of(ann) == ["Ann", "Bob"]
    assert accepts_of(ann) == len(NAMES) - 1
    deadline = ann.messenger.deadline()
    assert deadline is not None
    assert deadline <= ann.now.after(ACCEPTS_GATHERED_MS)
    ann.tend()
    assert names_of(ann) == ["Ann", "Bob"]
    ann.clock.pass_by(ACCEPTS_GATHERED_MS / 1_000)
    ann.tend()
    assert sorted(names_of(ann)) == ["Ann", *NAMES]
    assert (made_by(ann) - before, accepts_of(ann), told(ann).invited) == (2, 0, [])
    settle(ann, *others)
    assert {told(other).state for other in others} == {"in"}
    assert {epoch_of(one) for one in (ann, *others)} == {epoch_of(ann)}
    assert all(names_of(other) == names_of(ann) for other in others)


def test_who_waits_comes_in_though_the_node_was_ended() -> None:
    ann, others = asked_in()
    ann.receive(words_of(others))
    ann.restart()
    before = made_by(ann)
    ann.tend()
    assert sorted(names_of(ann)) == ["Ann", *NAMES]
    assert made_by(ann) - before == 1


def test_no_more_come_in_at_once_than_one_epoch_is_for(monkeypatch: Patch) -> None:
    monkeypatch.setattr(acceptances, "ACCEPTS_AT_ONCE_MAX", 2)
    ann, others = asked_in()
    ann.receive(words_of(others))
    counts = []
    for _ in range(3):
        ann.clock.pass_by(ACCEPTS_GATHERED_MS / 1_000)
        ann.tend()
        counts.append(len(names_of(ann)))
    assert counts == [4, 5, 5]


def test_of_those_who_come_together_a_block_keeps_out_one() -> None:
    ann, others = asked_in()
    ann.receive(words_of(others))
    ann.ask(BlockContact("Dan"))
    ann.clock.pass_by(ACCEPTS_GATHERED_MS / 1_000)
    ann.tend()
    assert sorted(names_of(ann)) == ["Ann", "Bob", "Cem", "Eve"]
