"""The time that a peer is waited for follows how it has answered."""

from hypothesis import given
from hypothesis import strategies as st

from mesh.limits.replication import (
    ASK_TIMEOUT_MAX_MS,
    ASK_TIMEOUT_MIN_MS,
    GRAFT_PAUSE_MAX_MS,
    GRAFT_PAUSE_MS,
    ROUND_TRIP_FIRST_MS,
)
from mesh.replication.throughput import Throughput
from tests.replication.meshes import at


def after_answers(taken_ms: int, count: int = 40) -> Throughput:
    """A link that was asked for one thing at a time."""
    throughput = Throughput(ROUND_TRIP_FIRST_MS)
    for number in range(count):
        throughput.asked(at(number * 10_000))
        throughput.brought(1_024, at(number * 10_000 + taken_ms))
    return throughput


def test_on_a_local_network_an_announcement_waits_some_20_ms() -> None:
    pause_ms = after_answers(3).graft_pause_ms(1_024)
    assert GRAFT_PAUSE_MS <= pause_ms <= GRAFT_PAUSE_MS + 5


def test_a_slow_link_is_given_more_time() -> None:
    near, far = after_answers(3), after_answers(400)
    assert far.graft_pause_ms(1_024) > near.graft_pause_ms(1_024) + 150
    assert far.ask_timeout_ms(1_024) > 1_000 > near.ask_timeout_ms(1_024)


def test_the_first_answer_says_more_than_the_handshake() -> None:
    throughput = Throughput(300)
    assert throughput.graft_pause_ms(1_024) >= 150
    throughput.asked(at(0))
    throughput.brought(1_024, at(8))
    assert throughput.round_trip_ms == 8
    throughput.asked(at(1_000))
    throughput.brought(1_024, at(1_048))
    assert throughput.round_trip_ms == 13


def test_a_thin_link_is_given_more_time_for_what_is_large() -> None:
    throughput = Throughput(ROUND_TRIP_FIRST_MS)
    throughput.asked(at(0))
    for number in range(60):
        throughput.brought(16_384, at(100 + number * 160))
    # About 100 kB a second; 64 KiB there and the same again in reserve.
    assert throughput.ask_timeout_ms(65_536) > throughput.ask_timeout_ms(1_024) + 1_000


def test_who_seemed_to_answer_at_once_and_is_late_is_given_more_time() -> None:
    throughput = Throughput(0)
    for _ in range(3):
        throughput.was_late()
    assert throughput.ask_timeout_ms(1_024) > ASK_TIMEOUT_MIN_MS


def test_what_was_not_owed_or_came_late_does_not_make_a_link_thin() -> None:
    throughput = after_answers(3)
    before_ms = throughput.ask_timeout_ms(65_536)
    throughput.asked(at(1_000_000))
    throughput.was_late()
    throughput.brought(1_024, at(1_060_000))
    assert throughput.ask_timeout_ms(65_536) - 3 * throughput.round_trip_ms <= before_ms


def test_who_is_late_is_waited_for_twice_as_long_until_it_answers() -> None:
    throughput = after_answers(40)
    before_ms = throughput.round_trip_ms
    throughput.was_late()
    assert throughput.round_trip_ms == 2 * before_ms
    for _ in range(20):
        throughput.was_late()
    assert throughput.ask_timeout_ms(65_536) == ASK_TIMEOUT_MAX_MS
    for number in range(60):
        throughput.asked(at(number * 10_000))
        throughput.brought(1_024, at(number * 10_000 + 40))
    assert throughput.round_trip_ms <= before_ms + 10


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
    throughput, ms = Throughput(first_ms), 0
    for act, later_ms, size_bytes in acts:
        ms += later_ms
        match act:
            case "asked":
                throughput.asked(at(ms))
            case "brought":
                throughput.brought(size_bytes, at(ms))
            case _:
                throughput.was_late()
        assert GRAFT_PAUSE_MS <= throughput.graft_pause_ms(65_536) <= GRAFT_PAUSE_MAX_MS
        assert ASK_TIMEOUT_MIN_MS <= throughput.ask_timeout_ms(65_536) <= ASK_TIMEOUT_MAX_MS
