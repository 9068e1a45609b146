"""The verdict on a network, from all that was found of it."""

import pytest

from mesh.commands.status import Situation
from mesh.ids import Address
from mesh.node.doctor.reach import Known, Outcome, Tried, unanswered_hosts
from mesh.node.doctor.situation import Surroundings, judge, situation_finding
from mesh.node.doctor.surroundings import find_router, told_by_portal

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
wg0\t00000000\t00000000\t0001\t0\t0\t50\t00000000\t0\t0\t0
eth0\t00000000\t01014D0A\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t00014D0A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
"""
NEIGHBOURS = """\
IP address       HW type     Flags       HW address            Mask     Device
10.77.1.1        0x1         0x2         7a:0b:2f:1d:00:01     *        eth0
10.77.1.9        0x1         0x0         00:00:00:00:00:00     *        eth0
"""


def tried(outcome: Outcome, *, is_in_sight: bool = False) -> list[Tried]:
    """One node that was tried."""
    return [Tried(Known(Address("10.77.1.9", 41730), is_in_sight), outcome)]


@pytest.mark.parametrize(
    "seen, situation, level",
    [
        (Surroundings(links_count=2, far_links_count=1), "linked", "ok"),
        (Surroundings(links_count=1, far_links_count=1), "routed", "warn"),
        (Surroundings(links_count=1, far_links_count=1, has_announced=True), "linked", "ok"),
        (Surroundings(tunnel="wg0", is_walled=True), "vpn", "fail"),
        (Surroundings(is_walled=True, known_near=tried("silent")), "firewall-here", "fail"),
        (Surroundings(known_near=tried("open")), "no-multicast", "warn"),
        (Surroundings(known_near=tried("open"), has_announced=True), "reached", "ok"),
        (Surroundings(known_near=tried("silent")), "firewall-there", "fail"),
        (Surroundings(known_near=tried("refused", is_in_sight=True)), "firewall-there", "fail"),
        (Surroundings(known_far=tried("open")), "routed", "warn"),
        (Surroundings(portal="HTTP/1.0 302 Found", router="answers"), "captive-portal", "warn"),
        (Surroundings(known_near=tried("gone"), router="answers"), "client-isolation", "warn"),
        (Surroundings(known_near=tried("gone"), router="silent"), "nobody-yet", "warn"),
        (Surroundings(is_somebody_here=True, router="answers"), "client-isolation", "fail"),
        (Surroundings(is_somebody_here=True, router="none"), "nobody-yet", "fail"),
        (Surroundings(known_far=tried("silent"), router="answers"), "nobody-yet", "warn"),
        (Surroundings(router="answers"), "nobody-yet", "warn"),
    ],
)
def test_each_network_is_called_by_its_name(
    seen: Surroundings, situation: Situation, level: str
) -> None:
    assert judge(seen) == situation
    finding = situation_finding(seen, firewall_fix="open it")
    assert (finding.level, finding.situation) == (level, situation)
    assert bool(finding.fix) == (level != "ok")


def test_the_router_is_the_gateway_of_the_default_route() -> None:
    assert find_router(ROUTES) == "10.77.1.1"
    assert find_router("\n".join(ROUTES.splitlines()[:2])) is None
    assert find_router("") is None


def test_an_address_of_which_nobody_said_that_it_is_his_is_nobodys() -> None:
    assert list(unanswered_hosts(NEIGHBOURS)) == ["10.77.1.9"]
    assert list(unanswered_hosts("")) == []


def test_of_an_answer_the_first_line_and_where_it_leads_are_told() -> None:
    answer = b"HTTP/1.1 302 Found\r\nServer: x\r\nlocation: http://login.example/\r\n\r\nbody"
    assert told_by_portal(answer) == "HTTP/1.1 302 Found, http://login.example/"
    assert told_by_portal(b"HTTP/1.0 511 Network Authentication Required\r\n\r\n").endswith(
        "Required"
    )
    assert told_by_portal(b"SSH-2.0-OpenSSH\r\n") == told_by_portal(b"") == ""
