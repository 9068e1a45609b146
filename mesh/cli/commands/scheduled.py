"""`mesh scheduled`: what is to be sent later."""

import time

import click

from mesh.cli.completing import complete_chat
from mesh.cli.daemon_client import client_of
from mesh.cli.layout import columns, when
from mesh.cli.moments import FORMS, moment_of
from mesh.cli.names import Names
from mesh.cli.options import Choices, shared_options
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.commands.scheduled import (
    AskScheduled,
    CancelScheduled,
    ChangeScheduled,
    ScheduledAnswer,
    ScheduledAnswers,
)

PREVIEW_LETTERS = 40
"""So much of a text fits beside the other columns."""


@click.group(
    invoke_without_command=True,
    help="""\
List what waits to be sent; change it or cancel it.

It is sent when its time has come and this node runs unlocked, else as soon as it does. Make one
with mesh send --at TIME.

\b
Examples:
  mesh scheduled
  mesh scheduled change 3 --at "tomorrow 9:00"
  mesh scheduled cancel 3
""",
)
@click.option(
    "--chat", metavar="CHAT", default="", shell_complete=complete_chat, help="Only in this one."
)
@shared_options
@click.pass_context
def scheduled(ctx: click.Context, chat: str) -> None:
    if ctx.invoked_subcommand is not None:
        return
    choices: Choices = ctx.obj
    terminal = Terminal(choices)
    client = client_of(choices)
    answer = client.ask(AskScheduled(chat), ScheduledAnswers)
    if terminal.is_json:
        terminal.json(answer)
        return
    if not answer.scheduled:
        terminal.say("Nothing waits to be sent.")
        return
    names = Names.ask(client)
    rows = [("", "CHAT", "WHEN", "")]
    rows += [
        (str(each.number), names.name(each.conversation, each.title), when(each.at), told(each))
        for each in answer.scheduled
    ]
    terminal.result("\n".join(columns(rows)))


@scheduled.command(
    help=f"""\
Send it at another time, or with another TEXT.

TIME is {FORMS}.

\b
Examples:
  mesh scheduled change 3 --at "tomorrow 9:00"
  mesh scheduled change 3 "The ferry leaves at 10"
"""
)
@click.argument("number", type=click.IntRange(min=1))
@click.argument("text", nargs=-1)
@click.option("--at", metavar="TIME", help="When it is to be sent.")
@shared_options
@click.pass_obj
def change(choices: Choices, number: int, text: tuple[str, ...], at: str | None) -> None:
    if at is None and not text:
        raise click.UsageError("Say --at TIME, or another TEXT.")
    asked = ChangeScheduled(
        number,
        at=None if at is None else moment_of(at, time.time()),
        text=" ".join(text) if text else None,
    )
    answer_it(choices, asked, "to be sent {}")


@scheduled.command(
    help="""\
Do not send it.

\b
Examples:
  mesh scheduled cancel 3
"""
)
@click.argument("number", type=click.IntRange(min=1))
@shared_options
@click.pass_obj
def cancel(choices: Choices, number: int) -> None:
    answer_it(choices, CancelScheduled(number), "not sent; it was for {}")


def answer_it(choices: Choices, asked: ChangeScheduled | CancelScheduled, words: str) -> None:
    """Ask, and say what came of it."""
    terminal = Terminal(choices)
    client = client_of(choices)
    answer = client.ask(asked, ScheduledAnswer)
    if terminal.is_json:
        terminal.json(answer)
    else:
        name = Names.ask(client).name(answer.conversation, answer.title)
        terminal.say(f"{name}, text {answer.number}: {words.format(when(answer.at))}")


def told(waiting: ScheduledAnswer) -> str:
    """Return the beginning of a text, or why it was not sent."""
    if waiting.failure:
        return f"not sent: {clean_line(waiting.failure)}"
    named = [f"📎 {clean_line(file.name)}" for file in waiting.files]
    text = "  ".join(each for each in (clean_line(waiting.text), *named) if each)
    return text if len(text) <= PREVIEW_LETTERS else text[: PREVIEW_LETTERS - 1] + "…"
