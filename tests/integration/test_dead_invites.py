"""Real daemons: what becomes of who uses an invite that is used up, or that nobody answers."""

import json
from collections.abc import Callable

import pytest

from mesh.commands.contacts import ContactAnswer, ContactsAnswer
from tests.integration.networks import Desk
from tests.integration.nodes import Node, befriend, eventually, start_all
from tests.integration.row import NodeMaker, wait_for_links, wait_for_text
from tests.integration.test_doctor import faketime

pytestmark = pytest.mark.netns

SOON = "opened_delay_seconds = 5\n"


def anna_of(node: Node) -> Callable[[], ContactAnswer]:
    """Return what reads Anna among the contacts of a node."""
    return lambda: next(
        one for one in node.answer(ContactsAnswer, "contacts").contacts if one.label == "anna"
    )


def test_the_second_comer_is_told_and_a_newer_invite_brings_what_was_written(
    desk: Desk, make_node: NodeMaker
) -> None:
    bridge = desk.bridge("left")
    anna, ben, cleo = (
        make_node(desk.laptop(bridge), name, more=SOON) for name in ("Anna", "Ben", "Cleo")
    )
    start_all(anna, ben, cleo)
    for node in (anna, ben, cleo):
        wait_for_links(node, 1)
    link = json.loads(anna.run("invite", "--json"))["link"]
    ben.run("add", link, "--label", "anna")
    eventually(anna_of(ben), lambda one: one.state == "answered", within_s=60, what="Ben is in")

    # Her node is shut meanwhile, or its word might be here before the message is written.
    anna.sleep()
    cleo.run("add", link, "--label", "anna")
    cleo.run("send", "anna", "written under a dead invite")
    anna.wake()
    closed = eventually(
        anna_of(cleo), lambda one: one.is_invite_closed, within_s=60, what="Cleo is told"
    )
    assert closed.state == "invited"
    words = "their invite is used or taken back; ask for a new one"
    assert words in cleo.run("contacts")
    assert words in cleo.run("read", "anna")
    assert words in cleo.run("chats")
    refused = cleo.attempt("send", "anna", "hello?")
    assert refused.returncode != 0
    assert "ask them for a new one and add it" in refused.stderr
    assert len(anna.answer(ContactsAnswer, "contacts").contacts) == 1

    befriend(anna, cleo, inviter_label="anna")
    wait_for_text(anna, "written under a dead invite", within_s=60)
    eventually(anna_of(cleo), lambda one: one.state == "answered", within_s=60, what="the answer")
    (message,) = cleo.messages("anna")
    assert (message.unanswered_since, message.is_invite_closed) == (0, False)


def test_that_nobody_answers_is_said_after_a_day(desk: Desk, make_node: NodeMaker) -> None:
    bridge = desk.bridge("left")
    anna, cleo = (make_node(desk.laptop(bridge), name) for name in ("Anna", "Cleo"))
    start_all(anna, cleo)
    link = json.loads(anna.run("invite", "--json"))["link"]
    anna.stop()
    cleo.run("add", link, "--label", "anna")
    cleo.run("send", "anna", "are you there?")
    assert "not answered" not in cleo.run("contacts")
    cleo.stop()
    cleo.more_environment = faketime("+25h")
    start_all(cleo)
    words = "the invite may be used or taken back; ask for a new one"
    eventually(
        lambda: cleo.run("contacts"), lambda told: words in told, within_s=60, what="it is told"
    )
    shown = cleo.run("read", "anna")
    assert "queued here" in shown
    assert "; not answered since" in shown
