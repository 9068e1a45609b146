"""`mesh group write` and `mesh group letters`: members of a group who are no contacts yet."""

import click

from mesh.cli.completing import complete_chat
from mesh.cli.daemon_client import client_of
from mesh.cli.group_lines import (
    is_called,
    is_like_marked,
    is_number,
    member_of,
    not_known,
    number_of,
)
from mesh.cli.group_requests import letter_line
from mesh.cli.layout import when
from mesh.cli.options import Choices, shared_options
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.client import Client
from mesh.commands.member_letters import (
    AnswerMemberLetter,
    AskMemberLetters,
    LetterWrittenAnswer,
    MemberLettersAnswer,
    WriteToMember,
)
from mesh.errors import UserError


@click.command(
    help="""\
Ask a member of a group who is no contact of yours to become one.

He sees your name, which group it is, and who you are there. Others in the group may see that
somebody wrote to him, not who, nor what. If he accepts you are contacts, as by an invite. If he
does not, nobody tells you. To one member you can write once in 7 days: before they are over it is
refused, and says from when on you can.

\b
Examples:
  mesh group write Crew Cleo
  mesh group write Crew Cleo --note "We spoke on the pier"
  mesh group write Crew 3 --json | jq .again
"""
)
@click.argument("group", shell_complete=complete_chat)
@click.argument("who")
@click.option("--note", default="", help="Something to say to them.")
@shared_options
@click.pass_obj
def write(choices: Choices, group: str, who: str, note: str) -> None:
    terminal, client = Terminal(choices), client_of(choices)
    number = number_of(client, group)
    one = member_of(client, number, who)
    asked = WriteToMember(number, one.member, note)
    answer = client.ask(asked, LetterWrittenAnswer)
    if terminal.is_json:
        terminal.json(answer)
        return
    name = clean_line(answer.member_name)
    terminal.say(f"{name} will see that you ask. You can write again from {when(answer.again)} on.")


@click.command(
    help="""\
List the members of a group who ask you to become a contact; accept or decline one.

Who is accepted is a contact, as by an invite, and learns your name, your key, and that this member
is you. Who is declined is told nothing, and you hear no more of them there until you write to them
yourself.

\b
Examples:
  mesh group letters Crew
  mesh group letters Crew --accept Ben
  mesh group letters Crew --decline 2
  mesh group letters Crew --json | jq -r '.letters[].member_name'
"""
)
@click.argument("group", shell_complete=complete_chat)
@click.option("--accept", metavar="WHO", help="Become contacts.")
@click.option("--decline", metavar="WHO", help="Pass over what they write to you there.")
@shared_options
@click.pass_obj
def letters(choices: Choices, group: str, accept: str | None, decline: str | None) -> None:
    terminal, client = Terminal(choices), client_of(choices)
    if accept is not None and decline is not None:
        raise UserError("usage", "Take one of --accept and --decline.")
    number = number_of(client, group)
    answer = client.ask(AskMemberLetters(number), MemberLettersAnswer)
    who = decline if accept is None else accept
    if who is not None:
        answer = answered(client, number, answer, who, is_accepted=accept is not None)
    if terminal.is_json:
        terminal.json(answer)
        return
    if not answer.letters:
        terminal.say("Nobody waits.")
    for each in answer.letters:
        terminal.result(letter_line(each))


def answered(
    client: Client, group: int, waiting: MemberLettersAnswer, who: str, *, is_accepted: bool
) -> MemberLettersAnswer:
    """Accept or decline a letter that waits, by its number or by what its author is called in the
    group; UserError if it is of nobody, or may be of another.
    """
    wanted = who.strip().casefold()
    if is_number(wanted):
        found = [one for one in waiting.letters if str(one.letter) == wanted]
    else:
        # Not by the name in the invite, which anybody may have put there.
        found = [one for one in waiting.letters if wanted == one.member_name.casefold()]
    if not found:
        raise UserError("not-found", f"No letter of {who!r} waits.")
    if len(found) > 1:
        numbers = ", ".join(str(one.letter) for one in found)
        raise UserError("ambiguous", f"Several are called {who!r}; take a number: {numbers}.")
    (one,) = found
    could_be_another = is_called(wanted, one.looks_like) or is_like_marked(wanted, one.member_key)
    if is_accepted and not is_number(wanted) and could_be_another:
        raise not_known(who, one.letter)
    asked = AnswerMemberLetter(group, one.letter, is_accepted)
    return client.ask(asked, MemberLettersAnswer)
