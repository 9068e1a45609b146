"""`mesh tail`: what was there, what comes, and what happens beside messages."""

import json

import pytest

from mesh.commands.contacts import RenameContact
from mesh.commands.verification import ComparisonAnswer
from mesh.events import ComparisonChanged
from mesh.limits.messages import MESSAGES_PER_PAGE_MAX
from tests.api.small_node import Running
from tests.cli.conftest import Mesh, befriend


def test_tail_shows_what_is_there_and_what_comes(mesh: Mesh, node: Running) -> None:
    befriend(mesh)
    befriend(mesh, "Carl")
    node.receive("Ben", "old")
    node.receive("Ben", "last")
    node.receive_on_subscription("Carl", "elsewhere")
    node.receive_on_subscription("Ben", "new")
    ran = mesh("tail", "Ben", "--last", "1", "--count", "2", "--json")
    assert [json.loads(line)["text"] for line in ran.out.splitlines()] == ["last", "new"]


def test_tail_tells_what_happened_beside_messages(mesh: Mesh, node: Running) -> None:
    befriend(mesh)
    asked = ComparisonAnswer(contact=1, label="Ben", state="asked by them")
    node.happen_while_tailed(ComparisonChanged(asked), "Ben", "new")
    ran = mesh("tail", "--count", "1")
    told, new = ran.out.splitlines()
    assert told == "* Ben wishes to compare: mesh compare 1"
    assert new.endswith("Ben: new")


@pytest.mark.parametrize("is_asked_for", [False, True])
def test_a_bot_gets_other_events_only_if_it_asks(
    mesh: Mesh, node: Running, is_asked_for: bool
) -> None:
    befriend(mesh)
    asked = ComparisonAnswer(contact=1, label="Ben", state="asked by them")
    node.happen_while_tailed(ComparisonChanged(asked), "Ben", "new")
    options = ("--events",) if is_asked_for else ()
    lines = list(map(json.loads, mesh("tail", "--json", "--count", "1", *options).out.splitlines()))
    assert [line.get("type") for line in lines] == (
        ["comparison-changed", None] if is_asked_for else [None]
    )


def test_who_waits_apart_is_in_no_tail(mesh: Mesh, node: Running) -> None:
    befriend(mesh)
    befriend(mesh, "Stranger")
    node.node.people.change("Stranger", is_request=True)
    node.receive_on_subscription("Stranger", "buy this")
    node.receive_on_subscription("Ben", "new")
    assert "buy this" not in mesh("tail", "--count", "1").out


def test_late_messages_of_one_conversation_are_tailed_too(mesh: Mesh, node: Running) -> None:
    befriend(mesh)
    for text in ("first", "second"):
        node.receive("Ben", text)
    node.node.order = (2, 1)
    ran = mesh("tail", "Ben", "--after", "0", "--count", "2")
    assert [line.rsplit(": ", 1)[1] for line in ran.out.splitlines()] == ["first", "second"]


def test_tail_begins_after_a_message(mesh: Mesh, node: Running) -> None:
    befriend(mesh)
    for text in ("1", "2", "3"):
        node.receive("Ben", text)
    ran = mesh("tail", "--after", "1", "--count", "2")
    assert [line.rsplit(": ", 1)[1] for line in ran.out.splitlines()] == ["2", "3"]


def test_tail_after_zero_begins_with_the_very_first(mesh: Mesh, node: Running) -> None:
    befriend(mesh)
    count = MESSAGES_PER_PAGE_MAX + 2
    for number in range(1, count + 1):
        node.receive("Ben", str(number))
    ran = mesh("tail", "--json", "--after", "0", "--count", str(count))
    numbers = [json.loads(line)["number"] for line in ran.out.splitlines()]
    assert numbers == list(range(1, count + 1))


def test_a_tail_goes_on_with_whom_it_began_though_somebody_else_bears_the_name(
    mesh: Mesh, node: Running
) -> None:
    befriend(mesh)

    def change_hands() -> None:
        node.node.answer(RenameContact("Ben", "Benjamin"))
        node.node.add_contact("mesh:newcomer", "Ben")
        node.node.receive("Ben", "of the newcomer")
        node.node.receive("Benjamin", "new")

    node.on_subscription(change_hands, pages_count=2)
    ran = mesh("tail", "Ben", "--count", "1", "--json")
    assert [json.loads(line)["text"] for line in ran.out.splitlines()] == ["new"]
