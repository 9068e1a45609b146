"""A flood that overruns stores many times: what ours keep, and plain queues lose."""

from functools import partial
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from mesh.trust.distance import Depth
from sim.__main__ import main
from sim.invariants.invariants import BrokenInvariant
from sim.lab.models.flooding import Trial
from sim.lab.models.plain_queue import PLAIN_QUEUE
from sim.run.deliveries import Deliveries
from sim.run.forks import CAN_FORK, try_forks
from sim.run.world import Options, World
from sim.schema.expectations import require_stored_mail
from sim.schema.scenario import load_scenario
from tests.searching import only_in_search

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="This system cannot fork a process.")

FLOOD_US = 140_000_000
SMALL = (
    ("between_s = [140, 340]", "between_s = [40, 110]"),
    ("between_s = [75, 76]", "between_s = [15, 16]"),
    ("write_between_s = [12, 320]", "write_between_s = [12, 100]"),
    ("from_s = 140", "from_s = 40"),
    ("awake_s = 10\nperiod_s = 60", "awake_s = 8\nperiod_s = 30"),
    ("nodes = 7", "nodes = 5"),
)

TAKEN_OVER = {
    "faults.0.between_s.0": 15,
    "faults.0.between_s.1": 16,
    "faults.1.between_s.0": 40,
    "faults.1.between_s.1": 130,
    "faults.1.awake_s": 8,
    "faults.1.period_s": 30,
    "hostile.0.from_s": 40,
    "hostile.0.kib": 1,
    "hostile.0.per_second": 4,
    "stored_mib": 0.25,
    "workload.write_between_s.1": 120,
    "versions.older": 1,
}
"""The same for small messages: with stores that knew no sponsors three of eleven were lost.

Between nodes of 0.1, since what is on a stem when its reader sleeps comes only after the end.
"""


class Verdict(msgspec.Struct):
    """The verdict of a scenario's expectation on one fork."""

    small: int
    large: int
    arrived: int
    broken: str = ""


def verdict(world: World, *, is_queue: bool) -> Verdict:
    if is_queue:
        world.inject(PLAIN_QUEUE)
    world.run_until(world.rests_at)
    trusted = [one for one in Deliveries(world).stored() if one.is_trusted]
    large = sum(one.is_large for one in trusted)
    arrived = sum(one.has_arrived for one in trusted)
    found = Verdict(small=len(trusted) - large, large=large, arrived=arrived)
    ratio_min = world.scenario.expect.waited_ratio_min
    assert ratio_min is not None
    try:
        require_stored_mail(trusted, ratio_min)
    except BrokenInvariant as broken:
        found.broken = str(broken)
    return found


# Half a minute of CPU, most of it admission of junk; the small floods below take a few seconds.
@only_in_search
@pytest.mark.world
@pytest.mark.timeout(600)
def test_of_mail_that_must_wait_in_a_flood_our_stores_lose_none_and_plain_queues_nearly_all() -> (
    None
):
    world = World(load_scenario("flood-30-percent"), Options(seed=2, is_crypto_real=False))
    world.run_until(FLOOD_US)
    forks = [partial(verdict, is_queue=is_queue) for is_queue in (False, True)]
    ours, queue = try_forks(world, forks, Verdict)
    assert ours.small >= 20
    assert ours.large >= 5
    assert ours.arrived == ours.small + ours.large
    assert ours.broken == ""
    assert queue.arrived * 5 < queue.small + queue.large
    assert queue.broken.startswith("E1: ")
    assert "had to wait in others' stores" in queue.broken


@pytest.mark.world
@pytest.mark.timeout(600)  # Three small worlds, in one process.
def test_the_command_tells_every_trial(tmp_path: Path) -> None:
    text = (files("sim") / "scenarios" / "flood_30_percent.toml").read_text(encoding="utf-8")
    for former, other in SMALL:
        assert former in text
        text = text.replace(former, other)
    scenario = tmp_path / "flood.toml"
    scenario.write_text(text, encoding="utf-8")
    asked = ["lab", "flood", str(scenario), "--seeds", "1", "--hostile", "1"]
    told = CliRunner().invoke(main, [*asked, "--json"])
    assert told.exit_code == 0, told.output
    trials = msgspec.json.decode(told.stdout, type=list[Trial])
    assert [(one.hostile, one.stores) for one in trials] == [(1, "ours"), (1, "queues")]
    assert all(one.turnovers > 0.5 for one in trials), "whoever comes sends as much as all would"
    assert [round(one.share, 2) for one in trials] == [0.17, 0.17]
    ours = trials[0].trusted
    assert ours.arrived == ours.waited > 0


@pytest.mark.world
@pytest.mark.timeout(600)  # Twelve seconds of CPU, most of it admission of junk.
def test_whoever_floods_from_the_laptop_of_a_contact_pushes_out_no_letter_of_others() -> None:
    settings = [f"--set={path}={value}" for path, value in TAKEN_OVER.items()]
    asked = [
        "lab",
        "flood",
        "--seeds",
        "3",
        "--insiders",
        "1",
        "--stores",
        "ours",
        "--json",
        *settings,
    ]
    told = CliRunner().invoke(main, asked)
    assert told.exit_code == 0, told.output
    (trial,) = msgspec.json.decode(told.stdout, type=list[Trial])
    assert (trial.honest, trial.hostile, trial.attackers) == (6, 1, "insiders")
    assert trial.turnovers > 0.5, "shares of contacts and of friends are smaller than the store"
    assert trial.trusted.waited >= 8
    assert trial.trusted.arrived == trial.trusted.waited
    by_insider = trial.by_insider.values()
    assert sum(one.waited for one in by_insider) == trial.trusted.waited
    assert Depth.STRANGER.name not in trial.by_insider


def test_withholding_is_what_insiders_do() -> None:
    told = CliRunner().invoke(main, ["lab", "flood", "--withholding"])
    assert told.exit_code == 2
    assert "--insiders" in told.output


def test_the_command_wants_a_scenario_that_floods() -> None:
    told = CliRunner().invoke(main, ["lab", "flood", "lan-party", "--seeds", "1"])
    assert told.exit_code == 2
    assert "A flood needs" in told.output
