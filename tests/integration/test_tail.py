"""`mesh tail` and `mesh read` of what is said in a group: each thing once, also after a restart."""

import re
import subprocess

import pytest

from tests.integration.networks import Desk
from tests.integration.nodes import Node, befriend, eventually, start_all
from tests.integration.row import NodeMaker, wait_for_links

pytestmark = pytest.mark.netns

BEFORE = ("We sail at six.", "map.txt", "Tea or coffee?")
MISSED = ("We sail at seven.", "plan.txt", "Bread or rice?")
LAST = "That is all."
RENAMED = "A new name."


@pytest.fixture
def pair(desk: Desk, make_node: NodeMaker) -> tuple[Node, Node]:
    """Return Ada and Bob on one cable, in a group that Ada made."""
    bridge = desk.bridge("left")
    at_once = "opened_delay_seconds = 0\nrelay_delay_seconds = 0\n"
    ada, bob = (make_node(desk.laptop(bridge), name, more=at_once) for name in ("Ada", "Bob"))
    start_all(ada, bob)
    wait_for_links(ada, 1)
    befriend(ada, bob, inviter_label="Ada")
    eventually(
        lambda: ada.run("contacts"), lambda shown: bob.name in shown, within_s=60, what=bob.name
    )
    ada.run("contact", "rename", bob.name, "Bob")
    ada.run("group", "create", "Crew", "--with", "Bob")
    shown(bob, "you were asked in by Ada", "group")
    bob.run("group", "accept", "Crew")
    for node in (ada, bob):
        shown(node, "2 members  you are in", "group")
    return ada, bob


def shown(node: Node, words: str, *command: str) -> str:
    return eventually(
        lambda: node.run(*command), lambda said: words in said, within_s=90, what=words
    )


def say(node: Node, things: tuple[str, str, str]) -> None:
    """Write a text, a file and a poll into the group."""
    text, file, question = things
    node.run("send", "Crew", text)
    (node.home / file).write_text(f"all that {file} says")
    node.run("send", "Crew", "--file", file)
    node.run("poll", "Crew", question, "this", "that")


def heard(tail: "subprocess.Popen[str]", *words: str) -> list[str]:
    """Return the lines that a tail prints until it has told each of these."""
    left, lines = set(words), []
    assert tail.stdout is not None
    while left:
        lines.append(tail.stdout.readline())
        assert lines[-1], f"the tail ended and had not told {left}"
        left -= {word for word in left if word in lines[-1]}
    return lines


def test_what_is_said_in_a_group_is_tailed_once_also_after_a_restart(
    pair: tuple[Node, Node],
) -> None:
    ada, bob = pair
    with (
        ada.tail("--after", "0", is_json=False) as everything,
        ada.tail("Crew", "--after", "0", is_json=False) as crew,
        ada.tail("Crew", "--after", "0") as as_json,
    ):
        tails = (everything, crew, as_json)
        bob.run("send", "Crew", "first")
        lines = {tail: heard(tail, "first") for tail in tails}
        say(bob, BEFORE)
        for tail in tails:
            lines[tail] += heard(tail, *BEFORE)
        ada.kill()
        say(bob, MISSED)
        ada.start()
        ada.wait_until_up()
        for tail in tails:
            lines[tail] += heard(tail, *MISSED)
        bob.run("send", "Crew", LAST)
        for tail in tails:
            lines[tail] += heard(tail, LAST)
            for words in (*BEFORE, *MISSED, LAST):
                assert sum(words in line for line in lines[tail]) == 1, (words, lines[tail])
        # A tail goes on in the conversation with which it began, whatever that is called.
        ada.run("group", "set", "Crew", "name=Boat")
        shown(bob, "Boat", "group")
        bob.run("send", "Boat", RENAMED)
        for tail in tails:
            heard(tail, RENAMED)
    assert any(re.search(r"Bob → Crew: We sail at six\.$", line) for line in lines[everything])
    assert any(re.search(r"Bob: We sail at six\.$", line) for line in lines[crew])


def test_what_came_in_a_group_is_read_with_its_author_and_nothing_else_is_marked(
    pair: tuple[Node, Node],
) -> None:
    ada, bob = pair
    say(bob, BEFORE)
    say(bob, MISSED)
    for words in (*BEFORE, *MISSED):
        shown(ada, words, "read", "--unread", "--keep-unread")
    unread = ada.run("read", "--unread", "--keep-unread")
    assert "Bob → Crew: We sail at six." in unread
    ada.run("read", "Crew", "--limit", "2")
    left = ada.run("read", "--unread", "--keep-unread")
    assert sum(words in left for words in (*BEFORE, *MISSED)) == 4
    assert "Bob: " in ada.run("read", "Crew", "--unread")
    assert ada.attempt("read", "--unread").stderr == "There are no new messages.\n"
    found = ada.run("search", "sail six")
    assert "Bob → Crew: We sail at six." in found
    number = found.split()[0]
    assert "We sail at six." in ada.run("read", "--around", number, "--limit", "1")
    bob.run("send", "Crew", "--file", MISSED[1])
    shown(ada, f"📎 {MISSED[1]}", "chats")
