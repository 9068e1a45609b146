"""Changes of clocks: chores are due once for each, and not for every word of a liar."""

from mesh.ids import Instant, Monotonic, UnixSeconds
from mesh.limits.timekeeping import CLOCK_CHANGES_INTERVAL_MS, CLOCK_JUMP_SECONDS
from mesh.timekeeping.clock_changes import ClockChanges
from tests.timekeeping.clocks import DAY, TRUE

INTERVAL_S = CLOCK_CHANGES_INTERVAL_MS // 1000


def at(passed_s: int, mesh_error_s: int = 0, expiry_error_s: int = 0) -> Instant:
    wall_s = TRUE + passed_s
    mesh, expiry = (UnixSeconds(wall_s + error_s) for error_s in (mesh_error_s, expiry_error_s))
    return Instant(Monotonic(passed_s * 1_000_000), wall_s * 1_000_000, mesh, expiry)


def test_once_a_clock_has_become_steady() -> None:
    changes = ClockChanges()
    changes.seen(at(0), is_steady=False)
    assert not changes.are_there(at(1), is_steady=False)
    assert changes.are_there(at(2), is_steady=True)
    changes.seen(at(2), is_steady=True)
    assert not changes.are_there(at(3), is_steady=True)


def test_once_mesh_time_has_moved() -> None:
    changes = ClockChanges()
    assert not changes.are_there(at(0), is_steady=False)
    changes.seen(at(0), is_steady=False)
    assert not changes.are_there(at(1, CLOCK_JUMP_SECONDS), is_steady=False)
    assert changes.are_there(at(1, -DAY), is_steady=False)
    changes.seen(at(1, -DAY), is_steady=False)
    assert not changes.are_there(at(2, -DAY), is_steady=False)


def test_that_one_time_has_moved_does_not_make_the_move_of_the_other_wait() -> None:
    changes = ClockChanges()
    changes.seen(at(0, 9 * DAY, -9 * DAY), is_steady=False)
    for now in (at(1, 9 * DAY, 0), at(2)):
        assert changes.are_there(now, is_steady=False)
        changes.seen(now, is_steady=False)
    assert not changes.are_there(at(3), is_steady=False)


def test_however_often_it_moves_it_counts_once_in_a_while() -> None:
    changes = ClockChanges()
    changes.seen(at(0), is_steady=False)
    rounds_count = 0
    for passed_s in range(10, 10 + 3 * INTERVAL_S, 10):
        now = at(passed_s, passed_s * DAY)
        if changes.are_there(now, is_steady=False):
            rounds_count += 1
            changes.seen(now, is_steady=False)
    assert rounds_count == 3
