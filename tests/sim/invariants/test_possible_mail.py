"""A message is held against the path that could have brought it first."""

from collections.abc import Sequence

from sim.invariants.message_log import LoggedMessage, MessageLog
from sim.invariants.paths import Given, Span
from sim.invariants.possible_mail import PossibleMessage, possible_messages

S = 1_000_000
HOP_US = 10 * S
RESTS_AT = 1_000 * S


def written(*, confirmed_s: float = 10, delivered_s: float | None = None) -> LoggedMessage:
    """The first writes to the last of three."""
    message_log = MessageLog()
    message = message_log.ask(0, 2, "text", 10 * S)
    message_log.confirm(message, round(confirmed_s * S))
    if delivered_s is not None:
        message_log.show(2, 0, message.text, round(delivered_s * S))
    return message


def given(
    second_s: tuple[float, float] = (100, 140), opened: Sequence[Span] = ((0, 2 * RESTS_AT),)
) -> Given:
    """The middle one of three meets the first, and then the last."""
    begins, ends = second_s
    together = {(0, 1): [(20 * S, 60 * S)], (1, 2): [(round(begins * S), round(ends * S))]}
    return Given(together, {2: opened}, {})


def possible(message: LoggedMessage, world: Given) -> list[PossibleMessage]:
    return possible_messages([message], world, RESTS_AT, hop_us=HOP_US)


def test_a_message_is_due_when_a_path_has_brought_it() -> None:
    [one] = possible(written(delivered_s=101), given())
    assert one.by == 110 * S
    assert one.has_come
    assert possible(written(delivered_s=110), given())[0].has_come
    assert not possible(written(delivered_s=110.1), given())[0].has_come
    assert not possible(written(), given())[0].has_come


def test_what_no_path_brings_before_users_rest_is_not_counted() -> None:
    assert not possible(written(), given((100, 109)))
    assert not possible(written(), given((5, 15)))
    assert not possible(written(confirmed_s=51), given())
    assert not possible(written(), given((995, 1_100)))
    # That it came all the same does not make it possible for others.
    assert not possible(written(delivered_s=1_010), given((995, 1_100)))


def test_what_came_to_a_locked_vault_is_due_when_that_opens() -> None:
    [one] = possible(written(delivered_s=301), given(opened=[(300 * S, 400 * S)]))
    assert one.by == 300 * S
    assert not one.has_come
    assert not possible(written(), given(opened=[(0, 50 * S)]))
    assert not possible(written(), given(opened=[(RESTS_AT + 1, 2 * RESTS_AT)]))
