"""Records of runs that nobody ran, for what is said of many."""

from typing import Literal

from sim.run.report import Broken, Latency, Report
from sim.schema.coverage_goals import COVERAGE_GOALS
from sim.schema.settings import Value
from sim.sweeps.records import Record


def record(
    seed: int,
    *,
    verdict: Literal["pass", "fail", "dead"] = "pass",
    wait_ms: float = 10,
    bytes_sent: int = 1_000,
    latency_counts: dict[int, int] | None = None,
    delivery_ratio: float = 1,
    settings: dict[str, Value] | None = None,
    command: str = "python -m sim run small",
) -> Record:
    """Return the record of a run with this verdict, in which somebody waited so long."""
    broken = [] if verdict != "fail" else [_broken()]
    report = Report(
        scenario="small",
        seed=seed,
        nodes=2,
        bug=None,
        verdict="fail" if verdict == "fail" else "pass",
        broken=broken,
        command=command,
        trace_hash="",
        virtual_seconds=1,
        messages_written=4,
        messages_delivered=4,
        latency={"calm": _latency(wait_ms)},
        latency_counts=latency_counts or {},
        copies_per_delivery=1,
        delivery_ratio=delivery_ratio,
        frames_sent=10,
        bytes_sent=bytes_sent,
        events=1,
        batches=1,
        wall_seconds=1,
        events_per_second=1,
        speed_up=1,
        crypto="modelled",
        refusals={},
        faults={},
        hostile={},
        watched={},
        network={},
        counters={},
        sometimes={**dict.fromkeys(COVERAGE_GOALS, 0), "evicted": 3},
    )
    return Record(
        scenario="small",
        scenario_hash=str(settings),
        settings=settings or {},
        seed=seed,
        bug=None,
        is_crypto_real=False,
        commit="abc",
        python="3",
        verdict=verdict,
        why_dead="took <too> long" if verdict == "dead" else "",
        report=None if verdict == "dead" else report,
        command=command,
    )


def _broken() -> Broken:
    return Broken(id="S2", promise="Once.", detail="shown again", virtual_seconds=1, node=0)


def _latency(wait_ms: float) -> Latency:
    return Latency(messages=4, p50_ms=1, p95_ms=2, p99_ms=wait_ms, max_ms=wait_ms)
