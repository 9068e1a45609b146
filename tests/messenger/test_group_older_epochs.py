"""Those who missed what was said before somebody came in are given it under keys of before."""

import pytest

from mesh.commands.groups import AcceptGroup, InviteToGroup, LeaveGroup, RemoveMember, RotateGroup
from mesh.group.epochs import EpochId, prefix_of
from mesh.group.posts import SignedPost
from mesh.ids import Instant, VerifyKey
from mesh.messenger.groups import group_inbox
from mesh.messenger.groups.epochs_keeper import EpochsKeeper
from mesh.messenger.groups.group import Group, HeldEpoch
from mesh.messenger.groups.group_posting import GroupPosting
from mesh.storage.connection import transaction
from tests.messenger.in_groups import (
    crew,
    epoch_of,
    inside,
    member,
    names_of,
    settle,
    told,
)
from tests.messenger.people import Person
from tests.messenger.test_group_needs import MINUTE_S, give, pass_by, say, texts_of

Patch = pytest.MonkeyPatch
LOST = "Lost, and before Dan"


def one_lost_and_one_came() -> list[Person]:
    """Cem says what comes to nobody, then Ann lets Dan in; all know the same keys."""
    people = crew("Ann", "Bob", "Cem", others=("Dan",))
    ann, _, cem, dan = people
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


# --- Keys that somebody made who was out already ---------------------------------------------


def make_keys_when_out(person: Person, *others: Person) -> EpochId:
    """Somebody who is out makes keys for those who are in, which he knows as well."""
    group, groups = inside(person), person.wired.groups
    assert group.me not in group.members
    with transaction(person.connection):
        made = groups.keepers.epochs.make(group, person.now)
        groups.posting.tell_epoch(group, made, person.now)
        groups.posting.flush(group, person.now)
    settle(person, *others)
    id_ = EpochId(made.signed.id)
    assert all(inside(other).find_epoch(id_) is not None for other in others)
    assert all(epoch_of(other) != id_ for other in others)
    return id_


def readers_without_the_maker(group: Group, epoch: HeldEpoch) -> frozenset[VerifyKey]:
    return _READERS(group, epoch) - ({epoch.maker} - group.recipients(epoch))


_READERS = Group.readers


def read_by_who_made_keys_for_those_left() -> bool:
    """Say whether Eve, who is out, reads what Ann and Bob are given, by keys of her own."""
    ann, bob, cem, eve, dan = people = crew("Ann", "Bob", "Cem", "Eve", others=("Dan",))
    ann.ask(RemoveMember("Crew", member(ann, "Eve").member))
    settle(*people)
    make_keys_when_out(eve, ann, bob, cem)
    say(cem, LOST)
    cem.post()
    ann.ask(InviteToGroup("Crew", ("Dan",)))
    settle(*people)
    dan.ask(AcceptGroup("Crew"))
    settle(*people)
    say(cem, "Names it")
    # Dan may ask first, in vain: that puts off the others' needs for an hour.
    pass_by(*people, seconds=120 * MINUTE_S, step=240)
    assert LOST in texts_of(ann)
    assert LOST in texts_of(bob)
    return LOST in texts_of(eve)


def test_it_is_given_under_no_keys_that_who_is_out_made(monkeypatch: Patch) -> None:
    assert not read_by_who_made_keys_for_those_left()
    monkeypatch.setattr(Group, "readers", readers_without_the_maker)
    assert read_by_who_made_keys_for_those_left()


def hear_that_one_leaves() -> list[str]:
    """Eve, who is out, makes the last keys that come; return who hears that Bob leaves then."""
    ann, bob, cem, eve = crew("Ann", "Bob", "Cem", "Eve")
    ann.ask(RemoveMember("Crew", member(ann, "Eve").member))
    settle(ann, bob, cem, eve)
    make_keys_when_out(eve, ann, bob, cem)
    bob.ask(LeaveGroup("Crew"))
    settle(ann, bob, cem, eve)
    return [person.name for person in (ann, cem, eve) if "Bob" not in names_of(person)]


def tell_under_the_last(
    posting: GroupPosting, group: Group, operations: list[SignedPost], now: Instant
) -> None:
    """As it was: whoever reads that."""
    epoch = group.chosen() or group.epochs[-1]
    if left := posting.tell_under(group, epoch, operations, now):
        posting.supply(group, posts=left, now=now)


def test_who_is_out_keeps_nobody_from_leaving(monkeypatch: Patch) -> None:
    assert hear_that_one_leaves() == ["Ann", "Cem"]
    monkeypatch.setattr(GroupPosting, "tell", tell_under_the_last)
    assert hear_that_one_leaves() == []
    # She would learn of it as well, if she were not looked at as one who reads her keys.
    monkeypatch.setattr(Group, "readers", readers_without_the_maker)
    assert hear_that_one_leaves() == ["Ann", "Cem", "Eve"]


# --- How far back it goes --------------------------------------------------------------------


def test_it_is_given_under_no_keys_older_than_some_that_who_asks_lacks() -> None:
    ann, bob, _, dan = people = one_lost_and_one_came()
    ann.ask(RemoveMember("Crew", member(ann, "Dan").member))
    settle(*people)
    group = inside(ann)
    before, with_dan, in_use = group.epochs[-3:]
    assert group.chosen() is in_use
    assert group.outsiders(with_dan) == {inside(dan).me}

    def shared(*lacks: HeldEpoch) -> list[HeldEpoch]:
        held = [prefix_of(each.id) for each in group.epochs if each not in lacks]
        return ann.wired.groups.keepers.epochs.shared_before(group, inside(bob).me, held)

    assert before in shared()
    assert with_dan not in shared()
    for lacked in (in_use, with_dan, before):
        assert before not in shared(lacked)


# --- By which keys somebody is reached -------------------------------------------------------


def reached_by_one_who_does_not_know_for_whom_keys_are() -> bool:
    """Cem wrote last under keys of his. Ann has them and lacks an operation that they name, so she
    cannot write under them; then she lets Dan in. Say whether Cem reads what she says after that.
    """
    ann, bob, cem, dan = people = crew("Ann", "Bob", "Cem", others=("Dan",))
    cem.ask(RotateGroup("Crew"))
    settle(*people)
    say(cem, "Under keys of mine")
    settle(*people)
    group, groups = inside(ann), ann.wired.groups
    wrote = groups.keepers.groups.person(group, inside(cem).me).wrote_under
    assert wrote is not None
    his = group.find_epoch(wrote)
    assert his is not None
    assert his.maker == inside(cem).me
    # As keys stand whose operations are not all here: without a chain of ours.
    with transaction(ann.connection):
        ann.connection.execute(
            "DELETE FROM group_chains WHERE epoch = ? AND member = ?", (his.number, group.me)
        )
    ann.ask(InviteToGroup("Crew", ("Dan",)))
    settle(ann, dan)
    dan.ask(AcceptGroup("Crew"))
    settle(*people)
    say(ann, "After Dan came")
    settle(*people)
    assert "After Dan came" in texts_of(dan)
    assert "After Dan came" in texts_of(bob)
    return "After Dan came" in texts_of(cem)


def test_who_wrote_under_keys_under_which_one_cannot_write_is_reached_by_others(
    monkeypatch: Patch,
) -> None:
    assert reached_by_one_who_does_not_know_for_whom_keys_are()

    def held_by(keeper: EpochsKeeper, group: Group, who: VerifyKey, _: object = None) -> object:
        wrote = keeper._groups.person(group, who).wrote_under
        epoch = None if wrote is None else group.find_epoch(wrote)
        if epoch is None or keeper._chains.own(epoch, group.me) is not None:
            return _HELD_BY(keeper, group, who)
        return None

    monkeypatch.setattr(EpochsKeeper, "held_by", held_by)
    assert not reached_by_one_who_does_not_know_for_whom_keys_are()


_HELD_BY = EpochsKeeper.held_by
