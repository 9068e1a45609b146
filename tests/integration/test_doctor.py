"""Findings of `mesh doctor` where real daemons do not get through to each other.

Each firewall is one that people have: it lets in nothing that was not asked for, or lets out
nothing, or knows of UDP and not of TCP.
"""

import os
import subprocess
from pathlib import Path

import msgspec
import pytest

from mesh.cli.commands.doctor import Findings
from mesh.commands.peers import AskPeers, PeersAnswer
from mesh.engine.parts.addresses import REMEMBERED
from mesh.node.doctor.finding import Finding
from mesh.node.profile import Profile
from mesh.storage.connection import transaction
from mesh.storage.store.link_state import LinkStateRows
from tests.integration.networks import Desk
from tests.integration.nodes import Node, eventually, start_all
from tests.integration.row import NodeMaker, wait_for_links

pytestmark = pytest.mark.netns

NOTHING_IN = """
table inet wall {
    chain incoming {
        type filter hook input priority 0; policy drop;
        iif lo accept
        ct state vmap { established : accept, related : accept, invalid : drop }
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    }
}
"""
NOTHING_OUT = """
table inet wall {
    chain outgoing {
        type filter hook output priority 0; policy drop;
        oif lo accept
        ct state { established, related } accept
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    }
}
"""
NO_TCP = """
table inet wall {
    chain incoming { type filter hook input priority 0; meta l4proto tcp iif != lo jump refuse; }
    chain outgoing { type filter hook output priority 0; meta l4proto tcp oif != lo drop; }
    chain refuse { drop; }
}
"""
NOTHING_AT_ALL = """
table inet wall {
    chain incoming { type filter hook input priority 0; policy drop; iif lo accept; }
    chain outgoing { type filter hook output priority 0; policy drop; oif lo accept; }
}
"""
NO_UDP = """
table inet wall {
    chain incoming { type filter hook input priority 0; udp dport { 5353, 41730 } drop; }
}
"""


DOCTOR_WITHIN_S = 150.0
"""It waits for answers that do not come, and a busy machine for it."""


def asked(node: Node, *options: str) -> tuple[int, list[Finding]]:
    """Ask the doctor; return the exit code and what was found."""
    done = node.attempt("doctor", "--json", *options, timeout_s=DOCTOR_WITHIN_S)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, msgspec.json.decode(done.stdout, type=Findings).findings


def failures(findings: list[Finding]) -> dict[str, Finding]:
    """Return what keeps a node from working, by its check; each says what to do."""
    failed = {each.check: each for each in findings if each.level == "fail"}
    assert all(each.meaning and each.fix for each in failed.values()), failed
    return failed


def wait_until_announced(node: Node) -> None:
    """Wait until somebody is in sight of a node, whom it cannot reach."""
    eventually(
        lambda: node.client.ask(AskPeers(), PeersAnswer).peers,
        lambda peers: any(peer.source == "announced" for peer in peers),
        within_s=60,
        what="an announcement",
    )


def two_apart(desk: Desk, make_node: NodeMaker, rules: str) -> tuple[Node, Node]:
    """Start two nodes on one bridge, the first one behind a firewall."""
    bridge = desk.bridge("left")
    walled, open_ = desk.laptop(bridge), desk.laptop(bridge)
    desk.filter_packets(walled, rules)
    anna, ben = make_node(walled, "Anna"), make_node(open_, "Ben")
    start_all(anna, ben)
    return anna, ben


def test_two_that_are_linked_are_well(desk: Desk, make_node: NodeMaker) -> None:
    bridge = desk.bridge("left")
    anna, ben = (make_node(desk.laptop(bridge), name) for name in ("Anna", "Ben"))
    start_all(anna, ben)
    wait_for_links(anna, 1)
    code, findings = asked(anna, "--vault")
    assert (code, [each for each in findings if each.level == "fail"]) == (0, [])
    found = {each.check: each.found for each in findings}
    assert "every page" in found["store"]
    assert "every page" in found["vault"]
    assert "no neighbour tells another time" in found["clock"]


def test_a_firewall_that_lets_nothing_in_is_found_on_both_sides(
    desk: Desk, make_node: NodeMaker
) -> None:
    anna, ben = two_apart(desk, make_node, NOTHING_IN)
    wait_until_announced(ben)
    code, findings = asked(anna)
    wall = failures(findings)["firewall"]
    assert code == 7
    assert all(each in wall.found for each in ("TCP 41730 in", "UDP 41730 in", "UDP 5353 in"))
    assert " out" not in wall.found
    code, findings = asked(ben)
    assert code == 7
    reach = failures(findings)["reach"]
    assert "10.77.1.1:41730" in reach.found
    assert "41730" in reach.fix
    # What is advised to the one behind the firewall is what helps.
    commands = wall.fix.replace("sudo ", "")
    subprocess.run(["ip", "netns", "exec", anna.namespace, "sh", "-c", commands], check=True)
    eventually(anna.links_count, lambda count: count == 1, within_s=60, what="a link")
    code, findings = asked(anna)
    assert (code, failures(findings)) == (0, {})


def test_a_firewall_that_lets_nothing_out_is_found(desk: Desk, make_node: NodeMaker) -> None:
    anna, _ = two_apart(desk, make_node, NOTHING_OUT)
    wait_until_announced(anna)
    code, findings = asked(anna)
    assert code == 7
    found = failures(findings)
    assert "TCP 41730 out" in found["firewall"].found
    assert "TCP does not pass" in found["reach"].found


def test_a_firewall_that_stops_tcp_alone_is_found_on_both_sides(
    desk: Desk, make_node: NodeMaker
) -> None:
    anna, ben = two_apart(desk, make_node, NO_TCP)
    for node in (anna, ben):
        wait_until_announced(node)
        code, findings = asked(node)
        assert code == 7
        assert "in sight" in failures(findings)["reach"].found
        assert ("firewall" in failures(findings)) == (node is anna)


def test_who_is_remembered_and_silent_is_told_and_who_is_gone_is_not(
    desk: Desk, make_node: NodeMaker
) -> None:
    bridge = desk.bridge("left")
    anna, ben, cleo = (make_node(desk.laptop(bridge), name) for name in ("Anna", "Ben", "Cleo"))
    start_all(anna, ben, cleo)
    wait_for_links(anna, 2)
    anna.stop()
    # Who dialled whom is a matter of chance, and only who dialled remembers.
    remember(anna, "10.77.1.2:41730", "10.77.1.3:41730")
    desk.filter_packets(ben.namespace, NOTHING_AT_ALL)
    desk.cut(cleo.namespace, bridge)
    desk.let_neighbours_age(anna.namespace)
    code, findings = asked(anna)
    assert code == 7
    reach = failures(findings)["reach"]
    assert "a node that is known: 10.77.1.2:41730 (no answer)" in reach.found


def remember(node: Node, *addresses: str) -> None:
    """Let a node that does not run have reached these in an earlier run."""
    with Profile.held(node.folders) as profile:
        store = profile.open_store()
        with transaction(store):
            LinkStateRows(store).put_setting(REMEMBERED, "\n".join(addresses).encode())
        store.close()


def test_nobody_says_that_others_are_not_found_while_links_stand(
    desk: Desk, make_node: NodeMaker
) -> None:
    bridge = desk.bridge("left")
    anna, ben = (make_node(desk.laptop(bridge), name) for name in ("Anna", "Ben"))
    start_all(anna, ben)
    wait_for_links(anna, 1)
    desk.filter_packets(anna.namespace, NO_UDP)
    code, findings = asked(anna)
    assert (code, failures(findings)) == (0, {})
    (multicast, _) = [each for each in findings if each.check == "multicast"]
    assert multicast.level == "warn"
    assert "1 link stands there" in multicast.meaning
    assert not any("not found" in each.meaning for each in findings)


def test_a_clock_that_neighbours_refute_is_found(desk: Desk, make_node: NodeMaker) -> None:
    bridge = desk.bridge("left")
    anna, ben, cleo = (make_node(desk.laptop(bridge), name) for name in ("Anna", "Ben", "Cleo"))
    anna.more_environment = faketime("-41d")
    start_all(anna, ben, cleo)
    wait_for_links(anna, 2)
    code, findings = asked(anna)
    assert code == 7
    clock = failures(findings)["clock"]
    assert "41 days behind that of 2 of 2 neighbours" in clock.found
    code, findings = asked(ben)
    assert (code, failures(findings)) == (0, {})


def faketime(offset: str) -> dict[str, str]:
    """Return what moves the clock of a process, or a skip where the library is not there."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        if "faketime" in os.environ.get("MESH_REQUIRE", "").split(","):
            pytest.fail("MESH_REQUIRE asks for faketime, but it is not installed")
        pytest.skip("there is no faketime on this machine")
    return {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME": offset,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def test_a_damaged_database_is_found(desk: Desk, make_node: NodeMaker) -> None:
    anna = make_node(desk.laptop(desk.bridge("left")), "Anna")
    start_all(anna)
    anna.stop()
    assert asked(anna)[0] == 0
    store, vault = anna.folders.store_file, anna.folders.vault_file
    whole = vault.read_bytes()
    overwrite_last_page(store, os.urandom(4096))
    overwrite_last_page(vault, bytes(4096))
    code, findings = asked(anna)
    assert code == 7
    found = failures(findings)
    assert str(store) in found["store"].found
    assert str(vault) in found["vault"].found
    # Noise looks like any sealed page; only who has the key sees that its seal is broken.
    vault.write_bytes(whole)
    overwrite_last_page(vault, os.urandom(4096))
    assert "vault" not in failures(asked(anna)[1])
    code, findings = asked(anna, "--vault")
    assert code == 7
    assert "damaged" in failures(findings)["vault"].found
    vault.write_bytes(whole)
    # What is advised for the store lets the node start again.
    subprocess.run(["sh", "-c", advised(found["store"].fix)], check=True)
    start_all(anna)
    code, findings = asked(anna, "--vault")
    assert code == 0, failures(findings)


def advised(fix: str) -> str:
    """Return what is advised, without the commands that stop and start the node."""
    return "; ".join(each for each in fix.split("; ") if not each.startswith("mesh "))


def overwrite_last_page(path: Path, page: bytes) -> None:
    """Damage a database as a bad disk does."""
    with path.open("r+b") as file:
        file.seek(-len(page), os.SEEK_END)
        file.write(page)
