"""Timers that run while clocks are set, nodes are off, and clocks are not steady."""

import pytest

from mesh.commands.conversations import ReadItems
from mesh.commands.item_commands import WriteItem
from mesh.messenger.conversations import running_timers
from mesh.storage.connection import transaction
from tests.messenger.doing import both, do, item, said
from tests.messenger.people import DAY_S, Person, exchange
from tests.messenger.test_machines import restored

HOUR_S = 3_600


def read_by_bob(timer: int, *, wall_error_s: int = 0) -> tuple[Person, int]:
    """Bob reads a text under a timer, with his calendar off by so much."""
    ann, bob = both()
    bob.wall_error_s = wall_error_s
    bob.tend()
    return bob, reads(bob, ann, timer)


def reads(bob: Person, ann: Person, timer: int) -> int:
    """Bob reads a text of Ann's under a timer."""
    _, theirs = said(ann, bob, WriteItem("Bob", text="for a while", timer=timer))
    bob.ask(ReadItems("Ann", until=theirs.number))
    bob.tend()
    return theirs.number


def starts_after(bob: Person, off_s: int) -> None:
    """Bob's node was off, and does not know yet how late it is."""
    bob.clock.pass_by(off_s)
    bob.restart()
    bob.is_clock_steady = False
    bob.tend()


def passes(bob: Person, seconds: int, *, step_s: int = 600) -> None:
    """Time passes while Bob's node is on."""
    for _ in range(0, seconds, step_s):
        bob.clock.pass_by(step_s)
        bob.tend()


def passes_as_due(person: Person, seconds: int) -> int:
    """The same, and a node does only what is due, as an engine has it; return how often."""
    count, left_us = 0, seconds * 1_000_000
    while left_us > 0:
        deadline = person.messenger.deadline()
        assert deadline is not None
        # The times of these tests are whole seconds.
        wait_us = min(left_us, -(-max(0, deadline - person.now.monotonic) // 1_000_000) * 1_000_000)
        person.clock.pass_by(wait_us / 1_000_000)
        left_us -= wait_us
        if person.now.monotonic >= deadline:
            person.tend()
            count += 1
            assert count <= seconds // 60 + 2, "it is due again and again"
    return count


def is_there(bob: Person, number: int) -> bool:
    return item(bob, number).gone == ""


@pytest.mark.parametrize("is_off", [False, True])
def test_a_calendar_that_was_behind_and_is_set_right_erases_nothing_early(*, is_off: bool) -> None:
    bob, number = read_by_bob(2 * DAY_S, wall_error_s=-3 * DAY_S)
    bob.wall_error_s = 0
    bob.is_clock_steady = False
    bob.tend()
    if is_off:
        # Once that was seen, the node may be off as well.
        bob.restart()
    passes(bob, HOUR_S)
    bob.is_clock_steady = True
    passes(bob, DAY_S, step_s=HOUR_S)
    assert is_there(bob, number)
    assert 0 < item(bob, number).disappears - bob.now.expiry <= DAY_S
    passes(bob, DAY_S, step_s=HOUR_S)
    assert not is_there(bob, number)


def test_what_ran_before_a_start_moves_along_when_the_calendar_is_set_hours_later() -> None:
    bob, number = read_by_bob(2 * DAY_S, wall_error_s=-3 * DAY_S)
    bob.restart()
    passes(bob, 2 * HOUR_S)
    bob.wall_error_s = 0
    bob.tend()
    assert is_there(bob, number)
    assert item(bob, number).disappears == bob.now.expiry + 2 * DAY_S - 2 * HOUR_S


def test_a_calendar_that_is_set_by_little_erases_nothing_early() -> None:
    bob, number = read_by_bob(HOUR_S)
    passes(bob, HOUR_S - 600)
    bob.wall_error_s = 590
    bob.clock.pass_by(15)
    bob.tend()
    assert is_there(bob, number)
    assert item(bob, number).disappears == bob.now.expiry + 585
    passes(bob, 600)
    assert not is_there(bob, number)


@pytest.mark.parametrize("is_steady", [False, True])
def test_what_was_read_under_a_calendar_that_was_ahead_is_not_kept_for_long(
    *, is_steady: bool
) -> None:
    bob, number = read_by_bob(HOUR_S, wall_error_s=40 * DAY_S)
    bob.wall_error_s = 0
    bob.restart()
    bob.is_clock_steady = False
    bob.tend()
    passes(bob, HOUR_S - 600)
    assert is_there(bob, number)
    if is_steady:
        bob.is_clock_steady = True
        bob.tend()
        assert 0 < item(bob, number).disappears - bob.now.expiry <= 600
    passes(bob, 600)
    assert not is_there(bob, number)


def test_after_a_restart_a_timer_runs_on_also_while_the_clock_is_not_steady() -> None:
    bob, number = read_by_bob(600)
    bob.restart()
    bob.is_clock_steady = False
    bob.tend()
    passes(bob, 540, step_s=60)
    assert is_there(bob, number)
    passes(bob, 60, step_s=60)
    assert not is_there(bob, number)


def test_what_was_over_while_the_node_was_off_waits_for_a_steady_clock_and_no_longer() -> None:
    bob, number = read_by_bob(DAY_S)
    bob.clock.pass_by(5 * DAY_S)
    bob.restart()
    bob.is_clock_steady = False
    passes(bob, HOUR_S)
    assert is_there(bob, number)
    bob.is_clock_steady = True
    bob.tend()
    assert not is_there(bob, number)


def test_a_calendar_that_learns_after_the_start_how_long_the_node_was_off_counts_that() -> None:
    bob, number = read_by_bob(2 * DAY_S)
    # It has no clock of its own that goes on: at first it is as late as it was.
    bob.clock.pass_by(5 * DAY_S)
    bob.wall_error_s = -5 * DAY_S
    bob.restart()
    bob.is_clock_steady = False
    bob.tend()
    bob.wall_error_s = 0
    passes(bob, HOUR_S)
    assert is_there(bob, number)
    # What was over already by what was seen last waits as well.
    bob.restart()
    bob.tend()
    assert is_there(bob, number)
    bob.is_clock_steady = True
    bob.tend()
    assert not is_there(bob, number)


def test_a_start_under_a_calendar_that_is_ahead_erases_nothing_once_it_is_set_right() -> None:
    bob, number = read_by_bob(10 * DAY_S)
    bob.wall_error_s = 30 * DAY_S
    bob.clock.pass_by(DAY_S)
    bob.restart()
    bob.is_clock_steady = False
    bob.tend()
    assert is_there(bob, number)
    bob.wall_error_s = 0
    bob.tend()
    bob.is_clock_steady = True
    passes(bob, 8 * DAY_S, step_s=DAY_S // 4)
    assert is_there(bob, number)
    passes(bob, 2 * DAY_S, step_s=DAY_S // 4)
    assert not is_there(bob, number)


@pytest.mark.parametrize("is_set_at_a_start", [False, True])
@pytest.mark.parametrize("error_s", [-30 * DAY_S, -3 * DAY_S, -HOUR_S, 8 * HOUR_S, 25 * DAY_S])
def test_a_calendar_that_is_wrong_at_a_start_and_soon_right_erases_nothing_early(
    error_s: int, *, is_set_at_a_start: bool
) -> None:
    """A battery that is empty, a computer without one, another system on the same computer."""
    bob, number = read_by_bob(2 * DAY_S)
    passes(bob, 3 * HOUR_S, step_s=HOUR_S)
    bob.wall_error_s = error_s
    bob.restart()
    bob.is_clock_steady = False
    passes(bob, 600, step_s=60)
    bob.wall_error_s = 0
    if is_set_at_a_start:
        bob.restart()
    passes(bob, HOUR_S)
    bob.is_clock_steady = True
    bob.tend()
    passes(bob, 43 * HOUR_S, step_s=HOUR_S)
    assert is_there(bob, number)
    passes(bob, 2 * HOUR_S, step_s=HOUR_S)
    assert not is_there(bob, number)


@pytest.mark.parametrize("is_restarted", [False, True])
def test_what_is_read_soon_after_a_time_off_does_not_go_early_for_that(
    *, is_restarted: bool
) -> None:
    """A run that ends before its clock is steady does not learn how late it was."""
    ann, bob = both()
    bob.tend()
    starts_after(bob, 14 * DAY_S)
    number = reads(bob, ann, 7 * DAY_S)
    passes(bob, 1_800)
    assert item(bob, number).disappears == bob.now.expiry + 7 * DAY_S - 1_800
    if is_restarted:
        bob.clock.pass_by(12 * HOUR_S)
        bob.restart()
        passes(bob, 1_200)
        assert is_there(bob, number)
    bob.is_clock_steady = True
    bob.tend()
    left_s = item(bob, number).disappears - bob.now.expiry
    # For how long it was off since it was read is not known in another run.
    assert 7 * DAY_S - 3_600 <= left_s <= 7 * DAY_S - 1_800
    passes(bob, 6 * DAY_S, step_s=6 * HOUR_S)
    assert is_there(bob, number)
    # It is counted once: from now on a time off is one.
    bob.clock.pass_by(DAY_S)
    bob.restart()
    bob.tend()
    assert not is_there(bob, number)


def test_what_is_read_in_the_first_run_of_all_does_not_go_early() -> None:
    """Nothing says yet how late it was, but what the clock said at chores of before."""
    ann, bob = both()
    bob.tend()
    with transaction(bob.connection):
        bob.connection.execute("DELETE FROM marks WHERE name = 'time of timers'")
    starts_after(bob, 5 * DAY_S)
    number = reads(bob, ann, DAY_S)
    bob.restart()
    passes(bob, HOUR_S)
    bob.is_clock_steady = True
    bob.tend()
    assert is_there(bob, number)


def test_a_node_on_which_no_timer_ran_is_not_taken_to_have_been_off() -> None:
    ann, bob = both()
    bob.wall_error_s = 3 * DAY_S
    passes(bob, 10 * DAY_S, step_s=6 * HOUR_S)
    starts_after(bob, 60)
    number = reads(bob, ann, 7 * DAY_S)
    bob.restart()
    bob.tend()
    passes(bob, HOUR_S)
    bob.is_clock_steady = True
    bob.tend()
    bob.wall_error_s = 0
    bob.tend()
    # A clock that is set back takes back first what it said of the time off: nothing.
    assert item(bob, number).disappears - bob.now.expiry <= 7 * DAY_S - HOUR_S + 600


def test_what_is_written_soon_after_a_time_off_does_not_go_early_either() -> None:
    ann, bob = both()
    bob.tend()
    starts_after(bob, 5 * DAY_S)
    mine = do(bob, WriteItem("Ann", text="mine", timer=DAY_S))
    exchange(ann, bob)
    bob.tend()
    bob.restart()
    passes(bob, HOUR_S)
    bob.is_clock_steady = True
    bob.tend()
    assert is_there(bob, mine.number)
    passes(bob, DAY_S, step_s=HOUR_S)
    assert not is_there(bob, mine.number)


@pytest.mark.parametrize("goes_on", ["here", "after a restart"])
@pytest.mark.parametrize("is_right", [False, True])
def test_a_calendar_that_is_set_back_while_the_node_runs_erases_nothing_early(
    *, is_right: bool, goes_on: str
) -> None:
    """By mistake, and corrected before the clock is steady; or since it was wrong before."""
    ann, bob = both()
    bob.wall_error_s = 3 * DAY_S if is_right else 0
    bob.tend()
    before = reads(bob, ann, 2 * DAY_S)
    passes(bob, HOUR_S)
    bob.wall_error_s -= 3 * DAY_S
    bob.is_clock_steady = False
    bob.tend()
    assert item(bob, before).disappears == bob.now.expiry + 2 * DAY_S - HOUR_S
    meanwhile = reads(bob, ann, 2 * DAY_S)
    passes(bob, 1_200)
    assert item(bob, meanwhile).disappears == bob.now.expiry + 2 * DAY_S - 1_200
    bob.wall_error_s = 0
    if goes_on == "after a restart":
        bob.clock.pass_by(60)
        bob.restart()
    passes(bob, HOUR_S)
    bob.is_clock_steady = True
    passes(bob, 2 * DAY_S - 2 * HOUR_S - 1_800)
    assert is_there(bob, before)
    passes(bob, 1_200)
    assert not is_there(bob, before)
    assert is_there(bob, meanwhile)
    passes(bob, HOUR_S)
    assert not is_there(bob, meanwhile)


def test_a_time_off_that_is_taken_back_is_so_also_over_a_restart() -> None:
    """A calendar that is ahead for more than an hour after a start, and then is set right."""
    bob, number = read_by_bob(5 * DAY_S)
    bob.wall_error_s = 3 * DAY_S
    bob.restart()
    bob.tend()
    assert item(bob, number).disappears == bob.now.expiry + 2 * DAY_S
    bob.wall_error_s, bob.is_clock_steady = 0, False
    bob.tend()
    bob.restart()
    passes(bob, HOUR_S)
    bob.is_clock_steady = True
    passes(bob, 5 * DAY_S - 2 * HOUR_S, step_s=HOUR_S)
    assert is_there(bob, number)
    passes(bob, HOUR_S, step_s=HOUR_S)
    assert not is_there(bob, number)


def test_a_calendar_that_was_behind_and_is_set_twice_erases_nothing_early() -> None:
    """Once back, and then right: of a run that had been steady nothing is a time off."""
    bob, number = read_by_bob(2 * DAY_S, wall_error_s=-3 * DAY_S)
    bob.restart()
    bob.tend()
    bob.wall_error_s, bob.is_clock_steady = -4 * DAY_S, False
    bob.tend()
    bob.wall_error_s = 0
    passes(bob, HOUR_S)
    bob.is_clock_steady = True
    passes(bob, 2 * DAY_S - 2 * HOUR_S, step_s=HOUR_S)
    assert is_there(bob, number)
    passes(bob, HOUR_S, step_s=HOUR_S)
    assert not is_there(bob, number)


@pytest.mark.parametrize("is_in_memory", [True, False])
@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize("off_s, back_s", [(600, 10), (DAY_S, 10), (5 * DAY_S, 2), (5 * DAY_S, 10)])
def test_a_calendar_that_is_set_back_after_a_time_off_erases_nothing_early(
    off_s: int,
    back_s: int,
    *,
    is_restarted: bool,
    is_in_memory: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The time off that was said before is taken back, and proves true at the next start."""
    ann, bob = both()
    bob.tend()
    starts_after(bob, off_s)
    passes(bob, HOUR_S)
    bob.is_clock_steady = True
    bob.tend()
    if not is_in_memory:
        monkeypatch.setattr(running_timers, "TIMERS_IN_MEMORY_MAX", 0)
    number = reads(bob, ann, 7 * DAY_S)
    bob.wall_error_s = -back_s * DAY_S
    bob.is_clock_steady = False
    bob.tend()
    assert item(bob, number).disappears == bob.now.expiry + 7 * DAY_S
    passes(bob, 600)
    bob.wall_error_s = 0
    if is_restarted:
        bob.restart()
    passes(bob, HOUR_S)
    bob.is_clock_steady = True
    passes(bob, 7 * DAY_S - HOUR_S - 1_200, step_s=2_400)
    assert is_there(bob, number)
    # Beyond memory it may go later by what was taken back, and then goes in any case.
    passes(bob, 1_200 if is_in_memory else off_s + HOUR_S)
    assert not is_there(bob, number)


def test_what_is_on_for_less_than_an_hour_at_a_time_lets_things_disappear() -> None:
    """Its clock is never steady, so only what was noted of each run counts."""
    bob, number = read_by_bob(2 * HOUR_S)
    for _ in range(2):
        starts_after(bob, 10 * DAY_S)
        passes_as_due(bob, 3_000)
        assert is_there(bob, number)
    starts_after(bob, 10 * DAY_S)
    passes_as_due(bob, 3_000)
    assert not is_there(bob, number)


def test_once_it_is_known_how_late_it_is_nothing_is_noted_more_often_than_chores_are_done() -> None:
    bob, number = read_by_bob(2 * DAY_S)
    starts_after(bob, 60)
    assert 10 <= passes_as_due(bob, HOUR_S) <= 20
    bob.is_clock_steady = True
    bob.tend()
    assert passes_as_due(bob, 10 * HOUR_S) <= 20
    assert is_there(bob, number)


def test_on_a_former_machine_things_disappear_too() -> None:
    ann, _ = both()
    mine = do(ann, WriteItem("me", text="for a while", timer=2 * HOUR_S))
    other = restored(ann)
    other.tend()
    posted = other.post()
    starts_after(ann, 60)
    ann.receive(posted)
    assert ann.messenger.summary().is_former_machine
    passes_as_due(ann, 2 * HOUR_S - 600)
    assert is_there(ann, mine.number)
    passes_as_due(ann, 1_200)
    assert not is_there(ann, mine.number)
