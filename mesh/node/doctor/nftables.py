"""The rules of nftables, as `nft --json list ruleset` tells them to who may see them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

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

_HOOKS = {"in": "input", "out": "output"}
_FAMILIES = ("ip", "inet")
_FATES = {
    "accept": Fate.ACCEPTED,
    "drop": Fate.DROPPED,
    "reject": Fate.DROPPED,
    "return": Fate.RETURNED,
}
_COMPATIBLE = ("filter", "nat", "mangle", "raw", "security")


@dataclass(slots=True)
class _Table:
    family: str
    name: str
    chains: dict[str, Chain] = field(default_factory=dict)
    rules: dict[str, list[Rule]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BaseChain:
    """A chain that a hook calls, and what it makes of a packet."""

    family: str
    table: str
    chain: str
    verdict: Verdict


def base_chains(listed: bytes, packet: Packet, *, without_iptables: bool) -> list[BaseChain]:
    """Return the chains that see the packet; an empty list if nothing can be read.

    `without_iptables`: tables that the program iptables made are left to what it says of them.
    """
    try:
        objects = msgspec.json.decode(listed, type=dict[str, list[dict[str, object]]])["nftables"]
    except (msgspec.DecodeError, KeyError):
        return []
    tables: dict[tuple[str, str], _Table] = {}
    hooked: list[tuple[_Table, str]] = []
    for kind, each in _things(objects):
        family, name = str(each.get("family")), str(each.get("table"))
        is_foreign = without_iptables and family == "ip" and name in _COMPATIBLE
        if family not in _FAMILIES or is_foreign:
            continue
        table = tables.setdefault((family, name), _Table(family, name))
        if kind == "chain":
            _take_chain(table, each, packet, hooked)
        elif kind == "rule":
            conditions = _rules_in(each.get("expr"), packet)
            table.rules.setdefault(str(each.get("chain")), []).extend(conditions)
    return [
        BaseChain(table.family, table.name, name, verdict_of(_whole(table), name))
        for table, name in hooked
    ]


def _things(objects: Sequence[dict[str, object]]) -> Iterator[tuple[str, Mapping[str, object]]]:
    for one in objects:
        for kind, each in one.items():
            if isinstance(each, dict):
                yield kind, each


def _take_chain(
    table: _Table, each: Mapping[str, object], packet: Packet, hooked: list[tuple[_Table, str]]
) -> None:
    name = str(each.get("name"))
    policy = _FATES.get(str(each.get("policy", "accept")), Fate.ACCEPTED)
    is_hooked = each.get("hook") == _HOOKS[packet.direction] and each.get("type") == "filter"
    table.chains[name] = Chain([], policy if is_hooked else Fate.RETURNED)
    table.rules.setdefault(name, [])
    if is_hooked:
        hooked.append((table, name))


def _whole(table: _Table) -> dict[str, Chain]:
    return {
        name: Chain(table.rules.get(name, []), chain.policy) for name, chain in table.chains.items()
    }


def _rules_in(expressions: object, packet: Packet) -> list[Rule]:
    """One rule, or several if its action hangs on a map."""
    conditions: list[bool | None] = []
    for expression in expressions if isinstance(expressions, list) else ():
        if not isinstance(expression, dict):
            continue
        for kind, each in expression.items():
            if kind == "match":
                conditions.append(_match(each, packet))
            elif kind == "vmap":
                return _mapped(each, packet, conditions)
            elif kind in ("limit", "xt", "meter", "quota"):
                conditions.append(None)
            elif (action := _action(kind, each)) is not None:
                return [Rule(all_hold(conditions), action)]
    return []


def _action(kind: str, each: object) -> Action | None:
    """The action of an expression; None if it is none."""
    if kind in ("jump", "goto") and isinstance(each, dict):
        return Action(target=str(each.get("target")), comes_back=kind == "jump")
    return Action(_FATES[kind]) if kind in _FATES else None


def _mapped(each: object, packet: Packet, conditions: list[bool | None]) -> list[Rule]:
    """A map from what the packet is to an action, as one rule for each."""
    rules: list[Rule] = []
    data = each.get("data") if isinstance(each, dict) else None
    entries = data.get("set") if isinstance(data, dict) else None
    if not isinstance(each, dict) or not isinstance(entries, list):
        # A map by name may do anything.
        return [Rule(None, Action(fate)) for fate in (Fate.ACCEPTED, Fate.DROPPED)]
    for entry in entries:
        if isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], dict):
            holds = _compared(each.get("key"), entry[0], packet)
            for kind, verdict in entry[1].items():
                action = _action(kind, verdict)
                if action is not None:
                    rules.append(Rule(all_hold([*conditions, holds]), action))
    return rules


def _match(each: object, packet: Packet) -> bool | None:
    if not isinstance(each, dict):
        return None
    if _is_of_another(each.get("left"), packet):
        return False
    found = _compared(each.get("left"), each.get("right"), packet)
    if found is None or each.get("op") in ("==", "in"):
        return found
    return not found if each.get("op") == "!=" else None


def _compared(left: object, right: object, packet: Packet) -> bool | None:
    """Say whether a property of the packet is among these; None if nobody can know."""
    values = _property(left, packet)
    if values is None:
        return None
    found = [_is_among(values, one) for one in _listed(right)]
    if True in found:
        return True
    return None if None in found else False


def _listed(right: object) -> Sequence[object]:
    if isinstance(right, dict) and isinstance(right.get("set"), list):
        listed: list[object] = right["set"]
        return listed
    return right if isinstance(right, list) else [right]


def _is_among(values: Sequence[object], one: object) -> bool | None:
    if isinstance(one, dict):
        ends = one.get("range")
        if isinstance(ends, list) and len(ends) == 2 and all(isinstance(end, int) for end in ends):
            return any(isinstance(value, int) and ends[0] <= value <= ends[1] for value in values)
        return None
    if isinstance(one, str):
        if one.startswith("@"):
            return None
        if one.endswith("*"):
            return any(str(value).startswith(one[:-1]) for value in values)
    return one in values


def _is_of_another(left: object, packet: Packet) -> bool:
    """Say whether only packets of another protocol have such a property."""
    payload = left.get("payload") if isinstance(left, dict) else None
    protocol = payload.get("protocol") if isinstance(payload, dict) else None
    ours = ("ip", "ether", "vlan", "th", packet.protocol)
    return isinstance(protocol, str) and protocol not in ours


def _property(left: object, packet: Packet) -> Sequence[object] | None:
    """Return what the packet has there, in each form of telling it; None if nobody knows."""
    if not isinstance(left, dict):
        return None
    payload, meta = left.get("payload"), left.get("meta")
    if isinstance(payload, dict):
        protocol, name = payload.get("protocol"), payload.get("field")
        if name == "dport" and protocol in (packet.protocol, "th"):
            return [packet.port]
        return [packet.protocol] if (protocol, name) == ("ip", "protocol") else None
    if isinstance(left.get("ct"), dict):
        return ["new"] if left["ct"].get("key") == "state" else None
    key = meta.get("key") if isinstance(meta, dict) else None
    known: dict[object, list[object]] = {
        "l4proto": [packet.protocol],
        "nfproto": ["ipv4"],
        "protocol": ["ip"],
        "iifname": [packet.interface] if packet.direction == "in" else [""],
        "iif": [packet.interface] if packet.direction == "in" else [""],
        "oifname": [packet.interface] if packet.direction == "out" else [""],
        "oif": [packet.interface] if packet.direction == "out" else [""],
    }
    return known.get(key)
