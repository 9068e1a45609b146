"""Small worlds with hostile nodes of each kind: they pass handshakes, do harm, and stop nothing."""

from functools import lru_cache
from typing import NamedTuple, cast

import pytest

from mesh.commands.answer import Answer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.errors import UserError
from mesh.ids import Instant, LinkId
from mesh.storage.store.rows import blob, integer
from mesh.wire.envelope import SIZE_BYTES, Header, Stub, decode_stub
from sim.adversaries.adversaries import BEHAVIOURS
from sim.adversaries.reviving import Reviving
from sim.adversaries.withholding import SHIFT_SECONDS
from sim.invariants.invariants import BrokenInvariant
from sim.run.coverage import coverage_of
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.adversary_table import AdversaryTable, hostile_kinds
from sim.schema.scenario import parse_scenario

# One process runs them all, since it keeps the worlds that have run.
pytestmark = [pytest.mark.world, pytest.mark.xdist_group("conducts")]

WORLD = """
schema = 1
name = "besieged"
summary = "Six nodes on one network, and two who do not keep the protocol."
nodes = 6
settle_s = 120

[topology]
network_nodes = 6

[workload]
boot_within_s = 2
befriend_between_s = [3, 5]
contacts = 2
write_between_s = [6, 26]
messages_per_second = 1

[[hostile]]
kind = "{kind}"
share = 0.25
"""


SHOWS = {"empty-wants": ("frame-NoHave",), "forged-retirements": ("retirement-forged",)}
"""By kind: marks that nothing else reaches."""


def run(text: str, *, seed: int = 1) -> World:
    world = World(parse_scenario(text), Options(seed, is_crypto_real=False))
    run_to_verdict(world, lambda world: None)
    return world


@lru_cache
def ran(kind: str, *, seed: int = 1) -> World:
    world = run(WORLD.format(kind=kind), seed=seed)
    assert world.message_log.delivered_count == world.message_log.confirmed_count > 5
    return world


def test_who_does_not_dial_has_only_the_links_that_others_make() -> None:
    calling, waiting = ran("black-hole"), run(WORLD.format(kind="black-hole") + "dials = false\n")
    # Six nodes that see each other dial all eight; two who call are there sooner, and twice.
    assert 0 < waiting.adversaries.totals()["links"] <= 12 < calling.adversaries.totals()["links"]


def faults_of(world: World) -> dict[str, int]:
    return {
        name.removeprefix("fault: "): count
        for name, count in world.sums.by_name.items()
        if name.startswith("fault: ")
    }


@pytest.mark.parametrize(
    "kind",
    [
        *("black-hole", "selective", "swallows-stems", "lying-digests", "id-spam", "later-version"),
        *("time-lies", "time-shifts", "sybil", "empty-wants", "over-quota", "revives"),
    ],
)
def test_who_keeps_mail_to_itself_is_held_at_no_fault_and_stops_nothing(kind: str) -> None:
    world = ran(kind)
    assert faults_of(world) == {}
    assert world.adversaries.totals()["nodes"] == 2
    assert all(coverage_of(world)[goal] for goal in SHOWS.get(kind, ()))


@pytest.mark.parametrize(
    "kind, fault",
    [
        ("garbage", "malformed frame"),
        ("bad-signatures", "bad signature"),
        ("forged-retirements", "forged retirement"),
        ("malformed-handshakes", "a length on the wire is out of bounds"),
        ("slow-loris", "handshake took too long"),
    ],
)
def test_who_sends_what_nobody_honest_sends_loses_its_links(kind: str, fault: str) -> None:
    world = ran(kind)
    assert faults_of(world)[fault] > 0
    assert all(coverage_of(world)[goal] for goal in SHOWS.get(kind, ()))


@pytest.mark.parametrize("kind", ["replay", "forged-author", "flood", "eclipse"])
def test_what_is_played_again_forged_or_sent_without_end_stops_nothing(kind: str) -> None:
    totals = ran(kind).adversaries.totals()
    assert totals["links"] > 0
    assert totals["bytes_sent"] > 10_000


def test_mail_that_was_opened_is_given_again_and_stays_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stood: list[Reviving] = []

    class Seen(Reviving):
        def opened(self, link: LinkId, now: Instant) -> None:
            if self not in stood:
                stood.append(self)

    monkeypatch.setitem(cast(dict[str, type[Reviving]], BEHAVIOURS), "revives", Seen)
    world = run(WORLD.format(kind="revives"))
    revived = {id_: None for one in stood for id_ in one.revived}
    assert len(revived) > 5
    for node in world.nodes:
        store = world.hosts[node.index].store
        rows = store.execute("SELECT id FROM envelopes JOIN bodies USING (arrival)").fetchall()
        assert [id_ for (id_,) in rows if blob(id_) in revived] == []


class Said(NamedTuple):
    """The knowledge of a node at one place: the hashes of bodies, and true tokens by envelope."""

    body_hashes: tuple[bytes, ...]
    tokens: tuple[tuple[bytes, ...], ...]


def said_at(world: World, node: int) -> dict[Header, Said]:
    """By place, of those envelopes that live for a day: no honest user writes any."""
    store = world.hosts[node].store
    tokens: dict[int, list[bytes]] = {}
    rows = store.execute("SELECT arrival, token FROM retirements ORDER BY token")
    for arrival, token in rows.fetchall():
        tokens.setdefault(integer(arrival), []).append(blob(token))
    places: dict[Header, list[tuple[Stub, int]]] = {}
    rows = store.execute("SELECT stub, arrival FROM envelopes ORDER BY id")
    for stub, arrival in rows.fetchall():
        known = decode_stub(blob(stub))
        if known.header.lifetime_class == 0:
            places.setdefault(known.header, []).append((known, integer(arrival)))
    return {
        place: Said(
            tuple(stub.body_hash for stub, _ in known),
            tuple(tuple(tokens.get(arrival, ())) for _, arrival in known),
        )
        for place, known in places.items()
    }


def test_of_two_things_that_were_said_in_one_place_everybody_knows_both() -> None:
    world = ran("equivocation")
    assert faults_of(world) == {}
    known = [said_at(world, node.index) for node in world.nodes]
    last = max(place.created for place in known[0])
    # What was said in the last seconds may be on its way.
    settled = {place: said for place, said in known[0].items() if place.created <= last - 20}
    assert len(settled) > 10
    for place, said in settled.items():
        assert [each[place] for each in known] == [said] * len(known)
        assert len(said.body_hashes) == 2
        # Each of the two by both tokens, or none.
        assert {len(tokens) for tokens in said.tokens} in ({0}, {2})
    assert {len(dict.fromkeys(said.body_hashes)) for said in settled.values()} == {1, 2}
    assert {len(said.tokens[0]) for said in settled.values()} == {0, 2}


def mesh_errors_s(world: World) -> list[int]:
    """Return how wrong the mesh time of each honest node is at the end; their own clocks are
    right.
    """
    errors: list[int] = []
    for node in world.nodes:

        def answered(answer: Answer | UserError) -> None:
            assert isinstance(answer, StatusAnswer)
            errors.append(answer.clock_offset_seconds)

        node.ask(AskStatus(), answered)
    world.loop.run_until(world.loop.now + 1_000_000)
    return errors


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_fewer_liars_than_right_clocks_move_no_mesh_time_by_what_they_say_later(seed: int) -> None:
    assert mesh_errors_s(ran("time-shifts", seed=seed)) == [0] * 6


def test_liars_who_are_most_do_move_it() -> None:
    # Three honest nodes have three clocks; six liars are twice as many.
    text = WORLD.format(kind="time-shifts").replace("nodes = 6\n", "nodes = 3\n")
    world = run(text.replace("0.25", "0.67"))
    assert SHIFT_SECONDS - 60 <= max(mesh_errors_s(world)) <= SHIFT_SECONDS + 60


def test_a_world_with_hostile_nodes_repeats() -> None:
    again = run(WORLD.format(kind="lying-digests"))
    assert again.trace.hexdigest() == ran("lying-digests").trace.hexdigest()


def test_shares_are_of_all_nodes() -> None:
    tables = parse_scenario(WORLD.format(kind="flood")).hostile
    assert hostile_kinds(tables, 30) == [AdversaryTable(kind="flood", share=0.25)] * 10


def test_more_sent_to_a_hostile_node_than_it_earned_breaks_s11() -> None:
    world = ran("later-version")
    for host in world.adversaries.hosts:
        host.tally.received_bytes += 100_000_000
    with pytest.raises(BrokenInvariant, match="S11"):
        world.adversaries.require_bounded(world.loop.now)


def test_a_flood_of_large_envelopes_fills_stores_with_them() -> None:
    text = WORLD.format(kind="flood") + "kib = 16\n"
    text += '\n[[hostile]]\nkind = "flood"\nshare = 0.1\nkib = 64\n'
    world = run(text)
    assert world.message_log.delivered_count == world.message_log.confirmed_count > 5
    assert faults_of(world) == {}
    for node in world.nodes:
        rows = world.hosts[node.index].store.execute(
            "SELECT size_class, count(*) FROM envelopes GROUP BY size_class"
        )
        counts = {integer(size): integer(count) for size, count in rows.fetchall()}
        assert counts[SIZE_BYTES.index(16 * 1024)] > 15
        assert counts[SIZE_BYTES.index(64 * 1024)] > 15
