"""The network's part of `mesh doctor`: whether this machine can find others and be reached.

Trials come first (`multicast.py`, `reach.py`), and rules where they may be read (`firewall.py`).
While links stand, nothing here says that others are not found.
"""

import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import psutil

from mesh.config import Config
from mesh.node.doctor.finding import Finding
from mesh.node.doctor.firewall import (
    firewall_finding,
    opening_command,
    packets_of,
    read_rules,
)
from mesh.node.doctor.multicast import MDNS_PORT, Means, Trial, try_multicast
from mesh.node.doctor.reach import Known, near_and_far, reach_findings, try_known
from mesh.node.doctor.situation import CHECK, Surroundings, judge, situation_finding
from mesh.node.doctor.surroundings import find_portal, find_swallowing, try_router
from mesh.node.interfaces import TUNNELS, Interfaces, list_interfaces
from mesh.node.tcp.listening import PORT_DEFAULT

_LOCAL_NETWORK: Final = (
    "System Settings > Privacy & Security > Local Network: allow your terminal, or Python."
)
_RESPONDERS = {"avahi-daemon", "systemd-resolved", "systemd-resolve", "mDNSResponder", "chrome"}
_CHECKS: Final = {"mDNS": "multicast", "beacon": "beacon"}
_WORKS: Final = {"mDNS": "Multicast works", "beacon": "The beacon works"}
_SENT: Final = {"mDNS": "What was sent to all", "beacon": "A beacon that was sent"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbourhood:
    """The nodes that are known, and the links that stand. Without a node nobody is in sight.

    `is_somebody_here`: a person says that another node is on this network at this moment.
    """

    known: Sequence[Known] = ()
    linked: Sequence[Known] = ()
    links_by_interface: dict[str, int] = field(default_factory=dict)
    is_node_running: bool = False
    is_somebody_here: bool = False

    @property
    def links_count(self) -> int:
        """The number of links that stand."""
        return len(self.linked)

    @property
    def has_links_within(self) -> bool:
        """Say whether links to other profiles of this machine stand."""
        hosts = (one.address.host for one in self.linked)
        return any(host.startswith("127.") or host == "::1" for host in hosts)


def examine_network(
    config: Config, around: Neighbourhood, *, is_asked: bool = True
) -> list[Finding]:
    """Look at interfaces, at multicast on each, at TCP, and at what stands in its way.

    Unless a person asked for it (`is_asked`), nothing leaves the network, and where discovery is
    off nothing is sent to all.
    """
    interfaces = list_interfaces()
    findings = [_interfaces(interfaces, around)]
    if not config.discovery:
        findings.append(_discovery_is_off())
    if not interfaces:
        return findings
    means = means_of(config) if config.discovery or is_asked else []
    trials = try_multicast(interfaces, means)
    findings += multicast_findings(trials, around.links_by_interface)
    port = config.listen_port or PORT_DEFAULT
    fix = opening_command(port)
    names = dict.fromkeys(each.name for each in interfaces)
    packets = [
        packet
        for name in names
        for packet in packets_of(name, port=port, has_discovery=config.discovery)
    ]
    count = around.links_count
    firewall = firewall_finding(read_rules(packets), trials, links_count=count, fix=fix)
    is_walled = any(each.level == "fail" for each in (firewall, *findings))
    findings.append(firewall)
    near, far = near_and_far(around.known, interfaces)
    tried = try_known([*near, *far])
    tried_near, tried_far = tried[: len(near)], tried[len(near) :]
    findings += reach_findings(tried_near, links_count=count, fix=fix)
    _, far_links = near_and_far(around.linked, interfaces)
    seen = Surroundings(
        links_count=count,
        far_links_count=len(far_links),
        has_announced=not config.discovery or any(one.is_in_sight for one in around.known),
        is_walled=is_walled,
        tunnel=find_swallowing(interfaces),
        known_near=tried_near,
        known_far=tried_far,
        is_somebody_here=around.is_somebody_here,
    )
    findings += _situation(seen, around, fix=fix, is_asked=is_asked)
    if config.discovery:
        findings.append(_holders())
    return [*findings, *_default_route()]


def find_verdict(config: Config, around: Neighbourhood) -> Finding | None:
    """Say why nobody is linked, though nobody asked; None where no network is up."""
    findings = examine_network(config, around, is_asked=False)
    return next((each for each in findings if each.check == CHECK), None)


def _situation(
    seen: Surroundings, around: Neighbourhood, *, fix: str, is_asked: bool
) -> list[Finding]:
    """The verdict on all that was found; none on who is not seen, where no node looks."""
    if judge(seen) in ("nobody-yet", "client-isolation"):
        if not around.is_node_running:
            return []
        # Only where nothing simpler explains it: both cost seconds, and one leaves the network.
        seen = replace(seen, router=try_router(), portal=find_portal() if is_asked else "")
    return [situation_finding(seen, firewall_fix=fix)]


def means_of(config: Config) -> list[Means]:
    """By what this node looks for others, and a port that no rule knows."""
    if not config.discovery:
        return ["other"]
    return ["mDNS", "beacon", "other"] if config.beacon else ["mDNS", "other"]


def _discovery_is_off() -> Finding:
    return Finding(
        check="discovery",
        level="warn",
        found="Discovery is turned off in the settings.",
        meaning="This node links only to addresses that were typed in.",
        fix="Say mesh settings discovery true, and start the node again.",
    )


def _interfaces(interfaces: Interfaces, around: Neighbourhood) -> Finding:
    if not interfaces and around.has_links_within:
        return Finding(
            check="interfaces",
            level="warn",
            found="No network interface is up; profiles of this machine are linked.",
            meaning="What is for people elsewhere waits here.",
            fix="Connect to a Wi-Fi network or plug in a cable.",
        )
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


def multicast_findings(trials: Sequence[Trial], links: dict[str, int]) -> list[Finding]:
    """Say on which networks others are found, and by what."""
    looked = [trial for trial in trials if trial.means != "other"]
    return [_verdict(trial, looked, links) for trial in looked]


def _verdict(trial: Trial, looked: Sequence[Trial], links: dict[str, int]) -> Finding:
    check = _CHECKS[trial.means]
    if trial.is_heard:
        return Finding(check=check, level="ok", found=f"{_WORKS[trial.means]} on {trial.where}.")
    near = [each for each in looked if each.address.index == trial.address.index]
    works = [each for each in near if each.is_heard]
    links_count = links.get(trial.address.name, 0)
    # Some interfaces carry no multicast at all; only a firewall forbids or drops it.
    is_stopped = trial.is_dropped or trial.is_forbidden
    is_cut_off = is_stopped and not works and not links_count
    return Finding(
        check=check,
        level="fail" if is_cut_off else "warn",
        found=_what_failed(trial),
        meaning=_what_it_means(works, links_count),
        fix=_what_to_do(trial),
    )


def _what_failed(trial: Trial) -> str:
    if trial.failure is None:
        return f"{_SENT[trial.means]} on {trial.where} did not come back."
    what = "Multicast" if trial.means == "mDNS" else "The beacon"
    return f"{what} cannot be used on {trial.where}: {trial.failure.strerror}."


def _what_it_means(works: Sequence[Trial], links_count: int) -> str:
    if links_count:
        links = "1 link stands" if links_count == 1 else f"{links_count} links stand"
        return f"{links} there all the same; only who comes new may be found later."
    if works:
        return f"Other nodes are found there by {works[0].means} ({works[0].family}) all the same."
    return "Other nodes on that network are not found; a typed address still works."


def _what_to_do(trial: Trial) -> str:
    if trial.is_dropped or trial.is_forbidden:
        return f"Let UDP {trial.port} pass the firewall of this machine."
    is_asked_for = sys.platform == "darwin"
    return _LOCAL_NETWORK if is_asked_for else "mesh peer add HOST:PORT"


def _holders() -> Finding:
    """Several programs may share port 5353; it helps to know which."""
    names: dict[str, None] = {}
    with suppress(psutil.Error, OSError):
        for each in psutil.net_connections("udp"):
            if each.laddr and each.laddr.port == MDNS_PORT and each.pid:
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
    if name is None or not name.startswith(TUNNELS):
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
