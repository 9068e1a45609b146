"""Many dialing machines make a graph in which no part is far or alone."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.limits.peering import (
    LINK_SWAP_INTERVAL_MS,
    LINKS_ACTIVE_MAX,
    LINKS_ACTIVE_MIN,
    LINKS_HOSTILE_SHARE,
)
from tests.peering.crowd import Crowd

SETTLED_MS = 30_000
seeds = st.integers(0, 10_000)


def gathered(crowd: Crowd, count: int) -> list[int]:
    """So many newcomers who all see each other."""
    numbers: list[int] = []
    for _ in range(count):
        numbers.append(crowd.join(list(numbers)))
    return numbers


def assert_well_linked(crowd: Crowd) -> None:
    degrees = crowd.degrees()
    # Who has just lost a link to a newcomer is about to dial another one.
    assert min(degrees) >= LINKS_ACTIVE_MIN - 1
    assert sum(degree < LINKS_ACTIVE_MIN for degree in degrees) <= 2
    room = LINKS_ACTIVE_MIN + (len(crowd.members) - 1) // LINKS_HOSTILE_SHARE
    assert max(degrees) <= max(LINKS_ACTIVE_MAX, room)
    # Some are called by many, but nobody seeks more links than before.
    assert sum(degrees) / len(degrees) <= LINKS_ACTIVE_MAX + 2
    first = next(one.number for one in crowd.members.values() if one.is_up)
    distances = crowd.distances(first)
    assert len(distances) == len(degrees)
    assert max(distances.values()) <= 4


@settings(max_examples=4)
@given(seeds, st.integers(12, 40))
def test_all_who_start_at_once_have_links_enough_within_half_a_minute_and_are_one(
    seed: int, count: int
) -> None:
    crowd = Crowd(seed=seed)
    gathered(crowd, count)
    crowd.pass_time(SETTLED_MS)
    assert_well_linked(crowd)
    # Then nothing changes but what is swapped.
    before = crowd.links_count
    crowd.pass_time(LINK_SWAP_INTERVAL_MS)
    assert crowd.links_count - before <= 4 * count
    assert_well_linked(crowd)


@settings(max_examples=4)
@given(seeds)
def test_when_two_in_five_crash_at_once_the_others_have_links_enough_within_seconds(
    seed: int,
) -> None:
    crowd = Crowd(seed=seed)
    numbers = gathered(crowd, 40)
    crowd.pass_time(SETTLED_MS)
    for number in numbers[:16]:
        crowd.crash(number)
    crowd.pass_time(15_000)
    assert_well_linked(crowd)


@settings(max_examples=4)
@given(seeds)
def test_two_crowds_that_come_into_sight_of_each_other_are_one_within_seconds(seed: int) -> None:
    crowd = Crowd(seed=seed)
    left, right = gathered(crowd, 15), gathered(crowd, 15)
    crowd.pass_time(SETTLED_MS)
    assert len(crowd.distances(left[0])) == 15
    crowd.introduce(left, right)
    crowd.pass_time(5_000)
    assert len(crowd.distances(left[0])) == 30


@settings(max_examples=4)
@given(seeds)
def test_newcomers_one_by_one_find_room_where_all_have_links_enough(seed: int) -> None:
    crowd = Crowd(seed=seed)
    numbers = gathered(crowd, 20)
    crowd.pass_time(SETTLED_MS)
    for _ in range(10):
        numbers.append(crowd.join(list(numbers)))
        crowd.pass_time(SETTLED_MS)
        assert_well_linked(crowd)


@settings(max_examples=3)
@given(seeds)
def test_three_in_ten_who_call_everybody_without_end_do_not_part_the_others(seed: int) -> None:
    crowd = Crowd(seed=seed)
    honest = gathered(crowd, 28)
    crowd.pass_time(SETTLED_MS)
    hostile = [crowd.join(list(honest)) for _ in range(12)]
    for number in hostile:
        crowd.make_greedy(number)
    for _ in range(30):
        crowd.pass_time(10_000)
        for number in hostile:
            crowd.call_all(number, honest)
    assert sum(links_among(crowd, honest)) / len(honest) >= 3
    assert len(crowd.distances(honest[0], without=hostile)) >= len(honest) - 1


@settings(max_examples=3)
@given(seeds)
def test_three_in_ten_who_call_everybody_from_the_start_leave_nobody_alone(seed: int) -> None:
    crowd = Crowd(seed=seed)
    everybody: list[int] = []
    hostile: list[int] = []
    for place in range(40):
        number = crowd.join(list(everybody))
        everybody.append(number)
        if place % 10 < 3:
            crowd.make_greedy(number)
            hostile.append(number)
        for one in hostile:
            crowd.call_all(one, [other for other in everybody if other not in hostile])
        crowd.pass_time(100)
    honest = [number for number in everybody if number not in hostile]
    for _ in range(30):
        for one in hostile:
            crowd.call_all(one, honest)
        crowd.pass_time(2_000)
    among_honest = links_among(crowd, honest)
    assert min(among_honest) >= 2
    assert sum(among_honest) / len(honest) >= 5
    assert len(crowd.distances(honest[0], without=hostile)) == len(honest)


def links_among(crowd: Crowd, honest: list[int]) -> list[int]:
    """Return how many links each of the honest has to other honest ones."""
    return [
        sum(other in honest for other, _ in crowd.members[number].links.values())
        for number in honest
    ]
