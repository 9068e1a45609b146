"""`mesh id`, `mesh add`, `mesh contacts`, `mesh contact rename`: who is who."""

import click

from mesh.cli.completing import complete_contact
from mesh.cli.door import client_of
from mesh.cli.layout import columns
from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal
from mesh.cli.untrusted import clean_line
from mesh.commands import (
    AddContact,
    AskContacts,
    AskIdentity,
    ContactAnswer,
    ContactsAnswer,
    IdentityAnswer,
    RenameContact,
)

KEY_LETTERS_SHOWN = 16
"""Of a key of 64; enough to tell contacts apart, and enough to name one."""


@click.command(
    name="id",
    help="""\
Show who you are: your name and your key.

\b
Examples:
  mesh id
  mesh id --json
""",
)
@shared_options
@click.pass_obj
def identity(choices: Choices) -> None:
    terminal = Terminal(choices)
    answer = client_of(choices).ask(AskIdentity(), IdentityAnswer)
    if terminal.is_json:
        terminal.json(answer)
        return
    terminal.result(f"{clean_line(answer.name)}\n{grouped(answer.key)}")


@click.command(
    help="""\
Add a contact by the link, or the text of the QR code, that they gave you.

\b
Examples:
  mesh add mesh:…
  mesh add mesh:… --label "Ben from the harbour"
""",
)
@click.argument("link")
@click.option("--label", default="", metavar="LABEL", help="What you call them.")
@shared_options
@click.pass_obj
def add(choices: Choices, link: str, label: str) -> None:
    terminal = Terminal(choices)
    command = AddContact(link=link.strip(), label=label)
    contact = client_of(choices).ask(command, ContactAnswer)
    if terminal.is_json:
        terminal.json(contact)
        return
    name = clean_line(contact.label)
    terminal.result(f"{name}  {contact.key[:KEY_LETTERS_SHOWN]}  {contact.state}")
    terminal.say(f"Write to them with: mesh send '{name}' \"Hello\"")


@click.command(
    help="""\
List your contacts.

\b
Examples:
  mesh contacts
  mesh contacts --json | jq -r '.contacts[].label'
""",
)
@shared_options
@click.pass_obj
def contacts(choices: Choices) -> None:
    terminal = Terminal(choices)
    answer = client_of(choices).ask(AskContacts(), ContactsAnswer)
    if terminal.is_json:
        terminal.json(answer)
        return
    if not answer.contacts:
        terminal.say("There are no contacts yet. Invite somebody with: mesh invite")
        return
    rows = [("", "LABEL", "NAME", "KEY", "TRUST", "UNREAD", "STATE")]
    rows += [
        (
            str(contact.id),
            clean_line(contact.label),
            clean_line(contact.name),
            contact.key[:KEY_LETTERS_SHOWN],
            contact.trust,
            str(contact.unread_count or ""),
            contact.state,
        )
        for contact in answer.contacts
    ]
    for line in columns(rows):
        terminal.result(line)


@click.group(help="Change a contact. See also: mesh contacts, mesh add.")
def contact() -> None:
    pass


@contact.command(
    help="""\
Give a contact another label.

\b
Examples:
  mesh contact rename Ben "Ben (neighbour)"
""",
)
@click.argument("contact", shell_complete=complete_contact)
@click.argument("label")
@shared_options
@click.pass_obj
def rename(choices: Choices, contact: str, label: str) -> None:
    terminal = Terminal(choices)
    command = RenameContact(contact=contact, label=label)
    answer = client_of(choices).ask(command, ContactAnswer)
    if terminal.is_json:
        terminal.json(answer)
    else:
        terminal.say(f"This contact is now called {clean_line(answer.label)}.")


def grouped(key: str) -> str:
    """Return a key in groups that can be read aloud."""
    return " ".join(key[start : start + 4] for start in range(0, len(key), 4))
