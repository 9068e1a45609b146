"""Disks that fail under nodes that run: these go on, or stop and start again, and lose nothing."""

import pytest

from mesh.errors import StorageError
from sim.invariants.invariants import S14, BrokenInvariant
from sim.run.report import make_report
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.scenario import parse_scenario
from tests.sim.talker import linked_pair
from tests.sim.test_hardships import HEALING, USERS, fault, outcome

pytestmark = [pytest.mark.world, pytest.mark.xdist_group("hardships")]

S = 1_000_000


def test_who_finds_its_disk_full_goes_on_and_has_lost_nothing_when_there_is_room() -> None:
    faults = fault("full-disks", between_s=[20, 60], for_s=[10, 30], share=0.6)
    world = World(parse_scenario(USERS + faults), Options(seed=1, is_crypto_real=False))
    run_to_verdict(world, lambda world: None)
    report = make_report(world, None, command="repeat", wall_seconds=1)
    assert report.faults["full_disks"] > 1
    assert report.faults["stops_by_disk"] == 0
    assert any(host.full_disk_lives for host in world.hosts.values())
    assert report.messages_delivered >= report.messages_written > 50


def test_who_cannot_read_or_write_now_and_then_stops_and_loses_nothing() -> None:
    faults = fault("failing-disks", between_s=[20, 40], for_s=[20, 40], share=1, statements=0.01)
    ran = outcome(faults)
    assert ran.broken is None, ran.broken
    assert ran.report.faults["stops_by_disk"] > ran.report.faults["failing_disks"] == 5
    assert ran.report.messages_delivered >= ran.report.messages_written > 50


def test_what_a_slow_disk_holds_up_leaves_later_and_in_order() -> None:
    scene = linked_pair()
    slow = scene.talkers[1]
    slow.waits_us = 2 * S
    scene.say(0, b"?one ")
    scene.run(0.5)
    scene.say(0, b"?two ")
    scene.run(1)
    assert scene.talkers[0].text == b""
    scene.run(1)
    assert scene.talkers[0].text == b"!one !two "


def test_what_a_slow_disk_held_up_never_leaves_after_a_crash() -> None:
    scene = linked_pair()
    scene.talkers[1].waits_us = 2 * S
    scene.say(0, b"?one ")
    scene.run(1)
    assert scene.nodes[1].is_committing
    scene.nodes[1].crash(is_silent=True)
    scene.nodes[1].boot()
    scene.run(5)
    assert scene.talkers[0].text == b""


def test_slow_disks_lose_nothing_and_make_messages_late() -> None:
    slow = fault("slow-disks", between_s=[9, 10], for_s=[90, 90], share=1, spikes=0.05)
    slow += '\ncommit = { law = "constant", ms = 200 }'
    ran, usual = outcome(slow), outcome("")
    assert ran.broken is None, ran.broken
    assert ran.report.faults["slow_disks"] == 5
    assert ran.report.latency["together"].p50_ms > 5 * usual.report.latency["together"].p50_ms


@pytest.mark.parametrize("seed", [1, 2])
def test_after_commits_that_were_never_kept_everybody_can_write_again(seed: int) -> None:
    faults = fault("lost-fsyncs", between_s=[30, 90], share=0.6, commits=[2, 20])
    ran = outcome(faults, head=HEALING, seed=seed)
    assert ran.broken is None, ran.broken
    assert ran.report.faults["lost_fsyncs"] > 0
    assert ran.report.faults["commits_lost"] > 0
    assert ran.report.latency["after all"].messages >= 30


def test_a_disk_lies_also_where_the_power_fails_soon_after_its_owner_began() -> None:
    # The half minute of the lie would have begun before anybody had an identity.
    ran = outcome(fault("lost-fsyncs", between_s=[25, 26], share=1), head=HEALING)
    assert ran.broken is None, ran.broken
    assert ran.report.faults["lost_fsyncs"] == 5


def test_a_disk_that_fails_without_a_reason_breaks_s14() -> None:
    scenario = parse_scenario(USERS + fault("full-disks", between_s=[90, 95], for_s=[1, 2]))
    world = World(scenario, Options(seed=1, is_crypto_real=False))
    with pytest.raises(BrokenInvariant) as caught:
        world.faults.failing_disks.stopped(0, StorageError("The disk is full."))
    assert caught.value.invariant is S14


def test_the_same_seed_gives_the_same_run_on_disks_that_fail() -> None:
    faults = fault("failing-disks", between_s=[20, 40], for_s=[20, 40], share=1, statements=0.01)
    again = outcome.__wrapped__(faults)
    assert again.report.trace_hash == outcome(faults).report.trace_hash
