"""`mesh group link`, `join`, `knocks`, `admit` and `refuse`: coming into a group by a link."""

from pathlib import Path

import click

from mesh.cli.commands.invite import confirm_picture, tell_link, write_picture
from mesh.cli.completing import complete_chat
from mesh.cli.daemon_client import client_of
from mesh.cli.durations import Lifetime
from mesh.cli.group_lines import do, is_called, is_number, not_known, number_of
from mesh.cli.layout import DAY, columns, when
from mesh.cli.options import Choices, shared_options
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.commands.group_links import (
    AnswerKnock,
    AskGroupLinks,
    AskKnocks,
    CreateGroupLink,
    GroupLinkAnswer,
    GroupLinksAnswer,
    JoinGroup,
    KnockAnswer,
    KnocksAnswer,
    RevokeGroupLink,
)
from mesh.errors import UserError
from mesh.limits.groups import MEMBERS_MAX


@click.group(
    help="""\
Make links into a group, list them, revoke one.

Who has a link is let in, or stands there until somebody admits them. It says nothing of who made
it.

\b
Examples:
  mesh group link create Crew
  mesh group link create Crew --approve --uses 20 --expires 3d
  mesh group link list Crew
  mesh group link revoke Crew 2
"""
)
def link() -> None:
    pass


@link.command(
    help="""\
Make a link into a group, with a QR code. Others join by it: mesh group join LINK

\b
Examples:
  mesh group link create Crew
  mesh group link create Crew --approve --uses 20 --expires 3d --png crew.png
"""
)
@click.argument("group", shell_complete=complete_chat)
@click.option("--approve", is_flag=True, help="Somebody who may add people admits each.")
@click.option(
    "--uses",
    type=click.IntRange(1, MEMBERS_MAX),
    default=MEMBERS_MAX,
    show_default=True,
    help="How many may come by it.",
)
@click.option(
    "--expires", type=Lifetime(), default=7 * DAY, help="How long it lives: 7d (default), 12h, 2w."
)
@click.option("--short", is_flag=True, help="Print the short link, for who is in the same mesh.")
@click.option("--qr/--no-qr", default=None, help="Draw the QR code (default: on a terminal).")
@click.option("--invert", is_flag=True, help="Draw it for a light terminal.")
@click.option("--png", type=click.Path(dir_okay=False, path_type=Path), help="Write it as PNG.")
@shared_options
@click.pass_obj
def create(
    choices: Choices,
    group: str,
    uses: int,
    expires: int,
    qr: bool | None,
    png: Path | None,
    *,
    approve: bool,
    short: bool,
    invert: bool,
) -> None:
    terminal = Terminal(choices)
    command = CreateGroupLink(group, uses_max=uses, lifetime_s=expires, needs_approval=approve)
    if png is not None:
        confirm_picture(terminal, png)
    answer = client_of(choices).ask(command, GroupLinkAnswer)
    tell_link(terminal, answer, is_drawn=qr, is_inverted=invert, is_short=short)
    if png is not None:
        write_picture(answer.qr, png, "png")
        terminal.say(f"The QR code is in {png}.")
    how = "is let in once you admit them" if approve else "is let in"
    until = when(answer.expires)
    terminal.say(f"Link {answer.number}, until {until}. Who has it {how}: mesh group join LINK")


@link.command(
    name="list",
    help="""\
List your links into a group, the newest first.

\b
Examples:
  mesh group link list Crew
""",
)
@click.argument("group", shell_complete=complete_chat)
@shared_options
@click.pass_obj
def list_links(choices: Choices, group: str) -> None:
    terminal = Terminal(choices)
    answer = client_of(choices).ask(AskGroupLinks(group), GroupLinksAnswer)
    if terminal.is_json:
        terminal.json(answer)
        return
    if not answer.links:
        terminal.say("There are no links. Make one with: mesh group link create GROUP")
        return
    rows = [("", "USED", "EXPIRES", "STATE", "")]
    rows += [
        (
            str(each.number),
            f"{each.uses} of {each.uses_max}",
            when(each.expires),
            each.state,
            "you admit each" if each.needs_approval else "",
        )
        for each in answer.links
    ]
    for row in columns(rows):
        terminal.result(row)


@link.command(
    help="""\
Revoke a link: nobody comes by it any more. Who did stays.

\b
Examples:
  mesh group link revoke Crew 2
"""
)
@click.argument("group", shell_complete=complete_chat)
@click.argument("number", type=click.IntRange(min=1))
@shared_options
@click.pass_obj
def revoke(choices: Choices, group: str, number: int) -> None:
    terminal = Terminal(choices)
    answer = client_of(choices).ask(RevokeGroupLink(group, number), GroupLinkAnswer)
    if terminal.is_json:
        terminal.json(answer)
    else:
        terminal.say(f"Link {answer.number} is {answer.state}.")


@click.command(
    help="""\
Join a group by a link or the text of a QR code.

You are in when somebody there has let you in. The name that you use goes to all who are in it.

\b
Examples:
  mesh group join mesh:group/…
  mesh group join mesh:group/… --note "Ben, from the pier" --unknown
"""
)
@click.argument("link")
@click.option("--note", default="", help="Something to say to who admits you.")
@click.option("--unknown", is_flag=True, help="Let no contact in it recognise you.")
@shared_options
@click.pass_obj
def join(choices: Choices, link: str, note: str, *, unknown: bool) -> None:
    do(choices, JoinGroup(link.strip(), note, is_known=not unknown))


@click.command(
    help="""\
List who stands at a link into a group and waits to be admitted.

\b
Examples:
  mesh group knocks Crew
"""
)
@click.argument("group", shell_complete=complete_chat)
@shared_options
@click.pass_obj
def knocks(choices: Choices, group: str) -> None:
    _show(Terminal(choices), client_of(choices).ask(AskKnocks(group), KnocksAnswer))


@click.command(
    help="""\
Admit somebody who stands at a link.

\b
Examples:
  mesh group admit Crew Ben
"""
)
@click.argument("group", shell_complete=complete_chat)
@click.argument("who")
@shared_options
@click.pass_obj
def admit(choices: Choices, group: str, who: str) -> None:
    _answer(choices, group, who, is_admitted=True)


@click.command(
    help="""\
Do not let somebody in who stands at a link. They are told nothing, and others may admit them.

\b
Examples:
  mesh group refuse Crew Ben
"""
)
@click.argument("group", shell_complete=complete_chat)
@click.argument("who")
@shared_options
@click.pass_obj
def refuse(choices: Choices, group: str, who: str) -> None:
    _answer(choices, group, who, is_admitted=False)


def _answer(choices: Choices, group: str, who: str, *, is_admitted: bool) -> None:
    client, wanted = client_of(choices), who.strip().casefold()
    number = number_of(client, group)
    waiting = client.ask(AskKnocks(number), KnocksAnswer).knocks
    if is_number(wanted):
        found = [one for one in waiting if str(one.knock) == wanted]
    else:
        found = [one for one in waiting if one.name.casefold() == wanted]
    if not found:
        raise UserError("not-found", f"Nobody called {who!r} stands at a link.")
    if len(found) > 1:
        numbers = ", ".join(str(one.knock) for one in found)
        raise UserError("ambiguous", f"Several are called {who!r}; take a number: {numbers}.")
    (one,) = found
    if is_admitted and is_called(wanted, one.looks_like):
        raise not_known(who, one.knock)
    asked = AnswerKnock(number, one.knock, is_admitted)
    _show(Terminal(choices), client.ask(asked, KnocksAnswer))


def _show(terminal: Terminal, answer: KnocksAnswer) -> None:
    if terminal.is_json:
        terminal.json(answer)
        return
    if not answer.knocks:
        terminal.say("Nobody waits.")
    for one in answer.knocks:
        terminal.result(_line(one))


def _line(one: KnockAnswer) -> str:
    note = f"  {clean_line(one.note)}" if one.note else ""
    like = f"  (looks like {clean_line(', '.join(one.looks_like))})" if one.looks_like else ""
    return f"{one.knock}  {clean_line(one.name)}  since {when(one.came)}{note}{like}"
