"""Addresses that worked, each under its network."""

from mesh.ids import Address
from mesh.inputs import OwnAddress
from mesh.limits.peering import NETWORKS_REMEMBERED_MAX, REMEMBERED_ADDRESSES_MAX
from mesh.peering.network_memory import ANYWHERE, NetworkMemory
from mesh.peering.segments import OwnNetworks

HOME, CAFE = "192.168.7.0/24", "10.0.0.0/8"


def test_what_worked_at_home_is_known_at_home_alone() -> None:
    memory = NetworkMemory()
    assert memory.worked([HOME], "192.168.7.20:41730")
    assert memory.worked([ANYWHERE], "box.example:41730")
    assert not memory.worked([ANYWHERE], "box.example:41730")
    assert memory.known_at([HOME]) == ["192.168.7.20:41730", "box.example:41730"]
    assert memory.known_at([CAFE]) == ["box.example:41730"]


def test_it_outlives_a_run() -> None:
    memory = NetworkMemory()
    memory.worked([HOME, CAFE], "[fd00::7]:41730")
    again = NetworkMemory(memory.encode())
    assert again.known_at([CAFE]) == ["[fd00::7]:41730"]
    assert again.encode() == memory.encode()
    assert NetworkMemory(b"").known_at([HOME]) == []


def test_the_latest_addresses_and_networks_are_kept() -> None:
    memory = NetworkMemory()
    hosts = [f"192.168.7.{number}:41730" for number in range(REMEMBERED_ADDRESSES_MAX + 1)]
    for host in hosts:
        memory.worked([HOME], host)
    assert memory.known_at([HOME]) == hosts[:0:-1]
    for number in range(NETWORKS_REMEMBERED_MAX):
        memory.worked([f"10.0.{number}.0/24"], "10.9.9.9:1")
    assert memory.known_at([HOME]) == []
    assert len(memory.encode().splitlines()) == NETWORKS_REMEMBERED_MAX


def test_who_calls_and_what_is_told_push_out_half_at_most() -> None:
    memory = NetworkMemory()
    found = [f"192.168.7.{number}:41730" for number in range(REMEMBERED_ADDRESSES_MAX)]
    for host in found:
        memory.worked([HOME], host)
    memory.worked([HOME], found[-1], is_sure=False)
    for port in range(2_000, 2_100):
        memory = NetworkMemory(memory.encode())
        memory.worked([HOME], f"192.168.7.99:{port}", is_sure=False)
    known = memory.known_at([HOME])
    assert [one for one in known if one in found] == found[:7:-1]
    assert [one for one in known if one not in found] == [
        f"192.168.7.99:{port}" for port in range(2_099, 2_091, -1)
    ]
    # One that is dialled and found is no hearsay any more.
    memory.worked([HOME], "192.168.7.99:2095")
    memory.worked([HOME], "192.168.7.99:2095", is_sure=False)
    assert b" 192.168.7.99:2095 " in memory.encode()


def test_who_is_behind_a_router_belongs_to_all_networks_of_now_and_a_cable_names_none() -> None:
    own = OwnNetworks(
        [
            OwnAddress("eth0", 2, "192.168.7.3", 24),
            OwnAddress("eth0", 2, "fe80::3", 64),
            OwnAddress("wlan0", 3, "10.4.4.4", 16),
            OwnAddress("eth1", 4, "169.254.1.1", 16),
        ]
    )
    assert own.prefixes == ("192.168.7.0/24", "10.4.0.0/16")
    assert own.prefixes_of(Address("192.168.7.20", 1)) == ("192.168.7.0/24",)
    assert own.prefixes_of(Address("172.16.0.1", 1)) == own.prefixes
    assert own.prefixes_of(Address("fe80::7", 1, 2)) == ()
    assert own.prefixes_of(Address("169.254.9.9", 1)) == ()
    assert own.prefixes_of(Address("box.example", 1)) == ()
