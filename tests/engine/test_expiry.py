"""The end of mail at an engine's door: not on the word of neighbours, nor of a wrong clock."""

import pytest

from mesh.commands.messages import AskMessages, MessagesAnswer, SendMessage
from mesh.limits.timekeeping import STEADY_MS
from mesh.wire.envelope import LIFETIME_SECONDS
from mesh.wire.frames import Push, Time, rounded_time
from tests.engine.joined import Joined
from tests.engine.stranger import Stranger
from tests.engine.test_cover import COVERING
from tests.engine.test_engine import befriend, chain, introduce, status
from tests.engine.test_eviction import carried
from tests.engine.test_hostile import NOW, envelope
from tests.engine.test_settings import change

HOUR = 3_600
DAY = 86_400
YEAR = 365 * DAY
WEEK_S = LIFETIME_SECONDS[1]


def a_relay_with_mail() -> Joined:
    """A relay that carries a few messages of two others, who are gone."""
    table = chain()
    for number in range(5):
        table.ask("cy", SendMessage("ada", f"c{number}"))
    table.stop("ada")
    table.stop("cy")
    assert status(table, "relay").envelopes_count
    return table


def states(table: Joined, name: str) -> list[str]:
    answer = table.ask(name, AskMessages())
    assert isinstance(answer, MessagesAnswer)
    return [message.state for message in answer.messages]


def surround(table: Joined, name: str, ahead_s: int) -> None:
    """Six liars link with a node and move its mesh time."""
    liars = [Stranger(table, name, number=number) for number in range(6)]
    for liar in liars:
        liar.send(Time(rounded_time(liar.now.unix_seconds + ahead_s), 0))
    assert abs(status(table, name).clock_offset_seconds - ahead_s) <= 20


@pytest.mark.parametrize("ahead_s", [32 * DAY, 10 * YEAR])
def test_six_hostile_links_that_move_mesh_time_erase_nothing(ahead_s: int) -> None:
    table = a_relay_with_mail()
    count = status(table, "relay").envelopes_count
    surround(table, "relay", ahead_s)
    table.pass_time(3 * HOUR)
    assert status(table, "relay").envelopes_count == count


@pytest.mark.parametrize("is_covered", [False, True])
def test_six_hostile_links_erase_nothing_of_who_wrote_it(is_covered: bool) -> None:
    table = Joined("ada", "ben")
    introduce(table, "ada", "ben")
    befriend(table, "ada", "ben")
    if is_covered:
        change(table, "ben", COVERING)
    table.ask("ben", SendMessage("ada", "Hello."))
    surround(table, "ben", 32 * DAY)
    table.pass_time(3 * HOUR)
    assert states(table, "ben") != ["expired"]
    table.join("ada", "ben")
    # At another day of mesh time the link key was drawn anew, and links came back.
    table.join("ada", "ben")
    answer = table.ask("ada", AskMessages())
    assert isinstance(answer, MessagesAnswer)
    assert [message.text for message in answer.messages] == ["Hello."]


def test_six_hostile_links_that_put_mesh_time_back_keep_nothing() -> None:
    table = a_relay_with_mail()
    surround(table, "relay", -32 * DAY)
    table.pass_time(WEEK_S + HOUR)
    assert status(table, "relay").envelopes_count == 0


@pytest.mark.parametrize("error_s", [10 * YEAR, -10 * YEAR])
def test_a_start_with_a_clock_ten_years_wrong_erases_nothing(error_s: int) -> None:
    table = a_relay_with_mail()
    table.pass_time(DAY)
    count = status(table, "relay").envelopes_count
    start(table, "relay", error_s)
    table.pass_time(5 * HOUR)
    relay = status(table, "relay")
    assert relay.envelopes_count == count
    assert any("clock" in notice for notice in relay.notices)
    # Somebody sets it right, and what is over lapses then.
    start(table, "relay", 0)
    table.pass_time(WEEK_S)
    assert status(table, "relay").envelopes_count == 0


def test_a_calendar_that_is_wrong_for_minutes_empties_nothing_and_turns_nothing_away() -> None:
    table = Joined()
    table.sit("relay", carried_days=7, is_relay=True)
    table.pass_time(STEADY_MS / 1_000)
    mail = [Push(envelope(number, lifetime_class=2)) for number in range(5)]
    Stranger(table, "relay").send(*mail[:4])
    assert carried(table, "relay")["strangers"] == 4
    table.seats["relay"].wall_offset_us = 10 * DAY * 1_000_000
    table.pass_time(150)
    assert carried(table, "relay")["strangers"] == 4
    Stranger(table, "relay", number=2).send(mail[4])
    assert status(table, "relay").refused == {}
    assert carried(table, "relay")["strangers"] == 5
    table.seats["relay"].wall_offset_us = 0
    table.pass_time(2 * HOUR)
    assert carried(table, "relay")["strangers"] == 5


def test_what_came_under_an_unsteady_clock_goes_by_age_once_it_is_steady() -> None:
    table = Joined()
    table.sit("relay", carried_days=1, is_relay=True)
    table.pass_time(2 * HOUR)
    stranger = Stranger(table, "relay")
    stranger.send(Push(envelope(1)))
    table.seats["relay"].wall_offset_us = HOUR * 1_000_000
    stranger.send(Push(envelope(2, created=NOW - 2 * DAY, lifetime_class=2)))
    assert carried(table, "relay")["strangers"] == 2
    table.pass_time(2 * HOUR)
    assert carried(table, "relay")["strangers"] == 1


def start(table: Joined, name: str, error_s: int) -> None:
    """Switch a node on with a clock that is wrong by so much."""
    table.seats[name].wall_offset_us = error_s * 1_000_000
    table.stop(name)
    table.restart(name)
    table.run()


def test_a_node_that_is_never_on_for_an_hour_lapses_what_is_over() -> None:
    table = a_relay_with_mail()
    for _ in range(14):
        table.stop("relay")
        table.pass_time(DAY - 20 * 60)
        table.restart("relay")
        table.pass_time(20 * 60)
    assert status(table, "relay").envelopes_count == 0


@pytest.mark.timeout(900)
def test_so_does_the_vault_of_one() -> None:
    table = Joined("ada", "ben")
    introduce(table, "ada", "ben")
    befriend(table, "ada", "ben")
    table.ask("ben", SendMessage("ada", "Hello."))
    # A message is sealed again for 30 days.
    for _ in range(40):
        table.stop("ben")
        table.pass_time(DAY - 20 * 60)
        table.restart("ben")
        table.pass_time(20 * 60)
    assert states(table, "ben") == ["expired"]
