"""Two people at their terminals, who do what the README tells newcomers."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.networks import Desk
from tests.integration.nodes import Node, eventually, start_all
from tests.integration.row import NodeMaker, wait_for_links

pytestmark = pytest.mark.netns

SAFETY_LINE = re.compile(r"(?:\d{5} ){3}\d{5}$", re.MULTILINE)
PICTURES_AND_NUMBERS_LINES = 8


@pytest.fixture
def pair(desk: Desk, make_node: NodeMaker) -> tuple[Node, Node]:
    """Return Ada and Bob on one cable; Bob has added Ada by her link."""
    bridge = desk.bridge("left")
    at_once = "opened_delay_seconds = 0\nrelay_delay_seconds = 0\n"
    ada, bob = (make_node(desk.laptop(bridge), name, more=at_once) for name in ("Ada", "Bob"))
    start_all(ada, bob)
    wait_for_links(ada, 1)
    bob.run("add", ada.run("invite").strip())
    wait_until_shown(ada, bob.name, "contacts")
    return ada, bob


def wait_until_shown(node: Node, words: str, *command: str) -> str:
    """Ask by a command until its answer holds these words; return the answer."""
    return eventually(
        lambda: node.run(*command), lambda shown: words in shown, within_s=60, what=words
    )


def test_a_first_conversation_goes_as_newcomers_are_told(pair: tuple[Node, Node]) -> None:
    ada, bob = pair
    bob.run("send", ada.name.lower(), "The bridge is open again.")
    wait_until_shown(ada, f"{bob.name}: The bridge is open again.", "read")
    ada.run("send", bob.name, "On our way.")
    wait_until_shown(bob, f"{ada.name}: On our way.", "read")
    wait_until_shown(ada, "me: On our way.  [delivered to their device]", "read", bob.name)
    for node in pair:
        told = node.status()
        assert (told.contacts_count, told.requests_count) == (1, 0)
        bodies_bytes = sum(one.bytes for one in told.carried)
        assert told.stored_bytes == told.headers_bytes + bodies_bytes
        assert told.headers_bytes > 0


def test_two_who_see_the_same_have_verified_each_other(pair: tuple[Node, Node]) -> None:
    ada, bob = pair
    sides = ((ada, bob.name), (bob, ada.name))
    mine, theirs = (SAFETY_LINE.findall(node.run("contact", "show", name)) for node, name in sides)
    assert mine == theirs
    assert len(mine) == 3
    assert "first seen" in ada.run("contacts")
    assert " known " in bob.run("contacts")
    with ThreadPoolExecutor() as people:
        comparing = [
            people.submit(node.run, "compare", name, "--yes-equal", "--timeout", "100")
            for node, name in sides
        ]
    mine, theirs = (compared.result().splitlines() for compared in comparing)
    assert mine == theirs
    assert len(mine) == PICTURES_AND_NUMBERS_LINES
    for node, name in sides:
        assert re.search(f"{name}.* verified ", node.run("contacts"))


def test_a_locked_node_tells_nothing_and_opens_what_came_meanwhile(
    pair: tuple[Node, Node],
) -> None:
    ada, bob = pair
    ada.run("lock")
    bob.run("send", ada.name, "--wait", "While you were away.")
    refused = ada.attempt("read")
    assert (refused.returncode, refused.stdout) == (4, "")
    status = ada.run("status")
    assert "unlock it with: mesh unlock" in status
    assert not any(word in status for word in (ada.name, "contacts", "outbox", "stamp"))
    ada.run("unlock")
    wait_until_shown(ada, f"{bob.name}: While you were away.", "read")


def test_who_waits_apart_and_is_blocked_is_told_of_nowhere(
    desk: Desk, make_node: NodeMaker
) -> None:
    bridge = desk.bridge("left")
    at_once = "opened_delay_seconds = 0\nrelay_delay_seconds = 0\n"
    ada, bob = (make_node(desk.laptop(bridge), name, more=at_once) for name in ("Ada", "Bob"))
    start_all(ada, bob)
    wait_for_links(ada, 1)
    bob.run("add", ada.run("invite", "--uses", "5").strip())
    bob.run("send", ada.name, "May I?")
    wait_until_shown(ada, "May I?", "read", "--requests", "--keep-unread")
    ada.run("contact", "block", bob.name)
    bob.run("send", ada.name, "Why not?", "--wait", "carried")
    assert bob.name not in ada.run("requests")
    assert "May I?" not in ada.run("read", "--requests")
    told = ada.status()
    assert (told.contacts_count, told.requests_count) == (0, 0)
    ran = ada.attempt("contact", "accept", bob.name)
    assert ran.returncode == 1
    assert "unblock them first: mesh contact unblock" in ran.stderr
    ada.run("contact", "unblock", bob.name)
    bob.run("send", ada.name, "Thanks.")
    shown = wait_until_shown(ada, "Thanks.", "read", "--requests", "--keep-unread")
    assert "May I?" in shown
    assert "Why not?" not in shown
    assert "1 more sealed" in ada.run("requests")
    ada.run("contact", "accept", bob.name)
    wait_until_shown(ada, "Why not?", "read")
