"""Pages of messages both ways, and the remarks beside a text: gaps above it, and wrong clocks."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.commands.item_commands import EditItem, WriteItem
from mesh.commands.messages import AskMessages, MessageAnswer, MessagesAnswer
from mesh.errors import UserError
from mesh.limits.messages import CLOCK_AHEAD_SECONDS_SHOWN, CLOCK_BEHIND_SECONDS_SHOWN
from mesh.storage.connection import transaction
from tests.messenger.doing import both, do, item, said
from tests.messenger.people import DAY_S, Clock, Person, acquainted


def told(person: Person) -> list[tuple[str, int, str]]:
    return [(one.text, one.missing_count, one.clock) for one in person.messages()]


def test_a_message_says_how_many_before_it_are_missing_until_they_come() -> None:
    ann, bob = acquainted(Clock())
    for text in ("one", "two", "three"):
        ann.send("Bob", text)
    one, two, three = ann.post()
    bob.receive([three])
    assert told(bob) == [("three", 1, "")]
    bob.restart()
    bob.receive([one])
    assert {text: count for text, count, _ in told(bob)} == {"one": 0, "three": 1}
    bob.receive([two])
    assert [(text, count) for text, count, _ in told(bob)] == [
        ("three", 0),
        ("one", 0),
        ("two", 0),
    ]
    assert all(count == 0 for _, count, _ in told(ann))


def test_a_clock_that_is_wrong_beyond_doubt_is_shown_as_that() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    errors = (
        (0, ""),
        (CLOCK_AHEAD_SECONDS_SHOWN, ""),
        (CLOCK_AHEAD_SECONDS_SHOWN + 1, "ahead"),
        (-CLOCK_BEHIND_SECONDS_SHOWN, ""),
        (-CLOCK_BEHIND_SECONDS_SHOWN - 1, "behind"),
    )
    for number, (error_s, expected) in enumerate(errors):
        other = Person(f"Cem{number}", clock, seed=10 + number, wall_error_s=error_s)
        other.add(ann.invite(lifetime_s=365 * 86_400).link)
        other.send("Ann", "what time is it?")
        ann.receive(other.post())
        (message,) = ann.messages(other.name)
        assert (message.clock, message.sent) == (expected, clock.now.mesh + error_s)
        # Our own messages bear our own clock, whatever it says.
        assert [one.clock for one in other.messages()] == [""]
    assert bob.texts() == []


def test_who_has_been_corrected_by_peers_blames_nobody_for_their_own_clock() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    ann.wall_error_s, ann.is_clock_corrected = -10 * 365 * DAY_S, True
    bob.send("Ann", "what time is it?")
    ann.receive(bob.post())
    ann.send("Bob", "I know it from you.")
    bob.receive(ann.post())
    for person in (ann, bob):
        assert [one.clock for one in person.messages()] == ["", ""]
        assert {one.received for one in person.messages()} == {clock.now.mesh}


def page(person: Person, contact: str = "", **fields: int) -> MessagesAnswer:
    answer = person.ask(AskMessages(contact, **fields))  # type: ignore[arg-type]  # Mixed.
    assert isinstance(answer, MessagesAnswer)
    return answer


def texts_of(answer: MessagesAnswer) -> list[str]:
    return [message.text for message in answer.messages]


@pytest.mark.parametrize("contact", ["", "Bob"])
def test_after_zero_is_the_very_beginning(contact: str) -> None:
    ann, _ = acquainted(Clock())
    for count in range(5):
        ann.send("Bob", str(count))
    first = page(ann, contact, after=0, limit=2)
    assert texts_of(first) == ["0", "1"]
    assert (first.has_older, first.has_newer, first.has_more) == (False, True, True)
    assert texts_of(page(ann, contact, limit=2)) == ["3", "4"]
    nothing = page(ann, contact, before=0)
    assert (texts_of(nothing), nothing.has_older, nothing.has_newer) == ([], False, True)


@pytest.mark.parametrize("contact", ["", "Bob"])
def test_a_page_lies_between_its_cursors(contact: str) -> None:
    ann, _ = acquainted(Clock())
    numbers = [ann.send("Bob", str(count)).number for count in range(7)]
    back = page(ann, contact, before=numbers[5], limit=2)
    assert texts_of(back) == ["3", "4"]
    assert (back.has_older, back.has_newer, back.has_more) == (True, True, True)
    between = page(ann, contact, after=numbers[1], before=numbers[5], limit=2)
    assert texts_of(between) == ["2", "3"]
    end = page(ann, contact, after=numbers[6])
    assert (texts_of(end), end.has_older, end.has_newer) == ([], True, False)
    assert texts_of(page(ann, contact, after=numbers[5], before=numbers[1])) == []


def test_a_cursor_of_another_conversation_stands_in_the_order_of_arrival_only() -> None:
    ann, _ = acquainted(Clock())
    note = ann.send("me", "buy rope")
    ann.send("Bob", "hello")
    with pytest.raises(UserError, match="take the number of one that is"):
        page(ann, "Bob", after=note.number)
    assert texts_of(page(ann, "Bob", after=note.number, by_arrival=True)) == ["hello"]
    assert texts_of(page(ann, after=note.number)) == ["hello"]


def test_who_goes_by_arrival_misses_nothing_that_comes_late() -> None:
    ann, bob = acquainted(Clock())
    bob.send("Ann", "one")
    bob.send("Ann", "two")
    one, two = bob.post()
    ann.receive([two])
    handled = page(ann, "Bob").messages[-1].number
    ann.receive([one])
    assert texts_of(page(ann, "Bob")) == ["one", "two"]
    assert texts_of(page(ann, "Bob", after=handled)) == []
    assert texts_of(page(ann, "Bob", after=handled, by_arrival=True)) == ["one"]


def walk(person: Person, contact: str, *, limit: int, back: bool) -> Iterator[MessagesAnswer]:
    """Yield pages from one end to the other."""
    cursor: dict[str, int] = {} if back else {"after": 0}
    while True:
        found = page(person, contact, limit=limit, **cursor)
        yield found
        if not (found.has_older if back else found.has_newer):
            return
        at = found.messages[0 if back else -1].number
        cursor = {"before": at} if back else {"after": at}


@given(
    order=st.permutations(range(8)),
    errors_s=st.lists(st.integers(-60, 60), min_size=8, max_size=8),
    here_count=st.integers(0, 6),
    steps=st.lists(st.integers(0, 2), max_size=8),
    limit=st.integers(1, 4),
    contact=st.sampled_from(["", "Bob"]),
    back=st.booleans(),
)
def test_while_messages_arrive_a_walk_meets_each_that_was_there_once(
    order: list[int],
    errors_s: list[int],
    here_count: int,
    steps: list[int],
    limit: int,
    contact: str,
    back: bool,
) -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    for count, error_s in enumerate(errors_s):
        bob.wall_error_s = error_s
        bob.send("Ann", str(count))
    sent = bob.post()
    coming = [sent[index] for index in order]
    ann.receive(coming[:here_count])
    ann.send("Bob", "hello")
    coming = coming[here_count:]
    there = set(ann.texts())
    known: list[str] = []
    met: list[MessageAnswer] = []
    for number, found in enumerate(walk(ann, contact, limit=limit, back=back)):
        met += reversed(found.messages) if back else found.messages
        known = ann.texts()
        count = steps[number] if number < len(steps) else 0
        ann.receive(coming[:count])
        coming = coming[count:]
        if count:
            ann.send("Bob", f"written at page {number}")
    seen = [message.text for message in met]
    assert len(seen) == len(set(seen))
    assert there <= set(seen)
    if not contact:
        numbers = [message.number for message in met]
        assert numbers == sorted(numbers, reverse=back)
        # Whoever goes forward by arrival meets what comes meanwhile as well.
        assert back or seen == known


def test_an_item_of_a_damaged_vault_shows_what_is_left_of_it_or_says_that_nothing_is() -> None:
    ann, bob = both()
    mine, theirs = said(ann, bob, WriteItem("Bob", text="meet at 5"))
    do(ann, EditItem(mine.number, "meet at 6"))
    # It comes with the next.
    poll, theirs_too = said(
        ann, bob, WriteItem("Bob", "poll", question="Where?", options=("a", "b"))
    )
    with transaction(bob.connection):
        bob.connection.execute("DELETE FROM texts")
    assert [item(bob, one.number).text for one in (theirs, theirs_too)] == ["meet at 6", "Where?"]
    with transaction(bob.connection):
        bob.connection.execute("DELETE FROM contents WHERE entry = ?", (theirs_too.number,))
    lost = item(bob, theirs_too.number)
    assert (lost.gone, lost.text, lost.poll) == ("lost", "", None)
    assert item(ann, poll.number).gone == ""
