"""The reach of nodes: many networks, many cuts, and radios that come and go."""

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from sim.network.addresses import address_of
from sim.network.cuts import Sides, Silence
from sim.network.reach import Reach


@given(st.integers(0, 200_000), st.integers(0, 20_000))
def test_every_network_is_a_private_range_of_its_own(network: int, node: int) -> None:
    address = ipaddress.ip_address(address_of(node, network).host)
    assert address.is_private
    near, next_one = (
        ipaddress.ip_network((address_of(0, number).host, 64), strict=False)
        for number in (network, network + 1)
    )
    assert address in near
    assert not near.overlaps(next_one)


def test_what_passes_is_what_nothing_blocks() -> None:
    reach = Reach({0: [0], 1: [0], 2: [0, 1], 3: [1]}, {0: {1: None}, 1: {0: None}})
    assert reach.others(2) == [0, 1, 3]
    assert reach.others(0) == [1, 2]
    assert reach.passes(0, 1)
    halves, silence = reach.put(Sides({0: 0, 1: 1, 2: 1, 3: 1})), reach.put(Silence(2))
    assert not reach.passes(0, 1)
    assert not reach.passes(2, 3)
    assert reach.sides() == [0, 1, 1, 1]
    assert isinstance(reach.take(halves), Sides)
    assert reach.take(halves) is None
    assert reach.passes(0, 1)
    assert not reach.passes(2, 3)
    assert reach.take(silence) == Silence(2)
    reach.clog(0, 1)
    reach.clog(0, 1)
    reach.unclog(0, 1)
    assert not reach.passes(0, 1)
    assert reach.passes(1, 0)
    reach.unclog(0, 1)
    reach.part(1, 0)
    assert not reach.passes(0, 1)
    reach.meet(0, 1)
    assert reach.passes(0, 1)


def test_who_moves_leaves_and_joins() -> None:
    reach = Reach({0: [0], 1: [0], 2: [1]}, None)
    assert reach.move(0, [1]) == [0]
    assert reach.others(0) == [2]
    assert reach.others(1) == []
    assert reach.move(0, [1, 0]) == []
    assert reach.others(0) == [2, 1]
