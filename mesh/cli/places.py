"""The place of an option or an answer, by the number that stands before it or by its words."""

from collections.abc import Sequence

from mesh.commands.items import ItemAnswer
from mesh.errors import UserError


def place_of_option(item: ItemAnswer, named: str) -> int:
    """Return the place of an option of a poll, from 0 on; UserError if there is none such."""
    if item.poll is None:
        raise UserError("usage", f"{item.number} is no poll.")
    return _place_of(named, [option.text for option in item.poll.options])


def place_of_answer(item: ItemAnswer, named: str) -> int:
    """Return the place of an answer of a check-in, from 0 on; UserError if there is none such."""
    if item.check_in is None:
        raise UserError("usage", f"{item.number} is no check-in.")
    return _place_of(named, [choice.words for choice in item.check_in.answers])


def _place_of(named: str, words: Sequence[str]) -> int:
    if named.isascii() and named.isdigit() and 1 <= int(named) <= len(words):
        return int(named) - 1
    found = [place for place, text in enumerate(words) if text.casefold() == named.casefold()]
    if len(found) != 1:
        raise UserError("not-found", f"There is no {named!r} to choose there.")
    return found[0]
