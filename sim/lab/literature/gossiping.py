"""Gossip that others measured: libp2p's simulator of gossipsub, and the tests of iroh-gossip."""

from collections.abc import Mapping
from functools import partial
from typing import Final, Literal, get_args

from sim.lab.dissemination.measuring import Case, Figures, measure
from sim.lab.literature.studies import (
    SEEDS,
    Bound,
    Experiment,
    Golden,
    Scope,
    exactly,
    near,
    refuse_sizes,
)

SIMSUB_PAYLOADS: Final[Mapping[int, int]] = {250: 96_320, 500: 189_451, 1_000: 377_370}
"""Vyzo's gists: gossipsub v1.0, 60 posts of 5 sources, one a second, each node connects to 20."""

SIMSUB_POSTS: Final = 60
SIMSUB_SHARE: Final = 0.03

Senders = Literal["one sender", "many senders", "all at once"]
IROH_NODES: Final = (20, 100, 1_000)
IROH_BOUNDS: Final[Mapping[Senders, tuple[float, int]]] = {
    "one sender": (0.2, 15),
    "many senders": (1, 18),
    "all at once": (3, 30),
}
"""Redundancy and hops that iroh-gossip's tests allow, both in the mean; nothing may be missed."""

IROH_FLOORS: Final = (1, 3)
"""A Plumtree, and what the node ships with."""

PLUMTREE_FLOOR: Final = 1
IROH_POSTS: Final = 30
IROH_WARM_POSTS: Final = 25
BURST_DELIVERIES: Final = 20_000
"""Of as many rounds a burst is made; among many nodes it is one."""

LONG_BURST_NODES: Final = 500
"""From here on a burst takes minutes, and one seed is all that nobody asked for."""


def simsub(scope: Scope) -> list[Experiment]:
    """Bodies that gossipsub sends: our rival of the tables beside libp2p's own simulator."""
    refuse_sizes(scope.nodes, tuple(SIMSUB_PAYLOADS))
    return [
        Experiment(
            f"{nodes:,} nodes",
            (
                Golden(
                    "payload messages",
                    "{:,.0f}",
                    published=SIMSUB_PAYLOADS[nodes],
                    bound=near(SIMSUB_PAYLOADS[nodes], share=SIMSUB_SHARE),
                ),
                Golden("missed", "{:.2%}", published=0, bound=exactly(0)),
            ),
            partial(_run_simsub, nodes),
        )
        for nodes in scope.nodes or SIMSUB_PAYLOADS
    ]


def iroh(scope: Scope) -> list[Experiment]:
    """Our machine of spreading under the bounds of iroh-gossip's tests."""
    return [
        _iroh_experiment(senders, nodes, floor)
        for senders in get_args(Senders)
        for nodes in scope.nodes or IROH_NODES
        for floor in scope.floors or IROH_FLOORS
    ]


def _run_simsub(nodes: int, seed: int) -> dict[str, float]:
    found = measure(
        Case(
            who="gossipsub",
            nodes=nodes,
            degrees=(40, 40),
            posts=SIMSUB_POSTS,
            warm_posts=0,
            latency_us=(10_000, 150_000),
            seed=seed,
        )
    )
    deliveries = SIMSUB_POSTS * (nodes - 1) * found.coverage
    return {"payload messages": found.copies * deliveries, "missed": 1 - found.coverage}


def _iroh_experiment(senders: Senders, nodes: int, floor: int) -> Experiment:
    redundancy, hops = IROH_BOUNDS[senders]
    is_long = senders == "all at once" and nodes >= LONG_BURST_NODES
    # More eager links are meant to bring more copies, and are held to all else.
    may_be = Bound(below=redundancy) if floor == PLUMTREE_FLOOR else None
    return Experiment(
        f"{senders}, {nodes:,} nodes, floor {floor}",
        (
            Golden("redundancy", bound=may_be),
            Golden("hops", "{:.0f}", bound=Bound(below=hops)),
            Golden("missed", "{:.2%}", published=0, bound=exactly(0)),
        ),
        partial(_run_iroh, senders, nodes, floor),
        SEEDS[:1] if is_long else SEEDS,
    )


def _run_iroh(senders: Senders, nodes: int, floor: int, seed: int) -> dict[str, float]:
    is_burst = senders == "all at once"
    rounds = min(IROH_POSTS, max(1, BURST_DELIVERIES // nodes**2)) if is_burst else IROH_POSTS
    found: Figures = measure(
        Case(
            who="mesh",
            nodes=nodes,
            degrees=(5, 5),
            posts=rounds,
            warm_posts=IROH_WARM_POSTS,
            latency_us=(10_000, 50_000),
            eager_links_min=floor,
            has_one_sender=senders == "one sender",
            is_burst=is_burst,
            seed=seed,
        )
    )
    return {
        "redundancy": round(found.copies - 1, 3),
        "hops": found.hops_max,
        "missed": 1 - found.coverage,
    }
