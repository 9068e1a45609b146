"""The real engine over recorded contacts, beside routers of the literature.

A world of real engines runs to its verdict. Then each router of `sim.lab.models.routing` carries
the same messages over the same contacts. Epidemic whose transfers take no time is a bound: nobody
can deliver sooner. What engines bring when the contacts are over, and all stand together, does not
count.
"""

import statistics
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from mesh.errors import UserError
from mesh.wire.envelope import SIZE_BYTES
from sim.invariants.message_log import LoggedMessage
from sim.lab.models.routing import BYTES_PER_SECOND, ROUTERS, Epidemic, Post, Router, Routing
from sim.run.runner import run_scenario
from sim.run.world import Options, World
from sim.schema.scenario import Scenario
from sim.topology.contacts import Contact
from sim.topology.topology import lay_out

AT_ONCE: Final = 10**15
"""Bytes a second of a transfer that takes no time."""

BOUND: Final = "bound"
ENGINE: Final = "engine"

SEALED_BYTES: Final = 700
"""About what a message has beside its text, sealed and signed."""


class Delivered(msgspec.Struct, frozen=True):
    """The result of all messages under one rule."""

    count: int
    mean_s: float
    median_s: float


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """All rules on the same contacts."""

    nodes: int
    seed: int
    letters: int
    broken: list[str]
    """Invariants that the engines did not keep."""

    rows: dict[str, Delivered]
    sooner_than_bound: int
    """Messages that came sooner than they can; something is wrong if there are any."""

    virtual_s: float
    cpu_s: float
    """Of the engines."""


def carry_beside_routers(
    scenario: Scenario, options: Options, progress: Callable[[World], None]
) -> Results:
    """Let engines and routers carry the same; UserError where a scenario has no contacts."""
    layout = lay_out(scenario.nodes, scenario.topology, options.seed)
    contacts = layout.contacts
    if not contacts:
        raise UserError("no-contacts", f"In {scenario.name} nobody meets: choose another scenario.")
    ran = run_scenario(scenario, options, progress)
    letters = [message for message in ran.world.message_log.messages if message.is_held]
    posts = [_post(message) for message in letters]
    soonest = _routed(Epidemic(), contacts, posts, AT_ONCE)
    ours = {
        str(message.number): message.delivered_at - message.asked_at
        for message in letters
        if message.delivered_at is not None and message.delivered_at <= layout.ends_at
    }
    rows = {BOUND: soonest, ENGINE: ours}
    rows |= {
        name: _routed(router(), contacts, posts, BYTES_PER_SECOND)
        for name, router in ROUTERS.items()
    }
    return Results(
        nodes=scenario.nodes,
        seed=options.seed,
        letters=len(letters),
        broken=[one.id for one in ran.report.broken],
        rows={name: _delivered(list(took_us.values())) for name, took_us in rows.items()},
        sooner_than_bound=sum(
            name not in soonest or took_us < soonest[name] for name, took_us in ours.items()
        ),
        virtual_s=ran.world.loop.now / 1_000_000,
        cpu_s=ran.report.cpu_seconds,
    )


def _post(message: LoggedMessage) -> Post:
    needed = len(message.text.encode()) + SEALED_BYTES
    size = min(each for each in SIZE_BYTES if each >= needed)
    return Post(message.asked_at, str(message.number), message.sender, message.recipient, size)


def _routed(
    router: Router, contacts: Sequence[Contact], posts: Sequence[Post], bytes_per_second: int
) -> dict[str, int]:
    return Routing(router, contacts, posts, bytes_per_second=bytes_per_second).run().latencies_us


def _delivered(took_us: Sequence[int]) -> Delivered:
    if not took_us:
        return Delivered(0, 0, 0)
    return Delivered(len(took_us), statistics.mean(took_us) / 1e6, statistics.median(took_us) / 1e6)
