"""Network namespaces joined by bridges: a desk with laptops and cables, in one kernel.

A `Desk` owns everything that it makes and takes it away again. The bridges stand in a namespace
of their own, the hub; each laptop is a namespace with one cable per bridge. To cut a cable is to
set the hub's end down: the laptop sees its carrier go, as with a real one.
"""

import contextlib
import ctypes
import itertools
import json
import os
import socket
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType

_PREFIX = "mt"
_NAMESPACES = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_CARRIER_WITHIN_S = 10.0
_CARRIER_POLL_S = 0.02
_desks = itertools.count()


class Desk:
    """Laptops, bridges and cables, gone at the end of the `with` block."""

    def __init__(self) -> None:
        self._name = f"{_PREFIX}{os.getpid()}x{next(_desks)}"
        self._cables: dict[tuple[str, str], str] = {}
        self._bridges: list[str] = []
        self._laptops: list[str] = []

    def __enter__(self) -> "Desk":
        remove_abandoned()
        _ip("netns", "add", self.hub)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for namespace in (*self._laptops, self.hub):
            _ip("netns", "del", namespace)

    @property
    def hub(self) -> str:
        """The namespace of the bridges, where all frames pass."""
        return f"{self._name}-hub"

    def bridge(self, name: str) -> str:
        """Set up a bridge; without snooping it passes multicast like a simple switch."""
        _ip("-n", self.hub, "link", "add", name, "type", "bridge", "mcast_snooping", "0")
        _ip("-n", self.hub, "link", "set", name, "up")
        self._bridges.append(name)
        return name

    def laptop(self, *bridges: str, is_loopback_up: bool = True) -> str:
        """Set up a laptop with a cable to each of these bridges; return its namespace."""
        number = len(self._laptops) + 1
        namespace = f"{self._name}-{number}"
        _ip("netns", "add", namespace)
        self._laptops.append(namespace)
        if is_loopback_up:
            _ip("-n", namespace, "link", "set", "lo", "up")
        for place, bridge in enumerate(bridges):
            self._plug(namespace, number, bridge, f"eth{place}")
        return namespace

    def router(self, *bridges: str) -> str:
        """Set up a laptop that passes on packets between these bridges; discovery stays outside."""
        namespace = self.laptop(*bridges)
        _in(namespace, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        return namespace

    def route_over(self, namespace: str, router: str, bridge: str) -> None:
        """Let a laptop send to a router on its bridge whatever is not on its own network."""
        _ip("-n", namespace, "route", "add", "default", "via", self.address(router, bridge))

    def isolate(self, namespace: str, bridge: str) -> None:
        """Keep a laptop apart from all others that are kept apart, as a Wi-Fi for guests does."""
        end = self._cables[namespace, bridge]
        command = ["bridge", "-n", self.hub, "link", "set", "dev", end, "isolated", "on"]
        subprocess.run(command, check=True, capture_output=True, text=True)

    def address(self, namespace: str, bridge: str) -> str:
        """The IPv4 address of a laptop on a bridge."""
        return f"10.77.{self._bridges.index(bridge) + 1}.{self._laptops.index(namespace) + 1}"

    def hosts(self, namespace: str) -> list[str]:
        """All addresses that a laptop has at present, without those of loopback."""
        told = subprocess.run(
            ["ip", "-n", namespace, "-json", "address"], check=True, capture_output=True, text=True
        )
        interfaces = json.loads(told.stdout)
        return [
            address["local"]
            for interface in interfaces
            for address in interface["addr_info"]
            if interface["ifname"] != "lo"
        ]

    def cut(self, namespace: str, bridge: str) -> None:
        """Pull the cable between a laptop and a bridge."""
        _ip("-n", self.hub, "link", "set", self._cables[namespace, bridge], "down")

    def replug(self, namespace: str, bridge: str) -> None:
        """Pull the cable and plug it in again, slowly enough for the laptop's system to see both.

        The system looks at carriers up to a second late. Of a cable that is back by then it sees
        nothing, and believes for half a minute that whoever was there still is.
        """
        self.cut(namespace, bridge)
        _wait_for_cables(namespace, are_plugged=False)
        self.heal(namespace, bridge)
        _wait_for_cables(namespace, are_plugged=True)

    def move(self, namespace: str, old: str, new: str) -> None:
        """Carry a laptop from one bridge to another: its cable is pulled, and gets a new address.

        The interface stays the same, as that of a Wi-Fi does.
        """
        end = self._cables.pop((namespace, old))
        _ip("-n", self.hub, "link", "set", end, "down")
        _ip("-n", namespace, "address", "flush", "dev", "eth0", "scope", "global")
        _ip("-n", self.hub, "link", "set", end, "master", new, "up")
        self._cables[namespace, new] = end
        self._give(namespace, self.address(namespace, new))

    def rewire(self, namespace: str, old: str, new: str) -> None:
        """Let a laptop's cable end at another bridge; it sees nothing of that, nor its address."""
        end = self._cables.pop((namespace, old))
        _ip("-n", self.hub, "link", "set", end, "master", new)
        self._cables[namespace, new] = end

    def readdress(self, namespace: str, bridge: str, host_number: int) -> str:
        """Give a laptop another address on the same bridge, as when a lease is renewed."""
        former = self.address(namespace, bridge)
        # As distributions do: else the second address of a network goes together with the first.
        _in(namespace, "sysctl", "-qw", "net.ipv4.conf.all.promote_secondaries=1")
        address = f"{former.rpartition('.')[0]}.{host_number}"
        self._give(namespace, address)
        _ip("-n", namespace, "address", "del", f"{former}/24", "dev", "eth0")
        return address

    def let_neighbours_age(self, namespace: str) -> None:
        """Let the laptop doubt where its neighbours are, as it does some seconds after a word."""
        told = subprocess.run(
            ["ip", "-n", namespace, "-json", "-4", "neigh"],
            check=True,
            capture_output=True,
            text=True,
        )
        for each in json.loads(told.stdout):
            place = (each["dst"], "lladdr", each["lladdr"], "dev", each["dev"])
            _ip("-n", namespace, "neigh", "replace", *place, "nud", "stale")

    def filter_packets(self, namespace: str, rules: str) -> None:
        """Give a laptop the rules of a firewall, in the words of nftables."""
        command = ["ip", "netns", "exec", namespace, "nft", "-f", "-"]
        subprocess.run(command, input=rules, check=True, capture_output=True, text=True)

    def drop_udp(self, namespace: str, port: int) -> None:
        """Let a firewall swallow what comes and goes at a port."""
        rules = f"""
            table inet fire {{
                chain incoming {{ type filter hook input priority 0; udp dport {port} drop; }}
                chain outgoing {{ type filter hook output priority 0; udp dport {port} drop; }}
            }}
        """
        self.filter_packets(namespace, rules)

    def _give(self, namespace: str, address: str, inside: str = "eth0") -> None:
        _ip("-n", namespace, "address", "add", f"{address}/24", "broadcast", "+", "dev", inside)

    def heal(self, namespace: str, bridge: str) -> None:
        """Plug the cable in again."""
        _ip("-n", self.hub, "link", "set", self._cables[namespace, bridge], "up")

    def _plug(self, namespace: str, number: int, bridge: str, inside: str) -> None:
        end = f"{bridge}-{number}"
        peer = ("peer", "name", inside, "netns", namespace)
        _ip("-n", self.hub, "link", "add", end, "type", "veth", *peer)
        _ip("-n", self.hub, "link", "set", end, "master", bridge, "up")
        self._give(namespace, self.address(namespace, bridge), inside)
        _ip("-n", namespace, "link", "set", inside, "up")
        self._cables[namespace, bridge] = end


def _wait_for_cables(namespace: str, *, are_plugged: bool) -> None:
    """Wait until the system of a laptop says of its cables that all are plugged in, or not all."""
    ends = time.monotonic() + _CARRIER_WITHIN_S
    while are_plugged != all(state == "UP" for state in _cable_states(namespace)):
        assert time.monotonic() < ends, f"{namespace} does not see its cables"
        time.sleep(_CARRIER_POLL_S)


def _cable_states(namespace: str) -> list[str]:
    command = ["ip", "-n", namespace, "-json", "link", "show", "type", "veth"]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return [interface["operstate"] for interface in json.loads(told.stdout)]


def received_bytes(namespace: str) -> int:
    """Return what came over all wires of a laptop, headers of packets included."""
    done = subprocess.run(
        ["ip", "-n", namespace, "-s", "-j", "link"], check=True, capture_output=True
    )
    return sum(
        link["stats64"]["rx"]["bytes"]
        for link in json.loads(done.stdout)
        if link["ifname"].startswith("eth")
    )


def remove_abandoned() -> None:
    """Take away what a run left behind that was killed."""
    for path in sorted(_NAMESPACES.glob(f"{_PREFIX}*x*-*")):
        pid = path.name.removeprefix(_PREFIX).split("x")[0]
        if not Path("/proc", pid).exists():
            # Another worker of the tests may have been faster.
            with contextlib.suppress(subprocess.CalledProcessError):
                _ip("netns", "del", path.name)


def socket_in(
    namespace: str, family: socket.AddressFamily, kind: socket.SocketKind, protocol: int = 0
) -> socket.socket:
    """Open a socket that belongs to another namespace, for use in this process."""
    opened: list[socket.socket | OSError] = []

    def enter_and_open() -> None:
        # A namespace is a property of the thread; this one ends with it.
        try:
            enter(namespace)
            opened.append(socket.socket(family, kind, protocol))
        except OSError as error:
            opened.append(error)

    thread = threading.Thread(target=enter_and_open)
    thread.start()
    thread.join()
    (result,) = opened
    if isinstance(result, OSError):
        raise result
    return result


def enter(namespace: str) -> None:
    """Let this thread stand in another namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(_NAMESPACES / namespace, os.O_RDONLY)
    try:
        if libc.setns(descriptor, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter the namespace {namespace}")
    finally:
        os.close(descriptor)


def _in(namespace: str, *command: str) -> None:
    _ip("netns", "exec", namespace, *command)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
