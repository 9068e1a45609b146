"""Time-respecting paths: hops follow one another, take their time, and lose what stores lose."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sim.invariants.paths import Given, Lapsing, Pair, Span

HOP = 10
ALL = (0, 1_000)


def given(
    together: Mapping[Pair, Sequence[Span]], losses: Mapping[int, Sequence[int]] | None = None
) -> Given:
    return Given(together, {1: [(50, 60), (200, 300)]}, losses or {})


def test_hops_follow_one_another_in_time() -> None:
    forwards = given({(0, 1): [(100, 150)], (1, 2): [(200, 250)]})
    assert forwards.arrival(0, 2, ALL, hop_us=HOP) == 210
    backwards = given({(0, 1): [(200, 250)], (1, 2): [(100, 150)]})
    assert backwards.arrival(0, 2, ALL, hop_us=HOP) is None
    assert backwards.arrival(2, 0, ALL, hop_us=HOP) == 210


def test_a_meeting_must_last_for_a_hop_and_each_hop_takes_its_own() -> None:
    assert given({(0, 1): [(100, 109)]}).arrival(0, 1, ALL, hop_us=HOP) is None
    together = given({(0, 1): [(100, 115)], (1, 2): [(100, 115)]})
    assert together.arrival(0, 1, ALL, hop_us=HOP) == 110
    assert together.arrival(0, 2, ALL, hop_us=HOP) is None


def test_what_is_over_goes_no_further() -> None:
    chain = given({(0, 1): [(100, 150)], (1, 2): [(200, 250)]})
    assert chain.arrival(0, 2, (0, 209), hop_us=HOP) is None
    assert chain.arrival(0, 2, (0, 210), hop_us=HOP) == 210
    assert chain.arrival(0, 2, (145, 1_000), hop_us=HOP) is None


def test_what_a_store_lost_must_come_to_it_again() -> None:
    once = {(0, 1): [(100, 150)], (1, 2): [(200, 250)]}
    assert given(once, {1: [160]}).arrival(0, 2, ALL, hop_us=HOP) is None
    assert given(once, {1: [90, 260]}).arrival(0, 2, ALL, hop_us=HOP) == 210
    again = {(0, 1): [(100, 150), (170, 190)], (1, 2): [(200, 250)]}
    assert given(again, {1: [160]}).arrival(0, 2, ALL, hop_us=HOP) == 210


def test_what_lapses_by_a_nodes_own_calendar_is_over_there_and_nowhere_else() -> None:
    chain = given({(0, 1): [(100, 150)], (1, 2): [(200, 250)]})

    def arrival(since: int, until: int, shown: int, node: int = 1) -> int | None:
        ahead = replace(chain, lapsing={node: [Lapsing(since, until, shown)]})
        return ahead.arrival(0, 2, ALL, hop_us=HOP, lapses=500)

    assert arrival(160, 180, 500) is None
    assert arrival(160, 180, 499) == 210
    assert arrival(20, 90, 500) == 210
    # It showed so much only when it had been passed on, or before it came.
    assert arrival(160, 240, 529) == 210
    assert arrival(160, 240, 531) is None
    assert arrival(90, 105, 900) == 210
    assert arrival(300, 400, 900) == 210
    # Who shows so much when it comes does not take it.
    assert arrival(190, 260, 600, node=2) is None
    assert chain.arrival(0, 2, ALL, hop_us=HOP, lapses=500) == 210


def test_a_vault_is_opened_and_time_with_it_open_adds_up() -> None:
    node = given({})
    assert [node.open_after(1, at) for at in (0, 55, 60, 299)] == [50, 55, 200, 299]
    assert node.open_after(1, 300) is None
    assert node.open_for(1, 55, 5) == 60
    assert node.open_for(1, 55, 25) == 220
    assert node.open_for(1, 55, 106) is None
    assert node.open_after(7, 0) is None
