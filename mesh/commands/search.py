"""Searching in what was said."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from mesh.commands.answer import Answer
from mesh.commands.fields import Conversation, Cursor
from mesh.commands.items import ItemAnswer
from mesh.limits.search import HITS_PER_PAGE_MAX, SEARCH_CHARACTERS_MAX

Searched = Annotated[
    str, Meta(extra_json_schema={"minLength": 1, "maxLength": SEARCH_CHARACTERS_MAX})
]
"""Words that are searched for."""

HitsLimit = Annotated[int, Meta(ge=1, le=HITS_PER_PAGE_MAX)]
"""How many hits a page may hold."""


class SpanAnswer(Answer, frozen=True, kw_only=True):
    """A part of a text, in code points."""

    start: int
    length: int


class HitAnswer(Answer, frozen=True, kw_only=True):
    """An item that was found, and where in its `text` the words stand: the first 64 places."""

    item: ItemAnswer
    spans: list[SpanAnswer]


class HitsAnswer(Answer, frozen=True, kw_only=True):
    """Items that were found: first the one that came or was written last."""

    hits: list[HitAnswer]
    has_more: bool


@dataclass(frozen=True, slots=True)
class Search:
    """Find items by what they show now. Answer: HitsAnswer, without marking anything as read.

    All words of `q` must be there, the last one with its beginning at least, whatever their case
    and diacritics. Without `conversation` it is all of them; nothing is found of people who are
    blocked or wait apart. `before`: the number of the last item of the page before.
    """

    q: Searched
    conversation: Conversation = ""
    before: Cursor | None = None
    limit: HitsLimit = 50
