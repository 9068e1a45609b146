"""`mesh introduce`, `mesh introductions`: contacts who come by a contact's word."""

import click

from mesh.cli.commands.people import KEY_LETTERS_SHOWN
from mesh.cli.completing import complete_contact
from mesh.cli.daemon_client import client_of
from mesh.cli.layout import columns
from mesh.cli.names import Names, shown_introduced
from mesh.cli.options import Choices, shared_options
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.commands.answer import Done
from mesh.commands.introductions import (
    AnswerIntroduction,
    AskIntroductions,
    Introduce,
    IntroductionAnswer,
    IntroductionsAnswer,
)


@click.command(
    help="""\
Introduce two of your contacts to each other.

The second one is asked first, and then the first one. Each is told the name and the key of the
other, and that it was you who vouched. They become contacts if both accept; you are not told.

\b
Examples:
  mesh introduce Ben Cleo
"""
)
@click.argument("contact", shell_complete=complete_contact)
@click.argument("to", shell_complete=complete_contact)
@shared_options
@click.pass_obj
def introduce(choices: Choices, contact: str, to: str) -> None:
    terminal = Terminal(choices)
    client = client_of(choices)
    answer = client.ask(Introduce(contact, to=to), Done)
    if terminal.is_json:
        terminal.json(answer)
        return
    names = Names.ask(client)
    one, other = (names.called(each) for each in (contact, to))
    terminal.say(f"{other} is asked about {one}; if they accept, {one} is asked too.")


@click.group(
    invoke_without_command=True,
    help="""\
List the people to whom your contacts introduced you; accept or decline.

\b
Examples:
  mesh introductions
  mesh introductions accept 3
  mesh introductions decline 3
""",
)
@shared_options
@click.pass_context
def introductions(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is not None:
        return
    choices: Choices = ctx.obj
    terminal = Terminal(choices)
    client = client_of(choices)
    answer = client.ask(AskIntroductions(), IntroductionsAnswer)
    if terminal.is_json:
        terminal.json(answer)
        return
    if not answer.introductions:
        terminal.say("Nobody was introduced to you.")
        return
    names = Names.ask(client)
    rows = [("", "NAME", "KEY", "VOUCHED FOR BY", "STATE")]
    rows += [
        (
            str(each.id),
            shown_introduced(each),
            each.key[:KEY_LETTERS_SHOWN],
            names.called(each.by),
            "; ".join([each.state, *warnings(each)]),
        )
        for each in answer.introductions
    ]
    for line in columns(rows):
        terminal.result(line)


@introductions.command(
    help="""\
Accept an introduction: the other one becomes a contact when they accept as well.

\b
Examples:
  mesh introductions accept 3
"""
)
@click.argument("number", type=click.IntRange(min=1))
@shared_options
@click.pass_obj
def accept(choices: Choices, number: int) -> None:
    answer_it(choices, number, is_accepted=True)


@introductions.command(
    help="""\
Decline an introduction. The other one is not told.

\b
Examples:
  mesh introductions decline 3
"""
)
@click.argument("number", type=click.IntRange(min=1))
@shared_options
@click.pass_obj
def decline(choices: Choices, number: int) -> None:
    answer_it(choices, number, is_accepted=False)


def warnings(introduction: IntroductionAnswer) -> list[str]:
    """Return what a person should look at before they believe a name."""
    others = ", ".join(map(clean_line, introduction.looks_like))
    return [f"looks like {others}"] if others else []


def answer_it(choices: Choices, number: int, *, is_accepted: bool) -> None:
    """Accept or decline, and say what came of it."""
    terminal = Terminal(choices)
    request = AnswerIntroduction(number, is_accepted=is_accepted)
    client = client_of(choices)
    answer = client.ask(request, IntroductionAnswer)
    if terminal.is_json:
        terminal.json(answer)
    else:
        by = Names.ask(client).called(answer.by)
        terminal.say(f"{shown_introduced(answer)}, introduced by {by}: {answer.state}.")
