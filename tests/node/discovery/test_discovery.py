"""Discovery between network namespaces that are joined by a bridge: real mDNS, real interfaces."""

import json
import subprocess
from pathlib import Path
from socket import inet_aton

import pytest

from tests.node.islands import Island, ip

PROBE = Path(__file__).with_name("discovery_probe.py")
EAR = Path(__file__).with_name("mdns_ear.py")
FIRST = "00112233445566aa"
SECOND = "00112233445566bb"
THIRD = "00112233445566cc"


class Probe:
    """A running discovery: say what it shall do, read what it heard."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._seen: dict[object, dict[str, object]] = {}

    def order(self, *words: str) -> None:
        """Give one order."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(words) + "\n")
        self._process.stdin.flush()

    def announce(self, instance: str, *, hint: str = "-", how: str = "rotation") -> None:
        """Take a name."""
        self.order("announce", instance, hint, how)

    def next(self, kind: str) -> dict[str, object]:
        """Wait for what was heard of one kind, passing over others."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            heard: dict[str, object] = json.loads(line)
            if heard["kind"] == "PeerSeen":
                self._seen[heard["instance"]] = heard
            if heard["kind"] == kind:
                return heard
        raise AssertionError(f"the probe ended before {kind}")

    def sees(self, instance: str) -> dict[str, object]:
        """Wait until a certain name was heard, unless it was already."""
        while instance not in self._seen:
            self.next("PeerSeen")
        return self._seen[instance]

    def stop(self) -> list[dict[str, object]]:
        """End it in order and return what it heard until then."""
        rest, _ = self._process.communicate("stop\n")
        assert self._process.returncode == 0
        return [json.loads(line) for line in rest.splitlines()]


def start(island: Island, space: str, port: int) -> Probe:
    """Run discovery on a host."""
    return Probe(island.start(space, str(PROBE), str(port)))


pytestmark = pytest.mark.netns


def test_two_nodes_see_each_other_and_a_goodbye_is_heard(island: Island) -> None:
    one = start(island, island.add_host(1), 41_001)
    two = start(island, island.add_host(2), 41_002)
    one.announce(FIRST)
    two.announce(SECOND, hint="0123abcd")
    seen_by_one, seen_by_two = one.sees(SECOND), two.sees(FIRST)
    assert (seen_by_one["mesh_hint"], seen_by_two["mesh_hint"]) == ("0123abcd", None)
    addresses = seen_by_one["addresses"]
    assert isinstance(addresses, list)
    assert {"host": "10.77.0.2", "port": 41_002, "scope": 0} in addresses
    assert all(each["scope"] > 0 for each in addresses if each["host"].startswith("fe80"))
    two.stop()
    assert one.next("PeerGone")["instance"] == SECOND
    assert [heard for heard in one.stop() if heard["kind"] == "PeerSeen"] == []


def test_two_nodes_on_one_cable_without_ipv4_find_each_other_by_link_local_addresses(
    island: Island,
) -> None:
    one = start(island, island.add_host(1, has_ipv4=False), 41_001)
    two = start(island, island.add_host(2, has_ipv4=False), 41_002)
    one.announce(FIRST)
    two.announce(SECOND)
    addresses = one.next("PeerSeen")["addresses"]
    assert isinstance(addresses, list)
    assert addresses
    assert all(each["host"].startswith("fe80") and each["scope"] > 0 for each in addresses)
    one.stop()
    two.stop()


def test_on_each_network_only_the_addresses_there_are_told(island: Island) -> None:
    host, other = island.add_host(1), island.add_host(2)
    # A VPN gives out one address for months: it would show who this is on every network.
    island.add_tunnel(host, "tun0", "198.51.100.9")
    ip("-n", host, "link", "set", "tun0-far", "up")
    ear = island.start(other, str(EAR), "10.77.0.2", "10.77.0.1", FIRST, "6")
    assert ear.stdout is not None
    assert ear.stdout.readline() == "ready\n"
    one = start(island, host, 41_001)
    one.announce(FIRST)
    told, _ = ear.communicate()
    packets = [bytes.fromhex(line.split()[1]) for line in told.splitlines()]
    assert any(inet_aton("10.77.0.1") in packet for packet in packets)
    assert not any(inet_aton("198.51.100.9") in packet for packet in packets)
    one.stop()


def test_a_new_name_on_the_same_network_stands_beside_the_old_one(island: Island) -> None:
    one = start(island, island.add_host(1), 41_001)
    two = start(island, island.add_host(2), 41_002)
    one.announce(FIRST)
    two.sees(FIRST)
    one.announce(SECOND)
    two.sees(SECOND)
    late = start(island, island.add_host(3), 41_003)
    late.sees(FIRST)
    late.sees(SECOND)
    assert all(heard["kind"] != "PeerGone" for heard in two.stop())
    one.stop()
    late.stop()


def test_a_name_of_a_former_network_is_never_said_again(island: Island) -> None:
    host = island.add_host(1)
    one = start(island, host, 41_001)
    one.announce(FIRST)
    two = start(island, island.add_host(2), 41_002)
    two.sees(FIRST)
    island.plug_in(host, 11, cable="f")
    one.next("NetworkChanged")
    one.announce(SECOND, how="new-network")
    two.sees(SECOND)
    late = start(island, island.add_host(3), 41_003)
    assert late.next("PeerSeen")["instance"] == SECOND
    one.stop()
    assert two.next("PeerGone")["instance"] == SECOND
    heard = two.stop() + late.stop()
    assert [each for each in heard if each.get("instance") == FIRST] == []


def test_without_a_network_one_notice_is_given_and_a_cable_is_enough_to_go_on(
    island: Island,
) -> None:
    host = island.add_host(1, is_linked=False)
    one = start(island, host, 41_001)
    one.announce(FIRST)
    assert "No network is up" in str(one.next("Notice")["sentence"])
    island.plug_in(host, 1)
    one.next("NetworkChanged")
    one.announce(SECOND, how="new-network")
    two = start(island, island.add_host(2), 41_002)
    two.sees(SECOND)
    assert all(heard["kind"] != "Notice" for heard in one.stop())
    two.stop()
