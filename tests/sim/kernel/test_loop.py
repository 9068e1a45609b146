"""Virtual time: order, ticks, and the same order for the same seed."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.kernel.entropy import Chance
from sim.kernel.loop import Loop


def order_of_one_tick(order: Chance | None) -> list[int]:
    loop = Loop(order=order)
    done: list[int] = []
    for number in range(20):
        loop.at(5, partial(done.append, number))
    loop.run_until(5)
    return done


@given(st.lists(st.integers(0, 10_000)), st.integers(1, 500))
def test_everything_runs_once_in_the_order_of_its_ticks(times: list[int], tick_us: int) -> None:
    loop = Loop(tick_us=tick_us)
    done: list[tuple[int, int]] = []
    for when in times:
        loop.at(when, partial(lambda when: done.append((loop.now, when)), when))
    loop.run_until(20_000)
    assert sorted(when for _, when in done) == sorted(times)
    assert [now for now, _ in done] == sorted(now for now, _ in done)
    assert all(0 <= now - when < tick_us and now % tick_us == 0 for now, when in done)
    assert loop.events_count == len(times)
    assert loop.now == 20_000


def test_what_is_planned_for_the_running_tick_or_the_past_runs_in_it() -> None:
    loop = Loop(tick_us=10)
    done: list[str] = []
    loop.at(20, lambda: loop.at(3, partial(done.append, "past")))
    loop.at(20, lambda: loop.after(0, partial(done.append, "now")))
    loop.at(20, partial(done.append, "first"))
    loop.run_until(20)
    assert done == ["first", "past", "now"]
    assert loop.now == 20


def test_nothing_beyond_the_end_runs() -> None:
    loop = Loop()
    done: list[str] = []
    loop.at(11, partial(done.append, "late"))
    loop.run_until(10)
    assert done == []
    loop.run_until(11)
    assert done == ["late"]


def test_a_tick_runs_in_the_order_of_planning_or_in_a_drawn_one() -> None:
    assert order_of_one_tick(None) == list(range(20))
    drawn = order_of_one_tick(Chance(1, "order"))
    assert drawn != list(range(20))
    assert sorted(drawn) == list(range(20))
    assert drawn == order_of_one_tick(Chance(1, "order"))
    assert drawn != order_of_one_tick(Chance(2, "order"))


def test_an_error_ends_the_run_at_its_instant() -> None:
    loop = Loop()

    def fail() -> None:
        raise ValueError("here")

    loop.at(7, fail)
    with pytest.raises(ValueError, match="here"):
        loop.run_until(100)
    assert loop.now == 7
