"""`mesh group repeat` and `keep`: what did not count as it was meant, done anew."""

from collections.abc import Callable

import click
import msgspec

from mesh.cli.completing import complete_chat
from mesh.cli.daemon_client import client_of
from mesh.cli.memberships import sentence
from mesh.cli.options import Choices, shared_options
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.commands.groups import (
    AskGroupLog,
    GroupAnswer,
    KeepInGroup,
    MembershipAnswer,
    MembershipsAnswer,
    RepeatInGroup,
)
from mesh.errors import UserError

_LOG_LIMIT = 1_000


@click.command(
    help="""\
Do again what you did and what does not count.

After the two sides of a cut meet, what somebody did who was removed on the other side is void. Once
you may again, this does it anew: all of it, or one operation by the beginning of its id.

\b
Examples:
  mesh group repeat Crew
  mesh group repeat Crew 3fa9c1
"""
)
@click.argument("group", shell_complete=complete_chat)
@click.argument("operation", default="")
@shared_options
@click.pass_obj
def repeat(choices: Choices, group: str, operation: str) -> None:
    def again(one: MembershipAnswer) -> str:
        return f"Again: {sentence(msgspec.structs.replace(one, counts=True))}"

    done = _each(choices, group, operation, lambda one: one.repeat, RepeatInGroup, again)
    if not done:
        raise UserError("not-found", "There is nothing to repeat.")


@click.command(
    help="""\
Keep what came since of those whom you removed, or who are no admins any more by your word.

What they wrote before they knew of it, and had not come here yet, does not count: it is told apart.
This makes it count, for all members: of everybody, or of one removal by the beginning of its id. Of
what you undid by --undo-since nothing comes back.

\b
Examples:
  mesh group keep Crew
  mesh group keep Crew 3fa9c1
"""
)
@click.argument("group", shell_complete=complete_chat)
@click.argument("operation", default="")
@shared_options
@click.pass_obj
def keep(choices: Choices, group: str, operation: str) -> None:
    def kept(one: MembershipAnswer) -> str:
        return f"Kept: what came since of {', '.join(one.whom)}"

    done = _each(choices, group, operation, lambda one: one.keep, KeepInGroup, kept)
    if not done:
        raise UserError("not-found", "There is nothing to keep.")


def _each(
    choices: Choices,
    group: str,
    operation: str,
    is_wanted: Callable[[MembershipAnswer], bool],
    command: type[RepeatInGroup] | type[KeepInGroup],
    words: Callable[[MembershipAnswer], str],
) -> bool:
    """Do something about each operation of which it is wanted; say whether there was any."""
    terminal, client = Terminal(choices), client_of(choices)
    done: list[str] = []
    while True:
        # Each may change what is left to be done.
        log = client.ask(AskGroupLog(group, limit=_LOG_LIMIT), MembershipsAnswer)
        wanted = [
            one
            for one in log.operations
            if is_wanted(one) and one.id.startswith(operation.lower()) and one.id not in done
        ]
        if not wanted:
            return bool(done)
        answer = client.ask(command(group, wanted[0].id), GroupAnswer)
        done.append(wanted[0].id)
        if terminal.is_json:
            terminal.json(answer)
        else:
            terminal.say(clean_line(words(wanted[0])))
