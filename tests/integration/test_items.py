"""Everything that people do in a conversation, by commands, between two real daemons."""

import re

import pytest

from mesh.commands.items import ItemAnswer, ItemsAnswer
from tests.integration.networks import Desk
from tests.integration.nodes import Node, befriend, eventually, start_all
from tests.integration.row import NodeMaker, wait_for_links, wait_for_text

pytestmark = pytest.mark.netns


@pytest.fixture
def pair(desk: Desk, make_node: NodeMaker) -> tuple[Node, Node]:
    """Return Ada and Bob on one cable, who have both written to each other."""
    bridge = desk.bridge("left")
    at_once = "opened_delay_seconds = 0\nrelay_delay_seconds = 0\n"
    ada, bob = (make_node(desk.laptop(bridge), name, more=at_once) for name in ("Ada", "Bob"))
    start_all(ada, bob)
    wait_for_links(ada, 1)
    befriend(ada, bob, inviter_label="Ada")
    bob.run("send", "Ada", "The bridge is open.")
    wait_for_text(ada, "The bridge is open.")
    ada.run("contact", "rename", bob.name, "Bob")
    ada.run("send", "Bob", "Good.")
    wait_for_text(bob, "Good.")
    return ada, bob


def wait_until_read(node: Node, chat: str, words: str) -> str:
    """Read a conversation until these words are in it."""
    return eventually(
        lambda: node.run("read", chat), lambda shown: words in shown, within_s=60, what=words
    )


def number_of(node: Node, chat: str, words: str) -> str:
    """Return the number of the item in whose first line these words stand."""
    found = re.search(rf"#(\d+) [^\n]*{re.escape(words)}", wait_until_read(node, chat, words))
    assert found
    return found[1]


def test_a_message_is_answered_changed_and_deleted(pair: tuple[Node, Node]) -> None:
    ada, bob = pair
    ada.run("send", "Bob", "--reply", number_of(ada, "Bob", "The bridge"), "On our weigh.")
    shown = wait_until_read(bob, "Ada", "On our weigh.")
    assert re.search(r"\n  ┌ #\d+ me: The bridge is open\.\n[^\n]* Ada: On our weigh\.", shown)
    number = number_of(ada, "Bob", "On our weigh.")
    ada.run("edit", number, "On our way.")
    wait_until_read(bob, "Ada", "Ada: On our way.  [edited ")
    theirs = number_of(bob, "Ada", "On our way.")
    bob.run("react", theirs, "👍", "🎉")
    wait_until_read(ada, "Bob", "  👍 1 (Bob)  🎉 1 (Bob)")
    bob.run("react", theirs, "--none")
    bob.run("pin", theirs)
    eventually(lambda: ada.run("read", "Bob"), lambda t: "👍" not in t, within_s=60, what="none")
    wait_until_read(ada, "Bob", "[pinned]")
    assert "On our way." in ada.run("board", "Bob", "--pins")
    refused = bob.attempt("delete", theirs, "--yes")
    assert (refused.returncode, "not yours" in refused.stderr) == (1, True)
    asked = ada.attempt("delete", number)
    assert (asked.returncode, "--yes" in asked.stderr) == (1, True)
    ada.run("delete", number, "--yes")
    wait_until_read(bob, "Ada", "Ada: (deleted by Ada)")
    wait_until_read(ada, "Bob", "me: (deleted by me)  [their device was asked to delete it]")
    bob.run("delete", number_of(bob, "Ada", "Good."), "--for-me", "--yes")
    assert "Good." not in bob.run("read", "Ada")
    assert "me: Good." in ada.run("read", "Bob")
    assert "(deleted by Ada)" in bob.run("chats")


def test_two_decide(pair: tuple[Node, Node]) -> None:
    ada, bob = pair
    ada.run("poll", "Bob", "Where?", "Gate", "Bridge", "--closes", "2d")
    poll = number_of(bob, "Ada", "(poll): Where?")
    bob.run("vote", poll, "bridge")
    shown = wait_until_read(ada, "Bob", "  2. Bridge — 1 (Bob)")
    assert "[1 of 2 voted]" in shown
    refused = bob.attempt("vote", poll, "3")
    assert (refused.returncode, "no '3' to choose" in refused.stderr) == (5, True)
    ada.run("close", number_of(ada, "Bob", "(poll): Where?"))
    wait_until_read(bob, "Ada", "[closed]")
    ada.run("check-in", "Bob", "All well?")
    asked = number_of(bob, "Ada", "(check-in): All well?")
    bob.run("answer", asked, "3", "--note", "hurt", "--place", "the bridge")
    bob.run("answer", asked, "safe", "--for", "Ada")
    shown = wait_until_read(ada, "Bob", "(me): safe (")
    assert "[HELP: Bob]" in shown
    assert "  Bob: need help, at the bridge: hurt (" in shown
    ada.run("task", "add", "Bob", "Buy water", "--notes", "six\nboxes", "--for", "Bob")
    task = number_of(bob, "Ada", "(task): Buy water")
    bob.run("task", "start", task)
    bob.run("task", "change", task, "--title", "Buy more water", "--for", "none", "--until", "2d")
    wait_until_read(ada, "Bob", "(task): Buy more water  [being done, Bob, ")
    wait_until_read(ada, "Bob", "  | boxes")
    bob.run("notice", "Ada", "The bridge is closed", "--until", "1d", "--urgent")
    wait_until_read(ada, "Bob", "(notice): The bridge is closed  [urgent]  [until ")
    board = ada.run("board", "Bob")
    assert all(words in board for words in ("(notice)", "(task)", "(check-in)"))
    assert "(poll)" not in board
    bob.run("task", "done", task)
    eventually(
        lambda: ada.run("board", "Bob"), lambda text: "(task)" not in text, within_s=60, what="done"
    )


def test_what_is_written_under_a_timer_says_when_it_goes(pair: tuple[Node, Node]) -> None:
    ada, bob = pair
    ada.run("timer", "Bob", "12h")
    eventually(
        lambda: bob.attempt("timer", "Ada").stderr,
        lambda told: "disappear 12 h 0 min after" in told,
        within_s=60,
        what="the timer",
    )
    bob.run("send", "Ada", "gone tonight")
    wait_until_read(ada, "Bob", "gone tonight")
    wait_until_read(ada, "Bob", "gone tonight  [disappears ")
    ada.run("send", "Bob", "--timer", "1h", "gone sooner")
    wait_until_read(bob, "Ada", "gone sooner")
    found = [item.timer for item in bob.answer(ItemsAnswer, "read", "Ada", "--items").items]
    assert found[-2:] == [12 * 3_600, 3_600]
    assert "disappears after 12 h 0 min" in bob.run("chats")
    ada.run("timer", "Bob", "off")
    assert ada.attempt("timer", "Bob").stderr == "Bob: messages stay.\n"
    assert "me: from here on messages disappear 12 h 0 min after" in ada.run("read", "Bob")
    assert ada.attempt("timer", "Bob", "soon").returncode == 2


def test_a_program_gets_the_whole_item(pair: tuple[Node, Node]) -> None:
    ada, bob = pair
    poll = ada.answer(ItemAnswer, "poll", "Bob", "Where?", "Gate", "Bridge")
    assert poll.poll is not None
    assert [option.text for option in poll.poll.options] == ["Gate", "Bridge"]
    voted = ada.answer(ItemAnswer, "vote", str(poll.number), "1")
    assert voted.poll is not None
    assert voted.poll.options[0].is_mine
    number_of(bob, "Ada", "(poll): Where?")
    page = bob.answer(ItemsAnswer, "read", "Ada", "--items", "--limit", "1")
    assert [item.kind for item in page.items] == ["poll"]
    assert page.has_older
