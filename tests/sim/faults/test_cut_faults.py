"""Partitions of all modes: who reaches whom while they last, and when they begin and end."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.faults.cut_faults import CutFaults, cut_spans
from sim.schema.cut_tables import Mode, Partitions, Swizzles
from sim.schema.fault_tables import Halves
from sim.topology.topology import Layout
from tests.sim.talker import Scene

NODES = 9


class Cutting:
    """A scene with cuts in it."""

    def __init__(self, fault: Partitions | Swizzles | Halves, seed: int = 1) -> None:
        self.scene = Scene([[0]] * NODES)
        self.cuts = CutFaults(
            seed=seed,
            loop=self.scene.loop,
            network=self.scene.network,
            layout=Layout([[0]] * NODES),
            is_injected=lambda strike: True,
        )
        self.cuts.plan(0, fault)

    def reached_at(self, second: float) -> list[list[int]]:
        """For each node whom its packets reach at a second."""
        self.scene.run(second - self.scene.loop.now / 1_000_000)
        passes = self.scene.network.reach.passes
        return [
            [other for other in range(NODES) if other != node and passes(node, other)]
            for node in range(NODES)
        ]


def sizes(reached: list[list[int]]) -> list[int]:
    return sorted(len(others) + 1 for others in reached)


CHECKS: dict[Mode, Callable[[list[int]], bool]] = {
    "isolate": lambda sizes: sizes == [1] + [NODES - 1] * (NODES - 1),
    "halves": lambda sizes: sizes == [4] * 4 + [5] * 5,
    "uniform": lambda sizes: sum(sizes) == sizes[0] ** 2 + (NODES - sizes[0]) ** 2,
    "parts": lambda sizes: sizes == [3] * NODES,
    "arcs": lambda sizes: sum(sizes) == sizes[0] ** 2 + (NODES - sizes[0]) ** 2,
    "bridge": lambda sizes: sizes == [5] * 8 + [NODES],
    "guests": lambda sizes: sizes == [2] * (NODES - 1) + [NODES],
    "alone": lambda sizes: sizes == [1] * NODES,
    "ring": lambda sizes: len(set(sizes)) == 1 and NODES / 2 < sizes[0] < NODES,
}


@given(st.integers(0, 100), st.sampled_from(sorted(CHECKS)))
def test_each_mode_parts_the_mesh_as_it_says(seed: int, mode: Mode) -> None:
    cutting = Cutting(Partitions(at_s=10, for_s=20, mode=mode), seed)
    assert sizes(cutting.reached_at(9)) == [NODES] * NODES
    reached = cutting.reached_at(11)
    assert CHECKS[mode](sizes(reached)), sizes(reached)
    for node, others in enumerate(reached):
        assert all(node in reached[other] for other in others)
    assert sizes(cutting.reached_at(31)) == [NODES] * NODES


@given(st.integers(0, 100), st.sampled_from(sorted(CHECKS)))
def test_one_that_is_not_symmetric_lets_one_direction_pass(seed: int, mode: Mode) -> None:
    cutting = Cutting(Partitions(at_s=10, for_s=20, mode=mode, symmetric=False), seed)
    reached = cutting.reached_at(11)
    one_way = 0
    for node in range(NODES):
        for other in range(node):
            ways = (other in reached[node]) + (node in reached[other])
            assert ways > 0
            one_way += ways == 1
    assert one_way > 0


def test_in_a_ring_no_two_reach_the_same() -> None:
    reached = Cutting(Partitions(at_s=1, for_s=9, mode="ring")).reached_at(2)
    seen = [tuple(sorted([node, *others])) for node, others in enumerate(reached)]
    assert len(set(seen)) == NODES


def test_a_flapping_cut_comes_and_goes_until_its_end() -> None:
    cutting = Cutting(Partitions(at_s=10, for_s=25, mode="isolate", flaps_s=(4, 6)))
    cut_at = [second for second in range(1, 60) if sizes(cutting.reached_at(second + 0.5))[0] == 1]
    assert cut_at == [10, 11, 12, 13, 20, 21, 22, 23, 30, 31, 32, 33]
    assert cutting.cuts.counters.cuts == 3


@pytest.mark.parametrize("is_symmetric", [True, False])
def test_a_swizzle_silences_one_after_the_other_and_ends(*, is_symmetric: bool) -> None:
    cutting = Cutting(Swizzles(at_s=10, for_s=40, share=0.6, symmetric=is_symmetric))
    mute = [sum(not others for others in cutting.reached_at(second)) for second in range(8, 53, 2)]
    assert mute[0] == mute[-1] == 0
    assert max(mute) == cutting.cuts.counters.swizzled > 2
    assert len(set(mute)) > 3
    if not is_symmetric:
        heard = Cutting(Swizzles(at_s=10, for_s=40, share=1, symmetric=False)).reached_at(30)
        assert heard == [[]] * NODES


def test_what_was_written_across_is_known() -> None:
    cutting = Cutting(Partitions(at_s=10, for_s=20, mode="isolate", symmetric=False))
    assert not cutting.cuts.is_across(0, 1)
    cutting.reached_at(12)
    pairs = [(a, b) for a in range(NODES) for b in range(a) if cutting.cuts.is_across(a, b)]
    assert len(pairs) == NODES - 1
    faults = [Halves(at_s=1, for_s=2), Partitions(at_s=10, for_s=20), Swizzles(at_s=0, for_s=9)]
    assert cut_spans(faults) == [(1, 3), (10, 30)]


def test_two_cuts_at_once_end_each_by_itself() -> None:
    cutting = Cutting(Partitions(at_s=10, for_s=20, mode="isolate"))
    cutting.cuts.plan(1, Partitions(at_s=15, for_s=5, mode="halves"))
    assert sizes(cutting.reached_at(16))[:4] != [NODES - 1] * 4
    assert sizes(cutting.reached_at(22)) == [1] + [NODES - 1] * (NODES - 1)
    assert sizes(cutting.reached_at(31)) == [NODES] * NODES
