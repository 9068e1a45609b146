"""`mesh up`: ask what the first run needs to know, then start the node."""

import getpass
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Final

import click

from mesh.api.doors import door_of
from mesh.api.own_requests import MakeIdentity, Unlock
from mesh.cli.commands.open_page import show_page
from mesh.cli.daemon_client import folders_of
from mesh.cli.next_steps import MESH_COMMAND, profile_option, tell_started
from mesh.cli.options import Choices, shared_options
from mesh.cli.passphrase import EMPTY_WARNING, find_in_file, known_passphrase, new_passphrase
from mesh.cli.terminal import Terminal
from mesh.client import Client
from mesh.commands.answer import Done
from mesh.commands.identity import IdentityAnswer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.daemon.relay import require_nobody
from mesh.daemon.start_order import StartOrder
from mesh.errors import UserError, relay_refusal
from mesh.messenger.names import checked_name
from mesh.node.config_file import load_config
from mesh.node.folders import ProfileFolders
from mesh.node.membership import find_mesh, require_same_mesh
from mesh.node.profiles import is_unprotected

FROM_NOW_ON: Final = (
    "From this start on the profile belongs to one mesh: the one that the settings name now. "
    "`mesh status` shows it, and only `mesh join` changes it."
)
WHOSE_NAME: Final = "Your name"

HELP = """\
Start the node of a profile. The first time it asks for your name and a passphrase.

With --open its page asks instead, in a browser.

It runs in the background until `mesh down`; with --foreground it stays in this terminal and
Ctrl-C stops it. Scripts say --headless, by which nothing is ever asked: the passphrase then comes
from the file that MESH_PASSPHRASE_FILE names, and a new profile needs --name.

Which mesh a profile belongs to is decided at its first start: the open one, or what --mesh-name and
--mesh-secret-file say. Later they need not be said again; to change it there is `mesh join`.

With --relay it is a node without a person, for a box on a shelf: it carries mail for others, and
asks nothing at any start. Once a relay, a profile stays one.

To try Mesh alone, start two profiles: on any network they meet over it, and without one they do
with --local.

\b
Examples:
  mesh up
  mesh up --open
  mesh up --foreground -v
  mesh up --profile club --mesh-secret-file ~/club.secret
  MESH_PASSPHRASE_FILE=/run/secrets/mesh mesh up --headless --name "Gate 3"
  mesh up --locked --port 41730
  mesh up --relay --headless
  mesh up --local --profile second
"""


@click.command(help=HELP)
@click.option("--foreground", is_flag=True, help="Stay in this terminal.")
@click.option("--headless", is_flag=True, help="Ask nothing; fail with a sentence instead.")
@click.option("--name", default="", metavar="NAME", help="Your name, for a new profile.")
@click.option("--no-passphrase", is_flag=True, help="Use an empty passphrase.")
@click.option("--open/--no-open", "opens", help="Show the page in a browser; it asks what is new.")
@click.option("--locked", is_flag=True, help="Carry mail for all, but open nothing of ours yet.")
@click.option("--relay", is_flag=True, help="Be a node without a person, which only carries.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Listen on this TCP port; 0: any.")
@click.option(
    "--mesh-secret-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="For a new profile: belong to the closed mesh whose secret this file holds.",
)
@click.option("--mesh-name", metavar="NAME", help="For a new profile: belong to this mesh.")
@click.option("--local", is_flag=True, help="Meet profiles of this machine without a network.")
@click.option("--no-discovery", is_flag=True, help="Find nobody by itself; dial known addresses.")
@shared_options
@click.pass_obj
def up(
    choices: Choices,
    name: str,
    port: int | None,
    mesh_secret_file: Path | None,
    mesh_name: str | None,
    *,
    foreground: bool,
    headless: bool,
    no_passphrase: bool,
    opens: bool,
    locked: bool,
    relay: bool,
    local: bool,
    no_discovery: bool,
) -> None:
    terminal = Terminal(choices)
    if local and no_discovery:
        raise click.UsageError("Say either --local or --no-discovery.")
    if relay and (name or no_passphrase):
        raise click.UsageError("A relay has no person: leave out --name and --no-passphrase.")
    folders = folders_of(choices)
    configure(
        {
            "MESH_LISTEN_PORT": None if port is None else str(port),
            "MESH_MESH_SECRET_FILE": str(mesh_secret_file.absolute()) if mesh_secret_file else None,
            "MESH_MESH_NAME": mesh_name,
            "MESH_DISCOVERY": "false" if no_discovery else None,
            "MESH_DISCOVERY_ON_LOOPBACK": "true" if local else None,
            "MESH_RELAY": "true" if relay else None,
            "MESH_LOG_LEVEL": "debug" if choices.verbose else None,
        }
    )
    client = Client(door_of(folders), timeout_s=choices.timeout)
    if client.is_running():
        if (kept := find_mesh(folders)) is not None:
            require_same_mesh(kept, load_config(folders.config_file), folders.name)
        asked = partial(
            make_identity, terminal, client, folders, name, is_unprotected=no_passphrase
        )
        join_running(
            terminal, client, folders, asked, is_relay=relay, is_person=name != "", opens=opens
        )
        return
    if not folders.store_file.exists():
        warn_if_untried(terminal)
    if folders.store_file.exists() and not folders.mesh_file.exists():
        terminal.say(FROM_NOW_ON)
    opens = opens and not headless and not load_config(folders.config_file).relay
    if opens and not name and not no_passphrase and not locked:
        order = order_for_page(terminal, folders)
    else:
        order = asked_order(
            terminal,
            folders,
            name,
            is_headless=headless,
            is_unprotected=no_passphrase,
            is_locked=locked,
        )
    if foreground:
        is_relay = load_config(folders.config_file).relay
        run_here(terminal, order, folders, is_relay=is_relay, opens=opens)
        return
    run_detached(terminal, order)
    client = Client(door_of(folders), timeout_s=choices.timeout)
    tell_started(terminal, client, folders)
    if opens:
        show_page(terminal, client, folders.name)


def warn_if_untried(terminal: Terminal) -> None:
    """Say so at the first start of a profile where nobody ever ran this."""
    # `docs/platforms.md`: to be taken out for a system once somebody ran it there.
    system = {"win32": "Windows", "darwin": "macOS"}.get(sys.platform)
    if system is not None:
        terminal.warn(f"Mesh was never run on {system} before: you are the first. Things may fail.")


def configure(settings: Mapping[str, str | None]) -> None:
    """Let what was said on the command line stand over the config file.

    The environment does so, and a detached daemon inherits it.
    """
    os.environ.update({name: value for name, value in settings.items() if value is not None})


def asked_order(
    terminal: Terminal,
    folders: ProfileFolders,
    name: str,
    *,
    is_headless: bool,
    is_unprotected: bool,
    is_locked: bool,
) -> StartOrder:
    """Return what the daemon is told, after asking for what is missing."""
    is_new = not folders.vault_key_file.exists()
    if load_config(folders.config_file).relay:
        # Before anything is asked: a relay has nobody to be asked.
        require_nobody(folders)
        if name or is_unprotected:
            raise relay_refusal()
        return StartOrder(profile=folders.name)
    if is_locked:
        # A node that only carries needs no identity, and none is made by accident.
        return StartOrder(profile=folders.name)
    if is_new:
        # Asked for first: a passphrase is the last thing to be typed before the wait.
        name = name or asked_name(terminal, folders, is_headless=is_headless)
        name = checked_name(name, WHOSE_NAME)
    if is_new and not is_unprotected:
        passphrase = new_passphrase(terminal, name, is_headless=is_headless)
    else:
        # A script gives the name at every start; it matters only at the first.
        known = partial(known_passphrase, terminal, folders, is_headless=is_headless)
        passphrase = "" if is_unprotected else known()
        if not passphrase:
            # At each start: who wrote the script may not be who uses the computer today.
            terminal.warn(EMPTY_WARNING)
    return StartOrder(profile=folders.name, name=name or None, passphrase=passphrase)


def order_for_page(terminal: Terminal, folders: ProfileFolders) -> StartOrder:
    """Return what the daemon is told where the page asks for what is missing."""
    is_new = not folders.vault_key_file.exists()
    if not is_new and is_unprotected(folders):
        terminal.warn(EMPTY_WARNING)
        return StartOrder(profile=folders.name, passphrase="")
    passphrase = None if is_new else find_in_file(terminal)
    return StartOrder(profile=folders.name, passphrase=passphrase)


def order_at_login(terminal: Terminal, folders: ProfileFolders, *, is_relay: bool) -> StartOrder:
    """Return what the daemon is told where nobody can be asked: what needs a person waits."""
    if is_relay:
        return StartOrder(profile=folders.name)
    return order_for_page(terminal, folders)


def asked_name(terminal: Terminal, folders: ProfileFolders, *, is_headless: bool) -> str:
    """Ask who this is."""
    if is_headless or not terminal.has_person():
        raise UserError(
            "no-name", f"The profile {folders.name} is new: say who you are with --name NAME."
        )
    terminal.say(f"This is the first start of the profile {folders.name}.")
    try:
        usual = getpass.getuser()
    except (KeyError, OSError):
        usual = ""
    name: str = click.prompt(
        "Your name, as your contacts see it",
        default=usual or None,
        value_proc=typed_name,
        err=True,
    )
    return name


def typed_name(name: str) -> str:
    """Return the name that a person typed; they are asked again if it cannot be one."""
    try:
        return checked_name(name, WHOSE_NAME)
    except UserError as error:
        raise click.UsageError(str(error)) from None


def run_here(
    terminal: Terminal, order: StartOrder, folders: ProfileFolders, *, is_relay: bool, opens: bool
) -> None:
    """Be the daemon until it is stopped."""
    # Everything large is behind this; nothing else of the command line needs it.
    from mesh.daemon.running import run_daemon

    def tell_ready() -> None:
        option = profile_option(order.profile)
        if is_relay:
            terminal.say(f"A relay runs in the profile {order.profile}. Ctrl-C stops it.")
            return
        terminal.say(f"Mesh runs in the profile {order.profile}. Ctrl-C stops it.")
        if opens:
            client = Client(door_of(folders))
            # The node answers in this thread, which must not wait for it.
            Thread(target=try_page, args=(terminal, client, order.profile), daemon=True).start()
            return
        terminal.say("In another terminal:")
        terminal.say(f"  Show the page:      {MESH_COMMAND} open{option}")
        terminal.say(f"  Invite somebody:    {MESH_COMMAND} invite{option}")
        terminal.say(f"  Or use their link:  {MESH_COMMAND} add LINK{option}")
        terminal.say(f"  See how it goes:    {MESH_COMMAND} status{option}")

    run_daemon(order, console=sys.stderr, on_ready=tell_ready)


def try_page(terminal: Terminal, client: Client, profile: str) -> None:
    """Open the page; the node runs on where there is none."""
    try:
        show_page(terminal, client, profile)
    except UserError as error:
        terminal.warn(str(error))


def run_detached(terminal: Terminal, order: StartOrder) -> None:
    """Start the daemon in the background, and return when it is ready."""
    from mesh.daemon.detached import start_detached

    terminal.say("Starting…")
    process = start_detached(order)
    # It lives on without us; nobody is to wait for it here.
    process.returncode = 0


def join_running(
    terminal: Terminal,
    client: Client,
    folders: ProfileFolders,
    make_person: Callable[[], None],
    *,
    is_relay: bool,
    is_person: bool,
    opens: bool,
) -> None:
    """The daemon runs already: open it if it is locked, say whom it is for if nobody did."""
    status = client.ask(AskStatus(), StatusAnswer)
    if is_relay and status.vault != "none":
        require_nobody(folders)
        raise UserError("exists", "A node runs in this profile, and not as a relay: mesh down")
    if is_person and status.vault == "none":
        raise relay_refusal()
    terminal.say("Mesh is running already.")
    if opens and status.vault != "none":
        show_page(terminal, client, folders.name)
        return
    if status.vault == "locked" and terminal.has_person():
        known = known_passphrase(terminal, folders, is_headless=False)
        client.ask_until_back(Unlock(known), Done)
    elif status.vault == "empty" and (is_person or terminal.has_person()):
        make_person()
    tell_started(terminal, client, folders)


def make_identity(
    terminal: Terminal, client: Client, folders: ProfileFolders, name: str, *, is_unprotected: bool
) -> None:
    """Say who this is to a node that runs for nobody yet; the page may do so as well."""
    name = checked_name(name or asked_name(terminal, folders, is_headless=False), WHOSE_NAME)
    is_headless = not terminal.has_person()
    chosen = "" if is_unprotected else new_passphrase(terminal, name, is_headless=is_headless)
    client.ask(MakeIdentity(name, chosen), IdentityAnswer)
