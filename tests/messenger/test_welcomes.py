"""Welcomes that were lost are repeated: by who added somebody, then by others, not for ever."""

import pytest

from mesh.commands.group_links import JoinGroup
from mesh.commands.groups import (
    AcceptGroup,
    MakeGroup,
    RemoveMember,
    RotateGroup,
    SetMemberRole,
)
from mesh.group.entrance import entrance_of, entrance_tags
from mesh.group.inviting import VERSION, GroupWelcome, encode_step
from mesh.group.knocking import WELCOME
from mesh.limits.groups import (
    WELCOME_BY_OTHERS_SECONDS,
    WELCOME_REPEATED_SECONDS,
    WELCOMES_PER_DAY_MAX,
    WELCOMES_REPEATED_MAX,
)
from mesh.messenger.groups import hands, welcomes
from mesh.messenger.groups.changes import Changes
from mesh.messenger.groups.leaves_keeper import LeavesKeeper
from mesh.storage.connection import transaction
from mesh.wire.envelope import Envelope
from tests.messenger.doing import items_of
from tests.messenger.in_groups import (
    acquainted_all,
    crew,
    epoch_of,
    inside,
    member,
    names_of,
    settle,
    told,
)
from tests.messenger.people import DAY_S, Clock, Person, exchange
from tests.messenger.test_group_links import link_of
from tests.messenger.test_group_talk import say, texts_of
from tests.messenger.test_machines import restored

Patch = pytest.MonkeyPatch
HOUR_S = 3_600


def letters_to(person: Person, envelopes: list[Envelope]) -> list[Envelope]:
    """Those at somebody's entrance."""
    tags = [tag for _, tag in entrance_tags(entrance_of(inside(person).row.seed))]
    return [one for one in envelopes if one.header.tag in tags]


def pass_days(count: int, *people: Person, lost: Person | None = None) -> list[Envelope]:
    """Let days pass; return what was posted. `lost`: to whom nothing comes."""
    posted: list[Envelope] = []
    for _ in range(count * 4):
        people[0].clock.pass_by(DAY_S // 4)
        for person in people:
            person.mint_all()
            person.tend()
        people[0].clock.pass_by(60)
        for author in people:
            words = author.post()
            posted += words
            for person in people:
                if person is not author and person is not lost:
                    person.receive(words)
    return posted


def joined_in_vain(*names: str, is_all_lost: bool = True) -> list[Person]:
    """Bob comes by a link of Ann's, but his welcome does not come to him, or nothing does."""
    people = crew(*names)
    ann = people[0]
    link = link_of(ann)
    bob = Person("Bob", ann.clock, seed=77)
    bob.ask(JoinGroup(link.link))
    for each in bob.post():
        ann.receive([each])
    ann.clock.pass_by(40)
    for _ in range(3):
        ann.tend()
        ann.mint_all()
        ann.clock.pass_by(10)
        words = ann.post()
        for person in people[1:]:
            person.receive(words)
        if not is_all_lost:
            letters = letters_to(bob, words)
            bob.receive([each for each in words if each not in letters])
    assert "Bob" in names_of(ann)
    assert told(bob).state == "joining"
    return [*people, bob]


def test_who_added_somebody_welcomes_him_again_after_three_days() -> None:
    ann, cem, bob = people = joined_in_vain("Ann", "Cem", is_all_lost=False)
    before = epoch_of(ann)
    pass_days(2, *people)
    assert told(bob).state == "joining"
    pass_days(2, *people)
    assert told(bob).state == "in"
    # The epoch was his: who made it gives his wrap once more.
    assert epoch_of(ann) == before
    said = say(ann, "There you are")
    exchange(*people)
    for one in (cem, bob):
        assert items_of(one, "Crew")[-1].id == said.id


def test_where_all_was_lost_that_was_told_with_it_another_epoch_is_made() -> None:
    ann, cem, bob = people = joined_in_vain("Ann", "Cem")
    before = epoch_of(ann)
    pass_days(4, *people)
    assert inside(bob).epochs
    assert told(bob).state == "joining"
    pass_days(4, *people)
    assert told(bob).state == "in"
    assert epoch_of(ann) == epoch_of(cem) == epoch_of(bob) != before


def test_others_do_it_where_who_added_him_is_gone() -> None:
    _ann, cem, bob = joined_in_vain("Ann", "Cem")
    pass_days(WELCOME_BY_OTHERS_SECONDS // DAY_S - 1, cem, bob)
    assert told(bob).state == "joining"
    pass_days(4, cem, bob)
    assert told(bob).state == "in"
    assert sorted(names_of(bob)) == ["Ann", "Bob", "Cem"]


def test_who_came_by_a_contact_is_reached_at_his_entrance_too() -> None:
    people = acquainted_all(Clock(), "Ann", "Bob")
    ann, bob = people
    ann.ask(MakeGroup("Crew", ("Bob",)))
    settle(*people)
    bob.ask(AcceptGroup("Crew"))
    ann.receive(bob.post())
    ann.clock.pass_by(30)
    # All that Ann's node posts with it is lost, the welcome in the session too.
    ann.post()
    assert len(names_of(ann)) == 2
    for _ in range(2):
        ann.clock.pass_by(WELCOME_REPEATED_SECONDS + HOUR_S)
        ann.mint_all()
        ann.tend()
        ann.mint_all()
    ann.clock.pass_by(60)
    found = letters_to(bob, ann.post())
    assert found
    bob.receive(found)
    assert inside(bob).epochs


def test_it_ends_after_a_few_and_when_he_is_heard() -> None:
    _ann, _cem, bob = people = joined_in_vain("Ann", "Cem")
    posted = pass_days(60, *people, lost=bob)
    found = letters_to(bob, posted)
    assert len(found) == WELCOMES_REPEATED_MAX + 1, "four by Ann, one by Cem"
    assert {len(one.body) for one in found} == {len(found[0].body)}
    # A last one that comes late is as good as the first.
    bob.receive(found[-1:])
    assert told(bob).state == "joining", "its operations are older than mail"
    assert inside(bob).epochs
    bob.tend()


def test_nobody_who_is_heard_is_welcomed_again() -> None:
    people = crew("Ann", "Bob", "Cem")
    posted = pass_days(40, *people)
    assert all(letters_to(one, posted) == [] for one in people)
    assert people[0].connection.execute("SELECT * FROM group_welcomed").fetchall() == []


def test_who_is_gone_for_good_costs_few_letters_after_a_backup() -> None:
    ann, bob, cem, dan = crew("Ann", "Bob", "Cem", "Dan")
    other = restored(ann)
    # Dan's device is gone.
    posted = pass_days(60, other, bob, cem)
    assert 1 < len(letters_to(dan, posted)) <= 5


def test_no_more_than_a_few_letters_are_written_in_a_day(monkeypatch: Patch) -> None:
    ann, _cem, _bob = joined_in_vain("Ann", "Cem")
    monkeypatch.setattr(welcomes, "WELCOMES_PER_DAY_MAX", 0)
    for _ in range(2):
        ann.clock.pass_by(WELCOME_REPEATED_SECONDS + HOUR_S)
        ann.tend()
    rows = ann.connection.execute("SELECT count FROM group_welcomed").fetchall()
    assert rows == [(0,)]
    monkeypatch.setattr(welcomes, "WELCOMES_PER_DAY_MAX", WELCOMES_PER_DAY_MAX)
    ann.clock.pass_by(HOUR_S)
    ann.tend()
    assert ann.connection.execute("SELECT count FROM group_welcomed").fetchall() == [(1,)]


def lured(*, is_checked: bool, monkeypatch: Patch) -> bool:
    """Mal, who is out and does not know it, welcomes Bob anew; say whether Bob opens his epoch."""
    ann, bob, mal = crew("Ann", "Bob", "Mal")
    ann.ask(RemoveMember("Crew", member(ann, "Mal").member))
    settle(ann, bob)
    group = inside(mal)
    him = inside(bob).me
    with transaction(mal.connection):
        made = mal.wired.groups.keepers.epochs.make(group, mal.now, newcomers=[him])
        entrance = entrance_of(inside(bob).row.seed)
        bundle = mal.wired.groups.keepers.leaves.bundles(group)[him]
        welcome = GroupWelcome(VERSION, group.gid, made.signed, made.welcomes[him])
        letters = mal.wired.groups.letters
        letters.queue(group, entrance, bundle, WELCOME, encode_step(welcome), mal.now)
    mal.clock.pass_by(10)
    if not is_checked:
        monkeypatch.setattr(type(inside(bob)), "members", property(lambda _: [group.me, him]))
    bob.receive(letters_to(bob, mal.post()))
    return any(bytes(epoch.id) == made.signed.id for epoch in inside(bob).epochs)


def test_who_is_out_leads_nobody_into_an_epoch_of_his(monkeypatch: Patch) -> None:
    assert not lured(is_checked=True, monkeypatch=monkeypatch)
    assert lured(is_checked=False, monkeypatch=monkeypatch)


def read_after_restore() -> list[list[str]]:
    """Ann goes on from a backup, in which no keys of epochs are; return what each reads then."""
    ann, bob, cem = crew("Ann", "Bob", "Cem")
    other = restored(ann)
    people = [other, bob, cem]
    pass_days(2, *people)
    said = [say(one, f"{one.name} is here").text for one in people]
    pass_days(1, *people)
    assert len({epoch_of(one) for one in people}) == 1
    assert said == [f"{one.name} is here" for one in people]
    return [texts_of(one) for one in people]


def test_who_goes_on_from_a_backup_is_in_his_groups_again(monkeypatch: Patch) -> None:
    expected = ["Ann is here", "Bob is here", "Cem is here"]
    assert [sorted(each) for each in read_after_restore()] == [expected] * 3
    monkeypatch.setattr(welcomes, "_is_cut_off", lambda *_: False)
    monkeypatch.setattr(Changes, "_lost", lambda *_: [])
    with pytest.raises(AssertionError):
        read_after_restore()


def pass_minutes(count: int, *people: Person) -> None:
    for _ in range(count * 2):
        for person in people:
            person.tend()
            person.mint_all()
        exchange(*people)
        people[0].clock.pass_by(30)


def read_by(*people: Person) -> list[list[str]]:
    """Return what each reads after all have written."""
    for one in people:
        say(one, f"{one.name} is here")
    exchange(*people)
    return [sorted(texts_of(one)) for one in people]


EXPECTED = ["Ann is here", "Bob is here", "Cem is here"]


def read_within_minutes(*made_by: int) -> list[list[str]]:
    """People made keys anew, and Ann goes on from a backup under a clock that is not believed yet;
    return what each reads after four minutes.
    """
    people = ann, bob, cem = crew("Ann", "Bob", "Cem")
    for each in made_by:
        people[each].ask(RotateGroup("Crew"))
        settle(ann, bob, cem)
    other = restored(ann)
    other.is_clock_steady = False
    pass_minutes(4, other, bob, cem)
    return read_by(other, bob, cem)


@pytest.mark.parametrize("made_by", [(0,), (1,), (1, 0)])
def test_who_goes_on_from_a_backup_reads_and_is_read_within_minutes(
    made_by: tuple[int, ...], monkeypatch: Patch
) -> None:
    assert read_within_minutes(*made_by) == [EXPECTED] * 3
    # Others wait for who made the keys in use to hand them on, or for an hour.
    with monkeypatch.context() as without:
        without.setattr(hands, "MADE_FOR_LOST_AFTER", HOUR_S)
        assert read_within_minutes(*made_by) == [["Ann is here"], EXPECTED, EXPECTED]
    # They have none of hers until she has written to each.
    monkeypatch.setattr(Changes, "_lost", lambda *_: [])
    assert read_within_minutes(*made_by) == [["Ann is here"], *[["Bob is here", "Cem is here"]] * 2]


def test_whose_clock_goes_behind_is_not_taken_for_one_who_wrote_before_the_keys_in_use() -> None:
    ann, bob, cem = crew("Ann", "Bob", "Cem")
    other = restored(ann)
    bob.ask(RotateGroup("Crew"))
    exchange(bob, cem)
    other.wall_error_s = -20
    pass_minutes(4, other, bob, cem)
    assert read_by(other, bob, cem) == [EXPECTED] * 3


def test_by_what_keys_were_wrapped_for_who_lost_all_no_more_are(monkeypatch: Patch) -> None:
    monkeypatch.setattr(LeavesKeeper, "forget_secret_for", lambda *_: None)
    assert read_within_minutes(1, 0)[0] == ["Ann is here"]


def test_nobody_waits_for_who_made_the_keys_in_use_and_is_off() -> None:
    ann, bob, cem = crew("Ann", "Bob", "Cem")
    bob.ask(RotateGroup("Crew"))
    settle(ann, bob, cem)
    other = restored(ann)
    pass_minutes(4, other, cem)
    assert read_by(other, cem) == [["Ann is here", "Cem is here"]] * 2


def removed_and_restored(by: str) -> list[Person]:
    """Dan and Eve are removed, one by one, and Ann goes on from a backup of before; return Ann, Bob
    and these ten minutes later.
    """
    people = ann, bob, dan, eve = crew("Ann", "Bob", "Dan", "Eve")
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    settle(*people)
    other = restored(ann)
    remover = ann if by == "Ann" else bob
    for name in ("Dan", "Eve"):
        remover.ask(RemoveMember("Crew", member(remover, name).member))
        settle(*people)
    pass_minutes(10, other, bob, dan, eve)
    return [other, bob, dan, eve]


@pytest.mark.parametrize("by", ["Ann", "Bob"])
def test_who_goes_back_behind_removals_is_told_of_them(by: str, monkeypatch: Patch) -> None:
    ann, bob, dan, eve = removed_and_restored(by)
    said = say(ann, "Without them").text
    exchange(ann, bob, dan, eve)
    assert said in texts_of(bob)
    assert said not in texts_of(dan) + texts_of(eve)
    monkeypatch.setattr(hands, "MADE_FOR_LOST_AFTER", DAY_S)
    assert names_of(removed_and_restored(by)[0]) == ["Ann", "Bob", "Dan", "Eve"]
