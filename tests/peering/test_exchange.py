"""Peer exchange: what is told to whom, what is believed of whom, and how much of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.errors import PeerError
from mesh.ids import Address, Instant, LinkId, Monotonic
from mesh.limits.peering import (
    LINK_TURNED_AWAY_MS,
    PASSIVE_ADDRESSES_MAX,
    PASSIVE_PER_PREFIX_MAX,
    PEX_FRESH_MS,
    PEX_INTERVAL_MS,
    PEX_RECORDS_MAX,
    PEX_RECORDS_PER_HOUR_MAX,
    PORT_MIN,
)
from mesh.peering.exchange import PeerExchange
from mesh.wire.frames import (
    FEATURE_TOLD_FAR,
    FEATURE_TOLD_NEAR,
    PEX_KIND_V4,
    PEX_KIND_V6,
    Pex,
    PexAddress,
    PexRequest,
)
from tests.entropy import SeededEntropy

LINK = LinkId(1)
NEAR, FAR = FEATURE_TOLD_NEAR, FEATURE_TOLD_FAR
PORT = 41_730
ASKER = Address("192.168.7.9", 50_000)
REMOTE = Address("93.184.216.34", 50_000)
PUBLIC = Address("8.8.8.8", PORT)


def at(ms: int) -> Instant:
    return Instant(Monotonic(ms * 1000), 0)


def make(asker: Address = ASKER) -> PeerExchange:
    exchange = PeerExchange(SeededEntropy(1))
    exchange.link_up(LINK, asker, is_dialled=False, now=at(0))
    return exchange


def told(exchange: PeerExchange, now: Instant, count: int = PEX_RECORDS_MAX) -> list[bytes]:
    """The packed addresses that an asker gets, or nothing at all."""
    exchange.received(LINK, PexRequest(count), now)
    return [
        address.host
        for _, frame in exchange.take_frames()
        if isinstance(frame, Pex)
        for record in frame.records
        for address in record
    ]


def ask(exchange: PeerExchange, ms: int) -> None:
    """Let the exchange ask its link."""
    assert exchange.deadline_passed(at(ms))
    assert exchange.take_frames() == [(LINK, PexRequest(PEX_RECORDS_MAX))]


def learn(exchange: PeerExchange, addresses: list[Address], ms: int) -> bool:
    """Let it ask and hear of nodes, each with one address."""
    ask(exchange, ms)
    records = [[wire(address)] for address in addresses]
    return exchange.received(LINK, Pex(records), at(ms))


def wire(address: Address) -> PexAddress:
    if ":" in address.host:
        return PexAddress(PEX_KIND_V6, bytes.fromhex("fe80" + "00" * 13 + "01"), address.port)
    return PexAddress(PEX_KIND_V4, bytes(map(int, address.host.split("."))), address.port)


def test_only_what_was_reached_within_a_day_is_passed_on() -> None:
    exchange = make()
    near = Address("192.168.7.20", PORT)
    exchange.proven(near, [NEAR], at(0))
    assert learn(exchange, [Address("192.168.7.21", PORT)], PEX_INTERVAL_MS)
    assert told(exchange, at(PEX_INTERVAL_MS)) == [bytes([192, 168, 7, 20])]
    assert told(exchange, at(PEX_FRESH_MS)) == []


@pytest.mark.parametrize("features", [[], [FAR]])
def test_a_node_on_a_cable_is_told_of_only_if_it_allows_that(features: list[int]) -> None:
    exchange = make()
    exchange.proven(Address("192.168.7.20", PORT), features, at(0))
    assert told(exchange, at(1)) == []


@pytest.mark.parametrize("features", [[], [NEAR]])
def test_an_internet_address_is_told_only_of_public_nodes(features: list[int]) -> None:
    exchange = make(REMOTE)
    exchange.proven(PUBLIC, features, at(0))
    assert told(exchange, at(1)) == []
    exchange.proven(PUBLIC, [NEAR, FAR], at(2))
    assert told(exchange, at(PEX_INTERVAL_MS)) == [bytes([8, 8, 8, 8])]


@pytest.mark.parametrize(
    "asker",
    [REMOTE, Address("192.168.8.9", 50_000), Address("10.0.0.9", 50_000)],
    ids=["internet", "next segment", "other range"],
)
def test_private_addresses_never_leave_their_segment(asker: Address) -> None:
    exchange = make(asker)
    exchange.proven(Address("192.168.7.20", PORT), [NEAR, FAR], at(0))
    assert told(exchange, at(1)) == []


@pytest.mark.parametrize("asker", [REMOTE, ASKER, Address("fe80::9", 50_000, 4)])
def test_link_local_addresses_are_told_on_their_own_cable_only(asker: Address) -> None:
    peer = Address("fe80::1", PORT, 3)
    exchange = make(asker)
    exchange.proven(peer, [NEAR, FAR], at(0))
    assert told(exchange, at(1)) == []
    same_cable = make(Address("fe80::9", 50_000, 3))
    same_cable.proven(peer, [NEAR], at(0))
    assert told(same_cable, at(1)) == [bytes.fromhex("fe80" + "00" * 13 + "01")]


def test_nobody_is_told_of_himself() -> None:
    exchange = make(Address("8.8.8.8", 50_000))
    exchange.proven(PUBLIC, [NEAR, FAR], at(0))
    assert told(exchange, at(1)) == []


def test_who_has_called_is_told_of_while_the_link_stands_if_it_said_where_and_to_whom() -> None:
    exchange = make()
    caller, silent = LinkId(2), LinkId(3)
    for number, link in enumerate((caller, silent), 20):
        address = Address(f"192.168.7.{number}", 50_000)
        exchange.link_up(link, address, is_dialled=False, now=at(0))
    exchange.called(caller, PORT, [NEAR])
    exchange.called(silent, PORT, [FAR])
    here = [[wire(Address("192.168.7.20", PORT))]]
    assert exchange.farewell(ASKER, at(1)) == Pex(here)
    assert exchange.farewell(REMOTE, at(1)) == Pex([])
    exchange.link_down(caller, at(2))
    assert exchange.farewell(ASKER, at(3)) == Pex([])


@pytest.mark.parametrize("port", [0, PORT_MIN - 1])
def test_who_has_called_and_takes_no_calls_is_not_told_of(port: int) -> None:
    exchange = make()
    exchange.called(LINK, port, [NEAR, FAR])
    assert exchange.farewell(Address("192.168.7.1", 50_000), at(1)) == Pex([])


def test_who_is_turned_away_may_be_told_once_unasked_of_others() -> None:
    exchange = PeerExchange(SeededEntropy(1))
    exchange.link_up(LINK, ASKER, is_dialled=True, now=at(0))
    assert exchange.received(LINK, Pex([[wire(PUBLIC)]]), at(1))
    assert not exchange.received(LINK, Pex([[wire(Address("8.8.4.4", PORT))]]), at(1))
    assert exchange.pick(9, at(1)) == [PUBLIC]


def test_a_link_is_answered_once_a_minute_and_with_as_many_as_it_asks_for() -> None:
    exchange = make()
    for number in range(20, 40):
        exchange.proven(Address(f"192.168.7.{number}", PORT), [NEAR], at(0))
    assert len(told(exchange, at(1), count=3)) == 3
    assert told(exchange, at(PEX_INTERVAL_MS // 2)) == []
    assert len(told(exchange, at(PEX_INTERVAL_MS))) == PEX_RECORDS_MAX


def test_a_peer_is_believed_about_the_internet_and_about_his_own_segment() -> None:
    exchange = make()
    near = Address("192.168.7.21", PORT)
    others = [
        Address("192.168.8.21", PORT),
        Address("10.0.0.1", PORT),
        Address("127.0.0.1", PORT),
        Address("224.0.0.1", PORT),
        Address("0.0.0.0", PORT),
        Address("8.8.4.4", PORT_MIN - 1),
    ]
    assert not learn(exchange, others, PEX_INTERVAL_MS)
    assert learn(exchange, [PUBLIC, near], 3 * PEX_INTERVAL_MS)
    assert sorted(exchange.pick(9, at(PEX_INTERVAL_MS)), key=str) == [near, PUBLIC]


def test_a_link_local_address_gets_the_interface_on_which_it_was_told() -> None:
    exchange = make(Address("fe80::9", 50_000, 5))
    assert learn(exchange, [Address("fe80::1", PORT)], PEX_INTERVAL_MS)
    assert exchange.pick(1, at(PEX_INTERVAL_MS)) == [Address("fe80::1", PORT, 5)]


def test_what_nobody_asked_for_is_not_believed() -> None:
    exchange = make()
    assert not exchange.received(LINK, Pex([[wire(PUBLIC)]]), at(1))
    ask(exchange, PEX_INTERVAL_MS)
    assert exchange.received(LINK, Pex([]), at(PEX_INTERVAL_MS)) is False
    assert not exchange.received(LINK, Pex([[wire(PUBLIC)]]), at(PEX_INTERVAL_MS))
    assert len(exchange) == 0


def test_one_link_fills_the_cache_slowly_and_never_pushes_out_what_was_reached() -> None:
    exchange = make()
    proven = [Address(f"192.168.7.{number}", PORT) for number in range(20, 50)]
    for address in proven:
        exchange.proven(address, [NEAR], at(0))
    ms, number = 0, 0
    for minute in range(1, 61 * 8):
        ms = minute * 2 * PEX_INTERVAL_MS
        invented = [
            Address(f"{11 + number % 80}.{number % 251}.0.1", PORT)
            for number in range(number, number + PEX_RECORDS_MAX)
        ]
        number += PEX_RECORDS_MAX
        before = len(exchange)
        learn(exchange, invented, ms)
        if minute < 30:
            assert len(exchange) <= len(proven) + PEX_RECORDS_PER_HOUR_MAX
        assert len(exchange) >= before
    assert len(exchange) == PASSIVE_ADDRESSES_MAX
    assert {*proven} <= {*exchange.pick(PASSIVE_ADDRESSES_MAX, at(PEX_INTERVAL_MS))}


def test_one_region_of_the_internet_gets_few_places_and_a_campus_of_private_ones_all() -> None:
    exchange = make()
    for turn in range(1, 5):
        region = [Address(f"8.8.{turn}.{number}", PORT) for number in range(1, 5)]
        learn(exchange, region, turn * 2 * PEX_INTERVAL_MS)
    assert len(exchange) == PASSIVE_PER_PREFIX_MAX
    campus = make()
    for turn in range(1, 5):
        near = [Address(f"192.168.7.{turn * 10 + number}", PORT) for number in range(1, 5)]
        learn(campus, near, turn * 2 * PEX_INTERVAL_MS)
    assert len(campus) == PEX_RECORDS_PER_HOUR_MAX


def test_the_cache_is_bounded_and_keeps_what_was_reached_last() -> None:
    exchange = make()
    addresses = [Address(f"10.{number}.0.1", PORT) for number in range(PASSIVE_ADDRESSES_MAX + 9)]
    for number, address in enumerate(addresses):
        exchange.proven(address, [NEAR], at(number))
    kept = exchange.pick(len(addresses), at(PEX_INTERVAL_MS))
    assert len(kept) == PASSIVE_ADDRESSES_MAX
    assert addresses[-1] in kept
    assert addresses[0] not in kept


def test_an_address_at_which_nobody_answers_is_forgotten() -> None:
    exchange = make()
    ask(exchange, PEX_INTERVAL_MS)
    one, other = wire(PUBLIC), wire(Address("8.8.4.4", PORT))
    exchange.received(LINK, Pex([[one, other]]), at(PEX_INTERVAL_MS))
    exchange.disproven(PUBLIC)
    assert exchange.pick(9, at(PEX_INTERVAL_MS)) == [Address("8.8.4.4", PORT)]
    exchange.disproven(Address("8.8.4.4", PORT))
    assert exchange.pick(9, at(PEX_INTERVAL_MS)) == []


def test_who_was_linked_a_moment_ago_is_not_picked_in_his_own_place() -> None:
    exchange = make(PUBLIC)
    exchange.proven(PUBLIC, [NEAR], at(0))
    exchange.link_down(LINK, at(1))
    assert exchange.pick(9, at(2)) == []
    assert exchange.pick(9, at(1 + LINK_TURNED_AWAY_MS)) == [PUBLIC]


def test_on_another_network_only_the_internet_is_where_it_was() -> None:
    exchange = make()
    exchange.proven(Address("192.168.7.20", PORT), [NEAR], at(0))
    exchange.proven(PUBLIC, [NEAR], at(0))
    exchange.network_changed()
    assert exchange.pick(9, at(PEX_INTERVAL_MS)) == [PUBLIC]


def test_each_link_is_asked_once_a_minute_at_most_and_none_without_links() -> None:
    exchange = make()
    asked: dict[LinkId, int] = {}
    exchange.link_up(LinkId(2), REMOTE, is_dialled=False, now=at(0))
    for ms in range(0, 60 * PEX_INTERVAL_MS, 1_000):
        exchange.deadline_passed(at(ms))
        for link, _ in exchange.take_frames():
            assert ms - asked.get(link, -PEX_INTERVAL_MS) >= PEX_INTERVAL_MS
            asked[link] = ms
    assert len(asked) == 2
    exchange.link_down(LINK, at(60 * PEX_INTERVAL_MS))
    exchange.link_down(LinkId(2), at(60 * PEX_INTERVAL_MS))
    assert exchange.deadline() is None


@settings(max_examples=100)
@given(
    st.lists(
        st.lists(
            st.builds(
                PexAddress,
                st.integers(0, 255),
                st.binary(min_size=4, max_size=16),
                st.integers(1, 0xFFFF),
            ),
            min_size=1,
            max_size=4,
        ),
        max_size=PEX_RECORDS_MAX,
    )
)
def test_any_records_are_taken_or_a_peers_fault(records: list[list[PexAddress]]) -> None:
    exchange = make()
    ask(exchange, PEX_INTERVAL_MS)
    try:
        exchange.received(LINK, Pex(records), at(PEX_INTERVAL_MS))
    except PeerError:
        return
    assert len(exchange) <= PEX_RECORDS_MAX
