"""Names that the shell completes by asking the running node, quickly or not at all."""

from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem

from mesh.api.doors import door_of
from mesh.cli.daemon_client import folders_of
from mesh.cli.options import Choices
from mesh.cli.sanitise import is_hidden
from mesh.client import Client
from mesh.commands.contacts import AskContacts, ContactsAnswer
from mesh.commands.conversations import AskConversations, ConversationsAnswer
from mesh.errors import UserError

TIMEOUT_S = 0.2
"""A person waits for the tab key; a node that is slow to answer completes nothing."""


def complete_contact(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Return the labels that begin as typed."""
    try:
        contacts = client_in(ctx).ask(AskContacts(), ContactsAnswer).contacts
    except UserError:
        return []
    return completions([contact.label for contact in contacts], incomplete)


def complete_chat(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Return the names of conversations that begin as typed."""
    try:
        found = client_in(ctx).ask(AskConversations(), ConversationsAnswer).conversations
    except UserError:
        return []
    names = ["me" if chat.kind == "self" else chat.title for chat in found]
    return completions(names, incomplete)


def client_in(ctx: click.Context) -> Client:
    """Return a client that waits no longer than a person does."""
    folders = folders_of(ctx.ensure_object(Choices))
    return Client(door_of(folders), timeout_s=TIMEOUT_S)


def completions(names: Sequence[str], incomplete: str) -> list[CompletionItem[str]]:
    """Return the names that begin as typed and hide nothing."""
    shown = [name for name in names if not any(map(is_hidden, name))]
    return [CompletionItem(name) for name in shown if name.startswith(incomplete)]
