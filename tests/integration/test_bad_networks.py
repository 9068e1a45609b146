"""Networks that keep nodes apart: what `mesh doctor` finds, and that what it advises helps.

Each is one that people meet: a Wi-Fi for guests that isolates its devices, subnets with a router
between them, a switch that drops multicast, a VPN that takes the local network, a sign-in page.
Each ends with a message that was delivered by the way that was advised.
"""

import subprocess
import sys

import msgspec
import pytest

from mesh.cli.commands.doctor import Findings
from mesh.commands.invites import InviteAnswer
from mesh.node.doctor.finding import Finding
from tests.integration.networks import Desk
from tests.integration.nodes import Node, befriend, eventually, start_all, start_relays
from tests.integration.row import NodeMaker, wait_for_links, wait_for_text
from tests.integration.test_doctor import DOCTOR_WITHIN_S, NOTHING_IN, asked, failures

pytestmark = pytest.mark.netns

DELIVERED_WITHIN_S = 90.0
MULTICAST_DROPPED = """
table bridge switch {
    chain passing {
        type filter hook forward priority 0;
        ip daddr { 224.0.0.0/4, 255.255.255.255 } drop
        ip6 daddr { ff02::fb, ff12::/16 } drop
    }
}
"""
PORTAL = """
import http.server

class SignIn(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(302)
        self.send_header("Location", "http://sign-in.example/")
        self.end_headers()

server = http.server.ThreadingHTTPServer(("0.0.0.0", 8080), SignIn)
print("ready", flush=True)
server.serve_forever()
"""
TO_PORTAL = """
table ip portal {
    chain passing { type nat hook prerouting priority -100; tcp dport 80 redirect to :8080; }
}
"""


def judged(node: Node, *said: str) -> tuple[int, Finding]:
    """Ask the doctor; return its exit code and what it says of the network."""
    done = node.attempt("doctor", "--json", *said, timeout_s=DOCTOR_WITHIN_S)
    assert "Traceback" not in done.stderr, done.stderr
    findings = msgspec.json.decode(done.stdout, type=Findings).findings
    (finding,) = [each for each in findings if each.check == "neighbours"]
    return done.returncode, finding


def situation(node: Node, *said: str) -> tuple[int, str]:
    """Return the exit code of the doctor, and what it calls the network."""
    code, finding = judged(node, *said)
    return code, finding.situation


def two_nodes(make_node: NodeMaker, *laptops: str) -> tuple[Node, Node]:
    """Start Anna and Ben, who are contacts already and wrote to each other nowhere yet."""
    anna, ben = (make_node(each, name) for each, name in zip(laptops, ("Anna", "Ben"), strict=True))
    start_all(anna, ben)
    befriend(anna, ben, inviter_label="Anna")
    return anna, ben


def greet(ben: Node, anna: Node) -> None:
    """Ben writes to Anna; it is delivered, and he knows it."""
    ben.run("send", "Anna", "The bridge is open.")
    wait_for_text(anna, "The bridge is open.", within_s=DELIVERED_WITHIN_S)


def test_nobody_is_here_yet_and_then_somebody_is(desk: Desk, make_node: NodeMaker) -> None:
    bridge = desk.bridge("left")
    router, *laptops = desk.router(bridge), desk.laptop(bridge), desk.laptop(bridge)
    desk.cut(laptops[1], bridge)
    for laptop in laptops:
        desk.route_over(laptop, router, bridge)
    anna, ben = two_nodes(make_node, *laptops)
    code, finding = judged(anna)
    assert (code, finding.level, finding.situation) == (0, "warn", "nobody-yet")
    assert "--somebody-here" in finding.fix
    desk.heal(laptops[1], bridge)
    wait_for_links(anna, 1)
    assert situation(anna) == (0, "linked")
    greet(ben, anna)


def test_isolated_devices_are_told_from_an_empty_network_and_a_relay_on_the_cable_helps(
    desk: Desk, make_node: NodeMaker
) -> None:
    bridge = desk.bridge("wifi")
    router, *laptops = desk.router(bridge), desk.laptop(bridge), desk.laptop(bridge)
    for laptop in laptops:
        desk.route_over(laptop, router, bridge)
        desk.isolate(laptop, bridge)
    anna, ben = two_nodes(make_node, *laptops)
    assert situation(anna) == (0, "nobody-yet")
    for said in (("--somebody-here",), ("--try", f"{desk.address(laptops[1], bridge)}:41730")):
        code, finding = judged(anna, *said)
        assert (code, finding.level, finding.situation) == (7, "fail", "client-isolation")
        assert "relay" in finding.fix
        assert "hotspot" in finding.fix
    # A relay whose port is not isolated, as one on the cable is.
    relay = make_node(desk.laptop(bridge), "Relay")
    start_relays(relay)
    greet(ben, anna)
    assert situation(anna) == (0, "linked")


def test_isolation_is_suspected_where_somebody_was_reached_before_and_a_hotspot_helps(
    desk: Desk, make_node: NodeMaker
) -> None:
    """And when the one whose hotspot it is leaves, that is an empty network."""
    bridge, hotspot = desk.bridge("wifi"), desk.bridge("hotspot")
    router, *laptops = desk.router(bridge), desk.laptop(bridge), desk.laptop(bridge)
    anna, ben = two_nodes(make_node, *laptops)
    wait_for_links(anna, 1)
    for laptop in laptops:
        desk.route_over(laptop, router, bridge)
        desk.isolate(laptop, bridge)
    for laptop in laptops:
        desk.replug(laptop, bridge)
    eventually(anna.links_count, lambda count: count == 0, within_s=60, what="no link")
    code, finding = judged(anna)
    assert (code, finding.level, finding.situation) == (0, "warn", "client-isolation")
    assert "--somebody-here" in finding.fix
    for laptop in laptops:
        desk.move(laptop, bridge, hotspot)
    greet(ben, anna)
    desk.cut(laptops[1], hotspot)
    eventually(anna.links_count, lambda count: count == 0, within_s=60, what="no link")
    # Whose hotspot it was is its router too. For a minute the system believes that he is there.
    eventually(
        lambda: situation(anna, "--somebody-here"),
        lambda told: told == (7, "nobody-yet"),
        within_s=150,
        what="an empty network",
    )


def test_between_subnets_an_address_is_enough_and_is_said_to_be_needed(
    desk: Desk, make_node: NodeMaker
) -> None:
    left, right = desk.bridge("left"), desk.bridge("right")
    router, *laptops = desk.router(left, right), desk.laptop(left), desk.laptop(right)
    for laptop, bridge in zip(laptops, (left, right), strict=True):
        desk.route_over(laptop, router, bridge)
    anna, ben = two_nodes(make_node, *laptops)
    assert situation(anna) == (0, "nobody-yet")
    address = f"{desk.address(laptops[1], right)}:41730"
    code, finding = judged(anna, "--try", address)
    assert (code, finding.level, finding.situation) == (0, "warn", "routed")
    assert "mesh peer add" in finding.fix
    anna.run("peer", "add", address)
    greet(ben, anna)
    assert situation(anna) == (0, "routed")


def test_an_invite_with_addresses_reaches_across_a_router_and_outlives_a_restart(
    desk: Desk, make_node: NodeMaker
) -> None:
    left, right = desk.bridge("left"), desk.bridge("right")
    router, *laptops = desk.router(left, right), desk.laptop(left), desk.laptop(right)
    for laptop, bridge in zip(laptops, (left, right), strict=True):
        desk.route_over(laptop, router, bridge)
    anna, ben = (make_node(each, name) for each, name in zip(laptops, ("Anna", "Ben"), strict=True))
    start_all(anna, ben)
    plain = anna.answer(InviteAnswer, "invite")
    assert plain.addresses == []
    invite = anna.answer(InviteAnswer, "invite", "--addresses")
    assert invite.addresses == [f"{desk.address(laptops[0], left)}:41730"]
    ben.run("add", invite.qr, "--label", "Anna")
    greet(ben, anna)
    # Both know the way now: whoever comes back finds the other, and nothing was typed.
    for node in (anna, ben):
        node.kill()
    start_all(anna, ben)
    wait_for_links(anna, 1)


def test_where_multicast_is_dropped_an_address_is_enough(desk: Desk, make_node: NodeMaker) -> None:
    bridge = desk.bridge("left")
    desk.filter_packets(desk.hub, MULTICAST_DROPPED)
    laptops = desk.laptop(bridge), desk.laptop(bridge)
    anna, ben = two_nodes(make_node, *laptops)
    assert situation(anna, "--somebody-here") == (7, "nobody-yet")
    address = f"{desk.address(laptops[1], bridge)}:41730"
    code, finding = judged(anna, "--try", address)
    assert (code, finding.level, finding.situation) == (0, "warn", "no-multicast")
    anna.run("peer", "add", address)
    greet(ben, anna)


def obey(node: Node, finding: Finding) -> None:
    """Do on a node's laptop what was found to help."""
    commands = finding.fix.removeprefix("On the other machine: ").replace("sudo ", "")
    subprocess.run(["ip", "netns", "exec", node.namespace, "sh", "-c", commands], check=True)


def test_default_deny_on_one_side_and_on_both_is_told_with_what_opens_it(
    desk: Desk, make_node: NodeMaker
) -> None:
    bridge = desk.bridge("left")
    laptops = desk.laptop(bridge), desk.laptop(bridge)
    for laptop in laptops:
        desk.filter_packets(laptop, NOTHING_IN)
    anna, ben = two_nodes(make_node, *laptops)
    code, finding = judged(anna)
    assert (code, finding.level, finding.situation) == (7, "fail", "firewall-here")
    obey(anna, firewall_of(anna))
    # Now it is shut there alone, and the one who is open sees whom it cannot reach.
    # A beacon that comes every half minute tells of him.
    eventually(
        lambda: situation(anna),
        lambda told: told == (7, "firewall-there"),
        within_s=90,
        what="somebody in sight",
    )
    assert judged(ben)[1].situation == "firewall-here"
    obey(ben, firewall_of(ben))
    greet(ben, anna)
    assert situation(anna) == situation(ben) == (0, "linked")


def firewall_of(node: Node) -> Finding:
    """Return what the doctor says of the firewall of a node's own laptop."""
    return failures(asked(node)[1])["firewall"]


def test_another_address_by_dhcp_is_followed_by_the_mail(desk: Desk, make_node: NodeMaker) -> None:
    bridge = desk.bridge("left")
    laptops = desk.laptop(bridge), desk.laptop(bridge)
    anna, ben = two_nodes(make_node, *laptops)
    wait_for_links(anna, 1)
    desk.readdress(laptops[0], bridge, 77)
    greet(ben, anna)
    assert situation(anna) == (0, "linked")


def test_a_vpn_that_takes_the_local_network_is_named(desk: Desk, make_node: NodeMaker) -> None:
    bridge = desk.bridge("left")
    laptops = desk.laptop(bridge), desk.laptop(bridge)
    begin_vpn(laptops[0], "10.77.1.0/25", "10.77.1.128/25", "224.0.0.0/4")
    anna, ben = two_nodes(make_node, *laptops)
    code, finding = judged(anna)
    assert (code, finding.level, finding.situation) == (7, "fail", "vpn")
    assert "wg0" in finding.found
    subprocess.run(["ip", "-n", laptops[0], "link", "del", "wg0"], check=True)
    greet(ben, anna)
    assert situation(anna) == (0, "linked")


def begin_vpn(laptop: str, *networks: str) -> None:
    """Let an interface that leads nowhere take these networks."""
    for words in (
        ("link", "add", "wg0", "type", "veth", "peer", "name", "nowhere"),
        ("link", "set", "nowhere", "up"),
        ("address", "add", "10.99.0.2/32", "dev", "wg0"),
        ("link", "set", "wg0", "up"),
        *(("route", "add", network, "dev", "wg0") for network in networks),
    ):
        subprocess.run(["ip", "-n", laptop, *words], check=True)
    # Nor by IPv6, as such programs do.
    no_ipv6 = ["sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"]
    subprocess.run(["ip", "netns", "exec", laptop, *no_ipv6], check=True)


def test_a_sign_in_page_is_told_by_its_answer_in_the_place_of_others(
    desk: Desk, make_node: NodeMaker
) -> None:
    bridge = desk.bridge("left")
    router, laptop = desk.router(bridge), desk.laptop(bridge)
    desk.route_over(laptop, router, bridge)
    desk.filter_packets(router, TO_PORTAL)
    command = ["ip", "netns", "exec", router, sys.executable, "-c", PORTAL]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as portal:
        assert portal.stdout is not None
        assert portal.stdout.readline() == "ready\n"
        anna = make_node(laptop, "Anna")
        start_all(anna)
        code, finding = judged(anna)
        portal.kill()
    assert (code, finding.level, finding.situation) == (0, "warn", "captive-portal")
    assert "302" in finding.found
    assert "http://sign-in.example/" in finding.found
    # Without it the same network is an empty one.
    assert situation(anna) == (0, "nobody-yet")
