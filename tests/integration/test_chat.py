"""`mesh chat` at terminals, with real daemons on one cable."""

import re
import time
from itertools import pairwise

import pytest

from mesh.commands.conversations import AskConversation, ConversationAnswer
from mesh.commands.item_commands import AskItems
from mesh.commands.items import ItemsAnswer
from mesh.commands.messages import MessageAnswer, SendMessage
from tests.cli.screens import (
    CTRL_C,
    CTRL_D,
    END,
    ENTER,
    ESCAPE,
    PAGE_DOWN,
    PAGE_UP,
    SHOWS_FIRST_SCREEN,
    SHOWS_OTHER_SCREEN,
    TAB,
    ScreenTerminal,
)
from tests.integration.networks import Desk
from tests.integration.nodes import Node, at_terminal, befriend, eventually, start_all
from tests.integration.row import NodeMaker, wait_for_links, wait_for_text

pytestmark = pytest.mark.netns

AUTO_LOCK_S = 12
"""More than twice as long as the screen waits before it tells that somebody types."""

LOCKED_WITHIN_S = 60
"""What is asked for all the time would keep it open for ever."""


@pytest.fixture
def pair(desk: Desk, make_node: NodeMaker) -> tuple[Node, Node]:
    """Return Ada and Bob on one cable, who have written to each other."""
    bridge = desk.bridge("left")
    at_once = "opened_delay_seconds = 0\nrelay_delay_seconds = 0\n"
    ada, bob = (make_node(desk.laptop(bridge), name, more=at_once) for name in ("Ada", "Bob"))
    start_all(ada, bob)
    wait_for_links(ada, 1)
    befriend(ada, bob, inviter_label="Ada")
    bob.run("send", "Ada", "The bridge is open.")
    wait_for_text(ada, "The bridge is open.")
    ada.run("contact", "rename", bob.name, "Bob")
    return ada, bob


def unread_count(node: Node, chat: str) -> int:
    return node.client.ask(AskConversation(chat), ConversationAnswer).unread_count


def go_back(terminal: ScreenTerminal) -> None:
    """Go back half a screen."""
    first = terminal.lines[1]
    terminal.type(PAGE_UP)
    terminal.wait_until(lambda text: text.splitlines()[1] != first, "an older page")


def leave(terminal: ScreenTerminal, keys: str = CTRL_D) -> int:
    """Leave, and check that the terminal is as it was found."""
    terminal.type(keys)
    code = terminal.ended()
    assert terminal.written.count(SHOWS_OTHER_SCREEN) == 1
    assert SHOWS_FIRST_SCREEN in terminal.written
    return code


def test_two_talk_and_see_their_messages_go_on_their_way(pair: tuple[Node, Node]) -> None:
    ada, bob = pair
    with at_terminal(ada, "chat", "Bob") as hers, at_terminal(bob, "chat", "Ada") as his:
        hers.wait_for("Bob: The bridge is open.")
        his.wait_for("me: The bridge is open.")
        hers.enter("On our way.")
        his.wait_for("Ada: On our way.")
        # In its place: the line that was drawn before it was delivered says so now.
        hers.wait_for("me: On our way.  [delivered to their device]")
        assert hers.text.count("On our way.") == 1
        assert "Bob · first seen · 1 link" in hers.lines[0]
        assert leave(hers) == 0
        assert leave(his) == 0


def test_what_comes_leaves_the_line_alone_that_one_types(pair: tuple[Node, Node]) -> None:
    ada, bob = pair
    with at_terminal(ada, "chat", "Bob") as hers:
        hers.wait_for("The bridge is open.")
        hers.type("Half a sen")
        hers.wait_for("> Half a sen")
        bob.run("send", "Ada", "Are you there?")
        hers.wait_for("Bob: Are you there?")
        assert hers.lines[-1] == "> Half a sen"
        hers.enter("tence")
        hers.wait_for("me: Half a sentence")
        assert hers.lines[-1] == ">"
    wait_for_text(bob, "Half a sentence")


def test_what_stands_in_the_line_is_a_draft_for_the_next_time(pair: tuple[Node, Node]) -> None:
    ada, _ = pair
    with at_terminal(ada, "chat", "Bob") as hers:
        hers.wait_for("The bridge is open.")
        hers.type("not yet")
        hers.wait_for("> not yet")
        assert leave(hers, CTRL_C) == 130
    with at_terminal(ada, "chat", "Bob") as again:
        again.wait_for("> not yet")
        again.type("\x7f" * len("not yet"))
        again.wait_without("not yet")
        assert leave(again) == 0
    conversation = ada.client.ask(AskConversation("Bob"), ConversationAnswer)
    assert conversation.draft == ""


def test_who_looks_has_read_it(pair: tuple[Node, Node]) -> None:
    ada, bob = pair
    assert unread_count(ada, "Bob") == 1
    with at_terminal(ada, "chat", "Bob") as hers:
        hers.wait_for("The bridge is open.")
        eventually(lambda: unread_count(ada, "Bob"), lambda n: n == 0, within_s=60, what="read")
        bob.run("send", "Ada", "And now?")
        hers.wait_for("And now?")
        eventually(lambda: unread_count(ada, "Bob"), lambda n: n == 0, within_s=60, what="read")


def test_a_history_longer_than_the_screen_is_gone_through(pair: tuple[Node, Node]) -> None:
    ada, _ = pair
    for n in range(150):
        ada.client.ask(SendMessage("Bob", f"word {n:03}"), MessageAnswer)
    with at_terminal(ada, "chat", "Bob") as hers:
        hers.wait_for("word 149")
        while "The bridge is open." not in hers.text:
            go_back(hers)
        shown = [int(n) for n in re.findall(r"word (\d+)", hers.text)]
        assert shown == list(range(len(shown)))
        hers.type(END)
        hers.wait_for("word 149")
        hers.resize(50, 12)
        hers.wait_until(lambda text: text.endswith(">") and "word 149" in text, "a smaller screen")
        assert len(hers.lines) == 12


def test_a_vault_that_is_locked_leaves_nothing_on_the_screen(pair: tuple[Node, Node]) -> None:
    ada, bob = pair
    with at_terminal(ada, "chat", "Bob") as hers:
        hers.wait_for("The bridge is open.")
        ada.run("lock")
        hers.wait_for("Open it with: mesh unlock")
        assert "bridge" not in hers.text
        assert "Bob" not in hers.text
        with at_terminal(ada, "chat", "Bob") as another:
            assert another.ended() == 4
            assert "The vault is locked" in another.text
        hers.enter("While it is locked")
        hers.wait_for("> While it is locked")
        bob.run("send", "Ada", "--wait", "While you were away.")
        ada.run("unlock")
        hers.wait_for("Bob: While you were away.")
        assert "Bob: The bridge is open." in hers.text
        assert "> While it is locked" in hers.text
    refused = ada.attempt("chat", "Bob")
    assert (refused.returncode, refused.stdout) == (1, "")


def type_on(terminal: ScreenTerminal) -> float:
    """Type for longer than a vault stays open; return the longest time from a key to the next."""
    keys = [time.monotonic()]
    while keys[-1] - keys[0] < 1.5 * AUTO_LOCK_S:
        terminal.type("x")
        terminal.wait_for("> x")
        terminal.type("\x7f")
        terminal.wait_without("> x")
        keys.append(time.monotonic())
    return max(after - before for before, after in pairwise(keys))


def test_an_open_chat_keeps_a_vault_open_only_while_one_types(pair: tuple[Node, Node]) -> None:
    ada, bob = pair
    with at_terminal(ada, "chat", "Bob") as hers:
        hers.wait_for("The bridge is open.")
        ada.run("settings", "auto_lock_minutes", str(AUTO_LOCK_S / 60))
        # A machine that holds a key up for so long has not typed without a pause.
        while type_on(hers) > AUTO_LOCK_S / 2:
            ada.run("unlock")
            hers.wait_for("The bridge is open.")
        assert "The bridge is open." in hers.text
        ends = time.monotonic() + AUTO_LOCK_S + LOCKED_WITHIN_S
        count = 0
        # What comes, is asked for and drawn, was asked by nobody.
        while "Open it with: mesh unlock" not in hers.text:
            assert time.monotonic() < ends
            count += 1
            news = f"news {count}."
            bob.client.ask(SendMessage("Ada", news), MessageAnswer)
            hers.wait_for_any(news, "mesh unlock")
        assert "news" not in hers.text


def test_a_node_that_stops_and_comes_back_is_waited_for(pair: tuple[Node, Node]) -> None:
    ada, bob = pair
    with at_terminal(ada, "chat", "Bob") as hers:
        hers.wait_for("The bridge is open.")
        ada.kill()
        hers.wait_for("Mesh is not running; this goes on as soon as it does.")
        with at_terminal(ada, "chat", "Bob") as another:
            assert another.ended() == 3
        hers.enter("Nobody hears this yet")
        hers.wait_for("> Nobody hears this yet")
        ada.start()
        ada.wait_until_up()
        hers.wait_without("not running")
        bob.run("send", "Ada", "You are back.")
        hers.wait_for("Bob: You are back.")
        hers.type("\r")
        hers.wait_for("me: Nobody hears this yet")
        assert leave(hers) == 0
    wait_for_text(bob, "Nobody hears this yet")


def test_commands_are_completed_and_explained(pair: tuple[Node, Node]) -> None:
    ada, _ = pair
    with at_terminal(ada, "chat", "Bob") as hers:
        hers.wait_for("The bridge is open.")
        hers.type("/inf")
        hers.wait_for("/info N")
        hers.type(TAB)
        hers.wait_for("> /info")
        hers.enter("1")
        hers.wait_for("Message 1, 19 bytes")
        hers.type(ESCAPE)
        hers.wait_for("Bob: The bridge is open.")
        hers.enter("/help")
        hers.wait_for("/vote N")
        # It is longer than the screen.
        hers.type(PAGE_DOWN)
        hers.wait_for("/withdraw N")
        hers.type(ESCAPE)
        hers.wait_without("/withdraw N")
        hers.enter("/nonsense")
        hers.wait_for("There is no /nonsense")
        hers.type("\x7f" * len("/nonsense"))
        hers.enter("//usr is full")
        hers.wait_for("me: /usr is full")
        hers.enter("/quit")
        assert hers.ended() == 0


def test_no_text_commands_the_terminal(pair: tuple[Node, Node]) -> None:
    ada, bob = pair
    bob.run("send", "Ada", "a\x1b]0;title\x07\x1b[2Jb \u202eevil\nme: forged")
    wait_for_text(ada, "a\x1b]0;title\x07\x1b[2Jb \u202eevil\nme: forged")
    with at_terminal(ada, "chat", "Bob") as hers:
        hers.wait_for("a<U+001B>]0;title<U+0007><U+001B>[2Jb <U+202E>evil")
        assert "    me: forged" in hers.lines
        assert leave(hers) == 0
        assert b"\x1b]0;title" not in hers.written


def test_without_a_terminal_nothing_is_begun(pair: tuple[Node, Node]) -> None:
    ada, _ = pair
    for arguments in (("chat", "Bob"), ("chat", "Bob", "--json")):
        piped = ada.attempt(*arguments, stdin="hello\n")
        assert (piped.returncode, piped.stdout) == (1, "")
        assert "mesh chat needs a terminal" in piped.stderr
    with at_terminal(ada, "chat", "Nobody") as hers:
        assert hers.ended() == 5
        assert "Nobody" in hers.text


def test_answers_edits_reactions_and_deletions_show_on_both_screens(
    pair: tuple[Node, Node],
) -> None:
    ada, bob = pair
    with at_terminal(ada, "chat", "Bob") as hers, at_terminal(bob, "chat", "Ada") as his:
        hers.wait_for("Bob: The bridge is open.")
        hers.enter("/reply 1")
        hers.wait_for("Answer to #1: The bridge is open.")
        hers.enter("On our weigh.")
        his.wait_for("┌ #1 me: The bridge is open.")
        his.wait_for("Ada: On our weigh.")
        hers.enter("/edit")
        hers.wait_for("> On our weigh.")
        hers.type("\x7f" * len("weigh.") + "way." + ENTER)
        his.wait_until(
            lambda text: bool(re.search(r"Ada: On our way\.  \[edited", text)), "the other words"
        )
        assert "weigh" not in his.text
        his.enter("/react 👍")
        hers.wait_until(lambda text: "  👍 1 (Bob" in text, "a reaction")
        his.enter("/edit 1 The bridge is closed.")
        hers.wait_for("┌ #1 Bob: The bridge is closed.")
        his.enter("/delete 1")
        his.wait_for("Delete #1 here, and ask their Mesh to?")
        his.enter("y")
        his.wait_for("(deleted by me)  [their device was asked to delete it]")
        hers.wait_for("Bob: (deleted by Bob)")
        hers.wait_for("┌ #1 Bob: (deleted)")
        assert "bridge" not in hers.text
        assert "bridge" not in his.text


def test_what_is_asked_is_decided_on_both_screens(pair: tuple[Node, Node]) -> None:
    ada, bob = pair
    with at_terminal(ada, "chat", "Bob") as hers:
        hers.wait_for("Bob: The bridge is open.")
        hers.enter("/task Buy water")
        hers.wait_for("(task): Buy water  [open]")
        bob.run("poll", "Ada", "Where do we meet?", "Gate", "Bridge")
        hers.wait_for("(poll): Where do we meet?")
        poll = re.findall(r"#(\d+) Bob \(poll\)", hers.text)[0]
        hers.enter(f"/vote {poll} 2")
        hers.wait_for("  2. Bridge — 1 (Ada")
        hers.enter("/board")
        hers.wait_without("The bridge is open.")
        assert "Buy water" in hers.text
        hers.type(ESCAPE)
        hers.wait_for("The bridge is open.")
        hers.enter("/timer 1h")
        hers.wait_until(lambda text: "disappears after 1 h 0 min" in text.splitlines()[0], "title")
        hers.enter("gone soon")
        hers.wait_for("[disappears ")


def test_what_was_said_is_found(pair: tuple[Node, Node]) -> None:
    ada, _ = pair
    for text in ("The ferry leaves at 9.", "Bring water."):
        ada.client.ask(SendMessage("Bob", text), MessageAnswer)
    with at_terminal(ada, "chat", "Bob") as hers:
        hers.wait_for("me: Bring water.")
        hers.enter("/search FERR")
        hers.wait_without("Bring water.")
        assert "me: The ferry leaves at 9." in hers.text
        hers.enter("/search boat")
        hers.wait_for("Nothing was found.")
        hers.type(ESCAPE)
        hers.wait_for("me: Bring water.")


def test_words_that_no_question_was_for_are_not_lost(pair: tuple[Node, Node]) -> None:
    ada, _ = pair
    with at_terminal(ada, "chat", "Bob") as hers:
        hers.wait_for("Bob: The bridge is open.")
        hers.enter("/forget 1")
        hers.wait_for("Delete #1 here alone?")
        hers.enter("On our way.")
        hers.wait_for("Nothing was done.")
        hers.wait_for("> On our way.")
        assert "Bob: The bridge is open." in hers.text


def test_a_name_behind_an_at_means_somebody_and_an_edit_keeps_it(pair: tuple[Node, Node]) -> None:
    ada, _ = pair
    ada.run("send", "Bob", "Ask @bob today")
    with at_terminal(ada, "chat", "Bob") as hers:
        hers.wait_for("Ask @bob (Bob) today")
        hers.enter("@Bob or @nobody")
        hers.wait_for("or @nobody  [")
        assert leave(hers) == 0

    def mentions() -> list[list[tuple[int, int]]]:
        items = ada.client.ask(AskItems("Bob"), ItemsAnswer).items[-2:]
        return [[(one.start, one.length) for one in item.mentions] for item in items]

    assert mentions() == [[(4, 4)], [(0, 4)]]
    number = ada.client.ask(AskItems("Bob"), ItemsAnswer).items[-2].number
    ada.run("contact", "rename", "Bob", "Robert")
    ada.run("edit", str(number), "Please ask @bob today")
    items = ada.client.ask(AskItems("Robert"), ItemsAnswer).items[-2:]
    assert [(one.start, one.length) for one in items[0].mentions] == [(11, 4)]


def wait_until_shown(node: Node, words: str, *command: str) -> None:
    eventually(lambda: node.run(*command), lambda said: words in said, within_s=90, what=words)


def test_in_a_group_each_message_and_quote_bears_the_name_of_who_wrote_it(
    pair: tuple[Node, Node],
) -> None:
    ada, bob = pair
    ada.run("group", "create", "Crew", "--with", "Bob")
    wait_until_shown(bob, "you were asked in", "group")
    bob.run("group", "accept", "Crew")
    for node in pair:
        wait_until_shown(node, "2 members  you are in", "group")
    bob.run("send", "Crew", "The road is free.")
    wait_until_shown(ada, "The road is free.", "read", "Crew")
    with at_terminal(ada, "chat", "Crew") as hers:
        hers.wait_for("Bob: The road is free.")
        number = re.search(r"#(\d+) Bob: The road", hers.text)
        assert number is not None
        hers.enter(f"/reply {number[1]} Then we go.")
        hers.wait_for("me: Then we go.")
        assert f"┌ #{number[1]} Bob: The road is free." in hers.text
        assert leave(hers) == 0
