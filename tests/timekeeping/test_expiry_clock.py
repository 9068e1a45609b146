"""Expiry time: the middle of three witnesses, of which any one may be wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.ids import Instant, Monotonic, UnixSeconds
from mesh.limits.timekeeping import (
    AWAY_SECONDS_MAX,
    EXPIRY_CLOCK_KEPT_MS,
    STEADY_RESTART_GAP_SECONDS_MAX,
)
from mesh.timekeeping.expiry_clock import ExpiryClock
from tests.timekeeping.clocks import DAY, HOUR, RELEASED, TRUE, Laptop

YEAR = 365 * DAY
DAYS = st.integers(-3_000, 3_000).map(lambda days: days * DAY)


def run_for(laptop: Laptop, seconds: int) -> None:
    """Let time pass, and let the laptop write down what it has to."""
    for _ in range(seconds // 60):
        laptop.passed_s += 60
        laptop.tend()


def a_friend_of_three() -> Laptop:
    """A laptop that has been on for a day among neighbours who agree with it."""
    laptop = Laptop()
    laptop.hear_all(0, 0, 0)
    run_for(laptop, DAY)
    return laptop


@given(DAYS)
def test_neighbours_alone_move_nothing(error_s: int) -> None:
    laptop = a_friend_of_three()
    for link in range(6):
        laptop.hear(10 + link, error_s)
    assert abs(laptop.expiry_error_s) <= 10


@given(DAYS)
def test_a_wrong_calendar_moves_nothing_where_neighbours_say_otherwise(error_s: int) -> None:
    laptop = a_friend_of_three()
    laptop.restart(off_s=0, error_s=error_s)
    laptop.hear_all(0, 0, 0)
    assert abs(laptop.expiry_error_s) <= HOUR


@given(error_s=DAYS, theirs_s=DAYS, off_days=st.integers(0, 60))
def test_after_a_time_off_neighbours_move_it_within_that_time(
    error_s: int, theirs_s: int, off_days: int
) -> None:
    laptop = a_friend_of_three()
    laptop.restart(off_s=off_days * DAY)
    laptop.hear_all(*6 * [theirs_s])
    assert -off_days * DAY - HOUR <= laptop.expiry_error_s <= 0


def test_alone_the_own_calendar_counts() -> None:
    laptop = Laptop()
    run_for(laptop, 2 * HOUR)
    laptop.restart(off_s=20 * DAY)
    assert laptop.expiry_error_s == 0
    assert not laptop.is_steady()
    run_for(laptop, HOUR)
    assert laptop.expiry_error_s == 0
    assert laptop.is_steady()


@pytest.mark.parametrize("error_s", [-TRUE, -10 * YEAR, AWAY_SECONDS_MAX + DAY, 10 * YEAR])
def test_a_calendar_that_nobody_can_believe_lapses_nothing_early(error_s: int) -> None:
    laptop = a_friend_of_three()
    laptop.restart(off_s=3 * DAY, error_s=error_s)
    run_for(laptop, 5 * HOUR)
    assert laptop.is_steady()
    assert -3 * DAY - HOUR <= laptop.expiry_error_s <= 0
    assert "clock is" in laptop.clock.notices()[0]
    # What is wrong today is not believed tomorrow.
    laptop.restart(off_s=DAY, error_s=error_s)
    run_for(laptop, 5 * HOUR)
    assert laptop.expiry_error_s <= 0
    # The person sets it right.
    laptop.error_s = 0
    assert laptop.expiry_error_s == 0
    assert laptop.clock.notices() == []


def test_of_a_calendar_that_is_behind_nothing_lapses_early_and_a_majority_helps() -> None:
    laptop = a_friend_of_three()
    laptop.restart(off_s=0, error_s=-41 * DAY)
    assert laptop.expiry_error_s == -41 * DAY
    laptop.hear_all(0, 0, 0)
    assert abs(laptop.expiry_error_s) <= HOUR


def test_who_was_wrong_from_the_first_day_and_is_set_right_loses_nothing() -> None:
    for error_s in (41 * DAY, YEAR, 10 * YEAR):
        laptop = Laptop(error_s)
        run_for(laptop, 3 * HOUR)
        laptop.restart(off_s=DAY, error_s=0)
        assert laptop.expiry_error_s == 0


def test_who_was_wrong_from_the_first_day_follows_neighbours_back() -> None:
    laptop = Laptop(YEAR)
    run_for(laptop, 3 * HOUR)
    laptop.hear_all(0, 0, 0)
    assert laptop.expiry_error_s <= 10


def test_a_year_in_a_drawer_is_believed_once_somebody_else_says_so() -> None:
    for is_by_contact in (True, False):
        laptop = a_friend_of_three()
        laptop.restart(off_s=YEAR)
        assert laptop.expiry_error_s < -YEAR + DAY
        if is_by_contact:
            laptop.clock.expiry.opened(UnixSeconds(laptop.now.unix_seconds - DAY))
        else:
            laptop.hear_all(0, 0, 0)
        assert laptop.expiry_error_s >= -DAY
        assert laptop.clock.notices() == []


def test_a_contact_from_the_future_moves_nothing() -> None:
    laptop = a_friend_of_three()
    laptop.clock.expiry.opened(UnixSeconds(TRUE + 10 * YEAR))
    assert laptop.expiry_error_s == 0


# --- Contacts who follow this very clock ---------------------------------------------------------

AHEAD = 590 * DAY


def an_echoed_clock() -> Laptop:
    """A laptop whose clock is years ahead, alone with a contact who follows it and wrote so."""
    laptop = a_friend_of_three()
    laptop.restart(off_s=0, error_s=AHEAD)
    run_for(laptop, 2 * HOUR)
    assert laptop.expiry_error_s <= 0
    laptop.clock.expiry.opened(laptop.now.unix_seconds)
    return laptop


def test_a_contact_who_follows_a_wrong_clock_outweighs_no_majority() -> None:
    laptop = an_echoed_clock()
    run_for(laptop, 2 * HOUR)
    assert laptop.expiry_error_s == AHEAD, "nobody says otherwise"
    laptop.hear_all(0, 0, 0)
    assert abs(laptop.expiry_error_s) <= HOUR
    assert "neighbours say otherwise" in laptop.clock.notices()[0]
    laptop.error_s = 0
    assert laptop.expiry_error_s == 0
    assert laptop.clock.notices() == []


def test_nor_one_neighbour_who_vouches() -> None:
    laptop = an_echoed_clock()
    laptop.hear(0)
    run_for(laptop, 2 * HOUR)
    assert abs(laptop.expiry_error_s) <= HOUR
    laptop.hear(1, AHEAD, is_vouched=False)
    assert abs(laptop.expiry_error_s) <= HOUR, "it repeats what we said"


def test_what_was_refuted_is_refuted_after_a_restart() -> None:
    laptop = an_echoed_clock()
    run_for(laptop, 2 * HOUR)
    laptop.hear_all(0, 0, 0)
    laptop.tend()
    laptop.restart(off_s=60)
    laptop.clock.expiry.opened(laptop.now.unix_seconds)
    run_for(laptop, 2 * HOUR)
    assert abs(laptop.expiry_error_s) <= HOUR


def test_a_year_in_a_drawer_that_was_refuted_is_believed_once_a_neighbour_vouches_for_it() -> None:
    laptop = a_friend_of_three()
    laptop.restart(off_s=YEAR)
    laptop.clock.expiry.opened(laptop.now.unix_seconds)
    laptop.hear_all(-YEAR, -YEAR, -YEAR)
    assert -YEAR - HOUR <= laptop.expiry_error_s <= 0
    laptop.restart(off_s=0)
    laptop.clock.expiry.opened(laptop.now.unix_seconds)
    laptop.hear(0, HOUR)
    assert laptop.expiry_error_s == 0


def test_a_contact_who_says_neither_this_nor_that_moves_nothing() -> None:
    laptop = a_friend_of_three()
    laptop.restart(off_s=0, error_s=AHEAD)
    laptop.clock.expiry.opened(UnixSeconds(TRUE + AHEAD - AWAY_SECONDS_MAX - 10 * DAY))
    run_for(laptop, 2 * HOUR)
    assert laptop.expiry_error_s <= 0
    laptop.restart(off_s=0)
    assert laptop.expiry_error_s <= 0


def test_a_contact_who_follows_a_wrong_clock_leads_it_nowhere_by_steps() -> None:
    laptop = a_friend_of_three()
    for step in range(1, 5):
        laptop.restart(off_s=60, error_s=step * 80 * DAY)
        laptop.hear_all(0, 0, 0)
        laptop.clock.expiry.opened(laptop.now.unix_seconds)
        run_for(laptop, 2 * HOUR)
    assert abs(laptop.expiry_error_s) <= 2 * HOUR


def test_one_neighbour_who_is_wrong_refutes_no_household_that_was_away_once() -> None:
    laptop = a_friend_of_three()
    laptop.restart(off_s=100 * DAY)
    for _ in range(5):
        laptop.clock.expiry.opened(laptop.now.unix_seconds)
        run_for(laptop, 2 * HOUR)
        laptop.hear(0)
        run_for(laptop, HOUR)
        laptop.restart(off_s=DAY)
    laptop.clock.expiry.opened(laptop.now.unix_seconds)
    laptop.hear(0, -2 * DAY)
    run_for(laptop, 2 * HOUR)
    assert abs(laptop.expiry_error_s) <= HOUR


def test_the_store_does_not_tell_when_a_contact_wrote() -> None:
    kept = []
    for is_opened in (False, True):
        laptop = Laptop()
        run_for(laptop, 2 * HOUR)
        if is_opened:
            laptop.clock.expiry.opened(laptop.now.unix_seconds)
        run_for(laptop, 2 * HOUR)
        laptop.clock.expiry.jumped(laptop.now)
        kept.append(laptop.clock.expiry.take_kept(laptop.now))
    assert kept[0] == kept[1] is not None


def test_what_was_kept_by_releases_before_goes_on() -> None:
    clock = ExpiryClock(b"".join(each.to_bytes(4) for each in (TRUE, TRUE, TRUE, 3_600)), RELEASED)
    wrong = Instant(Monotonic(0), (TRUE + AHEAD) * 1_000_000)
    assert clock.read(wrong, wrong.unix_seconds) == TRUE


def test_a_store_full_of_mail_bounds_the_first_calendar() -> None:
    """It was filled by a release that wrote nothing down of clocks."""
    clock = ExpiryClock(released=RELEASED, newest=TRUE)
    late = Instant(Monotonic(0), (TRUE + 10 * YEAR) * 1_000_000)
    assert clock.read(late, late.unix_seconds) < TRUE


# --- Steady -------------------------------------------------------------------------------------


def test_the_hour_goes_on_over_restarts() -> None:
    laptop = Laptop()
    for _ in range(3):
        run_for(laptop, 15 * 60)
        assert not laptop.is_steady()
        laptop.restart(off_s=DAY)
    run_for(laptop, 15 * 60)
    assert laptop.is_steady()
    laptop.restart(off_s=6 * DAY)
    assert not laptop.is_steady(), "neighbours that are there are heard first"
    run_for(laptop, 5 * 60)
    assert laptop.is_steady()


@pytest.mark.parametrize("off_s", [STEADY_RESTART_GAP_SECONDS_MAX + HOUR, -HOUR])
def test_the_hour_begins_anew_where_the_calendar_did_not_go_on(off_s: int) -> None:
    laptop = a_friend_of_three()
    laptop.restart(off_s=max(off_s, 0), error_s=min(off_s, 0))
    run_for(laptop, HOUR - 60)
    assert not laptop.is_steady()
    run_for(laptop, 60)
    assert laptop.is_steady()


def test_a_jump_that_a_restart_follows_is_not_forgotten() -> None:
    laptop = a_friend_of_three()
    laptop.error_s = 2 * DAY
    laptop.tend()
    laptop.restart(off_s=60, error_s=2 * DAY)
    run_for(laptop, 30 * 60)
    assert not laptop.is_steady()


def test_little_is_written() -> None:
    laptop = Laptop()
    run_for(laptop, HOUR)
    assert laptop.written_count == 12
    run_for(laptop, DAY)
    assert laptop.written_count <= 12 + DAY * 1000 // EXPIRY_CLOCK_KEPT_MS
