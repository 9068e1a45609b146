"""Those who missed what was said before somebody came in are given it under keys of before."""

import pytest

from mesh.commands.groups import AcceptGroup, InviteToGroup, MakeGroup, RemoveMember
from mesh.messenger.groups import group_inbox
from mesh.messenger.groups.epochs_keeper import EpochsKeeper
from mesh.messenger.groups.group import Group
from tests.messenger.in_groups import acquainted_all, epoch_of, inside, member, settle, told
from tests.messenger.people import Clock, Person
from tests.messenger.test_group_needs import MINUTE_S, give, pass_by, say, texts_of

Patch = pytest.MonkeyPatch
LOST = "Lost, and before Dan"


def one_lost_and_one_came() -> list[Person]:
    """Cem says what comes to nobody, then Ann lets Dan in; all know the same keys."""
    people = acquainted_all(Clock(), "Ann", "Bob", "Cem", "Dan")
    ann, bob, cem, dan = people
    ann.ask(MakeGroup("Crew", ("Bob", "Cem")))
    settle(*people)
    for person in (bob, cem):
        person.ask(AcceptGroup("Crew"))
        settle(*people)
    say(cem, LOST)
    cem.post()
    ann.ask(InviteToGroup("Crew", ("Dan",)))
    settle(*people)
    dan.ask(AcceptGroup("Crew"))
    settle(*people)
    assert {told(person).state for person in people} == {"in"}
    assert len({epoch_of(person) for person in people}) == 1
    return people


def read_by() -> list[str]:
    """Cem names it; return who reads it then, beside him."""
    people = one_lost_and_one_came()
    say(people[2], "Names it")
    pass_by(*people, seconds=24 * MINUTE_S, step=120)
    assert all("Names it" in texts_of(person) for person in people)
    return [person.name for person in people if person.name != "Cem" and LOST in texts_of(person)]


def test_who_missed_it_reads_what_was_said_before_one_came(monkeypatch: Patch) -> None:
    assert read_by() == ["Ann", "Bob"]
    monkeypatch.setattr(EpochsKeeper, "shared_before", lambda *_: [])
    assert read_by() == []


def read_by_one_who_is_removed() -> bool:
    """Bob lacks it as well, and is removed; say whether he reads what Ann is given."""
    people = ann, bob, cem, dan = one_lost_and_one_came()
    removed = member(ann, "Bob").member
    ann.ask(RemoveMember("Crew", removed))
    # He does not hear of it.
    give(ann, cem, dan)
    say(cem, "Names it")
    pass_by(*people, seconds=24 * MINUTE_S, step=120)
    assert inside(bob).me not in inside(cem).members
    return LOST in texts_of(bob)


def test_it_is_given_under_no_keys_of_who_is_removed(monkeypatch: Patch) -> None:
    assert not read_by_one_who_is_removed()
    monkeypatch.setattr(Group, "outsiders", lambda *_: frozenset())
    assert read_by_one_who_is_removed()


def seem_to_lack_keys() -> set[str]:
    """Return who seems to lack the keys in use to who made them, while Cem answers."""
    people = ann, _, cem, _ = one_lost_and_one_came()
    say(cem, "Names it")
    seem: set[str] = set()
    for _ in range(12):
        pass_by(*people, seconds=120, step=120)
        behind = ann.wired.groups.inbox._repair.hands._behind
        seem |= {one.name for one in people for _, key in behind if inside(one).me == key}
    assert LOST in texts_of(ann)
    return seem


def test_who_answers_under_keys_of_before_does_not_seem_to_lack_newer_ones(
    monkeypatch: Patch,
) -> None:
    assert seem_to_lack_keys() == set()
    monkeypatch.setattr(group_inbox, "_is_answer", lambda _: False)
    assert seem_to_lack_keys() == {"Cem"}
