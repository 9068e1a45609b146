"""The model of arrays beside the real engine: the same links, the same authors, the same times.

A world of real engines runs until users have written some messages. Then the links that stood when
they began, with their latencies, become a graph for `sim.lab.models.pushing`, and in the model the
same nodes post at the same times. Nothing else is told to it: which links become eager it finds for
itself.

So both are held together in how posts spread, and not in which links there are.
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import psutil

from mesh.errors import UserError
from mesh.ids import EnvelopeId, Instant, LinkId
from mesh.replication.replicator import Replicator
from sim.invariants.purity_guards import PURITY_GUARDS
from sim.lab.models.curves import PostCurve, Results, figures_of
from sim.lab.models.pushing import TICK_US, Pushing, Rules
from sim.lab.models.vectorised import graph_of_lines
from sim.patching import Patch, patched
from sim.run.world import Options, World
from sim.schema.scenario import Scenario, load_scenario
from sim.schema.settings import with_settings

WRITING_S: Final = 15
"""When users begin to write: by then all are switched on, and joined by links."""

LAST_S: Final = 3
"""So long after that the last message is everywhere, or nowhere."""

MEETINGS: Final = 50
"""About so many pairs of users have met before; all others write to nobody."""


def hold_together(
    nodes: int, posts: int, seed: int, progress: Callable[[World], None] = lambda world: None
) -> Results:
    """Let about so many messages be written in a world of engines, and post the same in the model.

    In the first post every link is eager; in the later ones links are pruned.
    """
    started = time.process_time()
    world = World(_scenario(nodes, posts), Options(seed=seed, is_crypto_real=False))
    bodies: dict[EnvelopeId, int] = {}
    with _counting(bodies):
        world.run_until(WRITING_S * 1_000_000)
        lines = [(*ends, took_us) for ends, took_us in world.network.streams.latencies_us().items()]
        for second in range(WRITING_S, WRITING_S + posts + LAST_S):
            progress(world)
            world.run_until((second + 1) * 1_000_000)
    engine_cpu_s = time.process_time() - started
    pushing = Pushing(graph_of_lines(nodes, lines), _rules(world.scenario), seed=seed)
    engine: list[PostCurve] = []
    model: list[PostCurve] = []
    for id_, arrivals in world.observers.arrivals.by_envelope.items():
        author, at = next(iter(arrivals.items()))
        others = [one - at for node, one in arrivals.items() if node != author]
        engine.append(PostCurve(nodes, np.asarray(others) / 1_000, bodies.get(id_, 0)))
        model.append(pushing.post(author, at // TICK_US))
    if len(engine) < 2:
        raise UserError("too-few", f"Of {nodes} people {len(engine)} wrote a letter: ask for more.")
    return Results(
        nodes=nodes,
        links=len(lines) // 2,
        seed=seed,
        figures={
            "engine first": figures_of(engine[:1]),
            "model first": figures_of(model[:1]),
            "engine later": figures_of(engine[1:]),
            "model later": figures_of(model[1:]),
        },
        cpu_s={
            "engine": round(engine_cpu_s, 2),
            "model": round(time.process_time() - started - engine_cpu_s, 2),
        },
        resident_mb=psutil.Process().memory_info().rss >> 20,
    )


def _scenario(nodes: int, posts: int) -> Scenario:
    """`thousand`, with so many nodes, and about one message a second."""
    met_share = min(1, MEETINGS / nodes)
    # Who met the one whom they drew, or was drawn by some who did.
    knowing = 1 - (1 - met_share) * math.exp(-met_share)
    return with_settings(
        load_scenario("thousand"),
        {
            "nodes": nodes,
            # The model begins where mail spreads. Between nodes of 0.1 it does so where it is made.
            "versions.older": 1,
            "workload.met_before_share": met_share,
            "workload.messages_per_second": 1 / knowing,
            "workload.write_between_s.0": WRITING_S,
            "workload.write_between_s.1": WRITING_S + posts,
            "lasts_s": WRITING_S + posts + LAST_S,
        },
    )


def _rules(scenario: Scenario) -> Rules:
    return Rules(
        thinking=round(scenario.thinking_ms * 1_000) // TICK_US,
        jitter_us=round(scenario.wire.jitter_ms * 1_000),
    )


@contextlib.contextmanager
def _counting(bodies: dict[EnvelopeId, int]) -> Iterator[None]:
    """While inside, all bodies are counted that come to an engine."""
    came = Replicator.body_came

    def counted(spreading: Replicator, link: LinkId, id_: EnvelopeId, now: Instant) -> None:
        if not PURITY_GUARDS.is_double:
            bodies[id_] = bodies.get(id_, 0) + 1
        came(spreading, link, id_, now)

    with patched(Patch(Replicator, "body_came", counted)):
        yield
