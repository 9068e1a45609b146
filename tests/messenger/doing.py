"""Two people who do things in a conversation, and what each of them is shown."""

import pytest

from mesh.commands.command import Command
from mesh.commands.conversations import AskConversation, ConversationAnswer
from mesh.commands.item_commands import AskItem, AskItems, AskItemsByArrival
from mesh.commands.items import ItemAnswer, ItemDetailsAnswer, ItemsAnswer
from mesh.errors import UserError
from tests.messenger.people import Clock, Person, acquainted, exchange

DAY_S = 86_400


def items_of(person: Person, conversation: str) -> list[ItemAnswer]:
    """The things that were said, without what was done to a group itself."""
    return [one for one in stream_of(person, conversation) if one.kind != "membership"]


def stream_of(person: Person, conversation: str) -> list[ItemAnswer]:
    answer = person.ask(AskItems(conversation))
    assert isinstance(answer, ItemsAnswer)
    return answer.items


def do(person: Person, asked: Command) -> ItemAnswer:
    answer = person.ask(asked)
    assert isinstance(answer, ItemAnswer)
    return answer


def conversation(person: Person, asked: Command) -> ConversationAnswer:
    answer = person.ask(asked)
    assert isinstance(answer, ConversationAnswer)
    return answer


def refused(person: Person, asked: Command) -> str:
    with pytest.raises(UserError) as caught:
        person.ask(asked)
    return caught.value.kind


def both() -> tuple[Person, Person]:
    """Two people who know of each other that they read entries."""
    ann, bob = acquainted(Clock())
    exchange(ann, bob)
    assert conversation(ann, AskConversation("Bob")).reads == 2
    assert conversation(bob, AskConversation("Ann")).reads == 2
    return ann, bob


def said(author: Person, reader: Person, asked: Command) -> tuple[ItemAnswer, ItemAnswer]:
    """Write an item; return it as its author has it and as its reader does."""
    mine = do(author, asked)
    exchange(author, reader)
    page = reader.ask(AskItemsByArrival())
    assert isinstance(page, ItemsAnswer)
    return mine, next(item for item in page.items if item.id == mine.id)


def details(person: Person, number: int) -> ItemDetailsAnswer:
    answer = person.ask(AskItem(number))
    assert isinstance(answer, ItemDetailsAnswer)
    return answer


def item(person: Person, number: int) -> ItemAnswer:
    return details(person, number).item
