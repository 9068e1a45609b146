"""Engines without a messenger, or without a store as well: a text still arrives, and once."""

from collections.abc import Iterator

import pytest

from mesh.commands.contacts import AskContacts, ContactsAnswer
from mesh.commands.messages import MessageAnswer, SendMessage
from mesh.events import MessageReceived
from tests.bench.without import VARIABLE, without
from tests.engine.joined import Joined
from tests.engine.test_engine import befriend, introduce, status, texts

TEXTS = [f"text {number}" for number in range(4)]


@pytest.fixture(params=["messenger", "engine"])
def part(request: pytest.FixtureRequest) -> Iterator[str]:
    """Take one part away from all engines."""
    name = str(request.param)
    with without({VARIABLE: name}):
        yield name


def label_of(table: Joined, name: str) -> str:
    answer = table.ask(name, AskContacts())
    assert isinstance(answer, ContactsAnswer)
    return answer.contacts[0].label


def test_each_text_is_shown_once_and_kept_only_where_the_part_is_left(part: str) -> None:
    table = Joined("ada", "bob")
    introduce(table, "ada", "bob")
    table.join("ada", "bob")
    befriend(table, "ada", "bob")
    table.pass_time(5)
    label = label_of(table, "ada")
    table.ask("ada", SendMessage(label, TEXTS[0]))
    table.pass_time(60)
    before = status(table, "bob").envelopes_count
    answers = [table.ask("ada", SendMessage(label, text)) for text in TEXTS[1:]]
    table.pass_time(1)
    assert [one.text for one in answers if isinstance(one, MessageAnswer)] == TEXTS[1:]
    shown = [one.message for one in table.seats["bob"].events if isinstance(one, MessageReceived)]
    assert [message.text for message in shown] == TEXTS
    assert len({message.number for message in shown}) == len(TEXTS)
    assert texts(table, "ada") == texts(table, "bob") == TEXTS[:1]
    is_stored = part == "messenger"
    stored_count = status(table, "bob").envelopes_count - before
    assert stored_count == (len(TEXTS) - 1 if is_stored else 0)
