"""A message is drawn with what there is proof of, in the same words everywhere."""

import typing

import click
import pytest

from mesh.cli.commands.people import row
from mesh.cli.items import lines_of, styled
from mesh.cli.layout import day, when
from mesh.cli.messages import remarks, state_of
from mesh.commands.messages import MessageAnswer, MessageState
from mesh.limits.messages import MOMENT_MAX
from tests.api.small_items import item_of
from tests.cli.answers import NOW, contact, message

HOUR = 3_600


@pytest.mark.parametrize(
    "state, carriers, words",
    [
        ("queued", 0, "queued here"),
        ("awaiting-key", 0, "waiting for their key"),
        ("carried", 1, "carried by 1 neighbour"),
        ("carried", 3, "carried by 3 neighbours"),
        ("delivered", 3, "delivered to their device"),
        ("read", 3, "read"),
        ("expired", 3, "expired without proof of delivery"),
        ("withdrawn", 1, "withdrawn"),
        ("delivered-then-withdrawn", 1, "withdrawn, but delivered to their device"),
    ],
)
def test_a_state_claims_what_is_proved(state: MessageState, carriers: int, words: str) -> None:
    mine = message(is_mine=True, state=state, carriers=carriers)
    assert state_of(mine) == words
    assert plain(mine) == f"{when(NOW)} #{mine.number} me → Ben: Hello  [{words}]"


def test_what_is_on_a_stick_says_since_when() -> None:
    mine = message(is_mine=True, state="carried", carriers=2, exported=NOW)
    assert state_of(mine) == f"carried by 2 neighbours, on a stick since {day(NOW)}"


def test_until_when_it_is_kept_and_that_it_was_posted_again_is_said() -> None:
    mine = message(is_mine=True, state="carried", carriers=2, kept_until=NOW, posts_count=1)
    assert state_of(mine) == f"carried by 2 neighbours, kept until {when(NOW)}"
    again = message(is_mine=True, state="queued", kept_until=MOMENT_MAX, posts_count=4)
    assert state_of(again) == "queued here, posted again 3 times, kept until delivered"
    twice = message(is_mine=True, state="queued", kept_until=NOW, posts_count=2)
    assert state_of(twice) == f"queued here, posted again once, kept until {when(NOW)}"


def test_every_state_has_words() -> None:
    for state in typing.get_args(MessageState):
        assert state_of(message(is_mine=True, state=state))


def test_what_nobody_answers_says_since_when_and_what_to_do() -> None:
    mine = message(is_mine=True, state="carried", carriers=4, unanswered_since=NOW)
    since = f"carried by 4 neighbours; not answered since {when(NOW)}: "
    assert state_of(mine) == since + "the invite may be used or taken back; ask for a new one"
    closed = message(is_mine=True, state="queued", unanswered_since=NOW, is_invite_closed=True)
    assert state_of(closed) == "queued here; their invite is used or taken back; ask for a new one"
    told = row(contact(state="invited", unanswered_since=NOW))[-1]
    assert told.startswith(f"invited; not answered since {when(NOW)}: the invite may be used")
    assert row(contact(state="invited", is_invite_closed=True))[-1].startswith("invited; their inv")


def test_a_late_message_says_when_it_came() -> None:
    late = message(is_late=True, received=NOW + 5 * HOUR)
    assert remarks(late) == [f"late, opened {when(NOW + 5 * HOUR)}"]
    assert remarks(message()) == []


def test_what_was_written_hours_before_it_was_opened_is_shown_with_both_times() -> None:
    opened = f"opened {when(NOW)}"
    assert remarks(message(sent=NOW - 5 * HOUR)) == [opened]
    assert plain(message(sent=NOW - 5 * HOUR)).startswith(f"{when(NOW - 5 * HOUR)} #7 Ben: Hello")
    assert remarks(message(sent=NOW - 600)) == []
    assert opened not in remarks(message(sent=NOW - 5 * HOUR, is_mine=True))


@pytest.mark.parametrize(
    "count, words",
    [(1, "… 1 earlier message has not arrived"), (2, "… 2 earlier messages have not arrived")],
)
def test_a_gap_is_shown_as_a_gap(count: int, words: str) -> None:
    first, second = plain(message(missing_count=count)).splitlines()
    assert first == words
    assert second.endswith("Ben: Hello")


def test_a_wrong_clock_is_shown_with_both_times() -> None:
    wrong = message(clock="ahead", sent=NOW + 400 * 24 * HOUR)
    line = plain(wrong)
    assert line.startswith(f"{when(NOW)} #7 Ben: Hello")
    assert "their clock is ahead" in line
    assert when(NOW + 400 * 24 * HOUR) in line
    assert line.count(when(NOW)) == 2
    ours = remarks(message(is_mine=True, state="read", clock="behind", sent=NOW - 48 * HOUR))
    assert ours[0] == "read"
    assert "this computer's clock was behind" in ours[1]


def test_text_cannot_pass_for_a_remark_or_a_line_of_ours() -> None:
    line = plain(message(text="x\n12:00 me: forged\x1b[2K  \u202e[read]"))
    assert "\n    12:00 me: forged<U+001B>" in line
    assert "\u202e" not in line


def plain(told: MessageAnswer) -> str:
    """Return a message as it is drawn without colours."""
    return click.unstyle(styled(lines_of(item_of(told), "Ben", "Ben" if told.is_mine else "")))
