"""Walks: who meets whom follows from where they walk, exactly."""

import os
from itertools import pairwise
from math import sqrt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import UserError
from sim.kernel.entropy import Chance
from sim.topology.contacts import US, Contact
from sim.topology.mobility import (
    Leg,
    WaypointRules,
    contacts_of,
    parse_setdest,
    place_at,
    random_waypoints,
)

RULES = WaypointRules(
    width_m=450, height_m=340, speed_m_per_s=(0.5, 1.5), pause_s=(0, 120), warmup_s=1_000
)
ELSEWHERE = os.environ.get("MESH_REFERENCE_DATA")


def test_two_who_pass_each_other_meet_for_as_long_as_they_are_near() -> None:
    east = [Leg(0, 100, 0, 0, 100, 0)]
    west = [Leg(0, 50, 100, 6, 50, 6), Leg(50, 100, 50, 6, 0, 6)]
    (met,) = contacts_of([east, west], 10, 100)
    # They approach at 2 m/s, and are within 10 m for 8 m before and after the middle.
    assert met == Contact(46 * US, 54 * US, 0, 1)


def test_who_stands_within_reach_is_always_there_and_who_walks_along_too() -> None:
    along = [Leg(0, 9, 0, 0, 9, 0)]
    beside = [Leg(0, 9, 0, 5, 9, 5)]
    still = [Leg(0, 20, 100, 100, 100, 100)]
    assert contacts_of([along, beside, still], 5, 20) == (Contact(0, 9 * US, 0, 1),)


@given(st.integers(0, 1_000))
def test_contacts_agree_with_places_at_every_moment(seed: int) -> None:
    chance = Chance(seed, "walks")
    walks = [random_waypoints(chance, RULES, 600) for _ in range(2)]
    met = contacts_of(walks, 100, 600)
    for moment in range(0, 600, 7):
        (x, y), (their_x, their_y) = (place_at(walk, moment) for walk in walks)
        apart = sqrt((x - their_x) ** 2 + (y - their_y) ** 2)
        is_met = any(each.start <= moment * US < each.end for each in met)
        assert is_met == (apart <= 100) or abs(apart - 100) < 0.001


def test_a_walk_is_whole_and_stays_within_its_bounds() -> None:
    walk = random_waypoints(Chance(4, "walks"), RULES, 3_600)
    assert walk[0].start <= 0
    assert walk[-1].end >= 3_600
    for earlier, later in pairwise(walk):
        assert (earlier.end, earlier.to_x, earlier.to_y) == (later.start, later.x, later.y)
        length = sqrt((earlier.to_x - earlier.x) ** 2 + (earlier.to_y - earlier.y) ** 2)
        speed = length / (earlier.end - earlier.start)
        assert speed == 0 or 0.4999 <= speed <= 1.5001
        assert 0 <= earlier.x <= 450
        assert 0 <= earlier.y <= 340


SETDEST = """
# written by setdest
$node_(0) set X_ 0.0
$node_(0) set Y_ 10.0
$node_(0) set Z_ 0.0
$node_(1) set X_ 50
$node_(1) set Y_ 10
$god_ set-dist 0 1 2
$ns_ at 10.0 "$node_(0) setdest 100.0 10.0 2.0"
$ns_ at 30.0 "$node_(0) setdest 40.0 30.0 1.0"
$ns_ at 5.0 "$node_(1) setdest 50.0 10.0 0.0"
"""


def test_a_file_of_setdest_is_walked_and_a_new_order_replaces_the_one_before() -> None:
    first, second = parse_setdest(SETDEST, 100)
    assert place_at(first, 5) == (0, 10)
    assert place_at(first, 20) == (20, 10)
    assert place_at(first, 40) == (40, 20)
    assert place_at(first, 90) == (40, 30)
    assert place_at(second, 60) == (50, 10)


@pytest.mark.parametrize(
    "line",
    ['$ns_ at 1 "$node_(0) start"', "$node_(0) set X_ far", "walk", "$node_(0) set X_ nan"],
)
def test_an_order_that_is_none_is_named_by_its_line(line: str) -> None:
    with pytest.raises(UserError, match="Line 2 of the walks"):
        parse_setdest("\n" + line, 10)


@pytest.mark.skipif(ELSEWHERE is None, reason="MESH_REFERENCE_DATA names no folder")
def test_random_waypoints_meet_about_as_long_as_those_of_the_one() -> None:
    assert ELSEWHERE is not None
    folder = Path(ELSEWHERE) / "traces" / "rwp"
    totals: list[float] = []
    for path in sorted(folder.glob("*Epidemic*TotalContactTimeReport.txt")):
        last = path.read_text().split()[-1]
        totals.append(float(last))
    walks = [random_waypoints(Chance(1, "walks", node), RULES, 14_400) for node in range(50)]
    met = contacts_of(walks, 10, 14_400)
    total_s = sum(each.end - each.start for each in met) / US
    assert min(totals) * 0.9 < total_s < max(totals) * 1.1


@given(
    st.lists(
        st.sampled_from(
            [
                "$node_(0) set X_ 5",
                "$node_(3) set Y_ -2.5",
                '$ns_ at 1.0 "$node_(0) setdest 9 9 1"',
                '$ns_ at 1.0 "$node_(0) setdest 2 1 0"',
                '$ns_ at -7 "$node_(9) setdest 1e308 1 5"',
                "$god_ set-dist 1 2 3",
                "# no",
            ]
        )
        | st.text(max_size=30),
        max_size=8,
    )
)
def test_whatever_is_in_a_file_of_walks_is_walked_or_refused(lines: list[str]) -> None:
    try:
        walks = parse_setdest("\n".join(lines), 20)
    except UserError:
        return
    for walk in walks:
        assert walk[-1].end >= 20
        assert all(earlier.end == later.start for earlier, later in pairwise(walk))
