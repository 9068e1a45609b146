"""Contents: what is valid, where, and about what; and what polls, check-ins and tasks fold to."""

from contextlib import suppress
from typing import cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.content.check_in import (
    Answer,
    CheckIn,
    Choice,
    Level,
    Standing,
    standing_of,
    word_of,
)
from mesh.content.entry import Entry, EntryId, Kind
from mesh.content.fields import InvalidContentError
from mesh.content.kinds import (
    KINDS,
    OBJECTS,
    Field,
    Place,
    Register,
    check_about,
    check_fit,
    content_of,
    is_known,
    register_of,
)
from mesh.content.poll import Close, Poll, Vote, close_at, tally
from mesh.content.register import Value
from mesh.content.task import Change, State, Task
from mesh.content.task import Field as TaskField
from mesh.content.text import Edit, Mark, Text, shown_marks
from mesh.ids import VerifyKey
from tests.content.making import ADA, BEN, CY, SOME_ID, about, entry, value_of

FILE = [bytes(32), bytes(32), bytes(16), 5, "text/plain", "a.txt", 0, 0, 0, 0, b"", b""]

VALID: list[Entry] = [
    entry(Kind.TEXT, ["hello"]),
    entry(Kind.TEXT, ["hello", [[0, 0, 5]], [[0, 2, bytes(32)]], SOME_ID, [FILE], ""], timer=60),
    entry(Kind.TEXT, ["", [], [], b"", [FILE]]),
    entry(Kind.POLL, ["When?", ["now", "later"], False, 0], timer=60),
    entry(Kind.CHECK_IN, ["How are you?", [["fine", 0], ["help", 2]]]),
    entry(Kind.TASK, ["water", "two cans", [bytes(32)], 9]),
    entry(Kind.NOTICE, ["The bridge is closed.", 0, True]),
    about(Kind.EDIT, ["hello again"]),
    about(Kind.EDIT, [""]),
    about(Kind.RETRACT, []),
    about(Kind.HIDE, [True]),
    about(Kind.REACT, [["👍", "ok"]]),
    about(Kind.REACT, [[]]),
    about(Kind.PIN, [True]),
    entry(Kind.TIMER, [86_400]),
    entry(Kind.NAME, ["Anna"]),
    entry(Kind.NAME, ["n" * 64]),
    about(Kind.VOTE, [[0, 3]]),
    about(Kind.CLOSE, [5]),
    about(Kind.ANSWER, [1, "my leg", "the mill", bytes(32)]),
    about(Kind.CHANGE, [0, 2]),
    about(Kind.CHANGE, [1, "water and bread"]),
    about(Kind.CHANGE, [3, [bytes(32)]]),
]

INVALID: list[Entry] = [
    entry(Kind.TEXT, [""]),
    entry(Kind.TEXT, ["x" * 60_001]),
    entry(Kind.TEXT, ["é" * 30_001]),
    entry(Kind.TEXT, ["x", [[0, 0, 1]] * 201]),
    entry(Kind.TEXT, ["x", [], [], b"short"]),
    entry(Kind.TEXT, ["x", [], [], b"", [], "n" * 65]),
    entry(Kind.TEXT, ["x"], target=SOME_ID),
    entry(Kind.POLL, ["When?", ["now"], False, 0]),
    entry(Kind.POLL, ["When?", ["now"] * 13, False, 0]),
    entry(Kind.POLL, ["", ["now", "later"], False, 0]),
    entry(Kind.CHECK_IN, ["How?", [["fine", 3]]]),
    entry(Kind.CHECK_IN, ["How?", [["fine", 0]], [bytes(32), bytes(32)]]),
    entry(Kind.CHECK_IN, ["How?", [["fine", 0]]], timer=60),
    entry(Kind.TASK, [""]),
    entry(Kind.TASK, ["x" * 501]),
    entry(Kind.NOTICE, ["x" * 2_001, 0, False]),
    entry(Kind.EDIT, ["about nothing"]),
    about(Kind.HIDE, []),
    about(Kind.REACT, [["a", "b", "c", "d"]]),
    about(Kind.REACT, [["a b"]]),
    about(Kind.REACT, [["a\u0085"]]),
    about(Kind.REACT, [["a", "a"]]),
    about(Kind.REACT, [["x" * 33]]),
    about(Kind.TIMER, [5]),
    entry(Kind.TIMER, [366 * 86_400 + 1]),
    about(Kind.NAME, ["Anna"]),
    entry(Kind.NAME, [""]),
    entry(Kind.NAME, ["n" * 65]),
    entry(Kind.NAME, ["\u00e9" * 33]),
    entry(Kind.NAME, [7]),
    entry(Kind.NAME, ["Anna"], timer=60),
    about(Kind.VOTE, [[1, 1]]),
    about(Kind.VOTE, [[3, 1]]),
    about(Kind.CLOSE, [4], clock=5),
    about(Kind.ANSWER, [6]),
    about(Kind.ANSWER, [0, "x" * 1_001]),
    about(Kind.ANSWER, [0, "", "", b"short"]),
    about(Kind.CHANGE, [0, 3]),
    about(Kind.CHANGE, [0, "done"]),
    about(Kind.CHANGE, [1, ""]),
    about(Kind.CHANGE, [5, 0]),
]


@pytest.mark.parametrize("one", VALID)
def test_what_keeps_its_bounds_is_valid(one: Entry) -> None:
    content_of(one, Place.GROUP)


@pytest.mark.parametrize("one", INVALID)
def test_what_breaks_a_bound_is_invalid(one: Entry) -> None:
    with pytest.raises(InvalidContentError):
        content_of(one, Place.GROUP)


@given(st.sampled_from(Kind), st.binary(max_size=80), st.booleans())
def test_any_content_is_valid_or_invalid(kind: Kind, data: bytes, is_about: bool) -> None:
    one = msgspec.structs.replace(
        entry(kind, [], target=SOME_ID if is_about else b""), content=msgspec.Raw(data)
    )
    with suppress(InvalidContentError):
        content_of(one, Place.GROUP)


def test_the_table_has_every_kind_and_says_where_it_may_be_said() -> None:
    assert {*KINDS} == {*Kind}
    assert not is_known(5)
    assert not is_known(75)
    said = {place: {kind for kind in Kind if place in KINDS[kind].places} for place in Place}
    assert said[Place.SQUARE] == {Kind.TEXT, Kind.RETRACT}
    channel = {Kind.TEXT, Kind.EDIT, Kind.RETRACT, Kind.HIDE, Kind.PIN, Kind.NOTICE}
    assert said[Place.CHANNEL] == channel
    assert said[Place.DIRECT] == set(Kind) - {Kind.HIDE, Kind.NAME}
    assert said[Place.GROUP] == set(Kind)
    with pytest.raises(InvalidContentError, match="not allowed here"):
        content_of(entry(Kind.POLL, ["When?", ["now", "later"], False, 0]), Place.SQUARE)


def test_a_change_is_about_objects_of_its_kinds_and_only_an_author_takes_back() -> None:
    def check(one: Entry, target: Kind, target_author: VerifyKey = ADA) -> None:
        content = content_of(one, Place.GROUP)
        check_about(one, content, author=ADA, target=target, target_author=target_author)

    check(about(Kind.EDIT, ["x"]), Kind.TEXT)
    check(about(Kind.RETRACT, []), Kind.TASK)
    for one, target in (
        (about(Kind.EDIT, ["x"]), Kind.POLL),
        (about(Kind.VOTE, [[0]]), Kind.TEXT),
        (about(Kind.CHANGE, [0, 1]), Kind.NOTICE),
        (about(Kind.PIN, [True]), Kind.EDIT),
    ):
        with pytest.raises(InvalidContentError, match="something else"):
            check(one, target)
    for one in (about(Kind.EDIT, ["x"]), about(Kind.RETRACT, [])):
        with pytest.raises(InvalidContentError, match="not theirs"):
            check(one, Kind.TEXT, BEN)
    assert all(not kind & 64 for kind in OBJECTS)


def test_votes_and_answers_fit_what_they_are_about() -> None:
    poll = Poll("When?", ["now", "later"], is_several=False, closes=0)
    check_fit(Vote([1]), poll)
    check_fit(Vote([]), poll)
    check_in = CheckIn("How?", [Choice("fine", Level.FINE)])
    check_fit(Answer(0), check_in)
    for content, target in ((Vote([2]), poll), (Vote([0, 1]), poll), (Answer(1), check_in)):
        with pytest.raises(InvalidContentError):
            check_fit(content, target)
    check_fit(Vote([0, 1]), msgspec.structs.replace(poll, is_several=True))


def test_each_change_is_a_value_of_one_register() -> None:
    found = {
        one.kind: register_of(one, content_of(one, Place.GROUP), ADA)
        for one in VALID
        if one.kind not in (Kind.CHANGE, Kind.ANSWER)
    }
    assert found[Kind.EDIT] == Register(SOME_ID, Field.TEXT)
    assert found[Kind.REACT] == Register(SOME_ID, Field.REACTION, ADA)
    assert found[Kind.VOTE] == Register(SOME_ID, Field.VOTE, ADA)
    assert found[Kind.TIMER] == Register(b"", Field.TIMER)
    assert found[Kind.NAME] == Register(b"", Field.NAME, ADA)
    assert found[Kind.RETRACT] is None
    assert found[Kind.CLOSE] is None
    assert found[Kind.TEXT] is None
    answer = about(Kind.ANSWER, [0])
    assert register_of(answer, Answer(0), ADA) == Register(SOME_ID, Field.ANSWER, ADA + ADA)
    assert register_of(answer, Answer(0, subject=CY), ADA) == Register(
        SOME_ID, Field.ANSWER, CY + ADA
    )


def test_marks_beyond_the_end_or_of_an_unknown_style_are_passed_over() -> None:
    marks = [Mark(0, 0, 5), Mark(0, 3, 5), Mark(99, 0, 1), Mark(1, 2, 0), Mark(2, 4, 1)]
    assert shown_marks(Edit("héllo", marks)) == [marks[0], marks[4]]
    assert Text("héllo", marks).first == Edit("héllo", marks)


def votes(*cast_by: tuple[int, VerifyKey, int, list[int]]) -> list[Value[Vote]]:
    return [
        cast("Value[Vote]", value_of(number, author, clock, Vote(options)))
        for number, author, clock, options in cast_by
    ]


def test_a_late_vote_takes_nothing_from_an_earlier_one() -> None:
    poll = Poll("When?", ["now", "later"], is_several=False, closes=0)
    cast_votes = votes((1, ADA, 10, [0]), (2, ADA, 30, [1]), (3, BEN, 11, [1]), (4, CY, 40, [0]))
    assert tally(poll, cast_votes, []).counts == (1, 2)
    closed = tally(poll, cast_votes, [25, 20])
    assert (closed.counts, closed.voters, closed.late) == ((1, 1), 2, 2)


def test_who_takes_a_vote_back_is_no_voter() -> None:
    poll = Poll("When?", ["now", "later"], is_several=True, closes=0)
    told = tally(poll, votes((1, ADA, 10, [0, 1]), (2, BEN, 10, [0]), (3, BEN, 11, [])), [])
    assert (told.counts, told.voters, told.late) == ((1, 1), 1, 0)


def test_a_poll_that_closes_by_itself_does_so_by_the_clocks_of_votes() -> None:
    poll = Poll("When?", ["now", "later"], is_several=False, closes=5)
    ends = 5_000 << 16
    told = tally(poll, votes((1, ADA, ends - 1, [0]), (2, BEN, ends, [0])), [])
    assert (told.counts, told.late) == ((1, 0), 1)


def test_a_slow_clock_closes_no_vote_out_that_was_seen() -> None:
    seen = votes((1, ADA, 100, [0]), (2, BEN, 1 << 60, [0]))
    assert close_at(50, seen, ahead_max=1_000) == 101
    assert Close(101).at == 101


HOW = CheckIn(
    "How?", [Choice("fine", Level.FINE), Choice("coming", Level(1)), Choice("help", Level(2))]
)


def answers(*said: tuple[int, VerifyKey, int, int, tuple[EntryId, ...]]) -> list[Value[Answer]]:
    return [
        cast("Value[Answer]", value_of(number, author, clock, Answer(which, subject=ADA), over))
        for number, author, clock, which, over in said
    ]


def test_nobodys_word_and_no_clock_hides_a_call_for_help() -> None:
    help_by_ben = (1, BEN, 10, 2, ())
    fine_by_cy = (2, CY, 1 << 60, 0, ())
    fine_by_ada = (3, ADA, 1 << 60, 0, ())
    for said in ([help_by_ben], [help_by_ben, fine_by_cy], [help_by_ben, fine_by_ada]):
        word = word_of(HOW, ADA, answers(*said))
        assert standing_of(HOW, word, said_ago_s=0) is Standing.HELP


def test_a_persons_own_word_comes_first_and_settles_the_calls_that_it_names() -> None:
    call = (1, BEN, 10, 2, ())
    own = (3, ADA, 5, 0, (EntryId((1).to_bytes(32)),))
    word = word_of(HOW, ADA, answers(call, (2, CY, 50, 1, ()), own))
    assert word.said is not None
    assert word.said.author == ADA
    assert word.calls == ()
    assert standing_of(HOW, word, said_ago_s=0) is Standing.FINE


def test_a_roll_up_tells_who_is_silent_and_whose_word_is_old() -> None:
    assert standing_of(HOW, word_of(HOW, ADA, []), said_ago_s=0) is Standing.NO_ANSWER
    coming = word_of(HOW, ADA, answers((1, BEN, 10, 1, ())))
    assert standing_of(HOW, coming, said_ago_s=21_600) is Standing.ON_THE_WAY
    assert standing_of(HOW, coming, said_ago_s=21_601) is Standing.OLD
    call = word_of(HOW, ADA, answers((1, ADA, 10, 2, ())))
    assert standing_of(HOW, call, said_ago_s=1 << 40) is Standing.HELP


def test_the_fields_of_a_task_are_the_first_values_of_its_registers() -> None:
    first = Task("water", "two cans", [ADA], 9).first
    assert first == {
        TaskField.STATE: State.OPEN,
        TaskField.TITLE: "water",
        TaskField.NOTES: "two cans",
        TaskField.FOR: [ADA],
        TaskField.UNTIL: 9,
    }
    done = Change(TaskField.STATE, msgspec.Raw(msgspec.msgpack.encode(2)))
    assert done.read() is State.DONE
