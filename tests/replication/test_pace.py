"""How long a neighbour is waited for follows how it has answered."""

from hypothesis import given
from hypothesis import strategies as st

from mesh.limits import (
    ASK_TIMEOUT_MAX_MS,
    ASK_TIMEOUT_MIN_MS,
    GRAFT_PAUSE_MAX_MS,
    GRAFT_PAUSE_MS,
    ROUND_TRIP_FIRST_MS,
)
from mesh.replication.pace import Pace
from tests.replication.meshes import at


def after_answers(taken_ms: int, count: int = 40) -> Pace:
    """A link that was asked for one thing at a time."""
    pace = Pace(ROUND_TRIP_FIRST_MS)
    for number in range(count):
        pace.asked(at(number * 10_000))
        pace.brought(1_024, at(number * 10_000 + taken_ms))
    return pace


def test_on_a_local_network_an_announcement_waits_some_20_ms() -> None:
    pause_ms = after_answers(3).graft_pause_ms(1_024)
    assert GRAFT_PAUSE_MS <= pause_ms <= GRAFT_PAUSE_MS + 5


def test_a_slow_link_is_given_more_time() -> None:
    near, far = after_answers(3), after_answers(400)
    assert far.graft_pause_ms(1_024) > near.graft_pause_ms(1_024) + 150
    assert far.ask_timeout_ms(1_024) > 1_000 > near.ask_timeout_ms(1_024)


def test_the_first_answer_says_more_than_the_handshake() -> None:
    pace = Pace(300)
    assert pace.graft_pause_ms(1_024) >= 150
    pace.asked(at(0))
    pace.brought(1_024, at(8))
    assert pace.round_trip_ms == 8
    pace.asked(at(1_000))
    pace.brought(1_024, at(1_048))
    assert pace.round_trip_ms == 13


def test_a_thin_link_is_given_more_time_for_what_is_large() -> None:
    pace = Pace(ROUND_TRIP_FIRST_MS)
    pace.asked(at(0))
    for number in range(60):
        pace.brought(16_384, at(100 + number * 160))
    # About 100 kB a second; 64 KiB there and the same again in reserve.
    assert pace.ask_timeout_ms(65_536) > pace.ask_timeout_ms(1_024) + 1_000


def test_who_seemed_to_answer_at_once_and_is_late_is_given_more_time() -> None:
    pace = Pace(0)
    for _ in range(3):
        pace.was_late()
    assert pace.ask_timeout_ms(1_024) > ASK_TIMEOUT_MIN_MS


def test_what_was_not_owed_or_came_late_does_not_make_a_link_thin() -> None:
    pace = after_answers(3)
    before_ms = pace.ask_timeout_ms(65_536)
    pace.asked(at(1_000_000))
    pace.was_late()
    pace.brought(1_024, at(1_060_000))
    assert pace.ask_timeout_ms(65_536) - 3 * pace.round_trip_ms <= before_ms


def test_who_is_late_is_waited_for_twice_as_long_until_it_answers() -> None:
    pace = after_answers(40)
    before_ms = pace.round_trip_ms
    pace.was_late()
    assert pace.round_trip_ms == 2 * before_ms
    for _ in range(20):
        pace.was_late()
    assert pace.ask_timeout_ms(65_536) == ASK_TIMEOUT_MAX_MS
    for number in range(60):
        pace.asked(at(number * 10_000))
        pace.brought(1_024, at(number * 10_000 + 40))
    assert pace.round_trip_ms <= before_ms + 10


@given(
    st.integers(0, 100_000),
    st.lists(
        st.tuples(
            st.sampled_from(["asked", "brought", "late"]),
            st.integers(0, 100_000),
            st.integers(0, 65_536),
        )
    ),
)
def test_whatever_comes_the_times_keep_to_their_bounds(
    first_ms: int, acts: list[tuple[str, int, int]]
) -> None:
    pace, ms = Pace(first_ms), 0
    for act, later_ms, size_bytes in acts:
        ms += later_ms
        match act:
            case "asked":
                pace.asked(at(ms))
            case "brought":
                pace.brought(size_bytes, at(ms))
            case _:
                pace.was_late()
        assert GRAFT_PAUSE_MS <= pace.graft_pause_ms(65_536) <= GRAFT_PAUSE_MAX_MS
        assert ASK_TIMEOUT_MIN_MS <= pace.ask_timeout_ms(65_536) <= ASK_TIMEOUT_MAX_MS
