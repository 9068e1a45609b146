"""The links that engines form: newcomers, groups that meet, changes of network."""

import pytest

from mesh.commands.contacts import AddContact, BlockContact
from mesh.commands.identity import CreateIdentity
from mesh.commands.invites import CreateInvite, InviteAnswer
from mesh.commands.messages import SendMessage
from mesh.commands.peers import AddPeer, AskPeers, PeersAnswer
from mesh.effects import Dial, Reply
from mesh.ids import Instant, Monotonic, RequestId
from mesh.inputs import (
    Asked,
    Disconnected,
    NetworkChanged,
    NetworksSeen,
    OwnAddress,
    PeerSeen,
    VaultClosing,
    Woke,
)
from mesh.limits.link import LINK_CHECK_MS
from mesh.limits.peering import (
    LINK_SWAP_INTERVAL_MS,
    LINKS_ACTIVE_MAX,
    LINKS_ACTIVE_MIN,
    LINKS_HOSTILE_SHARE,
    WHO_INTERVAL_MS,
)
from tests.engine.joined import START_US, Joined, Seat
from tests.engine.test_engine import status


def tell(seat: Seat, other: Seat) -> None:
    """Let an engine see what another one announces."""
    keys = other.engine._links.keys
    hint = keys.hint(keys.instance)
    seat.inbox.append(PeerSeen(keys.instance, (other.address,), hint))


def introduce_all(table: Joined, names: list[str], others: list[str]) -> None:
    for name in names:
        for other in others:
            if name != other:
                tell(table.seats[name], table.seats[other])
                tell(table.seats[other], table.seats[name])
    table.run()


def arrive(table: Joined, name: str, present: list[str]) -> None:
    table.sit(name)
    introduce_all(table, [name], present)
    table.pass_time(20)
    present.append(name)


def reached(table: Joined, first: str) -> list[str]:
    """All who are joined with one by links."""
    found = [first]
    for name in found:
        seat = table.seats[name]
        for link in seat.engine._links.ready:
            other = seat.streams[link][0]
            if other not in found:
                found.append(other)
    return found


def test_who_comes_after_nine_that_are_all_linked_finds_room() -> None:
    table, present = Joined(), list[str]()
    for number in range(14):
        arrive(table, f"node {number}", present)
        assert len(reached(table, "node 0")) == number + 1


def test_two_groups_that_have_links_enough_join_when_they_meet() -> None:
    table = Joined()
    groups: list[list[str]] = [[], []]
    for number in range(20):
        arrive(table, f"node {number}", groups[number % 2])
    assert len(reached(table, "node 0")) == 10
    introduce_all(table, *groups)
    table.pass_time(60)
    assert len(reached(table, "node 0")) == 20


def test_after_both_change_their_network_there_is_still_one_link_to_each_peer() -> None:
    table = Joined()
    arrive(table, "ada", present := list[str]())
    arrive(table, "bob", present)
    assert status(table, "ada").links_count == 1
    for name in present:
        table.seats[name].inbox.append(NetworkChanged())
    table.run()
    introduce_all(table, ["ada"], ["bob"])
    table.pass_time(5)
    assert status(table, "ada").links_count == 1
    assert status(table, "bob").links_count == 1


def test_nodes_that_announce_nothing_find_each_other_by_what_peers_tell() -> None:
    table = Joined(*(f"node {number}" for number in range(12)), are_told_near=True)
    for number in range(1, 12):
        # Each knows one: an address that its person typed.
        table.ask(f"node {number}", AddPeer(str(table.seats["node 0"].address)))
    table.pass_time(600)
    counts = [len(seat.engine._links.ready) for seat in table.seats.values()]
    assert min(counts) >= 3
    assert len(reached(table, "node 0")) == 12
    # Without the one whom all had typed they stay together.
    table.stop("node 0")
    table.pass_time(120)
    assert len(reached(table, "node 1")) == 11


def test_nodes_that_may_not_be_told_of_are_not() -> None:
    table = Joined("ada", "hub", "bob")
    for name in ("ada", "bob"):
        table.ask(name, AddPeer(str(table.seats["hub"].address)))
    table.pass_time(600)
    assert [other for other, _ in table.seats["ada"].streams.values()] == ["hub"]


def test_in_a_crowd_everybody_has_links_enough_and_nobody_too_many() -> None:
    table, present = Joined(), list[str]()
    for number in range(16):
        table.sit(f"node {number}")
        introduce_all(table, [f"node {number}"], present)
        present.append(f"node {number}")
    table.pass_time(120)
    counts = [len(seat.engine._links.ready) for seat in table.seats.values()]
    assert max(counts) <= LINKS_ACTIVE_MIN + 15 // LINKS_HOSTILE_SHARE
    assert sum(counts) / len(counts) <= LINKS_ACTIVE_MAX
    assert min(counts) >= LINKS_ACTIVE_MIN
    assert len(reached(table, "node 0")) == 16


def test_two_full_groups_that_know_of_each_other_and_have_no_link_join_by_swaps() -> None:
    """Each group has links enough, and no announcement comes that would wake anybody."""
    table, groups = Joined(), [list[str](), list[str]()]
    for number in range(16):
        arrive(table, f"node {number}", groups[number % 2])
    for left in groups[0]:
        for right in groups[1]:
            table.cut(left, right)
    introduce_all(table, *groups)
    table.pass_time(60)
    assert len(reached(table, "node 0")) == 8
    table._cuts.clear()
    for _ in range(LINK_SWAP_INTERVAL_MS * 3 // 2 // 60_000):
        table.pass_time(60)
        if len(reached(table, "node 0")) == 16:
            break
    assert len(reached(table, "node 0")) == 16


def test_contacts_recognise_each_other_in_a_link_and_no_more_once_one_of_them_locks() -> None:
    table = Joined("ada", "bob", "eve")
    for name in ("ada", "bob", "eve"):
        table.ask(name, CreateIdentity(name.title()))
    table.join("ada", "bob")
    table.join("ada", "eve")
    invite = table.ask("ada", CreateInvite())
    assert isinstance(invite, InviteAnswer)
    table.ask("bob", AddContact(invite.link))
    table.ask("bob", SendMessage("Ada", "hello"))
    table.pass_time(2 * WHO_INTERVAL_MS[1] // 1_000)
    assert contacts_in_links(table, "ada") == {"bob"}
    assert contacts_in_links(table, "bob") == {"ada"}
    assert contacts_in_links(table, "eve") == set()
    table.ask("ada", BlockContact("Bob", is_blocked=True))
    assert contacts_in_links(table, "ada") == set()
    table.ask("ada", BlockContact("Bob", is_blocked=False))
    assert contacts_in_links(table, "ada") == {"bob"}
    table.seats["ada"].inbox.append(VaultClosing())
    table.run()
    assert contacts_in_links(table, "ada") == set()


def test_a_person_sees_over_which_interface_a_link_goes_and_whose_it_is() -> None:
    table = Joined("ada", "bob")
    for name in ("ada", "bob"):
        table.ask(name, CreateIdentity(name.title()))
    seat = table.seats["ada"]
    seat.inbox.append(NetworksSeen((OwnAddress("wlan0", 3, seat.address.host, 24),)))
    table.join("ada", "bob")
    invite = table.ask("ada", CreateInvite())
    assert isinstance(invite, InviteAnswer)
    table.ask("bob", AddContact(invite.link))
    table.ask("bob", SendMessage("Ada", "hello"))
    table.pass_time(2 * WHO_INTERVAL_MS[1] // 1_000)
    told = status(table, "ada")
    assert (told.links_by_interface, told.contact_links_count) == ({"wlan0": 1}, 1)
    peers = table.ask("ada", AskPeers())
    assert isinstance(peers, PeersAnswer)
    linked = [(peer.interface, peer.contact) for peer in peers.peers if peer.state == "linked"]
    assert linked == [("wlan0", "Bob")]
    seat.inbox.append(VaultClosing())
    table.run()
    assert status(table, "ada").contact_links_count == 0


def test_an_address_is_listed_while_its_dial_hangs_and_with_how_it_is_known() -> None:
    table = Joined("ada")
    seat = table.seats["ada"]
    here = Instant(Monotonic(table.now_us), table.now_us)
    seat.inbox.append(Asked(RequestId(900), AddPeer("10.9.9.9:41730")))
    assert any(isinstance(effect, Dial) for effect in seat.handle(here))
    # Nobody has answered that dial yet.
    seat.inbox.append(Asked(RequestId(901), AskPeers()))
    (reply,) = [effect for effect in seat.handle(here) if isinstance(effect, Reply)]
    assert isinstance(reply.answer, PeersAnswer)
    told = [(peer.address, peer.state, peer.source) for peer in reply.answer.peers]
    assert told == [("10.9.9.9:41730", "connecting", "typed")]


def contacts_in_links(table: Joined, name: str) -> set[str]:
    """At the other end of which links an engine knows a contact."""
    seat = table.seats[name]
    overlay = seat.engine._overlay
    known = overlay.contacts_by_link()
    assert all(overlay.contact_of(link) == known.get(link) for link in seat.streams)
    return {seat.streams[link][0] for link in known}


def test_after_sleep_a_dead_link_ends_within_seconds_and_a_living_one_stays() -> None:
    table = Joined("ada", "bob")
    table.ask("ada", AddPeer(str(table.seats["bob"].address)))
    table.pass_time(5)
    (link,) = table.seats["ada"].streams
    table.seats["ada"].inbox.append(Woke())
    table.run()
    table.pass_time(5)
    assert list(table.seats["ada"].streams) == [link]
    # Bob hears nothing any more, and nobody says so.
    table.seats["bob"].is_up = False
    table.seats["ada"].inbox.append(Woke())
    table.run()
    table.pass_time(LINK_CHECK_MS / 1_000)
    assert status(table, "ada").links_count == 0


def die_unnoticed(table: Joined, noticing: str, other: str) -> None:
    """The stream between two is gone, and only one of them hears of it."""
    (link,) = table.seats[noticing].streams
    _, far_link = table.seats[noticing].streams.pop(link)
    del table.seats[other].streams[far_link]
    # What goes into the dead end is lost, and closing it is all that still can be done with it.
    table.strangers[far_link] = lambda data: None
    table.seats[noticing].inbox.append(Disconnected(link))
    table.run()


def living_links(table: Joined, name: str) -> list[bool]:
    """Of each link that a node counts as ready, whether there is a stream."""
    seat = table.seats[name]
    return [link in seat.streams for link in seat.engine._links.ready]


def test_who_dials_again_takes_the_place_of_his_link_that_died() -> None:
    table = Joined("ada", "bob")
    table.join("ada", "bob")
    die_unnoticed(table, "ada", "bob")
    assert (living_links(table, "ada"), living_links(table, "bob")) == ([], [False])
    table.join("ada", "bob")
    assert (living_links(table, "ada"), living_links(table, "bob")) == ([True], [True])
    table.pass_time(60)
    assert (living_links(table, "ada"), living_links(table, "bob")) == ([True], [True])


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_who_is_dialled_back_over_a_link_that_died_finds_out_at_once(seed: int) -> None:
    """Whichever of both has the smaller link key."""
    table = Joined("ada", "bob", seed=seed)
    table.join("ada", "bob")
    die_unnoticed(table, "bob", "ada")
    table.join("bob", "ada")
    assert (living_links(table, "ada"), living_links(table, "bob")) == ([True], [True])
    table.pass_time(60)
    assert (living_links(table, "ada"), living_links(table, "bob")) == ([True], [True])


def test_a_relay_that_rests_changes_its_key_at_midnight_and_not_when_something_wakes_it() -> None:
    table = Joined()
    relay = table.sit("relay", is_relay=True)
    table.run()
    before = relay.engine._links.keys.current
    until_midnight_us = 86_400_000_000 - START_US % 86_400_000_000
    table.pass_time((until_midnight_us - 1) / 1_000_000)
    assert relay.engine._links.keys.current == before
    assert relay.engine.deadline() == table.now_us + 1
    table.pass_time(1)
    assert relay.engine._links.keys.current != before


def test_nobody_wakes_at_a_time_when_a_link_was_to_be_pinged_that_was_used_since() -> None:
    """Those who dialled ask first, so whoever was dialled would wake for nothing all the time."""
    table = Joined("dialled", "one", "two", "three")
    for name in ("one", "two", "three"):
        table.join(name, "dialled")
    streams = table.seats["dialled"].engine._links.streams
    for _ in range(120):
        table.pass_time(0.5)
        deadlines = [peer.link.deadline() for peer in streams.all.values()]
        assert streams.deadline() == min(at for at in deadlines if at is not None)
