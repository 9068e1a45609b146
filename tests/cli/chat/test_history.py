"""The loaded part of a conversation has its order, whatever comes when."""

from hypothesis import given
from hypothesis import strategies as st

from mesh.cli.chat.history import History
from mesh.commands.items import ItemAnswer, ItemsAnswer
from tests.cli.answers import item


def page(numbers: list[int], *, has_older: bool = False, has_newer: bool = False) -> ItemsAnswer:
    """Return a page with items of these numbers."""
    items = [item(number=number) for number in numbers]
    return ItemsAnswer(items=items, has_older=has_older, has_newer=has_newer)


def numbers_of(history: History) -> list[int]:
    return [each.number for each in history.items]


def around(order: list[int], number: int) -> ItemsAnswer:
    """Return what stands around an item, as the node tells it."""
    at = order.index(number)
    first, end = max(0, at - 1), at + 2
    return page(order[first:end], has_older=first > 0, has_newer=end < len(order))


def placed(history: History, order: list[int], number: int) -> bool:
    new: ItemAnswer = item(number=number)
    return history.place(new, around(order, number))


def test_pages_make_one_history() -> None:
    history = History()
    history.begin([page([4, 5], has_older=True), page([6])])
    history.prepend(page([2, 3]))
    assert numbers_of(history) == [2, 3, 4, 5, 6]
    assert not history.has_older


@given(st.permutations(range(1, 9)), st.permutations(range(1, 9)))
def test_items_that_come_in_any_order_stand_in_that_of_the_conversation(
    order: list[int], coming: list[int]
) -> None:
    history = History()
    here: list[int] = []
    for number in coming:
        here = [each for each in order if each in here or each == number]
        assert placed(history, here, number)
        assert numbers_of(history) == here


def test_what_stands_above_all_that_is_loaded_is_not_placed() -> None:
    history = History()
    history.begin([page([4, 5], has_older=True)])
    assert not placed(history, [1, 2, 3, 4, 5], 2)
    assert numbers_of(history) == [4, 5]


def test_an_item_that_changes_stays_in_its_place() -> None:
    history = History()
    history.begin([page([4, 5])])
    assert history.change(item(number=4, text="anew"))
    assert [each.text for each in history.items] == ["anew", "Hello"]
    assert not history.change(item(number=9))
    history.remove(4)
    assert numbers_of(history) == [5]
