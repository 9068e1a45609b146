"""`mesh invite`: let somebody become a contact."""

import io
from pathlib import Path

import click

from mesh.cli.carry_files import require_replaceable, write_for_oneself
from mesh.cli.commands.people import grouped
from mesh.cli.daemon_client import client_of
from mesh.cli.durations import Lifetime
from mesh.cli.layout import DAY, columns, when
from mesh.cli.options import Choices, shared_options
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.client import Client
from mesh.commands.group_links import GroupLinkAnswer
from mesh.commands.invites import (
    AskInvites,
    CreateInvite,
    InspectInvite,
    InviteAnswer,
    InviteContentsAnswer,
    InvitesAnswer,
    RevokeInvite,
)
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.limits.invites import INVITE_USES_MAX

QR_BORDER = 2
QR_SCALE = 8

# Half blocks hold two modules each; light and dark change places for a light terminal.
INVERTED = str.maketrans("█▀▄ ", " ▄▀█")


@click.group(
    invoke_without_command=True,
    help="""\
Make an invite: a link and a QR code by which somebody becomes your contact.

With --addresses it also tells where this computer is on its networks, for who cannot find it there.
Whoever has the link reads that, and whoever adds it dials it. A QR code tells the first address.

Whoever has the link can use it, so hand it over where nobody else reads it. When standard output
is no terminal, the link is all that is written there.

The link holds all your keys, in about 2,000 characters. The one of --short has 132, or a few more
in a closed mesh, and can be typed: enough if your keys reach them over the mesh, as they do where
both of you meet, or meet the same others. Until then their messages to you wait.

\b
Examples:
  mesh invite
  mesh invite --short
  mesh invite --label "Rowing club" --uses 20 --expires 2w
  mesh invite --addresses
  mesh invite --hint 192.168.1.20:41730 --png invite.png
  mesh invite list
  mesh invite revoke 3
  mesh invite inspect mesh:…
""",
)
@click.option("--label", default="", metavar="LABEL", help="What the invite is for.")
@click.option(
    "--uses",
    type=click.IntRange(1, INVITE_USES_MAX),
    default=1,
    show_default=True,
    help="How many people may use it.",
)
@click.option(
    "--expires", type=Lifetime(), default=7 * DAY, help="How long it lives: 7d (default), 12h, 2w."
)
@click.option(
    "--hint", default="", metavar="HOST:PORT", help="The IP address at which your node is reached."
)
@click.option(
    "--addresses", is_flag=True, help="Tell where this computer is now, to be reached there."
)
@click.option("--short", is_flag=True, help="Print the short link, for who is in the same mesh.")
@click.option("--qr/--no-qr", default=None, help="Draw the QR code (default: on a terminal).")
@click.option("--invert", is_flag=True, help="Draw it for a light terminal.")
@click.option("--png", type=click.Path(dir_okay=False, path_type=Path), help="Write it as PNG.")
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Write it as SVG.")
@shared_options
@click.pass_context
def invite(
    ctx: click.Context,
    label: str,
    uses: int,
    expires: int,
    hint: str,
    qr: bool | None,
    png: Path | None,
    svg: Path | None,
    *,
    addresses: bool,
    short: bool,
    invert: bool,
) -> None:
    if ctx.invoked_subcommand is not None:
        return
    choices: Choices = ctx.obj
    terminal = Terminal(choices)
    command = CreateInvite(
        label=label,
        uses_max=uses,
        lifetime_s=expires,
        address_hint=hint,
        with_addresses=addresses,
    )
    client = client_of(choices)
    for picture in (png, svg):
        if picture is not None:
            confirm_picture(terminal, picture)
    answer = client.ask(command, InviteAnswer)
    tell_link(terminal, answer, is_drawn=qr, is_inverted=invert, is_short=short)
    for path, kind in ((png, "png"), (svg, "svg")):
        if path is not None:
            write_picture(answer.qr, path, kind)
            terminal.say(f"The QR code is in {path}.")
    if terminal.is_json:
        return
    who = "one person" if answer.uses_max == 1 else f"{answer.uses_max} people"
    terminal.say(
        f"Invite {answer.id}, for {who}, until {when(answer.expires)}. "
        "They add you with: mesh add LINK"
    )
    if answer.addresses:
        told = ", ".join(map(clean_line, answer.addresses))
        terminal.say(f"Whoever has it reads where this computer is: {told}.")
    tell_of_short_link(terminal, client, answer, is_used=short)


def tell_link(
    terminal: Terminal,
    answer: InviteAnswer | GroupLinkAnswer,
    *,
    is_drawn: bool | None,
    is_inverted: bool,
    is_short: bool,
) -> None:
    """Tell a link that is open by now, before a disk can fail at its picture. `is_drawn`: as a code
    too; None: where a terminal shows it.
    """
    if terminal.is_json:
        terminal.json(answer)
        return
    if terminal.is_shown() if is_drawn is None else is_drawn:
        terminal.result(qr_code(answer.qr, is_inverted=is_inverted))
    terminal.result(answer.short_link if is_short else answer.link)


def tell_of_short_link(
    terminal: Terminal, client: Client, answer: InviteAnswer, *, is_used: bool
) -> None:
    """Offer the short link where others can carry our keys; say what it waits for elsewhere."""
    if terminal.choices.quiet:
        return
    has_links = client.ask(AskStatus(), StatusAnswer).links_count > 0
    if is_used and not has_links:
        terminal.say(
            "No other node is linked yet: whoever uses this link waits until your keys reach them. "
            "The one without --short needs no mesh."
        )
    elif has_links and not is_used:
        terminal.say(f"Shorter, for somebody in the same mesh: {answer.short_link}")


@invite.command(
    name="list",
    help="""\
List your invites, the newest first.

\b
Examples:
  mesh invite list
  mesh invite list --json
""",
)
@shared_options
@click.pass_obj
def list_invites(choices: Choices) -> None:
    terminal = Terminal(choices)
    answer = client_of(choices).ask(AskInvites(), InvitesAnswer)
    if terminal.is_json:
        terminal.json(answer)
        return
    if not answer.invites:
        terminal.say("There are no invites. Make one with: mesh invite")
        return
    rows = [("", "LABEL", "USED", "EXPIRES", "STATE")]
    rows += [
        (
            str(each.id),
            clean_line(each.label) if each.label else "",
            f"{each.uses} of {each.uses_max}",
            when(each.expires),
            "; ".join([each.state, *told(each)]),
        )
        for each in answer.invites
    ]
    for line in columns(rows):
        terminal.result(line)


@invite.command(
    help="""\
Revoke an invite: nobody can use it any more, also who wrote by it before and was not let in yet.

Who has its link and comes all the same hears nothing, as if this node were gone. With --tell they
are told within minutes that the invite is closed, and so learn that your node is alive. Of an
invite that is used up they are told so, unless it is revoked too. After you block or remove
somebody none of your invites made before tells anybody anything.

\b
Examples:
  mesh invite revoke 3
  mesh invite revoke 3 --tell
""",
)
@click.argument("number", type=click.IntRange(min=1))
@click.option("--tell", is_flag=True, help="Tell who comes by it that it is closed.")
@shared_options
@click.pass_obj
def revoke(choices: Choices, number: int, *, tell: bool) -> None:
    terminal = Terminal(choices)
    answer = client_of(choices).ask(RevokeInvite(number, tells_closed=tell), InviteAnswer)
    if terminal.is_json:
        terminal.json(answer)
    else:
        terminal.say(f"Invite {answer.id} is {'; '.join([answer.state, *told(answer)])}.")


def told(invite: InviteAnswer) -> list[str]:
    """Return what becomes of who comes by an invite that is closed."""
    if invite.state not in ("used up", "revoked"):
        return []
    return [f"who comes by it {'is told so' if invite.tells_closed else 'hears nothing'}"]


@invite.command(
    help="""\
Say what a link would do, and do nothing.

\b
Examples:
  mesh invite inspect mesh:…
  mesh invite inspect mesh:… --json | jq .is_usable
""",
)
@click.argument("link")
@shared_options
@click.pass_obj
def inspect(choices: Choices, link: str) -> None:
    terminal = Terminal(choices)
    answer = client_of(choices).ask(InspectInvite(link.strip()), InviteContentsAnswer)
    if terminal.is_json:
        terminal.json(answer)
        return
    terminal.result(clean_line(answer.sentence))
    if answer.key:
        terminal.result(f"key        {grouped(answer.key)}")
    if answer.expires:
        terminal.result(f"expires    {when(answer.expires)}")
    for address in answer.addresses:
        terminal.result(f"address    {clean_line(address)}")


def qr_code(text: str, *, is_inverted: bool) -> str:
    """Return a QR code in half blocks, for a dark terminal unless inverted."""
    import segno

    drawing = io.StringIO()
    code = segno.make_qr(text, error="l", boost_error=False)
    code.terminal(drawing, compact=True, border=QR_BORDER)
    drawn = drawing.getvalue().rstrip("\n")
    return drawn.translate(INVERTED) if is_inverted else drawn


def confirm_picture(terminal: Terminal, path: Path) -> None:
    """Ask before a file is replaced, and before there is an invite; refuse what is no plain one."""
    if require_replaceable(path):
        terminal.confirm(f"Replace {clean_line(str(path))}?")


def write_picture(text: str, path: Path, kind: str) -> None:
    """Write a QR code as a picture that only its owner may read: it lets people in."""
    import segno

    picture = io.BytesIO()
    segno.make_qr(text, error="l", boost_error=False).save(
        picture, kind=kind, border=QR_BORDER, scale=QR_SCALE
    )
    write_for_oneself(path, picture.getvalue(), "picture")
