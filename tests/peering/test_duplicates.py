"""Of several links to one node one lives, the same one at both ends."""

import pytest

from mesh.ids import Instant, LinkId, Monotonic
from mesh.limits.link import (
    LINK_CHECK_MS,
    LINK_WAITING_MS,
    LINKS_WAITING_FURTHER_MAX,
    LINKS_WAITING_MAX,
)
from mesh.peering.duplicates import Duplicates

OLD, NEW, THIRD = LinkId(1), LinkId(2), LinkId(3)


def at(ms: int) -> Instant:
    return Instant(Monotonic(ms * 1000), 0)


def waiting(*, chooses: bool, is_crossing: bool = False) -> Duplicates:
    made = Duplicates()
    made.begin(NEW, OLD, is_ours_to_choose=chooses, is_crossing=is_crossing, now=at(0))
    return made


def test_the_end_that_chooses_keeps_an_older_link_that_says_anything() -> None:
    duplicates = waiting(chooses=True)
    assert duplicates.heard(NEW, at(10)) == []
    assert duplicates.heard(OLD, at(20)) == [NEW]
    assert duplicates.ended(NEW, at(20)) is None
    assert duplicates.deadline() is None


def test_the_end_that_follows_leaves_both_until_the_other_one_has_chosen() -> None:
    duplicates = waiting(chooses=False)
    assert duplicates.heard(OLD, at(10)) == []
    assert duplicates.heard(NEW, at(20)) == []
    assert duplicates.deadline_passed(at(LINK_CHECK_MS)) == []
    assert duplicates.ended(OLD, at(LINK_CHECK_MS)) == NEW


@pytest.mark.parametrize("chooses", [False, True])
def test_an_older_link_that_is_silent_while_the_newer_one_answers_is_dead(chooses: bool) -> None:
    duplicates = waiting(chooses=chooses)
    assert duplicates.heard(NEW, at(10)) == []
    assert duplicates.deadline() == at(LINK_CHECK_MS).monotonic
    assert duplicates.deadline_passed(at(LINK_CHECK_MS - 1)) == []
    assert duplicates.deadline_passed(at(LINK_CHECK_MS)) == [OLD]
    assert duplicates.ended(OLD, at(LINK_CHECK_MS)) == NEW
    assert NEW not in duplicates


@pytest.mark.parametrize("chooses", [False, True])
def test_a_node_that_is_busy_answers_over_neither_and_loses_neither(chooses: bool) -> None:
    duplicates = waiting(chooses=chooses)
    assert duplicates.deadline_passed(at(LINK_CHECK_MS)) == []
    assert duplicates.heard(OLD, at(2 * LINK_CHECK_MS)) == ([NEW] if chooses else [])


@pytest.mark.parametrize("chooses", [False, True])
def test_no_link_waits_for_ever(chooses: bool) -> None:
    duplicates = waiting(chooses=chooses)
    assert duplicates.deadline() == at(LINK_WAITING_MS).monotonic
    assert duplicates.deadline_passed(at(LINK_WAITING_MS)) == [NEW]


@pytest.mark.parametrize(
    "chooses, is_crossing, ended",
    [(False, False, [OLD]), (False, True, [OLD]), (True, False, [OLD]), (True, True, [])],
)
def test_who_speaks_over_the_newer_one_has_chosen_it_unless_the_choice_is_ours(
    chooses: bool, is_crossing: bool, ended: list[LinkId]
) -> None:
    assert waiting(chooses=chooses, is_crossing=is_crossing).used(NEW) == ended


def test_the_link_that_was_used_takes_the_place_and_the_others_wait_beside_it() -> None:
    duplicates = waiting(chooses=True)
    duplicates.begin(THIRD, OLD, is_ours_to_choose=True, is_crossing=False, now=at(5))
    assert duplicates.used(THIRD) == [OLD]
    assert duplicates.ended(OLD, at(10)) == THIRD
    assert duplicates.beside(THIRD) == [NEW]
    assert duplicates.heard(THIRD, at(20)) == [NEW]


def test_a_bounded_number_waits_beside_a_link() -> None:
    duplicates = Duplicates()
    for number in range(LINKS_WAITING_MAX):
        assert duplicates.has_room(OLD)
        link = LinkId(10 + number)
        duplicates.begin(link, OLD, is_ours_to_choose=False, is_crossing=False, now=at(0))
    assert not duplicates.has_room(OLD)
    assert duplicates.has_room(NEW)


def test_where_many_wait_there_is_room_for_one_beside_each_link() -> None:
    duplicates = Duplicates()
    for number in range(LINKS_WAITING_FURTHER_MAX):
        older = LinkId(number)
        assert duplicates.has_room(older)
        newer = LinkId(100 + number)
        duplicates.begin(newer, older, is_ours_to_choose=False, is_crossing=False, now=at(0))
    assert not duplicates.has_room(LinkId(0))
    assert duplicates.has_room(LinkId(LINKS_WAITING_FURTHER_MAX))
