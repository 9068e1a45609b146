"""Items that name everybody: an answer names eight people of each kind, and pages name all."""

from collections.abc import Iterable

from msgspec.structs import replace

from mesh.commands.item_commands import AskItemPeople
from mesh.commands.items import ItemAnswer, ItemPeopleAnswer, ItemPersonAnswer


class PeopleAsked:
    """All who have a part in an item, while they are asked for: a page, and then the next."""

    def __init__(self, item: int) -> None:
        self._item = item
        self.people: list[ItemPersonAnswer] = []
        self.has_more = True

    def question(self) -> AskItemPeople:
        """Return what to ask for next."""
        return AskItemPeople(self._item, self.people[-1].key if self.people else None)

    def add(self, page: ItemPeopleAnswer) -> None:
        """Take its answer."""
        self.people += page.people
        self.has_more = page.has_more and bool(page.people)


def is_cut(item: ItemAnswer) -> bool:
    """Say whether an item has people whom it does not name."""
    options = [] if item.poll is None else item.poll.options
    check_in = item.check_in
    return (
        any(len(one.who) < one.count for one in item.reactions)
        or any(len(one.who) < one.count for one in options)
        or (check_in is not None and len(check_in.people) < check_in.of)
        or (item.task is not None and len(item.task.others) < item.task.others_count)
    )


def with_all(item: ItemAnswer, people: Iterable[ItemPersonAnswer]) -> ItemAnswer:
    """Return an item that names all who reacted, voted or are asked: `people`, of all its pages.

    Counts stay: they were true when the item was asked for.
    """
    people = list(people)
    reactions = [
        replace(told, who=[one.label for one in people if told.emoji in one.emoji])
        for told in item.reactions
    ]
    item = replace(item, reactions=reactions)
    if item.poll is not None:
        options = [
            replace(told, who=[one.label for one in people if place in one.options])
            for place, told in enumerate(item.poll.options)
        ]
        item = replace(item, poll=replace(item.poll, options=options))
    if item.check_in is not None:
        checked = [one.checked for one in people if one.checked is not None]
        asked = [one.key for one in checked] if item.check_in.asked else []
        item = replace(item, check_in=replace(item.check_in, people=checked, asked=asked))
    if item.task is not None and len(item.task.others) < item.task.others_count:
        values = [value for one in people for value in one.values]
        item = replace(item, task=replace(item.task, others=values))
    return item
