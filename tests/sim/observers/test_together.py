"""The company of each node is noted as nodes start, stop, move and are cut off."""

from collections.abc import Callable
from functools import partial

from sim.invariants.paths import Lapsing
from sim.network.cuts import Silence
from sim.observers.together import Together
from tests.sim.talker import Scene

S = 1_000_000


class Observed(Scene):
    """Three nodes of which two stand near each other, and who notes their company."""

    def __init__(self, *, is_noting: bool = True) -> None:
        super().__init__([[0], [0], [0]], near={0: {1: None}, 1: {0: None}, 2: {}})
        self.together = Together(
            lambda: self.loop.now, self.network.reach, self.nodes, is_noting=is_noting
        )
        self.network.changed = self.together.changed

    def switch(self, act: Callable[[], None]) -> None:
        """Do something, and let it be known who was switched by it."""
        act()
        for node in self.switched:
            self.together.switched(node)
        self.switched.clear()


def test_two_are_together_while_both_run_and_reach_each_other() -> None:
    scene = Observed()
    scene.switch(scene.nodes[0].boot)
    scene.run(5)
    scene.switch(scene.nodes[1].boot)
    scene.switch(scene.nodes[2].boot)
    scene.run(5)
    cut = scene.network.cut(Silence(1))
    scene.run(5)
    scene.network.heal(cut)
    scene.network.meet(1, 2)
    scene.run(5)
    scene.switch(partial(scene.nodes[1].crash, is_silent=True))
    scene.run(5)
    scene.switch(scene.nodes[1].boot)
    scene.network.part(0, 1)
    scene.run(5)
    given = scene.together.given()
    assert given.together == {
        (0, 1): [(5 * S, 10 * S), (15 * S, 20 * S), (25 * S, 25 * S)],
        (1, 2): [(15 * S, 20 * S), (25 * S, 30 * S)],
    }
    assert given.opened[1] == [(5 * S, 20 * S), (25 * S, 30 * S)]


def test_a_locked_vault_is_not_open_and_its_node_is_together_all_the_same() -> None:
    scene = Observed()
    scene.switch(scene.boot)
    scene.run(5)
    scene.switch(scene.nodes[1].lock)
    scene.run(5)
    scene.switch(scene.nodes[1].unlock)
    scene.run(5)
    given = scene.together.given()
    assert given.opened[1] == [(0, 5 * S), (10 * S, 15 * S)]
    assert given.together[0, 1] == [(0, 15 * S)]


def test_what_lapses_by_a_calendar_is_noted_and_a_clock_that_is_set_begins_its_hour_anew() -> None:
    scene = Observed()
    scene.switch(scene.nodes[0].boot)
    scene.run(7_200)
    scene.switch(partial(scene.nodes[0].turn_clock, 86_400 * S))
    scene.run(7_200)
    scene.switch(partial(scene.nodes[0].crash, is_silent=True))
    scene.run(60)
    assert scene.together.given().lapsing == {
        0: [
            Lapsing(3_600 * S, 7_200 * S, 7_200 * S),
            Lapsing(10_800 * S, 14_400 * S, (86_400 + 14_400) * S),
        ]
    }


def test_losses_are_noted_and_nothing_where_nobody_will_ask() -> None:
    scene = Observed()
    scene.run(3)
    scene.together.lost(2)
    assert scene.together.given().losses == {2: [3 * S]}
    scene = Observed(is_noting=False)
    scene.switch(scene.boot)
    scene.run(3)
    scene.together.lost(2)
    assert scene.together.given().together == {}
    assert scene.together.given().losses == {}
