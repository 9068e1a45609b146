"""The struck lines: drawn for each by itself, once, when two nodes first have to do."""

from collections.abc import Callable, Sequence

import pytest

from sim.faults.wire_faults import WireFaults
from sim.network.wires import Bursts, Spell
from sim.schema.delay_laws import Constant
from sim.schema.fault_tables import Strict
from sim.schema.wire_tables import (
    BurstTable,
    Clogs,
    Corruptions,
    Delays,
    HalfOpen,
    Holds,
    Losses,
    Trickles,
    Truncations,
)
from tests.sim.talker import Scene, linked_pair

S = 1_000_000


def faults_of(
    scene: Scene, faults: Sequence[Strict], is_injected: Callable[[str], bool] = lambda strike: True
) -> WireFaults:
    return WireFaults(
        faults=faults, seed=1, loop=scene.loop, network=scene.network, is_injected=is_injected
    )


@pytest.mark.parametrize(
    "fault,what",
    [
        (Losses(between_s=(2, 4), for_s=(3, 5), share=1, loss=0.3), {"loss": 0.3}),
        (
            Losses(
                between_s=(2, 4), for_s=(3, 5), share=1, bursts=BurstTable(enters=0.1, leaves=0.2)
            ),
            {"bursts": Bursts(0.1, 0.2)},
        ),
        (
            Delays(between_s=(2, 4), for_s=(3, 5), share=1, delay=Constant(ms=9)),
            {"delay": Constant(ms=9)},
        ),
        (
            Trickles(between_s=(2, 4), for_s=(3, 5), share=1, bytes_per_second=70),
            {"bytes_per_second": 70},
        ),
        (Holds(between_s=(2, 4), for_s=(3, 5), share=1), {"is_held": True}),
        (Corruptions(between_s=(2, 4), for_s=(3, 5), share=1, chunks=0.5), {"corrupted": 0.5}),
        (Truncations(between_s=(2, 4), for_s=(3, 5), share=1, chunks=0.4), {"truncated": 0.4}),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Strict) else "",
)
def test_a_struck_line_has_its_spell_in_its_time(fault: Strict, what: dict[str, object]) -> None:
    (spell,) = faults_of(Scene([[0], [0]]), [fault]).spells_of(0, 1)
    assert 2 * S <= spell.start <= 4 * S
    assert 3 * S <= spell.end - spell.start <= 5 * S
    expected = Spell(spell.start, spell.end)._asdict() | what
    assert spell._asdict() == expected


def test_a_share_of_the_directions_is_struck_each_by_itself() -> None:
    fault = Holds(between_s=(2, 400), for_s=(3, 5), share=0.3)
    struck = faults_of(Scene([[0], [0]]), [fault])
    wires = [(one, other) for one in range(30) for other in range(30) if one != other]
    spells = {wire: struck.spells_of(*wire) for wire in wires}
    count = sum(bool(found) for found in spells.values())
    assert 0.2 < count / len(wires) < 0.4
    assert struck.counters.lines_struck == count
    starts = [found[0].start for found in spells.values() if found]
    assert len(set(starts)) > 0.9 * len(starts)
    one_way = [wire for wire, found in spells.items() if found and not spells[wire[1], wire[0]]]
    assert one_way


def test_of_a_shrunk_scenario_only_the_strikes_that_are_left_befall() -> None:
    fault = Holds(between_s=(2, 4), for_s=(3, 5), share=1)
    asked: list[str] = []

    def is_injected(strike: str) -> bool:
        asked.append(strike)
        return strike == "1/0>1"

    struck = faults_of(Scene([[0], [0]]), [fault, fault], is_injected)
    assert len(struck.spells_of(0, 1)) == 1
    assert struck.spells_of(1, 0) == []
    assert asked == ["0/0>1", "1/0>1", "0/1>0", "1/1>0"]


@pytest.mark.parametrize("ways,blocked", [("both", [False, False]), ("one", [False, True])])
def test_a_clog_is_planned_for_one_direction_or_both_and_ends(
    ways: str, blocked: list[bool]
) -> None:
    scene = Scene([[0], [0]])
    table = Clogs(between_s=(2, 2), for_s=(5, 5), share=1, ways="one" if ways == "one" else "both")
    struck = faults_of(scene, [table])
    assert struck.spells_of(0, 1) == []
    passes = scene.network.reach.passes
    scene.run(1)
    assert [passes(0, 1), passes(1, 0)] == [True, True]
    scene.run(3)
    assert [passes(0, 1), passes(1, 0)] == blocked
    scene.run(4)
    assert [passes(0, 1), passes(1, 0)] == [True, True]
    assert struck.counters.clogs == 1


def test_a_line_that_is_made_within_a_clog_is_clogged_at_once_and_after_it_not_at_all() -> None:
    scene = Scene([[0], [0]])
    struck = faults_of(scene, [Clogs(between_s=(2, 2), for_s=(5, 5), share=1)])
    scene.run(4)
    struck.spells_of(0, 1)
    scene.run(0.001)
    assert not scene.network.reach.passes(0, 1)
    scene.run(5)
    assert scene.network.reach.passes(0, 1)
    struck.spells_of(0, 1)
    scene.run(0.001)
    assert scene.network.reach.passes(0, 1)


def test_a_router_forgets_the_streams_between_two_at_its_time() -> None:
    scene = linked_pair()
    struck = faults_of(scene, [HalfOpen(between_s=(3, 3), share=1)])
    struck.spells_of(0, 1)
    struck.spells_of(1, 0)
    scene.run(1)
    assert len(scene.network.streams.links()) == 1
    scene.run(2)
    assert scene.network.streams.links() == []
    assert struck.counters.streams_forgotten == 1
