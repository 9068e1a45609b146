"""Discovery between network namespaces that are joined by a bridge: real mDNS, real interfaces."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROBE = Path(__file__).with_name("discovery_probe.py")
ROOT = Path(__file__).parents[2]
FIRST = "00112233445566aa"
SECOND = "00112233445566bb"
THIRD = "00112233445566cc"


def ip(*words: str) -> None:
    """Run the `ip` program."""
    subprocess.run(["ip", *words], check=True, capture_output=True)


def why_no_namespaces() -> str | None:
    """Return why network namespaces cannot be made here."""
    name = f"probe-{secrets.token_hex(4)}"
    try:
        ip("netns", "add", name)
        ip("netns", "exec", name, "true")
        ip("netns", "del", name)
    except FileNotFoundError:
        return "the program `ip` is missing"
    except subprocess.CalledProcessError as error:
        return f"`ip netns` does not work here: {error.stderr.decode().strip()}"
    return None


class Island:
    """Namespaces joined by a bridge in a namespace of its own; nothing of the host is touched."""

    def __init__(self) -> None:
        self._token = secrets.token_hex(3)
        self._bridge = f"mb-{self._token}"
        self._spaces: list[str] = []
        self._processes: list[subprocess.Popen[str]] = []
        self._make_space(self._bridge)
        ip("-n", self._bridge, "link", "add", "br0", "type", "bridge")
        ip("-n", self._bridge, "link", "set", "br0", "up")

    def add_host(self, number: int, *, is_linked: bool = True, has_ipv4: bool = True) -> str:
        """Make a host; `is_linked` says whether its cable is plugged in."""
        space = f"mh-{self._token}-{number}"
        self._make_space(space)
        if is_linked:
            self.plug_in(space, number, has_ipv4=has_ipv4)
        return space

    def plug_in(self, space: str, number: int, *, has_ipv4: bool = True, cable: str = "e") -> None:
        """Give a host a cable and an address."""
        near, far = f"{cable}{number}", f"{cable}p{number}"
        ip("-n", space, "link", "add", near, "type", "veth", "peer", far, "netns", self._bridge)
        ip("-n", self._bridge, "link", "set", far, "master", "br0", "up")
        # An address that is being checked for duplicates cannot be used yet.
        path = f"/proc/sys/net/ipv6/conf/{near}/accept_dad"
        ip("netns", "exec", space, "sh", "-c", f"echo 0 > {path}")
        if has_ipv4:
            ip("-n", space, "addr", "add", f"10.77.0.{number}/24", "dev", near)
        ip("-n", space, "link", "set", near, "up")

    def start(self, space: str, port: int) -> "Probe":
        """Run discovery on a host."""
        command = ["ip", "netns", "exec", space, sys.executable, str(PROBE), str(port)]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self._processes.append(process)
        return Probe(process)

    def close(self) -> None:
        """End what was started here and remove what was made here."""
        for process in self._processes:
            process.kill()
            process.communicate()
        for space in self._spaces:
            ip("netns", "del", space)

    def _make_space(self, space: str) -> None:
        ip("netns", "add", space)
        self._spaces.append(space)
        ip("-n", space, "link", "set", "lo", "up")


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


@pytest.fixture
def island() -> Iterator[Island]:
    """Two hosts and a bridge, or a clear reason why not."""
    reason = why_no_namespaces()
    if reason is not None:
        if "netns" in os.environ.get("MESH_REQUIRE", "").split(","):
            pytest.fail(reason)
        pytest.skip(reason)
    made = Island()
    try:
        yield made
    finally:
        made.close()


pytestmark = pytest.mark.netns


def test_two_nodes_see_each_other_and_a_goodbye_is_heard(island: Island) -> None:
    one = island.start(island.add_host(1), 41_001)
    two = island.start(island.add_host(2), 41_002)
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
    one = island.start(island.add_host(1, has_ipv4=False), 41_001)
    two = island.start(island.add_host(2, has_ipv4=False), 41_002)
    one.announce(FIRST)
    two.announce(SECOND)
    addresses = one.next("PeerSeen")["addresses"]
    assert isinstance(addresses, list)
    assert addresses
    assert all(each["host"].startswith("fe80") and each["scope"] > 0 for each in addresses)
    one.stop()
    two.stop()


def test_a_new_name_on_the_same_network_stands_beside_the_old_one(island: Island) -> None:
    one = island.start(island.add_host(1), 41_001)
    two = island.start(island.add_host(2), 41_002)
    one.announce(FIRST)
    two.sees(FIRST)
    one.announce(SECOND)
    two.sees(SECOND)
    late = island.start(island.add_host(3), 41_003)
    late.sees(FIRST)
    late.sees(SECOND)
    assert all(heard["kind"] != "PeerGone" for heard in two.stop())
    one.stop()
    late.stop()


def test_a_name_of_a_former_network_is_never_said_again(island: Island) -> None:
    host = island.add_host(1)
    one = island.start(host, 41_001)
    one.announce(FIRST)
    two = island.start(island.add_host(2), 41_002)
    two.sees(FIRST)
    island.plug_in(host, 11, cable="f")
    one.next("NetworkChanged")
    one.announce(SECOND, how="new-network")
    assert two.next("PeerSeen")["instance"] == SECOND
    late = island.start(island.add_host(3), 41_003)
    assert late.next("PeerSeen")["instance"] == SECOND
    one.stop()
    assert two.next("PeerGone")["instance"] == SECOND
    heard = two.stop() + late.stop()
    assert [each for each in heard if each.get("instance") == FIRST] == []


def test_without_a_network_one_notice_is_given_and_a_cable_is_enough_to_go_on(
    island: Island,
) -> None:
    host = island.add_host(1, is_linked=False)
    one = island.start(host, 41_001)
    one.announce(FIRST)
    assert "No network is up" in str(one.next("Notice")["sentence"])
    island.plug_in(host, 1)
    one.next("NetworkChanged")
    one.announce(SECOND, how="new-network")
    two = island.start(island.add_host(2), 41_002)
    two.sees(SECOND)
    assert all(heard["kind"] != "Notice" for heard in one.stop())
    two.stop()
