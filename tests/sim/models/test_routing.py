"""Routing over contacts, held against what The ONE reports for the same contacts and messages."""

import os
import statistics
from functools import lru_cache
from pathlib import Path

import pytest

from mesh.errors import UserError
from sim.kernel.entropy import Chance
from sim.models.routing import (
    ROUTERS,
    US,
    DirectDelivery,
    Epidemic,
    Post,
    Router,
    Routing,
    SprayAndWait,
    parse_posts,
    renamed,
)
from sim.places.contacts import Contact, ContactTrace, read_trace
from sim.places.mobility import WaypointRules, contacts_of, random_waypoints

# One process runs them all, since it keeps contacts and walks.
pytestmark = pytest.mark.xdist_group("routing")

REFERENCE = os.environ.get("MESH_REFERENCE_DATA")


@lru_cache
def infocom() -> tuple[ContactTrace, list[Post]]:
    if REFERENCE is None:
        pytest.skip("MESH_REFERENCE_DATA names no folder with the contacts of Infocom 2005")
    folder = Path(REFERENCE) / "traces" / "infocom05"
    trace = read_trace(folder / "contacts_pad120.txt.gz", trace_format="one", is_shifted=False)
    return trace, renamed(parse_posts((folder / "msgs.txt").read_text()), trace.names)


# Delivered, relays, mean and median latency in seconds, as The ONE 1.6 reports them with steps of
# one second; two relays of Spray and Wait hang on who of two neighbours is asked first.
@pytest.mark.parametrize(
    "name, delivered, relayed, mean_s, median_s",
    [
        ("epidemic", 186, 7_534, 22_933.2, 19_966.9),
        ("direct", 177, 177, 43_894.5, 33_738.1),
        ("spray", 185, 1_119, 28_885.4, 21_757.0),
    ],
)
def test_on_infocom05_routers_deliver_what_the_one_reports(
    name: str, delivered: int, relayed: int, mean_s: float, median_s: float
) -> None:
    trace, posts = infocom()
    outcome = Routing(ROUTERS[name](), trace.contacts, posts).run()
    assert outcome.created == 200
    assert outcome.delivered == delivered
    assert abs(outcome.relayed - relayed) <= 1
    assert outcome.mean_s == pytest.approx(mean_s, rel=0.01)
    assert outcome.median_s == pytest.approx(median_s, abs=2)


AREA = WaypointRules(
    width_m=450, height_m=340, speed_m_per_s=(0.5, 1.5), pause_s=(0, 120), warmup_s=1_000
)
WALKERS = 50
WALKED_S = 14_400


@lru_cache
def walked(seed: int) -> tuple[list[Contact], list[Post]]:
    walks = [random_waypoints(Chance(seed, "walk", n), AREA, WALKED_S) for n in range(WALKERS)]
    contacts = list(contacts_of(walks, 10, WALKED_S))
    chance = Chance(seed, "posts")
    posts = []
    for number in range(120):
        sender = chance.below(WALKERS)
        recipient = (sender + 1 + chance.below(WALKERS - 1)) % WALKERS
        posts.append(Post((number + 1) * 60 * US, f"M{number}", sender, recipient, 10_000))
    return contacts, posts


# Means of three seeds of The ONE: Epidemic 557 to 602 s, Spray and Wait 1,140 to 1,235 s, both all
# delivered; Direct Delivery 0.833 to 0.867 in 3,552 to 3,690 s. The margins are those of six seeds.
@pytest.mark.slow
@pytest.mark.parametrize(
    "router, share, mean_s",
    [
        (Epidemic(), (1, 1), (520, 640)),
        (SprayAndWait(), (0.99, 1), (1_000, 1_300)),
        (DirectDelivery(), (0.8, 0.92), (3_300, 4_200)),
    ],
)
def test_random_waypoints_come_out_within_the_spread_of_seeds(
    router: Router, share: tuple[float, float], mean_s: tuple[float, float]
) -> None:
    outcomes = [Routing(router, *walked(seed)).run() for seed in (1, 2, 3)]
    delivered = statistics.fmean(one.delivered / one.created for one in outcomes)
    assert share[0] <= delivered <= share[1]
    assert mean_s[0] <= statistics.fmean(one.mean_s for one in outcomes) <= mean_s[1]


def meet(start_s: float, end_s: float, one: int, other: int) -> Contact:
    return Contact(round(start_s * US), round(end_s * US), one, other)


def test_a_transfer_that_the_end_of_a_contact_cuts_is_lost() -> None:
    posts = [Post(0, "long", 0, 1, 1_000_000)]
    outcome = Routing(Epidemic(), [meet(1, 3, 0, 1), meet(10, 20, 0, 1)], posts).run()
    assert outcome.aborted == 1
    assert outcome.latencies_us == {"long": 14 * US}


def test_copies_are_halved_and_the_last_one_waits_for_its_recipient() -> None:
    contacts = [meet(10 * n, 10 * n + 5, 0, n) for n in (1, 2, 3, 4)] + [meet(60, 65, 3, 9)]
    outcome = Routing(SprayAndWait(4), contacts, [Post(0, "m", 0, 9, 10)]).run()
    assert outcome.relayed == 2, "two copies went to node 1 and one to node 2: none was left"
    assert outcome.delivered == 0


def test_what_is_no_message_is_refused_with_its_line() -> None:
    assert parse_posts("1.5 C M1 3 4 100\n\n") == [Post(1_500_000, "M1", 3, 4, 100)]
    for text in ("1 C M1 3 4", "x C M1 3 4 5", "1 D M1 3 4 5"):
        with pytest.raises(UserError, match="Line 1 is no message"):
            parse_posts(text)
    with pytest.raises(UserError, match="M1"):
        renamed(parse_posts("1 C M1 3 4 5"), ["1", "2", "3"])
