"""Engines without a messenger, or without a store as well: a text still arrives, and once."""

from collections.abc import Iterator, Sequence

import pytest

from mesh.commands.contacts import AskContacts, ContactsAnswer
from mesh.commands.messages import MessageAnswer, SendMessage
from mesh.events import MessageReceived
from mesh.inputs import VaultClosing, VaultOpened
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


def friends(table: Joined, *others: str) -> None:
    """Ada and Bob, who know each other and have no link to each other; the others know nobody."""
    introduce(table, "ada", "bob", *others)
    table.join("ada", "bob")
    befriend(table, "ada", "bob")
    table.pass_time(5)
    table.cut("ada", "bob")


def send(table: Joined, name: str, sent: Sequence[str]) -> None:
    """Send texts to the one contact."""
    answer = table.ask(name, AskContacts())
    assert isinstance(answer, ContactsAnswer)
    for text in sent:
        told = table.ask(name, SendMessage(answer.contacts[0].label, text))
        assert isinstance(told, MessageAnswer)
        assert told.text == text


def shown(table: Joined, name: str) -> list[str]:
    """Return the texts that somebody was shown, each of them under a number of its own."""
    events = table.seats[name].events
    messages = [one.message for one in events if isinstance(one, MessageReceived)]
    assert len({message.number for message in messages}) == len(messages)
    return [message.text for message in messages]


def test_each_text_is_shown_once_and_kept_only_where_the_part_is_left(part: str) -> None:
    table = Joined("ada", "bob")
    friends(table)
    table.join("ada", "bob")
    before = [status(table, "bob").envelopes_count, stored_count(table, "bob")]
    send(table, "ada", TEXTS)
    table.pass_time(1)
    assert (shown(table, "ada"), shown(table, "bob")) == ([], TEXTS)
    assert texts(table, "ada") == texts(table, "bob") == []
    known = status(table, "bob").envelopes_count - before[0]
    stored = stored_count(table, "bob") - before[1]
    assert (known, stored) == (len(TEXTS), len(TEXTS) if part == "messenger" else 0)


def test_mail_waits_with_a_stranger_and_only_its_reader_is_shown_it(part: str) -> None:
    table = Joined("ada", "relay", "bob", "cy")
    friends(table, "cy")
    table.join("ada", "relay")
    table.join("relay", "cy")
    send(table, "ada", TEXTS)
    table.pass_time(2)
    table.stop("ada")
    table.restart("bob")
    table.join("relay", "bob")
    table.pass_time(2)
    assert sorted(shown(table, "bob")) == TEXTS
    assert shown(table, "cy") == []


def test_what_came_while_the_vault_was_closed_is_shown_when_it_is_opened(part: str) -> None:
    table = Joined("ada", "bob")
    friends(table)
    bob = table.seats["bob"]
    bob.inbox.append(VaultClosing())
    table.join("ada", "bob")
    send(table, "ada", TEXTS)
    table.pass_time(2)
    bob.events.clear()
    bob.inbox.append(VaultOpened(bob.vault))
    table.pass_time(2)
    assert sorted(shown(table, "bob")) == TEXTS


def test_after_a_cut_both_sides_lack_nothing_and_are_told_nothing_twice(part: str) -> None:
    table = Joined("ada", "relay", "bob")
    friends(table)
    table.join("ada", "relay")
    table.join("relay", "bob")
    send(table, "ada", TEXTS[:1])
    table.pass_time(2)
    table.cut("relay", "bob")
    send(table, "ada", TEXTS[1:])
    send(table, "bob", TEXTS)
    before = status(table, "relay").counters["bodies_received"]
    table.join("relay", "bob")
    table.pass_time(2)
    assert sorted(shown(table, "bob")) == sorted(shown(table, "ada")) == TEXTS
    if part == "engine":
        counters = status(table, "relay").counters
        assert counters["bodies_received"] - before == len(TEXTS)
        assert "bodies_duplicate" not in counters


def test_where_texts_were_known_their_ids_go_until_one_is_lacked() -> None:
    """Three in a ring: what one side knew is pushed there no more, and comes when a link ends."""
    with without({VARIABLE: "engine"}):
        table = Joined("ada", "relay", "bob")
        friends(table)
        for one, other in (("ada", "relay"), ("relay", "bob"), ("ada", "bob")):
            table.join(one, other)
        send(table, "ada", TEXTS)
        table.pass_time(0.5)
        counters = [status(table, name).counters for name in ("relay", "bob")]
        assert sum(one.get("bodies_duplicate", 0) for one in counters) in (1, 2)
        table.pass_time(2)
        table.cut("ada", "bob")
        send(table, "ada", TEXTS)
        table.pass_time(3)
        assert shown(table, "bob") == TEXTS * 2


def stored_count(table: Joined, name: str) -> int:
    """Return how many envelopes are in the store of a node."""
    rows = table.seats[name].store.execute("SELECT id FROM envelopes").fetchall()
    return len(rows)
