"""How fast the simulator is: events a second, and simulated against real time."""

import subprocess
import sys
from pathlib import Path

import msgspec

from tests.bench.table import Row

ROOT = Path(__file__).resolve().parents[2]


class Report(msgspec.Struct):
    """What is used of a simulation's report."""

    events_per_second: float
    speed_up: float
    verdict: str


def rows(nodes: int) -> list[Row]:
    """One run of the usual scenario with so many nodes."""
    asked = ["run", "partition-heal", "--nodes", str(nodes), "--seed", "7", "--json", "--quiet"]
    # A broken promise is an exit code too; its report has the same figures.
    done = subprocess.run(
        [sys.executable, "-m", "sim", *asked], cwd=ROOT, stdout=subprocess.PIPE, check=False
    )
    report = msgspec.json.decode(done.stdout, type=Report)
    return [
        Row("simulator", f"{nodes} nodes", report.events_per_second, "events/s", report.verdict),
        Row("simulator", f"{nodes} nodes, simulated to real time", report.speed_up, "times"),
    ]
