"""Mail behind other mail goes on with the rows of before, and sees what has changed since then."""

import pytest

from mesh.commands.contacts import RenameContact
from mesh.commands.conversations import SetTimer
from mesh.commands.item_commands import AskItems, ReactToItem, WriteItem
from mesh.commands.items import ItemAnswer, ItemsAnswer
from mesh.commands.messages import SendMessage
from mesh.errors import UserError
from mesh.storage.connection import changes_count, transaction
from sim.hosts.databases import MemoryDatabase
from tests.messenger.people import Clock, Person, acquainted, exchange


def pair() -> tuple[Person, Person]:
    """Two people who know of each other that they read entries, at the end of a batch."""
    ann, bob = acquainted(Clock())
    exchange(ann, bob)
    for person in (ann, bob):
        end_batch(person)
    return ann, bob


def end_batch(person: Person) -> None:
    """Do what the engine does as a transaction ends: what is nowhere is not asked for again."""
    with transaction(person.connection):
        person.messenger.note_steps(person.now)
    person.written_count = changes_count(person.connection)


def items(person: Person, chat: str) -> list[ItemAnswer]:
    answer = person.ask(AskItems(chat))
    assert isinstance(answer, ItemsAnswer)
    return answer.items


def test_a_message_behind_another_reads_less(monkeypatch: pytest.MonkeyPatch) -> None:
    ann, _ = pair()
    read: list[str] = []
    execute = MemoryDatabase.execute

    def counted(database: MemoryDatabase, sql: str, *given: object) -> object:
        if database is ann.connection and sql.startswith("SELECT"):
            read.append(sql)
        return execute(database, sql, *given)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(MemoryDatabase, "execute", counted)
    counts = []
    for text in ("one", "two", "three"):
        read.clear()
        ann.ask(SendMessage("Bob", text))
        counts.append(len(read))
    assert max(counts[1:]) <= counts[0] - 4, counts


def test_who_is_called_otherwise_is_written_to_by_that_name_alone() -> None:
    ann, bob = pair()
    ann.send("Bob", "one")
    ann.ask(RenameContact("Bob", "Robert"))
    with pytest.raises(UserError):
        ann.send("Bob", "two")
    ann.send("Robert", "three")
    exchange(ann, bob)
    assert bob.texts("Ann")[-2:] == ["one", "three"]


def test_a_timer_that_came_holds_for_what_is_written_behind_it() -> None:
    ann, bob = pair()
    ann.send("Bob", "for good")
    exchange(ann, bob)
    bob.ask(SetTimer("Ann", 60))
    exchange(ann, bob)
    ann.send("Bob", "for a minute")
    assert [(one.text, one.timer) for one in items(ann, "Bob") if one.kind == "text"][-2:] == [
        ("for good", 0),
        ("for a minute", 60),
    ]


def test_a_parent_and_an_object_that_come_late_are_waited_for() -> None:
    ann, bob = pair()
    number = ann.ask(WriteItem("Bob", text="first"))
    assert isinstance(number, ItemAnswer)
    (first,) = ann.post()
    ann.ask(ReactToItem(number.number, ("👍",)))
    (reaction,) = ann.post()
    bob.receive([reaction])
    bob.send("Ann", "meanwhile")
    bob.receive([first])
    (text,) = [one for one in items(bob, "Ann") if one.text == "first"]
    assert [one.emoji for one in text.reactions] == ["👍"]
    assert text.missing_count == 0
    ann.send("Bob", "second")
    (second,) = ann.post()
    ann.send("Bob", "third")
    (third,) = ann.post()
    bob.receive([third])
    assert [one.missing_count for one in items(bob, "Ann") if one.text == "third"] == [1]
    bob.receive([second])
    shown = {one.text: one.missing_count for one in items(bob, "Ann")}
    assert (shown["second"], shown["third"]) == (0, 0)


def test_nothing_goes_on_behind_the_end_of_a_batch() -> None:
    ann, _ = pair()
    vault = ann.messenger._vault
    ann.ask(SendMessage("Bob", "one"))
    work = vault.work
    ann.ask(SendMessage("Bob", "two"))
    assert vault.work == work
    end_batch(ann)
    ann.ask(SendMessage("Bob", "three"))
    assert vault.work == work + 1


def test_no_words_are_kept_of_what_was_told() -> None:
    ann, bob = pair()
    ann.ask(SendMessage("Bob", "secret words"))
    assert ann.messenger.person is not None
    assert ann.messenger.person.answers._told is None
    exchange(ann, bob)
    assert bob.messenger.person is not None
    assert bob.messenger.person.answers._told is None
