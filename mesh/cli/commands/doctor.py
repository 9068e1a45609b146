"""`mesh doctor`: find out what keeps nodes apart, with or without a daemon."""

import click
import msgspec

from mesh.cli.daemon_client import client_of, folders_of
from mesh.cli.failures import Exit
from mesh.cli.options import Choices, shared_options
from mesh.cli.passphrase import known_passphrase
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.commands.peers import AskPeers, PeersAnswer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.errors import UserError
from mesh.node.doctor.doctor import NodeView, examine
from mesh.node.doctor.finding import Finding, Said

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}
INDENT = " " * 6


class Findings(msgspec.Struct, kw_only=True):
    """The answer of `mesh doctor --json`."""

    findings: list[Finding]


@click.command(
    help="""\
Look at everything that a node needs: disk, databases, settings, clock, ports, networks, firewall.

Each finding says what it means and what to do. Exit 7 if something keeps the node from working:
a firewall that lets nobody through, a VPN that takes the local network, a damaged database, a clock
that neighbours refute, a disk that is nearly full.

A network that keeps its devices apart looks like one in which nobody is. Say --somebody-here if
another node is beside you now, or --try with its address; what keeps you apart is then found, and
is exit 7.

The store is read whole; of the vault only what shows from outside, unless --vault opens it.
Rules of nftables and iptables are read only where you are root; without it they are tried out.

\b
Examples:
  mesh doctor
  mesh doctor --vault
  mesh doctor --somebody-here
  mesh doctor --try 192.168.1.20:41730
  mesh doctor -q
  mesh doctor --json | jq -r '.findings[] | select(.level != "ok") | .found'
""",
)
@click.option(
    "--vault", "opens_vault", is_flag=True, help="Ask for the passphrase, and check the vault too."
)
@click.option(
    "--somebody-here", is_flag=True, help="Another node is on this network at this moment."
)
@click.option(
    "--try", "address", default="", metavar="HOST:PORT", help="Where another node is now."
)
@shared_options
@click.pass_obj
def doctor(choices: Choices, opens_vault: bool, somebody_here: bool, address: str) -> None:
    terminal = Terminal(choices)
    folders = folders_of(choices)
    passphrase = known_passphrase(terminal, folders, is_headless=False) if opens_vault else None
    terminal.say("Looking, and listening to the network…")
    findings = examine(
        folders, view_of(choices), passphrase=passphrase, said=Said(somebody_here, address)
    )
    if terminal.is_json:
        terminal.json(Findings(findings=findings))
    else:
        for finding in findings:
            if finding.level != "ok" or not choices.quiet:
                terminal.result(drawn(finding))
    if any(finding.level == "fail" for finding in findings):
        raise click.exceptions.Exit(Exit.PROBLEMS_FOUND)


def view_of(choices: Choices) -> NodeView | None:
    """Return what the node says of itself; None if it does not answer, which is found elsewhere."""
    client = client_of(choices)
    try:
        return NodeView(client.ask(AskStatus(), StatusAnswer), client.ask(AskPeers(), PeersAnswer))
    except UserError:
        return None


def drawn(finding: Finding) -> str:
    """Return a finding for people, with what to do on lines of their own."""
    level = click.style(f"{finding.level:<4}", fg=COLOURS[finding.level])
    lines = [f"{level}  {finding.check}: {clean_line(finding.found)}"]
    if finding.meaning:
        lines.append(INDENT + clean_line(finding.meaning))
    if finding.fix:
        lines.append(f"{INDENT}Do: {clean_line(finding.fix)}")
    return "\n".join(lines)
