"""The counters by which daemons and the simulator are held against each other."""

from typing import Final

from mesh.commands.answer import Answer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.errors import UserError
from sim.patching import patched
from sim.run.world import Options, opened_world
from sim.schema.scenario import parse_scenario
from tests.bench.counting import BOUNDS_US, COUNTING, POINTS, pace_of

SECOND_US: Final = 1_000_000
LASTS_S: Final = 30
BEFORE: Final = f"""
[[faults]]
kind = "slow-disks"
between_s = [0, 0]
for_s = [{LASTS_S}, {LASTS_S}]
share = 1
spikes = 0
commit = {{ law = "constant", ms = 12 }}
"""


def _counted(thinking_ms: float, more: str = "") -> dict[str, int]:
    scenario = parse_scenario(
        f"""
        schema = 1
        name = "counted"
        summary = "Six people on one network."
        nodes = 6
        tick_us = 50
        wall_offset_s = 0
        thinking_ms = {thinking_ms}
        lasts_s = {LASTS_S}
        topology = {{ kind = "clusters", network_nodes = 6 }}

        [wire]
        latency_ms = [0.02, 0.05]
        jitter_ms = 0.02
        loss = 0
        bandwidth_mbit = 10_000

        [workload]
        boot_within_s = 2
        befriend_between_s = [3, 4]
        met_before_share = 1
        contacts = 2
        write_between_s = [10, 25]
        messages_per_second = 3
        {more}
        """
    )
    counts: dict[str, int] = {}

    def answered(answer: Answer | UserError) -> None:
        assert isinstance(answer, StatusAnswer)
        for name, count in answer.counters.items():
            counts[name] = counts.get(name, 0) + count

    options = Options(1, is_crypto_real=False)
    with patched(*COUNTING), opened_world(scenario, options) as world:
        world.run_until((LASTS_S - 1) * SECOND_US)
        for node in world.nodes:
            node.ask(AskStatus(), answered)
        world.run_until(LASTS_S * SECOND_US)
    return counts


def _sum(counts: dict[str, int], beginning: str) -> int:
    return sum(
        count
        for name, count in counts.items()
        if name.startswith(beginning) and not name.endswith("_bytes")
    )


def test_each_frame_and_each_body_is_counted_once() -> None:
    counts = _counted(4)
    assert counts["bodies_duplicate"] > 0
    assert _sum(counts, "sent_") == counts["frames_sent"]
    assert _sum(counts, "first_") + _sum(counts, "again_") == counts["bodies_received"]
    assert _sum(counts, "again_") == counts["bodies_duplicate"]
    assert counts["sent_Push"] + counts["sent_Stem"] == counts["bodies_sent"]
    assert counts["sent_Push_bytes"] + counts["sent_Stem_bytes"] < counts["bytes_sent"]


def test_bodies_cross_where_the_time_of_a_batch_passes_before_it_speaks() -> None:
    after, before = _counted(12), _counted(0.1, BEFORE)
    assert after["envelopes_stored"] == before["envelopes_stored"]
    assert before["again_pushed"] > 1.5 * after["again_pushed"]


def test_the_pace_of_daemons_follows_from_what_they_counted() -> None:
    few, many = BOUNDS_US[20], BOUNDS_US[24]
    pace = pace_of(
        {
            "batches": 1_000,
            "queued_us": 2_000_000,
            "reading_batches": 400,
            "reading_batches_us": 2_000_000,
            f"commits_below_{few}_us": 300,
            f"commits_below_{many}_us": 900,
        }
    )
    assert pace.thinking_ms == 5
    assert len(pace.commit_ms) == POINTS
    assert pace.commit_ms == tuple(sorted(pace.commit_ms))
    # A quarter of them took what lies below the lower bound, twice as long as the others.
    assert [pace.commit_ms.count(one) for one in dict.fromkeys(pace.commit_ms)] == [26, 75]
    shorter, longer = pace.commit_ms[0] - 2, pace.commit_ms[-1] - 2
    assert few / 2**0.25 < 1_000 * shorter < few
    assert 1.95 < longer / shorter < 2.05
