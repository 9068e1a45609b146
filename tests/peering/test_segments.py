"""An address tells of where it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.ids import Address
from mesh.inputs import OwnAddress
from mesh.peering.segments import FAR, OwnNetworks, is_global, is_one_segment

OWN = OwnNetworks(
    [
        OwnAddress("eth0", 2, "192.168.7.2", 24),
        OwnAddress("eth0", 2, "fe80::2", 64),
        OwnAddress("wlan0", 3, "10.9.0.5", 16),
        OwnAddress("wlan0", 3, "2001:db8:7::5", 64),
        OwnAddress("tun0", 4, "10.9.8.1", 24),
    ]
)


@pytest.mark.parametrize(
    "host, scope, network",
    [
        ("192.168.7.200", 0, "eth0"),
        ("192.168.8.200", 0, FAR),
        ("10.9.1.1", 0, "wlan0"),
        ("10.9.8.7", 0, "tun0"),
        ("2001:db8:7::77", 0, "wlan0"),
        ("2001:db8:8::77", 0, FAR),
        ("fe80::77", 2, "eth0"),
        ("fe80::77", 9, "scope 9"),
        ("box.local", 0, FAR),
    ],
)
def test_an_address_is_on_the_narrowest_of_our_networks_or_far(
    host: str, scope: int, network: str
) -> None:
    assert OWN.network_of(Address(host, 1, scope)) == network


def test_where_our_networks_are_not_known_a_prefix_stands_for_one() -> None:
    unknown = OwnNetworks()
    near = unknown.network_of(Address("192.168.7.9", 1))
    assert near == unknown.network_of(Address("192.168.7.200", 2))
    assert near != unknown.network_of(Address("192.168.8.9", 1))
    assert unknown.network_of(Address("8.8.8.8", 1)) == FAR
    assert unknown.network_of(Address("fe80::1", 1, 3)) != unknown.network_of(
        Address("fe80::1", 1, 4)
    )


def test_a_stream_goes_over_the_interface_that_holds_its_own_end() -> None:
    assert OWN.interface_of("192.168.7.2", Address("8.8.8.8", 1)) == "eth0"
    assert OWN.interface_of("", Address("fe80::9", 1, 2)) == "eth0"
    assert OWN.interface_of("10.1.1.1", Address("8.8.8.8", 1)) == ""


@given(st.ip_addresses(), st.ip_addresses(), st.integers(0, 3), st.integers(0, 3))
def test_being_in_one_segment_is_mutual_and_every_address_has_a_network(
    left: object, right: object, left_scope: int, right_scope: int
) -> None:
    one, other = Address(str(left), 1, left_scope), Address(str(right), 1, right_scope)
    assert is_one_segment(one, other) == is_one_segment(other, one)
    assert OWN.network_of(one)
    assert not (is_global(one) and is_one_segment(one, Address("192.168.7.2", 1)))
