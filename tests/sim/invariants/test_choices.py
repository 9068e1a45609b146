"""The choices of people for themselves are shown as they were made."""

import pytest
from msgspec.structs import replace

from mesh.commands.conversations import ConversationAnswer
from mesh.commands.introductions import IntroductionAnswer
from mesh.commands.items import ItemAnswer, ReplyAnswer
from mesh.ids import UnixSeconds
from sim.invariants.choices import Choices
from sim.invariants.invariants import S13, S25, Invariant
from tests.sim.invariants.test_folding import item
from tests.sim.invariants.test_invariants import broken_by
from tests.sim.invariants.test_lists import LISTED

SHOWN = replace(LISTED.conversation, number=7, draft="dear all", title="Bea", is_pinned=True)
ALL = [
    ("title", "Bea", "Beate"),
    ("draft", "dear all", "dear"),
    ("is_pinned", True, False),
    ("muted_until", 0, 5),
]


@pytest.mark.parametrize("name, chosen, other", ALL)
def test_a_choice_that_is_shown_otherwise_breaks_s13(
    name: str, chosen: object, other: object
) -> None:
    choices = Choices()
    choices.keep(1, 7, name, other, 10)
    assert broken_by(choices.hold, 1, SHOWN) is S13
    choices.keep(1, 7, name, chosen, 20)
    choices.hold(1, SHOWN)
    choices.keep(1, 7, name, other, 30)
    choices.hold(2, SHOWN)
    choices.hold(1, replace(SHOWN, number=8))
    choices.forget(1, 25)
    choices.hold(1, SHOWN)


def test_a_draft_answers_to_what_was_chosen_or_to_nothing() -> None:
    choices = Choices()
    choices.keep(1, 7, "draft_reply", 3, 10)
    choices.hold(1, SHOWN)
    for number, wanted in ((3, None), (4, S13)):
        reply = ReplyAnswer(number=number, id="", author=None, text="", gone="")
        shown = replace(SHOWN, draft_reply=reply)
        if wanted is None:
            choices.hold(1, shown)
        else:
            assert broken_by(choices.hold, 1, shown) is wanted


ARCHIVED = replace(SHOWN, is_archived=True)
NEWS = replace(item(is_mine=False, reacted=False), received=12)


@pytest.mark.parametrize(
    "shown, last, wanted",
    [
        (ARCHIVED, NEWS, S25),
        (SHOWN, NEWS, None),
        (replace(ARCHIVED, muted_until=9), NEWS, S25),
        (replace(ARCHIVED, muted_until=11), NEWS, None),
        (ARCHIVED, replace(NEWS, received=11), None),
        (ARCHIVED, replace(NEWS, kind="timer"), None),
        (ARCHIVED, replace(item(is_mine=True, reacted=False), received=12), None),
    ],
)
def test_news_in_the_archive_break_s25(
    shown: ConversationAnswer, last: ItemAnswer, wanted: Invariant | None
) -> None:
    choices = Choices()
    choices.archive(1, ARCHIVED, 1, UnixSeconds(10))
    if wanted is None:
        choices.hold(1, shown, [last])
    else:
        assert broken_by(choices.hold, 1, shown, [last]) is wanted
    choices.archive(1, SHOWN, 2, UnixSeconds(11))
    choices.hold(1, shown, [last])


def test_a_declined_introduction_that_waits_again_breaks_s25() -> None:
    choices = Choices()
    waits = IntroductionAnswer(id=1, by="Ada", name="Bea", key="ab" * 32, state="waiting")
    choices.decline(1, waits, 10)
    choices.require_new(1, waits)
    choices.decline(1, replace(waits, state="declined"), 10)
    assert broken_by(choices.require_new, 1, waits) is S25
    choices.require_new(1, replace(waits, id=2))
    choices.forget(1, 5)
    choices.require_new(1, waits)


def test_nothing_is_told_as_read_that_was_written_after_its_reader_said_so() -> None:
    choices = Choices()
    assert not choices.is_hushed(1, 2, 30)
    choices.hush(1, 2, 20)
    assert (choices.is_hushed(1, 2, 10), choices.is_hushed(1, 2, 30)) == (False, True)
    assert not choices.is_hushed(2, 1, 30)
    choices.speak(1, 2)
    assert not choices.is_hushed(1, 2, 30)
    choices.hush(1, 2, 20)
    choices.forget(1, 20)
    assert not choices.is_hushed(1, 2, 30)
