"""Operations stand among what is said in a group."""

import pytest

from mesh.commands.conversations import AskConversation, DeleteItems
from mesh.commands.groups import (
    AcceptGroup,
    ChangedSetting,
    ChangeGroup,
    DeclineGroup,
    InviteToGroup,
    LeaveGroup,
    MembershipAnswer,
    RemoveMember,
    SetMemberRole,
)
from mesh.commands.item_commands import PinItem, ReactToItem, WriteItem
from mesh.commands.items import ItemAnswer
from mesh.commands.messages import SendMessage
from mesh.content.entry import Kind
from mesh.content.reaction import React
from mesh.events import ItemAdded, ItemChanged
from mesh.ids import MessageId
from mesh.messenger.conversations import group_entries
from mesh.messenger.conversations.entries import Statement
from mesh.storage.connection import transaction
from mesh.storage.vault.rows import ConversationRow
from tests.messenger.doing import conversation, do, refused, stream_of
from tests.messenger.in_groups import crew, inside, member, settle, told
from tests.messenger.people import Person


def done(person: Person) -> list[MembershipAnswer]:
    found = [one.membership for one in stream_of(person, "Crew") if one.kind == "membership"]
    assert None not in found
    return [one for one in found if one is not None]


def in_short(person: Person) -> list[tuple[str, str, list[str]]]:
    return [(one.action, one.by, one.whom) for one in done(person)]


def test_who_made_it_and_who_came_stand_in_everybodys_stream() -> None:
    ann, bob, cleo = crew("Ann", "Bob", "Cleo")
    expected = [("created", "Ann", []), ("added", "Ann", ["Bob"]), ("added", "Ann", ["Cleo"])]
    assert in_short(ann) == in_short(bob) == in_short(cleo) == expected
    assert [one.is_mine for one in done(ann)] == [True] * 3
    assert [one.is_about_me for one in done(bob)] == [False, True, False]


def test_changes_stand_where_they_were_made() -> None:
    ann, bob, cleo = crew("Ann", "Bob", "Cleo")
    ann.ask(SendMessage("Crew", "first"))
    ann.clock.pass_by(1)
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    settle(ann, bob, cleo)
    bob.ask(ChangeGroup("Crew", about="On Sunday", write="admins"))
    settle(ann, bob, cleo)
    ann.ask(RemoveMember("Crew", member(ann, "Cleo").member))
    settle(ann, bob, cleo)
    role, setting, removal = done(bob)[-3:]
    assert (role.action, role.role, role.is_about_me) == ("role", "admin", True)
    assert setting.is_mine
    assert setting.changes == [
        ChangedSetting(setting="about", value="On Sunday"),
        ChangedSetting(setting="write", value="admins"),
    ]
    assert (removal.action, removal.whom) == ("removed", ["Cleo"])
    assert done(cleo)[-1].is_about_me
    kinds = [one.kind for one in stream_of(bob, "Crew")]
    assert kinds == ["membership"] * 3 + ["text"] + ["membership"] * 3
    assert [one.id for one in stream_of(ann, "Crew")] == [one.id for one in stream_of(bob, "Crew")]


def test_who_leaves_is_told_of() -> None:
    ann, bob = crew("Ann", "Bob")
    bob.ask(LeaveGroup("Crew"))
    settle(ann, bob)
    assert in_short(ann)[2] == ("left", "Bob", ["Bob"])


def told_items(person: Person, kind: type[ItemAdded | ItemChanged]) -> list[ItemAnswer]:
    return [event.item for event in person.events if isinstance(event, kind)]


def test_who_listens_is_told_of_each_since_he_is_in() -> None:
    _, bob, _ = crew("Ann", "Bob", "Cleo")
    told = [one.membership for one in told_items(bob, ItemAdded) if one.membership is not None]
    assert [(one.action, one.whom) for one in told] == [("added", ["Cleo"])]


def test_nothing_is_unread_for_it_and_nothing_is_done_to_it() -> None:
    ann, bob = crew("Ann", "Bob")
    assert conversation(bob, AskConversation("Crew")).unread_count == 0
    item = stream_of(bob, "Crew")[0]
    for asked in (
        ReactToItem(item.number, ("👍",)),
        PinItem(item.number, True),
        WriteItem("Crew", text="so", reply=item.number),
    ):
        assert refused(bob, asked) == "bad-content"
    bob.ask(DeleteItems("Crew"))
    assert stream_of(bob, "Crew") == []
    ann.ask(ChangeGroup("Crew", about="again"))
    settle(ann, bob)
    assert [one.action for one in done(bob)] == ["set"]


def react_to_an_operation() -> bool:
    """Mallory reacts to her own coming in, as if it were an item; say whether that does anything:
    software that has the operation and such that has not would differ, or fail.
    """
    ann, mal = crew("Ann", "Mal")
    shown = stream_of(ann, "Crew")[-1]
    target = bytes.fromhex(shown.id)
    group = inside(mal)
    row = ConversationRow(group.conversation, "group", None)
    statement = Statement(Kind.REACT, React(["!"]), target)
    try:
        with transaction(mal.connection):
            mal.wired.conversations.groups.write(row, statement, now=mal.now)
        settle(ann, mal)
    except ValueError:
        return True
    return bool(next(one for one in stream_of(ann, "Crew") if one.id == shown.id).reactions)


def test_no_entry_is_about_an_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not react_to_an_operation()
    monkeypatch.setattr(group_entries, "membership_row_id", MessageId)
    assert react_to_an_operation()


def test_what_counts_no_more_stays_and_says_so() -> None:
    ann, bob, cleo, dan = crew("Ann", "Bob", "Cleo", "Dan")
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    settle(ann, bob, cleo, dan)
    # At the same time: Bob removes Cleo while Ann makes her an admin.
    bob.ask(RemoveMember("Crew", member(bob, "Cleo").member))
    ann.ask(SetMemberRole("Crew", member(ann, "Cleo").member, "admin"))
    assert done(bob)[-1].counts
    number = stream_of(bob, "Crew")[-1].number
    settle(ann, bob, cleo, dan)
    voided = next(one for one in stream_of(bob, "Crew") if one.number == number)
    assert voided.membership is not None
    assert not voided.membership.counts
    assert voided.membership.why
    # Cleo is an admin now: he may not do it again.
    assert not voided.membership.repeat
    assert number in [one.number for one in told_items(bob, ItemChanged)]


def test_who_comes_back_still_sees_what_was_before() -> None:
    ann, bob = crew("Ann", "Bob")
    do(ann, WriteItem("Crew", text="before"))
    settle(ann, bob)
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    settle(ann, bob)
    ann.ask(InviteToGroup("Crew", ("Bob",)))
    settle(ann, bob)
    assert [one.text for one in stream_of(bob, "Crew") if one.kind == "text"] == ["before"]
    bob.ask(AcceptGroup("Crew"))
    settle(ann, bob)
    assert [one.whom for one in done(bob) if one.action == "added"] == [["Bob"], ["Bob"]]
    assert do(bob, WriteItem("Crew", text="back")).number


def test_who_declines_to_come_back_keeps_what_was_before() -> None:
    ann, bob = crew("Ann", "Bob")
    do(ann, WriteItem("Crew", text="before"))
    settle(ann, bob)
    bob.ask(LeaveGroup("Crew"))
    settle(ann, bob)
    ann.ask(InviteToGroup("Crew", ("Bob",)))
    settle(ann, bob)
    bob.ask(DeclineGroup("Crew"))
    assert told(bob).state == "left"
    assert [one.text for one in stream_of(bob, "Crew") if one.kind == "text"] == ["before"]
