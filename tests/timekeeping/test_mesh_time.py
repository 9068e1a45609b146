"""Mesh time: wrong clocks are corrected by those who agree, and a jump deletes nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.ids import Instant, LinkId, Monotonic, UnixSeconds
from mesh.limits.timekeeping import CLOCKS_AGREE_SECONDS
from mesh.timekeeping.mesh_time import MeshClock, ToldTime
from tests.timekeeping.clocks import DAY, HOUR, RELEASED, TRUE, Laptop


def test_alone_the_own_clock_is_mesh_time() -> None:
    assert Laptop().mesh_error_s == 0
    assert Laptop(5 * DAY).mesh_error_s == 5 * DAY


def test_three_who_agree_correct_a_clock_that_is_early_or_late() -> None:
    for error_s in (-100 * DAY, -2 * HOUR, 2 * HOUR, 400 * DAY):
        laptop = Laptop(error_s)
        laptop.hear_all(0, 0)
        assert laptop.mesh_error_s == error_s
        laptop.hear(2)
        assert abs(laptop.mesh_error_s) <= 10


def test_a_minority_of_liars_moves_nobody() -> None:
    laptop = Laptop()
    laptop.hear_all(0, 3, DAY)
    assert laptop.mesh_error_s == 0
    wrong = Laptop(-DAY)
    wrong.hear_all(0, 5, 400 * DAY, -400 * DAY, 0)
    assert abs(wrong.mesh_error_s) <= 10


def test_a_right_clock_is_not_moved_by_one_that_is_wrong_and_another_that_repeats_it() -> None:
    laptop = Laptop()
    laptop.hear_all(0, 573 * DAY, 573 * DAY)
    assert laptop.mesh_error_s == 0
    laptop.hear(3, 573 * DAY)
    assert laptop.mesh_error_s > 500 * DAY
    # Who else is right brings it back.
    laptop.hear(4)
    assert laptop.mesh_error_s > 500 * DAY
    laptop.hear(5)
    laptop.hear(6)
    assert laptop.mesh_error_s == 0


def test_a_wrong_clock_follows_two_who_agree_against_a_third() -> None:
    laptop = Laptop(-5 * DAY)
    laptop.hear_all(0, 0, 40 * DAY)
    assert abs(laptop.mesh_error_s) <= 10


def test_without_a_group_larger_than_any_other_the_own_clock_stands() -> None:
    laptop = Laptop(2 * HOUR)
    laptop.hear_all(0, DAY, 2 * DAY)
    assert laptop.mesh_error_s == 2 * HOUR
    halves = Laptop(2 * HOUR)
    halves.hear_all(DAY, 2 * DAY, 3 * DAY, 0, 2 * HOUR)
    assert halves.mesh_error_s == 2 * HOUR


def test_a_difference_below_ten_minutes_is_left_alone() -> None:
    laptop = Laptop(-CLOCKS_AGREE_SECONDS + 10)
    laptop.hear_all(0, 0, 0)
    assert laptop.mesh_error_s == -CLOCKS_AGREE_SECONDS + 10
    assert laptop.clock.notices() == []


def test_nodes_that_follow_each_other_do_not_drift_away_together() -> None:
    laptops = [Laptop() for _ in range(4)]
    for link in range(50):
        for laptop in laptops:
            laptop.passed_s += 7
        for laptop in laptops:
            for other in laptops:
                laptop.hear(link, other.mesh_error_s)
    assert {laptop.mesh_error_s for laptop in laptops} == {0}


def test_with_fewer_links_a_clock_earlier_than_its_release_yields() -> None:
    laptop = Laptop(-TRUE)
    laptop.hear(0)
    assert abs(laptop.mesh_error_s) <= 10


def test_with_fewer_links_a_clock_later_than_its_release_stands() -> None:
    laptop = Laptop(-DAY)
    laptop.hear_all(0, 0)
    assert laptop.mesh_error_s == -DAY


def test_a_peer_from_the_past_does_not_pull_an_early_clock_further_back() -> None:
    laptop = Laptop(-300 * DAY)
    laptop.hear(0, -900 * DAY)
    assert laptop.mesh_error_s == -300 * DAY


def test_what_links_taught_stays_when_they_end() -> None:
    laptop = Laptop(2 * HOUR)
    laptop.hear_all(0, 0, 0)
    for link in range(3):
        laptop.clock.forget(LinkId(link))
    laptop.pass_time(5 * HOUR)
    assert abs(laptop.mesh_error_s) <= 10
    laptop.hear(3, DAY)
    assert abs(laptop.mesh_error_s) <= 10


def test_an_ended_link_no_longer_counts() -> None:
    laptop = Laptop(2 * HOUR)
    laptop.hear_all(0, 0)
    laptop.clock.forget(LinkId(0))
    laptop.clock.forget(LinkId(7))
    laptop.hear(2)
    assert laptop.mesh_error_s == 2 * HOUR


def test_a_node_is_steady_an_hour_after_its_start() -> None:
    laptop = Laptop()
    laptop.pass_time(HOUR - 1)
    assert not laptop.is_steady()
    laptop.pass_time(1)
    assert laptop.is_steady()


def test_after_a_jump_of_the_own_clock_mesh_time_is_unsteady_for_an_hour() -> None:
    for jump_s in (-DAY, DAY):
        laptop = Laptop()
        laptop.pass_time(2 * HOUR)
        assert laptop.is_steady()
        laptop.error_s = jump_s
        assert not laptop.is_steady()
        laptop.pass_time(HOUR - 1)
        assert not laptop.is_steady()
        laptop.pass_time(1)
        assert laptop.is_steady()


def test_what_neighbours_say_does_not_hold_up_what_lapses() -> None:
    laptop = Laptop()
    laptop.pass_time(2 * HOUR)
    for days in range(1, 5):
        laptop.hear_all(*3 * [days * DAY])
        laptop.pass_time(900)
        assert laptop.is_steady()


def test_the_drift_of_an_honest_clock_is_no_jump() -> None:
    laptop = Laptop()
    for _ in range(16):
        laptop.pass_time(900)
        laptop.error_s += 1
    assert laptop.is_steady()


def test_while_links_agree_a_jump_of_the_own_clock_does_not_move_mesh_time() -> None:
    for jump_s in (-2 * DAY, 2 * DAY):
        laptop = Laptop()
        laptop.hear_all(0, 0, 0)
        laptop.pass_time(HOUR)
        laptop.error_s += jump_s
        assert abs(laptop.mesh_error_s) <= 10


def test_a_wrong_clock_that_is_set_right_needs_no_correction_any_more() -> None:
    for links in (1, 3):
        laptop = Laptop(-TRUE)
        laptop.hear_all(*[0] * links)
        assert abs(laptop.mesh_error_s) <= 10
        laptop.error_s = 0
        assert laptop.mesh_error_s == 0
        assert laptop.clock.notices() == []


def test_alone_a_clock_that_is_set_right_is_followed() -> None:
    laptop = Laptop(-3 * DAY)
    laptop.error_s = 0
    assert laptop.mesh_error_s == 0


def test_a_person_is_told_once_that_the_clock_is_wrong_and_by_how_much() -> None:
    laptop = Laptop(-3 * HOUR)
    laptop.hear_all(0, 0, 0)
    (notice,) = laptop.clock.take_notices()
    assert "behind" in notice
    assert laptop.clock.notices() == [notice]
    laptop.hear(3)
    assert laptop.clock.take_notices() == []


def test_two_who_differ_by_a_day_are_both_told_and_neither_is_moved() -> None:
    one, other = Laptop(), Laptop(-DAY - 60)
    one.hear(0, other.mesh_error_s)
    other.hear(0, one.mesh_error_s)
    for laptop in (one, other):
        (notice,) = laptop.clock.take_notices()
        assert "check the date" in notice
    assert (one.mesh_error_s, other.mesh_error_s) == (0, -DAY - 60)


def test_two_who_differ_by_less_are_left_in_peace() -> None:
    laptop = Laptop()
    laptop.hear(0, DAY - 60)
    assert laptop.clock.take_notices() == []


@settings(max_examples=100)
@given(
    st.integers(-(2**33), 2**33),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2**32 - 1)), max_size=8),
    st.integers(-(2**33), 2**33),
)
def test_mesh_time_always_fits_a_header(
    error_s: int, heard: list[tuple[int, int]], jump_s: int
) -> None:
    laptop = Laptop(error_s)
    for link, said in heard:
        laptop.observe(link, said)
        assert 0 <= laptop.clock.at(laptop.now).mesh < 2**32
    laptop.error_s += jump_s
    assert 0 <= laptop.clock.at(laptop.now).mesh < 2**32


def test_a_clock_earlier_than_the_newest_stored_envelope_yields_to_one_peer() -> None:
    laptop = Laptop(error_s=-30 * DAY)
    laptop.hear(1)
    assert laptop.mesh_error_s == -30 * DAY, "it is later than the release, so nobody can tell"
    laptop.clock.stored(UnixSeconds(TRUE - DAY))
    laptop.hear(1)
    assert abs(laptop.mesh_error_s) <= 10


def test_an_envelope_from_tomorrow_does_not_let_one_liar_set_the_clock() -> None:
    laptop = Laptop(error_s=0)
    laptop.clock.stored(UnixSeconds(TRUE + DAY))
    laptop.hear(1, 79 * 365 * DAY)
    assert laptop.mesh_error_s == 0


def test_an_envelope_that_came_in_under_a_wrong_mesh_time_makes_no_right_clock_wrong() -> None:
    laptop = Laptop()
    laptop.hear_all(0, 0, 0)
    laptop.clock.stored(UnixSeconds(TRUE + 590 * DAY))
    assert laptop.told.is_vouched
    for link in range(3):
        laptop.clock.forget(LinkId(link))
    laptop.hear(3, 590 * DAY)
    assert laptop.mesh_error_s == 0
    laptop.error_s = -30 * DAY
    assert not laptop.told.is_vouched, "it was later before"


def test_a_clock_that_stood_still_while_it_was_off_follows_a_neighbour() -> None:
    laptop = Laptop()
    laptop.hear_all(0, 0, 0)
    for _ in range(DAY // 60):
        laptop.passed_s += 60
        laptop.tend()
    laptop.restart(off_s=60 * DAY, error_s=-60 * DAY)
    laptop.clock.stored(UnixSeconds(TRUE + laptop.passed_s))
    laptop.hear(0)
    assert not laptop.told.is_vouched
    assert abs(laptop.mesh_error_s) <= 10


def test_the_middle_one_of_those_who_agree_is_followed() -> None:
    laptop = Laptop(-DAY)
    laptop.hear_all(100, 200, 300, 400, 20 * DAY)
    assert laptop.mesh_error_s == 300
    laptop = Laptop(-DAY)
    laptop.hear_all(-20 * DAY, -30 * DAY, 100, 200, 300)
    assert laptop.mesh_error_s == 200


def test_more_must_agree_than_in_any_other_group() -> None:
    for errors_s, is_moved in (
        ((-40 * DAY, -80 * DAY, 0, 0), True),
        ((-40 * DAY, -40 * DAY, 0, 0), False),
        ((-40 * DAY, -40 * DAY, 0, 0, 0), True),
        ((-40 * DAY, -80 * DAY, 40 * DAY, 0), False),
        ((-DAY, 0, 0), False),
        ((-DAY, 0, 0, 0), True),
    ):
        laptop = Laptop(-DAY)
        laptop.hear_all(*errors_s)
        assert (abs(laptop.mesh_error_s) <= 10) == is_moved, errors_s


def test_agreement_reaches_ten_minutes_to_both_sides_of_the_middle() -> None:
    for spread_s, is_moved in ((CLOCKS_AGREE_SECONDS, True), (CLOCKS_AGREE_SECONDS + 10, False)):
        laptop = Laptop(-DAY)
        laptop.hear_all(-spread_s, 0, spread_s)
        assert (laptop.mesh_error_s == 0) == is_moved


def test_a_clock_that_is_ten_minutes_wrong_stands_and_ten_seconds_more_are_corrected() -> None:
    laptop = Laptop(CLOCKS_AGREE_SECONDS)
    laptop.hear_all(0, 0, 0)
    assert laptop.mesh_error_s == CLOCKS_AGREE_SECONDS
    laptop = Laptop(CLOCKS_AGREE_SECONDS + 10)
    laptop.hear_all(0, 0, 0)
    assert laptop.mesh_error_s == 0


def test_three_who_do_not_agree_do_not_move_even_a_clock_earlier_than_its_release() -> None:
    laptop = Laptop(-TRUE)
    for link, said in enumerate((DAY, 0, TRUE)):
        laptop.observe(link, said)
    assert laptop.mesh_error_s == DAY - TRUE, "it yielded to the first, while there was one"


def test_a_correction_that_goes_on_is_no_jump() -> None:
    laptop = Laptop(-2 * DAY)
    laptop.hear_all(0, 0, 0)
    laptop.pass_time(HOUR)
    assert laptop.is_steady()
    laptop.hear_all(10, 10, 10)
    assert laptop.is_steady()


def test_the_own_clock_may_drift_a_minute_between_two_looks() -> None:
    for drift_s, is_steady in ((60, True), (61, False), (-60, True), (-61, False)):
        laptop = Laptop()
        laptop.pass_time(2 * HOUR)
        laptop.error_s += drift_s
        assert laptop.is_steady() == is_steady


@pytest.mark.parametrize(
    "error_s, words",
    [
        (-11 * 60 + 1, "10 minutes behind"),
        (-119 * 60, "119 minutes behind"),
        (-120 * 60, "2 hours behind"),
        (179 * 60, "2 hours ahead"),
        (48 * HOUR - 10, "47 hours ahead"),
        (48 * HOUR, "2 days ahead"),
        (-71 * HOUR, "2 days behind"),
        (-72 * HOUR, "3 days behind"),
    ],
)
def test_a_person_is_told_how_wrong_the_clock_is(error_s: int, words: str) -> None:
    laptop = Laptop(error_s)
    for link in range(3):
        laptop.observe(link, TRUE)
    assert laptop.clock.notices() == [
        f"This computer's clock is {words}; the neighbours' time is used for mail."
    ]


def test_a_dispute_begins_at_a_day_and_is_told_whole() -> None:
    words = (
        "This computer's clock and a neighbour's differ by a day or more, and none can tell who"
        " is right; check the date."
    )
    for error_s, told in ((DAY - 10, []), (DAY, [words]), (-DAY, [words])):
        laptop = Laptop()
        laptop.hear(0, error_s)
        assert laptop.clock.notices() == told


def test_those_who_agree_end_a_dispute() -> None:
    laptop = Laptop()
    laptop.hear_all(0, 2 * DAY)
    assert len(laptop.clock.notices()) == 1
    laptop.hear_all(0, 2 * DAY, 0)
    assert laptop.clock.notices() == []


def test_notices_wait_until_they_are_taken() -> None:
    laptop = Laptop()
    laptop.hear(0, 2 * DAY)
    laptop.hear_all(-DAY, -DAY, -DAY)
    first, second = laptop.clock.take_notices()
    assert "check the date" in first
    assert "24 hours ahead" in second
    assert laptop.clock.take_notices() == []


def test_a_clock_before_all_time_says_zero() -> None:
    laptop = Laptop(-TRUE - HOUR)
    assert laptop.clock.at(laptop.now).mesh == 0


def test_an_early_clock_without_peers_may_jump() -> None:
    laptop = Laptop(-TRUE)
    laptop.error_s += HOUR
    assert laptop.mesh_error_s == HOUR - TRUE


def test_a_jump_by_a_part_of_a_second_leaves_whole_seconds() -> None:
    clock = MeshClock(RELEASED)
    before = Instant(Monotonic(0), (TRUE - DAY) * 1_000_000)
    assert clock.at(before).mesh == TRUE - DAY
    for link in range(3):
        told = ToldTime(UnixSeconds(TRUE), is_vouched=True)
        clock.observe(LinkId(link), told, said=told, now=before)
    after = Instant(Monotonic(0), (TRUE - 2 * DAY) * 1_000_000 + 500_000)
    found = clock.at(after).mesh
    assert isinstance(found, int)
    assert abs(found - TRUE) <= 1
