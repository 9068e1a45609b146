"""Things that disappear in a group, or are taken back: bytes and keys go with all who hear it."""

from pathlib import Path

import pytest

from mesh.commands.conversations import AskConversation, DeleteItems, ReadItems, SetTimer
from mesh.commands.item_commands import EditItem, ReactToItem, RetractItem, WriteItem
from mesh.commands.items import ItemAnswer
from mesh.events import ItemAdded
from mesh.storage.connection import checkpoint, transaction
from mesh.storage.vault.schema import VAULT_MIGRATIONS
from tests.messenger.doing import both, conversation, do, item, items_of, refused
from tests.messenger.in_groups import crew
from tests.messenger.people import Person, copied, exchange
from tests.messenger.sending_files import content, hand_over, keys_of, rows_count
from tests.storage.plain import all_bytes, connect_plainly

WORDS = "The code of the gate is forty-seven eleven"
OTHER_WORDS = "The code of the gate is eight hundred fifteen"


def on_disk(person: Person, path: Path) -> None:
    """Have the vault of somebody lie where all of it can be read."""
    person.connection = copied(person.connection, connect_plainly(path))
    person.restart()


def of(person: Person, like: ItemAnswer) -> ItemAnswer:
    return next(one for one in items_of(person, "Crew") if one.id == like.id)


@pytest.mark.parametrize("how", ["timer", "retraction"])
def test_nothing_of_it_is_left_in_the_vault_of_a_reader(tmp_path: Path, how: str) -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    path = tmp_path / "vault"
    on_disk(bob, path)
    if how == "timer":
        ann.ask(SetTimer("Crew", 60))
        exchange(*people)
        assert conversation(bob, AskConversation("Crew")).timer == 60
    data = content()
    said = do(ann, WriteItem("Crew", text=WORDS, files=(hand_over(ann, data).number,)))
    exchange(*people)
    do(ann, EditItem(said.number, OTHER_WORDS))
    do(cem, ReactToItem(of(cem, said).number, ("fire",)))
    exchange(*people)
    got = of(bob, said)
    assert got.text == OTHER_WORDS
    key, _ = keys_of(bob)
    pieces = [data[at : at + 64] for at in range(0, 195_000, 997)]
    sought = [*pieces, key, WORDS.encode(), OTHER_WORDS.encode()]
    checkpoint(bob.connection)
    held = all_bytes(path)
    sought = [piece for piece in sought if piece in held]
    assert {key, WORDS.encode(), OTHER_WORDS.encode()} <= set(sought)
    assert len(sought) > 180

    if how == "timer":
        bob.ask(ReadItems("Crew", until=got.number))
        bob.tend()
        bob.clock.pass_by(61)
        bob.tend()
    else:
        do(ann, RetractItem(said.number))
        exchange(*people)
    assert item(bob, got.number).gone == ("expired" if how == "timer" else "retracted")
    assert rows_count(bob) == 0
    checkpoint(bob.connection)
    held = all_bytes(path)
    assert not [piece for piece in sought if piece in held]


def test_who_may_set_the_timer_is_said_by_the_group() -> None:
    ann, bob = people = crew("Ann", "Bob")
    assert refused(bob, SetTimer("Crew", 60)) == "not-allowed"
    ann.ask(SetTimer("Crew", 60))
    exchange(*people)
    # Whoever writes then writes under it, and what was written before stays.
    said = do(bob, WriteItem("Crew", text="short"))
    exchange(*people)
    assert of(ann, said).timer == 60


def test_it_is_told_on_how_many_devices_something_was_deleted() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    said = do(ann, WriteItem("Crew", text=WORDS))
    exchange(*people)
    do(ann, RetractItem(said.number))
    exchange(*people)
    retraction = item(ann, said.number).retraction
    assert retraction is not None
    assert retraction.devices is not None
    assert (retraction.devices.told, retraction.devices.of) == (0, 2)
    # Who says something after it has it.
    do(bob, WriteItem("Crew", text="right"))
    exchange(*people)
    retraction = item(ann, said.number).retraction
    assert retraction is not None
    assert retraction.devices is not None
    assert (retraction.devices.told, retraction.devices.of) == (1, 2)
    assert item(cem, of(cem, said).number).gone == "retracted"


def timers_of(person: Person, chat: str) -> list[tuple[str, int | None]]:
    return [
        (one.author.label, one.sets_timer) for one in items_of(person, chat) if one.kind == "timer"
    ]


def test_a_change_of_the_timer_stands_in_the_stream_and_is_nothing_to_be_read() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    do(ann, WriteItem("Crew", text="before it"))
    exchange(*people)
    bob.take_events()
    ann.ask(SetTimer("Crew", 60))
    exchange(*people)
    assert timers_of(ann, "Crew") == timers_of(bob, "Crew") == [("Ann", 60)]
    told = [event.item for event in bob.take_events() if isinstance(event, ItemAdded)]
    assert [one.sets_timer for one in told] == [60]
    # The text is unread, and the timer below it does not say otherwise.
    assert conversation(bob, AskConversation("Crew")).unread_count == 1
    [timer] = [one for one in items_of(bob, "Crew") if one.kind == "timer"]
    assert refused(bob, ReactToItem(timer.number, ("fire",))) == "not-found"
    assert refused(cem, SetTimer("Crew", 0)) == "not-allowed"
    ann.ask(SetTimer("Crew", 0))
    exchange(*people)
    assert timers_of(cem, "Crew") == [("Ann", 60), ("Ann", 0)]


def test_two_see_who_set_the_timer_until_the_conversation_is_emptied() -> None:
    ann, bob = both()
    bob.ask(SetTimer("Ann", 60))
    exchange(ann, bob)
    assert timers_of(ann, "Bob") == timers_of(bob, "Ann") == [("Bob", 60)]
    ann.ask(DeleteItems("Bob"))
    assert timers_of(ann, "Bob") == []
    assert conversation(ann, AskConversation("Bob")).timer == 60


def test_a_vault_of_before_shows_who_set_the_timer() -> None:
    ann, bob = people = crew("Ann", "Bob")
    ann.ask(SetTimer("Crew", 60))
    exchange(*people)
    with transaction(bob.connection):
        bob.connection.execute("UPDATE entries SET place = 0 WHERE kind = 69")
    bob.restart()
    assert timers_of(bob, "Crew") == []
    with transaction(bob.connection):
        [shown] = [each for each in VAULT_MIGRATIONS if "kind = 69" in each[0]]
        for statement in shown:
            bob.connection.execute(statement)
    bob.restart()
    assert timers_of(bob, "Crew") == [("Ann", 60)]
