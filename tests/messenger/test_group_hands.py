"""Keys of a group that did not come: handed on, made anew, and found again after long."""

import pytest

from mesh.commands.groups import ChangeGroup, RemoveMember, RotateGroup, SetMemberRole
from mesh.group.epochs import prefix_of
from mesh.group.placed_posts import Cannot, Need, PostPlace
from mesh.group.wraps import Trouble
from mesh.limits.group_keys import TURN_MAX
from mesh.messenger.groups import epochs_keeper
from mesh.messenger.groups.hands import Hands
from mesh.storage.connection import transaction
from mesh.storage.vault.vault import Vault
from tests.messenger.in_groups import crew, epoch_of, inside, member, settle, told
from tests.messenger.people import Person, exchange
from tests.messenger.test_group_needs import (
    DAY_S,
    HOUR_S,
    MINUTE_S,
    give,
    pass_by,
    say,
    texts_of,
)

Patch = pytest.MonkeyPatch


def write_under_new_keys(*people: Person) -> None:
    """Let the first make keys, and all write under them: so each shares secrets with the others."""
    people[0].ask(RotateGroup("Crew"))
    settle(*people)
    for person in people:
        say(person, "Here")
        exchange(*people)


def lose_what_is_shared(person: Person, other: Person) -> None:
    """Let what the other wraps for somebody rest on what that one has no more."""
    group = inside(person)
    with transaction(person.connection):
        Vault(person.connection).group_keys.forget_leaf(group.conversation, inside(other).me)


def test_who_writes_under_older_keys_is_handed_those_in_use() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    pass_by(*people, seconds=60)
    ann.ask(RotateGroup("Crew"))
    give(ann, bob)
    assert epoch_of(bob) == epoch_of(ann) != epoch_of(cem)
    say(ann, "Under new keys")
    exchange(*people)
    cem.clock.pass_by(MINUTE_S)
    say(cem, "Under old keys")
    exchange(*people)
    assert "Under new keys" not in texts_of(cem)
    pass_by(*people, seconds=12 * MINUTE_S, step=60)
    assert epoch_of(cem) == epoch_of(ann) == epoch_of(bob)
    for person in people:
        say(person, f"{person.name} again")
        exchange(*people)
    assert [texts_of(one)[-3:] for one in people] == [[f"{x.name} again" for x in people]] * 3


def test_who_cannot_open_keys_says_so_and_gets_others() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    write_under_new_keys(*people)
    lose_what_is_shared(cem, ann)
    ann.ask(RotateGroup("Crew"))
    settle(*people)
    assert epoch_of(cem) != epoch_of(ann)
    pass_by(*people, seconds=10 * MINUTE_S, step=30)
    assert epoch_of(cem) == epoch_of(ann) == epoch_of(bob)
    say(cem, "Back")
    exchange(*people)
    assert texts_of(ann)[-1] == texts_of(bob)[-1] == "Back"


def test_keys_that_do_not_open_are_told_soon_where_it_comes_late_for_whom_they_are() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    write_under_new_keys(*people)
    lose_what_is_shared(cem, ann)
    ann.ask(ChangeGroup("Crew", about="Lost on the way"))
    give(ann, bob)
    ann.ask(RotateGroup("Crew"))
    settle(*people)
    assert epoch_of(cem) != epoch_of(ann)
    pass_by(*people, seconds=15 * MINUTE_S, step=30)
    assert epoch_of(cem) == epoch_of(ann) == epoch_of(bob)
    assert told(cem).about == "Lost on the way"


def test_what_was_said_under_keys_that_did_not_open_is_read_though_nobody_says_more() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    write_under_new_keys(*people)
    lose_what_is_shared(cem, ann)
    ann.ask(RotateGroup("Crew"))
    say(ann, "Under keys that Cem cannot open")
    settle(*people)
    assert epoch_of(cem) != epoch_of(ann)
    pass_by(*people, seconds=HOUR_S, step=30)
    assert epoch_of(cem) == epoch_of(ann)
    assert texts_of(cem)[-1] == texts_of(bob)[-1] == "Under keys that Cem cannot open"


def test_keys_that_do_not_open_are_told_also_where_others_came_into_use() -> None:
    """Two were apart, and each made keys: what the one said under its own the other cannot read."""
    ann, bob = people = crew("Ann", "Bob")
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    write_under_new_keys(*people)
    lose_what_is_shared(bob, ann)
    ann.ask(RotateGroup("Crew"))
    say(ann, "While we were apart")
    lost = epoch_of(ann)
    ann.clock.pass_by(MINUTE_S)
    # What he makes is newer in both ways, so he would never write under hers.
    bob.ask(ChangeGroup("Crew", about="In two places"))
    bob.ask(RotateGroup("Crew"))
    bob.clock.pass_by(MINUTE_S)
    settle(*people)
    pass_by(*people, seconds=HOUR_S, step=30)
    assert epoch_of(bob) == epoch_of(ann) != lost
    assert lost not in [each.id for each in inside(bob).epochs]
    assert texts_of(bob)[-1] == "While we were apart"


def test_who_never_got_what_a_wrap_rests_on_is_wrapped_for_anew() -> None:
    """He was heard since it was founded, but by what he wrote without it."""
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    conversation = inside(ann).conversation
    with transaction(ann.connection):
        Vault(ann.connection).group_keys.forget_outgoing(conversation)
    ann.ask(RotateGroup("Crew"))
    give(ann, cem)
    ann.clock.pass_by(MINUTE_S)
    say(bob, "Under older keys")
    exchange(*people)
    ann.ask(RotateGroup("Crew"))
    say(ann, "Under keys that Bob cannot open")
    settle(*people)
    assert epoch_of(bob) != epoch_of(ann)
    pass_by(*people, seconds=15 * MINUTE_S, step=30)
    assert epoch_of(bob) == epoch_of(ann) == epoch_of(cem)
    pass_by(*people, seconds=HOUR_S, step=30)
    assert texts_of(bob)[-1] == "Under keys that Bob cannot open"


def test_keys_are_made_anew_where_who_made_them_is_away() -> None:
    ann, bob, cem = crew("Ann", "Bob", "Cem")
    ann.ask(RotateGroup("Crew"))
    give(ann, bob)
    # Ann is gone from now on.
    assert epoch_of(bob) != epoch_of(cem)
    pass_by(bob, cem, seconds=2 * DAY_S, step=HOUR_S)
    say(cem, "Under old keys")
    exchange(bob, cem)
    pass_by(bob, cem, seconds=25 * MINUTE_S, step=60)
    assert epoch_of(bob) == epoch_of(cem)
    say(bob, "Reached")
    exchange(bob, cem)
    assert texts_of(cem)[-1] == "Reached"


def away(person: Person, others: list[Person], days: int) -> None:
    """Let days pass, in which the others talk, and all that was posted for one lapses."""
    for day in range(days):
        others[0].clock.pass_by(DAY_S)
        for other in others:
            other.tend()
        exchange(*others)
        say(others[day % len(others)], f"Day {day}")
        exchange(*others)
        for other in (person, *others):
            other.store.expire(other.now.mesh)


def carry_stores(*people: Person) -> None:
    """Everybody gets what the others still hold."""
    for person in people:
        for other in people:
            if other is not person:
                person.receive(
                    [
                        one
                        for one in other.store.envelopes.values()
                        if one.id not in person.store.envelopes
                    ]
                )


def test_who_comes_back_after_more_than_a_lifetime_reads_on() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    for person in people:
        say(person, "Here")
        exchange(*people)
    away(cem, [ann, bob], 20)
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    away(cem, [ann, bob], 25)
    before = epoch_of(ann)
    assert epoch_of(cem) != before
    cem.tend()
    exchange(cem)
    carry_stores(*people)
    pass_by(*people, seconds=5 * MINUTE_S, step=15)
    assert epoch_of(cem) == epoch_of(ann) == epoch_of(bob)
    assert member(cem, "Bob").role == "admin"
    say(ann, "Welcome back")
    exchange(*people)
    say(cem, "I am back")
    exchange(*people)
    assert [texts_of(one)[-2:] for one in people] == [["Welcome back", "I am back"]] * 3


def test_who_comes_back_after_long_reads_on_though_one_was_removed_meanwhile() -> None:
    people = crew("Ann", "Bob", "Cem", "Mal")
    ann, bob, cem, mal = people
    for person in people:
        say(person, "Here")
        exchange(*people)
    mal_number = member(ann, "Mal").member
    ann.ask(RemoveMember("Crew", mal_number))
    give(ann, bob)
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    give(ann, bob)
    away(cem, [ann, bob], 40)
    cem.tend()
    exchange(cem)
    carry_stores(ann, bob, cem)
    pass_by(ann, bob, cem, seconds=30 * MINUTE_S, step=30)
    assert epoch_of(cem) == epoch_of(ann) == epoch_of(bob)
    assert told(cem).members_count == 3
    assert member(cem, "Bob").role == "admin"
    mal.receive(ann.store.envelopes.values())
    mal.receive(bob.store.envelopes.values())
    assert not any(text.startswith("Day") for text in texts_of(mal))


def is_told_that_he_is_out() -> bool:
    """Bob lost the word of his removal, and writes on; say whether he learns of it."""
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    say(bob, "Here")
    exchange(*people)
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    give(ann, cem)
    say(bob, "Still here")
    exchange(*people)
    assert told(bob).state == "in"
    pass_by(*people, seconds=3 * MINUTE_S)
    return told(bob).state == "removed"


def test_who_writes_and_is_removed_is_told_so(monkeypatch: Patch) -> None:
    assert is_told_that_he_is_out()
    monkeypatch.setattr("mesh.messenger.groups.hands.Hands.heard_out", lambda *_: False)
    assert not is_told_that_he_is_out()


def epochs_after_a_complaint(monkeypatch: Patch) -> int:
    """Mal's keys come first by their turn, and he says that he cannot open them; return how many
    epochs others make in a quarter of an hour.
    """
    mal, bob, cem = people = crew("Mal", "Bob", "Cem")
    with monkeypatch.context() as last:
        last.setattr(epochs_keeper, "next_turn", lambda *_: TURN_MAX)
        mal.ask(RotateGroup("Crew"))
        settle(*people)
    group = inside(mal)
    chosen = group.chosen()
    assert chosen is not None
    cannot = Cannot(prefix_of(chosen.id), Trouble.NO_SECRET)
    need = Need(1, 5, 0, PostPlace(bytes(8), 0), [], [cannot], [], [], [], b"")
    with transaction(mal.connection):
        mal.wired.groups.posting.queue(group, need, None, mal.now)
        mal.wired.groups.posting.flush(group, mal.now)
    before = len(inside(bob).epochs)
    exchange(*people)
    pass_by(bob, cem, seconds=15 * MINUTE_S)
    return len(inside(bob).epochs) - before


def test_who_cannot_open_keys_that_come_first_for_ever_makes_no_more_than_a_few(
    monkeypatch: Patch,
) -> None:
    assert 1 <= epochs_after_a_complaint(monkeypatch) <= 2
    # No other comes into use, so that one would be made at each look.
    monkeypatch.setattr(Hands, "made_anew", lambda *_: None)
    assert epochs_after_a_complaint(monkeypatch) > 10
