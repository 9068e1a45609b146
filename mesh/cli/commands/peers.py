"""`mesh peers`, `mesh peer add`, `mesh peer remove`: the nodes around."""

import click

from mesh.cli.daemon_client import client_of
from mesh.cli.layout import columns, lasting, size
from mesh.cli.options import Choices, shared_options
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.commands.answer import Done
from mesh.commands.peers import AddPeer, AskPeers, PeerAnswer, PeersAnswer, RemovePeer


@click.command(
    help="""\
List the nodes around: links first, then addresses without one.

\b
Examples:
  mesh peers
  mesh peers --json
""",
)
@shared_options
@click.pass_obj
def peers(choices: Choices) -> None:
    terminal = Terminal(choices)
    answer = client_of(choices).ask(AskPeers(), PeersAnswer)
    if terminal.is_json:
        terminal.json(answer)
        return
    if not answer.peers:
        terminal.say("No other node is in sight. Find out why with: mesh doctor")
        return
    heading = ("ADDRESS", "STATE", "SINCE", "IN", "OUT", "OVER", "")
    for line in columns([heading, *map(row, answer.peers)]):
        terminal.result(line)


def row(peer: PeerAnswer) -> tuple[str, ...]:
    """Return what is known of a peer, cell by cell."""
    is_linked = peer.state == "linked"
    return (
        clean_line(peer.address),
        peer.state,
        lasting(peer.connected_seconds) if is_linked else "",
        size(peer.bytes_received) if is_linked else "",
        size(peer.bytes_sent) if is_linked else "",
        clean_line(peer.interface) if peer.interface else "",
        ", ".join(remarks(peer)),
    )


def remarks(peer: PeerAnswer) -> list[str]:
    """Return what else there is to say of a peer."""
    whose = [f"contact {clean_line(peer.contact)}"] if peer.contact else []
    return [*whose, "configured"] if peer.is_configured else whose


@click.group(
    help="""\
Change the addresses that are always dialled. See also: mesh peers.

\b
Examples:
  mesh peer add 192.168.1.20:41730
  mesh peer remove 192.168.1.20:41730
"""
)
def peer() -> None:
    pass


@peer.command(
    name="add",
    help="""\
Remember an address and dial it whenever there is no link to it.

\b
Examples:
  mesh peer add 192.168.1.20:41730
  mesh peer add "[fd00::20]:41730"
""",
)
@click.argument("address", metavar="HOST:PORT")
@shared_options
@click.pass_obj
def add_peer(choices: Choices, address: str) -> None:
    terminal = Terminal(choices)
    answer = client_of(choices).ask(AddPeer(address), Done)
    if terminal.is_json:
        terminal.json(answer)
    else:
        terminal.say(f"{clean_line(address)} is dialled from now on.")


@peer.command(
    name="remove",
    help="""\
Forget an address that was added; a link that stands stays.

\b
Examples:
  mesh peer remove 192.168.1.20:41730
""",
)
@click.argument("address", metavar="HOST:PORT")
@shared_options
@click.pass_obj
def remove_peer(choices: Choices, address: str) -> None:
    terminal = Terminal(choices)
    answer = client_of(choices).ask(RemovePeer(address), Done)
    if terminal.is_json:
        terminal.json(answer)
    else:
        terminal.say(f"{clean_line(address)} is forgotten.")
