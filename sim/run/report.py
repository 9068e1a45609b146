"""The report of a run: one structure, as JSON for machines and as text for users."""

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final, Literal

import msgspec

from sim.invariants.invariants import BrokenInvariant
from sim.invariants.survival import FAILURES
from sim.run.coverage import coverage_of
from sim.run.deliveries import Deliveries
from sim.run.latency_buckets import counts_of
from sim.run.other_release import OtherRelease, other_release, other_release_text
from sim.run.shadows import frames_beside_shadows
from sim.run.world import World
from sim.schema.coverage_goals import COVERAGE_GOALS, SITUATIONS

CRYPTO: Final = {
    True: "real: every node checks every signature, links run ML-KEM-768",
    False: "modelled: signature verdicts are remembered across nodes, ML-KEM-768 is a hash",
}

LINE_LENGTH: Final = 100
PAIRS_SHOWN_MAX: Final = 8
DAY_US: Final = 86_400_000_000

PLAIN: Final = "links exchange their keys in clear and sum up what they send"


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """From the user's asking to the recipient's being shown, in milliseconds."""

    messages: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


class Everywhere(msgspec.Struct, frozen=True, kw_only=True):
    """The spread of new mail to all who carry: of the nodes that run at the end, by envelope.

    Times run from the author's node having it to another one having it.
    """

    envelopes: int
    nodes: int
    coverage: float
    p50_ms: float
    p99_ms: float
    max_ms: float


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """An invariant that did not hold, and where it broke."""

    id: str
    promise: str
    detail: str
    virtual_seconds: float
    node: int | None


class Survived(msgspec.Struct, frozen=True, kw_only=True):
    """The survival of mail, by its path bound, in a world in which it may lapse."""

    messages: int
    """Those that were written and of which something is demanded."""

    deliverable: int
    """Of these, what came and what could have come."""

    delivered: int
    told: int
    """Could not come, and their authors were told that they expired."""

    waiting: int
    """Are kept and could not come yet."""

    failures: dict[str, int]
    """By what is wrong (`sim.invariants.survival.FAILURES`)."""

    node_days: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One run. All but the times of this machine repeat with the command.

    What engines count (`counters`, `frames_sent`, `copies_per_delivery`) is asked of them before
    a crash and at the end; where a safety invariant broke there was no end to ask at.
    """

    scenario: str
    seed: int
    nodes: int
    bug: str | None
    verdict: Literal["pass", "fail"]
    broken: list[Broken]
    command: str
    trace_hash: str
    virtual_seconds: float
    messages_written: int
    messages_delivered: int
    latency: dict[str, Latency]
    latency_counts: dict[int, int] = {}
    """Messages by the bucket of their latency (`sim.run.latency_buckets`)."""
    everywhere: Everywhere | None = None
    """None where nothing came to anybody but its author."""
    copies_per_delivery: float
    delivery_ratio: float
    """How much had arrived when no fault happened any more, of what could."""
    frames_sent: int
    bytes_sent: int
    events: int
    batches: int
    wall_seconds: float
    cpu_seconds: float = 0
    resident_bytes: int = 0
    """Of this process, when the world had run."""
    events_per_second: float
    speed_up: float
    crypto: str
    refusals: dict[str, int]
    faults: dict[str, int]
    hostile: dict[str, int]
    watched: dict[str, int]
    network: dict[str, int]
    counters: dict[str, int]
    sometimes: dict[str, int] = {}
    """How often each goal was reached: `sim.schema.coverage_goals` says what they are."""
    survived: Survived | None = None
    """None where nothing can lapse."""
    other_release: OtherRelease | None = None
    """None where all nodes ran this one."""
    installed: list[str] = []
    """The additions of packages: each is `workload 'NAME' of PACKAGE VERSION`."""


def _crypto(world: World) -> str:
    """Return what of the crypto ran."""
    said = CRYPTO[world.options.is_crypto_real]
    return said if world.scenario.wire.noise else f"{said}; {PLAIN}"


def make_report(
    world: World,
    broken: BrokenInvariant | None,
    *,
    command: str,
    wall_seconds: float,
    cpu_seconds: float = 0,
    resident_bytes: int = 0,
) -> Report:
    """Sum up a world that has run."""
    now_s = world.loop.now / 1_000_000
    sums = world.sums.by_name
    return Report(
        scenario=world.scenario.name,
        seed=world.options.seed,
        nodes=sum(world.scenario.only.has_node(node.index) for node in world.nodes),
        bug=world.options.bug,
        verdict="fail" if broken else "pass",
        broken=[_broken(broken, now_s)] if broken else [],
        command=command,
        trace_hash=world.trace.hexdigest(),
        virtual_seconds=now_s,
        messages_written=world.message_log.written_count,
        messages_delivered=world.message_log.delivered_count,
        latency=_latencies(world),
        latency_counts=counts_of(
            message.delivered_at - message.asked_at
            for message in world.message_log.messages
            if message.delivered_at is not None
        ),
        everywhere=_everywhere(world),
        copies_per_delivery=Deliveries(world).copies_per_delivery,
        delivery_ratio=round(Deliveries(world).ratio, 4),
        frames_sent=sums.get("frames_sent", 0),
        bytes_sent=world.network.counters.bytes_sent,
        events=world.loop.events_count,
        batches=sum(node.batches_count for node in world.nodes),
        wall_seconds=round(wall_seconds, 3),
        cpu_seconds=round(cpu_seconds, 3),
        resident_bytes=resident_bytes,
        events_per_second=round(world.loop.events_count / wall_seconds),
        speed_up=round(now_s / wall_seconds, 1),
        crypto=_crypto(world),
        refusals=dict(sorted(world.users.refusals.items())),
        faults=injected_faults(world),
        hostile=world.adversaries.totals(),
        watched={
            "searches": world.observers.secrecy.searches_count,
            "states": world.observers.states.looked_count,
            "tags_repeated": world.observers.nonce_reuse.tags_repeated,
            "conversations_compared": world.observers.conversations_compared,
            "items_compared": world.observers.items_compared,
            "group_sealings": world.observers.group_sealings.count,
            "group_epochs": world.observers.group_sealings.epochs_count,
            "group_texts": len(world.observers.group_log.texts),
            "group_texts_unread": len(world.groups_unread()),
            "group_items_compared": world.observers.group_items_compared,
            "asked_anew": world.observers.beginning_anew.asked_count,
            "groups_looked_at": world.observers.agreement.looked_count,
            "group_texts_out": world.observers.group_texts_out,
            "files_sent": world.mail_workload.sent_files.count,
            "files_whole": world.mail_workload.sent_files.whole_count,
            "blocks_saved": world.mail_workload.sent_files.saved_count,
            "renewals": world.mail_workload.renewals_count,
            "strangers": world.mail_workload.strangers_count,
            "frames_beside_shadows": frames_beside_shadows(world.hosts),
        },
        network=asdict(world.network.counters),
        counters=dict(sorted(sums.items())),
        sometimes=coverage_of(world),
        survived=_survived(world),
        other_release=other_release(world),
        installed=[str(found) for _, found in world.installed],
    )


def injected_faults(world: World) -> dict[str, int]:
    """Return how often each fault has happened in a world up to now."""
    return {
        **asdict(world.faults.counters),
        **asdict(world.faults.disks.counters),
        **asdict(world.faults.failing_disks.counters),
        **asdict(world.faults.rotting.counters),
        **asdict(world.faults.cuts.counters),
        **asdict(world.faults.node_faults.counters),
        **asdict(world.faults.contact_changes.counters),
        **asdict(world.faults.laptops.counters),
        **asdict(world.wire_faults.counters),
        "stragglers": len(world.faults.stragglers.struck),
        "meetings": world.topology_changes.meetings_count,
        "moves": world.topology_changes.moves_count,
    }


def render(report: Report) -> str:
    """The report as text: the verdict and how to repeat it first."""
    lines = [f"{report.scenario}, {report.nodes} nodes, seed {report.seed}"]
    if report.bug is not None:
        lines[0] += f", with the planted bug {report.bug}"
    lines.append(f"verdict    {report.verdict.upper()}")
    for broken in report.broken:
        at_node = "" if broken.node is None else f" at node {broken.node}"
        lines += [
            f"broken     {broken.id}: {broken.promise}",
            f"           {broken.detail}",
            f"           found at {broken.virtual_seconds:.3f} s{at_node}",
        ]
    lines.append(f"repeat     {report.command}")
    lines.append(
        f"messages   {report.messages_written} written, {report.messages_delivered} delivered, "
        f"{report.delivery_ratio:.1%} before people rested"
    )
    if not report.messages_written:
        lines.append(
            "           Nobody wrote: of messages nothing was shown. People write to contacts "
            "only, so write_between_s must go on after befriend_between_s."
        )
    if report.other_release is not None:
        lines.append(other_release_text(report.other_release))
    lines += [f"installed  {one}" for one in report.installed]
    if report.survived is not None:
        lines.append(_survived_text(report.survived))
    if report.latency:
        lines.append(_row("latency", "", "messages", "p50", "p95", "p99", "max"))
    for phase, latency in report.latency.items():
        times = (latency.p50_ms, latency.p95_ms, latency.p99_ms, latency.max_ms)
        lines.append(_row("", phase, str(latency.messages), *map(_time, times)))
    if report.everywhere is not None:
        lines.append(_everywhere_text(report.everywhere))
    megabytes = report.bytes_sent / 1_000_000
    faults = _counts({name: count for name, count in report.faults.items() if count})
    # Where an invariant of safety broke there was no end at which to ask the engines.
    if report.frames_sent:
        lines.append(
            f"copies     {report.copies_per_delivery:.2f} bodies for each envelope and node"
        )
        lines.append(f"traffic    {report.frames_sent:,} frames, {megabytes:,.1f} MB")
    else:
        lines.append(f"traffic    {megabytes:,.1f} MB; frames and copies were not counted")
    lines += [
        f"faults     {faults or 'none'}",
        f"watched    {_counts(report.watched)}",
    ]
    if report.hostile["nodes"]:
        lines.append(f"hostile    {_counts(report.hostile)}")
    lines.append(sometimes_text(report.sometimes))
    if report.refusals:
        refusals = ", ".join(f"{kind} {count}" for kind, count in report.refusals.items())
        lines.append(f"refused    {refusals}")
    lines += [
        f"time       {report.virtual_seconds:.0f} s virtual in {report.wall_seconds:.1f} s: "
        f"{report.speed_up:.0f} times real time, {report.events:,} events, "
        f"{report.events_per_second:,} a second",
        f"machine    {report.cpu_seconds:,.1f} s of CPU, "
        f"{report.resident_bytes / 1_000_000:,.0f} MB resident",
        f"crypto     {report.crypto}",
        f"trace      {report.trace_hash}",
    ]
    return "\n".join(lines)


def sometimes_text(sums: Mapping[str, int]) -> str:
    """Return how many goals were reached, and which situations were not, in lines for a
    terminal.
    """
    count = sum(1 for name in COVERAGE_GOALS if sums.get(name))
    missing = [name for name in SITUATIONS if not sums.get(name)]
    never = f"; never {', '.join(missing)}" if missing else ""
    return textwrap.fill(
        f"sometimes  {count} of {len(COVERAGE_GOALS)} marks reached{never}",
        LINE_LENGTH,
        subsequent_indent=" " * 11,
        break_on_hyphens=False,
    )


def pairs_text(count: int, never: Sequence[str]) -> str:
    """Return how many pairs of situations came in one run, in lines for a terminal.

    `never` are those of which each came, and never both.
    """
    told = f"; never together {', '.join(never[:PAIRS_SHOWN_MAX])}" if never else ""
    more = f" … and {len(never) - PAIRS_SHOWN_MAX} more" if len(never) > PAIRS_SHOWN_MAX else ""
    return textwrap.fill(
        f"together   {count} of {count + len(never)} pairs of these situations{told}{more}",
        LINE_LENGTH,
        subsequent_indent=" " * 11,
        break_on_hyphens=False,
    )


def percentile(ordered: Sequence[int], share: float) -> int:
    """The smallest value that at least this share of the values does not exceed."""
    assert ordered
    return ordered[max(0, -(-round(share * len(ordered) * 1_000) // 1_000) - 1)]


def _latencies(world: World) -> dict[str, Latency]:
    """By the phase in which a message was written; a cut also parts near from far."""
    times: dict[str, list[int]] = {}
    for message in world.message_log.messages:
        if message.delivered_at is not None:
            phase = world.faults.phase_of(message)
            times.setdefault(phase, []).append(message.delivered_at - message.asked_at)
    found: dict[str, Latency] = {}
    for phase, unordered in times.items():
        ordered = sorted(unordered)
        found[phase] = Latency(
            messages=len(ordered),
            p50_ms=percentile(ordered, 0.5) / 1_000,
            p95_ms=percentile(ordered, 0.95) / 1_000,
            p99_ms=percentile(ordered, 0.99) / 1_000,
            max_ms=ordered[-1] / 1_000,
        )
    return found


def _survived(world: World) -> Survived | None:
    survival = world.observers.survival
    if not survival.is_noting:
        return None
    fates = Counter(survival.fates().values())
    delivered = fates["delivered"] + fates["unproven"]
    return Survived(
        messages=fates.total(),
        deliverable=delivered + fates["lost"] + fates["expired-in-vain"],
        delivered=delivered,
        told=fates["told"],
        waiting=fates["waiting"],
        failures={fate: fates[fate] for fate in FAILURES if fates[fate]},
        node_days=round(len(world.nodes) * world.loop.now / DAY_US, 1),
    )


def _survived_text(survived: Survived) -> str:
    return (
        f"survived   {survived.delivered} of {survived.deliverable} that had a path, "
        f"{survived.told} told as expired, {survived.waiting} waiting, "
        f"{_counts(survived.failures) or 'no failure'}"
    )


def _everywhere(world: World) -> Everywhere | None:
    nodes = [node.index for node in world.present if node.is_up]
    arrived = world.observers.arrivals.among(nodes)
    if not arrived.times:
        return None
    return Everywhere(
        envelopes=arrived.envelopes_count,
        nodes=len(nodes),
        coverage=arrived.coverage,
        p50_ms=percentile(arrived.times, 0.5) / 1_000,
        p99_ms=percentile(arrived.times, 0.99) / 1_000,
        max_ms=arrived.times[-1] / 1_000,
    )


def _everywhere_text(everywhere: Everywhere) -> str:
    times = (everywhere.p50_ms, everywhere.p99_ms, everywhere.max_ms)
    p50, p99, longest = map(_time, times)
    return (
        f"everywhere {everywhere.envelopes:,} envelopes, of which a node has "
        f"{everywhere.coverage:.2%}; p50 {p50}, p99 {p99}, max {longest}"
    )


def _broken(broken: BrokenInvariant, now_s: float) -> Broken:
    return Broken(
        id=broken.invariant.id,
        promise=broken.invariant.sentence,
        detail=broken.detail,
        virtual_seconds=now_s,
        node=broken.node,
    )


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items())


def _row(head: str, phase: str, *cells: str) -> str:
    return f"{head:<11}{phase:<18}" + "".join(f"{cell:>12}" for cell in cells)


def _time(milliseconds: float) -> str:
    if milliseconds < 10_000:
        return f"{milliseconds:,.0f} ms"
    return f"{milliseconds / 1_000:,.1f} s"
