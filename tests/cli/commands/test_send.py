"""`mesh send` and `mesh withdraw`: from where a text comes, and what is waited for."""

import io
import sys

import pytest
from msgspec import structs

from mesh.cli.messages import waits_for
from tests.api.small_node import Running
from tests.cli.conftest import Mesh, befriend


def test_a_message_is_sent_from_arguments(mesh: Mesh, node: Running) -> None:
    befriend(mesh)
    ran = mesh("send", "Ben", "Hello", "there")
    assert (ran.code, ran.out) == (0, "")
    assert "queued here" in ran.err
    assert node.node.messages[0].text == "Hello there"
    assert mesh("send", "Ben", "--json", "x").json["number"] == 2
    assert mesh("send", "Nobody", "x").code == 5


def test_a_message_that_cannot_leave_at_once_says_what_it_waits_for_and_how_long(
    mesh: Mesh, node: Running
) -> None:
    befriend(mesh)
    assert "It waits for another node: none is linked now." in mesh("send", "Ben", "x").err
    node.node.links_count = 1
    assert "waits" not in mesh("send", "Ben", "x").err
    node.node.stamp_seconds = 6
    fresh = mesh("send", "Ben", "x").err
    assert "It waits for a stamp" in fresh
    assert "usually 6 seconds, seldom more than 18" in fresh
    assert mesh("send", "-q", "Ben", "x").err == ""
    assert "being made: about 6 seconds of work" in mesh("status").out


def test_how_long_a_message_is_wanted_is_said_and_told(mesh: Mesh, node: Running) -> None:
    befriend(mesh)
    ran = mesh("send", "Ben", "--for", "until-delivered", "x")
    assert "queued here, kept until delivered" in ran.err
    assert node.node.messages[0].kept_until
    assert mesh("send", "Ben", "--for", "2d", "x").code == 2


def test_how_long_messages_of_a_chat_are_wanted_is_shown_and_set(mesh: Mesh, node: Running) -> None:
    befriend(mesh)
    assert "until it is delivered, for 30 days" in mesh("keep", "Ben").err
    assert "for 7 days" in mesh("keep", "Ben", "7d").err
    assert mesh("keep", "Ben", "--json").json["keep_for"] == "7d"
    assert mesh("keep", "Ben", "2d").code == 2
    assert mesh("keep", "Nobody").code == 5


def test_a_message_without_a_key_says_what_brings_it(mesh: Mesh, node: Running) -> None:
    befriend(mesh)
    mesh("send", "Ben", "x")
    message = structs.replace(node.node.messages[0], state="awaiting-key")
    (told,) = waits_for(message, node.node.status(), "Ben")
    assert "waits for the keys of Ben" in told
    assert waits_for(structs.replace(message, state="carried"), node.node.status(), "Ben") == []


@pytest.mark.parametrize("arguments", [("Ben",), ("Ben", "-")])
def test_a_message_is_sent_from_standard_input(
    mesh: Mesh, node: Running, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    befriend(mesh)
    text = "two\nlines — ü\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert mesh("send", *arguments).code == 0
    assert node.node.messages[0].text == "two\nlines — ü"


@pytest.mark.parametrize(
    "content, kind",
    [(b"", "no-text"), (b"\xff", "bad-text"), (b"x" * 70_000, "too-large")],
    ids=["nothing", "no UTF-8", "much"],
)
def test_standard_input_that_is_no_message_is_refused(
    mesh: Mesh, node: Running, monkeypatch: pytest.MonkeyPatch, content: bytes, kind: str
) -> None:
    befriend(mesh)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    ran = mesh("send", "Ben", "--json")
    assert (ran.code, ran.problem) == (1, kind)
    assert node.node.messages == []


def test_a_key_makes_a_repeated_send_one_message(mesh: Mesh, node: Running) -> None:
    befriend(mesh)
    for _ in range(2):
        assert mesh("send", "Ben", "--key", "k", "once").code == 0
    assert len(node.node.messages) == 1
    assert mesh("--json", "send", "Ben", "--key", "k", "twice").problem == "key-reused"


def test_waiting_ends_when_a_peer_carries_the_message(mesh: Mesh, node: Running) -> None:
    befriend(mesh)
    node.node.carries_at_once = True
    ran = mesh("send", "Ben", "--wait", "--json", "x")
    assert (ran.code, ran.json["state"]) == (0, "carried")


def test_waiting_in_vain_is_told_and_the_message_stays(mesh: Mesh, node: Running) -> None:
    befriend(mesh)
    ran = mesh("send", "Ben", "--wait", "--timeout", "0.1", "--json", "x")
    assert (ran.code, ran.problem) == (6, "not-carried")
    assert ran.json["state"] == "queued"


def test_waiting_for_the_delivery_is_more_than_for_a_peer(mesh: Mesh, node: Running) -> None:
    befriend(mesh)
    node.node.carries_at_once = True
    ran = mesh("send", "Ben", "--wait", "delivered", "--timeout", "0.1", "--json", "x")
    assert (ran.code, ran.problem, ran.json["state"]) == (6, "not-delivered", "carried")
    node.node.delivers_at_once = True
    node.node.links_count = 1
    ran = mesh("send", "Ben", "x", "--wait", "delivered")
    assert (ran.code, ran.err) == (0, "Ben, message 2: delivered to their device\n")


@pytest.mark.parametrize(
    "arguments, text",
    [
        (("--wait", "Ben", "hello", "there"), "hello there"),
        (("Ben", "--wait", "hello"), "hello"),
        (("Ben", "--wait", "carried", "hello"), "hello"),
        (("Ben", "hello", "--wait"), "hello"),
        (("Ben", "--", "hello", "--wait"), "hello --wait"),
    ],
)
def test_wait_may_stand_alone_anywhere(
    mesh: Mesh, node: Running, arguments: tuple[str, ...], text: str
) -> None:
    befriend(mesh)
    node.node.carries_at_once = True
    assert mesh("send", *arguments).code == 0
    assert node.node.messages[0].text == text


def test_a_message_is_withdrawn(mesh: Mesh, node: Running) -> None:
    befriend(mesh)
    mesh("send", "Ben", "x")
    assert mesh("withdraw", "1").err == "Ben, message 1: withdrawn\n"
    assert mesh("withdraw", "1", "--json").json["state"] == "withdrawn"
    assert mesh("withdraw", "2").code == 5


def test_who_waits_for_a_message_that_was_withdrawn_is_told_so(mesh: Mesh, node: Running) -> None:
    befriend(mesh)
    mesh("send", "Ben", "--key", "k", "x")
    mesh("withdraw", "1")
    for awaited in ("carried", "delivered"):
        ran = mesh("send", "Ben", "--key", "k", "--wait", awaited, "x")
        assert (ran.code, ran.err.splitlines()[-1]) == (
            6,
            "mesh: Nobody waits for it any more: withdrawn.",
        )
