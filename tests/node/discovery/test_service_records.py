"""The announcements of a node, and what is believed of them."""

from ipaddress import ip_address

import pytest
from zeroconf.asyncio import AsyncServiceInfo

from mesh.ids import Address
from mesh.limits.discovery import INTERFACES_SCOPES_MAX
from mesh.limits.peering import ADDRESSES_PER_PEER_MAX
from mesh.node.discovery.service_records import (
    SERVICE_TYPE,
    addresses_of,
    announced_ips,
    announcement,
    full_name,
    instance_of,
    is_our_version,
    mesh_hint_of,
)
from mesh.node.interfaces import InterfaceAddress, Interfaces

NAME = "00112233445566aa"
WIRE = InterfaceAddress(2, "eth0", "192.168.1.20", 24)
WIRE_V6 = InterfaceAddress(2, "eth0", "fe80::20", 64)
AIR = InterfaceAddress(3, "wlan0", "10.0.0.7", 24)
AIR_V6 = InterfaceAddress(3, "wlan0", "fe80::7", 64)
AIR_GLOBAL = InterfaceAddress(3, "wlan0", "2001:db8::7", 64)
INTERFACES = (WIRE, WIRE_V6, AIR, AIR_V6, AIR_GLOBAL)


def heard(properties: dict[str, str]) -> AsyncServiceInfo:
    """Return an announcement as somebody else may make it."""
    return AsyncServiceInfo(
        SERVICE_TYPE,
        full_name(NAME),
        port=1,
        properties=properties,
        parsed_addresses=["10.0.0.9", "fe80::9"],
    )


def dialled(
    *hosts: str,
    port: int = 41_730,
    interfaces: Interfaces = INTERFACES,
    with_loopback: bool = False,
) -> tuple[Address, ...]:
    """Return where one would dial a node that announced these addresses."""
    return addresses_of(map(ip_address, hosts), port, interfaces, with_loopback=with_loopback)


def test_an_announcement_holds_a_version_a_port_and_addresses_and_nothing_else() -> None:
    info = announcement(NAME, 41_730, None, INTERFACES)
    assert info.name == f"{NAME}._mesh-node._tcp.local."
    assert info.server == f"{NAME}.local."
    assert info.properties == {b"v": b"1"}
    assert info.port == 41_730
    assert sorted(info.parsed_addresses()) == sorted(each.host for each in INTERFACES)


def test_a_closed_mesh_adds_its_hint() -> None:
    info = announcement(NAME, 1, "0123abcd", INTERFACES)
    assert info.properties == {b"v": b"1", b"n": b"0123abcd"}
    assert mesh_hint_of(info) == "0123abcd"
    assert is_our_version(info)


@pytest.mark.parametrize("hint", ["0123ABCD", "0123abc", "0123abcde", "zzzzzzzz", ""])
def test_a_hint_that_is_none_is_ignored(hint: str) -> None:
    assert mesh_hint_of(heard({"n": hint})) is None


def test_other_versions_and_other_names_are_not_ours() -> None:
    assert not is_our_version(heard({"v": "2"}))
    assert not is_our_version(heard({}))
    assert instance_of(full_name(NAME)) == NAME
    assert instance_of(full_name("Anna's laptop")) is None
    assert instance_of(full_name(NAME.upper())) is None


def test_announced_addresses_are_read_with_ipv4_first() -> None:
    assert [str(ip) for ip in announced_ips(heard({}))] == ["10.0.0.9", "fe80::9"]


def test_addresses_come_near_ones_first_and_each_once() -> None:
    assert dialled("fe80::9%2", "10.0.0.9", "2001:db8::9", "10.0.0.9") == (
        Address("10.0.0.9", 41_730),
        Address("2001:db8::9", 41_730),
        Address("fe80::9", 41_730, 2),
    )


@pytest.mark.parametrize("host", ["fe80::9", "fe80::9%0", "fe80::9%eth7"])
def test_a_link_local_address_without_an_interface_is_tried_on_each(host: str) -> None:
    assert dialled(host) == (Address("fe80::9", 41_730, 2), Address("fe80::9", 41_730, 3))


def test_addresses_that_lead_nowhere_are_left_out() -> None:
    nowhere = ("127.0.0.1", "0.0.0.0", "224.0.0.251", "::1", "::", "ff02::fb")
    assert dialled(*nowhere) == ()
    alone = (InterfaceAddress(1, "lo", "127.0.0.1", 8), InterfaceAddress(1, "lo", "::1", 128))
    assert dialled(*nowhere, interfaces=alone, with_loopback=True) == (
        Address("127.0.0.1", 41_730),
        Address("::1", 41_730),
    )
    assert dialled("10.0.0.9", port=0) == ()


@pytest.mark.parametrize("host", ["192.0.2.80", "10.0.1.9", "2001:db8:0:1::9"])
def test_nobody_is_dialled_who_is_on_no_network_of_ours(host: str) -> None:
    assert dialled(host) == ()
    assert dialled(host, "10.0.0.9") == (Address("10.0.0.9", 41_730),)


@pytest.mark.parametrize("port", [22, 80, 443, 1_023])
def test_no_port_of_another_service_is_dialled(port: int) -> None:
    assert dialled("10.0.0.9", "fe80::9%2", port=port) == ()
    assert dialled("10.0.0.9", port=1_024) != ()


def test_the_number_of_addresses_is_bounded() -> None:
    assert len(dialled(*(f"10.0.0.{n}" for n in range(1, 100)))) == ADDRESSES_PER_PEER_MAX
    interfaces = tuple(InterfaceAddress(n, f"e{n}", "fe80::1") for n in range(1, 100))
    assert len(dialled("fe80::9", interfaces=interfaces)) == INTERFACES_SCOPES_MAX
