"""A newcomer of a group gets the board, what was said lately if it is so set, and no more."""

import pytest

from mesh.commands.conversations import AskConversation
from mesh.commands.groups import (
    AcceptGroup,
    ChangeGroup,
    InviteToGroup,
    MakeGroup,
    RemoveMember,
    SetMemberRole,
)
from mesh.commands.item_commands import (
    AnswerCheckIn,
    AskBoard,
    AskPins,
    ChoiceAsked,
    ClosePoll,
    HideItem,
    PinItem,
    RetractItem,
    Vote,
    WriteItem,
)
from mesh.commands.items import BoardAnswer, ItemAnswer
from mesh.group.cuts import RunHad
from mesh.group.placed_posts import MEMBER_PREFIX_BYTES, SuppliedHad
from mesh.messenger.groups import briefings, group_posting, membership_keeper
from mesh.messenger.groups.membership_keeper import MembershipKeeper
from mesh.storage.connection import transaction
from mesh.storage.vault.vault import Vault
from tests.messenger.doing import conversation, do, items_of
from tests.messenger.in_groups import acquainted_all, crew, inside, member, settle, told
from tests.messenger.people import Clock, Person

Patch = pytest.MonkeyPatch


def three() -> list[Person]:
    """Ann and Bob are in, Cem is not."""
    return crew("Ann", "Bob", others=("Cem",))


def come(people: list[Person]) -> None:
    """Ann lets Cem in."""
    ann, _, cem = people
    ann.ask(InviteToGroup("Crew", ("Cem",)))
    settle(*people)
    cem.ask(AcceptGroup("Crew"))
    settle(*people)
    assert told(cem).state == "in"


def said(person: Person) -> list[ItemAnswer]:
    return [one for one in items_of(person, "Crew") if one.kind != "membership"]


def board_of(person: Person) -> list[ItemAnswer]:
    answer = person.ask(AskBoard("Crew"))
    assert isinstance(answer, BoardAnswer)
    return answer.items


def write_much(people: list[Person]) -> None:
    ann, bob, _ = people
    do(ann, WriteItem("Crew", text="a secret of before"))
    pinned = do(ann, WriteItem("Crew", text="the meeting point"))
    do(ann, PinItem(pinned.number, True))
    poll = do(ann, WriteItem("Crew", "poll", question="when?", options=("now", "later")))
    over = do(ann, WriteItem("Crew", "poll", question="where?", options=("here", "there")))
    do(ann, ClosePoll(over.number))
    safe = WriteItem(
        "Crew", "check-in", question="safe?", answers=(ChoiceAsked(words="yes", level=0),)
    )
    asked = do(ann, safe)
    settle(*people)
    mine = {one.id: one.number for one in items_of(bob, "Crew")}
    do(bob, Vote(mine[poll.id], (1,)))
    do(bob, AnswerCheckIn(mine[asked.id], 0))
    settle(*people)


def test_the_board_comes_with_its_votes_answers_and_pins_and_nothing_else_of_before() -> None:
    people = three()
    write_much(people)
    come(people)
    cem = people[2]
    assert sorted(one.text for one in said(cem)) == ["safe?", "the meeting point", "when?"]
    (poll,) = (one.poll for one in board_of(cem) if one.poll is not None)
    assert [option.count for option in poll.options] == [0, 1]
    (check_in,) = (one.check_in for one in board_of(cem) if one.check_in is not None)
    assert [one.label for one in check_in.people if one.answer is not None] == ["Bob"]
    pins = cem.ask(AskPins("Crew"))
    assert isinstance(pins, BoardAnswer)
    assert [one.text for one in pins.items] == ["the meeting point"]


def test_nothing_of_before_is_unread_or_missed() -> None:
    people = three()
    write_much(people)
    come(people)
    ann, _, cem = people
    assert conversation(cem, AskConversation("Crew")).unread_count == 0
    do(ann, WriteItem("Crew", text="welcome"))
    settle(*people)
    assert [one.missing_count for one in said(cem)] == [0] * 4
    assert conversation(cem, AskConversation("Crew")).unread_count == 1


def test_without_a_board_a_newcomer_gets_none() -> None:
    people = three()
    people[0].ask(ChangeGroup("Crew", board="off"))
    write_much(people)
    come(people)
    assert said(people[2]) == []


def test_history_reaches_so_many_days_back_and_holds_nothing_that_was_taken_back() -> None:
    people = three()
    ann, _, cem = people
    ann.ask(ChangeGroup("Crew", board="off", history=2))
    do(ann, WriteItem("Crew", text="long ago"))
    settle(*people)
    ann.clock.pass_by(3 * 86_400)
    do(ann, WriteItem("Crew", text="yesterday"))
    do(ann, WriteItem("Crew", text="for an hour", timer=3_600))
    wrong = do(ann, WriteItem("Crew", text="a slip"))
    do(ann, RetractItem(wrong.number))
    bad = do(ann, WriteItem("Crew", text="not for all"))
    do(ann, HideItem(bad.number))
    settle(*people)
    come(people)
    assert [one.text for one in said(cem)] == ["yesterday"]
    # Nor in his vault, where another program would find it.
    assert cem.connection.execute(
        "SELECT count(*) FROM texts WHERE text = 'not for all'"
    ).fetchone() == (0,)


def lose_a_vote_by_a_newcomers_removal() -> bool:
    """Cem, who came late and is an admin, removes Bob with what he had; say whether Bob's words of
    before Cem came are apart since then.
    """
    people = three()
    ann, bob, cem = people
    ann.ask(ChangeGroup("Crew", add="members"))
    do(bob, WriteItem("Crew", text="what Bob said"))
    settle(*people)
    come(people)
    ann.ask(SetMemberRole("Crew", member(ann, "Cem").member, "admin"))
    settle(*people)
    cem.ask(RemoveMember("Crew", member(cem, "Bob").member))
    settle(*people)
    assert inside(bob).is_in is False
    return next(one for one in said(ann) if one.text == "what Bob said").is_apart


def test_a_newcomer_cuts_by_what_was_told_him_of_the_time_before(monkeypatch: Patch) -> None:
    assert not lose_a_vote_by_a_newcomers_removal()
    monkeypatch.setattr(MembershipKeeper, "take_had", lambda *_: None)
    assert lose_a_vote_by_a_newcomers_removal()


def test_what_is_had_is_believed_also_before_the_add_has_come(monkeypatch: Patch) -> None:
    monkeypatch.setattr(group_posting, "SUPPLY_POSTS_MAX", 3)
    people = three()
    ann, bob, cem = people
    for number in range(6):
        ann.ask(ChangeGroup("Crew", about=str(number)))
    do(bob, WriteItem("Crew", text="what Bob said"))
    settle(*people)
    ann.ask(InviteToGroup("Crew", ("Cem",)))
    settle(*people)
    cem.ask(AcceptGroup("Crew"))
    ann.receive(cem.post())
    posted = list(ann.post())
    for _ in range(3):
        ann.clock.pass_by(2)
        ann.tend()
        posted += ann.post()
    # What is had comes before one of the supplies that tell of his own add.
    for which in (0, 1, 5, 2, 4, 3):
        cem.receive([posted[which]])
    settle(*people)
    assert told(cem).state == "in"
    assert cem.connection.execute("SELECT count(*) FROM group_had").fetchone() == (1,)


def removed_and_heard_by_a_lie() -> bool:
    """Bob tells all that he wrote in a run of his that he keeps for later, and is removed; say
    whether what he writes there days later counts.
    """
    people = three()
    ann, bob, _ = people
    kept_run, group = 12_345, inside(bob)
    lie = SuppliedHad(group.me[:MEMBER_PREFIX_BYTES], (RunHad(kept_run, 1 << 31, ()),))
    with transaction(bob.connection):
        bob.wired.groups.posting.supply(group, had=[lie], now=bob.now)
        bob.wired.groups.posting.flush(group, bob.now)
    settle(*people)
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    settle(ann)
    ann.clock.pass_by(86_400)
    with transaction(bob.connection):
        Vault(bob.connection).conversations.set_run(group.conversation, kept_run)
    do(bob, WriteItem("Crew", text="still here"))
    settle(*people)
    return not next(one for one in said(ann) if one.text == "still here").is_apart


def test_what_a_member_says_that_he_wrote_lifts_no_cut(monkeypatch: Patch) -> None:
    assert not removed_and_heard_by_a_lie()
    monkeypatch.setattr(membership_keeper, "_is_believed", lambda *_: True)
    assert removed_and_heard_by_a_lie()


def boards_told(is_bounded: bool, monkeypatch: Patch) -> int:
    """Cem and Dan come one after the other to a board that is too large to be told twice an hour;
    return how many of them have it at once.
    """
    with monkeypatch.context() as patched:
        patched.setattr(briefings, "BRIEFING_BYTES_PER_INTERVAL_MAX", 1_000)
        if not is_bounded:
            patched.setattr(briefings, "is_too_much", lambda *_: False)
        people = acquainted_all(Clock(), "Ann", "Cem", "Dan")
        ann = people[0]
        ann.ask(MakeGroup("Crew"))
        for title in ("t" * 200, "u" * 200):
            do(ann, WriteItem("Crew", "task", title=title))
        for name, one in zip(("Cem", "Dan"), people[1:], strict=True):
            ann.ask(InviteToGroup("Crew", (name,)))
            settle(*people)
            one.ask(AcceptGroup("Crew"))
            settle(*people)
        count = sum(len(said(one)) == 2 for one in people[1:])
        ann.clock.pass_by(3_700)
        settle(*people)
        assert [len(said(one)) for one in people[1:]] == [2, 2]
        return count


def test_a_large_board_is_not_told_to_each_who_comes(monkeypatch: Patch) -> None:
    assert boards_told(True, monkeypatch) == 1
    assert boards_told(False, monkeypatch) == 2


def hand_on_what_disappears() -> bool:
    """Ann lets Cem in with what was said lately; say whether he gets what is to disappear."""
    people = three()
    ann, _, cem = people
    ann.ask(ChangeGroup("Crew", history=2))
    do(ann, WriteItem("Crew", text="for an hour", timer=3_600))
    settle(*people)
    come(people)
    return bool(said(cem))


def test_a_newcomer_gets_nothing_that_is_to_disappear(monkeypatch: Patch) -> None:
    assert not hand_on_what_disappears()
    monkeypatch.setattr(briefings.Briefings, "_is_kept_from", lambda *_: False)
    assert hand_on_what_disappears()
