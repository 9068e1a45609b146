"""A command of the chat asks the node for one thing, about an item that is shown."""

import pytest

from mesh.cli.cards import OFFERED, QUESTION
from mesh.cli.changing import Change
from mesh.cli.chat.history import History
from mesh.cli.chat.wishes import Aim, Confirm, Edit, Reply, wish_of
from mesh.cli.chat.words import WORDS, taken_apart
from mesh.commands.item_commands import (
    AnswerCheckIn,
    ChangeTask,
    ClosePoll,
    EditItem,
    ForgetItem,
    HideItem,
    PinItem,
    ReactToItem,
    RetractItem,
    Vote,
    WriteItem,
)
from mesh.commands.items import (
    CheckInAnswer,
    ChoiceAnswer,
    ItemsAnswer,
    OptionAnswer,
    PollAnswer,
    RollUpAnswer,
)
from mesh.errors import UserError
from tests.cli.answers import ME, item

HERE = 5
THEIRS = item(number=3, text="theirs")
MINE = item(number=4, text="mine", author=ME)
GONE = item(number=8, text="", gone="retracted")
POLL = item(
    number=6,
    kind="poll",
    author=ME,
    poll=PollAnswer(
        question="Where?",
        options=[
            OptionAnswer(text=text, count=0, is_mine=False, who=[]) for text in ("Gate", "Bridge")
        ],
        is_several=True,
        closes=0,
        is_closed=False,
        late_count=0,
        voters_count=0,
        of=2,
    ),
)
CHECK_IN = item(
    number=7,
    kind="check-in",
    author=ME,
    check_in=CheckInAnswer(
        question="Well?",
        answers=[ChoiceAnswer(words="safe", level=0), ChoiceAnswer(words="help", level=2)],
        asked=[],
        until=0,
        old_after=0,
        people=[],
        of=0,
        roll_up=RollUpAnswer(),
    ),
)


@pytest.fixture
def history() -> History:
    """Return a history with an item of each kind."""
    made = History()
    items = [THEIRS, MINE, POLL, CHECK_IN, GONE]
    made.begin([ItemsAnswer(items=items, has_older=False, has_newer=False)])
    return made


def wished(line: str, history: History) -> Change | Aim:
    return wish_of(taken_apart(line), history, HERE)


@pytest.mark.parametrize(
    "line, wish",
    [
        ("/reply 4 so do I", WriteItem(HERE, text="so do I", reply=4)),
        ("/reply so do I", WriteItem(HERE, text="so do I", reply=3)),
        ("/reply", Reply(THEIRS)),
        ("/reply #4", Reply(MINE)),
        ("/edit 4 other words", EditItem(4, "other words")),
        ("/edit 4", Edit(MINE)),
        ("/react 4 👍 🎉", ReactToItem(4, ("👍", "🎉"))),
        ("/react 👍", ReactToItem(3, ("👍",))),
        ("/react 3", ReactToItem(3, ())),
        ("/delete 4", Confirm("Delete #4 here, and ask their Mesh to?", RetractItem(4))),
        ("/forget 3", Confirm("Delete #3 here alone? Nobody undoes this.", ForgetItem(3))),
        ("/pin 3", PinItem(3)),
        ("/unpin 3", PinItem(3, is_on=False)),
        ("/hide 3", HideItem(3)),
        ("/unhide 3", HideItem(3, is_on=False)),
        ("/vote 6 2 gate 2", Vote(6, (0, 1))),
        ("/vote 6", Vote(6, ())),
        ("/close 6", ClosePoll(6)),
        ("/answer 7 2 at the bridge", AnswerCheckIn(7, 1, note="at the bridge")),
        ("/answer 7 safe", AnswerCheckIn(7, 0)),
        (
            "/poll Where? | Gate|Bridge",
            WriteItem(HERE, "poll", question="Where?", options=("Gate", "Bridge")),
        ),
        ("/check-in", WriteItem(HERE, "check-in", question=QUESTION, answers=OFFERED)),
        ("/check-in All well?", WriteItem(HERE, "check-in", question="All well?", answers=OFFERED)),
        ("/notice Closed", WriteItem(HERE, "notice", text="Closed")),
        ("/task Buy water", WriteItem(HERE, "task", title="Buy water")),
        ("/start 3", ChangeTask(3, "state", "doing")),
        ("/done 3", ChangeTask(3, "state", "done")),
    ],
)
def test_a_command_asks_for_one_thing(line: str, wish: Change | Aim, history: History) -> None:
    assert wished(line, history) == wish


@pytest.mark.parametrize(
    "line, kind",
    [
        ("/reply 9", "not-found"),
        ("/react 9 👍", "not-found"),
        ("/pin 9", "not-found"),
        ("/pin", "usage"),
        ("/delete 4 5", "usage"),
        ("/vote 6 3", "not-found"),
        ("/vote 3 1", "usage"),
        ("/vote", "usage"),
        ("/answer 7", "usage"),
        ("/answer 6 1", "usage"),
        ("/task", "usage"),
        ("/notice", "usage"),
        ("/poll Where? | Gate", "usage"),
    ],
)
def test_a_command_that_says_too_little_asks_for_nothing(
    line: str, kind: str, history: History
) -> None:
    with pytest.raises(UserError) as told:
        wished(line, history)
    assert told.value.kind == kind


def test_in_a_note_to_oneself_the_newest_is_ones_own() -> None:
    notes = History()
    notes.begin([ItemsAnswer(items=[MINE], has_older=False, has_newer=False)])
    assert wished("/react 👍", notes) == ReactToItem(4, ("👍",))
    with pytest.raises(UserError, match="say its number"):
        wished("/edit", History())


def test_without_a_message_of_others_there_is_none_to_answer_to() -> None:
    with pytest.raises(UserError, match="say its number"):
        wished("/reply hello", History())


def test_every_command_does_something(history: History) -> None:
    in_room = {"info", "withdraw", "timer", "board", "search", "older", "help", "quit"}
    in_room |= {"file", "save", "forward"}
    for word in WORDS:
        if word.name not in in_room:
            rest = {"vote": "6 1", "answer": "7 1", "poll": "a | b | c"}.get(word.name, "4")
            wished(f"/{word.name} {rest}", history)
