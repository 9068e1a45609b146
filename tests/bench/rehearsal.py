"""A schedule of letters, a cut and kills, and what the simulator makes of it.

The simulator draws the schedule from its seed, runs it, and says of each letter when it was shown.
`tests.bench.reality` carries the same schedule out with real daemons. What nodes count is asked of
them in the same way in both: before a kill, and at the end, less what they said at the beginning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from mesh.commands.answer import Answer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.errors import UserError
from mesh.ids import Instant
from mesh.replication.stem_paths import StemPaths
from mesh.wire.envelope import SIZE_BYTES
from sim.kernel.trace import NOBODY, Trace
from sim.network.cuts import Sides
from sim.patching import Patch, patched
from sim.run.world import Options, World, opened_world
from sim.schema.scenario import parse_scenario
from tests.bench.counting import COUNTING, Pace

NODES: Final = 12
SEED: Final = 1
BEGINS_S: Final = 60
CUT_S: Final = 90
HEALED_S: Final = 105
ENDS_S: Final = 180
SECOND_US: Final = 1_000_000
_secret_of_day: Final = StemPaths._secret_of_day

COUNTED: Final = (
    "bytes_sent",
    "frames_sent",
    *(f"sent_{kind}" for kind in ("Push", "Stem", "IHave", "Held", "Retired", "StemRetired")),
    *(f"sent_{kind}" for kind in ("IWant", "Graft", "Prune", "DoNotWant", "Vouches")),
    *("sent_Push_bytes", "sent_Stem_bytes"),
    "bodies_received",
    "bodies_duplicate",
    *(f"again_{way}" for way in ("pushed", "pushed_after_stem", "asked", "as_stem")),
    *(f"copies_of_{size_bytes}" for size_bytes in SIZE_BYTES),
    "stems_passed_on",
    "envelopes_stored",
    "batches",
    "reads",
    "links_opened",
)

SLOW_DISKS: Final = f"""
[[faults]]
kind = "slow-disks"
between_s = [0, 0]
for_s = [{ENDS_S}, {ENDS_S}]
share = 1
spikes = 0
"""

SCENARIO: Final = f"""
schema = 1
name = "reality"
summary = "Twelve people on one network; a cut in halves, and some are killed."
nodes = {NODES}
tick_us = 50
wall_offset_s = 0
lasts_s = {ENDS_S}

[topology]
kind = "clusters"
network_nodes = {NODES}

# Cables of one kernel: hardly any delay, nothing is lost.
[wire]
latency_ms = [0.02, 0.05]
jitter_ms = 0.02
loss = 0
bandwidth_mbit = 10_000
announcement_loss = 0

[workload]
boot_within_s = 2
befriend_between_s = [3, 4]
met_before_share = 1
contacts = 3
write_between_s = [{BEGINS_S}, 150]
messages_per_second = 2
long_text_share = 0.02

[[faults]]
kind = "halves"
by = "node"
at_s = {CUT_S}
for_s = {HEALED_S - CUT_S}
reset_share = 0

[[faults]]
kind = "crashes"
between_s = [115, 125]
down_s = [8, 12]
share = 0.25
silent_share = 0
within_batch_share = 0
"""


@dataclass(frozen=True)
class Letter:
    """Somebody writes to somebody. Seconds count from when people begin to write."""

    number: int
    at_s: float
    sender: int
    recipient: int
    text: str
    phase: str


@dataclass(frozen=True)
class Kill:
    """A node is killed, and started again."""

    node: int
    at_s: float
    back_s: float


@dataclass(frozen=True)
class Schedule:
    """All that befalls."""

    pairs: Sequence[tuple[int, int]]
    letters: Sequence[Letter]
    kills: Sequence[Kill]
    sides: Mapping[int, int]
    """On which side of the cut each node stands."""

    def is_as(self, other: "Schedule") -> bool:
        """Say whether two are the same, but for milliseconds until a node that is to be killed has
        said what it counted.
        """
        killed, others_killed = ([kill.node for kill in one.kills] for one in (self, other))
        return killed == others_killed and other == replace(self, kills=other.kills)


@dataclass
class Outcome:
    """The outcome: when each letter was shown, by its number, what nodes counted in all, and how
    many links one had at the end.
    """

    shown_s: dict[int, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    links: float = 0

    def add(self, status: StatusAnswer, sign: int) -> None:
        """Add what a node counted so far, or take it away."""
        for name, count in status.counters.items():
            self.counts[name] = self.counts.get(name, 0) + sign * count
        if sign > 0:
            self.links += status.links_count / NODES


class _Lives(Trace):
    """Hears of boots and crashes."""

    def __init__(self) -> None:
        super().__init__()
        self.crashed: list[tuple[int, int]] = []
        self.booted: list[tuple[int, int]] = []

    def record(self, now: int, kind: str, node: int, peer: int = NOBODY, body: bytes = b"") -> None:
        """Fold one record in."""
        super().record(now, kind, node, peer, body)
        if kind == "crash":
            self.crashed.append((now, node))
        elif kind == "boot":
            self.booted.append((now, node))

    def next_boot(self, node: int, after: int) -> int:
        """Return when a node started again."""
        return min(at for at, who in self.booted if who == node and at > after)


def rehearse(pace: Pace, *, backs_off: bool = False, paths: int = 0) -> tuple[Schedule, Outcome]:
    """Run the schedule in the simulator, with nodes that take so long.

    `paths`: another number lets stems go other ways, as they do in each run of daemons.
    """
    given = f"thinking_ms = {pace.thinking_ms}\n{SCENARIO}"
    given = given.replace("[wire]", f"[wire]\nbacks_off = {str(backs_off).lower()}")
    if pace.commit_ms:
        law = f'{{ law = "empirical", ms = {list(pace.commit_ms)} }}'
        given += f"{SLOW_DISKS}commit = {law}\n"
    scenario = parse_scenario(given)
    lives, outcome = _Lives(), Outcome()
    options = Options(SEED, is_crypto_real=False)

    def secret_of_day(stem_paths: StemPaths, now: Instant) -> bytes:
        return _secret_of_day(stem_paths, now) + bytes([paths])

    other_paths = Patch(StemPaths, "_secret_of_day", secret_of_day)
    with patched(*COUNTING, other_paths), opened_world(scenario, options, lives) as world:
        world.loop.at(BEGINS_S * SECOND_US, lambda: _ask(world, outcome, -1))
        world.loop.at(ENDS_S * SECOND_US - SECOND_US, lambda: _ask(world, outcome, 1))
        world.run_until(ENDS_S * SECOND_US)
        # What was asked of nodes before they crashed.
        for name, count in world.sums.by_name.items():
            outcome.counts[name] = outcome.counts.get(name, 0) + count
        for message in world.message_log.messages:
            if message.delivered_at is not None:
                outcome.shown_s[message.number] = _since(message.delivered_at)
        return _schedule(world, lives), outcome


def _ask(world: World, outcome: Outcome, sign: int) -> None:
    def answered(answer: Answer | UserError) -> None:
        assert isinstance(answer, StatusAnswer)
        outcome.add(answer, sign)

    for node in world.nodes:
        assert node.is_up
        node.ask(AskStatus(), answered)


def _schedule(world: World, lives: _Lives) -> Schedule:
    cut = world.faults.cuts.latest
    assert isinstance(cut, Sides)
    kills = [
        Kill(node, _since(at), _since(lives.next_boot(node, at))) for at, node in lives.crashed
    ]
    letters = [
        Letter(
            message.number,
            _since(message.asked_at),
            message.sender,
            message.recipient,
            message.text,
            world.faults.phase_of(message),
        )
        for message in world.message_log.messages
    ]
    return Schedule(list(world.users.met_before), letters, kills, cut.sides)


def _since(at_us: int) -> float:
    return at_us / SECOND_US - BEGINS_S
