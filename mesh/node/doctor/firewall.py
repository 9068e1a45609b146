"""The firewall's part of `mesh doctor`: what the rules say to who may read them, and the trials.

Only root may read the rules of nftables and iptables; firewalld tells them to everybody. To all
others the trials of `multicast.py` show a firewall that drops what it does not know.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mesh.limits.daemon import FIREWALL_PROGRAM_MS
from mesh.node.doctor.finding import Finding
from mesh.node.doctor.iptables import verdict_in
from mesh.node.doctor.multicast import MDNS_PORT, Trial
from mesh.node.doctor.nftables import base_chains
from mesh.node.doctor.packet_rules import Packet, Verdict, together
from mesh.wire.beacon import BEACON_PORT

_PLACES: Final = ("/usr/sbin", "/sbin", "/usr/bin")
_UFW: Final = Path("/etc/ufw/ufw.conf")
_ADVICE: Final = {
    "win32": "Windows Security > Firewall & network protection > Allow an app: let Python in on "
    "private networks. Then, as administrator: Set-NetConnectionProfile -NetworkCategory Private",
    "darwin": "System Settings > Network > Firewall > Options: allow Python.",
}
_IN_THE_WAY: Final = "Two nodes behind such firewalls neither find nor reach each other."


@dataclass(frozen=True, slots=True)
class Dropped:
    """A packet that the rules drop, which rules, and the command that lets it pass."""

    packet: Packet
    by: str
    fix: str


@dataclass(frozen=True, slots=True)
class Rules:
    """The verdicts of the rules on a node's packets. `are_known`: nothing of it is unsure.

    `is_everywhere`: on no interface all of them pass.
    """

    dropped: Sequence[Dropped] = ()
    are_known: bool = False
    is_everywhere: bool = False


def packets_of(interface: str, *, port: int, has_discovery: bool) -> list[Packet]:
    """Return what a node needs to come in and go out."""
    wanted = [Packet("in", "tcp", port, interface), Packet("out", "tcp", port, interface)]
    if has_discovery:
        for udp_port in (BEACON_PORT, MDNS_PORT):
            wanted.append(Packet("in", "udp", udp_port, interface))
            wanted.append(Packet("out", "udp", udp_port, interface))
    return wanted


def read_rules(packets: Sequence[Packet]) -> Rules:
    """Judge these by the rules of this machine, as far as they may be read."""
    saved = _told("iptables-save")
    listed = _told("nft", "--json", "list", "ruleset")
    zones = _zones(packets)
    dropped: list[Dropped] = []
    verdicts: list[Verdict] = []
    for packet in packets:
        judged = [
            *_by_firewalld(zones, packet),
            *_by_iptables(saved, packet),
            *_by_nftables(listed, packet, without_iptables="*filter" in saved),
        ]
        verdicts.append(together([verdict for verdict, _ in judged]))
        dropped += [each for verdict, each in judged if verdict is Verdict.DROPPED][:1]
    are_readable = bool(saved or listed or zones)
    walled = {each.packet.interface: None for each in dropped}
    return Rules(
        dropped,
        are_known=are_readable and Verdict.UNSURE not in verdicts,
        is_everywhere=all(packet.interface in walled for packet in packets),
    )


def firewall_finding(
    rules: Rules, trials: Sequence[Trial], *, links_count: int, fix: str
) -> Finding:
    """Return what stands between this node and all others, here on this machine."""
    if rules.dropped:
        return _told_dropped(rules, links_count)
    forbidden = _interfaces_of([each for each in trials if each.is_forbidden])
    if forbidden:
        found = f"{_some_firewall()} lets nothing out to all on {forbidden}."
        return _in_the_way(found, links_count, fix)
    others = [each for each in trials if each.means == "other" and each.is_dropped]
    if not others or rules.are_known:
        return Finding(
            check="firewall",
            level="ok",
            found="The rules of this machine let Mesh in and out."
            if rules.are_known
            else "What is sent here comes in; no firewall of this machine drops it.",
        )
    found = f"{_some_firewall()} drops what it does not know on {_interfaces_of(others)}."
    if any(each.is_heard for each in trials if each.means != "other"):
        return Finding(
            check="firewall",
            level="warn",
            found=found,
            meaning="It lets in the UDP by which nodes are found. Whether TCP too, only its rules "
            "say, and only root may read them.",
            fix=fix,
        )
    return _in_the_way(found, links_count, fix)


def opening_command(port: int) -> str:
    """The command that lets Mesh in, of the firewall that this machine seems to have."""
    advice = _ADVICE.get(sys.platform)
    if advice is not None:
        return advice
    if _where("firewall-cmd") is not None:
        return _firewalld_fix(port)
    if is_ufw_on() or _where("ufw") is not None:
        return (
            f"sudo ufw allow {MDNS_PORT}/udp && sudo ufw allow {BEACON_PORT}/udp "
            f"&& sudo ufw allow {port}/tcp"
        )
    return f"Let TCP {port}, UDP {BEACON_PORT} and UDP {MDNS_PORT} pass the firewall."


def is_ufw_on() -> bool:
    """Say whether the firewall of Ubuntu is switched on, as far as its file may be read."""
    try:
        return "ENABLED=yes" in _UFW.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def _some_firewall() -> str:
    return f"A firewall on this machine{' (ufw)' if is_ufw_on() else ''}"


def _told_dropped(rules: Rules, links_count: int) -> Finding:
    packets = ", ".join(dict.fromkeys(str(each.packet) for each in rules.dropped))
    by = " and ".join(dict.fromkeys(each.by for each in rules.dropped))
    fix = " && ".join(dict.fromkeys(each.fix for each in rules.dropped))
    where = ", ".join(dict.fromkeys(each.packet.interface for each in rules.dropped))
    found = f"The firewall of this machine ({by}) drops {packets} on {where}."
    if not rules.is_everywhere or not _keeps_apart(rules.dropped):
        meaning = "Other nodes are found and reached by other means, or over another network."
        return Finding(check="firewall", level="warn", found=found, meaning=meaning, fix=fix)
    return _in_the_way(found, links_count, fix)


def _keeps_apart(dropped: Sequence[Dropped]) -> bool:
    """Say whether TCP is stopped, or both means by which nodes are found, in one direction."""
    if any(each.packet.protocol == "tcp" for each in dropped):
        return True
    stopped = [(each.packet.direction, each.packet.port) for each in dropped]
    return any(
        (way, MDNS_PORT) in stopped and (way, BEACON_PORT) in stopped for way in ("in", "out")
    )


def _in_the_way(found: str, links_count: int, fix: str) -> Finding:
    if links_count:
        meaning = f"Links stand all the same. {_IN_THE_WAY}"
        return Finding(check="firewall", level="warn", found=found, meaning=meaning, fix=fix)
    meaning = f"No link stands. {_IN_THE_WAY}"
    return Finding(check="firewall", level="fail", found=found, meaning=meaning, fix=fix)


def _interfaces_of(trials: Sequence[Trial]) -> str:
    return ", ".join(dict.fromkeys(each.address.name for each in trials))


def _by_nftables(
    listed: str, packet: Packet, *, without_iptables: bool
) -> list[tuple[Verdict, Dropped]]:
    judged = []
    for each in base_chains(listed.encode(), packet, without_iptables=without_iptables):
        place = f"{each.family} {each.table} {each.chain}"
        rule = f"{packet.protocol} dport {packet.port} accept"
        fix = f"sudo nft insert rule {place} {rule}"
        judged.append((each.verdict, Dropped(packet, f"nftables, {place}", fix)))
    return judged


def _by_iptables(saved: str, packet: Packet) -> list[tuple[Verdict, Dropped]]:
    verdict = verdict_in(saved, packet)
    if verdict is None:
        return []
    if is_ufw_on():
        fix = f"sudo ufw allow {packet.direction} {packet.port}/{packet.protocol}"
        return [(verdict, Dropped(packet, "ufw", fix))]
    chain = "INPUT" if packet.direction == "in" else "OUTPUT"
    fix = f"sudo iptables -I {chain} -p {packet.protocol} --dport {packet.port} -j ACCEPT"
    return [(verdict, Dropped(packet, "iptables", fix))]


@dataclass(frozen=True, slots=True)
class _Zone:
    """Return what firewalld lets in over an interface."""

    accepts_all: bool
    services: tuple[str, ...]
    ports: tuple[str, ...]

    def lets_in(self, packet: Packet) -> bool:
        if self.accepts_all or (packet.port == MDNS_PORT and "mdns" in self.services):
            return True
        for opened in self.ports:
            numbers, _, protocol = opened.partition("/")
            first, _, last = numbers.partition("-")
            is_ours = protocol == packet.protocol and first.isdigit()
            if is_ours and int(first) <= packet.port <= int(last or first):
                return True
        return False


def _zones(packets: Sequence[Packet]) -> dict[str, _Zone]:
    """The zone of each interface, if firewalld runs."""
    if _told("firewall-cmd", "--state").strip() != "running":
        return {}
    zones = {}
    for interface in dict.fromkeys(packet.interface for packet in packets):
        name = _told("firewall-cmd", f"--get-zone-of-interface={interface}").strip()
        name = name or _told("firewall-cmd", "--get-default-zone").strip()
        told = _told("firewall-cmd", f"--zone={name}", "--list-all")
        lines = [line.strip().partition(":") for line in told.splitlines()]
        says = {key: tuple(value.split()) for key, _, value in lines}
        zones[interface] = _Zone(
            accepts_all=says.get("target") == ("ACCEPT",),
            services=says.get("services", ()),
            ports=says.get("ports", ()),
        )
    return zones


def _by_firewalld(zones: dict[str, _Zone], packet: Packet) -> list[tuple[Verdict, Dropped]]:
    zone = zones.get(packet.interface)
    if zone is None or packet.direction == "out":
        return []
    verdict = Verdict.ACCEPTED if zone.lets_in(packet) else Verdict.DROPPED
    port = packet.port if packet.protocol == "tcp" else BEACON_PORT
    return [(verdict, Dropped(packet, "firewalld", _firewalld_fix(port)))]


def _firewalld_fix(port: int) -> str:
    opened = f"--add-service=mdns --add-port={BEACON_PORT}/udp --add-port={port}/tcp"
    return f"sudo firewall-cmd --permanent {opened} && sudo firewall-cmd --reload"


def _where(program: str) -> str | None:
    # The folders of root's programs are often not in the path of others.
    return shutil.which(program) or shutil.which(program, path=os.pathsep.join(_PLACES))


def _told(program: str, *words: str) -> str:
    """Return what a program says; nothing if it is not there, or does not speak to us."""
    path = _where(program)
    if path is None:
        return ""
    try:
        # A program of the system, found by its name, with words of ours.
        done = subprocess.run(  # noqa: S603
            [path, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=FIREWALL_PROGRAM_MS / 1_000,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
