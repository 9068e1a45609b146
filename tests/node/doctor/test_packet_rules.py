"""Rules of nftables, iptables and firewalld, and what they do to a node's packets."""

import os
from pathlib import Path

import msgspec
import pytest

from mesh.node.doctor.firewall import (
    Dropped,
    Rules,
    firewall_finding,
    packets_of,
    read_rules,
)
from mesh.node.doctor.iptables import verdict_in
from mesh.node.doctor.nftables import base_chains
from mesh.node.doctor.packet_rules import (
    Action,
    Chain,
    Fate,
    Packet,
    Rule,
    Verdict,
    verdict_of,
)

TCP = Packet("in", "tcp", 41_730, "eth0")
UDP = Packet("in", "udp", 41_730, "eth0")
OUT = Packet("out", "tcp", 41_730, "eth0")

# As ufw leaves them, shortened, and with what `ufw allow 41730/tcp` adds.
UFW = """
*nat
:PREROUTING ACCEPT [0:0]
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:ufw-before-input - [0:0]
:ufw-user-input - [0:0]
:ufw-not-local - [0:0]
-A INPUT -j ufw-before-input
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -j ufw-not-local
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -m limit --limit 3/min -j LOG --log-prefix "[UFW BLOCK] "
-A ufw-not-local ! -i tun+ -j RETURN
-A ufw-before-input -d 224.0.0.251/32 -p udp -m udp --dport 5353 -j ACCEPT
-A ufw-before-input -j ufw-user-input
{more}
COMMIT
"""


def test_ufw_drops_what_it_was_not_told_of() -> None:
    assert verdict_in(UFW.format(more=""), TCP) is Verdict.DROPPED
    assert verdict_in(UFW.format(more=""), OUT) is Verdict.ACCEPTED
    mdns = Packet("in", "udp", 5353, "eth0")
    assert verdict_in(UFW.format(more=""), mdns) is Verdict.UNSURE


@pytest.mark.parametrize(
    "rule",
    [
        "-p tcp -m tcp --dport 41730 -j ACCEPT",
        "-p tcp -m multiport --dports 22,41000:42000 -m comment --comment 'for mesh' -j ACCEPT",
        "! -p udp -i eth+ -g ufw-user-input-open",
    ],
)
def test_ufw_lets_in_what_it_was_told_of(rule: str) -> None:
    more = f"-A ufw-user-input {rule}\n:ufw-user-input-open - [0:0]\n"
    more += "-A ufw-user-input-open -j ACCEPT"
    assert verdict_in(UFW.format(more=more), TCP) is Verdict.ACCEPTED
    assert verdict_in(UFW.format(more=more), UDP) is Verdict.DROPPED


def test_what_hangs_on_a_condition_that_nobody_knows_is_unsure() -> None:
    more = "-A ufw-user-input -s 10.0.0.0/8 -p tcp --dport 41730 -j ACCEPT"
    assert verdict_in(UFW.format(more=more), TCP) is Verdict.UNSURE


def test_no_filter_is_no_verdict() -> None:
    assert verdict_in("", TCP) is None
    assert verdict_in("*nat\n:INPUT ACCEPT [0:0]\nCOMMIT\n", TCP) is None


def nftables(*rules: list[object], policy: str = "drop") -> bytes:
    """One base chain of incoming packets with these rules, as `nft --json` tells of it."""
    chain = {"family": "inet", "table": "t", "name": "c", "hook": "input", "type": "filter"}
    objects: list[dict[str, object]] = [{"metainfo": {}}, {"chain": {**chain, "policy": policy}}]
    for expressions in rules:
        objects.append(
            {"rule": {"family": "inet", "table": "t", "chain": "c", "expr": expressions}}
        )
    return msgspec.json.encode({"nftables": objects})


def port(right: object, protocol: str = "tcp", op: str = "==") -> dict[str, object]:
    """A condition on the port."""
    left = {"payload": {"protocol": protocol, "field": "dport"}}
    return {"match": {"op": op, "left": left, "right": right}}


ACCEPT: dict[str, object] = {"accept": None}
STATE: dict[str, object] = {
    "vmap": {"key": {"ct": {"key": "state"}}, "data": {"set": [["new", {"drop": None}]]}}
}


@pytest.mark.parametrize(
    "expressions, verdict",
    [
        ([port(41_730), ACCEPT], Verdict.ACCEPTED),
        (
            [port({"set": [22, {"range": [41_000, 42_000]}]}), {"counter": {}}, ACCEPT],
            Verdict.ACCEPTED,
        ),
        ([port(41_730, op="!="), ACCEPT], Verdict.DROPPED),
        ([port(41_730, protocol="udp"), ACCEPT], Verdict.DROPPED),
        ([port(22, protocol="udp", op="!="), ACCEPT], Verdict.DROPPED),
        ([port("@ports"), ACCEPT], Verdict.UNSURE),
        ([{"limit": {"rate": 3}}, ACCEPT], Verdict.UNSURE),
        ([STATE], Verdict.DROPPED),
        ([{"vmap": {"key": {}, "data": "@verdicts"}}], Verdict.UNSURE),
    ],
)
def test_a_rule_of_nftables_means_what_it_says(expressions: list[object], verdict: Verdict) -> None:
    (chain,) = base_chains(nftables(expressions), TCP, without_iptables=False)
    assert chain.verdict is verdict
    assert (chain.family, chain.table, chain.chain) == ("inet", "t", "c")


@pytest.mark.parametrize("listed", [b"", b"{}", b"[1]", b'{"nftables": [{"rule": 1}]}'])
def test_what_is_no_list_of_rules_says_nothing(listed: bytes) -> None:
    assert base_chains(listed, TCP, without_iptables=False) == []


def test_chains_that_call_each_other_for_ever_are_unsure() -> None:
    jump = Rule(holds=True, action=Action(target="b"))
    back = Rule(holds=True, action=Action(target="a"))
    chains = {"a": Chain([jump], Fate.DROPPED), "b": Chain([back])}
    assert verdict_of(chains, "a") is Verdict.UNSURE


FIREWALLD = """#!/bin/sh
case "$*" in
    --state) echo running ;;
    --get-zone-of-interface=eth0) echo "no zone" >&2; exit 2 ;;
    --get-zone-of-interface=*) echo trusted ;;
    --get-default-zone) echo public ;;
    "--zone=trusted --list-all") printf 'trusted (active)\\n  target: ACCEPT\\n  services: \\n' ;;
    "--zone=public --list-all")
        printf 'public\\n  target: default\\n  services: ssh mdns\\n  ports: 1025-41730/udp\\n' ;;
esac
"""


def test_firewalld_is_asked_for_the_zone_of_each_interface(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "firewall-cmd"
    program.write_text(FIREWALLD)
    program.chmod(0o755)
    for silent in ("nft", "iptables-save"):
        (tmp_path / silent).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / silent).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    packets = packets_of("eth0", port=41_730, has_discovery=True)
    (dropped,) = read_rules(packets).dropped
    assert (dropped.packet, dropped.by) == (TCP, "firewalld")
    assert "--add-port=41730/tcp" in dropped.fix
    trusted = packets_of("eth1", port=41_730, has_discovery=True)
    assert read_rules(trusted).dropped == []


def dropped(*packets: Packet, is_everywhere: bool = True) -> Rules:
    """Rules that drop these."""
    walls = [Dropped(one, "nftables", "open it") for one in packets]
    return Rules(walls, are_known=True, is_everywhere=is_everywhere)


MDNS = Packet("in", "udp", 5_353, "eth0")


@pytest.mark.parametrize(
    "rules, level",
    [
        (dropped(TCP), "fail"),
        (dropped(OUT), "fail"),
        (dropped(UDP, MDNS), "fail"),
        (dropped(UDP), "warn"),
        (dropped(MDNS, Packet("out", "udp", 41_730, "eth0")), "warn"),
        (dropped(TCP, is_everywhere=False), "warn"),
        (dropped(), "ok"),
    ],
)
def test_what_keeps_nodes_apart_is_a_failure_until_links_stand(rules: Rules, level: str) -> None:
    finding = firewall_finding(rules, [], links_count=0, fix="")
    assert finding.level == level
    linked = firewall_finding(rules, [], links_count=1, fix="")
    assert linked.level == ("warn" if level == "fail" else level)
