"""Two laptops that meet on one cable after more than a week: what they wrote is exchanged."""

import json

import pytest

from mesh.commands.contacts import ContactsAnswer
from mesh.commands.messages import MessageAnswer
from tests.integration.networks import Desk
from tests.integration.nodes import Node, eventually, start_all
from tests.integration.row import NodeMaker, two_acquainted, wait_for_text
from tests.integration.test_doctor import faketime

pytestmark = pytest.mark.netns

EXCHANGED_WITHIN_S = 90.0


def sent(node: Node, text: str) -> MessageAnswer:
    """Return what a node says of a message of its own."""
    (found,) = [one for one in node.messages() if one.text == text]
    return found


def test_after_eight_days_on_one_cable_the_mail_of_both_comes(
    desk: Desk, make_node: NodeMaker
) -> None:
    anna, ben = two_acquainted(desk, make_node)
    (contact,) = anna.answer(ContactsAnswer, "contacts").contacts
    anna.stop()
    # Each writes while the other is off; nobody carries it.
    ben.run("send", "anna", "from Ben")
    ben.stop()
    anna.start()
    anna.wait_until_up()
    anna.run("send", contact.label, "from Anna")
    assert sent(anna, "from Anna").posts_count == 1
    anna.stop()
    for node in (anna, ben):
        node.more_environment = faketime("+8d")
    start_all(anna, ben)
    for reader, text in ((ben, "from Anna"), (anna, "from Ben")):
        wait_for_text(reader, text, within_s=EXCHANGED_WITHIN_S)
        assert [one.text for one in reader.messages()].count(text) == 1
    again = sent(anna, "from Anna")
    assert again.posts_count in (0, 2), again
    eventually(
        lambda: sent(anna, "from Anna").state,
        lambda state: state in ("carried", "delivered"),
        within_s=EXCHANGED_WITHIN_S,
        what="the state of what Anna wrote",
    )


def test_somebody_who_was_invited_and_comes_after_eight_days_waits_as_a_request(
    desk: Desk, make_node: NodeMaker
) -> None:
    bridge = desk.bridge("left")
    anna, ben = (make_node(desk.laptop(bridge), name) for name in ("Anna", "Ben"))
    anna.start()
    anna.wait_until_up()
    link = json.loads(anna.run("invite", "--expires", "1d", "--json"))["link"]
    anna.stop()
    ben.start()
    ben.wait_until_up()
    ben.run("add", link, "--label", "anna")
    ben.run("send", "anna", "we met at the lake")
    ben.stop()
    for node in (anna, ben):
        node.more_environment = faketime("+8d")
    start_all(anna, ben)
    requests = eventually(
        lambda: anna.answer(ContactsAnswer, "requests").contacts,
        lambda found: len(found) == 1,
        within_s=EXCHANGED_WITHIN_S,
        what="who waits",
    )
    assert requests[0].name == ben.name
