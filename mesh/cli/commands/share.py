"""`mesh share`: gives Mesh itself to others on this network, from an open door of this laptop."""

from functools import partial
from pathlib import Path

import click
import msgspec
import trio

from mesh.bundles.share_door import NO_NETWORK, ShareDoor, addresses, open_share_listeners
from mesh.bundles.shelf import Offer, own_offers
from mesh.bundles.verifying import Judged
from mesh.cli.commands.invite import qr_code
from mesh.cli.durations import Lifetime
from mesh.cli.layout import lasting, size
from mesh.cli.options import Choices, shared_options
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.errors import UserError
from mesh.limits.bundles import SHARE_SECONDS_MAX
from mesh.node.interfaces import list_interfaces

TOLD = (
    "Everybody on this network can see that Mesh is here, and take these files. Nothing else is "
    "given, and nothing is taken."
)


class Shared(msgspec.Struct, kw_only=True):
    """The answer of `mesh share --json`, told once the door is open."""

    addresses: list[str]
    files: list[Judged]


@click.command(
    help="""\
Give Mesh to others on this network: they open an address in any browser, or scan it.

Given are the bundles, packages, wheels and source of Mesh that are here: those beside a bundle (or
the bundle itself, which takes half a minute to pack), those in dist/ of a source tree, or those of
--from FOLDER and its folder wheels. It ends by Ctrl-C, or by --for. No node needs to run.

\b
Examples:
  mesh share
  mesh share --for 30m
  mesh share --from /media/stick/mesh-program
""",
)
@click.option(
    "--from", "folder", type=click.Path(path_type=Path), metavar="FOLDER", help="Where they are."
)
@click.option("--for", "seconds", type=Lifetime(), metavar="TIME", help="End after: 30m, 2h.")
@click.option("--qr/--no-qr", default=None, help="Draw the QR code (default: on a terminal).")
@click.option("--invert", is_flag=True, help="Draw it for a terminal with a light background.")
@shared_options
@click.pass_obj
def share(
    choices: Choices, folder: Path | None, seconds: int | None, qr: bool | None, invert: bool
) -> None:
    terminal = Terminal(choices)
    if seconds is not None and seconds > SHARE_SECONDS_MAX:
        raise UserError("usage", f"An open door lasts {lasting(SHARE_SECONDS_MAX)} at most.")
    terminal.say("Looking at what is here…")
    with own_offers(folder) as offers:
        port, listeners = open_share_listeners()
        told = addresses(port, list_interfaces())
        if not told:
            raise UserError("no-network", NO_NETWORK)
        if terminal.is_json:
            terminal.json(Shared(addresses=told, files=[each.judged for each in offers]))
        else:
            if terminal.is_shown() if qr is None else qr:
                terminal.result(qr_code(told[0], is_inverted=invert))
            for line in lines_of(told, offers):
                terminal.result(line)
        door = ShareDoor(offers)
        try:
            trio.run(partial(serve, door, listeners, seconds))
        except* KeyboardInterrupt:
            # It is how this ends.
            terminal.say("")
        terminal.say(f"The door is closed. Files that were taken: {door.given_count}.")


async def serve(door: ShareDoor, listeners: list[trio.SocketListener], seconds: int | None) -> None:
    """Serve for as long as it is wanted."""
    with trio.move_on_after(float("inf") if seconds is None else seconds):
        await door.run(listeners)


def lines_of(told: list[str], offers: list[Offer]) -> list[str]:
    """Return what is open, for people."""
    lines = [f"address    {each}" for each in told]
    for each in offers:
        lines += [
            f"{clean_line(each.name)}  ({size(each.judged.bytes)})",
            f"  SHA-256  {each.judged.sha256}",
            f"  {clean_line(each.judged.told)}",
        ]
    return [*lines, TOLD, "Ctrl-C closes the door."]
