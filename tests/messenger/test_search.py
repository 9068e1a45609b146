"""Searching, by a person in what two of them said: only what is shown now, of whom they let in."""

from collections.abc import Sequence

import pytest

from mesh.commands.command import Command, only_reading
from mesh.commands.contacts import AcceptRequest, BlockContact, RemoveContact
from mesh.commands.conversations import DeleteItems
from mesh.commands.item_commands import (
    ChangeTask,
    EditItem,
    ForgetItem,
    ReactToItem,
    RetractItem,
    WriteItem,
)
from mesh.commands.items import ItemAnswer
from mesh.commands.messages import AskMessages, MessagesAnswer
from mesh.commands.search import HitsAnswer, Search
from mesh.errors import UserError
from mesh.storage.connection import connect, transaction
from mesh.storage.migrations import migrate_vault
from mesh.storage.vault.portable import put_rows, rows_of
from tests.messenger.people import Clock, Person, acquainted, copied, exchange


def pair() -> tuple[Person, Person]:
    """Two people who know of each other that they read entries."""
    ann, bob = acquainted(Clock())
    exchange(ann, bob)
    return ann, bob


def do(person: Person, asked: Command) -> ItemAnswer:
    answer = person.ask(asked)
    assert isinstance(answer, ItemAnswer)
    return answer


def write(author: Person, chat: str, *texts: str) -> list[int]:
    return [do(author, WriteItem(chat, text=text)).number for text in texts]


def hits(person: Person, typed: str, chat: str = "", **fields: int) -> HitsAnswer:
    answer = person.ask(Search(typed, conversation=chat, **fields))
    assert isinstance(answer, HitsAnswer)
    return answer


def found(person: Person, typed: str, chat: str = "") -> list[str]:
    return [hit.item.text for hit in hits(person, typed, chat).hits]


def refused(person: Person, asked: Command) -> str:
    with pytest.raises(UserError) as caught:
        person.ask(asked)
    return caught.value.kind


def is_index_whole(person: Person) -> bool:
    """Say whether the index holds what the texts hold; the library raises if not."""
    with transaction(person.connection):
        person.connection.execute(
            "INSERT INTO text_index (text_index, rank) VALUES ('integrity-check', 1)"
        )
    return True


def test_what_both_said_is_found_the_newest_first_with_its_place() -> None:
    ann, bob = pair()
    write(ann, "Bob", "The ferry at nine", "No boat today")
    exchange(ann, bob)
    write(bob, "Ann", "Which FERRY?")
    exchange(ann, bob)
    for person in (ann, bob):
        assert found(person, "ferr") == ["Which FERRY?", "The ferry at nine"]
        assert found(person, "nine ferry") == ["The ferry at nine"]
    (hit,) = hits(ann, "nine f").hits
    assert [(span.start, span.length) for span in hit.spans] == [(4, 5), (13, 4)]


def test_a_search_marks_nothing_as_read_and_is_answered_on_a_full_disk() -> None:
    ann, bob = pair()
    write(ann, "Bob", "The ferry")
    exchange(ann, bob)
    hits(bob, "ferry")
    unread = bob.ask(AskMessages(unread_only=True))
    assert isinstance(unread, MessagesAnswer)
    assert len(unread.messages) == 1
    asked = Search("ferry")
    assert only_reading(asked) == asked


def test_pages_meet_each_hit_once() -> None:
    ann, _ = pair()
    numbers = write(ann, "me", *(f"word {index}" for index in range(25)))
    met: list[int] = []
    page = hits(ann, "word", limit=10)
    while True:
        met += [hit.item.number for hit in page.hits]
        if not page.has_more:
            break
        page = hits(ann, "word", limit=10, before=met[-1])
    assert met == numbers[::-1]
    assert hits(ann, "word", limit=25).has_more is False


def test_one_conversation_is_searched_by_itself() -> None:
    ann, _ = pair()
    write(ann, "me", "a note of the ferry")
    write(ann, "Bob", "the ferry")
    assert found(ann, "ferry") == ["the ferry", "a note of the ferry"]
    assert found(ann, "ferry", "me") == ["a note of the ferry"]
    assert found(ann, "ferry", "Bob") == ["the ferry"]
    assert refused(ann, Search("ferry", conversation="Nobody")) == "not-found"


def test_scripts_without_spaces_and_what_is_no_word_are_found_anywhere() -> None:
    ann, _ = pair()
    write(ann, "me", "明日東京タワーへ行く", "สวัสดีครับ", "well done 👍🏽", "東京 ferry", "買T恤")
    assert found(ann, "京タ") == ["明日東京タワーへ行く"]
    assert found(ann, "สดีค") == ["สวัสดีครับ"]
    assert found(ann, "👍🏽") == ["well done 👍🏽"]
    assert found(ann, "東京 ferr") == ["東京 ferry"]
    assert found(ann, "東京", "Bob") == []
    assert found(ann, "t恤") == found(ann, "T恤") == ["買T恤"]


def test_what_is_shown_now_is_found_and_nothing_of_before() -> None:
    ann, bob = pair()
    (edited,) = write(ann, "Bob", "The harbour")
    (taken,) = write(ann, "Bob", "The lighthouse")
    (forgotten,) = write(ann, "Bob", "The island")
    task = do(ann, WriteItem("Bob", kind="task", title="Buy rope")).number
    poll = WriteItem("Bob", kind="poll", question="Which boat?", options=("red", "blue"))
    do(ann, poll)
    do(ann, ReactToItem(edited, ("👍",)))
    exchange(ann, bob)
    do(ann, EditItem(edited, "The pier"))
    do(ann, RetractItem(taken))
    do(ann, ForgetItem(forgotten))
    do(ann, ChangeTask(task, "title", "Buy chain"))
    exchange(ann, bob)
    for person, island in ((ann, 0), (bob, 1)):
        assert found(person, "harbour") == []
        assert found(person, "pier") == ["The pier"]
        assert found(person, "lighthouse") == []
        assert len(found(person, "island")) == island
        assert found(person, "rope") == []
        assert found(person, "chain") == ["Buy chain"]
        assert found(person, "boat") == ["Which boat?"]
        assert is_index_whole(person)


def test_what_has_disappeared_is_not_found() -> None:
    ann, _ = pair()
    do(ann, WriteItem("Bob", text="a secret", timer=60))
    ann.post()
    assert found(ann, "secret") == ["a secret"]
    ann.tend()
    ann.clock.pass_by(3_600)
    ann.tend()
    assert found(ann, "secret") == []
    assert is_index_whole(ann)


def test_of_who_waits_apart_or_is_blocked_nothing_is_found() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, 1), Person("Bob", clock, 2)
    ann.add(bob.invite(uses_max=2).link, "Bob")
    exchange(ann, bob)
    ann.send("Bob", "let me in, 東京")
    exchange(ann, bob)
    request = next(iter(bob.contacts()))
    assert request.is_request
    assert found(bob, "let") == found(bob, "let", "Ann") == found(bob, "東京") == []
    bob.ask(AcceptRequest("Ann"))
    assert found(bob, "let") == found(bob, "東京") == ["let me in, 東京"]
    bob.ask(BlockContact("Ann"))
    assert found(bob, "let") == found(bob, "let", "Ann") == found(bob, "東京") == []
    bob.ask(BlockContact("Ann", is_blocked=False))
    assert found(bob, "let") == ["let me in, 東京"]


def test_what_is_deleted_with_a_conversation_or_a_contact_is_not_found() -> None:
    ann, bob = pair()
    write(bob, "Ann", *(f"ferry {index}" for index in range(20)))
    exchange(ann, bob)
    write(ann, "me", *(f"island {index}" for index in range(20)))
    ann.ask(DeleteItems("me"))
    assert found(ann, "island") == []
    assert len(found(ann, "ferry")) == 20
    assert is_index_whole(ann)
    ann.ask(RemoveContact("Bob"))
    assert found(ann, "ferry") == []
    assert is_index_whole(ann)


def test_a_restored_vault_and_one_that_was_copied_are_searched_as_before() -> None:
    ann, _ = pair()
    write(ann, "me", "the ferry")
    restored = connect(None, None)
    migrate_vault(restored)
    restored.execute("PRAGMA foreign_keys = OFF")
    with transaction(restored):
        for record in rows_of(ann.connection):
            put_rows(restored, record)
    for connection in (restored, copied(ann.connection)):
        ann.connection = connection
        ann.restart()
        assert found(ann, "ferr") == ["the ferry"]
        assert is_index_whole(ann)


@pytest.mark.parametrize(
    "typed, kind",
    [("", "empty"), (" ", "empty"), ("x" * 201, "too-large"), ("\ud800", "bad-text")],
)
def test_what_is_no_search_is_refused(typed: str, kind: str) -> None:
    ann, _ = pair()
    assert refused(ann, Search(typed)) == kind


HOSTILE: Sequence[str] = (
    *('"', "'", "*", "NEAR(a b)", "a OR b", "NOT", "AND", "text:x", "^a", "a*", "(", ")", "{a}"),
    *("-a", "+a", "a + b", "\0", "%", "_", "'; DROP TABLE texts; --", "?1", "\\", '""', 'a"b'),
)


@pytest.mark.parametrize("typed", HOSTILE)
def test_nothing_that_is_typed_means_anything_to_the_database(typed: str) -> None:
    ann, _ = pair()
    write(ann, "me", "one", f"say {typed} now", "ferry")
    assert f"say {typed} now" in found(ann, typed)
    assert found(ann, "ferry") == ["ferry"]
