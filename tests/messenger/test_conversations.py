"""Conversations: what a list shows, what is kept here of them, and notes to oneself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.commands.contacts import AskContacts, ContactsAnswer, RemoveContact, RenameContact
from mesh.commands.conversations import (
    AskConversation,
    AskConversations,
    ChangeConversation,
    ConversationAnswer,
    ConversationsAnswer,
)
from mesh.commands.fields import KeepFor
from mesh.commands.item_commands import AskItems, RetractItem
from mesh.commands.items import ItemsAnswer
from mesh.commands.messages import AskMessages, MessageAnswer, SendMessage, WithdrawMessage
from mesh.errors import UserError
from mesh.events import ConversationChanged, ItemAdded, MessageSent, MessageStateChanged
from mesh.limits.messages import DRAFT_BYTES_MAX, MOMENT_MAX
from tests.messenger.people import DAY_S, Clock, Person, acquainted, exchange


def chats(person: Person) -> list[ConversationAnswer]:
    answer = person.ask(AskConversations())
    assert isinstance(answer, ConversationsAnswer)
    return answer.conversations


def chat(person: Person, named: str) -> ConversationAnswer:
    answer = person.ask(AskConversation(named))
    assert isinstance(answer, ConversationAnswer)
    return answer


def change(person: Person, named: str, **fields: object) -> ConversationAnswer:
    answer = person.ask(ChangeConversation(named, **fields))  # type: ignore[arg-type]  # Mixed.
    assert isinstance(answer, ConversationAnswer)
    return answer


def items(person: Person, named: str, **fields: int) -> ItemsAnswer:
    answer = person.ask(AskItems(named, **fields))
    assert isinstance(answer, ItemsAnswer)
    return answer


def texts(page: ItemsAnswer) -> list[str]:
    return [item.text for item in page.items]


def test_a_list_shows_the_last_item_its_state_and_what_is_unread() -> None:
    ann, bob = acquainted(Clock())
    ann.send("Bob", "hello")
    bob.send("Ann", "one")
    bob.send("Ann", "two")
    exchange(ann, bob)
    with_bob, notes = chats(ann)
    assert (with_bob.kind, with_bob.title, with_bob.unread_count) == ("direct", "Bob", 2)
    assert with_bob.contact == ann.contacts()[0].id == with_bob.number
    assert with_bob.last_item is not None
    assert (with_bob.last_item.text, with_bob.last_item.state) == ("two", "received")
    assert with_bob.last_item.author.key == ann.contacts()[0].key
    assert (notes.kind, notes.title, notes.contact, notes.last_item) == (
        "self",
        "Note to self",
        0,
        None,
    )
    ann.ask(AskMessages("Bob", mark_read=True))
    assert chat(ann, "bob").unread_count == 0


def test_pinned_ones_come_first_and_archived_ones_last() -> None:
    clock = Clock()
    ann = Person("Ann", clock, seed=1)
    for seed, name in enumerate(("Bob", "Cem", "Dee", "Eve"), 2):
        guest = Person(name, clock, seed=seed)
        guest.add(ann.invite().link)
        exchange(ann, guest)
        guest.send("Ann", "hello")
        exchange(ann, guest)
    assert [each.title for each in chats(ann)] == ["Eve", "Dee", "Cem", "Bob", "Note to self"]
    change(ann, "Bob", is_pinned=True)
    change(ann, "Eve", is_archived=True)
    assert [each.title for each in chats(ann)] == ["Bob", "Dee", "Cem", "Note to self", "Eve"]


def test_settings_and_drafts_outlast_a_restart_and_are_told() -> None:
    ann, _ = acquainted(Clock())
    ann.take_events()
    changed = change(ann, "Bob", muted_until=MOMENT_MAX, is_marked_unread=True, draft="dear B")
    (event,) = ann.take_events()
    assert event == ConversationChanged(changed)
    ann.restart()
    kept = chat(ann, "Bob")
    assert kept == changed
    assert (kept.muted_until, kept.draft, kept.is_pinned) == (MOMENT_MAX, "dear B", False)
    assert change(ann, "Bob", draft="").draft == ""


def test_a_draft_keeps_what_it_replies_to_until_that_is_gone() -> None:
    ann, bob = acquainted(Clock())
    number = bob.send("Ann", "is it open?").number
    exchange(ann, bob)
    (item,) = items(ann, "Bob").items
    kept = change(ann, "Bob", draft="it is", draft_reply=item.number)
    assert kept.draft_reply is not None
    assert (kept.draft_reply.number, kept.draft_reply.text) == (item.number, "is it open?")
    ann.restart()
    assert chat(ann, "Bob") == kept
    # Other words reply to the same, and a reply needs none.
    assert change(ann, "Bob", draft="no").draft_reply == kept.draft_reply
    assert change(ann, "Bob", draft="", draft_reply=item.number).draft_reply == kept.draft_reply
    assert change(ann, "Bob", is_pinned=True).draft_reply == kept.draft_reply
    emptied = change(ann, "Bob", draft="")
    assert (emptied.draft, emptied.draft_reply) == ("", None)
    # Of a conversation only what stands in it is replied to.
    with pytest.raises(UserError, match=f"no message {item.number} here"):
        change(ann, "me", draft_reply=item.number)
    assert change(ann, "Bob", draft="it is", draft_reply=item.number).draft_reply is not None
    assert change(ann, "Bob", draft_reply=0).draft == "it is"
    change(ann, "Bob", draft_reply=item.number)
    bob.ask(RetractItem(number))
    exchange(ann, bob)
    gone = chat(ann, "Bob")
    assert (gone.draft, gone.draft_reply) == ("it is", None)
    with pytest.raises(UserError, match="its author deleted it"):
        change(ann, "Bob", draft_reply=item.number)


def test_how_long_a_message_is_kept_is_said_of_it_or_of_its_conversation() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)

    def kept_for(keep_for: KeepFor | None = None) -> tuple[int, int]:
        answer = ann.ask(SendMessage("Bob", "x", keep_for=keep_for))
        assert isinstance(answer, MessageAnswer)
        (*_, envelope) = ann.post()
        lifetime_s = envelope.header.lapses - envelope.header.created
        return answer.kept_until - clock.now.mesh, lifetime_s // DAY_S

    assert chat(ann, "Bob").keep_for == "30d"
    assert kept_for() == (30 * DAY_S, 7)
    assert kept_for("1d") == (DAY_S, 1)
    assert change(ann, "Bob", keep_for="7d").keep_for == "7d"
    ann.restart()
    assert kept_for() == (7 * DAY_S, 7)
    answer = ann.ask(SendMessage("Bob", "y", keep_for="until-delivered"))
    assert isinstance(answer, MessageAnswer)
    assert (answer.kept_until, answer.posts_count) == (MOMENT_MAX, 1)
    last = items(ann, "Bob").items[-1]
    assert (last.kept_until, last.posts_count) == (MOMENT_MAX, 1)
    note = ann.ask(SendMessage("me", "z", keep_for="1d"))
    assert isinstance(note, MessageAnswer)
    assert (note.kept_until, note.posts_count) == (0, 0)
    assert bob.texts("Ann") == []


def test_that_it_was_posted_again_is_told() -> None:
    clock = Clock()
    ann, _ = acquainted(clock)
    ann.send("Bob", "x")
    ann.post()
    ann.take_events()
    clock.pass_by(8 * DAY_S)
    ann.tend()
    told = [one.message for one in ann.take_events() if isinstance(one, MessageStateChanged)]
    assert [(one.state, one.posts_count) for one in told] == [("queued", 2)]
    assert told[0].kept_until == told[0].received + 30 * DAY_S


def test_reading_takes_the_mark_of_unread_back() -> None:
    ann, bob = acquainted(Clock())
    bob.send("Ann", "hello")
    exchange(ann, bob)
    change(ann, "Bob", is_marked_unread=True)
    ann.ask(AskMessages("Bob", mark_read=True))
    assert not chat(ann, "Bob").is_marked_unread


@pytest.mark.parametrize(
    "fields, kind",
    [
        ({"muted_until": MOMENT_MAX + 1}, "bad-request"),
        ({"draft": "x" * (DRAFT_BYTES_MAX + 1)}, "too-large"),
        ({"draft": "\ud800"}, "bad-text"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_changes_nothing(
    fields: dict[str, object], kind: str
) -> None:
    ann, _ = acquainted(Clock())
    before = chat(ann, "Bob")
    with pytest.raises(UserError) as refused:
        change(ann, "Bob", is_pinned=True, **fields)
    assert refused.value.kind == kind
    assert chat(ann, "Bob") == before


def test_a_note_to_oneself_is_kept_and_nothing_of_it_leaves() -> None:
    ann, bob = acquainted(Clock())
    exchange(ann, bob)
    ann.take_events()
    note = ann.send("me", "buy rope", key="k")
    assert (note.state, note.contact, note.label) == ("kept", 0, "Note to self")
    told = ann.take_events()
    assert told[0] == MessageSent(note)
    assert [type(event) for event in told[1:]] == [ItemAdded]
    assert ann.send("Note to self", "buy rope", key="k") == note
    assert ann.send(str(note.conversation), "and tar").conversation == note.conversation
    assert ann.post() == []
    assert ann.messenger.parts.transit.deadline() is None
    assert texts(items(ann, "me")) == ["buy rope", "and tar"]
    assert ann.texts("me") == ["buy rope", "and tar"]
    # Among no others, and nothing that could be taken back.
    assert ann.texts() == []
    with pytest.raises(UserError, match="written to yourself"):
        ann.ask(WithdrawMessage(note.number))
    ann.restart()
    assert ann.texts("me") == ["buy rope", "and tar"]


def test_a_number_means_one_thing() -> None:
    clock = Clock()
    ann = Person("Ann", clock, seed=1)
    for seed, name in enumerate(("Bob", "Cem"), 2):
        guest = Person(name, clock, seed=seed)
        guest.add(ann.invite().link)
        exchange(ann, guest)
    ann.ask(RemoveContact("Bob"))
    dee = Person("Dee", clock, seed=4)
    dee.add(ann.invite().link)
    exchange(ann, dee)
    contacts = ann.ask(AskContacts())
    assert isinstance(contacts, ContactsAnswer)
    numbers = {each.label: each.id for each in contacts.contacts}
    for each in chats(ann):
        assert each.number == numbers.get(each.title, each.number)
        assert chat(ann, str(each.number)) == each
    assert len({each.number for each in chats(ann)}) == 3


@pytest.mark.parametrize("label", ["me", "Me", "Note to self", "note to self", "N0te to self"])
def test_nobody_can_be_called_like_the_notes(label: str) -> None:
    ann, _ = acquainted(Clock())
    with pytest.raises(UserError, match="mistaken for yourself"):
        ann.ask(RenameContact("Bob", label))


def test_who_goes_takes_the_conversation_along() -> None:
    clock = Clock()
    ann, _ = acquainted(clock)
    ann.send("Bob", "hello")
    change(ann, "Bob", draft="more", is_pinned=True)
    ann.ask(RemoveContact("Bob"))
    assert [each.title for each in chats(ann)] == ["Note to self"]
    another = Person("Bob", clock, seed=3)
    another.add(ann.invite().link)
    exchange(ann, another)
    again = chat(ann, "Bob")
    assert (again.draft, again.is_pinned) == ("", False)


def test_pages_run_both_ways_from_the_newest() -> None:
    ann, _ = acquainted(Clock())
    numbers = [ann.send("me", str(count)).number for count in range(7)]
    newest = items(ann, "me", limit=3)
    assert (texts(newest), newest.has_older, newest.has_newer) == (["4", "5", "6"], True, False)
    older = items(ann, "me", before=newest.items[0].number, limit=3)
    assert (texts(older), older.has_older, older.has_newer) == (["1", "2", "3"], True, True)
    first = items(ann, "me", before=older.items[0].number, limit=3)
    assert (texts(first), first.has_older, first.has_newer) == (["0"], False, True)
    newer = items(ann, "me", after=numbers[3], limit=3)
    assert (texts(newer), newer.has_older, newer.has_newer) == (["4", "5", "6"], True, False)
    around = items(ann, "me", around=numbers[3], limit=3)
    assert (texts(around), around.has_older, around.has_newer) == (["2", "3", "4"], True, True)
    assert texts(items(ann, "me", around=numbers[6], limit=4)) == ["4", "5", "6"]
    assert items(ann, "me", after=numbers[6]).items == []


@given(
    steps=st.lists(st.sampled_from([-2_000, 0, 2_000]), min_size=1, max_size=12),
    limit=st.integers(1, 5),
)
def test_paging_either_way_meets_each_item_once(steps: list[int], limit: int) -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    for count, seconds in enumerate(steps):
        # Clocks that disagree give places that are not the order of arrival.
        bob.wall_error_s = seconds
        bob.send("Ann", str(count))
        ann.receive(bob.post())
        ann.send("Bob", f"answer to {count}")
    whole = items(ann, "Bob", limit=1_000)
    assert texts(whole) == ann.texts("Bob")
    back = items(ann, "Bob", limit=limit)
    seen = back.items
    while back.has_older:
        back = items(ann, "Bob", before=back.items[0].number, limit=limit)
        seen = [*back.items, *seen]
    assert seen == whole.items
    on = items(ann, "Bob", around=seen[0].number, limit=1)
    met = on.items
    while on.has_newer:
        on = items(ann, "Bob", after=met[-1].number, limit=limit)
        met = [*met, *on.items]
    assert met == whole.items


def test_a_cursor_of_another_conversation_is_refused() -> None:
    ann, _ = acquainted(Clock())
    note = ann.send("me", "mine")
    with pytest.raises(UserError, match="no message"):
        items(ann, "Bob", before=note.number)


def test_what_somebody_writes_takes_out_of_the_archive_what_is_not_muted() -> None:
    ann, bob = acquainted(Clock())
    change(ann, "Bob", is_archived=True)
    ann.send("Bob", "mine")
    assert chat(ann, "Bob").is_archived
    exchange(ann, bob)
    ann.take_events()
    bob.send("Ann", "theirs")
    exchange(ann, bob)
    assert not chat(ann, "Bob").is_archived
    changed = [event for event in ann.take_events() if isinstance(event, ConversationChanged)]
    assert [event.conversation.is_archived for event in changed] == [False]
    change(ann, "Bob", is_archived=True, muted_until=MOMENT_MAX)
    bob.send("Ann", "more")
    exchange(ann, bob)
    assert (chat(ann, "Bob").is_archived, chat(ann, "Bob").unread_count) == (True, 2)
