"""Talk in a group: by all kinds of entries, to everybody, under keys that fit."""

import pytest

from mesh.commands.conversations import (
    AskConversation,
    AskConversations,
    AskRoom,
    ChangeConversation,
    ConversationAnswer,
    ConversationsAnswer,
    DeleteItems,
    ReadItems,
    RoomAnswer,
)
from mesh.commands.groups import (
    AcceptGroup,
    ChangeGroup,
    ForgetGroup,
    LeaveGroup,
    MakeGroup,
    RemoveMember,
    SetMemberRole,
)
from mesh.commands.item_commands import (
    AnswerCheckIn,
    ChangeTask,
    ChoiceAsked,
    EditItem,
    HideItem,
    PinItem,
    ReactToItem,
    RetractItem,
    Vote,
    WriteItem,
)
from mesh.commands.items import ItemAnswer
from mesh.commands.messages import MessageAnswer, SendMessage
from mesh.commands.scheduled import ScheduleText
from mesh.commands.search import HitsAnswer, Search
from mesh.errors import UserError
from mesh.messenger.conversations import writing
from tests.messenger.doing import conversation, details, do, items_of, refused
from tests.messenger.in_groups import acquainted_all, crew, epoch_of, member, settle, told
from tests.messenger.people import Clock, Person, exchange

CHECK_IN = WriteItem(
    "Crew", kind="check-in", question="Safe?", answers=(ChoiceAsked(words="Yes", level=0),)
)


def texts_of(person: Person) -> list[str]:
    return [one.text for one in items_of(person, "Crew") if one.kind != "membership"]


def say(person: Person, text: str) -> ItemAnswer:
    return do(person, WriteItem("Crew", kind="text", text=text))


def of(person: Person, like: ItemAnswer) -> ItemAnswer:
    """The same item as somebody else has it."""
    return next(one for one in items_of(person, "Crew") if one.id == like.id)


def test_what_one_says_all_read_with_its_author() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    said = say(bob, "Hello all")
    assert said.state == "queued"
    exchange(*people)
    assert [texts_of(one) for one in people] == [["Hello all"]] * 3
    assert of(ann, said).author.label == "Bob"
    assert of(ann, said).author.key == member(cem, "Bob").key
    assert (of(bob, said).author.is_mine, of(cem, said).author.is_mine) == (True, False)
    for one in people:
        one.restart()
    answer = cem.ask(SendMessage("Crew", "And to you"))
    assert isinstance(answer, MessageAnswer)
    exchange(*people)
    assert [texts_of(one) for one in people] == [["Hello all", "And to you"]] * 3
    # Who answers has it.
    devices = of(bob, said).devices
    assert devices is not None
    assert (devices.told, devices.of) == (1, 2)
    readers = details(bob, of(bob, said).number).readers
    assert {one.label: one.is_told for one in readers} == {"Ann": False, "Cem": True}
    assert {one.key for one in readers} == {member(bob, name).key for name in ("Ann", "Cem")}
    assert details(cem, of(cem, said).number).readers == []


def test_all_kinds_of_entries_fold_to_the_same_with_everybody() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    poll = do(ann, WriteItem("Crew", kind="poll", question="When?", options=("Now", "Later")))
    text = say(bob, "Helo")
    exchange(*people)
    for one, option in ((ann, 0), (bob, 1), (cem, 1)):
        one.ask(Vote(of(one, poll).number, (option,)))
    bob.ask(EditItem(text.number, "Hello"))
    cem.ask(ReactToItem(of(cem, text).number, ("👍",)))
    cem.ask(PinItem(of(cem, poll).number))
    check = do(ann, CHECK_IN)
    exchange(*people)
    bob.ask(AnswerCheckIn(of(bob, check).number, 0))
    exchange(*people)
    for one in people:
        shown = of(one, poll).poll
        assert shown is not None
        assert [option.count for option in shown.options] == [1, 2]
        assert of(one, poll).is_pinned
        assert of(one, text).text == "Hello"
        assert [(each.emoji, each.who) for each in of(one, text).reactions] == [("👍", ["Cem"])]
    bob.ask(RetractItem(text.number))
    exchange(*people)
    assert [of(one, text).gone for one in people] == ["retracted"] * 3
    # Admins hide, members do not.
    assert refused(bob, HideItem(of(bob, poll).number)) == "not-allowed"
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    settle(*people)
    bob.ask(HideItem(of(bob, poll).number))
    exchange(*people)
    assert [of(one, poll).gone for one in people] == ["hidden"] * 3


def test_who_is_removed_reads_nothing_that_is_said_later_and_is_read_by_nobody() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    say(bob, "Before")
    exchange(*people)
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    settle(ann, cem)
    # He does not know it yet.
    late = say(bob, "Late")
    words = bob.post()
    say(ann, "Without Bob")
    settle(ann, cem)
    assert texts_of(cem) == ["Before", "Without Bob"]
    cem.receive(words)
    assert of(cem, late).is_apart
    bob.receive(ann.store.envelopes.values())
    bob.receive(cem.store.envelopes.values())
    assert told(bob).state == "removed"
    assert texts_of(bob) == ["Before", "Late"]
    assert refused(bob, WriteItem("Crew", kind="text", text="Still here")) in (
        "gone",
        "not-allowed",
    )


def test_what_is_said_while_no_keys_fit_waits_and_goes_under_those_that_do() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    before = epoch_of(cem)
    bob.ask(LeaveGroup("Crew"))
    exchange(*people)
    said = say(cem, "Is Bob gone?")
    assert said.state == "waiting-for-keys"
    assert cem.post() == []
    cem.restart()
    assert of(cem, said).state == "waiting-for-keys"
    settle(*people)
    assert of(cem, said).state == "queued"
    assert epoch_of(cem) != before
    assert "Is Bob gone?" in texts_of(ann)
    assert "Is Bob gone?" not in texts_of(bob)


def test_a_newcomer_reads_what_comes_after_him_whatever_comes_first() -> None:
    people = acquainted_all(Clock(), "Ann", "Bob")
    ann, bob = people
    ann.ask(MakeGroup("Crew", ("Bob",)))
    say(ann, "Alone")
    settle(*people)
    bob.ask(AcceptGroup("Crew"))
    ann.receive(bob.post())
    say(ann, "Welcome")
    posted = ann.post()
    # The last first: the text comes before all that it hangs on.
    for envelope in reversed(posted):
        bob.receive([envelope])
    settle(*people)
    assert texts_of(bob) == ["Welcome"]
    assert texts_of(ann) == ["Alone", "Welcome"]


def test_six_talk_one_goes_and_five_talk_on() -> None:
    people = crew("Ann", "Bob", "Cem", "Dan", "Eve", "Fay")
    for one in people:
        say(one, f"I am {one.name}")
        exchange(*people)
    assert {tuple(texts_of(one)) for one in people} == {tuple(texts_of(people[0]))}
    assert len(texts_of(people[0])) == 6
    gone = people.pop(3)
    people[0].ask(RemoveMember("Crew", member(people[0], "Dan").member))
    settle(*people, gone)
    for one in people:
        say(one, f"{one.name} again")
        exchange(*people, gone)
    assert {tuple(texts_of(one)) for one in people} == {tuple(texts_of(people[0]))}
    assert len(texts_of(people[0])) == 11
    assert len(texts_of(gone)) == 6


def test_a_group_is_a_conversation_like_any_other() -> None:
    ann, bob = people = crew("Ann", "Bob")
    said = say(ann, "A word to be found")
    exchange(*people)
    listed = next(one for one in chats_of(bob) if one.kind == "group")
    assert (listed.title, listed.unread_count, listed.contact) == ("Crew", 1, 0)
    there = of(bob, said)
    conversation(bob, ReadItems("Crew", there.number))
    assert conversation(bob, AskConversation("Crew")).unread_count == 0
    hits = bob.ask(Search("found"))
    assert isinstance(hits, HitsAnswer)
    assert [hit.item.id for hit in hits.hits] == [said.id]
    assert [one.text for one in bob.messages("Crew")] == ["A word to be found"]
    room = bob.ask(AskRoom())
    assert isinstance(room, RoomAnswer)
    assert any(one.kind == "group" and one.messages_count == 3 for one in room.conversations)
    conversation(bob, ChangeConversation("Crew", is_pinned=True, draft="To be said"))
    bob.ask(DeleteItems("Crew"))
    assert texts_of(bob) == []


def test_for_how_long_something_is_posted_again_is_said_of_no_group() -> None:
    ann, _ = crew("Ann", "Bob")
    for asked in (
        SendMessage("Crew", "a day", keep_for="1d"),
        WriteItem("Crew", text="a day", keep_for="1d"),
        ScheduleText("Crew", at=ann.now.expiry + 3_600, text="a day", keep_for="1d"),
        ChangeConversation("Crew", keep_for="7d"),
    ):
        with pytest.raises(UserError, match="mesh group set NAME lifetime") as caught:
            ann.ask(asked)
        assert caught.value.kind == "not-allowed"
    assert conversation(ann, AskConversation("Crew")).keep_for == "30d"
    assert [one.text for one in items_of(ann, "Crew") if one.kind == "text"] == []


def test_what_lapses_in_a_group_is_said_to_be_no_longer_under_way() -> None:
    people = crew("Ann", "Bob")
    ann = people[0]
    said = say(ann, "Into the void")
    ann.post()
    ann.clock.pass_by(9 * 86_400)
    for one in people:
        one.tend()
    assert of(ann, said).state == "expired"


def chats_of(person: Person) -> list[ConversationAnswer]:
    answer = person.ask(AskConversations())
    assert isinstance(answer, ConversationsAnswer)
    return answer.conversations


def test_what_waited_for_keys_never_leaves_once_one_is_out() -> None:
    people = crew("Ann", "Bob", "Cem")
    ann, bob, cem = people
    bob.ask(LeaveGroup("Crew"))
    exchange(*people)
    said = say(cem, "Too late")
    assert said.state == "waiting-for-keys"
    cem.ask(LeaveGroup("Crew"))
    assert of(cem, said).state == "expired"
    settle(*people)
    assert "Too late" not in texts_of(ann)


def test_a_group_that_is_forgotten_leaves_nothing_behind() -> None:
    ann, bob = people = crew("Ann", "Bob")
    said = say(ann, "To be forgotten")
    exchange(*people)
    do(bob, WriteItem("Crew", kind="text", text="This too", reply=of(bob, said).number))
    bob.ask(LeaveGroup("Crew"))
    bob.ask(ForgetGroup("Crew"))
    settle(*people)
    assert [one.kind for one in chats_of(bob)].count("group") == 0
    tables = bob.connection.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND name LIKE 'group%'"
    ).fetchall()
    for (table,) in tables:
        count = bob.connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        assert count == (0,), table
    rows = bob.connection.execute("SELECT data FROM contents").fetchall()
    assert not any(isinstance(data, bytes) and b"forgotten" in data for (data,) in rows)
    bob.restart()
    assert [one.kind for one in chats_of(bob)].count("group") == 0


def test_a_group_into_which_one_is_asked_is_listed_by_its_name() -> None:
    ann, bob = people = acquainted_all(Clock(), "Ann", "Bob")
    ann.ask(MakeGroup("Crew", ("Bob",)))
    exchange(*people)
    assert [one.title for one in chats_of(bob) if one.kind == "group"] == ["Crew"]
    assert refused(bob, WriteItem("Crew", kind="text", text="Early")) == "not-allowed"


def test_who_is_no_member_any_more_is_told_so() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    settle(*people)
    with pytest.raises(UserError, match=r"You were removed from Crew by Ann\."):
        say(bob, "Let me in")
    cem.ask(LeaveGroup("Crew"))
    with pytest.raises(UserError, match="You left Crew"):
        say(cem, "One more thing")
    ann.ask(ChangeGroup("Crew", closed=True))
    with pytest.raises(UserError, match="Crew is closed"):
        say(ann, "And I")


def test_who_has_no_right_in_an_open_group_is_not_told_that_it_is_closed() -> None:
    ann, bob = people = crew("Ann", "Bob")
    ann.ask(ChangeGroup("Crew", write="admins"))
    settle(*people)
    with pytest.raises(UserError, match="In Crew that is not for you to do"):
        say(bob, "May I?")


def test_what_one_entry_cannot_name_is_named_by_further_ones() -> None:
    """Eight would need nine people; the rule is the same for two and three."""
    people = crew("Ann", "Bob", "Cem")
    task = do(people[0], WriteItem("Crew", kind="task", title="fix the pump"))
    settle(*people)
    for person in people:
        do(person, ChangeTask(of(person, task).number, "state", "doing"))
    settle(*people)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "OVER_MAX", 2)
        before = entries_count(people[0])
        do(people[0], ChangeTask(of(people[0], task).number, "state", "done"))
        assert entries_count(people[0]) == before + 2
    settle(*people)
    for person in people:
        shown = of(person, task).task
        assert shown is not None
        assert (shown.state, shown.others) == ("done", [])


def entries_count(person: Person) -> int:
    return len(person.connection.execute("SELECT 1 FROM entries").fetchall())
