"""Texts that are sent later: once, at their time, never early by a clock that is wrong."""

import pytest

from mesh.commands.contacts import BlockContact, RemoveContact
from mesh.commands.scheduled import (
    AskScheduled,
    CancelScheduled,
    ChangeScheduled,
    ScheduledAnswer,
    ScheduledAnswers,
    ScheduleText,
)
from mesh.errors import UserError
from mesh.events import MessageSent, ScheduledChanged
from mesh.limits.search import SCHEDULED_AHEAD_SECONDS_MAX, SCHEDULED_MAX
from mesh.storage.connection import connect, transaction
from mesh.storage.migrations import migrate_vault
from mesh.storage.vault.portable import put_rows, rows_of
from tests.messenger.people import START_S, Clock, Person, exchange

HOUR_S = 3_600


def pair() -> tuple[Person, Person]:
    """Two contacts."""
    clock = Clock()
    ann, bob = Person("Ann", clock, 1), Person("Bob", clock, 2)
    ann.add(bob.invite().link, "Bob")
    exchange(ann, bob)
    ann.take_events()
    return ann, bob


def schedule(
    person: Person, text: str = "later", *, after_s: int = HOUR_S, key: str = "", to: str = "Bob"
) -> ScheduledAnswer:
    at = person.clock.now.unix_seconds + after_s
    answer = person.ask(ScheduleText(to, at, text, idempotency_key=key))
    assert isinstance(answer, ScheduledAnswer)
    return answer


def waiting(person: Person, conversation: str = "") -> list[ScheduledAnswer]:
    answer = person.ask(AskScheduled(conversation))
    assert isinstance(answer, ScheduledAnswers)
    return answer.scheduled


def refused(person: Person, command: ScheduleText | ChangeScheduled | CancelScheduled) -> str:
    with pytest.raises(UserError) as caught:
        person.ask(command)
    return caught.value.kind


def at_deadline(person: Person) -> int:
    """Let time pass until the messenger wants to be called, and call it; return the seconds."""
    deadline = person.messenger.deadline()
    assert deadline is not None
    pause_s = max(0, deadline - person.now.monotonic) / 1_000_000
    person.clock.pass_by(pause_s)
    person.tend()
    return round(pause_s)


def test_it_is_sent_at_its_time_and_no_second_time() -> None:
    ann, bob = pair()
    ann.tend()
    told = schedule(ann, after_s=600)
    assert (told.at, told.title, told.text, told.failure) == (START_S + 600, "Bob", "later", "")
    assert ann.texts() == []
    assert at_deadline(ann) == 600
    assert ann.texts() == ["later"]
    assert waiting(ann) == []
    exchange(ann, bob)
    assert bob.texts() == ["later"]
    for _ in range(3):
        at_deadline(ann)
    assert ann.texts() == ["later"]


def test_not_a_second_early() -> None:
    ann, _ = pair()
    schedule(ann, after_s=600)
    ann.clock.pass_by(599)
    ann.tend()
    assert ann.texts() == []


def test_each_change_is_told() -> None:
    ann, _ = pair()
    number = schedule(ann).number
    ann.ask(ChangeScheduled(number, text="other"))
    ann.ask(CancelScheduled(number))
    told = [event for event in ann.take_events() if isinstance(event, ScheduledChanged)]
    assert [(each.scheduled.text, each.is_over) for each in told] == [
        ("later", False),
        ("other", False),
        ("other", True),
    ]
    schedule(ann)
    ann.take_events()
    ann.clock.pass_by(HOUR_S)
    ann.tend()
    kinds = [type(event) for event in ann.take_events()]
    assert MessageSent in kinds
    assert ScheduledChanged in kinds


def test_it_is_listed_changed_and_cancelled() -> None:
    ann, _ = pair()
    late, soon = schedule(ann, "late", after_s=2 * HOUR_S), schedule(ann, "soon")
    note = schedule(ann, "note", to="me", after_s=3 * HOUR_S)
    assert [each.text for each in waiting(ann)] == ["soon", "late", "note"]
    assert [each.text for each in waiting(ann, "me")] == ["note"]
    ann.ask(ChangeScheduled(late.number, at=START_S + 60, text="earlier"))
    ann.ask(CancelScheduled(soon.number))
    ann.clock.pass_by(60)
    ann.tend()
    assert ann.texts() == ["earlier"]
    assert [each.number for each in waiting(ann)] == [note.number]
    assert refused(ann, CancelScheduled(soon.number)) == "not-found"
    assert refused(ann, ChangeScheduled(late.number, text="x")) == "not-found"


def test_it_outlives_a_restart_and_what_fell_due_meanwhile_is_sent_once() -> None:
    ann, _ = pair()
    schedule(ann, "one")
    schedule(ann, "two", after_s=10 * HOUR_S)
    ann.clock.pass_by(5 * HOUR_S)
    ann.restart()
    ann.tend()
    assert ann.texts() == ["one"]
    assert at_deadline(ann) <= HOUR_S
    ann.clock.pass_by(5 * HOUR_S)
    ann.restart()
    ann.tend()
    assert ann.texts() == ["one", "two"]


def test_a_new_node_whose_clock_is_not_steady_yet_is_on_time() -> None:
    ann, _ = pair()
    ann.is_clock_steady = False
    schedule(ann, after_s=600)
    assert at_deadline(ann) == 600
    assert ann.texts() == ["later"]


def test_a_clock_that_jumps_ahead_sends_nothing_early() -> None:
    ann, _ = pair()
    schedule(ann, after_s=2 * HOUR_S)
    ann.is_clock_steady = False
    ann.wall_error_s = 30 * 86_400
    ann.tend()
    assert ann.texts() == []
    # As much time passes as lay before it, or the clock goes on as it is for an hour.
    ann.clock.pass_by(2 * HOUR_S)
    ann.tend()
    assert ann.texts() == ["later"]


def test_a_start_under_a_clock_that_is_ahead_waits_until_it_is_steady() -> None:
    ann, _ = pair()
    schedule(ann, after_s=86_400)
    ann.restart()
    ann.is_clock_steady = False
    ann.wall_error_s = 30 * 86_400
    ann.tend()
    assert ann.texts() == []
    ann.is_clock_steady = True
    ann.tend()
    assert ann.texts() == ["later"]


def test_a_clock_that_was_set_back_has_it_wait_for_its_time() -> None:
    ann, _ = pair()
    schedule(ann)
    ann.tend()
    ann.wall_error_s = -2 * HOUR_S
    ann.clock.pass_by(HOUR_S)
    ann.tend()
    assert ann.texts() == []
    ann.clock.pass_by(2 * HOUR_S)
    ann.tend()
    assert ann.texts() == ["later"]


def test_what_cannot_be_sent_stays_with_the_reason_until_somebody_decides() -> None:
    ann, _ = pair()
    number = schedule(ann).number
    ann.ask(BlockContact("Bob"))
    ann.take_events()
    ann.clock.pass_by(HOUR_S)
    ann.tend()
    (told,) = waiting(ann)
    assert "blocked" in told.failure
    assert [e.scheduled.failure for e in ann.take_events() if isinstance(e, ScheduledChanged)] == [
        told.failure
    ]
    ann.ask(BlockContact("Bob", is_blocked=False))
    ann.clock.pass_by(HOUR_S)
    ann.tend()
    assert ann.texts() == []
    answer = ann.ask(ChangeScheduled(number, at=START_S + 3 * HOUR_S))
    assert isinstance(answer, ScheduledAnswer)
    assert answer.failure == ""
    ann.clock.pass_by(HOUR_S)
    ann.tend()
    assert ann.texts() == ["later"]


def test_the_same_key_is_one_text_and_after_it_was_sent_none() -> None:
    ann, _ = pair()
    first = schedule(ann, key="k")
    assert schedule(ann, key="k") == first
    assert refused(ann, ScheduleText("Bob", START_S + 60, "other", idempotency_key="k")) == (
        "key-reused"
    )
    ann.clock.pass_by(HOUR_S)
    ann.tend()
    again = ScheduleText("Bob", START_S + 2 * HOUR_S, "later", idempotency_key="k")
    assert refused(ann, again) == "too-late"
    assert ann.texts() == ["later"]


@pytest.mark.parametrize(
    "after_s, text, kind",
    [
        (0, "x", "bad-time"),
        (-5, "x", "bad-time"),
        (SCHEDULED_AHEAD_SECONDS_MAX + 1, "x", "bad-time"),
        (60, "", "empty"),
        (60, "x" * 60_001, "too-large"),
        (60, "\ud800", "bad-text"),
    ],
)
def test_what_is_beyond_a_bound_is_refused(after_s: int, text: str, kind: str) -> None:
    ann, _ = pair()
    assert refused(ann, ScheduleText("Bob", START_S + after_s, text)) == kind
    number = schedule(ann).number
    if text == "x":
        assert refused(ann, ChangeScheduled(number, at=START_S + after_s)) == kind
    else:
        assert refused(ann, ChangeScheduled(number, text=text)) == kind
    assert refused(ann, ScheduleText("Nobody", START_S + 60, "x")) == "not-found"


def test_so_many_wait_and_no_more() -> None:
    ann, _ = pair()
    for _ in range(SCHEDULED_MAX):
        schedule(ann)
    assert refused(ann, ScheduleText("Bob", START_S + 60, "x")) == "too-many"


def test_it_goes_with_the_contact() -> None:
    ann, _ = pair()
    schedule(ann)
    schedule(ann, "note", to="me")
    ann.ask(RemoveContact("Bob"))
    assert [each.text for each in waiting(ann)] == ["note"]
    # What was remembered of moments is remembered again.
    assert at_deadline(ann) == 0
    ann.clock.pass_by(HOUR_S - 60)
    ann.tend()
    assert at_deadline(ann) == 60
    assert ann.messages("me")[0].text == "note"


def test_after_a_backup_was_put_back_nothing_goes_by_itself() -> None:
    ann, _ = pair()
    schedule(ann)
    restored = connect(None, None)
    migrate_vault(restored)
    restored.execute("PRAGMA foreign_keys = OFF")
    with transaction(restored):
        for record in rows_of(ann.connection):
            put_rows(restored, record)
    ann.connection = restored
    ann.restart()
    ann.clock.pass_by(2 * HOUR_S)
    ann.tend()
    assert ann.texts() == []
    (told,) = waiting(ann)
    assert "may have been sent before" in told.failure
    ann.ask(ChangeScheduled(told.number, at=START_S + 3 * HOUR_S))
    ann.clock.pass_by(HOUR_S)
    ann.tend()
    assert ann.texts() == ["later"]


def test_a_former_machine_sends_nothing_and_does_not_spin() -> None:
    ann, _ = pair()
    schedule(ann)
    assert ann.messenger.person is not None
    ann.messenger.person.machines.is_former = True
    assert refused(ann, ScheduleText("Bob", START_S + 60, "x")) == "former-machine"
    ann.clock.pass_by(HOUR_S)
    ann.tend()
    assert ann.texts() == []
    deadline = ann.messenger.deadline()
    assert deadline is not None
    assert deadline > ann.now.monotonic
