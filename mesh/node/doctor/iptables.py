"""The rules of iptables, as `iptables-save` tells them to who may see them."""

import shlex
from collections.abc import Iterator, Sequence

from mesh.node.doctor.packet_rules import (
    Action,
    Chain,
    Fate,
    Packet,
    Rule,
    Verdict,
    all_hold,
    verdict_of,
)

_HOOKS = {"in": "INPUT", "out": "OUTPUT"}
_FATES = {
    "ACCEPT": Fate.ACCEPTED,
    "DROP": Fate.DROPPED,
    "REJECT": Fate.DROPPED,
    "RETURN": Fate.RETURNED,
}
_PASSING = ("LOG", "NFLOG", "MARK", "CONNMARK", "TRACE", "AUDIT")
# Extensions that only make the options below known.
_MODULES = ("tcp", "udp", "conntrack", "state", "comment", "multiport")


def verdict_in(saved: str, packet: Packet) -> Verdict | None:
    """Return what the table `filter` makes of the packet; None if there is none."""
    policies: dict[str, Fate] = {}
    rules: dict[str, list[Rule]] = {}
    table = ""
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif table == "filter" and line.startswith(":"):
            name, policy = line[1:].split()[:2]
            policies[name] = _FATES.get(policy, Fate.RETURNED)
        elif table == "filter" and line.startswith("-A "):
            words = shlex.split(line)
            rules.setdefault(words[1], []).append(_rule(words[2:], packet))
    hook = _HOOKS[packet.direction]
    if hook not in policies:
        return None
    chains = {name: Chain(rules.get(name, []), policy) for name, policy in policies.items()}
    return verdict_of(chains, hook)


def _rule(words: Sequence[str], packet: Packet) -> Rule:
    conditions: list[bool | None] = []
    action = Action()
    for option, values, is_inverted in _options(words):
        value = values[0] if values else ""
        if option in ("-j", "--jump", "-g", "--goto"):
            action = _action(value, comes_back=option in ("-j", "--jump"))
            # What follows belongs to the target.
            break
        holds = _condition(option, value, packet)
        conditions.append(not holds if is_inverted and holds is not None else holds)
    return Rule(all_hold(conditions), action)


def _options(words: Sequence[str]) -> Iterator[tuple[str, list[str], bool]]:
    """Each option with what follows it, and whether a `!` stands before it."""
    is_inverted = False
    place = 0
    while place < len(words):
        word = words[place]
        place += 1
        if word == "!":
            is_inverted = True
            continue
        values: list[str] = []
        while place < len(words) and not words[place].startswith("-") and words[place] != "!":
            values.append(words[place])
            place += 1
        yield word, values, is_inverted
        is_inverted = False


def _action(target: str, *, comes_back: bool) -> Action:
    if target in _FATES:
        return Action(_FATES[target])
    return Action() if target in _PASSING else Action(target=target, comes_back=comes_back)


def _condition(option: str, value: str, packet: Packet) -> bool | None:
    match option:
        case "-p" | "--protocol":
            return value in (packet.protocol, "all")
        case "-i" | "--in-interface":
            return packet.direction == "in" and _is_interface(value, packet)
        case "-o" | "--out-interface":
            return packet.direction == "out" and _is_interface(value, packet)
        case "--dport" | "--dports" | "--destination-port":
            return any(_is_port(one, packet.port) for one in value.split(","))
        case "--ctstate" | "--state":
            return "NEW" in value.split(",")
        case "-m" | "--match":
            return True if value in _MODULES else None
        case "--comment":
            return True
        case _:
            return None


def _is_interface(value: str, packet: Packet) -> bool:
    if value.endswith("+"):
        return packet.interface.startswith(value[:-1])
    return value == packet.interface


def _is_port(text: str, port: int) -> bool:
    first, colon, last = text.partition(":")
    if not colon:
        return text == str(port)
    return int(first or 0) <= port <= int(last or 65_535)
