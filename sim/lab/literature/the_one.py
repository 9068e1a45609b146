"""The ONE (Keranen, Ott, Karkkainen, SIMUTools 2009): routers over contacts and among walkers."""

from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Final

from sim.kernel.entropy import Chance
from sim.lab.literature.studies import Bound, Experiment, Golden, Scope, exactly, near
from sim.lab.models.routing import ROUTERS, US, Outcome, Post, Routing, parse_posts, renamed
from sim.schema.input_files import find_file, read_text
from sim.topology.contacts import Contact, ContactTrace, read_trace
from sim.topology.mobility import WaypointRules, contacts_of, random_waypoints

INFOCOM_CONTACTS: Final = "infocom05/contacts_pad120.txt.gz"
INFOCOM_MESSAGES: Final = "infocom05/msgs.txt"
INFOCOM_POSTS: Final = 200
INFOCOM: Final[Mapping[str, tuple[int, int, float, float]]] = {
    "epidemic": (186, 7_534, 22_933.2, 19_966.9),
    "direct": (177, 177, 43_894.5, 33_738.1),
    "spray": (185, 1_119, 28_885.4, 21_757.0),
}
"""Delivered, relays, mean and median latency in seconds, as The ONE 1.6 reports them with steps of
one second. One relay of Spray and Wait hangs on who of two neighbours is asked first."""

WALKED_SEEDS: Final = (1, 2, 3, 4, 5, 6)
WALKERS: Final = 50
WALKED_S: Final = 14_400
WALKED_POSTS: Final = 120
WALKED_POST_EVERY_S: Final = 60
WALKED_RANGE_M: Final = 10
AREA: Final = WaypointRules(
    width_m=450, height_m=340, speed_m_per_s=(0.5, 1.5), pause_s=(0, 120), warmup_s=1_000
)
WAYPOINT: Final[Mapping[str, tuple[tuple[float, float], Bound, tuple[float, float], Bound]]] = {
    "epidemic": ((1, 1), exactly(1), (557, 602), Bound(533, 617)),
    "spray": ((1, 1), exactly(1), (1_140, 1_235), Bound(1_037, 1_279)),
    "direct": ((0.833, 0.867), Bound(0.833, 0.892), (3_552, 3_690), Bound(3_552, 4_126)),
}
"""Share delivered and mean latency in seconds: of three seeds of The ONE, and what ours may be: the
spread of those and of six seeds of another simulator, before there was this one."""


def infocom05(scope: Scope) -> list[Experiment]:
    """Every router over the contacts of Infocom 2005; UserError where they are not there."""
    contacts, messages = find_file(INFOCOM_CONTACTS), find_file(INFOCOM_MESSAGES)
    return [
        Experiment(
            router,
            (
                Golden("created", "{:,.0f}", INFOCOM_POSTS, exactly(INFOCOM_POSTS)),
                Golden("delivered", "{:,.0f}", delivered, exactly(delivered)),
                Golden("relays", "{:,.0f}", relays, near(relays, margin=1)),
                Golden("mean", "{:,.1f} s", mean_s, near(mean_s, share=0.01)),
                Golden("median", "{:,.1f} s", median_s, near(median_s, margin=2)),
            ),
            partial(_run_infocom05, router, contacts, messages),
            is_drawn=False,
        )
        for router, (delivered, relays, mean_s, median_s) in INFOCOM.items()
    ]


def waypoint(scope: Scope) -> list[Experiment]:
    """Every router among users who walk to points that they draw."""
    return [
        Experiment(
            router,
            (
                Golden("delivered", "{:.1%}", share, share_bound, is_of_mean=True),
                Golden("mean", "{:,.0f} s", mean_s, mean_bound, is_of_mean=True),
            ),
            partial(_run_waypoint, router),
            WALKED_SEEDS,
        )
        for router, (share, share_bound, mean_s, mean_bound) in WAYPOINT.items()
    ]


def _run_infocom05(router: str, contacts: Path, messages: Path, seed: int) -> dict[str, float]:
    trace, posts = _read_infocom05(contacts, messages)
    return _figures(Routing(ROUTERS[router](), trace.contacts, posts).run())


def _run_waypoint(router: str, seed: int) -> dict[str, float]:
    outcome = Routing(ROUTERS[router](), *_walked(seed)).run()
    return _figures(outcome) | {"delivered": outcome.delivered / outcome.created}


def _figures(outcome: Outcome) -> dict[str, float]:
    return {
        "created": outcome.created,
        "delivered": outcome.delivered,
        "relays": outcome.relayed,
        "mean": outcome.mean_s,
        "median": outcome.median_s,
    }


@lru_cache
def _read_infocom05(contacts: Path, messages: Path) -> tuple[ContactTrace, list[Post]]:
    trace = read_trace(contacts, trace_format="one", is_shifted=False)
    return trace, renamed(parse_posts(read_text(messages)), trace.names)


@lru_cache
def _walked(seed: int) -> tuple[list[Contact], list[Post]]:
    walks = [random_waypoints(Chance(seed, "walk", n), AREA, WALKED_S) for n in range(WALKERS)]
    contacts = list(contacts_of(walks, WALKED_RANGE_M, WALKED_S))
    chance = Chance(seed, "posts")
    posts = []
    for number in range(WALKED_POSTS):
        sender = chance.below(WALKERS)
        recipient = (sender + 1 + chance.below(WALKERS - 1)) % WALKERS
        at_us = (number + 1) * WALKED_POST_EVERY_S * US
        posts.append(Post(at_us, f"M{number}", sender, recipient, 10_000))
    return contacts, posts
