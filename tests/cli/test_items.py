"""An item is drawn with all that is known of it, and no text of anybody passes for that."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.cli.items import lines_of, summary
from mesh.cli.layout import when
from mesh.cli.messages import SLOW_S
from mesh.cli.sanitise import is_hidden
from mesh.commands.devices import DevicesAnswer
from mesh.commands.files import FileAnswer
from mesh.commands.items import (
    CheckedAnswer,
    CheckInAnswer,
    ChoiceAnswer,
    EditedAnswer,
    ItemAnswer,
    Mark,
    MarkKind,
    MentionAnswer,
    NoticeAnswer,
    OptionAnswer,
    OtherValueAnswer,
    PersonAnswer,
    PollAnswer,
    ReactionAnswer,
    RenamedAnswer,
    ReplyAnswer,
    RetractionAnswer,
    RollUpAnswer,
    TaskAnswer,
    WordAnswer,
)
from mesh.commands.messages import AuthorAnswer, MessageState
from tests.cli.answers import KEY, ME, NOW, item

AT = when(NOW)
HEAD = f"{AT} #7 Ben"
READ = "  [the message itself: read]"
ANYTHING = st.text(st.characters() | st.sampled_from("\x1b\x07\x9b\u202e\u200f\n\r\u2028 ┌"))


def shown(drawn: ItemAnswer) -> list[str]:
    return ["".join(run.text for run in line) for line in lines_of(drawn, "Ben")]


FILE = FileAnswer(
    number=3,
    item=7,
    is_mine=False,
    name="a\nmap \u202e.png",
    media_type="image/png",
    size=921_600,
    state="fetching",
    blocks_count=15,
    here_count=12,
)
REPLY = ReplyAnswer(number=3, id="", author=ME, text="See you\nat 7", gone="")


def test_a_text_says_when_by_whom_and_under_which_number() -> None:
    assert shown(item()) == [f"{HEAD}: Hello"]
    mine = item(author=ME, state="carried", carriers=2)
    assert shown(mine) == [f"{AT} #7 me: Hello  [carried by 2 neighbours]"]
    # Those whom it was proved to have reached have left the group.
    gone = DevicesAnswer(told=None, of=0, silent=None)
    left = item(author=ME, state="carried", carriers=2, devices=gone)
    assert shown(left) == [f"{AT} #7 me: Hello  [nobody else here was in the group then]"]


def test_another_timer_is_a_line() -> None:
    [line] = shown(item(kind="timer", text="", sets_timer=86_400))
    assert line == f"{HEAD}: from here on messages disappear 1 d 0 h after they were read"
    [line] = shown(item(kind="timer", text="", sets_timer=0, author=ME))
    assert line.startswith(f"{AT} #7 me: from here on messages stay  [")


def test_another_name_of_a_member_is_a_line_by_the_name_before() -> None:
    renamed = RenamedAnswer(name="Ada L\u202e", before="Ada")
    [line] = shown(item(kind="name", text="", renamed=renamed))
    assert line == f"{AT} #7 Ada: from here on called Ada L<U+202E>"
    [line] = shown(item(kind="name", text="", renamed=renamed, author=ME))
    assert line.startswith(f"{AT} #7 me: from here on called Ada L")


def test_what_is_answered_to_stands_above_it() -> None:
    assert shown(item(reply=REPLY)) == ["  ┌ #3 me: See you at 7", f"{HEAD}: Hello"]


def devices(told: int) -> DevicesAnswer:
    return DevicesAnswer(told=told, of=6, silent=None)


@pytest.mark.parametrize(
    "fields, told",
    [
        ({}, "12 of 15 blocks here"),
        ({"state": "here", "here_count": 15}, "all here; mesh save keeps it"),
        ({"state": "paused"}, "paused, 12 of 15 blocks here; mesh save goes on"),
        ({"state": "waits"}, "it is large; mesh save fetches it, 12 of 15 blocks here"),
        ({"is_mine": True, "state": "here"}, "kept here"),
        ({"is_mine": True, "state": "here", "opened_count": 3}, "3 of 15 blocks arrived"),
        ({"is_mine": True, "devices": devices(0)}, "kept here"),
        ({"is_mine": True, "devices": devices(4)}, "on 4 of 6 devices"),
    ],
)
def test_a_file_says_how_much_of_it_is_here(fields: dict[str, object], told: str) -> None:
    file = msgspec.structs.replace(FILE, **fields)
    assert shown(item(text="", files=[file])) == [
        f"{HEAD}: ",
        f"  📎 a map <U+202E>.png, 900 KiB: {told}",
    ]


@pytest.mark.parametrize(
    "gone, words",
    [("retracted", "(deleted)"), ("expired", "(disappeared)"), ("later", "(deleted)")],
)
def test_nothing_is_quoted_of_what_is_gone(gone: str, words: str) -> None:
    of_gone = item(reply=msgspec.structs.replace(REPLY, gone=gone))
    assert shown(of_gone)[0] == f"  ┌ #3 me: {words}"


def test_an_answer_to_what_is_not_here_says_so() -> None:
    missing = ReplyAnswer(number=0, id="", author=None, text="", gone="")
    assert shown(item(reply=missing))[0] == "  ┌ to a message that is not here"


def test_a_long_quote_is_cut() -> None:
    (quote, _) = shown(item(reply=msgspec.structs.replace(REPLY, text="x" * 200)))
    assert quote == f"  ┌ #3 me: {'x' * 59}…"


def test_reactions_stand_below_it_with_who_chose_them() -> None:
    chosen = [
        ReactionAnswer(emoji="👍", count=2, is_mine=True, who=["Anna", "Ben"]),
        ReactionAnswer(emoji="🎉", count=1, is_mine=False, who=["Ben"]),
    ]
    assert shown(item(reactions=chosen))[1:] == ["  👍 2 (Anna, Ben)  🎉 1 (Ben)"]


def test_what_holds_for_a_text_stands_beside_it() -> None:
    drawn = item(
        edited=EditedAnswer(count=2, at=NOW),
        forwarded="Carl",
        is_pinned=True,
        timer=3_600,
    )
    told = f"[forwarded from Carl]  [edited 2 times, last {AT}]  [pinned]"
    assert shown(drawn) == [f"{HEAD}: Hello  {told}  [disappears 1 h 0 min after it is read]"]
    running = item(timer=3_600, disappears=NOW, forwarded="", edited=EditedAnswer(count=1, at=NOW))
    assert shown(running) == [f"{HEAD}: Hello  [forwarded]  [edited {AT}]  [disappears {AT}]"]


def test_who_hides_something_is_named() -> None:
    for is_me, words in ((False, "(hidden by Carl)"), (True, "(hidden by me)")):
        by = PersonAnswer(key=KEY, label="Carl", is_me=is_me)
        assert words in shown(item(gone="hidden", text="secret", hidden=by))[0]


def test_an_edit_that_came_late_says_when() -> None:
    slow = EditedAnswer(count=1, at=NOW - SLOW_S - 1, received=NOW)
    assert shown(item(edited=slow))[0].endswith(f", opened {AT}]")
    at_once = EditedAnswer(count=1, at=NOW - SLOW_S, received=NOW)
    assert "opened" not in shown(item(edited=at_once))[0]


@pytest.mark.parametrize(
    "gone, words",
    [
        ("retracted", "(deleted by Ben)"),
        ("expired", "(disappeared)"),
        ("forgotten", "(deleted here)"),
        ("hidden", "(hidden)"),
        ("newer", "(made with a newer Mesh; this one cannot show it)"),
        ("later", "(later)"),
    ],
)
def test_an_item_without_words_says_why_and_nothing_else(gone: str, words: str) -> None:
    drawn = item(gone=gone, text="secret", reply=REPLY, edited=EditedAnswer(count=1, at=NOW))
    assert shown(drawn) == [f"{HEAD}: {words}"]


def test_a_deletion_says_how_far_it_has_come() -> None:
    gone = item(author=ME, gone="retracted", state="read", text="")
    way = RetractionAnswer(state="carried", carriers=1)
    told = shown(msgspec.structs.replace(gone, retraction=way))
    assert told == [f"{AT} #7 me: (deleted by me)  [deletion carried by 1 neighbour]{READ}"]
    there = RetractionAnswer(state="delivered", carriers=1)
    told = shown(msgspec.structs.replace(gone, retraction=there))
    assert told == [f"{AT} #7 me: (deleted by me)  [their device was asked to delete it]{READ}"]


@pytest.mark.parametrize(
    "state, told",
    [
        ("withdrawn", "  [the message itself: withdrawn, not known to be opened]"),
        (
            "delivered-then-withdrawn",
            "  [the message itself: withdrawn, but delivered to their device]",
        ),
        ("delivered", "  [the message itself: delivered to their device]"),
        ("expired", "  [the message itself: expired without proof of delivery]"),
        ("kept", ""),
    ],
)
def test_what_was_deleted_says_how_far_it_had_come(state: MessageState, told: str) -> None:
    way = RetractionAnswer(state="queued", carriers=0)
    gone = item(author=ME, gone="retracted", state=state, text="", retraction=way)
    line = f"{AT} #7 me: (deleted by me)  [deletion queued here]{told}"
    assert shown(gone) == [line]
    devices = DevicesAnswer(told=2, of=3, silent=0, read=0)
    (of_group,) = shown(msgspec.structs.replace(gone, devices=devices))
    assert state == "kept" or "[the message itself: on 2 of 3 devices]" in of_group


def test_a_quote_in_a_group_bears_the_name_of_whom_it_quotes() -> None:
    ada = AuthorAnswer(key="ad" * 32, label="Ada\x1b", is_mine=False)
    reply = msgspec.structs.replace(REPLY, author=ada)
    assert shown(item(reply=reply))[0] == "  ┌ #3 Ada<U+001B>: See you at 7"
    of_ours = item(author=ME, reply=reply)
    assert "Ada<U+001B>: See" in "".join(run.text for run in lines_of(of_ours, ME.label)[0])
    # Between two it is whom one writes with, by the name that tells them from others.
    assert "Ada [abcd]: See" in "".join(run.text for run in lines_of(of_ours, "Ada [abcd]")[0])


@pytest.mark.parametrize(
    "kind, start, length, drawn",
    [
        ("bold", 0, 3, "*one* two"),
        ("italic", 4, 3, "one _two_"),
        ("struck", 0, 7, "~one two~"),
        ("code", 4, 3, "one `two`"),
        ("quote", 0, 7, "> one two"),
        ("bold", 4, 4, "one two"),
        ("bold", 9, 1, "one two"),
        ("bold", 0, 0, "one two"),
    ],
)
def test_marks_become_signs(kind: MarkKind, start: int, length: int, drawn: str) -> None:
    mark = Mark(kind=kind, start=start, length=length)
    assert shown(item(text="one two", marks=[mark])) == [f"{HEAD}: {drawn}"]


def test_every_line_of_a_quotation_and_of_code_is_marked() -> None:
    quote = Mark(kind="quote", start=0, length=7)
    assert shown(item(text="one\ntwo", marks=[quote])) == [f"{HEAD}: > one", "    > two"]
    block = Mark(kind="block", start=0, length=3)
    drawn = [f"{HEAD}: ```", "    one", "    ```"]
    assert shown(item(text="one", marks=[block])) == drawn


def test_who_is_meant_is_told_where_the_words_say_another() -> None:
    ben = MentionAnswer(start=0, length=5, key=KEY, label="Ben")
    assert shown(item(text="@Anna hi", mentions=[ben])) == [f"{HEAD}: @Anna (Ben) hi"]
    anna = MentionAnswer(start=0, length=5, key=ME.key, label="Anna")
    assert shown(item(text="@Anna hi", mentions=[anna])) == [f"{HEAD}: @Anna hi"]


def test_a_poll_shows_its_votes_and_the_numbers_to_vote_by() -> None:
    poll = PollAnswer(
        question="Where?",
        options=[
            OptionAnswer(text="Gate", count=2, is_mine=True, who=["Anna", "Ben"]),
            OptionAnswer(text="Bridge", count=0, is_mine=False, who=[]),
        ],
        is_several=False,
        closes=NOW,
        is_closed=True,
        late_count=1,
        voters_count=2,
        of=2,
    )
    assert shown(item(kind="poll", text="Where?", poll=poll)) == [
        f"{HEAD} (poll): Where?  [2 of 2 voted]  [closed]  [1 vote came after the close]",
        "  1. Gate — 2 (Anna, Ben)",
        "  2. Bridge — 0",
    ]


def word(which: int, *, by: str = "Ben", **fields: object) -> WordAnswer:
    key = KEY if by == "Ben" else by
    said = WordAnswer(which=which, note="", place="", at=NOW, by=key, by_label=by, is_old=False)
    return msgspec.structs.replace(said, **fields)


def checked(label: str, said: WordAnswer | None, *others: WordAnswer) -> CheckedAnswer:
    key = KEY if label == "Ben" else label
    return CheckedAnswer(key=key, label=label, is_me=False, answer=said, others=list(others))


def test_a_check_in_shows_first_who_needs_help() -> None:
    choices = [
        ChoiceAnswer(words="safe", level=0),
        ChoiceAnswer(words="on my way", level=1),
        ChoiceAnswer(words="need help", level=2),
    ]
    check_in = CheckInAnswer(
        question="All well?",
        answers=choices,
        asked=[],
        until=0,
        old_after=3_600,
        people=[
            checked("Ben", word(0)),
            checked("Cleo", word(0, by="Cleo", is_old=True), word(2, by="Ben", note="hurt")),
            msgspec.structs.replace(checked("Dora", None), heard=NOW),
            checked("Gil", None),
            checked("Eva", word(1, by="Ben", place="the bridge")),
            checked("Fay", word(0, by="Ben", is_old=True)),
        ],
        of=6,
        roll_up=RollUpAnswer(help=1, silent=2, on_the_way=1, old=1, fine=1),
    )
    assert shown(item(kind="check-in", text="All well?", check_in=check_in)) == [
        f"{HEAD} (check-in): All well?  [HELP: Cleo]  [2 of 6 without an answer]",
        "  answers: 1 safe; 2 on my way; 3 need help",
        f"  Cleo: safe ({AT}, old); also: need help: hurt ({AT}, says Ben)",
        f"  Dora: no answer, heard {AT}",
        "  Gil: no answer, not heard yet",
        f"  Eva: on my way, at the bridge ({AT}, says Ben)",
        f"  Fay: safe ({AT}, old, says Ben)",
        f"  Ben: safe ({AT})",
    ]


def test_who_is_not_named_is_counted() -> None:
    choices = [ChoiceAnswer(words="need help", level=2)]
    calls = [word(0, by="Ben")] * 2
    check_in = CheckInAnswer(
        question="All well?",
        answers=choices,
        asked=[],
        until=0,
        old_after=0,
        people=[msgspec.structs.replace(checked("Ben", *calls), others_count=4)],
        of=20,
        roll_up=RollUpAnswer(help=12, silent=3, fine=5),
    )
    reactions = [ReactionAnswer(emoji="👍", count=9, is_mine=False, who=["Anna", "Ben"])]
    drawn = item(kind="check-in", text="All well?", check_in=check_in, reactions=reactions)
    call = f"need help ({AT})"
    assert shown(drawn) == [
        f"{HEAD} (check-in): All well?  [HELP: Ben, and 11 more]  [3 of 20 without an answer]",
        "  answers: 1 need help",
        f"  Ben: {call}; also: need help ({AT}, says Ben); also: and 3 more",
        "  and 19 more",
        "  👍 9 (Anna, Ben, and 7 more)",
    ]


def test_a_task_shows_how_it_stands_and_what_others_say_of_it() -> None:
    task = TaskAnswer(
        title="Water",
        notes="six\nboxes",
        whom=[PersonAnswer(key=KEY, label="Ben")],
        until=NOW,
        state="done",
        by="Ada",
        at=NOW,
        others=[OtherValueAnswer(field="state", value="open", by="Ben", at=NOW)],
    )
    assert shown(item(kind="task", text="Water", task=task)) == [
        f"{HEAD} (task): Water  [done, Ada, {AT}]  [for Ben]  [until {AT}]",
        "  | six",
        "  | boxes",
        f"  also state: open, by Ben, {AT}",
    ]


def test_a_notice_says_until_when_it_holds() -> None:
    notice = NoticeAnswer(text="Closed", until=NOW, is_urgent=True, is_over=False)
    drawn = item(kind="notice", text="Closed", notice=notice)
    assert shown(drawn) == [f"{HEAD} (notice): Closed  [urgent]  [until {AT}]"]


@given(ANYTHING)
def test_no_text_commands_the_terminal_or_passes_for_what_is_said_about_it(text: str) -> None:
    chosen = [ReactionAnswer(emoji=text, count=1, is_mine=False, who=[text])]
    quote = msgspec.structs.replace(REPLY, text=text)
    first, second, *more, last = shown(item(text=text, reply=quote, reactions=chosen))
    assert first.startswith("  ┌ #3 me: ")
    assert second.startswith(f"{HEAD}: ")
    assert last.startswith("  ")
    assert all(line.startswith("    ") for line in more)
    assert not any(map(is_hidden, "".join((first, second, *more, last))))


def test_where_several_conversations_are_shown_each_line_says_in_which() -> None:
    (theirs,), (mine,) = (lines_of(one, "Ben", "Crew") for one in (item(), item(author=ME)))
    assert "".join(run.text for run in theirs) == f"{HEAD} → Crew: Hello"
    assert "".join(run.text for run in mine).startswith(f"{when(NOW)} #7 me → Crew: Hello")


def test_a_file_without_words_is_named_where_items_have_one_line() -> None:
    assert summary(item(text="", files=[FILE]), "Ben") == "📎 a map <U+202E>.png"
    assert summary(item(text="See", files=[FILE]), "Ben") == "See"
