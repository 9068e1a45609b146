"""The token bucket: a burst at once, then no more than its rate."""

from hypothesis import given
from hypothesis import strategies as st

from mesh.ids import Instant, Monotonic
from mesh.token_bucket import TokenBucket

SECOND = 1_000_000


def at(monotonic: int) -> Instant:
    return Instant(monotonic=Monotonic(monotonic), wall=0)


def test_a_burst_is_there_at_once_and_no_more() -> None:
    bucket = TokenBucket(per_second=10, burst=3, now=at(0))
    assert [bucket.take(1, at(0)) for _ in range(4)] == [True, True, True, False]


def test_a_unit_comes_back_when_its_time_is_over() -> None:
    bucket = TokenBucket(per_second=10, burst=3, now=at(0))
    assert bucket.take(3, at(0))
    assert not bucket.take(1, at(SECOND // 10 - 1))
    assert bucket.take(1, at(SECOND // 10))
    assert not bucket.take(1, at(SECOND // 10))


def test_asking_often_loses_nothing() -> None:
    bucket = TokenBucket(per_second=10, burst=3, now=at(0))
    assert bucket.take(3, at(0))
    taken = sum(bucket.take(1, at(moment)) for moment in range(0, SECOND + 1, SECOND // 100))
    assert taken == 10


def test_less_than_one_in_a_second_is_a_rate_too() -> None:
    bucket = TokenBucket(per_second=4 / 60, burst=4, now=at(0))
    assert bucket.take(4, at(0))
    assert not bucket.take(1, at(15 * SECOND - 1))
    assert bucket.take(1, at(15 * SECOND))


@given(st.lists(st.tuples(st.integers(0, SECOND), st.integers(1, 5)), max_size=50))
def test_no_more_is_given_than_the_burst_and_the_rate(asked: list[tuple[int, int]]) -> None:
    bucket, now, given = TokenBucket(per_second=7, burst=5, now=at(0)), 0, 0
    for pause, count in asked:
        now += pause
        given += count if bucket.take(count, at(now)) else 0
    assert given <= 5 + now // (SECOND // 7)
