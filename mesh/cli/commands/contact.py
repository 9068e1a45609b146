"""`mesh contact …`: everything about one contact, and every change of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from mesh.cli.commands.contact_details import lines_of, safety_lines, unblocked_sentences
from mesh.cli.completing import complete_contact
from mesh.cli.daemon_client import client_of
from mesh.cli.names import shown
from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal
from mesh.commands.answer import Done
from mesh.commands.contacts import (
    AcceptRequest,
    AskContact,
    BlockContact,
    ContactAnswer,
    ContactDetailsAnswer,
    RemoveContact,
    RenameContact,
    RenewSession,
    ReplaceIdentity,
    SetReadReceipts,
    VerifyContact,
)
from mesh.errors import UserError

if TYPE_CHECKING:
    from mesh.api.request import Request

Named = Callable[[Choices, str], None]


@click.group(
    help="""\
Show or change a contact. See also: mesh contacts, mesh add, mesh compare.

CONTACT is a label, a number, or the beginning of a key of at least 8 digits.

\b
Examples:
  mesh contact show Ben
  mesh contact verify Ben
  mesh contact block 7
"""
)
def contact() -> None:
    pass


def on_contact(text: str) -> Callable[[Named], click.Command]:
    """Make a command that takes one contact and nothing else."""

    def made(function: Named) -> click.Command:
        named = click.argument("contact", shell_complete=complete_contact)
        return contact.command(help=text)(named(shared_options(click.pass_obj(function))))

    return made


def change(choices: Choices, request: "Request", sentence: str) -> None:
    """Ask for a change and say that it was made; `{}` in the sentence is the contact's name."""
    terminal = Terminal(choices)
    answer = client_of(choices).ask(request, ContactAnswer)
    if terminal.is_json:
        terminal.json(answer)
    else:
        terminal.say(sentence.replace("{}", shown(answer)))


@on_contact(
    """\
Show all that is known of a contact, with the safety number and what happened to them.

\b
Examples:
  mesh contact show Ben
  mesh contact show Ben --json | jq -r .safety_number
"""
)
def show(choices: Choices, contact: str) -> None:
    terminal = Terminal(choices)
    answer = client_of(choices).ask(AskContact(contact), ContactDetailsAnswer)
    if terminal.is_json:
        terminal.json(answer)
        return
    for line in lines_of(answer):
        terminal.result(line)


@on_contact(
    """\
Say that you compared the safety number of a contact, by voice or face to face.

Both of you see the same 60 digits, if nobody stands between you. It is shown before it is
asked for; a script says --yes. mesh compare does the same with pictures.

\b
Examples:
  mesh contact verify Ben
  mesh contact verify Ben --yes --json
"""
)
def verify(choices: Choices, contact: str) -> None:
    terminal = Terminal(choices)
    if not choices.yes:
        details = client_of(choices).ask(AskContact(contact), ContactDetailsAnswer)
        if not details.safety_number:
            raise UserError("no-safety-number", "Their key is not here yet; try it later.")
        terminal.say(f"The safety number of you and {shown(details.contact)}:")
        for line in safety_lines(details.safety_number):
            terminal.say(f"  {line}")
        terminal.confirm("Do they see the same number?")
    change(choices, VerifyContact(contact), "{} is verified.")


@on_contact(
    """\
Take back that you compared.

\b
Examples:
  mesh contact unverify Ben
"""
)
def unverify(choices: Choices, contact: str) -> None:
    request = VerifyContact(contact, is_verified=False)
    change(choices, request, "{} is not verified any more.")


@on_contact(
    """\
Open nothing that a contact writes to you alone, and send nothing to them, until mesh contact
unblock.

They are not told. No list shows or counts anything of theirs; mesh read NAME still shows what
was there before. In groups they stay a member: each of you sees what the other writes there.
Leave the group, or ask an admin to remove them.

\b
Examples:
  mesh contact block Ben
"""
)
def block(choices: Choices, contact: str) -> None:
    change(choices, BlockContact(contact), "{} is blocked.")


@contact.command(
    help="""\
Open what a contact sends from now on, again.

What came while they were blocked stays sealed, and how much of it there is, is said. With
--show-meanwhile it is opened too, now or at any later time, as far as it has not expired. Their
Mesh may post again what lapses without proof that you have it, after 7 days; that is opened.

\b
Examples:
  mesh contact unblock Ben
  mesh contact unblock Ben --show-meanwhile
"""
)
@click.argument("contact", shell_complete=complete_contact)
@click.option("--show-meanwhile", is_flag=True, help="Open what came while they were blocked too.")
@shared_options
@click.pass_obj
def unblock(choices: Choices, contact: str, *, show_meanwhile: bool) -> None:
    terminal = Terminal(choices)
    request = BlockContact(contact, is_blocked=False, opens_sealed=show_meanwhile)
    answer = client_of(choices).ask(request, ContactAnswer)
    if terminal.is_json:
        terminal.json(answer)
        return
    for sentence in unblocked_sentences(answer, is_opened=show_meanwhile):
        terminal.say(sentence)


@on_contact(
    """\
Let somebody who waits apart become a contact. See: mesh requests.

All that they sent is opened. Whoever is blocked is unblocked first: mesh contact unblock.

\b
Examples:
  mesh contact accept 7
"""
)
def accept(choices: Choices, contact: str) -> None:
    change(choices, AcceptRequest(contact), "{} is a contact now.")


@on_contact(
    """\
Begin new keys with a contact who does not open what you send any more.

It is done by itself when it is noticed, for instance after one of you restored a backup.

\b
Examples:
  mesh contact renew Ben
"""
)
def renew(choices: Choices, contact: str) -> None:
    change(choices, RenewSession(contact), "New keys with {} are on their way.")


@on_contact(
    """\
Forget a contact with all messages and keys. Nobody can undo this.

\b
Examples:
  mesh contact remove Ben
  mesh contact remove Ben --yes
"""
)
def remove(choices: Choices, contact: str) -> None:
    terminal = Terminal(choices)
    client = client_of(choices)
    if not choices.yes:
        found = client.ask(AskContact(contact), ContactDetailsAnswer).contact
        terminal.confirm(f"Forget {shown(found)}, with all messages and keys, for ever?")
    answer = client.ask(RemoveContact(contact), Done)
    if terminal.is_json:
        terminal.json(answer)
    else:
        terminal.say("They are forgotten.")


@contact.command(
    help="""\
Go on with CONTACT under the new keys of the contact NEW, who is the same person.

Do it only if you are sure: ask them by voice. Their trust begins again at "first seen", and both
of you see that the keys have changed.

\b
Examples:
  mesh contact replace Ben "Ben 2"
"""
)
@click.argument("contact", shell_complete=complete_contact)
@click.argument("new", shell_complete=complete_contact)
@shared_options
@click.pass_obj
def replace(choices: Choices, contact: str, new: str) -> None:
    terminal = Terminal(choices)
    if not choices.yes:
        client = client_of(choices)
        old, other = (
            client.ask(AskContact(named), ContactDetailsAnswer).contact for named in (contact, new)
        )
        terminal.confirm(
            f"Are {shown(old)} ({old.key[:16]}) and {shown(other)} ({other.key[:16]}) "
            "the same person?"
        )
    request = ReplaceIdentity(contact, by=new)
    change(choices, request, "{} has new keys now. Compare again: mesh compare")


@contact.command(
    help="""\
Choose whether a contact is told when you have read what they wrote. It is off at first.

\b
Examples:
  mesh contact receipts Ben on
  mesh contact receipts Ben off
"""
)
@click.argument("contact", shell_complete=complete_contact)
@click.argument("state", type=click.Choice(["on", "off"]))
@shared_options
@click.pass_obj
def receipts(choices: Choices, contact: str, state: str) -> None:
    is_on = state == "on"
    sentence = "{} is told what you read." if is_on else "{} is not told what you read."
    change(choices, SetReadReceipts(contact, is_on=is_on), sentence)


@contact.command(
    help="""\
Give a contact another label.

\b
Examples:
  mesh contact rename Ben "Ben (neighbour)"
"""
)
@click.argument("contact", shell_complete=complete_contact)
@click.argument("label")
@shared_options
@click.pass_obj
def rename(choices: Choices, contact: str, label: str) -> None:
    change(choices, RenameContact(contact, label), "This contact is now called {}.")
