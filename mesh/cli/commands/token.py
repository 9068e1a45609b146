"""`mesh token`: lets programs in by the door on loopback, and out again."""

import click

from mesh.api.sign_in import SignOut
from mesh.api.tokens import AskTokens, MakeToken, RevokeToken, TokenAnswer, TokensAnswer, TokenScope
from mesh.cli.daemon_client import client_of
from mesh.cli.layout import columns, when
from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal
from mesh.commands.answer import Done
from mesh.errors import UserError

SCOPES = ("metrics", "read", "send", "admin")

HELP = """\
Let programs of yours use the local API over TCP on this computer, each by a token.

A token is shown once, when it is made; the node keeps a hash of it. On the unix socket none is
needed.

\b
Scopes, each with those before it:
  metrics   the numbers that Prometheus reads at /metrics, and nothing else
  read      see contacts, conversations and messages, and follow events
  send      send, take back, mark as read
  admin     everything that you may do

\b
Examples:
  mesh token create echo-bot --scope send
  mesh token list
  mesh token revoke echo-bot
"""


@click.group(help=HELP)
@shared_options
def token() -> None:
    pass


@token.command(
    help="""\
Make a token for a program, and show it, once.

\b
Examples:
  mesh token create prometheus --scope metrics
  mesh token create echo-bot --scope send
""",
)
@click.argument("name")
@click.option("--scope", type=click.Choice(SCOPES), default="read", show_default=True)
@shared_options
@click.pass_obj
def create(choices: Choices, name: str, scope: TokenScope) -> None:
    terminal = Terminal(choices)
    made = client_of(choices).ask(MakeToken(name, scope), TokenAnswer)
    if terminal.is_json:
        terminal.json(made)
        return
    terminal.say(f"A token with the scope {made.scope}. It is not shown again:")
    terminal.result(made.token)


@token.command(
    "list",
    help="""\
List the tokens of programs, and how many pages are signed in.

\b
Examples:
  mesh token list
  mesh token list --json
""",
)
@shared_options
@click.pass_obj
def list_tokens(choices: Choices) -> None:
    terminal = Terminal(choices)
    told = client_of(choices).ask(AskTokens(), TokensAnswer)
    if terminal.is_json:
        terminal.json(told)
        return
    for line in columns([row_of(each) for each in told.tokens]):
        terminal.result(line)
    if not told.tokens:
        terminal.say("There is no token. Make one with: mesh token create NAME")
    terminal.say(f"Pages that are signed in: {len(told.sessions)}")


@token.command(
    help="""\
End a token: what uses it is refused from now on.

\b
Examples:
  mesh token revoke echo-bot
  mesh token revoke --pages
""",
)
@click.argument("name", default="")
@click.option("--pages", is_flag=True, help="Sign all pages out instead.")
@shared_options
@click.pass_obj
def revoke(choices: Choices, name: str, *, pages: bool) -> None:
    terminal = Terminal(choices)
    if pages == bool(name):
        raise click.UsageError("Say either NAME or --pages.")
    client = client_of(choices)
    if pages:
        client.ask(SignOut(everywhere=True), Done)
    else:
        found = [each for each in client.ask(AskTokens(), TokensAnswer).tokens if each.name == name]
        if not found:
            raise UserError("not-found", f"There is no token {name}. See: mesh token list")
        client.ask(RevokeToken(found[0].number), Done)
    if terminal.is_json:
        terminal.json(Done())
    else:
        terminal.say("All pages are signed out." if pages else f"The token {name} is revoked.")


def row_of(token: TokenAnswer) -> tuple[str, ...]:
    """Return one line of the list."""
    used = f"used {when(token.used)}" if token.used else "never used"
    return token.name, token.scope, f"made {when(token.created)}", used
