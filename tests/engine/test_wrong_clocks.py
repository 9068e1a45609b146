"""Mail that was written under a wrong clock: it leaves when neighbours tell the time."""

import pytest

from mesh.commands.messages import SendMessage
from mesh.limits.engine import BACKLOG_QUIET_MS
from mesh.storage.store.store import Store
from tests.engine.joined import Joined
from tests.engine.test_engine import befriend, introduce, status, texts
from tests.engine.test_expiry import DAY, HOUR, YEAR, start, states, surround

TRUE_S = 100 * DAY
"""A while after the release: a clock may be 41 days behind, and not be known to be wrong."""

WRONG = [-10 * YEAR, -41 * DAY, -9 * DAY, 3 * DAY, 41 * DAY, 10 * YEAR]


def table_of(*names: str) -> Joined:
    """Nodes whose clocks are right."""
    table = Joined()
    for name in names:
        table.sit(name, wall_offset_us=TRUE_S * 1_000_000)
    return table


def set_clock(table: Joined, name: str, error_s: int) -> None:
    """Somebody sets the clock of a node that goes on."""
    table.seats[name].wall_offset_us = (TRUE_S + error_s) * 1_000_000


def meet(table: Joined, name: str, *others: str) -> None:
    """Link a node with others, twice: at another day of mesh time a link key is drawn anew."""
    for _ in range(2):
        for other in others:
            table.join(name, other, is_awaited=False)
    table.pass_time(BACKLOG_QUIET_MS / 1000)


# An invite is refused in words while the clock says that it expired, in a week.
@pytest.mark.parametrize("error_s", [each for each in WRONG if each < 7 * DAY])
def test_a_first_message_under_a_wrong_clock_leaves_when_others_are_met(error_s: int) -> None:
    table = table_of("ada", "ben", "eve", "kay")
    table.sit("cy", wall_offset_us=(TRUE_S + error_s) * 1_000_000)
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    table.ask("cy", SendMessage("ada", "Alone."))
    table.pass_time(3 * HOUR)
    meet(table, "cy", "ben", "eve", "kay")
    meet(table, "kay", "ada")
    assert texts(table, "ada") == ["Alone."]


@pytest.mark.parametrize("error_s", WRONG)
@pytest.mark.parametrize("is_set_right", [False, True])
def test_so_does_a_later_one_when_the_clock_is_refuted_or_set_right(
    error_s: int, is_set_right: bool
) -> None:
    table = table_of("ada", "cy", "ben", "eve", "kay")
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    table.join("ada", "cy")
    table.ask("cy", SendMessage("ada", "Hello."))
    table.ask("ada", SendMessage("cy", "Hello."))
    table.pass_time(HOUR)
    table.cut("ada", "cy")
    start(table, "cy", TRUE_S + error_s)
    table.ask("cy", SendMessage("ada", "Alone."))
    table.pass_time(3 * HOUR)
    if is_set_right:
        set_clock(table, "cy", 0)
    meet(table, "cy", "ben", "eve", "kay")
    meet(table, "kay", "ada")
    assert texts(table, "ada", "cy") == ["Hello.", "Hello.", "Alone."]
    table.pass_time(2 * HOUR)
    meet(table, "cy", "ada")
    assert states(table, "cy")[-1] == "delivered"


@pytest.mark.parametrize("error_s", [-41 * DAY, 41 * DAY])
@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_clock_that_is_set_right_gives_nothing_up(error_s: int, is_restarted: bool) -> None:
    table = table_of("ada")
    table.sit("cy", wall_offset_us=(TRUE_S + error_s) * 1_000_000)
    introduce(table, "ada", "cy")
    # No invite is older than the week of its own.
    set_clock(table, "ada", max(error_s, 0))
    befriend(table, "ada", "cy")
    start(table, "ada", TRUE_S)
    table.ask("cy", SendMessage("ada", "Alone."))
    table.pass_time(3 * HOUR)
    set_clock(table, "cy", 0)
    if is_restarted:
        start(table, "cy", TRUE_S)
    table.pass_time(5 * HOUR)
    meet(table, "cy", "ada")
    assert texts(table, "ada") == ["Alone."]


def test_what_was_written_among_liars_leaves_when_they_are_gone() -> None:
    for ahead_s in (32 * DAY, -32 * DAY):
        table = Joined("ada", "cy", "ben", "eve", "kay")
        introduce(table, "ada", "cy")
        befriend(table, "ada", "cy")
        surround(table, "cy", ahead_s)
        table.ask("cy", SendMessage("ada", "Besieged."))
        table.pass_time(3 * HOUR)
        meet(table, "cy", "ben", "eve", "kay")
        assert status(table, "cy").clock_offset_seconds == 0
        meet(table, "kay", "ada")
        assert texts(table, "ada") == ["Besieged."]


def test_what_a_wrong_calendar_let_lapse_at_once_leaves_when_it_is_set_right() -> None:
    """Two went by one wrong clock, and what one of them wrote then speaks for that of the other."""
    ahead_s = 4 * YEAR
    table = table_of("ada", "cy", "ben", "eve", "kay")
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    table.join("ada", "cy")
    table.ask("cy", SendMessage("ada", "Hello."))
    for name in ("ada", "cy"):
        set_clock(table, name, ahead_s)
    table.pass_time(2 * HOUR)
    meet(table, "ada", "cy")
    table.ask("ada", SendMessage("cy", "Hello."))
    table.pass_time(HOUR)
    assert states(table, "cy") == ["delivered", "received"]
    table.cut("ada", "cy")
    set_clock(table, "ada", 0)
    meet(table, "cy", "ben", "eve", "kay")
    table.pass_time(2 * HOUR)
    assert abs(status(table, "cy").clock_offset_seconds + ahead_s) <= 20
    for name in ("ben", "eve", "kay"):
        table.cut("cy", name)
    table.ask("cy", SendMessage("ada", "Meant."))
    table.pass_time(2 * HOUR)
    set_clock(table, "cy", 0)
    meet(table, "cy", "ada")
    table.pass_time(HOUR / 2)
    assert "Meant." in texts(table, "ada", "cy")


def test_a_body_that_grew_too_old_stays_away_when_a_clock_is_set_back() -> None:
    """Neighbours could bring the same about, and who wrote it would show."""
    table = table_of("ada")
    table.sit("cy", wall_offset_us=TRUE_S * 1_000_000, carried_days=1)
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    table.join("ada", "cy")
    table.ask("cy", SendMessage("ada", "Hello."))
    table.cut("ada", "cy")
    table.ask("cy", SendMessage("ada", "Alone."))
    store = table.seats["cy"].store

    def bodies() -> int:
        return sum(row.has_body for row in Store(store).index_rows())

    before = bodies()
    table.pass_time(DAY + 2 * HOUR)
    aged = bodies()
    assert aged < before
    set_clock(table, "cy", -2 * DAY)
    table.pass_time(2 * HOUR)
    assert bodies() == aged
