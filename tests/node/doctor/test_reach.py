"""Trials of TCP: what came of them, and what that means."""

import json
import subprocess
import sys

import pytest

from mesh.ids import Address
from mesh.node.doctor.reach import Known, Outcome, Tried, near_and_far, reach_findings
from mesh.node.interfaces import InterfaceAddress
from tests.node.islands import Island

PROBE = """
import json, sys
from mesh.ids import Address
from mesh.node.doctor.reach import Known, try_tcp
known = [Known(Address(host, 41730), is_in_sight=True) for host in sys.argv[1:]]
print(json.dumps([one.outcome for one in try_tcp(known)]))
"""
LISTENER = """
import socket, sys
with socket.create_server(("0.0.0.0", 41730)) as listener:
    print("ready", flush=True)
    sys.stdin.read()
"""
REFUSING = """
table inet wall {
    chain incoming {
        type filter hook input priority 0;
        tcp dport 41730 reject with icmpx type admin-prohibited
    }
}
"""
DROPPING = """
table inet wall {
    chain incoming { type filter hook input priority 0; tcp dport 41730 drop; }
}
"""


@pytest.mark.netns
def test_each_way_of_not_being_reached_is_told_apart(island: Island) -> None:
    here, *there = (island.add_host(number) for number in range(1, 6))
    listening, refusing, dropping, _ = there
    process = island.start(listening, "-c", LISTENER)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    for space, rules in ((refusing, REFUSING), (dropping, DROPPING)):
        wall = ["ip", "netns", "exec", space, "nft", "-f", "-"]
        subprocess.run(wall, input=rules, text=True, check=True)
    # The fourth has no program that listens, and the fifth is not there.
    hosts = [f"10.77.0.{number}" for number in (2, 3, 4, 5, 99)]
    told = subprocess.run(
        ["ip", "netns", "exec", here, sys.executable, "-c", PROBE, *hosts],
        env=island.environment,
        check=True,
        capture_output=True,
    )
    assert json.loads(told.stdout) == ["open", "no way", "silent", "refused", "gone"]


def tried(outcome: Outcome, *, is_in_sight: bool) -> Tried:
    """One address, and what came of it."""
    return Tried(Known(Address("10.0.0.2", 41_730), is_in_sight=is_in_sight), outcome)


@pytest.mark.parametrize("outcome", ["silent", "refused", "forbidden", "no way"])
def test_who_is_in_sight_and_not_reached_is_behind_a_firewall(outcome: Outcome) -> None:
    (finding,) = reach_findings([tried(outcome, is_in_sight=True)], links_count=0, fix="open it")
    assert (finding.level, finding.fix) == ("fail", "On both machines: open it")
    assert "in sight: 10.0.0.2:41730" in finding.found


@pytest.mark.parametrize("outcome", ["refused", "no way", "gone"])
def test_who_is_only_remembered_may_have_stopped_or_gone(outcome: Outcome) -> None:
    assert reach_findings([tried(outcome, is_in_sight=False)], links_count=0, fix="") == []


def test_an_announcement_that_outlived_its_node_is_nothing() -> None:
    assert reach_findings([tried("gone", is_in_sight=True)], links_count=0, fix="") == []


def test_while_links_stand_or_others_are_reached_it_is_a_warning() -> None:
    stopped, through = tried("silent", is_in_sight=True), tried("open", is_in_sight=False)
    (linked,) = reach_findings([stopped], links_count=1, fix="")
    (beside,) = reach_findings([stopped, through], links_count=0, fix="")
    assert (linked.level, beside.level) == ("warn", "warn")


def test_addresses_are_told_apart_by_own_networks_and_those_in_sight_come_first() -> None:
    near, far, in_sight = (Address(host, 1) for host in ("10.0.0.9", "192.0.2.1", "fe80::1"))
    interfaces = (
        InterfaceAddress(2, "eth0", "10.0.0.1", 24),
        InterfaceAddress(2, "eth0", "fe80::9", 64),
    )
    known = [Known(each, is_in_sight=False) for each in (near, far, near)]
    known += [Known(in_sight, is_in_sight=True), Known(Address("a.example", 1), is_in_sight=False)]
    here, there = near_and_far(known, interfaces)
    assert [one.address for one in here] == [in_sight, near]
    assert [one.address for one in there] == [far]
