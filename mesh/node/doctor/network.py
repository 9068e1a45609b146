"""The network's part of `mesh doctor`: whether this machine can find others and be found.

The heart is a self-test of each interface: a question of a random name is sent to the group of
mDNS, and must come back to a socket of ours that listens to that group on that interface.
"""

import os
import select
import socket
import struct
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from mesh.limits.daemon import MULTICAST_TEST_MS
from mesh.node.doctor.finding import Finding
from mesh.node.interfaces import InterfaceAddress, Interfaces, list_interfaces

_MDNS_PORT = 5353
_GROUP_V4 = "224.0.0.251"
_GROUP_V6 = "ff02::fb"
_TUNNELS = ("tun", "tap", "utun", "wg", "tailscale", "ppp", "nordlynx", "proton", "zt")
_RESPONDERS = {"avahi-daemon", "systemd-resolved", "systemd-resolve", "mDNSResponder", "chrome"}


def examine_network(*, has_discovery: bool) -> list[Finding]:
    """Look at interfaces, at multicast on each, and at what is known to stand in its way."""
    interfaces = list_interfaces()
    findings = [_interfaces(interfaces)]
    if not has_discovery:
        return [
            *findings,
            Finding(
                check="discovery",
                level="warn",
                found="Discovery is turned off in the settings.",
                meaning="This node links only to addresses that were typed in.",
                fix="Set discovery = true in config.toml, and start the node again.",
            ),
        ]
    return [*findings, *multicast_findings(interfaces), _holders(), *_default_route(), *_firewall()]


def _interfaces(interfaces: Interfaces) -> Finding:
    if not interfaces:
        return Finding(
            check="interfaces",
            level="fail",
            found="No network interface is up.",
            meaning="There is nobody to talk to; messages wait here.",
            fix="Connect to a Wi-Fi network or plug in a cable. Two profiles of this machine meet "
            "without one after: mesh up --local",
        )
    names = ", ".join(dict.fromkeys(each.name for each in interfaces))
    return Finding(check="interfaces", level="ok", found=f"Up: {names}.")


@dataclass(slots=True)
class _Trial:
    """One address on trial. `failure` is the system's word, if sending failed."""

    address: InterfaceAddress
    token: bytes
    failure: OSError | None = None
    is_heard: bool = False


def multicast_findings(interfaces: Interfaces) -> list[Finding]:
    """Send to the group of mDNS on each interface and listen for what was sent."""
    # One IPv4 and one link-local IPv6 address of an interface are enough.
    chosen = {
        (each.index, each.is_ipv6): each
        for each in interfaces
        if not each.is_ipv6 or each.is_link_local_ipv6
    }
    trials = [_Trial(each, os.urandom(8).hex().encode()) for each in chosen.values()]
    with ExitStack() as opened:
        listeners: list[socket.socket] = []
        for trial in trials:
            try:
                listeners.append(opened.enter_context(_listener(trial.address)))
                _send(trial)
            except OSError as error:
                trial.failure = error
        _listen(listeners, trials)
    return [_verdict(trial) for trial in trials]


def _listener(address: InterfaceAddress) -> socket.socket:
    family = socket.AF_INET6 if address.is_ipv6 else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "SO_REUSEPORT"):
            with suppress(OSError):
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if address.is_ipv6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.bind(("::", _MDNS_PORT))
            joined = socket.inet_pton(family, _GROUP_V6) + struct.pack("@I", address.index)
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, joined)
        else:
            opened.bind(("", _MDNS_PORT))
            joined = socket.inet_aton(_GROUP_V4) + socket.inet_aton(address.host)
            opened.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
        opened.setblocking(False)
    except OSError:
        opened.close()
        raise
    return opened


def _send(trial: _Trial) -> None:
    address = trial.address
    family = socket.AF_INET6 if address.is_ipv6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        if address.is_ipv6:
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, address.index)
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 1)
            sender.sendto(_question(trial.token), (_GROUP_V6, _MDNS_PORT, 0, address.index))
        else:
            near = socket.inet_aton(address.host)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, near)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
            sender.sendto(_question(trial.token), (_GROUP_V4, _MDNS_PORT))


def _question(token: bytes) -> bytes:
    """A DNS question of a name that nobody has."""
    name = b"".join(bytes([len(label)]) + label for label in (token, b"local")) + b"\0"
    return struct.pack("!6H", 0, 0, 1, 0, 0, 0) + name + struct.pack("!2H", 12, 1)


def _listen(listeners: list[socket.socket], trials: list[_Trial]) -> None:
    deadline = time.monotonic() + MULTICAST_TEST_MS / 1_000
    while not all(trial.is_heard or trial.failure for trial in trials):
        left = deadline - time.monotonic()
        if left <= 0:
            return
        ready, _, _ = select.select(listeners, [], [], left)
        for listener in ready:
            with suppress(OSError):
                heard = listener.recv(9_000)
                for trial in trials:
                    trial.is_heard |= trial.token in heard


def _verdict(trial: _Trial) -> Finding:
    family = "IPv6" if trial.address.is_ipv6 else "IPv4"
    check, where = "multicast", f"{trial.address.name} ({family})"
    if trial.failure is not None:
        fix = ""
        if sys.platform == "darwin":
            fix = "System Settings > Privacy & Security > Local Network: allow your terminal."
        return Finding(
            check=check,
            level="warn",
            found=f"Multicast cannot be used on {where}: {trial.failure.strerror}.",
            meaning="Other nodes on that network are not found; a typed address still works.",
            fix=fix or "mesh peer add HOST:PORT",
        )
    if not trial.is_heard:
        return Finding(
            check=check,
            level="warn",
            found=f"What was sent to all on {where} did not come back.",
            meaning="A firewall on this machine probably drops mDNS (UDP port 5353).",
            fix=_firewall_command(),
        )
    return Finding(check=check, level="ok", found=f"Multicast works on {where}.")


def _firewall_command() -> str:
    if sys.platform == "win32":
        return "Set-NetConnectionProfile -NetworkCategory Private"
    if sys.platform == "darwin":
        return "System Settings > Network > Firewall > Options: allow Python."
    if Path("/usr/bin/firewall-cmd").exists():
        return "sudo firewall-cmd --add-service=mdns --add-port=41730/tcp"
    return "sudo ufw allow 5353/udp && sudo ufw allow 41730/tcp"


def _holders() -> Finding:
    """Several programs may share port 5353; it helps to know which."""
    names: dict[str, None] = {}
    with suppress(psutil.Error, OSError):
        for each in psutil.net_connections("udp"):
            if each.laddr and each.laddr.port == _MDNS_PORT and each.pid:
                with suppress(psutil.Error):
                    names[psutil.Process(each.pid).name()] = None
    found = (
        f"Port 5353 is shared with: {', '.join(names)}." if names else "Port 5353 is ours alone."
    )
    strange = [name for name in names if name not in _RESPONDERS and "python" not in name]
    if not strange:
        return Finding(check="mdns port", level="ok", found=found)
    return Finding(
        check="mdns port",
        level="ok",
        found=found,
        meaning="If other nodes are not found, one of these may take their answers.",
    )


def _default_route() -> list[Finding]:
    """A VPN that takes all traffic often forbids the local network."""
    name = _default_interface()
    if name is None or not name.startswith(_TUNNELS):
        return []
    return [
        Finding(
            check="vpn",
            level="warn",
            found=f"All traffic leaves through {name}, which looks like a VPN.",
            meaning="A VPN carries no multicast, and some forbid the local network.",
            fix="Allow local network access in the VPN's settings, or disconnect it.",
        )
    ]


def _default_interface() -> str | None:
    """Return the interface of the default route, where the system tells it in a file."""
    try:
        rows = Path("/proc/net/route").read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return None
    for row in rows:
        fields = row.split()
        if len(fields) > 7 and fields[1] == fields[7] == "00000000":
            return fields[0]
    return None


def _firewall() -> list[Finding]:
    try:
        is_enabled = "ENABLED=yes" in Path("/etc/ufw/ufw.conf").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    if not is_enabled:
        return []
    return [
        Finding(
            check="firewall",
            level="warn",
            found="The firewall ufw is on.",
            meaning="Unless it allows them, other nodes neither find nor reach this one.",
            fix="sudo ufw allow 5353/udp && sudo ufw allow 41730/tcp",
        )
    ]
