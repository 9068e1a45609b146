"""`python -m tests.bench.stretch`: what a stretch of a world costs, in a process of its own.

A world runs unmeasured until it is joined by links and people would begin to write. From then on
its processor time, events, batches and letters are counted until the end, and at the end the memory
of the process.
"""

import argparse
import sys
import tracemalloc

import msgspec
import psutil

from sim.run.runner import Request, options_of, scenario_of
from sim.run.world import World

DATABASES = ("*/mesh/storage/sqlcipher.py", "*/sim/hosts/databases.py")
"""Where all objects of databases are made."""


class Stretch(msgspec.Struct):
    """The measured figures."""

    cpu_seconds: float
    events: int
    batches: int
    messages: int
    resident_bytes: int
    """More than before the world was built."""

    object_bytes: int
    """Of these, objects of Python that no database has; 0 if nobody asked for them."""


def measure(request: Request, begins_s: float, ends_s: float, *, is_traced: bool) -> Stretch:
    """Run a world to `ends_s`, both in virtual seconds, and measure it from `begins_s` on."""
    process = psutil.Process()
    resident_bytes = process.memory_info().rss
    if is_traced:
        tracemalloc.start()
    scenario = scenario_of(request)
    world = World(scenario, options_of(request, scenario))
    world.run_until(round(begins_s * 1_000_000))
    begun = process.cpu_times().user
    events, batches = world.loop.events_count, _batches(world)
    world.run_until(round(ends_s * 1_000_000))
    return Stretch(
        cpu_seconds=process.cpu_times().user - begun,
        events=world.loop.events_count - events,
        batches=_batches(world) - batches,
        messages=world.message_log.confirmed_count,
        resident_bytes=process.memory_info().rss - resident_bytes,
        object_bytes=_traced_bytes() if is_traced else 0,
    )


def _batches(world: World) -> int:
    return sum(node.batches_count for node in world.nodes)


def _traced_bytes() -> int:
    filters = [tracemalloc.Filter(inclusive=False, filename_pattern=name) for name in DATABASES]
    traces = tracemalloc.take_snapshot().filter_traces(filters)
    return sum(one.size for one in traces.statistics("filename"))


def main(arguments: list[str]) -> None:
    """Measure what the arguments say and print it as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.stretch", description=__doc__)
    parser.add_argument("scenario")
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--begins", type=float, required=True, help="virtual seconds")
    parser.add_argument("--ends", type=float, required=True, help="virtual seconds")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE")
    parser.add_argument("--traced", action="store_true", help="count objects; this takes time")
    asked = parser.parse_args(arguments)
    request = Request(
        asked.scenario,
        asked.seed,
        nodes=asked.nodes,
        is_crypto_real=False,
        settings=tuple(asked.set),
    )
    measured = measure(request, asked.begins, asked.ends, is_traced=asked.traced)
    sys.stdout.write(msgspec.json.encode(measured).decode() + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
