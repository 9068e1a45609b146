"""Which engines are linked: newcomers, groups that meet, changes of network."""

from mesh.inputs import NetworkChanged, PeerSeen
from tests.engine.joined import Joined, Seat
from tests.engine.test_door import status


def tell(seat: Seat, other: Seat) -> None:
    """Let an engine see what another one announces."""
    neighbours = other.engine._neighbours
    instance = neighbours._hello_nonce[:8].hex()
    seat.inbox.append(PeerSeen(instance, (other.address,), neighbours._hint(instance)))


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
        for link in seat.engine._neighbours.ready:
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


def test_after_both_change_their_network_there_is_still_one_link_to_each_neighbour() -> None:
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
