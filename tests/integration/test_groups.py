"""A group of three real daemons, by commands: made, joined, talked in, cut short by a kill."""

import pytest

from mesh.commands.group_links import GroupLinkAnswer
from tests.integration.networks import Desk
from tests.integration.nodes import Node, befriend, eventually, start_all
from tests.integration.row import NodeMaker, wait_for_links

pytestmark = pytest.mark.netns


@pytest.fixture
def three(desk: Desk, make_node: NodeMaker) -> tuple[Node, Node, Node]:
    """Return Ada, Bob and Cem on one cable; Ada knows both."""
    bridge = desk.bridge("left")
    at_once = "opened_delay_seconds = 0\nrelay_delay_seconds = 0\n"
    ada, bob, cem = (
        make_node(desk.laptop(bridge), name, more=at_once) for name in ("Ada", "Bob", "Cem")
    )
    start_all(ada, bob, cem)
    wait_for_links(ada, 2)
    for guest, label in ((bob, "Bob"), (cem, "Cem")):
        befriend(ada, guest, inviter_label="Ada")
        wait_until_shown(ada, guest.name, "contacts")
        ada.run("contact", "rename", guest.name, label)
    return ada, bob, cem


def wait_until_shown(node: Node, words: str, *command: str) -> str:
    """Ask by a command until its answer holds these words; return the answer."""
    return eventually(
        lambda: node.run(*command), lambda shown: words in shown, within_s=60, what=words
    )


def test_three_make_a_group_talk_and_go_on_without_one(three: tuple[Node, Node, Node]) -> None:
    ada, bob, cem = three
    ada.run("group", "create", "Crew", "--with", "Bob,Cem")
    for joiner in (bob, cem):
        wait_until_shown(joiner, "you were asked in by Ada", "group")
        joiner.run("group", "accept", "Crew")
        # What was promised outlives the process.
        joiner.kill()
        joiner.start()
        joiner.wait_until_up()
        wait_until_shown(joiner, "you are in", "group")
    for node in three:
        wait_until_shown(node, "3 members  you are in", "group")
    bob.run("send", "Crew", "We sail at six.")
    for node in (ada, cem):
        wait_until_shown(node, "We sail at six.", "read", "Crew")
    cem.run("send", "Crew", "I will be there.")
    wait_until_shown(bob, "I will be there.", "read", "Crew")
    assert "Crew" in bob.run("chats")
    ada.run("group", "remove", "Crew", "Bob")
    ada.kill()
    ada.start()
    ada.wait_until_up()
    wait_until_shown(bob, "you were removed", "group")
    wait_until_shown(cem, "2 members  you are in", "group")
    ada.run("send", "Crew", "Without Bob.")
    wait_until_shown(cem, "Without Bob.", "read", "Crew")
    assert "Without Bob." not in bob.run("read", "Crew")
    assert "removed Bob" in cem.run("group", "log", "Crew")
    codes = [
        line
        for node in (ada, cem)
        for line in node.run("group", "show", "Crew").splitlines()
        if line.startswith("code ")
    ]
    assert "<nothing>" not in ada.run("group", "show", "Crew")
    assert len(codes) == 2
    assert codes[0] == codes[1]


def test_a_stranger_comes_by_a_qr_code_and_is_admitted_by_another(
    three: tuple[Node, Node, Node],
) -> None:
    """Ada makes the link, Bob admits, and Cem is nobody's contact but Ada's."""
    ada, bob, cem = three
    ada.run("group", "create", "Crew", "--with", "Bob")
    wait_until_shown(bob, "you were asked in", "group")
    bob.run("group", "accept", "Crew")
    wait_until_shown(ada, "2 members  you are in", "group")
    wait_until_shown(bob, "2 members  you are in", "group")
    ada.run("group", "role", "Crew", "Bob", "admin")
    made = ada.answer(GroupLinkAnswer, "group", "link", "create", "Crew", "--approve")
    cem.run("group", "join", made.qr, "--note", "From the pier")
    wait_until_shown(ada, "From the pier", "group", "knocks", "Crew")
    wait_until_shown(bob, "From the pier", "group", "knocks", "Crew")
    ada.kill()
    wait_until_shown(bob, " admin", "group", "log", "Crew")
    bob.run("group", "admit", "Crew", "1")
    wait_until_shown(cem, "3 members  you are in", "group")
    cem.run("send", "Crew", "Here I am.")
    wait_until_shown(bob, "Here I am.", "read", "Crew")
    assert "added Cem" in bob.run("read", "Crew")
    ada.start()
    ada.wait_until_up()
    wait_until_shown(ada, "Here I am.", "read", "Crew")
    # Whoever lets them in, a use is a use.
    wait_until_shown(ada, "1 of 1000", "group", "link", "list", "Crew")
    ada.run("group", "link", "revoke", "Crew", "1")
    assert "revoked" in ada.run("group", "link", "list", "Crew")
