"""Polls, check-ins, tasks and notices: both write into them, and both see the same."""

from mesh.commands.item_commands import (
    AnswerCheckIn,
    AskBoard,
    ChangeTask,
    ChoiceAsked,
    ClosePoll,
    Vote,
    WriteItem,
)
from mesh.commands.items import BoardAnswer
from mesh.content.entry import Kind, decode_entry
from tests.messenger.doing import (
    both,
    do,
    item,
    refused,
    said,
)
from tests.messenger.people import exchange

# --- Polls, check-ins, tasks, notices -----------------------------------------------------------


def test_a_poll_is_voted_closed_and_counts_late_votes_apart() -> None:
    ann, bob = both()
    asked = WriteItem("Bob", "poll", question="when?", options=("mon", "tue", "wed"))
    mine, theirs = said(ann, bob, asked)
    do(ann, Vote(mine.number, (0,)))
    do(bob, Vote(theirs.number, (0,)))
    do(bob, Vote(theirs.number, (2,)))
    exchange(ann, bob)
    for person, number in ((ann, mine.number), (bob, theirs.number)):
        poll = item(person, number).poll
        assert poll is not None
        assert [one.count for one in poll.options] == [1, 0, 1]
        assert [one.is_mine for one in poll.options] == [person is ann, False, person is bob]
        assert (poll.voters_count, poll.of, poll.is_closed) == (2, 2, False)
    assert refused(bob, Vote(theirs.number, (0, 1))) == "bad-content"
    assert refused(bob, Vote(theirs.number, (3,))) == "bad-content"
    assert refused(bob, ClosePoll(theirs.number)) == "not-yours"
    ann.clock.pass_by(10)
    do(ann, ClosePoll(mine.number))
    # Bob has not heard of the end.
    bob.clock.pass_by(10)
    do(bob, Vote(theirs.number, (1,)))
    exchange(ann, bob)
    for person, number in ((ann, mine.number), (bob, theirs.number)):
        poll = item(person, number).poll
        assert poll is not None
        assert poll.is_closed
        assert [one.count for one in poll.options] == [1, 0, 1]
        assert poll.late_count == 1
    assert refused(ann, Vote(mine.number, (1,))) == "too-late"
    assert ann.ask(AskBoard("Bob")) == BoardAnswer(items=[])


def test_a_slow_clock_closes_no_vote_out_that_was_seen() -> None:
    ann, bob = both()
    asked = WriteItem("Bob", "poll", question="when?", options=("mon", "tue"))
    mine, theirs = said(ann, bob, asked)
    bob.wall_error_s = 200
    do(bob, Vote(theirs.number, (1,)))
    exchange(ann, bob)
    do(ann, ClosePoll(mine.number))
    exchange(ann, bob)
    poll = item(ann, mine.number).poll
    assert poll is not None
    assert ([one.count for one in poll.options], poll.late_count) == ([0, 1], 0)


def test_a_check_in_shows_what_each_said_and_a_call_for_help() -> None:
    ann, bob = both()
    answers = (
        ChoiceAsked(words="safe", level=0),
        ChoiceAsked(words="on my way", level=1),
        ChoiceAsked(words="help", level=2),
    )
    mine, theirs = said(
        ann, bob, WriteItem("Bob", "check-in", question="all well?", answers=answers)
    )
    key = mine.author.key
    do(bob, AnswerCheckIn(theirs.number, 0, note="at home", place="Bergen"))
    do(bob, AnswerCheckIn(theirs.number, 2, subject=key))
    exchange(ann, bob)
    check_in = item(ann, mine.number).check_in
    assert check_in is not None
    by_label = {person.label: person for person in check_in.people}
    assert by_label["Bob"].answer is not None
    assert (by_label["Bob"].answer.note, by_label["Bob"].answer.place) == ("at home", "Bergen")
    assert by_label["Ann"].answer is not None
    assert (by_label["Ann"].answer.which, by_label["Ann"].answer.by_label) == (2, "Bob")
    # One's own word settles it.
    do(ann, AnswerCheckIn(mine.number, 1))
    exchange(ann, bob)
    ann.clock.pass_by(7 * 3_600)
    for person, number in ((ann, mine.number), (bob, theirs.number)):
        check_in = item(person, number).check_in
        assert check_in is not None
        word = next(one for one in check_in.people if one.label == "Ann")
        assert word.answer is not None
        assert (word.answer.which, word.answer.is_old, word.others) == (1, True, [])
    # A call after that stands beside it.
    do(bob, AnswerCheckIn(theirs.number, 2, subject=key))
    exchange(ann, bob)
    check_in = item(ann, mine.number).check_in
    assert check_in is not None
    word = next(one for one in check_in.people if one.is_me)
    assert word.answer is not None
    assert (word.answer.which, [one.which for one in word.others]) == (1, [2])


def test_a_check_in_tells_how_old_the_last_sign_of_who_is_silent_is() -> None:
    ann, bob = both()
    exchange(ann, bob)
    at = bob.now.mesh
    answers = (ChoiceAsked(words="safe", level=0),)
    ann.clock.pass_by(3_600)
    mine, theirs = said(ann, bob, WriteItem("Bob", "check-in", question="well?", answers=answers))

    def heard() -> dict[str, int]:
        check_in = item(ann, mine.number).check_in
        assert check_in is not None
        return {person.label: person.heard for person in check_in.people}

    assert heard() == {"Ann": 0, "Bob": at}
    # Anything of theirs is a sign, and no word on how they are.
    bob.send("Ann", "hm")
    exchange(ann, bob)
    assert at + 3_600 <= heard()["Bob"] <= ann.now.mesh
    do(bob, AnswerCheckIn(theirs.number, 0))
    exchange(ann, bob)
    assert heard()["Bob"] == 0


def test_a_task_is_changed_by_both_and_tells_what_stands_beside() -> None:
    ann, bob = both()
    mine, theirs = said(ann, bob, WriteItem("Bob", "task", title="fix the pump", notes="soon"))
    key = theirs.author.key
    do(bob, ChangeTask(theirs.number, "state", "doing"))
    do(bob, ChangeTask(theirs.number, "for", (key,)))
    exchange(ann, bob)
    task = item(ann, mine.number).task
    assert task is not None
    assert (task.state, task.by, [one.label for one in task.whom]) == ("doing", "Bob", ["Ann"])
    # Both set it without having seen the other's word.
    do(ann, ChangeTask(mine.number, "state", "open"))
    do(bob, ChangeTask(theirs.number, "state", "done"))
    do(ann, ChangeTask(mine.number, "title", "fix both pumps"))
    exchange(ann, bob)
    told = []
    for person, number in ((ann, mine.number), (bob, theirs.number)):
        shown = item(person, number)
        assert shown.text == "fix both pumps"
        assert shown.task is not None
        assert len(shown.task.others) == 1
        told.append((shown.task.state, shown.task.by, shown.task.others))
    assert told[0] == told[1]
    # Whoever has seen both settles it with one press.
    do(ann, ChangeTask(mine.number, "state", "done"))
    exchange(ann, bob)
    task = item(bob, theirs.number).task
    assert task is not None
    assert (task.state, task.by, task.others) == ("done", "Ann", [])
    assert refused(ann, ChangeTask(mine.number, "state", "gone")) == "bad-content"
    assert refused(ann, ChangeTask(mine.number, "until", "x")) == "bad-content"


def test_a_value_names_ones_own_word_before_what_else_stands() -> None:
    ann, bob = both()
    mine, theirs = said(ann, bob, WriteItem("Bob", "task", title="fix the pump"))
    do(ann, ChangeTask(mine.number, "state", "doing"))
    ann.clock.pass_by(10)
    do(bob, ChangeTask(theirs.number, "state", "done"))
    exchange(ann, bob)
    do(ann, ChangeTask(mine.number, "state", "open"))
    written = ann.connection.execute(
        "SELECT id, data FROM entries JOIN contents ON entry = number WHERE kind = ? "
        "ORDER BY number",
        (int(Kind.CHANGE),),
    ).fetchall()
    (of_ann, _), (of_bob, _), (_, data) = written
    assert isinstance(data, bytes)
    # His is the greater one, and stands; hers comes first, since of an author one word counts.
    assert list(decode_entry(data).over) == [of_ann, of_bob]


def test_notices_are_over_in_time_and_a_board_holds_what_is_open() -> None:
    ann, bob = both()
    until = ann.clock.now.mesh + 100
    _, theirs = said(ann, bob, WriteItem("Bob", "notice", text="leave by 5", until=until))
    said(ann, bob, WriteItem("Bob", "task", title="pack"))
    board = bob.ask(AskBoard("Ann"))
    assert isinstance(board, BoardAnswer)
    assert [one.kind for one in board.items] == ["task", "notice"]
    bob.clock.pass_by(200)
    board = bob.ask(AskBoard("Ann"))
    assert isinstance(board, BoardAnswer)
    assert [one.kind for one in board.items] == ["task"]
    notice = item(bob, theirs.number).notice
    assert notice is not None
    assert notice.is_over
