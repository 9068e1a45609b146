"""Rules of groups that show after a cut or after days: with each of them all read each other, and
without it somebody is left outside.
"""

import pytest

from mesh.commands.groups import RotateGroup
from mesh.group import leaves
from mesh.limits.group_keys import WINDOWS
from mesh.messenger.groups import membership_keeper, needs
from mesh.messenger.groups.hands import Hands
from mesh.messenger.groups.leaves_keeper import LeavesKeeper
from mesh.storage.connection import transaction
from tests.messenger.in_groups import crew, epoch_of, settle, told
from tests.messenger.people import DAY_S, Person, exchange
from tests.messenger.test_group_needs import MINUTE_S, pass_by, say
from tests.messenger.test_welcomes import joined_in_vain, pass_days

Patch = pytest.MonkeyPatch


def two_who_talked() -> tuple[Person, Person]:
    """Ann and Cem have one group, and have written to each other in it."""
    ann, cem = people = crew("Ann", "Cem")
    for person in people:
        say(person, "Here")
        exchange(*people)
    return ann, cem


def share_keys(ann: Person, cem: Person) -> bool:
    return epoch_of(ann) == epoch_of(cem) is not None


def open_each_other_after_neither_could() -> bool:
    ann, cem = people = two_who_talked()
    for person in people:
        # So that each has founded what he wraps for the other by.
        person.ask(RotateGroup("Crew"))
        settle(*people)
        for each in people:
            say(each, "Under new keys")
            exchange(*people)
    for person in people:
        with transaction(person.connection):
            person.connection.execute("DELETE FROM group_wrap_secrets WHERE is_out = 0")
        person.ask(RotateGroup("Crew"))
    exchange(*people)
    assert not share_keys(ann, cem)
    pass_by(*people, seconds=30 * MINUTE_S, step=30)
    return share_keys(ann, cem)


def test_a_need_goes_also_under_what_the_trouble_came_by(monkeypatch: Patch) -> None:
    assert open_each_other_after_neither_could()
    monkeypatch.setattr(needs, "NEED_EPOCHS_MAX", -1)
    assert not open_each_other_after_neither_could()


def finds_the_keys_though_much_was_lost() -> bool:
    """More of Ann's words are lost than Cem expects numbers of hers, and nothing of his comes."""
    ann, cem = two_who_talked()
    for number in range(max(window for _, window in WINDOWS) + 1):
        say(ann, f"Lost {number}")
    ann.post()
    ann.ask(RotateGroup("Crew"))
    for _ in range(9 * 4):
        ann.clock.pass_by(DAY_S // 4)
        ann.tend()
        cem.receive(ann.post())
        cem.tend()
        cem.post()
    return share_keys(ann, cem)


def test_hellos_go_also_under_what_the_silent_hold(monkeypatch: Patch) -> None:
    assert finds_the_keys_though_much_was_lost()
    monkeypatch.setattr(Hands, "call", lambda *_: None)
    assert not finds_the_keys_though_much_was_lost()


def opens_what_was_wrapped_while_he_was_away() -> bool:
    """Cem writes alone for two weeks; what Ann last heard of his short leaf is erased by then."""
    ann, cem = two_who_talked()
    for _ in range(14):
        cem.clock.pass_by(DAY_S)
        cem.tend()
        say(cem, "Alone")
        cem.post()
    ann.ask(RotateGroup("Crew"))
    ann.clock.pass_by(1)
    cem.receive(ann.post())
    return share_keys(ann, cem)


def test_who_was_silent_is_wrapped_for_by_his_long_leaf(monkeypatch: Patch) -> None:
    assert opens_what_was_wrapped_while_he_was_away()
    monkeypatch.setattr(leaves, "SHORT_LEAF_USED_SECONDS", 365 * DAY_S)
    assert not opens_what_was_wrapped_while_he_was_away()


def opens_the_next_keys_at_once() -> bool:
    ann, bob = people = crew("Ann", "Bob")
    say(bob, "Here")
    exchange(*people)
    ann.ask(RotateGroup("Crew"))
    ann.clock.pass_by(1)
    bob.receive(ann.post())
    return share_keys(*people)


def test_a_welcome_founds_what_the_next_keys_are_wrapped_by(monkeypatch: Patch) -> None:
    assert opens_the_next_keys_at_once()
    founded = LeavesKeeper.founded

    def only_ours(*args: object, is_out: bool) -> None:
        if is_out:
            founded(*args, is_out=True)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(LeavesKeeper, "founded", only_ours)
    assert not opens_the_next_keys_at_once()


def comes_in_though_his_welcome_was_lost() -> bool:
    ann, cem, bob = joined_in_vain("Ann", "Cem", is_all_lost=False)
    pass_days(4, ann, cem, bob)
    return told(bob).state == "in"


def test_an_entrance_is_the_way_in_for_who_reads_no_keys(monkeypatch: Patch) -> None:
    assert comes_in_though_his_welcome_was_lost()
    monkeypatch.setattr(membership_keeper, "entrance_tags", lambda _: [])
    assert not comes_in_though_his_welcome_was_lost()
