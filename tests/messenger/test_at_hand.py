"""The items that are open or pinned are found, however much of another kind somebody makes."""

from mesh.commands.conversations import AskConversation, ConversationAnswer
from mesh.commands.item_commands import (
    AnswerCheckIn,
    AskBoard,
    AskPins,
    ChangeTask,
    ChoiceAsked,
    ClosePoll,
    ForgetItem,
    PinItem,
    RetractItem,
    WriteItem,
)
from mesh.commands.items import BoardAnswer, ItemAnswer
from mesh.content.entry import Kind, direct_scope, entry_id
from mesh.ids import VerifyKey
from mesh.limits.content import CHECK_INS_COUNTED_MAX
from mesh.storage.connection import transaction
from mesh.storage.vault.at_hand import AT_HAND
from tests.messenger.doing import both, do, items_of, refused, said
from tests.messenger.hostile import entry, write_bytes
from tests.messenger.in_groups import crew, settle
from tests.messenger.people import Person, exchange
from tests.messenger.test_hostile_entries import CLOCK_MAX

ANSWERS = (ChoiceAsked(words="fine", level=0), ChoiceAsked(words="help", level=2))


def board(person: Person, whose: str, before: int | None = None) -> list[ItemAnswer]:
    return page(person, AskBoard(whose, before)).items


def pins(person: Person, whose: str) -> list[str]:
    return [item.text for item in page(person, AskPins(whose)).items]


def page(person: Person, asked: AskBoard | AskPins) -> BoardAnswer:
    answer = person.ask(asked)
    assert isinstance(answer, BoardAnswer)
    return answer


def texts(items: list[ItemAnswer]) -> list[str]:
    return [item.text for item in items]


def test_what_is_over_hides_nothing_that_is_open() -> None:
    ann, bob = both()
    do(ann, WriteItem("Bob", "check-in", question="safe?", answers=ANSWERS))
    do(ann, WriteItem("Bob", "task", title="boil water"))
    exchange(ann, bob)
    for start in range(0, 608, 16):
        notices = [
            entry(Kind.NOTICE, [f"n{number}", 1, False], clock=CLOCK_MAX - number)
            for number in range(start, start + 16)
        ]
        write_bytes(bob, "Ann", notices)
    exchange(ann, bob)
    assert texts(board(ann, "Bob")) == ["boil water", "safe?"]


def test_an_open_task_is_found_under_many_that_are_done() -> None:
    ann, _ = both()
    do(ann, WriteItem("me", "task", title="renew the insurance"))
    for number in range(520):
        task = do(ann, WriteItem("me", "task", title=f"milk {number}"))
        do(ann, ChangeTask(task.number, "state", "done"))
    assert texts(board(ann, "me")) == ["renew the insurance"]


def test_what_is_not_pinned_any_more_hides_no_pin() -> None:
    ann, bob = both()
    shelter = do(ann, WriteItem("Bob", text="address of the shelter"))
    do(ann, PinItem(shelter.number))
    exchange(ann, bob)
    his, hers = (VerifyKey(who.wired.identity.keys.verify_key) for who in (bob, ann))
    made = []
    for number in range(520):
        text = entry(Kind.TEXT, [f"t{number}"], clock=5 + number)
        id_ = entry_id(direct_scope(hers, his), his, text)
        made += [text, entry(Kind.PIN, [False], id_, clock=CLOCK_MAX - number)]
    for start in range(0, len(made), 16):
        write_bytes(bob, "Ann", made[start : start + 16])
    exchange(ann, bob)
    assert pins(ann, "Bob") == ["address of the shelter"]


def test_a_board_has_pages_and_says_when_there_are_more() -> None:
    ann, _ = both()
    for number in range(120):
        do(ann, PinItem(do(ann, WriteItem("me", "task", title=f"task {number}")).number))
    for asked in (AskBoard, AskPins):
        first = page(ann, asked("me"))
        assert (len(first.items), first.has_older) == (50, True)
        second = page(ann, asked("me", first.items[-1].number))
        last = page(ann, asked("me", second.items[-1].number))
        assert (len(last.items), last.has_older) == (20, False)
        found = texts([*first.items, *second.items, *last.items])
        assert found == [f"task {number}" for number in reversed(range(120))]
    # What is done meanwhile keeps its place for who goes on from it.
    done, *below = (item.number for item in board(ann, "me"))
    do(ann, ChangeTask(done, "state", "done"))
    assert [item.number for item in board(ann, "me", done)][: len(below)] == below
    assert board(ann, "me", 0) == []
    assert refused(ann, AskBoard("Bob", done)) == "not-found"


def test_what_stands_changes_with_whatever_may_change_it() -> None:
    ann, bob = both()
    task = do(ann, WriteItem("Bob", "task", title="task"))
    poll = do(ann, WriteItem("Bob", "poll", question="poll", options=("a", "b")))
    soon = ann.now.mesh + 60
    do(ann, WriteItem("Bob", "notice", text="notice", until=soon))
    do(ann, WriteItem("Bob", "check-in", question="check-in", answers=ANSWERS, until=soon))
    word = do(ann, WriteItem("Bob", text="word"))
    do(ann, PinItem(word.number))
    exchange(ann, bob)
    for person, other in ((ann, "Bob"), (bob, "Ann")):
        assert texts(board(person, other)) == ["check-in", "notice", "poll", "task"]
        assert pins(person, other) == ["word"]
    ann.clock.pass_by(60)
    assert texts(board(ann, "Bob")) == ["poll", "task"]
    do(ann, ClosePoll(poll.number))
    ann.clock.pass_by(1)
    do(ann, ChangeTask(task.number, "state", "done"))
    do(ann, PinItem(word.number, False))
    exchange(ann, bob)
    assert (board(ann, "Bob"), pins(ann, "Bob"), pins(bob, "Ann")) == ([], [], [])
    bob.clock.pass_by(61)
    assert board(bob, "Ann") == []
    do(ann, ChangeTask(task.number, "state", "open"))
    do(ann, PinItem(word.number))
    assert (texts(board(ann, "Bob")), pins(ann, "Bob")) == (["task"], ["word"])
    ann.ask(RetractItem(word.number))
    ann.ask(ForgetItem(task.number))
    assert (board(ann, "Bob"), pins(ann, "Bob")) == ([], [])
    assert ann.connection.execute("SELECT entry FROM at_hand WHERE ends = 1 << 62").fetchall() == []


def test_what_was_here_before_there_was_an_index_is_found() -> None:
    ann, _ = both()
    do(ann, WriteItem("me", "task", title="open"))
    done = do(ann, WriteItem("me", "task", title="done"))
    do(ann, ChangeTask(done.number, "state", "done"))
    word = do(ann, WriteItem("me", text="word"))
    do(ann, PinItem(word.number))
    with transaction(ann.connection):
        for statement in ("DROP TABLE at_hand", *AT_HAND):
            ann.connection.execute(statement)
    assert (board(ann, "me"), pins(ann, "me")) == ([], [])
    ann.restart()
    ann.tend()
    assert (texts(board(ann, "me")), pins(ann, "me")) == (["open"], ["word"])


def help_count(person: Person, whose: str) -> int:
    answer = person.ask(AskConversation(whose))
    assert isinstance(answer, ConversationAnswer)
    return answer.help_count


def test_a_list_says_how_many_others_need_help_until_they_say_otherwise() -> None:
    ann, bob = both()
    asked = WriteItem(
        "Bob", "check-in", question="safe?", answers=ANSWERS, until=ann.now.mesh + 3_600
    )
    mine, theirs = said(ann, bob, asked)
    do(bob, AnswerCheckIn(theirs.number, 0))
    exchange(ann, bob)
    assert help_count(ann, "Bob") == 0
    do(bob, AnswerCheckIn(theirs.number, 1))
    exchange(ann, bob)
    # Who calls is not told of it, and no clock hides the call.
    assert (help_count(ann, "Bob"), help_count(bob, "Ann")) == (1, 0)
    ann.clock.pass_by(3_601)
    assert texts(board(ann, "Bob")) == []
    assert help_count(ann, "Bob") == 1
    # Nor does what nobody has answered, however much of it there is.
    for number in range(CHECK_INS_COUNTED_MAX + 1):
        do(ann, WriteItem("Bob", "check-in", question=f"{number}?", answers=ANSWERS))
    assert help_count(ann, "Bob") == 1
    do(bob, AnswerCheckIn(theirs.number, 0))
    exchange(ann, bob)
    assert help_count(ann, "Bob") == 0
    # A call of one for the other counts there as well, once.
    do(ann, AnswerCheckIn(mine.number, 1, subject=theirs_key(ann, mine)))
    assert help_count(ann, "Bob") == 1
    do(ann, ForgetItem(mine.number))
    assert help_count(ann, "Bob") == 0


def theirs_key(person: Person, asked: ItemAnswer) -> str:
    """The key of the other one who is asked in a check-in of two."""
    [card] = [one.check_in for one in items_of(person, "Bob") if one.number == asked.number]
    assert card is not None
    return next(one.key for one in card.people if not one.is_me)


def test_nobody_hides_a_call_for_help_by_check_ins_of_his_own() -> None:
    ann, bob, mal = people = crew("Ann", "Bob", "Mal")

    def check_in(by: Person, answer: int, who: Person) -> None:
        do(by, WriteItem("Crew", "check-in", question="?", answers=ANSWERS))
        settle(*people)
        newest = [item for item in items_of(who, "Crew") if item.check_in is not None][-1]
        do(who, AnswerCheckIn(newest.number, answer))

    check_in(ann, 1, bob)
    for _ in range(CHECK_INS_COUNTED_MAX):
        check_in(mal, 0, mal)
    settle(*people)
    assert help_count(ann, "Crew") == 1


def test_who_is_nobody_calls_for_no_help() -> None:
    ann, mal = people = crew("Ann", "Mal")
    nobodies = tuple(VerifyKey(bytes([number]) * 32).hex() for number in (1, 2))
    asked = WriteItem("Crew", "check-in", question="?", answers=ANSWERS, asked=nobodies)
    number = do(mal, asked).number
    for key in nobodies:
        do(mal, AnswerCheckIn(number, 1, subject=key))
    settle(*people)
    assert help_count(ann, "Crew") == 0
