"""The verdict of a packet filter's rules on one packet, wherever the rules come from.

nftables and iptables have chains of rules, and a rule has conditions and an action. Some conditions
cannot be known here (a set by name, a source address, a limit). So what is found is all that may
become of a packet: if that is one thing, it is certain.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Literal

from mesh.limits.daemon import FIREWALL_JUMPS_MAX


@dataclass(frozen=True, slots=True)
class Packet:
    """The first packet of a conversation with a neighbour, over IPv4."""

    direction: Literal["in", "out"]
    protocol: Literal["tcp", "udp"]
    port: int
    interface: str

    def __str__(self) -> str:
        return f"{self.protocol.upper()} {self.port} {self.direction}"


class Fate(Enum):
    """An end of a packet's way through a chain."""

    ACCEPTED = auto()
    DROPPED = auto()
    RETURNED = auto()
    PASSED = auto()


Fates = frozenset[Fate]
NOTHING: Final[Fates] = frozenset()


class Verdict(Enum):
    """The end that a packet comes to; UNSURE where that hangs on what cannot be known."""

    ACCEPTED = auto()
    DROPPED = auto()
    UNSURE = auto()


@dataclass(frozen=True, slots=True)
class Action:
    """The deed of a rule: a fate, or a jump to a chain, from which one may come back."""

    fate: Fate = Fate.PASSED
    target: str = ""
    comes_back: bool = True


@dataclass(frozen=True, slots=True)
class Rule:
    """An action, and whether its conditions hold for the packet; None: nobody knows."""

    holds: bool | None
    action: Action


@dataclass(frozen=True, slots=True)
class Chain:
    """Rules in order. Only one that a hook calls has a policy."""

    rules: Sequence[Rule]
    policy: Fate = Fate.RETURNED


def verdict_of(chains: Mapping[str, Chain], first: str) -> Verdict:
    """Return what becomes of the packet that a hook hands to this chain."""
    fates = _fates(chains, first, 0)
    if Fate.RETURNED in fates:
        fates = fates - {Fate.RETURNED} | {chains[first].policy}
    if fates == {Fate.ACCEPTED}:
        return Verdict.ACCEPTED
    return Verdict.DROPPED if fates == {Fate.DROPPED} else Verdict.UNSURE


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """Return what becomes of a packet that has to pass them all."""
    if Verdict.DROPPED in verdicts:
        return Verdict.DROPPED
    return Verdict.UNSURE if Verdict.UNSURE in verdicts else Verdict.ACCEPTED


def all_hold(conditions: Sequence[bool | None]) -> bool | None:
    """Say whether all of these hold; one that does not settles it."""
    if any(each is False for each in conditions):
        return False
    return None if None in conditions else True


def _fates(chains: Mapping[str, Chain], name: str, depth: int) -> Fates:
    """All that may become of the packet in a chain; RETURNED if it may come to the end."""
    chain = chains.get(name)
    if chain is None or depth > FIREWALL_JUMPS_MAX:
        return frozenset({Fate.ACCEPTED, Fate.DROPPED, Fate.RETURNED})
    possible = NOTHING
    for rule in chain.rules:
        if rule.holds is False:
            continue
        fates = _fates_of_action(chains, rule.action, depth)
        possible |= fates - {Fate.PASSED}
        if rule.holds and Fate.PASSED not in fates:
            return possible
    return possible | {Fate.RETURNED}


def _fates_of_action(chains: Mapping[str, Chain], action: Action, depth: int) -> Fates:
    if not action.target:
        return frozenset({action.fate})
    fates = _fates(chains, action.target, depth + 1)
    if action.comes_back and Fate.RETURNED in fates:
        return fates - {Fate.RETURNED} | {Fate.PASSED}
    return fates
