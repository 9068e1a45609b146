"""The faults of machines: sessions, pauses, sleep and clocks do what their tables say."""

import pytest

from mesh.inputs import BytesReceived, Woke
from sim.faults.node_faults import drift_us_max, first_boots, session_us
from sim.kernel.calendar import Calendar
from sim.kernel.entropy import Chance
from sim.network.cuts import Silence
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.node_tables import Drifts, FlashCrowd, Sessions
from sim.schema.scenario import parse_scenario
from tests.sim.talker import linked_pair
from tests.sim.test_hard_worlds import USERS, fault

S = 1_000_000


@pytest.mark.parametrize(
    "sessions,median", [("poisson", 0.693), ("heavy-tailed", 0.529), ("bimodal", 0.24)]
)
def test_sessions_have_their_mean_and_their_shape(sessions: Sessions, median: float) -> None:
    chance = Chance(1, "sessions")
    drawn = sorted(session_us(sessions, 100, chance) / S for _ in range(40_000))
    # A heavy tail has a mean, and no variance: what is drawn comes near it slowly.
    assert sum(drawn) / len(drawn) == pytest.approx(100, rel=0.15)
    assert drawn[len(drawn) // 2] == pytest.approx(100 * median, rel=0.05)


def test_a_flash_crowd_comes_at_its_time() -> None:
    boots = first_boots([FlashCrowd(at_s=30, within_s=2, share=0.5)], 1, 10)
    assert len(boots) == 5
    assert all(30 * S <= when < 32 * S for when in boots.values())
    assert boots == first_boots([FlashCrowd(at_s=30, within_s=2, share=0.5)], 1, 10)


@pytest.mark.parametrize("where, is_together", [("one-place", True), ("anywhere", False)])
def test_where_the_power_fails_in_one_place_those_fail_who_stand_together(
    where: str, is_together: bool
) -> None:
    """On a line; the seeds are few enough that no three who are drawn anywhere stand in a row."""
    for seed in range(1, 5):
        text = USERS.replace("nodes = 6", "nodes = 12")
        text += '\n[topology]\nkind = "line"\n'
        text += fault("mass-failure", f'at_s = 1\nshare = 0.25\nwhere = "{where}"')
        world = World(parse_scenario(text), Options(seed=seed, is_crypto_real=False))
        world.run_until(2 * S)
        gone = [node.index for node in world.nodes if node.is_gone]
        assert len(gone) == 3
        assert (gone == list(range(gone[0], gone[0] + 3))) == is_together
        assert sorted(world.faults.strikes) == sorted(f"0/{index}" for index in gone)


@pytest.mark.world
def test_who_comes_late_is_switched_on_once_whatever_struck_them_before() -> None:
    text = USERS.replace("nodes = 6", "nodes = 3")
    text += fault("flash-crowd", "at_s = 20\nshare = 1")
    text += fault("mass-failure", "at_s = 10\nshare = 0.95\ndown_s = [1, 2]")
    text += fault("clones", "between_s = [5, 6]")
    world = World(parse_scenario(text), Options(seed=1, is_crypto_real=False))
    run_to_verdict(world, lambda world: None)
    assert [node.incarnation for node in world.nodes] == [1, 1, 1]
    assert world.spares[0].incarnation == 0
    assert world.message_log.delivered_count == world.message_log.confirmed_count > 0


def test_a_paused_process_takes_everything_at_once_afterwards() -> None:
    scene = linked_pair()
    paused_at = scene.loop.now
    scene.nodes[1].processor.pause(paused_at + 10 * S)
    for _ in range(3):
        scene.say(0, b"piece ")
        scene.run(2)
    assert scene.talkers[1].text == b""
    scene.run(5)
    assert scene.talkers[1].text == b"piece piece piece "
    assert set(scene.talkers[1].heard_at(BytesReceived)) == {paused_at + 10 * S}


def test_a_crash_ends_a_pause_also_if_a_batch_waited_for_its_end() -> None:
    scene = linked_pair()
    scene.nodes[1].processor.pause(scene.loop.now + 1_000 * S)
    scene.nodes[1].put(Woke())
    scene.nodes[1].crash(is_silent=False)
    before = scene.nodes[1].batches_count
    scene.nodes[1].boot()
    scene.nodes[1].put(Woke())
    scene.run(1)
    assert scene.nodes[1].batches_count > before
    assert scene.talkers[1].boots_count == 2


@pytest.mark.parametrize(
    "away",
    [
        fault("churn", "between_s = [10, 40]\nup_s = 2\ndown_s = 0.1"),
        fault("absences", "between_s = [10, 40]\nfor_s = [0.1, 0.2]\nat_home_s = [3, 4]"),
    ],
    ids=["churn", "absences"],
)
def test_who_answers_only_when_they_should_be_back_does_not_go(away: str) -> None:
    """Batches take longer than they are away: nobody would come to switch them on again."""
    slow = fault("slow-cpus", "between_s = [9, 9.5]\nfor_s = [40, 40]\nshare = 1\ntimes = 1000")
    text = USERS.replace("nodes = 6", "nodes = 3") + away + slow
    world = World(parse_scenario(text), Options(seed=1, is_crypto_real=False))
    world.run_until(49 * S)
    assert all(node.is_up for node in world.nodes)


SHIFTS = """
schema = 1
name = "shifts"
summary = "Four of six sleep in two shifts."
nodes = 6
[workload]
write_between_s = [1, 2]
[[faults]]
kind = "duty-cycles"
between_s = [2, 50]
share = 0.67
shifts = 2
awake_s = 5
period_s = 20
"""


def test_in_shifts_so_many_sleep_and_two_shifts_are_never_awake_together() -> None:
    world = World(parse_scenario(SHIFTS), Options(seed=1, is_crypto_real=False))
    world.run_until(50 * S)
    assert len(world.faults.node_faults.naps) == 4
    naps = sorted(world.faults.node_faults.naps.values())
    first = [(7 * S, 22 * S), (27 * S, 42 * S), (47 * S, 50 * S)]
    second = [(17 * S, 32 * S), (37 * S, 50 * S)]
    assert naps == [first, first, second, second]


def test_a_slow_node_thinks_longer_and_is_quick_again() -> None:
    scene = linked_pair(thinking_us=4_000)
    counts: list[int] = []
    for times in (1, 50, 1 / 50):
        scene.nodes[1].processor.think_slower(times)
        before = scene.nodes[1].batches_count
        for _ in range(100):
            scene.say(0, b"tick")
            scene.run(0.01)
        scene.run(1)
        counts.append(scene.nodes[1].batches_count - before)
    assert counts[0] > 90
    assert counts[1] < 10
    assert counts[2] > 90


def test_who_is_gone_does_not_boot() -> None:
    scene = linked_pair()
    scene.nodes[1].crash(is_silent=True)
    scene.nodes[1].is_gone = True
    scene.nodes[1].boot()
    assert not scene.nodes[1].is_up


def test_who_sleeps_hears_nothing_until_it_wakes_and_is_told_that_it_slept() -> None:
    scene = linked_pair()
    cut = scene.network.cut(Silence(1))
    scene.nodes[1].processor.pause(scene.loop.now + 30 * S)
    scene.say(0, b"asleep?")
    scene.run(30)
    assert scene.talkers[1].text == b""
    scene.network.heal(cut)
    scene.nodes[1].put(Woke())
    scene.run(1)
    assert scene.talkers[1].text == b"asleep?"
    assert len(scene.talkers[1].heard_of(Woke)) == 1


def test_a_clock_that_drifts_is_wrong_by_what_it_has_drifted() -> None:
    fast, slow, swinging = Calendar(), Calendar(), Calendar()
    fast.drift(1_000 * S, 100, None)
    slow.drift(0, -50, None)
    swinging.drift(0, 1_000, 200 * S)
    true = Calendar()

    def error(calendar: Calendar, second: int) -> int:
        return calendar.wall(second * S) - true.wall(second * S)

    assert error(fast, 500) == 0
    assert error(fast, 11_000) == S
    assert error(slow, 20_000) == -S
    assert [error(swinging, second) for second in (0, 100, 200, 250, 300)] == [
        0,
        100_000,
        0,
        50_000,
        100_000,
    ]
    worst = drift_us_max([Drifts(between_s=(0, 0), ppm=(10, 100))], 10_000)
    assert worst == S
    assert drift_us_max([Drifts(between_s=(0, 0), ppm=(10, 1_000), period_s=200)], 9e9) == 100_000
