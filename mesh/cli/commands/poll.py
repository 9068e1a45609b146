"""`mesh poll`, `mesh vote` and `mesh close`: what several decide."""

import click

from mesh.cli.changing import ItemNumber, change, item_of
from mesh.cli.completing import complete_chat
from mesh.cli.daemon_client import client_of
from mesh.cli.durations import Lifetime, moment_in
from mesh.cli.options import Choices, shared_options
from mesh.cli.places import place_of_option
from mesh.commands.item_commands import ClosePoll, Vote, WriteItem
from mesh.limits.content import POLL_OPTIONS

LEAST, MOST = POLL_OPTIONS


@click.command(
    help="""\
Ask a question that is answered by voting; nobody votes in secret.

CHAT is a contact's label, a number of mesh chats, or the beginning of a key; or "me". Two to twelve
options follow the question.

\b
Examples:
  mesh poll Ben "Where do we meet?" "At the gate" "On the bridge"
  mesh poll Ben "Which days?" Fri Sat Sun --several --closes 2d
"""
)
@click.argument("chat", shell_complete=complete_chat)
@click.argument("question")
@click.argument("options", nargs=-1, metavar="OPTION...")
@click.option("--several", is_flag=True, help="Who votes may choose more than one.")
@click.option("--closes", type=Lifetime(), metavar="TIME", help="After what time it closes: 2d.")
@shared_options
@click.pass_obj
def poll(
    choices: Choices,
    chat: str,
    question: str,
    options: tuple[str, ...],
    closes: int | None,
    *,
    several: bool,
) -> None:
    if not LEAST <= len(options) <= MOST:
        raise click.UsageError(f"A poll has {LEAST} to {MOST} options.")
    asked = WriteItem(
        chat,
        "poll",
        question=question,
        options=options,
        is_several=several,
        closes=moment_in(closes),
    )
    change(choices, asked)


@click.command(
    help="""\
Vote in a poll; your vote takes the place of the one before.

NUMBER is that of the poll, and OPTION the number that stands before an option, or its words.

\b
Examples:
  mesh vote 1041 2
  mesh vote 1041 "On the bridge"
  mesh vote 1041 --none
"""
)
@click.argument("number", type=ItemNumber)
@click.argument("options", nargs=-1, metavar="OPTION...")
@click.option("--none", "is_none", is_flag=True, help="Take your vote back.")
@shared_options
@click.pass_obj
def vote(choices: Choices, number: int, options: tuple[str, ...], *, is_none: bool) -> None:
    if is_none == bool(options):
        raise click.UsageError("Say which option, or --none to take your vote back.")
    found = item_of(client_of(choices), number) if options else None
    places = (
        () if found is None else tuple(sorted({place_of_option(found, each) for each in options}))
    )
    change(choices, Vote(number, places))


@click.command(
    help="""\
Close a poll of yours. Votes that come later do not count, and it is not opened again.

\b
Examples:
  mesh close 1041
"""
)
@click.argument("number", type=ItemNumber)
@shared_options
@click.pass_obj
def close(choices: Choices, number: int) -> None:
    change(choices, ClosePoll(number))
