"""Peers that lie about others, or want all links of a node for themselves."""

import pytest

from mesh.commands.contacts import AddContact
from mesh.commands.identity import CreateIdentity
from mesh.commands.invites import CreateInvite, InviteAnswer
from mesh.commands.messages import SendMessage
from mesh.ids import Address, Instant, LinkId, Monotonic
from mesh.limits.peering import (
    LINKS_ACTIVE_MAX,
    LINKS_KEPT_DIALLED,
    PASSIVE_ADDRESSES_MAX,
    PEX_INTERVAL_MS,
    PEX_RECORDS_MAX,
    PEX_RECORDS_PER_HOUR_MAX,
    REMEMBERED_FAILURES_MAX,
)
from mesh.wire.frames import FEATURE_TOLD_FAR, PEX_KIND_V4, Pex, PexAddress, PexRequest
from tests.engine.joined import PORT, Joined
from tests.engine.stranger import Stranger
from tests.engine.test_engine import texts
from tests.engine.test_links import introduce_all

MINUTE_S = PEX_INTERVAL_MS // 1_000


def honest_links(table: Joined, name: str) -> list[LinkId]:
    """The links of an engine that lead to other engines."""
    seat = table.seats[name]
    return [link for link in seat.engine._links.ready if link in seat.streams]


def live(table: Joined, stranger: Stranger, seconds: int) -> None:
    """Let time pass in which a stranger stays."""
    for _ in range(seconds // 10):
        table.pass_time(10)
        stranger.keep_alive()


def crowd(count: int = 10) -> Joined:
    """Engines that have announced themselves to each other and are linked."""
    table = Joined()
    names = [f"node {number}" for number in range(count)]
    for name in names:
        table.sit(name)
    introduce_all(table, names, names)
    table.pass_time(30)
    return table


@pytest.mark.parametrize("has_many_hosts", [False, True], ids=["one host", "many hosts"])
def test_callers_without_end_do_not_get_all_links_of_a_node(has_many_hosts: bool) -> None:
    table = crowd()
    for name, label in (("node 0", "Ada"), ("node 9", "Bob")):
        table.ask(name, CreateIdentity(label))
    engine = table.seats["node 0"].engine
    strangers: list[Stranger] = []
    for number in range(60):
        host = f"10.0.0.{100 + number}" if has_many_hosts else "10.0.0.100"
        strangers.append(Stranger(table, "node 0", host=host))
        table.pass_time(5)
        for stranger in strangers:
            stranger.keep_alive()
        # Nine are in sight, so there is one place more, for a host that has none yet.
        room = LINKS_ACTIVE_MAX + has_many_hosts
        assert len(engine._links.ready) <= room
        assert len(honest_links(table, "node 0")) >= LINKS_KEPT_DIALLED
        strangers = [stranger for stranger in strangers if stranger.is_open]
    if not has_many_hosts:
        # The many links of one host make each other yield, once they are more than two.
        assert len(honest_links(table, "node 0")) >= LINKS_ACTIVE_MAX // 2
    invite = table.ask("node 9", CreateInvite())
    assert isinstance(invite, InviteAnswer)
    table.ask("node 0", AddContact(invite.link))
    table.ask("node 0", SendMessage("Bob", "still here"))
    table.pass_time(120)
    assert texts(table, "node 9") == ["still here"]


def test_a_peer_who_invents_nodes_costs_few_dials_and_is_forgotten() -> None:
    table = Joined("ada")
    stranger = Stranger(table, "ada")
    engine = table.seats["ada"].engine
    invented = 0
    for _ in range(60):
        live(table, stranger, MINUTE_S)
        asked = [frame for frame in stranger.heard if isinstance(frame, PexRequest)]
        stranger.heard.clear()
        records = []
        for _ in range(PEX_RECORDS_MAX):
            invented += 1
            host = bytes((11 + invented % 70, invented % 251, 1, 1))
            records.append([PexAddress(PEX_KIND_V4, host, PORT)])
        # Whether it was asked or not, and each answer three times.
        stranger.send(*([Pex(records)] * 3))
        assert len(asked) <= 2
        assert len(engine._overlay._exchange) <= PASSIVE_ADDRESSES_MAX
    assert stranger.is_open
    dials = engine._counters.by_name["dials"]
    # The hour of a link begins with its first answer, so two may be cut by this one.
    assert 0 < dials <= 2 * PEX_RECORDS_PER_HOUR_MAX * REMEMBERED_FAILURES_MAX
    assert invented > 10 * PEX_RECORDS_PER_HOUR_MAX
    stranger.send_raw(bytes(100))
    table.pass_time(3_600)
    assert len(engine._dialer.targets.unlinked()) == 0
    assert len(engine._overlay._exchange) == 0


def test_who_has_lost_every_link_tries_all_whom_it_knows() -> None:
    table = Joined("ada")
    stranger = Stranger(table, "ada")
    engine = table.seats["ada"].engine
    now = Instant(Monotonic(table.now_us), table.now_us)
    for number in range(3 * PEX_RECORDS_MAX):
        address = Address(f"{20 + number}.1.1.1", PORT)
        engine._overlay._exchange.proven(address, [FEATURE_TOLD_FAR], now)
    stranger.send_raw(bytes(100))
    table.pass_time(120)
    assert not engine._links.ready
    assert engine._counters.by_name["dials"] >= 3 * PEX_RECORDS_MAX * REMEMBERED_FAILURES_MAX
    assert len(engine._overlay._exchange) == 0


def test_a_peer_cannot_make_a_node_knock_at_doors_of_its_other_networks() -> None:
    table = Joined("ada", "bob")
    stranger = Stranger(table, "ada")
    hosts = [(127, 0, 0, 1), (10, 0, 0, 2), (192, 168, 1, 1), (169, 254, 1, 1), (224, 0, 0, 1)]
    records = [[PexAddress(PEX_KIND_V4, bytes(host), PORT)] for host in hosts]
    for _ in range(3):
        live(table, stranger, MINUTE_S)
        stranger.send(Pex(records))
    assert stranger.is_open
    assert table.seats["ada"].engine._counters.by_name.get("dials", 0) == 0


def test_whoever_asks_without_end_is_answered_once_a_minute() -> None:
    table = Joined("ada")
    stranger = Stranger(table, "ada")
    for _ in range(10):
        live(table, stranger, MINUTE_S)
        stranger.send(*([PexRequest(PEX_RECORDS_MAX)] * 500))
    answers = [frame for frame in stranger.heard if isinstance(frame, Pex)]
    assert stranger.is_open
    assert len(answers) == 10
