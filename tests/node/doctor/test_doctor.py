"""The doctor: each finding is made on a real folder, socket or network namespace."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mesh.node.doctor.doctor import examine
from mesh.node.doctor.finding import Finding
from mesh.node.doctor.memory import memory_finding
from mesh.node.folders import ProfileFolders, profile_folders
from mesh.node.membership import keep_mesh
from mesh.node.private_memory import may_keep_out_of_swap
from mesh.node.profile import Profile
from mesh.wire.parameters import MeshParameters
from tests.node.islands import Island

PROBE = """
import sys, msgspec
from mesh.config import Config
from mesh.ids import Address
from mesh.node.doctor.network import Neighbourhood, examine_network
from mesh.node.doctor.reach import Known
linked = [Known(Address(host, 41730), is_in_sight=True) for host in sys.argv[1:]]
findings = examine_network(Config(), Neighbourhood(linked=linked))
sys.stdout.write(msgspec.json.encode(findings).decode())
"""


@pytest.fixture
def folders(tmp_path: Path) -> ProfileFolders:
    """Return the folders of a profile that was never started."""
    return profile_folders("test", {"MESH_HOME": str(tmp_path)})


def of_check(findings: list[Finding], check: str) -> list[Finding]:
    """Return the findings of one check."""
    return [each for each in findings if each.check == check]


def test_a_healthy_profile_that_does_not_run_gets_one_command(folders: ProfileFolders) -> None:
    findings = examine(folders)
    (daemon,) = of_check(findings, "daemon")
    assert (daemon.level, daemon.fix) == ("warn", "mesh up")
    assert [each.level for each in of_check(findings, "config")] == ["ok"]
    assert {each.level for each in of_check(findings, "folders")} == {"ok"}
    assert all(each.meaning and each.fix for each in findings if each.level == "fail")


def test_a_folder_that_is_open_to_others_is_told_with_the_command(folders: ProfileFolders) -> None:
    folders.data.mkdir(parents=True)
    folders.data.chmod(0o755)
    (finding,) = [each for each in of_check(examine(folders), "folders") if each.level == "warn"]
    assert finding.fix == f"chmod 700 '{folders.data}'"


def test_memory_that_may_be_written_to_swap_is_told(folders: ProfileFolders) -> None:
    assert memory_finding(folders, swap_bytes=0).level == "ok"
    # What the process that holds the profile has done counts, not what it might do.
    with Profile.held(folders):
        finding = memory_finding(folders, swap_bytes=1 << 30)
    assert (finding.level, "encrypted" in finding.meaning) == ("warn", True)
    assert memory_finding(folders, swap_bytes=1 << 30).level == (
        "ok" if may_keep_out_of_swap() else "warn"
    )


def test_settings_with_a_mistake_are_told_with_the_key(folders: ProfileFolders) -> None:
    folders.config.mkdir(parents=True, mode=0o700)
    folders.config_file.write_text("listen_prot = 1")
    (finding,) = of_check(examine(folders), "config")
    assert finding.level == "fail"
    assert "listen_prot" in finding.found


def test_a_setting_of_another_mesh_is_told_with_the_command(folders: ProfileFolders) -> None:
    folders.config.mkdir(parents=True, mode=0o700, exist_ok=True)
    folders.data.mkdir(parents=True, mode=0o700, exist_ok=True)
    keep_mesh(folders, MeshParameters("club", psk=bytes(32)))
    folders.config_file.write_text('mesh_name = "harbour"')
    (finding,) = of_check(examine(folders), "config")
    assert (finding.level, "mesh join" in finding.found) == ("fail", True)


def test_a_port_of_another_program_is_told(folders: ProfileFolders) -> None:
    folders.config.mkdir(parents=True, mode=0o700)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        folders.config_file.write_text(f"listen_port = {taken.getsockname()[1]}")
        (finding,) = of_check(examine(folders), "port")
    assert finding.level == "warn"
    assert "used by another program" in finding.found


def test_a_socket_that_others_may_use_is_a_failure(folders: ProfileFolders) -> None:
    folders.socket_file.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(folders.socket_file))
        listener.listen()
        folders.socket_file.chmod(0o666)
        (finding,) = of_check(examine(folders), "daemon")
    folders.socket_file.unlink()
    assert finding.level == "fail"
    assert finding.fix == f"chmod 600 '{folders.socket_file}'"


def test_a_node_without_a_unix_socket_is_seen_to_run(folders: ProfileFolders) -> None:
    with Profile.held(folders):
        (finding,) = of_check(examine(folders), "daemon")
    assert (finding.level, "loopback" in finding.found) == ("ok", True)
    (finding,) = of_check(examine(folders), "daemon")
    assert finding.fix == "mesh up"


def examined_in(island: Island, space: str, *linked: str) -> list[Finding]:
    """Let the doctor look at the network of one namespace, while links to such hosts stand."""
    told = subprocess.run(
        ["ip", "netns", "exec", space, sys.executable, "-c", PROBE, *linked],
        env=island.environment,
        check=True,
        capture_output=True,
    )
    return [Finding(**each) for each in json.loads(told.stdout)]


def examined_without_rights(island: Island, space: str, rules: str) -> list[Finding]:
    """Let the doctor look from behind a firewall whose rules it may not read."""
    wall = ["ip", "netns", "exec", space, "nft", "-f", "-"]
    subprocess.run(wall, input=rules, text=True, check=True)
    without_rights = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
    told = subprocess.run(
        ["ip", "netns", "exec", space, *without_rights, sys.executable, "-c", PROBE],
        env=island.environment,
        check=True,
        capture_output=True,
    )
    return [Finding(**each) for each in json.loads(told.stdout)]


DENY_IN = """
table inet wall {{
    chain incoming {{
        type filter hook input priority 0; policy drop;
        iif lo accept
        ct state established,related accept
        {more}
    }}
}}
"""


@pytest.mark.netns
def test_a_firewall_whose_rules_are_secret_is_found_by_trial(island: Island) -> None:
    findings = examined_without_rights(island, island.add_host(1), DENY_IN.format(more=""))
    (wall,) = of_check(findings, "firewall")
    assert (wall.level, wall.fix != "") == ("fail", True)
    assert "drops what it does not know on e1" in wall.found
    for check in ("multicast", "beacon"):
        assert [each.level for each in of_check(findings, check)] == ["fail", "fail"]


@pytest.mark.netns
def test_a_firewall_that_knows_mesh_by_udp_is_a_warning(island: Island) -> None:
    rules = DENY_IN.format(more="udp dport { 5353, 41730 } accept")
    findings = examined_without_rights(island, island.add_host(1), rules)
    (wall,) = of_check(findings, "firewall")
    assert wall.level == "warn"
    assert "Whether TCP too" in wall.meaning
    assert {each.level for each in of_check(findings, "multicast")} == {"ok"}


@pytest.mark.netns
def test_where_the_beacon_passes_others_are_found_without_mdns(island: Island) -> None:
    rules = DENY_IN.format(more="udp dport 41730 accept")
    findings = examined_without_rights(island, island.add_host(1), rules)
    assert {each.level for each in of_check(findings, "beacon")} == {"ok"}
    for each in of_check(findings, "multicast"):
        assert each.level == "warn"
        assert "found there by beacon" in each.meaning


@pytest.mark.netns
def test_a_firewall_that_lets_nothing_out_is_found_by_trial(island: Island) -> None:
    rules = DENY_IN.replace("input", "output").replace("iif", "oif").format(more="")
    findings = examined_without_rights(island, island.add_host(1), rules)
    (wall,) = of_check(findings, "firewall")
    assert wall.level == "fail"
    assert "lets nothing out to all on e1" in wall.found


@pytest.mark.netns
def test_rules_that_let_mesh_through_are_no_problem(island: Island) -> None:
    space = island.add_host(1)
    opened = "udp dport { 5353, 41730 } accept; tcp dport 41000-42000 accept"
    wall = ["ip", "netns", "exec", space, "nft", "-f", "-"]
    subprocess.run(wall, input=DENY_IN.format(more=opened), text=True, check=True)
    (finding,) = of_check(examined_in(island, space), "firewall")
    assert (finding.level, finding.found) == (
        "ok",
        "The rules of this machine let Mesh in and out.",
    )


@pytest.mark.netns
def test_multicast_works_on_a_cable(island: Island) -> None:
    findings = of_check(examined_in(island, island.add_host(1)), "multicast")
    assert [each.level for each in findings] == ["ok", "ok"]
    assert {each.found for each in findings} == {
        "Multicast works on e1 (IPv4).",
        "Multicast works on e1 (IPv6).",
    }


@pytest.mark.netns
def test_no_interface_at_all_is_a_failure(island: Island) -> None:
    findings = examined_in(island, island.add_host(1, is_linked=False))
    (interfaces,) = of_check(findings, "interfaces")
    assert interfaces.level == "fail"
    assert of_check(findings, "multicast") == []


@pytest.mark.netns
def test_who_is_linked_to_profiles_of_this_machine_is_not_told_that_nobody_is_there(
    island: Island,
) -> None:
    space = island.add_host(1, is_linked=False)
    # A link over a cable that was just pulled is no such one.
    (interfaces,) = of_check(examined_in(island, space, "10.77.0.2"), "interfaces")
    assert interfaces.level == "fail"
    (interfaces,) = of_check(examined_in(island, space, "127.0.0.1"), "interfaces")
    assert (interfaces.level, interfaces.meaning) == (
        "warn",
        "What is for people elsewhere waits here.",
    )


@pytest.mark.netns
def test_a_vpn_that_takes_all_traffic_is_told(island: Island) -> None:
    space = island.add_host(1)
    island.add_tunnel(space, "wg0", "10.99.0.1")
    (finding,) = of_check(examined_in(island, space), "vpn")
    assert finding.level == "warn"
    assert "wg0" in finding.found


COUNTING = """
table inet counting {
    counter to_all {}
    counter out_of_it {}
    chain leaving {
        type filter hook output priority 0;
        udp dport 1-65535 ip daddr 224.0.0.0/4 counter name to_all
        udp dport 1-65535 ip6 daddr ff00::/8 counter name to_all
        ip daddr 192.0.2.1 counter name out_of_it
    }
}
"""
LOOK = """
from mesh.config import Config
from mesh.node.doctor.network import Neighbourhood, examine_network
around = Neighbourhood(is_node_running=True)
examine_network(Config(discovery={}), around, is_asked={})
"""


@pytest.mark.parametrize(
    "has_discovery, is_asked, sends_to_all, sends_out",
    [(False, False, False, False), (True, False, True, False), (True, True, True, True)],
)
def test_what_nobody_asked_for_leaves_no_network_and_obeys_that_discovery_is_off(
    island: Island, has_discovery: bool, is_asked: bool, sends_to_all: bool, sends_out: bool
) -> None:
    space = island.add_host(1)
    within = ["ip", "netns", "exec", space]
    subprocess.run([*within, "ip", "route", "add", "default", "via", "10.77.0.9"], check=True)
    subprocess.run([*within, "nft", "-f", "-"], input=COUNTING, text=True, check=True)
    look = LOOK.format(has_discovery, is_asked)
    subprocess.run([*within, sys.executable, "-c", look], env=island.environment, check=True)
    listed = subprocess.run(
        [*within, "nft", "-j", "list", "counters"], check=True, capture_output=True
    )
    found = [each["counter"] for each in json.loads(listed.stdout)["nftables"] if "counter" in each]
    assert {each["name"]: each["packets"] > 0 for each in found} == {
        "to_all": sends_to_all,
        "out_of_it": sends_out,
    }


UNTOLD = """
table inet quiet {
    chain incoming {
        type filter hook input priority 0;
        icmp type destination-unreachable drop
        icmpv6 type destination-unreachable drop
    }
}
"""
LOST = """
import sys, time
from mesh.ids import Address
from mesh.node.doctor.reach import Known, try_tcp
known = [Known(Address(host, 41730, int(sys.argv[1])), True) for host in ("10.77.0.2", "fe80::77")]
print(*(one.outcome for one in try_tcp(known)))
"""


@pytest.mark.parametrize("is_told", [True, False])
def test_who_announced_himself_and_left_is_gone_though_the_system_says_nothing_of_it(
    island: Island, is_told: bool
) -> None:
    space = island.add_host(1)
    within = ["ip", "netns", "exec", space]
    if not is_told:
        # As where it has said so too often already.
        subprocess.run([*within, "nft", "-f", "-"], input=UNTOLD, text=True, check=True)
    listed = json.loads(
        subprocess.run([*within, "ip", "-j", "link"], check=True, capture_output=True).stdout
    )
    (index,) = [each["ifindex"] for each in listed if each["ifname"] == "e1"]
    told = subprocess.run(
        [*within, sys.executable, "-c", LOST, str(index)],
        env=island.environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert told.stdout.split() == ["gone", "gone"]
