"""`mesh add`: use an invite, after saying what it would do."""

import shlex

import click

from mesh.cli.commands.people import KEY_LETTERS_SHOWN
from mesh.cli.daemon_client import client_of
from mesh.cli.names import shown
from mesh.cli.options import Choices, shared_options
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.client import Client
from mesh.commands.contacts import AddContact, ContactAnswer
from mesh.commands.invites import InspectInvite, InviteContentsAnswer
from mesh.errors import UserError


@click.command(
    help="""\
Add a contact by the link, or the text of the QR code, that they gave you.

It first says what the link would do and asks, unless told --yes or nobody is there to be asked.

\b
Examples:
  mesh add mesh:…
  mesh add mesh:… --label "Ben from the harbour"
  mesh add --yes --json mesh:…
  mesh invite inspect mesh:…                    only says what it would do
""",
)
@click.argument("link")
@click.option("--label", default="", metavar="LABEL", help="What you call them.")
@shared_options
@click.pass_obj
def add(choices: Choices, link: str, label: str) -> None:
    terminal = Terminal(choices)
    client = client_of(choices)
    link = link.strip()
    if not terminal.is_json:
        ask_about(terminal, client, link)
    contact = client.ask(AddContact(link=link, label=label), ContactAnswer)
    if terminal.is_json:
        terminal.json(contact)
        return
    name = shown(contact)
    terminal.result(f"{name}  {contact.key[:KEY_LETTERS_SHOWN]}  {contact.state}")
    if contact.looks_like:
        others = ", ".join(map(clean_line, contact.looks_like))
        terminal.warn(f"This name looks like that of {others}; look at the key.")
    # A stranger chose the name: a shell that is given this line must not obey it.
    word = shlex.quote(clean_line(contact.label))
    terminal.say(f'Write to them with: mesh send {word} "Hello"')
    terminal.say(f"Is it really them? Compare: mesh compare {word}")


def ask_about(terminal: Terminal, client: Client, link: str) -> None:
    """Say what a link would do, and let a person say no."""
    contents = client.ask(InspectInvite(link), InviteContentsAnswer)
    sentence = clean_line(contents.sentence)
    if not contents.is_usable:
        raise UserError("bad-invite", sentence)
    terminal.say(sentence)
    if contents.addresses:
        # Whoever wrote the link chose them: they may be doors of somebody else.
        where = ", ".join(map(clean_line, contents.addresses))
        terminal.say(f"This node then tries to reach them at {where}, as the link says.")
    # A script that has nobody to ask has decided already; it can inspect the link by itself.
    if terminal.has_person():
        terminal.confirm("Add them?")
