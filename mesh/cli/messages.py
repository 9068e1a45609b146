"""How messages are drawn, in every command that shows some."""

import click

from mesh.cli.layout import plural, when
from mesh.cli.untrusted import clean_block, clean_line
from mesh.commands import MessageAnswer

INDENT = "    "


def drawn(message: MessageAnswer, *, has_conversation: bool) -> str:
    """Return a message for the terminal; `has_conversation`: only one contact is shown."""
    label = clean_line(message.label)
    head = click.style(when(message.sent), dim=True)
    if message.is_mine:
        who = click.style("me" if has_conversation else f"me → {label}", fg="cyan")
        tail = click.style(f"  [{state_of(message)}]", dim=True)
    else:
        who = click.style(label, fg="green", bold=True)
        tail = click.style("  [late]", dim=True) if message.is_late else ""
    return f"{head} {who}: {clean_block(message.text, indent=INDENT)}{tail}"


def state_of(message: MessageAnswer) -> str:
    """Return what is known of a message, in words."""
    if message.state == "carried":
        return f"carried by {plural(message.carriers, 'neighbour')}"
    return message.state
