"""Names that the shell completes by asking the running node, quickly or not at all."""

import click
from click.shell_completion import CompletionItem

from mesh.cli.door import folders_of, socket_of
from mesh.cli.options import Choices
from mesh.cli.untrusted import is_hidden
from mesh.client import Client
from mesh.commands import AskContacts, ContactsAnswer
from mesh.errors import UserError

TIMEOUT_S = 0.2
"""A person waits for the tab key; a node that is slow to answer completes nothing."""


def complete_contact(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Return the labels that begin as typed."""
    try:
        folders = folders_of(ctx.ensure_object(Choices))
        client = Client(socket_of(folders), timeout_s=TIMEOUT_S)
        contacts = client.ask(AskContacts(), ContactsAnswer).contacts
    except UserError:
        return []
    labels = [contact.label for contact in contacts if not any(map(is_hidden, contact.label))]
    return [CompletionItem(label) for label in labels if label.startswith(incomplete)]
