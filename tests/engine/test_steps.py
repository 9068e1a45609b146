"""Since when a message is in each of its states, and what says so."""

import pytest

from mesh.commands.contacts import RemoveContact
from mesh.commands.messages import (
    AskMessage,
    MessageAnswer,
    MessageDetailsAnswer,
    SendMessage,
    WithdrawMessage,
)
from mesh.errors import UserError
from mesh.limits.retirements import RELAY_DELAY_MS_MAX, RETIRE_DELAY_MS
from tests.engine.joined import Joined
from tests.engine.test_engine import befriend, chain, introduce


def details(table: Joined, name: str, number: int) -> MessageDetailsAnswer:
    answer = table.ask(name, AskMessage(number))
    assert isinstance(answer, MessageDetailsAnswer)
    return answer


def send(table: Joined, name: str, contact: str, text: str) -> int:
    answer = table.ask(name, SendMessage(contact, text))
    assert isinstance(answer, MessageAnswer)
    return answer.number


def steps(table: Joined, name: str, number: int) -> list[tuple[str, str]]:
    found = details(table, name, number).steps
    assert [step.at for step in found] == sorted(step.at for step in found)
    return [(step.state, step.evidence) for step in found]


def test_each_step_has_its_time_and_its_evidence() -> None:
    table = chain()
    table.pass_time(100)
    number = send(table, "cy", "ada", "hällo")
    at_once = details(table, "cy", number)
    assert at_once.text_bytes == 6
    table.pass_time(60)
    assert steps(table, "cy", number) == [("written", "here"), ("carried", "neighbours")]
    assert details(table, "cy", number).lapses > at_once.steps[0].at
    table.pass_time((RETIRE_DELAY_MS[1] + RELAY_DELAY_MS_MAX) / 1_000 + 60)
    found = details(table, "cy", number)
    assert [(step.state, step.evidence) for step in found.steps][-1] == (
        "delivered",
        "their-device",
    )
    # A token is told a minute later at the earliest, and that shows.
    assert found.steps[-1].at >= found.steps[-2].at + RETIRE_DELAY_MS[0] // 1_000
    assert found.lapses == 0
    table.restart("cy")
    assert details(table, "cy", number) == found


def test_what_waits_for_a_key_and_what_is_taken_back_says_so() -> None:
    table = Joined("ada", "cy")
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    number = send(table, "cy", "ada", "too early")
    table.pass_time(10)
    table.ask("cy", WithdrawMessage(number))
    assert steps(table, "cy", number)[-1] == ("withdrawn", "here")


def test_what_others_wrote_has_no_steps_and_a_forgotten_contact_leaves_none() -> None:
    table = chain()
    number = send(table, "cy", "ada", "hello")
    table.pass_time(60)
    assert details(table, "ada", 1).steps == []
    table.ask("cy", RemoveContact("ada"))
    with pytest.raises(UserError):
        details(table, "cy", number)
    left = table.seats["cy"].vault.execute("SELECT count(*) FROM message_steps").fetchone()
    assert left == (0,)
