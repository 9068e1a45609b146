"""`mesh open`: shows the page of a node in a browser."""

from pathlib import Path

import click

from mesh.api.sign_in import MakeSignInCode, SignInCodeAnswer
from mesh.cli.browser import open_in_browser
from mesh.cli.daemon_client import client_of, folders_of
from mesh.cli.next_steps import MESH_COMMAND, profile_option
from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal
from mesh.client import Client


@click.command(
    help="""\
Open the page of the node in a browser on this computer.

The page signs in by a code that works once, within a minute. With --no-browser the address with
the code is printed instead, to be opened in a browser of this computer by hand: for instance
where the browser may not read files of Mesh.

Each profile has a node and a page of its own.

\b
Examples:
  mesh open
  mesh open --profile work
  mesh open --no-browser
""",
)
@click.option("--no-browser", is_flag=True, help="Print the address, open nothing.")
@shared_options
@click.pass_obj
def open_page(choices: Choices, *, no_browser: bool) -> None:
    profile = folders_of(choices).name
    show_page(Terminal(choices), client_of(choices), profile, with_browser=not no_browser)


def show_page(
    terminal: Terminal, client: Client, profile: str, *, with_browser: bool = True
) -> None:
    """Open the page, or say how to."""
    request = MakeSignInCode(as_file=with_browser and not terminal.is_json)
    code = client.ask(request, SignInCodeAnswer)
    again = f"{MESH_COMMAND} open{profile_option(profile)}"
    if terminal.is_json:
        terminal.json(code)
    elif code.file and open_in_browser(Path(code.file)):
        page = code.address.partition("#")[0]
        terminal.say(f"The page opens in your browser, at {page}")
        terminal.say(f"If it does not:     {again} --no-browser")
    else:
        seconds = code.valid_seconds
        terminal.say(f"Open this in a browser on this computer, within {seconds} seconds:")
        terminal.result(code.address)
        terminal.say(f"Later:              {again} --no-browser")
