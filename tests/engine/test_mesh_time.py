"""Mesh time at the engine's door: what peers say in Hello, and again in a frame of its own."""

from mesh.commands.status import AskStatus, StatusAnswer
from mesh.limits.timekeeping import TIME_INTERVAL_MS, TIMES_PER_LINK_MAX
from mesh.wire.frames import FLAG_TIME_UNSURE, Time, rounded_time
from tests.engine.joined import Joined
from tests.engine.stranger import Stranger

DAY = 86_400
NEAR_S = 20
"""Each word is rounded down to ten seconds."""


def table_of(strangers_count: int, *, wall_offset_s: int = 0) -> tuple[Joined, list[Stranger]]:
    """Ada, and peers who say the right time in their Hello."""
    table = Joined()
    table.sit("ada", wall_offset_us=wall_offset_s * 1_000_000)
    strangers = [Stranger(table, "ada", number=number) for number in range(strangers_count)]
    return table, strangers


def offset_s(table: Joined) -> int:
    """By how much Ada corrects her own clock."""
    status = table.ask("ada", AskStatus())
    assert isinstance(status, StatusAnswer)
    return status.clock_offset_seconds


def say(stranger: Stranger, ahead_s: int, flags: int = 0) -> None:
    """Say in a frame of its own that it is later than it is."""
    stranger.send(Time(rounded_time(stranger.now.unix_seconds + ahead_s), flags))


def times_heard(stranger: Stranger) -> list[Time]:
    return [frame for frame in stranger.heard if isinstance(frame, Time)]


def test_a_time_takes_the_place_of_what_the_hello_said() -> None:
    table, strangers = table_of(3)
    assert offset_s(table) == 0
    for stranger in strangers[:2]:
        say(stranger, DAY)
    assert offset_s(table) == 0, "two against the own clock and one more"
    say(strangers[2], DAY)
    assert abs(offset_s(table) - DAY) <= NEAR_S


def test_a_time_that_is_not_vouched_for_is_no_witness() -> None:
    table, strangers = table_of(5)
    for stranger in strangers:
        say(stranger, DAY, FLAG_TIME_UNSURE)
    assert offset_s(table) == 0


def test_who_no_longer_vouches_stops_being_a_witness() -> None:
    table, strangers = table_of(4, wall_offset_s=DAY)
    assert abs(offset_s(table) + DAY) <= NEAR_S
    # Of four only one still stands by itself: together with Ada's own clock there is no group.
    for stranger in strangers[1:]:
        say(stranger, 0, FLAG_TIME_UNSURE)
    assert abs(offset_s(table) + DAY) <= NEAR_S, "what was learned stays until others agree"
    for stranger in strangers[1:3]:
        say(stranger, DAY)
    assert offset_s(table) == 0, "two who vouch, and the own clock"


def test_more_times_than_an_honest_node_says_are_passed_over() -> None:
    table, strangers = table_of(3)
    for _ in range(TIMES_PER_LINK_MAX):
        say(strangers[0], 0)
    for stranger in strangers:
        say(stranger, DAY)
    assert offset_s(table) == 0, "one of the three had no word left"
    assert all(stranger.is_open for stranger in strangers), "and is at no fault"


def test_fewer_liars_than_right_clocks_move_nobody_however_often_they_speak() -> None:
    table, strangers = table_of(6)
    liars = strangers[:3]
    for ahead_s in (400 * DAY, -400 * DAY, 2 * DAY, 601):
        for liar in liars:
            say(liar, ahead_s)
        assert offset_s(table) == 0


def test_after_a_correction_the_peers_are_told_and_that_it_is_not_the_own_clock() -> None:
    table, strangers = table_of(2, wall_offset_s=DAY)
    assert offset_s(table) == 0, "two neighbours cannot outvote a clock that may be right"
    assert [times_heard(stranger) for stranger in strangers] == [[], []]
    third = Stranger(table, "ada", number=7)
    (told,) = times_heard(strangers[0])
    assert abs(told.mesh_time - third.now.unix_seconds) <= NEAR_S
    assert told.mesh_time % 10 == 0
    assert told.flags == FLAG_TIME_UNSURE
    assert times_heard(strangers[1]) == [told]


def test_a_second_correction_is_told_ten_seconds_after_the_first() -> None:
    table, strangers = table_of(3, wall_offset_s=DAY)
    (first,) = times_heard(strangers[0])
    for stranger in strangers:
        say(stranger, 5 * DAY)
    assert times_heard(strangers[0]) == [first], "too soon"
    table.pass_time(TIME_INTERVAL_MS / 1000)
    _, second = times_heard(strangers[0])
    assert abs(second.mesh_time - first.mesh_time - 5 * DAY) <= NEAR_S
