"""Laptops that move: another network, another address, a pulled cable, and no multicast DNS.

What a person waits for is bounded here: links stand again within seconds.
"""

import time

import pytest

from mesh.commands.peers import AskPeers, PeersAnswer
from mesh.limits.discovery import WAKE_GAP_MS
from mesh.node.tcp.listening import PORT_DEFAULT
from tests.integration.networks import Desk
from tests.integration.nodes import Node, befriend, eventually, start_all, start_relays
from tests.integration.row import NodeMaker, wait_for_links, wait_for_text
from tests.node.tcp.test_stream import bounds_its_retries

pytestmark = pytest.mark.netns

WITHIN_S = 20.0
"""Seconds, also on a busy machine; a beacon comes every half minute."""

TAKEN_WITHIN_S = 60.0
"""Seconds: what was written goes over one link first, and its way has to end."""

MDNS_PORT = 5_353
CUT_S, GOES_ON_WITHIN_S = 14.0, 10.0
"""TCP that doubles its pauses tries again 25 s after what it sent in vain."""


def linked_hosts(node: Node) -> list[str]:
    """The hosts at the other ends of a node's links."""
    peers = node.client.ask(AskPeers(), PeersAnswer).peers
    hosts = [peer.address.rpartition(":")[0] for peer in peers if peer.state == "linked"]
    return [host.strip("[]").partition("%")[0] for host in hosts]


def wait_for_link_to(node: Node, hosts: list[str]) -> None:
    """Wait until a node has one link, which leads to a laptop with these addresses."""
    eventually(
        lambda: linked_hosts(node),
        lambda found: len(found) == 1 and found[0] in hosts,
        within_s=WITHIN_S,
        what=f"the link of {node.name} to {hosts}",
    )


def test_a_laptop_that_is_carried_to_another_network_and_back_is_linked_within_seconds(
    desk: Desk, make_node: NodeMaker
) -> None:
    """And what a relay took along is handed over there."""
    home, cafe = desk.bridge("home"), desk.bridge("cafe")
    laptops = desk.laptop(home), desk.laptop(home), desk.laptop(cafe)
    mover, stayer, other = (
        make_node(laptop, name)
        for laptop, name in zip(laptops, ("Anna", "Ben", "Cleo"), strict=True)
    )
    start_relays(mover)
    start_all(stayer, other)
    wait_for_link_to(mover, desk.hosts(laptops[1]))
    befriend_and_greet(other, stayer)
    desk.move(laptops[0], home, cafe)
    wait_for_link_to(mover, desk.hosts(laptops[2]))
    wait_for_text(other, "carried by hand")
    desk.move(laptops[0], cafe, home)
    wait_for_link_to(mover, desk.hosts(laptops[1]))


def befriend_and_greet(inviter: Node, guest: Node) -> None:
    """The guest writes to somebody whom only a third person will meet, who has it then."""
    befriend(inviter, guest, inviter_label="friend")
    guest.run("send", "friend", "carried by hand")
    eventually(
        lambda: guest.messages()[-1],
        lambda message: message.state == "carried" and message.carriers == 1,
        within_s=TAKEN_WITHIN_S,
        what="somebody has taken it along",
    )


def test_a_new_address_and_a_pulled_cable_cost_seconds(desk: Desk, make_node: NodeMaker) -> None:
    bridge = desk.bridge("home")
    laptops = desk.laptop(bridge), desk.laptop(bridge)
    anna, ben = (
        make_node(laptop, name) for laptop, name in zip(laptops, ("Anna", "Ben"), strict=True)
    )
    start_relays(anna, ben)
    wait_for_links(ben, 1)
    former = desk.address(laptops[0], bridge)
    desk.readdress(laptops[0], bridge, 77)
    eventually(
        lambda: linked_hosts(ben),
        lambda found: len(found) == 1 and found[0] != former,
        within_s=WITHIN_S,
        what="one link without the former address",
    )
    wait_for_link_to(anna, desk.hosts(laptops[1]))
    desk.cut(laptops[1], bridge)
    eventually(ben.links_count, lambda count: count == 0, within_s=WITHIN_S, what="no link")
    desk.heal(laptops[1], bridge)
    wait_for_links(ben, 1)
    wait_for_links(anna, 1)


def test_a_second_way_to_a_neighbour_leaves_the_link_as_it_is(
    desk: Desk, make_node: NodeMaker
) -> None:
    """Two laptops on two cables: an address that is typed leads to who is linked already."""
    bridges = desk.bridge("home"), desk.bridge("desk")
    laptops = desk.laptop(*bridges), desk.laptop(*bridges)
    anna, ben = (
        make_node(laptop, name) for laptop, name in zip(laptops, ("Anna", "Ben"), strict=True)
    )
    nodes = (anna, ben)
    start_relays(*nodes)
    for bridge in bridges:
        eventually(
            lambda: [state for node in nodes for state in peer_states(node)],
            lambda states: states.count("linked") == 2 and "connecting" not in states,
            within_s=WITHIN_S,
            what="one link, and no other one arising",
        )
        closed = [counted(node, "links_closed") for node in nodes]
        dial_again(anna, desk.address(laptops[1], bridge))
        eventually(
            lambda: [len(peer_states(node)) for node in nodes],
            lambda counts: counts == [1, 1],
            within_s=WITHIN_S,
            what="the end of the second link",
        )
        assert [counted(node, "links_closed") for node in nodes] == closed


def dial_again(node: Node, host: str) -> None:
    """Type an address of somebody who is linked, and wait until that is found out."""
    before = counted(node, "links_duplicate")
    node.run("peer", "add", f"{host}:{PORT_DEFAULT}")
    eventually(
        lambda: counted(node, "links_duplicate"),
        lambda count: count > before,
        within_s=WITHIN_S,
        what="a second link",
    )


def peer_states(node: Node) -> list[str]:
    """Return what a node says of each neighbour that it has a stream to."""
    peers = node.client.ask(AskPeers(), PeersAnswer).peers
    return [peer.state for peer in peers if peer.state in ("linked", "connecting")]


def counted(node: Node, counter: str) -> int:
    """One of the metrics of a node."""
    return node.status().counters.get(counter, 0)


def test_after_sleep_a_laptop_knows_within_seconds_who_is_gone(
    desk: Desk, make_node: NodeMaker
) -> None:
    bridge = desk.bridge("home")
    laptops = desk.laptop(bridge), desk.laptop(bridge)
    anna, ben = (
        make_node(laptop, name) for laptop, name in zip(laptops, ("Anna", "Ben"), strict=True)
    )
    start_all(anna, ben)
    wait_for_links(anna, 1)
    befriend(anna, ben, inviter_label="friend")
    anna.sleep()
    try:
        # What came before the cut is read after the sleep, and proves nothing.
        ben.run("send", "friend", "good night")
        desk.cut(laptops[1], bridge)
        # This is the sleep itself, and no waiting for something.
        time.sleep(WAKE_GAP_MS / 1_000)
    finally:
        anna.wake()
    eventually(anna.links_count, lambda count: count == 0, within_s=WITHIN_S, what="no link")
    desk.heal(laptops[1], bridge)
    wait_for_links(anna, 1)


def test_where_multicast_dns_is_blocked_the_beacon_is_enough(
    desk: Desk, make_node: NodeMaker
) -> None:
    bridge = desk.bridge("home")
    laptops = desk.laptop(bridge), desk.laptop(bridge)
    anna, ben = (
        make_node(laptop, name) for laptop, name in zip(laptops, ("Anna", "Ben"), strict=True)
    )
    for laptop in laptops:
        desk.drop_udp(laptop, MDNS_PORT)
    start_relays(anna, ben)
    wait_for_links(anna, 1)
    # Anna comes back under a name that only a beacon can have told.
    anna.kill()
    start_relays(anna)
    wait_for_links(anna, 1)
    wait_for_links(ben, 1)


@pytest.mark.skipif(not bounds_its_retries(), reason="Linux knows it since 6.15")
def test_mail_goes_on_soon_after_a_cut_that_neither_laptop_saw(
    desk: Desk, make_node: NodeMaker
) -> None:
    """As where an access point was without power for a moment: no interface goes down."""
    here, elsewhere = desk.bridge("here"), desk.bridge("elsewhere")
    anna, ben = (make_node(desk.laptop(here), name) for name in ("Anna", "Ben"))
    start_all(anna, ben)
    wait_for_links(anna, 1)
    befriend(anna, ben, inviter_label="Anna")
    ben.run("send", "Anna", "before")
    wait_for_text(anna, "before")
    desk.rewire(ben.namespace, here, elsewhere)
    ben.run("send", "Anna", "meanwhile")
    time.sleep(CUT_S)
    desk.rewire(ben.namespace, elsewhere, here)
    wait_for_text(anna, "meanwhile", within_s=GOES_ON_WITHIN_S)
