"""`mesh service`: lets the node start when one logs in."""

import click

from mesh.api.service_requests import ServiceAnswer
from mesh.cli.commands.up import order_at_login, run_here
from mesh.cli.daemon_client import client_of, folders_of
from mesh.cli.next_steps import MESH_COMMAND, profile_option
from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal
from mesh.daemon.service_manager import notify
from mesh.node.config_file import load_config
from mesh.node.folders import ProfileFolders
from mesh.node.login_start import LoginStart

WORDS = {
    "systemd": "systemd's user manager",
    "autostart": "the desktop's start-up entries",
    "launchd": "launchd",
    "startup": "the start-up folder",
}

HELP = """\
Start the node of a profile when you log in, by the session manager of this system.

A vault with a passphrase stays locked until you unlock it, in the page or with `mesh unlock`; mail
is carried meanwhile. What is changed takes effect at the next login.

\b
Examples:
  mesh service install
  mesh service status --json
  mesh service remove
"""


@click.group(help=HELP)
@shared_options
def service() -> None:
    pass


@service.command(
    help="""\
Start the node at each login, from the next one on.

\b
Examples:
  mesh service install
  mesh service install --profile work
""",
)
@shared_options
@click.pass_obj
def install(choices: Choices) -> None:
    start = start_of(choices)
    start.install()
    tell(choices, start)


@service.command(
    help="""\
Start the node at login no more. One that runs goes on.

\b
Examples:
  mesh service remove
""",
)
@shared_options
@click.pass_obj
def remove(choices: Choices) -> None:
    start = start_of(choices)
    start.remove()
    tell(choices, start)


@service.command(
    help="""\
Show whether the node starts at login, and by which file.

\b
Examples:
  mesh service status
  mesh service status --json
""",
)
@shared_options
@click.pass_obj
def status(choices: Choices) -> None:
    tell(choices, start_of(choices))


@service.command(
    help="""\
Be the node, as the session manager starts it: nothing is asked, and nothing happens if it runs.

\b
Examples:
  mesh service run
""",
)
@shared_options
@click.pass_obj
def run(choices: Choices) -> None:
    terminal = Terminal(choices)
    folders = folders_of(choices)
    if client_of(choices).is_running():
        # It was started by hand; a failure would be tried again and again.
        notify("READY=1")
        terminal.say("The node runs already.")
        return
    is_relay = load_config(folders.config_file).relay
    if not is_relay and is_wiped(folders):
        # A failure, or a new profile of nobody, is what a service manager would make of a wipe.
        notify("READY=1")
        again = f"{MESH_COMMAND} up{profile_option(folders.name)}"
        terminal.say(
            f"There is no profile {folders.name}, and nothing asks for it. Make it: {again}"
        )
        return
    order = order_at_login(terminal, folders, is_relay=is_relay)
    run_here(terminal, order, folders, is_relay=is_relay, opens=False)


def is_wiped(folders: ProfileFolders) -> bool:
    """Say whether a profile has no keys, and its start at login is gone or was never asked for."""
    is_there = folders.vault_key_file.exists() or folders.store_key_file.exists()
    return not is_there and not LoginStart(folders.name).is_asked_for


def start_of(choices: Choices) -> LoginStart:
    """Return the start at login of the chosen profile."""
    return LoginStart(folders_of(choices).name)


def tell(choices: Choices, start: LoginStart) -> None:
    """Say how it is."""
    terminal = Terminal(choices)
    if terminal.is_json:
        terminal.json(ServiceAnswer(is_installed=start.is_installed, how=start.how))
    elif start.is_installed:
        terminal.result(f"The node of {start.profile} starts when you log in.")
        terminal.say(f"By {WORDS[start.how]}: {start.file}")
    else:
        terminal.result(f"The node of {start.profile} does not start by itself.")
        again = f"{MESH_COMMAND} service install{profile_option(start.profile)}"
        terminal.say(f"To start it when you log in: {again}")
