"""The sheets that cover the history for a while: help, one item in detail, and items asked for."""

from collections.abc import Iterable, Sequence

from mesh.cli.cards import ABOUT
from mesh.cli.chat.words import KEYS, WORDS
from mesh.cli.items import Line, Run, card_of, reactions_of
from mesh.cli.layout import columns, plural, when
from mesh.cli.messages import INDENT, words_of
from mesh.cli.names import marked
from mesh.cli.sanitise import clean_block, clean_line
from mesh.client import Client
from mesh.commands.item_commands import AskBoard, AskPins
from mesh.commands.items import (
    BoardAnswer,
    ItemAnswer,
    ItemDetailsAnswer,
    ReaderAnswer,
    VersionAnswer,
)
from mesh.commands.search import HitsAnswer, Search
from mesh.errors import UserError


def open_items(client: Client, conversation: int) -> tuple[Iterable[ItemAnswer], bool]:
    """Return what is open in a conversation, then what is pinned beside that; and whether there is
    more of either.
    """
    opened = client.ask(AskBoard(conversation), BoardAnswer)
    pinned = client.ask(AskPins(conversation), BoardAnswer)
    items = {item.number: item for item in (*opened.items, *pinned.items)}.values()
    return items, opened.has_older or pinned.has_older


def found_items(client: Client, conversation: int, words: str) -> Iterable[ItemAnswer]:
    """Return the newest items of a conversation in which words stand, the newest first."""
    if not words:
        raise UserError("usage", "Say what to look for: /search bridge")
    hits = client.ask(Search(words, conversation=conversation), HitsAnswer).hits
    return [hit.item for hit in hits]


def help_lines() -> tuple[Line, ...]:
    """Return what `/help` shows."""
    words = columns([(f"/{word.name} {word.usage}".strip(), word.told) for word in WORDS])
    keys = columns(KEYS)
    return tuple((Run("plain", line),) for line in (*words, "", *keys))


def details_lines(
    details: ItemDetailsAnswer, versions: Sequence[VersionAnswer]
) -> tuple[Line, ...]:
    """Return what is known of one item, step by step, and how it was after each edit."""
    item = details.item
    rows = [
        (when(step.at), words_of(step.state, item.carriers), step.evidence)
        for step in details.steps
    ]
    lines = [
        f"Message {item.number}, {plural(details.text_bytes, 'byte')}",
        *columns([tuple(map(clean_line, row)) for row in rows]),
    ]
    for reader in details.readers:
        name = marked(reader.label, reader.key, is_alike=bool(reader.mark))
        lines.append(f"{name}: {_word_on(reader)}")
    if not item.gone:
        # What people wrote begins after two cells: no line of theirs passes for one of a reader.
        lines += card_of(item)
        lines += [ABOUT + reactions_of(item)] if item.reactions else []
    if details.lapses:
        lines.append(f"Its envelope is kept until {when(details.lapses)}.")
    for version in versions:
        lines += ["", f"{when(version.at)}:", INDENT + clean_block(version.text, indent=INDENT)]
    return tuple((Run("plain", row),) for line in lines for row in line.split("\n"))


def _word_on(reader: ReaderAnswer) -> str:
    """Say what is known of a member and something of ours."""
    if reader.is_told:
        return "has read it" if reader.is_read else "has it"
    return "tells nobody" if reader.is_silent else "not known"
