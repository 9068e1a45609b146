"""The drawing of messages, in every command that shows some: never more than there is proof of."""

import click

from mesh.cli.layout import plural, when
from mesh.cli.sanitise import clean_block, clean_line
from mesh.commands.messages import MessageAnswer

INDENT = "    "

SLOW_S = 600
"""What was opened so long after it was written is shown with both times."""

WORDS: dict[str, str] = {
    "received": "received",
    "kept": "kept here",
    "awaiting-key": "waiting for their key",
    "queued": "queued here",
    "carried": "carried by {carriers}",
    "delivered": "delivered to their device",
    "read": "read",
    "expired": "expired without proof of delivery",
    "withdrawn": "withdrawn",
    "delivered-then-withdrawn": "delivered before it was withdrawn",
}
"""What a person reads for each state; one that this release does not know is shown as its code."""


def drawn(message: MessageAnswer, name: str, *, has_conversation: bool) -> str:
    """Return a message for the terminal; `has_conversation`: only one contact is shown.

    `name` is who is at its other end, made safe already.
    """
    # A moment that is wrong beyond doubt orders nothing for the eye: it stands in the remarks.
    moment = message.received if message.clock else message.sent
    head = click.style(when(moment), dim=True)
    if message.is_mine:
        who = click.style("me" if has_conversation else f"me → {name}", fg="cyan")
    else:
        who = click.style(name, fg="green", bold=True)
    tail = "".join(click.style(f"  [{remark}]", dim=True) for remark in remarks(message))
    line = f"{head} {who}: {clean_block(message.text, indent=INDENT)}{tail}"
    return f"{gap(message)}\n{line}" if message.missing_count else line


def gap(message: MessageAnswer) -> str:
    """Return the line above a message that answers to others which are not here."""
    count = message.missing_count
    have = "has" if count == 1 else "have"
    return click.style(f"… {plural(count, 'earlier message')} {have} not arrived", fg="yellow")


def remarks(message: MessageAnswer) -> list[str]:
    """Return what a reader should know about a message beside its text."""
    told = [state_of(message)] if message.is_mine else []
    if message.clock:
        whose = "this computer's clock was" if message.is_mine else "their clock is"
        arrived = "kept here" if message.is_mine else "it came"
        told.append(
            f"{whose} {message.clock}: written {when(message.sent)} by it, "
            f"{arrived} {when(message.received)}"
        )
    if message.is_late:
        told.append(f"late, opened {when(message.received)}")
    elif not (message.is_mine or message.clock) and message.received - message.sent > SLOW_S:
        # Long under way, behind a locked vault, or by a clock that is behind: nobody can tell.
        told.append(f"opened {when(message.received)}")
    return told


def state_of(message: MessageAnswer) -> str:
    """Return what is known of a message, in words."""
    return words_of(message.state, message.carriers)


def words_of(state: str, carriers: int) -> str:
    """Return the words for a state."""
    words = WORDS.get(state)
    return (
        clean_line(state) if words is None else words.format(carriers=plural(carriers, "neighbour"))
    )
