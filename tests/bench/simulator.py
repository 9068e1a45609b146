"""The speed of the simulator, and the memory of its nodes.

Each figure is of processes of their own, and of the processor's time that they used; where there
are several runs it is their median. The aims stand beside the figures, met or not.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Final, TypeVar

import msgspec

from tests.bench.stretch import Stretch
from tests.bench.table import Row

ROOT: Final = Path(__file__).resolve().parents[2]

WRITING_S: Final = 15
"""By then the nodes of `thousand` are switched on, and joined by links."""

FIFTY: Final = ("workload.met_before_share=1", "workload.messages_per_second=1")
TALKING: Final = ("workload.messages_per_second=31",)
SILENT: Final = ("workload.met_before_share=0", "workload.messages_per_second=0.001")
"""Settings of `thousand`: how many write how much. Its links have no Noise. Of a thousand people
one in ten knows somebody, and who knows nobody writes nothing."""

CHAOS: Final = ("workload.write_between_s.1=540", "swarm.between_s.1=540")
"""Settings of `swarm`, so that it and its settling take about ten virtual minutes."""

CHAOS_AT_ONCE: Final = 2

TRACED: Final = (100, 300)
"""Worlds of which sizes are held together: their difference has nothing of what all nodes share."""

Told = TypeVar("Told")


class Report(msgspec.Struct):
    """The used part of a simulation's report."""

    virtual_seconds: float
    cpu_seconds: float
    events: int
    verdict: str


class Router(msgspec.Struct):
    """The used part of a router's figures."""

    times_real_time: float


class Model(msgspec.Struct):
    """The used part of the model's figures."""

    cpu_s: dict[str, float]


def rows(nodes: int, runs: int) -> list[Row]:
    """The usual scenario with so many nodes, so many times."""
    ran = [_run("partition-heal", nodes, seed=7) for _ in range(runs)]
    what = f"`partition-heal`, {nodes} nodes ({_verdicts(ran)})"
    speeds = [one.virtual_seconds / one.cpu_seconds for one in ran]
    return [
        _row(f"{what}: events", [one.events / one.cpu_seconds for one in ran], "/s", "100,000"),
        _row(f"{what}: simulated to real time", speeds, "times", "none"),
    ]


def world_rows(nodes: int, runs: int) -> Iterator[Row]:
    """Worlds of fifty, a thousand and `nodes` nodes, the models beside them, and memory.

    Each row comes when it is measured: all take tens of minutes.
    """
    fifty = [_stretch(50, 60, FIFTY) for _ in range(runs)]
    yield _speed("50 nodes, 1 message/s", fifty, 60, "250")
    yield _speed("1,000 nodes, 3 messages/s", [_stretch(1_000, 5, TALKING)], 5, "5")
    idle = [_stretch(1_000, 45, SILENT) for _ in range(runs)]
    yield _speed("1,000 idle nodes", idle, 45, "200")
    resident = [one.resident_bytes / 1_000_000 for one in idle]
    yield _row("a node of these, with its databases: resident", resident, "kB", "500")
    fewer, more = (_stretch(count, 10, SILENT, "--traced") for count in TRACED)
    objects = (more.object_bytes - fewer.object_bytes) / (TRACED[1] - TRACED[0]) / 1_000
    yield _row("a node without its databases: objects of Python", [objects], "kB", "50")
    flood = [_model_seconds() for _ in range(runs)]
    yield _row("1,000,000 nodes, one plain flood, arrays: CPU", flood, "s", "1")
    yield from _router_rows(runs)
    yield _chaos(nodes, runs)


def _speed(what: str, ran: Sequence[Stretch], virtual_s: float, aim: str) -> Row:
    speeds = [virtual_s / one.cpu_seconds for one in ran]
    batches = round(ran[0].batches / virtual_s)
    return _row(f"{what} ({batches:,} batches/s): simulated to real time", speeds, "times", aim)


def _row(what: str, values: Sequence[float], unit: str, aim: str) -> Row:
    spread = f"{len(values)} runs, {min(values):.3g} to {max(values):.3g}; "
    return Row(
        "simulator",
        what,
        median(values),
        unit,
        f"{spread if len(values) > 1 else 'one run; '}aim: {aim}",
    )


def _chaos(nodes: int, runs: int) -> Row:
    """Each run has a seed of its own; two are under way at once, as on two cores."""
    with ThreadPoolExecutor(CHAOS_AT_ONCE) as pool:
        seeds = range(1, max(runs, CHAOS_AT_ONCE) + 1)
        ran = list(pool.map(lambda seed: _run("swarm", nodes, seed=seed, settings=CHAOS), seeds))
    lasted = median(one.virtual_seconds for one in ran)
    what = f"`swarm`, {nodes} nodes ({_verdicts(ran)}), {lasted:.0f} virtual seconds"
    what += ": runs an hour on two cores"
    return _row(what, [CHAOS_AT_ONCE * 3_600 / one.cpu_seconds for one in ran], "", "1,000")


def _verdicts(ran: Sequence[Report]) -> str:
    return ", ".join(sorted({one.verdict for one in ran}))


def _router_rows(runs: int) -> list[Row]:
    reference = os.environ.get("MESH_REFERENCE_DATA")
    if reference is None:
        return []
    folder = Path(reference) / "traces" / "infocom05"
    files = (folder / "contacts_pad0.txt.gz", folder / "msgs.txt")
    asked = ["lab", "route", *map(str, files), "--pad", "120", "--router", "epidemic", "--json"]
    speeds = [
        _told(["-m", "sim", *asked], dict[str, Router])["epidemic"].times_real_time
        for _ in range(runs)
    ]
    return [_row("Infocom05 with Epidemic: simulated to real time", speeds, "times", "100,000")]


def _model_seconds() -> float:
    asked = ["-m", "sim", "lab", "model", "--nodes", "1000000", "--posts", "1", "--json"]
    return _told(asked, Model).cpu_s["flood"]


def _run(scenario: str, nodes: int, *, seed: int, settings: Sequence[str] = ()) -> Report:
    asked = ["run", scenario, "--nodes", str(nodes), "--seed", str(seed), *_settings(settings)]
    return _told(["-m", "sim", *asked, "--crypto", "modelled", "--json", "--quiet"], Report)


def _stretch(nodes: int, lasts_s: float, settings: Sequence[str], *more: str) -> Stretch:
    """`thousand` with so many nodes, from the time at which people would write."""
    ends_s = WRITING_S + lasts_s
    times = ["--begins", str(WRITING_S), "--ends", str(ends_s)]
    lasting = (f"lasts_s={ends_s}", f"workload.write_between_s.1={ends_s}")
    asked = ["thousand", "--nodes", str(nodes), *times, *_settings((*lasting, *settings)), *more]
    return _told(["-m", "tests.bench.stretch", *asked], Stretch)


def _settings(settings: Sequence[str]) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


def _told(arguments: Sequence[str], kind: type[Told]) -> Told:
    """Return what a process of ours prints. A broken promise is an exit code too, and has its
    report.
    """
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        check=False,
    )
    return msgspec.json.decode(done.stdout, type=kind)
