"""The part of a conversation that is loaded: its newest items, in its order, without a hole."""

from collections.abc import Sequence
from typing import Final

from mesh.commands.items import ItemAnswer, ItemsAnswer

ITEMS_MAX: Final = 5_000
"""More is not loaded: a screen is no place for it, and `mesh read --before` goes on."""


class History:
    """The newest items of a conversation. What it holds is replaced, never altered."""

    def __init__(self) -> None:
        self.items: tuple[ItemAnswer, ...] = ()
        self.has_older = False

    def begin(self, pages: Sequence[ItemsAnswer]) -> None:
        """Begin anew with pages, the oldest first; the last one ends with the newest item."""
        self.items = tuple(item for page in pages for item in page.items)
        self.has_older = bool(pages) and pages[0].has_older

    def prepend(self, page: ItemsAnswer) -> None:
        """Take the page that stands before the first item."""
        self.items = (*page.items, *self.items)
        self.has_older = page.has_older

    def clear(self) -> None:
        """Forget all of it."""
        self.items, self.has_older = (), False

    def find(self, number: int) -> ItemAnswer | None:
        """Return the item of a number, if it is loaded."""
        return next((item for item in self.items if item.number == number), None)

    def change(self, item: ItemAnswer) -> bool:
        """Put the newest of what is known of an item in its place; False if it is not loaded."""
        if self.find(item.number) is None:
            return False
        self.items = tuple(item if each.number == item.number else each for each in self.items)
        return True

    def remove(self, number: int) -> None:
        """Take an item away."""
        self.items = tuple(item for item in self.items if item.number != number)

    def place(self, item: ItemAnswer, around: ItemsAnswer) -> bool:
        """Put a new item after the one that stands before it; False if that one is not loaded.

        `around` is a page that holds both.
        """
        numbers = [each.number for each in around.items]
        if item.number not in numbers:
            return False
        place = numbers.index(item.number)
        if place == 0:
            if not around.has_older:
                self.items = (item, *self.items)
            return not around.has_older
        loaded = [each.number for each in self.items]
        if numbers[place - 1] not in loaded:
            return False
        at = loaded.index(numbers[place - 1]) + 1
        self.items = (*self.items[:at], item, *self.items[at:])
        return True
