"""A page has room for any world, and says what it leaves out."""

from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import msgspec
import pytest

from sim.recording.artifacts import record_run
from sim.recording.downsampling import thinned
from sim.recording.observing import Arrival, Followed, LinkEvent, NodeEvent, Observed, Sample
from sim.recording.page import PAGE_BYTES_MAX, page_of
from sim.run.report import Report
from sim.run.world import Options
from sim.schema.scenario import parse_scenario

LITTLE = """
schema = 1
name = "little"
summary = "Two nodes for a moment."
nodes = 2

[workload]
boot_within_s = 1
befriend_between_s = [2, 3]
write_between_s = [8, 9]
"""


@lru_cache
def report() -> Report:
    folder = Path(mkdtemp(prefix="mesh-run-"))
    options = Options(seed=3, is_crypto_real=False)
    return record_run(parse_scenario(LITTLE), options, folder, lambda world: None, command="")


def observed(nodes: int, *, naps: int = 0, links: int = 40_000) -> Observed:
    """As the observer keeps it of a world of so many nodes, all its lists full."""
    each = range(nodes)
    return Observed(
        schema=1,
        nodes=nodes,
        ended_at_us=600_000_000,
        envelopes=[
            Followed(0, 1_024, [Arrival(1_234_567 + node, node, (node - 1) // 2) for node in each])
            for _ in range(60)
        ],
        links=[
            LinkEvent(9_999_999 + number, number % nodes, number % 997, True)
            for number in range(links)
        ],
        power=[NodeEvent(3_000_000, node, True) for node in each]
        + [
            NodeEvent(10_000_000 * nap + node, node, is_up)
            for nap in range(1, naps)
            for is_up in (False, True)
            for node in each
        ],
        samples=[
            Sample(at * 1_000_000, [1] * nodes, [12] * nodes, {"Push": at}) for at in range(240)
        ],
        latencies_us={"together": list(range(100_000))},
        last_rows=[(600_000_000, n, "BytesReceived", 1, 2, n - 1) for n in range(2_000)],
    )


def drawn(page: str) -> tuple[Observed, list[str]]:
    """Return what the page holds, and what it says that it does not."""
    data = page.partition('id="data">')[2].partition("</script>")[0]
    found = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    return (
        msgspec.json.decode(found["observed"], type=Observed),
        msgspec.json.decode(found["thinned"], type=list[str]),
    )


def test_of_a_thousand_nodes_nothing_is_left_out() -> None:
    everything = observed(1_000)
    page = page_of(report(), everything, everything)
    assert len(page.encode()) < PAGE_BYTES_MAX
    shown, notes = drawn(page)
    assert notes == []
    assert shown.envelopes == everything.envelopes
    assert shown.samples == everything.samples


@pytest.mark.parametrize("nodes,naps", [(3_000, 1), (3_000, 100), (20_000, 1)])
def test_the_page_of_any_world_has_room_for_the_most_of_it_that_fits(nodes: int, naps: int) -> None:
    links = 40_000 if nodes < 2_000 else 0
    everything = observed(nodes, naps=naps, links=links)
    page = page_of(report(), everything)
    # Half of the room at least is used: what fits is not left out.
    assert PAGE_BYTES_MAX / 2 < len(page.encode()) <= PAGE_BYTES_MAX
    shown, notes = drawn(page)
    assert f"{len(shown.samples)} of 240 looks at all nodes" in notes
    assert f"{len(shown.envelopes)} of 60 followed envelopes" in notes
    assert all(one in everything.envelopes for one in shown.envelopes)
    # The last look has the sums of the whole run.
    assert not shown.samples or shown.samples[-1] == everything.samples[-1]


def test_links_are_left_out_by_pairs_with_all_that_became_of_them() -> None:
    flapping = [
        LinkEvent(at * 1_000_000, one, one + 1, at % 2 == 0)
        for at in range(20)
        for one in range(50)
    ]
    everything = msgspec.structs.replace(
        observed(10, links=0), links=flapping, envelopes=[], samples=[]
    )
    room = len(msgspec.json.encode(flapping)) // 3
    shown, notes = thinned(everything, room)
    assert notes == ["the links of 13 of 50 pairs of nodes"]
    assert shown.links == [event for event in flapping if event.one % 4 == 0]


def test_who_went_on_and_off_is_told_at_fewer_moments_and_ends_as_it_was() -> None:
    bare = msgspec.structs.replace(observed(10, links=0), envelopes=[], samples=[])
    power = [NodeEvent(at * 700_000, 4, at % 2 == 0) for at in range(2, 100)]
    power += [NodeEvent(100_000_000, 5, True)]
    shown, notes = thinned(msgspec.structs.replace(bare, power=power), 350)
    assert notes == ["how computers were on or off every 4 s"]
    assert shown.power[-1] == NodeEvent(100_000_000, 5, True)
    # Each was on or off by turns, and at last as it truly was.
    ups = [event.is_up for event in shown.power if event.node == 4]
    assert ups == [place % 2 == 0 for place in range(len(ups))]
    assert ups[-1] == power[-2].is_up


@pytest.mark.parametrize("bytes_max", [0, 8, 100, 1_000, 10_000, 100_000])
def test_whatever_room_there_is_is_kept_to(bytes_max: int) -> None:
    shown, _ = thinned(observed(40, naps=20), bytes_max)
    lists = (shown.samples, shown.envelopes, shown.links, shown.power)
    # Four lists of nothing take eight bytes.
    assert sum(len(msgspec.json.encode(one)) for one in lists) <= max(8, bytes_max)
