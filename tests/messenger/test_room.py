"""The room that conversations take, and deleting what is in one."""

from pathlib import Path

import pytest

from mesh.commands.conversations import (
    AskConversation,
    AskRoom,
    ChangeConversation,
    ConversationAnswer,
    ConversationRoom,
    DeleteItems,
    ItemsDeleted,
    RoomAnswer,
)
from mesh.commands.item_commands import EditItem, ReactToItem, WriteItem
from mesh.commands.messages import AskMessage, WithdrawMessage
from mesh.errors import UserError
from mesh.events import ConversationEmptied
from mesh.ids import ConversationId, MessageId, UnixSeconds
from mesh.storage.connection import checkpoint, connect, transaction
from mesh.storage.migrations import migrate_vault
from mesh.storage.vault.contents import ContentRow
from mesh.storage.vault.rows import EntryRow
from mesh.storage.vault.vault import Vault
from tests.messenger.doing import both, said
from tests.messenger.people import (
    DAY_S,
    Clock,
    Person,
    acquainted,
    copied,
    exchange,
    exchange_tokens,
)
from tests.messenger.test_sealed_again import quiet, seal_again
from tests.storage.plain import all_bytes, connect_plainly


def room(person: Person) -> list[ConversationRoom]:
    answer = person.ask(AskRoom())
    assert isinstance(answer, RoomAnswer)
    return answer.conversations


def delete(person: Person, named: str) -> ItemsDeleted:
    answer = person.ask(DeleteItems(named))
    assert isinstance(answer, ItemsDeleted)
    return answer


def delivered(clock: Clock, *people: Person) -> None:
    """Everything arrives, and the tokens that say so."""
    exchange(*people)
    clock.pass_by(660)
    exchange_tokens(*people)


def test_the_room_of_all_conversations_is_told_the_largest_first() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    cem = Person("Cem", clock, seed=3)
    cem.add(ann.invite().link)
    exchange(ann, cem)
    before = {each.title: each.bytes for each in room(ann)}
    assert before == {"Bob": 0, "Cem": 0, "Note to self": 0}
    ann.send("me", "n" * 5_000)
    ann.ask(ChangeConversation("Cem", draft="d" * 300))
    bob.send("Ann", "b" * 100)
    delivered(clock, ann, bob, cem)
    ann.send("Bob", "on its way")
    told = room(ann)
    assert [(each.title, each.messages_count, each.waiting_count) for each in told] == [
        ("Note to self", 1, 0),
        ("Bob", 2, 1),
        ("Cem", 0, 0),
    ]
    assert told[0].bytes > 5_000
    assert 110 < told[1].bytes < 1_000
    assert told[2].bytes == 300
    assert [each.kind for each in told] == ["self", "direct", "direct"]


def test_what_is_deleted_is_gone_here_and_stays_there() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    ann.send("Bob", "mine")
    bob.send("Ann", "theirs")
    delivered(clock, ann, bob)
    number = ann.messages("Bob")[0].number
    ann.ask(ChangeConversation("Bob", draft="begun", is_pinned=True))
    ann.take_events()
    assert delete(ann, "Bob") == ItemsDeleted(deleted_count=2, left_count=0)
    (event,) = ann.take_events()
    assert isinstance(event, ConversationEmptied)
    chat = ann.ask(AskConversation("Bob"))
    assert event.conversation == chat
    assert isinstance(chat, ConversationAnswer)
    assert (chat.last_item, chat.unread_count, chat.draft, chat.is_pinned) == (None, 0, "", True)
    assert ann.texts("Bob") == []
    assert sorted(bob.texts("Ann")) == ["mine", "theirs"]
    with pytest.raises(UserError, match="no message"):
        ann.ask(AskMessage(number))
    held = b"".join(
        bytes(text.encode() if isinstance(text, str) else b"")
        for (text,) in ann.connection.execute("SELECT text FROM texts").fetchall()
    )
    assert held == b""
    ann.restart()
    assert delete(ann, "Bob") == ItemsDeleted(deleted_count=0, left_count=0)


def test_what_is_on_its_way_stays_and_arrives() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    ann.send("Bob", "before")
    delivered(clock, ann, bob)
    ann.send("Bob", "on its way")
    assert delete(ann, "Bob") == ItemsDeleted(deleted_count=1, left_count=1)
    assert ann.texts("Bob") == ["on its way"]
    delivered(clock, ann, bob)
    assert bob.texts("Ann") == ["before", "on its way"]
    assert ann.messages("Bob")[0].state == "delivered"
    assert delete(ann, "Bob") == ItemsDeleted(deleted_count=1, left_count=0)


def test_of_a_change_on_its_way_no_words_stay(tmp_path: Path) -> None:
    ann, bob = both()
    path = tmp_path / "vault"
    ann.connection = copied(ann.connection, connect_plainly(path))
    ann.restart()
    mine = said(ann, bob, WriteItem("Bob", text="before"))[0]
    delivered(ann.clock, ann, bob)
    ann.ask(EditItem(mine.number, "the words of the change"))
    ann.ask(ReactToItem(mine.number, ("🦊",)))
    envelopes = ann.post()
    delete(ann, "Bob")
    # It was promised to be sent, and is; until it is known to be there it may be sealed again.
    bob.receive(envelopes)
    assert bob.texts("Ann") == ["the words of the change"]
    bob.send("Ann", "I see")
    delivered(ann.clock, ann, bob)
    assert ann.texts("Bob") == ["I see"]
    checkpoint(ann.connection)
    held = all_bytes(path)
    assert b"I see" in held
    assert b"the words of the change" not in held
    assert "🦊".encode() not in held
    assert ann.connection.execute("SELECT * FROM register_values").fetchall() == []


def test_what_was_deleted_does_not_come_back_when_it_is_posted_again() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    bob.send("Ann", "gone for good")
    exchange(ann, bob)
    assert ann.texts("Bob") == ["gone for good"]
    delete(ann, "Bob")
    # He has no proof yet, and seals it anew under other keys.
    seal_again(bob)
    assert bob.messenger.parts.transit.deadline() is not None
    ann.take_events()
    exchange(ann, bob)
    assert ann.texts("Bob") == []
    assert not any(type(event).__name__ == "MessageReceived" for event in ann.take_events())
    assert bob.texts("Ann") == ["gone for good"]


def test_what_follows_something_deleted_has_no_gap_and_stands_behind_it() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    bob.send("Ann", "first")
    exchange(ann, bob)
    delete(ann, "Bob")
    bob.send("Ann", "second")
    exchange(ann, bob)
    ann.send("Bob", "third")
    exchange(ann, bob)
    assert [message.missing_count for message in ann.messages("Bob")] == [0, 0]
    assert ann.texts("Bob") == ["second", "third"]
    assert bob.texts("Ann") == ["first", "second", "third"]


def test_of_a_withdrawn_message_nothing_more_is_learned() -> None:
    clock = Clock()
    ann, bob = quiet(clock)
    sent = ann.send("Bob", "never mind")
    (envelope,) = ann.post()
    ann.ask(WithdrawMessage(sent.number))
    assert delete(ann, "Bob") == ItemsDeleted(deleted_count=1, left_count=0)
    bob.receive([envelope])
    clock.pass_by(660)
    exchange_tokens(ann, bob)
    assert bob.texts("Ann") == ["never mind"]
    assert ann.texts("Bob") == []
    ann.restart()
    clock.pass_by(8 * DAY_S)
    ann.tend()


def test_of_notes_to_oneself_nothing_is_remembered() -> None:
    ann, _ = acquainted(Clock())
    ann.send("me", "one")
    ann.send("me", "two")
    assert delete(ann, "me") == ItemsDeleted(deleted_count=2, left_count=0)
    assert room(ann)[-1].bytes == 0
    for table in ("entries", "contents", "texts", "deleted_messages", "heads"):
        count = ann.connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        assert count == (0,), table
    ann.send("me", "three")
    assert ann.texts("me") == ["three"]


@pytest.mark.parametrize("length", [20, 400, 3_000])
def test_the_room_told_is_near_what_the_file_takes(tmp_path: Path, length: int) -> None:
    connection = connect(tmp_path / "vault.db", bytes(32))
    migrate_vault(connection)
    vault = Vault(connection)
    with transaction(connection):
        vault.add_identity(seed=bytes(32), name="Ann", created=UnixSeconds(1))
    conversation = vault.conversations.with_oneself().number
    size = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    before = connection.execute(size).fetchone()
    with transaction(connection):
        for number in range(2_000):
            row = vault.entries.insert(message(conversation, number))
            vault.contents.add(ContentRow(row.number, 1, b"x" * length))
            vault.contents.show(row.number, "x" * length)
    after = connection.execute(size).fetchone()
    assert before is not None
    assert after is not None
    (told,) = vault.room.of_conversations()
    grown = int(str(after[0])) - int(str(before[0]))
    connection.close()
    assert 0.7 * grown < told.bytes < 1.4 * grown


def message(conversation: ConversationId, number: int) -> EntryRow:
    """A message of which nothing is like another one."""
    return EntryRow(
        number=0,
        conversation=conversation,
        id=MessageId(number.to_bytes(4, "big") * 8),
        is_mine=False,
        parents=bytes(32),
        clock=number << 20,
        position=number << 20,
        received=UnixSeconds(number),
        state="received",
        is_read=True,
        send_key=None,
    )
