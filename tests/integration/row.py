"""Three people in a row of laptops, and what their tests do again and again."""

from dataclasses import dataclass
from typing import Protocol

from mesh.commands.contacts import ContactsAnswer
from tests.integration.networks import Desk
from tests.integration.nodes import Node, befriend, eventually, start_all

LINKED_WITHIN_S = 60.0
ARRIVES_WITHIN_S = 60.0
"""So long at most: where this is waited for, something else is tested, and others use the machine.
"""


class NodeMaker(Protocol):
    """Makes nodes of the closed mesh that end with the test."""

    def __call__(self, namespace: str, first_name: str, *, more: str = "") -> Node: ...


@dataclass
class Row:
    """Anna and Ben on one bridge, Ben and Cleo on another: what they say passes through Ben."""

    desk: Desk
    left: str
    right: str
    anna: Node
    ben: Node
    cleo: Node

    @property
    def all(self) -> tuple[Node, Node, Node]:
        """The three of them."""
        return (self.anna, self.ben, self.cleo)

    def wait_until_linked(self) -> None:
        """Wait until Ben has a link to each of the others."""
        for node, count in ((self.ben, 2), (self.anna, 1), (self.cleo, 1)):
            wait_for_links(node, count)

    def introduce(self) -> str:
        """Cleo adds Anna and writes first; return Anna's label for Cleo."""
        befriend(self.anna, self.cleo, inviter_label="anna")
        self.cleo.run("send", "anna", "hello")
        wait_for_text(self.anna, "hello")
        (contact,) = self.anna.answer(ContactsAnswer, "contacts").contacts
        return contact.label


def wait_for_links(node: Node, count: int) -> None:
    """Wait until a node has links to so many neighbours."""
    eventually(
        node.links_count,
        lambda links: links >= count,
        within_s=LINKED_WITHIN_S,
        what=f"{count} links of {node.name}",
    )


def wait_for_text(node: Node, text: str, *, within_s: float = ARRIVES_WITHIN_S) -> None:
    """Wait until a message with this text has come."""
    eventually(
        node.received_texts,
        lambda texts: text in texts,
        within_s=within_s,
        what=f"{text!r} at {node.name}",
    )


def write_to_each_other(ada: Node, bob: Node) -> None:
    """Start two nodes on one cable, and let them become contacts that have both written."""
    start_all(ada, bob)
    wait_for_links(ada, 1)
    befriend(ada, bob, inviter_label="Ada")
    bob.run("send", "Ada", "The bridge is open.")
    wait_for_text(ada, "The bridge is open.")
    ada.run("contact", "rename", bob.name, "Bob")
    ada.run("send", "Bob", "Good.")
    wait_for_text(bob, "Good.")


def two_acquainted(desk: Desk, make_node: NodeMaker) -> tuple[Node, Node]:
    """Anna and Ben on one network; he has written *hello* to her."""
    bridge = desk.bridge("shared")
    anna, ben = (make_node(desk.laptop(bridge), name) for name in ("Anna", "Ben"))
    start_all(anna, ben)
    wait_for_links(anna, 1)
    befriend(anna, ben, inviter_label="anna")
    ben.run("send", "anna", "hello")
    wait_for_text(anna, "hello")
    return anna, ben
