"""`mesh check-in`, `mesh answer` and `mesh remind`: how everybody is."""

import click

from mesh.cli.cards import HELP_LEVEL, OFFERED, PLEASE, QUESTION
from mesh.cli.changing import ItemNumber, change, item_of, key_of, keys_of
from mesh.cli.completing import complete_chat, complete_contact
from mesh.cli.daemon_client import client_of
from mesh.cli.durations import Lifetime, moment_in
from mesh.cli.options import Choices, shared_options
from mesh.cli.places import place_of_answer
from mesh.commands.item_commands import AnswerCheckIn, ChoiceAsked, RemindOfCheckIn, WriteItem
from mesh.limits.content import CHECK_IN_ANSWERS, CHECK_IN_OLD_SECONDS

LEVELS = {"fine": 0, "way": 1, "help": HELP_LEVEL}


class Offered(click.ParamType[ChoiceAsked, object]):
    """An answer with its level: WORDS=fine, WORDS=way or WORDS=help."""

    name = "answer"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> ChoiceAsked:
        if isinstance(value, ChoiceAsked):
            return value
        words, _, level = str(value).rpartition("=")
        if not words.strip() or level not in LEVELS:
            self.fail(f"{value!r} is not WORDS=fine, WORDS=way or WORDS=help.", param, ctx)
        return ChoiceAsked(words=words.strip(), level=LEVELS[level])


@click.command(
    "check-in",
    help="""\
Ask how everybody is, and see at one look who needs help and who has not said.

CHAT is a contact's label, a number of mesh chats, or the beginning of a key. Without --answer one
can answer "safe", "on my way" or "need help".

\b
Examples:
  mesh check-in Ben
  mesh check-in Ben "Is everybody over the bridge?" --answer "I am=fine" --answer "Stuck=help"
  mesh check-in Ben --until 12h --old 1h
""",
)
@click.argument("chat", shell_complete=complete_chat)
@click.argument("question", default=QUESTION)
@click.option(
    "--answer",
    "answers",
    type=Offered(),
    multiple=True,
    metavar="WORDS=LEVEL",
    help="An answer that is offered, and how bad it is: fine, way or help. Up to six.",
)
@click.option(
    "--ask",
    "asked",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_contact,
    help="Whom it is about, instead of all; may be said again.",
)
@click.option("--until", type=Lifetime(), metavar="TIME", help="For how long it is open: 12h.")
@click.option(
    "--old",
    type=Lifetime(),
    default=CHECK_IN_OLD_SECONDS,
    metavar="TIME",
    help="After what time an answer says little (6h).",
)
@shared_options
@click.pass_obj
def check_in(
    choices: Choices,
    chat: str,
    question: str,
    answers: tuple[ChoiceAsked, ...],
    asked: tuple[str, ...],
    until: int | None,
    old: int,
) -> None:
    most = CHECK_IN_ANSWERS[1]
    if len(answers) > most:
        raise click.UsageError(f"A check-in offers at most {most} answers.")
    command = WriteItem(
        chat,
        "check-in",
        question=question,
        answers=answers or OFFERED,
        asked=keys_of(client_of(choices), asked),
        until=moment_in(until),
        old_after=old,
    )
    change(choices, command)


@click.command(
    help="""\
Answer a check-in, for yourself or for somebody whom you saw.

NUMBER is that of the check-in, and ANSWER the number that stands before an answer, or its words.
What somebody says themselves stands before what others say of them.

\b
Examples:
  mesh answer 1041 safe
  mesh answer 1041 3 --note "Two of us cannot walk" --place "North bank"
  mesh answer 1041 safe --for Carl
"""
)
@click.argument("number", type=ItemNumber)
@click.argument("answer")
@click.option("--note", default="", help="A few words.")
@click.option("--place", default="", help="Where, in words.")
@click.option(
    "--for",
    "subject",
    default="",
    metavar="NAME",
    shell_complete=complete_contact,
    help="Whom it is about, instead of yourself.",
)
@shared_options
@click.pass_obj
def answer(choices: Choices, number: int, answer: str, note: str, place: str, subject: str) -> None:
    client = client_of(choices)
    which = place_of_answer(item_of(client, number), answer)
    key = key_of(client, subject) if subject else ""
    change(choices, AnswerCheckIn(number, which, note=note, place=place, subject=key))


@click.command(
    help="""\
Remind of a check-in: a message that answers to it names those who have not.

NUMBER is that of the check-in. It is for who made it, and for admins of its group; people are
named as they call themselves. Of more than sixteen the rest is told as a number.

\b
Examples:
  mesh remind 1041
  mesh remind 1041 "Say something until six:"
"""
)
@click.argument("number", type=ItemNumber)
@click.argument("words", default=PLEASE)
@shared_options
@click.pass_obj
def remind(choices: Choices, number: int, words: str) -> None:
    change(choices, RemindOfCheckIn(number, words))
