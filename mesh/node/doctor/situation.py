"""The verdict of `mesh doctor` on the network: why nobody is linked, and what helps.

All that is known of a network is put together here, and one finding comes of it. A network that
keeps its devices apart looks like one in which nobody is. So that is said only if somebody was
reached in this network before, or a person says that somebody is at the table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mesh.commands.status import Situation
from mesh.node.doctor.finding import Finding, Level
from mesh.node.doctor.reach import Tried, is_stopped
from mesh.node.doctor.surroundings import Router

CHECK: Final = "neighbours"
STEPS: Final = "docs/networks.md has the steps."
_BY_ADDRESS: Final = "mesh invite --addresses there, and mesh add LINK here"
_AROUND_IT: Final = (
    "Open a hotspot on one laptop and join it with the other; or join both by a cable, or a relay "
    f"that hangs on a cable; or carry the mail: mesh carry export FILE. {STEPS}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """All that was found of the network.

    `tunnel`: the interface of a VPN that takes what is for the local network. `portal`: what the
    network says in the place of others. `known_near`: of who was reached in this network before or
    was named, `known_far`: of who stands behind a router. `is_somebody_here`: a person says so.
    `has_announced`: discovery tells of somebody.
    """

    links_count: int = 0
    far_links_count: int = 0
    has_announced: bool = False
    is_walled: bool = False
    tunnel: str = ""
    portal: str = ""
    router: Router = "unknown"
    known_near: Sequence[Tried] = ()
    known_far: Sequence[Tried] = ()
    is_somebody_here: bool = False


def judge(seen: Surroundings) -> Situation:
    """Return what the network is like for this node."""
    if seen.links_count:
        is_far = seen.links_count == seen.far_links_count and not seen.has_announced
        return "routed" if is_far else "linked"
    if seen.tunnel:
        return "vpn"
    if seen.is_walled:
        return "firewall-here"
    if any(one.outcome == "open" for one in seen.known_near):
        return "reached" if seen.has_announced else "no-multicast"
    if any(is_stopped(one) for one in seen.known_near):
        return "firewall-there"
    if any(one.outcome == "open" for one in seen.known_far):
        return "routed"
    if seen.portal:
        return "captive-portal"
    was_somebody_here = bool(seen.known_near) or seen.is_somebody_here
    if was_somebody_here and seen.router in ("answers", "unknown"):
        return "client-isolation"
    return "nobody-yet"


def situation_finding(seen: Surroundings, *, firewall_fix: str) -> Finding:
    """Say it in words, with what helps."""
    situation = judge(seen)
    is_fault = situation in ("vpn", "firewall-here", "firewall-there") or (
        seen.is_somebody_here and situation in ("nobody-yet", "client-isolation", "captive-portal")
    )
    found, meaning, fix = _words(situation, seen, firewall_fix)
    level: Level = "warn"
    if is_fault:
        level = "fail"
    elif situation in ("linked", "reached"):
        level = "ok"
    return Finding(
        check=CHECK, level=level, found=found, meaning=meaning, fix=fix, situation=situation
    )


def _words(situation: Situation, seen: Surroundings, firewall_fix: str) -> tuple[str, str, str]:
    """Return what was found, what it means, and what to do."""
    named = ", ".join(str(one.known.address) for one in (*seen.known_near, *seen.known_far))
    match situation:
        case "linked":
            links = "1 link stands" if seen.links_count == 1 else f"{seen.links_count} links stand"
            return f"Other nodes are here: {links}.", "", ""
        case "reached":
            return f"A node answers: {named}.", "A link comes in seconds, in one mesh.", ""
        case "routed":
            return (
                "Nodes are reached behind a router, and nobody is found on this network itself.",
                "Discovery does not cross routers: others there are reached by their addresses "
                "alone, which are kept and dialled again.",
                f"For each further one: {_BY_ADDRESS}, or mesh peer add HOST:PORT. One node that "
                "is linked there passes on the mail of all.",
            )
        case "no-multicast":
            return (
                f"A node answers at its address ({named}), and is not found by itself.",
                "This network drops what is sent to all. Who is known by an address is reached.",
                f"For each one: {_BY_ADDRESS}, or mesh peer add HOST:PORT.",
            )
        case "vpn":
            return (
                f"What is for the local network leaves through {seen.tunnel}: a VPN takes it.",
                "Nobody on this network is reached while that is so.",
                "Disconnect the VPN, or let it leave the local network alone (split tunnel).",
            )
        case "firewall-here":
            return (
                "A firewall on this machine keeps others out.",
                "Nobody is found, and nobody finds this node.",
                firewall_fix,
            )
        case "firewall-there":
            stopped = ", ".join(str(one) for one in seen.known_near if is_stopped(one))
            return (
                f"A machine is there and lets nothing through: {stopped}.",
                "What leaves here arrives there, so a firewall there drops it; or it left this "
                "network within the last minute.",
                f"On the other machine: {firewall_fix}",
            )
        case "captive-portal":
            return (
                f"The network answers in the place of others: {seen.portal[:160]}",
                "It has a sign-in page, and many such networks keep their devices apart. Mesh "
                "needs no internet; whether devices reach each other once you signed in is not "
                "known.",
                f"Sign in with a browser. If nobody is found then: {_AROUND_IT}",
            )
        case "client-isolation":
            return _isolation_words(seen)
        case _:
            return _nobody_words(seen)


def _isolation_words(seen: Surroundings) -> tuple[str, str, str]:
    router = "The router answers" if seen.router == "answers" else "This network is up"
    if seen.is_somebody_here:
        return (
            f"{router}, and nobody else on this network does.",
            "It keeps its devices apart (client isolation), as Wi-Fi of hotels, cafés and guests "
            "often does; or it drops what is sent to all.",
            f"Try it by address first: {_BY_ADDRESS}. If that brings no link: {_AROUND_IT}",
        )
    return (
        f"{router}, and nobody does who was reached in this network before.",
        "They are not here now, or it keeps its devices apart (client isolation).",
        f"If one of them is here now, say mesh doctor --somebody-here. What helps then: "
        f"{_AROUND_IT}",
    )


def _nobody_words(seen: Surroundings) -> tuple[str, str, str]:
    if not seen.is_somebody_here:
        return (
            "Nobody else with Mesh is here yet.",
            "Nothing was found that would keep others out. What you write waits, and leaves by "
            "itself when somebody comes.",
            "If somebody is here now, say mesh doctor --somebody-here.",
        )
    if seen.router == "silent":
        return (
            "Not even the router of this network answers.",
            "This machine is not really on it, or too far away.",
            f"Connect to it anew, both in the same network. Else: {_AROUND_IT}",
        )
    return (
        "Nobody else answers on this network, which has no router.",
        "The other machine is on another network, its node does not run, or its firewall is shut.",
        f"Run mesh doctor there too, and compare the networks. By address: {_BY_ADDRESS}.",
    )
