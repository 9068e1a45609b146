"""Conversations, as two people have them: said by one, shown by both."""

import pytest

from mesh.commands.conversations import AskConversation, ReadItems, SetTimer
from mesh.commands.item_commands import (
    AskPins,
    AskVersions,
    ChangeTask,
    EditItem,
    MentionAsked,
    PinItem,
    ReactToItem,
    RetractItem,
    Vote,
    WriteItem,
)
from mesh.commands.items import BoardAnswer, Mark, VersionsAnswer
from mesh.commands.messages import SendMessage
from mesh.events import ItemAdded, ItemChanged, MessageReceived
from mesh.messenger.conversations import statements
from mesh.storage.connection import transaction
from mesh.wire.envelope import Envelope
from tests.messenger.doing import (
    DAY_S,
    both,
    conversation,
    do,
    item,
    items_of,
    refused,
    said,
)
from tests.messenger.people import Clock, acquainted, exchange

# --- Texts --------------------------------------------------------------------------------------


def test_a_text_comes_with_its_marks_mentions_and_reply() -> None:
    ann, bob = both()
    first, theirs = said(ann, bob, WriteItem("Bob", text="where are you?"))
    key = first.author.key
    asked = WriteItem(
        "Ann",
        text="here, Ann",
        marks=(Mark(kind="bold", start=0, length=4), Mark(kind="code", start=5, length=99)),
        mentions=(
            MentionAsked(start=6, length=3, key=key),
            MentionAsked(start=0, length=1, key="ab" * 32),
        ),
        reply=theirs.number,
    )
    mine, came = said(bob, ann, asked)
    for one in (mine, came):
        assert one.kind == "text"
        assert one.marks == [Mark(kind="bold", start=0, length=4)]
        assert [(each.start, each.label) for each in one.mentions] == [(6, "Ann")]
        assert one.reply is not None
        assert (one.reply.id, one.reply.text, one.reply.gone) == (first.id, "where are you?", "")
    assert mine.author.label == came.author.label == "Bob"
    assert came.reply is not None
    assert came.reply.number == first.number
    _, passed_on = said(bob, ann, WriteItem("Ann", text="leave by 5", forwarded="Cleo"))
    assert passed_on.forwarded == "Cleo"
    # A program that knows messages only sees the same text, by the same number.
    assert ann.messages("Bob")[-2].text == "here, Ann"
    assert ann.messages("Bob")[-2].number == came.number
    told = [type(event) for event in ann.take_events()]
    assert told.count(MessageReceived) == told.count(ItemAdded) - 1 == 2


def test_an_edit_replaces_the_words_and_former_ones_are_kept() -> None:
    ann, bob = both()
    mine, theirs = said(ann, bob, WriteItem("Bob", text="meet at 5"))
    bob.take_events()
    ann.clock.pass_by(60)
    do(ann, EditItem(mine.number, "meet at 6", (Mark(kind="bold", start=8, length=1),)))
    # It was an hour under way.
    ann.clock.pass_by(3_600)
    exchange(ann, bob)
    shown = item(bob, theirs.number)
    assert (shown.text, shown.marks) == ("meet at 6", [Mark(kind="bold", start=8, length=1)])
    assert shown.edited is not None
    assert (shown.edited.count, shown.edited.at) == (1, shown.sent + 60)
    assert [event.item.text for event in bob.events if isinstance(event, ItemChanged)] == [
        "meet at 6"
    ]
    assert shown.edited.received == shown.edited.at + 3_600
    own = item(ann, mine.number)
    assert own.edited is not None
    assert own.edited.received == 0
    assert bob.texts("Ann") == ["meet at 6"]
    versions = bob.ask(AskVersions(theirs.number))
    assert isinstance(versions, VersionsAnswer)
    assert [version.text for version in versions.versions] == ["meet at 6", "meet at 5"]
    assert refused(bob, EditItem(theirs.number, "mine now")) == "not-yours"
    # Nothing of a change stands in the stream, is unread, or counts as a message.
    assert [one.id for one in items_of(bob, "Ann")] == [mine.id]
    assert conversation(bob, AskConversation("Ann")).unread_count == 1


def test_a_text_of_an_earlier_version_is_edited_and_retracted_like_any_other() -> None:
    ann, bob = acquainted(Clock())
    with transaction(bob.connection):
        bob.connection.execute("UPDATE exchanges SET reads = 1")
    sent = bob.send("Ann", "old")
    exchange(ann, bob)
    forms = "SELECT form FROM contents"
    assert ann.connection.execute(forms).fetchall() == [(1,)]
    with transaction(bob.connection):
        bob.connection.execute("UPDATE exchanges SET reads = 2")
    do(bob, EditItem(sent.number, "new"))
    exchange(ann, bob)
    assert ann.texts("Bob") == bob.texts("Ann") == ["new"]
    do(ann, ReactToItem(ann.messages("Bob")[0].number, ("+",)))
    do(bob, RetractItem(sent.number))
    exchange(ann, bob)
    assert ann.texts("Bob") == bob.texts("Ann") == []
    assert [one.gone for one in items_of(ann, "Bob")] == ["retracted"]


def test_to_who_reads_texts_only_all_else_is_refused_and_texts_go_as_before() -> None:
    ann, bob = both()
    with transaction(ann.connection):
        ann.connection.execute("UPDATE exchanges SET reads = 1")
    assert conversation(ann, AskConversation("Bob")).reads == 1
    mine, came = said(ann, bob, WriteItem("Bob", text="plain"))
    assert bob.connection.execute("SELECT form FROM contents").fetchall() == [(1,)]
    poll = WriteItem("Bob", "poll", question="which", options=("a", "b"))
    for asked in (
        poll,
        WriteItem("Bob", text="bold", marks=(Mark(kind="bold", start=0, length=4),)),
        WriteItem("Bob", text="again", reply=mine.number),
        WriteItem("Bob", text="short", timer=60),
        EditItem(mine.number, "other"),
        RetractItem(mine.number),
        ReactToItem(mine.number, ("+",)),
        SetTimer("Bob", 60),
    ):
        assert refused(ann, asked) == "older-mesh"
    # Nothing of what was refused is here, or leaves.
    assert [one.text for one in items_of(ann, "Bob")] == ["plain"]
    assert ann.post() == []
    # What they say of themselves counts again with the next that comes.
    bob.send("Ann", "I read more")
    exchange(ann, bob)
    do(ann, poll)
    exchange(ann, bob)
    assert [one.kind for one in items_of(bob, "Ann")] == ["text", "text", "poll"]
    assert came.text == "plain"


def test_after_an_upgrade_each_contact_is_told_once_what_is_read_here() -> None:
    ann, bob = both()
    for person in (ann, bob):
        with transaction(person.connection):
            # As the migration leaves it.
            person.connection.execute("UPDATE exchanges SET reads = 1")
            person.connection.execute("DELETE FROM keys_given")
    ann.clock.pass_by(1)
    ann.tend()
    told = ann.post()
    assert len(told) == 1
    bob.receive(told)
    assert conversation(bob, AskConversation("Ann")).reads == 2
    ann.tend()
    assert ann.post() == []


def test_what_an_older_node_writes_says_that_it_reads_texts_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ann, bob = both()
    ann.clock.pass_by(1)
    with transaction(bob.connection):
        bob.connection.execute("UPDATE exchanges SET reads = 1")
    # As the first release wrote them: without the last field.
    monkeypatch.setattr("mesh.messenger.sessions.payload_maker.READS", 1)
    bob.send("Ann", "from an older node")
    exchange(ann, bob)
    monkeypatch.undo()
    assert conversation(ann, AskConversation("Bob")).reads == 1


# --- Reactions and pins -------------------------------------------------------------------------


def test_reactions_are_of_each_person_and_can_be_taken_back() -> None:
    ann, bob = both()
    mine, theirs = said(ann, bob, WriteItem("Bob", text="done"))
    do(bob, ReactToItem(theirs.number, ("+", "*")))
    do(ann, ReactToItem(mine.number, ("+",)))
    exchange(ann, bob)
    for person, number in ((ann, mine.number), (bob, theirs.number)):
        told = {one.emoji: one for one in item(person, number).reactions}
        assert sorted(told["+"].who) == ["Ann", "Bob"]
        assert (told["+"].count, told["*"].who) == (2, ["Bob"])
        assert told["*"].is_mine == (person is bob)
    do(bob, ReactToItem(theirs.number, ()))
    exchange(ann, bob)
    assert [one.who for one in item(ann, mine.number).reactions] == [["Ann"]]
    assert refused(ann, ReactToItem(mine.number, ("a b",))) == "bad-content"
    assert refused(ann, ReactToItem(99, ("+",))) == "not-found"


def test_pins_are_of_both_and_the_last_word_stands() -> None:
    ann, bob = both()
    mine, theirs = said(ann, bob, WriteItem("Bob", text="the code"))
    do(bob, PinItem(theirs.number))
    exchange(ann, bob)
    assert item(ann, mine.number).is_pinned
    board = ann.ask(AskPins("Bob"))
    assert isinstance(board, BoardAnswer)
    assert [one.text for one in board.items] == ["the code"]
    do(ann, PinItem(mine.number, is_on=False))
    exchange(ann, bob)
    assert not item(bob, theirs.number).is_pinned
    board = bob.ask(AskPins("Ann"))
    assert board == BoardAnswer(items=[])


# --- Reading, keys, oneself ---------------------------------------------------------------------


def test_reading_goes_down_to_an_item_and_counts_no_changes() -> None:
    ann, bob = both()
    for number in range(3):
        do(ann, WriteItem("Bob", text=str(number)))
    do(ann, WriteItem("Bob", "poll", question="which", options=("a", "b")))
    exchange(ann, bob)
    items = items_of(bob, "Ann")
    do(ann, EditItem(items_of(ann, "Bob")[0].number, "zero"))
    exchange(ann, bob)
    assert conversation(bob, AskConversation("Ann")).unread_count == 4
    assert conversation(bob, ReadItems("Ann", items[1].number)).unread_count == 2
    assert conversation(bob, ReadItems("Ann", items[3].number)).unread_count == 0
    assert refused(bob, ReadItems("Ann", 999)) == "not-found"


def test_the_same_key_writes_one_item() -> None:
    ann, bob = both()
    poll = WriteItem("Bob", "poll", question="which", options=("a", "b"), idempotency_key="k")
    mine = do(ann, poll)
    assert do(ann, poll).number == mine.number
    other = WriteItem("Bob", "poll", question="who", options=("a", "b"), idempotency_key="k")
    assert refused(ann, other) == "key-reused"
    exchange(ann, bob)
    assert len(items_of(bob, "Ann")) == 1


def test_with_oneself_everything_works_and_nothing_leaves() -> None:
    ann, _ = both()
    text = do(ann, WriteItem("me", text="buy rope"))
    do(ann, EditItem(text.number, "buy more rope"))
    do(ann, PinItem(text.number))
    poll = do(ann, WriteItem("me", "poll", question="which", options=("a", "b")))
    do(ann, Vote(poll.number, (1,)))
    task = do(ann, WriteItem("me", "task", title="pack"))
    do(ann, ChangeTask(task.number, "state", "done"))
    do(ann, RetractItem(poll.number))
    shown = items_of(ann, "me")
    assert [(one.text, one.gone, one.state) for one in shown] == [
        ("buy more rope", "", "kept"),
        ("", "retracted", "kept"),
        ("pack", "", "kept"),
    ]
    assert shown[0].is_pinned
    assert ann.post() == []


@pytest.mark.parametrize(
    "asked",
    [
        WriteItem("Bob", "poll", question="which", options=("a",)),
        WriteItem("Bob", "poll", question="", options=("a", "b")),
        WriteItem("Bob", "poll", question=" ", options=("a", "b")),
        WriteItem("Bob", "poll", question="which", options=("a", "A ")),
        WriteItem("Bob", "poll", question="which", options=("a", "\u200b")),
        WriteItem("Bob", "check-in", question="well?"),
        WriteItem("Bob", "task", title=""),
        WriteItem("Bob", "task", title="x", whom=("ab" * 32, "ab" * 32)),
        WriteItem("Bob", "task", title="x", whom=("ab",)),
        WriteItem("Bob", "notice", text="x" * 2_001),
        WriteItem("Bob", text="x", timer=400 * DAY_S),
        WriteItem("Bob", text="x", mentions=(MentionAsked(start=0, length=1, key="zz"),)),
    ],
)
def test_what_breaks_a_bound_is_refused_in_words(asked: WriteItem) -> None:
    ann, _ = both()
    assert refused(ann, asked) == "bad-content"
    assert items_of(ann, "Bob") == []


# --- In any order, through the mail -------------------------------------------------------------


def test_changes_that_come_before_their_object_wait_for_it() -> None:
    ann, bob = both()
    mine = do(ann, WriteItem("Bob", text="first"))
    do(ann, EditItem(mine.number, "second"))
    do(ann, ReactToItem(mine.number, ("+",)))
    posted: list[Envelope] = ann.post()
    for envelope in reversed(posted):
        assert items_of(bob, "Ann") == []
        bob.receive([envelope])
    (shown,) = items_of(bob, "Ann")
    assert shown.text == "second"
    assert [one.who for one in shown.reactions] == [["Ann"]]
    # Once more, as a peer with all of it brings it.
    bob.receive(posted)
    assert items_of(bob, "Ann") == [shown]


BLANKS = (" ", "\n \t", "\u200b", "\u2800", "\u3164", "\u00a0\ufe0f")


@pytest.mark.parametrize("blank", BLANKS)
def test_words_that_nobody_sees_are_not_written(blank: str) -> None:
    ann, _ = both()
    assert refused(ann, SendMessage("Bob", blank)) == "empty"
    assert refused(ann, WriteItem("Bob", text=blank)) == "empty"
    number = do(ann, WriteItem("Bob", text="Seven o'clock")).number
    assert refused(ann, EditItem(number, blank)) == "empty"
    assert [one.text for one in items_of(ann, "Bob")] == ["Seven o'clock"]


def test_one_sign_that_is_seen_is_a_text() -> None:
    ann, _ = both()
    for text in ("?", "\u2764\ufe0f", "\U0001f469\u200d\U0001f680", " .", "\u0300"):
        assert do(ann, WriteItem("Bob", text=text)).text == text


def test_words_of_others_that_nobody_sees_are_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    ann, bob = both()
    with monkeypatch.context() as other_program:
        other_program.setattr(statements, "is_blank", lambda text: False)
        do(bob, WriteItem("Ann", text="\u200b"))
    exchange(ann, bob)
    assert [one.text for one in items_of(ann, "Bob")] == ["\u200b"]
