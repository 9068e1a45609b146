"""Users who met before the world begins can write at once, and nothing of it spreads."""

from collections.abc import Sequence

import msgspec
import pytest

from mesh.effects import Effect, SendBytes
from mesh.ids import Instant, Monotonic
from mesh.inputs import Input
from sim.hosts.driver_protocol import AnyEngine
from sim.hosts.host import Host
from sim.invariants.invariants import BrokenInvariant
from sim.kernel.entropy import SeededEntropy
from sim.kernel.trace import Trace
from sim.run.forks import CAN_FORK, try_forks
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.scenario import Only, parse_scenario
from sim.users.prior_contacts import PriorContacts
from tests.sim.engines import host_of

WARM = """
schema = 1
name = "warm"
summary = "Six people on one network, who are contacts already."
nodes = 6
settle_s = 120

[workload]
boot_within_s = 1
contacts = 2
met_before_share = 1
write_between_s = [6, 20]
messages_per_second = 1
text_letters = [10, 60]
long_text_share = 0
verify_share = 1
"""

TROUBLE = """
[[faults]]
kind = "crashes"
between_s = [8, 20]
share = 0.5
down_s = [1, 5]

[[faults]]
kind = "rollbacks"
between_s = [12, 20]
share = 0.3
back_s = [1, 30]

[[faults]]
kind = "wipes"
between_s = [10, 20]
share = 0.2

[[faults]]
kind = "clones"
between_s = [10, 15]
for_s = [5, 10]

[[hostile]]
kind = "black-hole"
share = 0.1
"""


def world_of(lines: str = "", *, only: Only | None = None) -> World:
    scenario = parse_scenario(WARM + lines)
    if only is not None:
        scenario = msgspec.structs.replace(scenario, only=only)
    return World(scenario, Options(seed=3, is_crypto_real=False))


def to_the_end(world: World) -> str:
    run_to_verdict(world, lambda world: None)
    return world.trace.hexdigest()


def count(world: World, node: int, what: str) -> int:
    (row,) = world.hosts[node].vault.execute(f"SELECT count({what}").fetchall()
    assert isinstance(row[0], int)
    return row[0]


@pytest.mark.world
def test_who_met_before_writes_as_soon_as_links_stand() -> None:
    world = world_of()
    world.run_until(5_000_000)
    for user in world.users.everybody:
        assert sorted(user.contacts) == sorted(user.friends)
        verified = count(world, user.index, "*) FROM contacts WHERE trust = 'verified'")
        assert verified == len(user.contacts) >= 2
    # Of the meetings no store holds anything, and no frame was counted.
    stores = [host.store for host in world.hosts.values()]
    assert not any(store.execute("SELECT 1 FROM envelopes").fetchone() for store in stores)
    assert "Push" not in world.observers.frames.counts

    to_the_end(world)
    assert world.users.refusals == {}
    assert world.message_log.delivered_count == world.message_log.confirmed_count > 10
    delays = [
        message.delivered_at - message.asked_at
        for message in world.message_log.messages
        if message.delivered_at is not None
    ]
    assert max(delays) < 1_000_000
    # What spread is what was written.
    ids = {row[0] for one in stores for row in one.execute("SELECT id FROM envelopes").fetchall()}
    assert len(ids) == world.message_log.confirmed_count


@pytest.mark.world
def test_everybody_knows_the_keys_of_friends_and_vouches_of_friends_for_theirs() -> None:
    world = world_of()
    world.run_until(0)
    for user in world.users.everybody:
        known = count(world, user.index, "DISTINCT contact) FROM contact_keys")
        assert known == len(user.friends)
    vouched = [count(world, node, "*) FROM vouches WHERE vouched != x''") for node in range(6)]
    # At the first meetings nobody has a friend to vouch for; later ones tell of seven days each.
    assert sum(vouched) >= 7 * 6


@pytest.mark.world
def test_it_is_equal_after_a_rest_and_in_a_fork() -> None:
    hash_ = to_the_end(world_of())
    rested = world_of()
    rested.run_until(10_000_000)
    if CAN_FORK:
        assert try_forks(rested, [to_the_end], str) == [hash_]
    assert to_the_end(rested) == hash_


@pytest.mark.world
def test_a_meeting_does_not_hang_on_others() -> None:
    def keys(world: World, node: int) -> object:
        return world.hosts[node].vault.execute("SELECT seed FROM identity").fetchall()

    whole = world_of()
    whole.run_until(0)
    one, other = whole.users.met_before[0]
    part = world_of(only=Only(nodes=(one, other)))
    part.run_until(0)
    assert part.users.met_before == [(one, other)]
    assert [keys(part, one), keys(part, other)] == [keys(whole, one), keys(whole, other)]
    absent = next(node for node in range(6) if node not in (one, other))
    assert keys(part, absent) == []


@pytest.mark.world
def test_all_promises_hold_whatever_befalls_who_met_before() -> None:
    world = world_of(TROUBLE)
    to_the_end(world)
    assert world.faults.counters.crashes > 0
    assert world.faults.disks.counters.clones == 1
    assert world.message_log.delivered_count > 10


@pytest.mark.world
def test_some_meet_before_and_others_in_the_world() -> None:
    scenario = parse_scenario(
        WARM.replace("met_before_share = 1", "met_before_share = 0.5\nbefriend_between_s = [2, 4]")
    )
    world = World(scenario, Options(seed=3, is_crypto_real=False))
    to_the_end(world)
    pairs = sum(len(user.friends) for user in world.users.everybody) // 2
    assert 0 < len(world.users.met_before) < pairs
    for user in world.users.everybody:
        assert list(user.contacts) != []
        assert set(user.contacts) == set(user.friends)


class Mute:
    """An engine whose bytes never leave."""

    def __init__(self, engine: AnyEngine) -> None:
        self._engine = engine

    def handle(self, batch: Sequence[Input], now: Instant, /) -> list[Effect]:
        return [one for one in self._engine.handle(batch, now) if not isinstance(one, SendBytes)]

    def deadline(self) -> Monotonic | None:
        return self._engine.deadline()


def test_two_who_cannot_become_contacts_break_a_promise() -> None:
    def mute(index: int, other: int) -> Host:
        return host_of(1, entropy=SeededEntropy(1, "node", index), inject=Mute)

    meetings = PriorContacts(
        seed=1,
        host=mute,
        trace=Trace(),
        thinking_us=4_000,
        begins_us=43_200_000_000,
        sending=lambda node, sent: None,
        parted=lambda node, host: None,
    )
    with pytest.raises(
        BrokenInvariant, match="L1: nodes 4 and 7 met and could not become contacts"
    ):
        meetings.hold([(4, 7)])
