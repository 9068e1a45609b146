"""`mesh search`: find what was said."""

import click

from mesh.cli.completing import complete_chat
from mesh.cli.daemon_client import client_of
from mesh.cli.items import speaker
from mesh.cli.layout import when
from mesh.cli.names import Names
from mesh.cli.options import Choices, shared_options
from mesh.cli.sanitise import clean_line
from mesh.cli.speakers import Chats, Said
from mesh.cli.terminal import Terminal
from mesh.commands.search import HitAnswer, HitsAnswer, Search
from mesh.limits.api import NUMBER_MAX
from mesh.limits.search import HITS_PER_PAGE_MAX

BEFORE_LETTERS, AROUND_LETTERS = 30, 90
"""So much of a text is shown before the first word that was found, and from there on."""


@click.command(
    help="""\
Find what was said: the newest first. mesh read --around NUMBER shows what stands around one.

All WORDS must be there, in any order; the last one may be the beginning of a word. Case and accents
make no difference. Nothing is found in the conversations with people who are blocked or wait apart,
and nothing that was deleted or has disappeared.

\b
Examples:
  mesh search harbour friday
  mesh search --chat Ben ferr
  mesh search 東京
  mesh search ferry --before 1041
  mesh search ferry --json | jq '.hits[].item.number'
"""
)
@click.argument("words", nargs=-1, required=True)
@click.option(
    "--chat", metavar="CHAT", default="", shell_complete=complete_chat, help="Only in this one."
)
@click.option(
    "--before",
    type=click.IntRange(0, NUMBER_MAX),
    metavar="NUMBER",
    help="Only what came before this message.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, HITS_PER_PAGE_MAX),
    default=20,
    show_default=True,
    help="How many at most.",
)
@shared_options
@click.pass_obj
def search(
    choices: Choices, words: tuple[str, ...], chat: str, before: int | None, limit: int
) -> None:
    terminal = Terminal(choices)
    client = client_of(choices)
    asked = Search(" ".join(words), conversation=chat, before=before, limit=limit)
    answer = client.ask(asked, HitsAnswer)
    if terminal.is_json:
        terminal.json(answer)
        return
    if not answer.hits:
        terminal.say("Nothing was found.")
        return
    names, chats = Names.ask(client), Chats(client)
    for hit in answer.hits:
        terminal.result(line_of(hit, chats.said(hit.item, names)))
    if answer.has_more:
        terminal.say(f"There is more: --before {answer.hits[-1].item.number}")


def line_of(hit: HitAnswer, said: Said) -> str:
    """Return a hit as one line: its number, who said it to whom, and the words with their place."""
    item = hit.item
    who = click.style(speaker(item, *said), fg="cyan")
    head = click.style(f"{item.number}  {when(item.sent)}", dim=True)
    return f"{head} {who}: {excerpt(hit)}"


def excerpt(hit: HitAnswer) -> str:
    """Return the words that were found, with some around them."""
    text = hit.item.text
    start = max(0, hit.spans[0].start - BEFORE_LETTERS) if hit.spans else 0
    end = min(len(text), start + BEFORE_LETTERS + AROUND_LETTERS)
    told, place = ["…" if start else ""], start
    for span in hit.spans:
        if span.start + span.length > end:
            break
        told.append(shown(text[place : span.start]))
        place = span.start + span.length
        told.append(click.style(shown(text[span.start : place]), bold=True))
    told += [shown(text[place:end]), "…" if end < len(text) else ""]
    return "".join(told).strip()


def shown(text: str) -> str:
    """Return a part of a text as it may stand in a line; spaces around it stay."""
    if not text.strip():
        return " " if text else ""
    before = " " if text[0].isspace() else ""
    after = " " if text[-1].isspace() else ""
    return f"{before}{clean_line(text)}{after}"
