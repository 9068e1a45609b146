"""Mail in a small world of days: all that could come comes, and a node that fails it is found."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sim.bugs.bugs import BUGS
from sim.commands.survival import survival_command
from sim.invariants.invariants import L1, BrokenInvariant
from sim.run.runner import run_scenario
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.scenario import parse_scenario

pytestmark = [pytest.mark.world, pytest.mark.xdist_group("survival")]

DAYS = """
schema = 1
name = "days"
summary = "Four people who meet once in a day or two, for two weeks."
nodes = 4
tick_us = 100_000
lasts_s = 1_209_600

[topology]
kind = "meetings"
degree = 2
every_s = [40_000, 172_800]
for_s = [600, 900]
alone_every_s = [86_400, 172_800]
alone_for_s = [300, 600]
killed_share = 0.3
until_s = 1_209_600
gathers = false

[workload]
boot_within_s = 5
contacts = 2
met_before_share = 1
keep_for = "7d"
write_between_s = [60, 700_000]
messages_per_second = 0.002
text_letters = [10, 100]
long_text_share = 0
"""


def test_what_could_come_came_and_the_rest_is_told() -> None:
    report = run_scenario(parse_scenario(DAYS), Options(seed=1, is_crypto_real=False)).report
    assert report.verdict == "pass", report.broken
    survived = report.survived
    assert survived is not None
    assert survived.delivered == survived.deliverable > 10
    assert survived.messages == survived.delivered + survived.told + survived.waiting
    assert report.faults["killed"] > 5
    assert report.faults["meetings"] > 20
    assert survived.node_days == pytest.approx(4 * 14, rel=0.01)


def test_a_proof_that_is_not_told_is_found() -> None:
    options = Options(seed=1, bug="proof-unsaid", is_crypto_real=False)
    report = run_scenario(parse_scenario(DAYS), options).report
    assert [one.id for one in report.broken] == ["L11"]
    assert report.survived is not None
    assert set(report.survived.failures) == {"unproven"}


def test_what_could_come_and_does_not_is_found_though_nobody_ever_gathers() -> None:
    world = World(parse_scenario(DAYS), Options(seed=1, is_crypto_real=False))
    # Those who met before have met by then.
    world.run_until(60_000_000)
    world.inject(BUGS["no-anti-entropy"])
    with pytest.raises(BrokenInvariant) as caught:
        run_to_verdict(world, lambda world: None)
    assert caught.value.invariant is L1
    assert "lost" in world.observers.survival.fates().values()


def test_the_command_counts_over_seeds_and_bounds_what_did_not_happen(tmp_path: Path) -> None:
    world = tmp_path / "days.toml"
    world.write_text(DAYS)
    asked = [str(world), "--seeds", "1..2", "--jobs", "1", "--out", str(tmp_path / "log"), "-q"]
    done = CliRunner().invoke(survival_command, [*asked, "--json"])
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)
    assert figures["runs"] == figures["of_runs"] == 2
    assert figures["delivered"] == figures["deliverable"] > 20
    assert (figures["failures"], figures["failed_runs"]) == ({}, [])
    assert figures["failed_runs_max"] == 1.5
    assert figures["node_months"] == pytest.approx(2 * 4 * 14 / 30, abs=0.1)
    # What is in the log is not run again.
    text = CliRunner().invoke(survival_command, asked).stdout
    assert f"{figures['delivered']} of {figures['deliverable']} deliverable" in text
    assert "rule of three" in text
    broken = CliRunner().invoke(survival_command, [*asked, "--bug", "proof-unsaid"])
    assert broken.exit_code == 1
    assert "unproven: came, and its author could have known" in broken.stdout
