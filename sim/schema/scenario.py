"""A scenario: how many nodes stand where, what they do, and which faults they have.

Scenarios are TOML files beside this module, read strictly: a word that is not known here is an
error. Units end the names. What is drawn (who, when exactly) is drawn from the seed.
"""

import difflib
import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from math import inf
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from mesh.commands.fields import KeepFor
from mesh.errors import UserError
from sim.kernel.entropy import Chance
from sim.schema.adversary_table import AdversaryTable
from sim.schema.delay_laws import DelayLaw
from sim.schema.disk_tables import FailingDisks, FullDisks, LostFsyncs, Rots, SlowDisks
from sim.schema.errors import find_error
from sim.schema.expectations import Expect
from sim.schema.fault_tables import (
    Clones,
    NodesCount,
    Positive,
    Rollbacks,
    Seconds,
    Share,
    Strict,
    Wipes,
)
from sim.schema.group_table import GROUP_SIZE_MAX, GroupTable
from sim.schema.installed_table import Installed
from sim.schema.pair_table import OneChore, Pair
from sim.schema.pairs import Drawn
from sim.schema.swarm import AnyFault, Swarm, drawn_adversaries, drawn_faults
from sim.schema.topology_tables import (
    DEFAULT_KIND,
    Clusters,
    ContactTrace,
    GraphMl,
    Setdest,
    Topology,
)
from sim.schema.version_table import VersionShares
from sim.schema.wire_tables import BurstTable

PROBES_COUNT: Final = 6
"""How often users write to see whether they still can."""

SCENARIO_BYTES_MAX: Final = 1024 * 1024
"""Of a file: far more than anybody writes by hand, or a shrunk one needs."""

_OF_DISKS: Final = (
    FullDisks,
    FailingDisks,
    SlowDisks,
    LostFsyncs,
    Rots,
    Rollbacks,
    Wipes,
    Clones,
)

Letters = Annotated[int, msgspec.Meta(ge=1, le=60_000)]
TimerSeconds = Annotated[int, msgspec.Meta(ge=1, le=100_000_000)]


class Wire(Strict, frozen=True, kw_only=True):
    """All streams. A lost packet of a stream is a delay; a lost announcement is lost."""

    latency_ms: tuple[Positive, Positive] = (1, 8)
    """Drawn once for each direction of a stream."""
    latency: DelayLaw | None = None
    """In the place of `latency_ms`."""
    jitter_ms: Seconds = 2
    jitter: DelayLaw | None = None
    """In the place of `jitter_ms`: of each chunk."""
    loss: Share = 0.005
    bursts: BurstTable | None = None
    bandwidth_mbit: Positive = 50
    bandwidth_of: Literal["stream", "node", "network"] = "stream"
    """Whether each stream has it for itself, or all streams of a node share it, or all of a
    network: on a Wi-Fi one speaks at a time, and a packet is on the air twice, to the access point
    and from it."""
    queue_kb: Positive | None = None
    """What waits for the wire beyond this is dropped, and sent again by TCP."""
    backs_off: bool = False
    """After a cut in which a stream stalled TCP sends again when its timeout ends, which doubles
    with each try; without this within 0.2 s."""
    noise: bool = True
    """Without it links make no secret: `sim.hosts.plain_links` says what is left out."""
    announcement_delay_ms: Positive = 300
    announcement_loss: Share = 0.05
    announcement_copied: Share = 0
    """So many come once more, `announcement_late_s` later."""
    announcement_late: Share = 0
    """So many come late, after those that were said later."""
    announcement_late_s: tuple[Positive, Positive] = (1, 60)


class Workload(Strict, frozen=True, kw_only=True):
    """The pairs who know each other, and how much they write. Seconds count from the world's
    start.
    """

    boot_within_s: Seconds = 10
    befriend_between_s: tuple[Seconds, Seconds] = (12, 30)
    contacts: Annotated[int, msgspec.Meta(ge=1)] = 3
    met_before_share: Share = 0
    """So many of the pairs are contacts when the world begins (`sim.users.prior_contacts`)."""
    write_between_s: tuple[Seconds, Seconds]
    messages_per_second: Annotated[float, msgspec.Meta(gt=0, le=10_000)] = 1
    keep_for: KeepFor = "30d"
    """A message is kept so long from when it was written, while it has not arrived."""
    text_letters: tuple[Letters, Letters] = (10, 600)
    long_text_share: Share = 0.02
    long_text_letters: tuple[Letters, Letters] = (2_000, 20_000)
    crossing_share: Share = 0
    """So many of the pairs befriend each other crosswise: each uses the other's invite within
    `crossing_within_s`."""
    crossing_within_s: Seconds = 2
    read_share: Share = 0
    """So many of the users look at what came, and let their contacts know that they read it."""
    withdraw_share: Share = 0
    """So many messages are taken back a while after they were written."""
    doings_share: Share = 0
    """After so many messages somebody edits, takes back, reacts, pins, votes, answers, plans."""
    files_share: Share = 0
    """So many messages bring a file of 1 to 15 blocks; it is saved, paused, cancelled, deleted."""
    vanish_share: Share = 0
    """So many messages disappear: `vanish_after_s` after they were sealed with their author, and
    after they were read with their reader."""
    vanish_after_s: tuple[TimerSeconds, TimerSeconds] = (600, 3_600)
    verify_share: Share = 0
    """So many contacts are marked as verified when they are first seen."""
    sets_clock_s: tuple[Seconds, Seconds] | None = None
    """Who is told that a clock is wrong looks at the date so long after and, if it is theirs, sets
    it right. Without it nobody looks."""
    nearby_share: Share = 0
    """So many of the users look for others nearby, and begin to compare with somebody."""
    chores_per_second: Annotated[float, msgspec.Meta(ge=0, le=1_000)] = 0
    """So often somebody does one of the chores of everyday life, each kind in its turn."""
    chores: tuple[OneChore, ...] = ()
    """Those that are done at a time of their own."""
    groups: GroupTable | None = None
    """None: there are none."""


class Only(Strict, frozen=True, kw_only=True):
    """The rest of a scenario that was shrunk; None is everything.

    Each fate has a stream of chance of its own, so what is left out does not shift the rest.
    """

    nodes: tuple[int, ...] | None = None
    """The nodes that are ever switched on."""
    strikes: tuple[str, ...] | None = None
    """The faults: the number of a table of `faults`, and `/NODE` where it strikes nodes."""
    letters: tuple[int, ...] | None = None
    """What users write, by the order in which it was drawn."""
    deeds: tuple[int, ...] | None = None
    """What users do in groups, in the same way."""

    def has_node(self, node: int) -> bool:
        """Say whether a node takes part."""
        return self.nodes is None or node in self.nodes

    def find_stranger(self, nodes_count: int, tables_count: int | None) -> str | None:
        """The first thing that is named here and is not there; without a count all tables are."""
        for node in self.nodes or ():
            if not 0 <= node < nodes_count:
                return f"only.nodes names node {node}, and there are {nodes_count}, from 0 on"
        for strike in self.strikes or ():
            table = strike.partition("/")[0]
            if not table.isdecimal():
                return f"only.strikes: {strike!r} does not begin with the number of a fault"
            if tables_count is not None and int(table) >= tables_count:
                return f"only.strikes: {strike!r} is of fault {table}, and there are {tables_count}"
        return None


class Scenario(Strict, frozen=True, kw_only=True):
    """One world before its seed."""

    schema: Literal[1]
    name: str
    summary: str
    nodes: NodesCount = 100
    tick_us: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1_000
    order: Literal["fifo", "shuffle"] = "shuffle"
    thinking_ms: Annotated[float, msgspec.Meta(ge=0, le=60_000)] = 4
    """How long a batch keeps a node busy: about what its two commits take on a disk."""
    begins_at_s: Seconds = 43_200
    """Seconds after midnight (UTC) at which the world begins; at midnight link keys change."""
    wall_offset_s: Seconds = 60
    """How wrong a calendar may be, either way."""
    retire_delay_s: tuple[Seconds, Seconds] = (0, 0)
    """How long a node waits before it tells that it opened an envelope."""
    key_quota: Annotated[int, msgspec.Meta(ge=1, le=2**32 - 1)] = 1_000_000
    """How many envelopes of one posting key and day a node keeps; 512 in a real mesh."""
    stamp_bits: Annotated[int, msgspec.Meta(ge=0, le=12)] = 0
    """The least bits of a stamp; 6 in a real mesh."""
    stored_mib: Positive | None = None
    """How much mail a node carries; as a node that nobody configured without it."""
    cover: Literal["off", "low", "high"] = "off"
    """How often people's nodes post dummies."""
    relay_delay_s: Seconds = 0
    """How long at most others hold that back before they pass it on."""
    shadows: bool = False
    """Whether each node runs beside two others, of which one has a stranger's vault and one none,
    so that S21 is looked after. It takes twice the time."""
    topology: Topology = Clusters()
    wire: Wire = Wire()
    workload: Workload
    faults: tuple[AnyFault, ...] = ()
    swarm: Swarm | None = None
    """Faults that are drawn from the seed, beside those that are named."""
    pair: Pair | None = None
    """One chore and one fault in its middle, beside what is named."""
    installed: tuple[Installed, ...] = ()
    """The additions of installed packages."""
    expect: Expect = Expect()
    only: Only = Only()
    hostile: tuple[AdversaryTable, ...] = ()
    """Nodes that are none of `nodes` and do not keep the protocol."""
    versions: VersionShares = VersionShares()
    probe_s: Seconds = 0
    """When no fault happens any more, everybody writes to each contact `PROBES_COUNT` times
    within this time, so that lost sessions are noticed and renewed; the last time it must arrive.
    Zero: nobody does."""
    renew_after_probes: Annotated[int, msgspec.Meta(ge=0, lt=PROBES_COUNT)] = 0
    """After so many probes users ask for new keys with a contact whom their last probe has not
    reached. Zero: nobody asks, and nodes must notice by themselves."""
    lasts_s: Seconds = 0
    """Users do not rest before this."""
    settle_s: Positive = 180
    rest_s: Seconds = 0
    """For how long nodes are observed when everything has arrived; the last minute is measured.
    Zero: nobody looks whether they come to rest."""

    @property
    def heals_at_s(self) -> float:
        """From when on everything that is written must arrive, whatever happened before."""
        return self.quiet_at_s + self.probe_s * (1 - 1 / PROBES_COUNT) if self.probe_s else inf

    @property
    def thinking_us(self) -> int:
        """Return the time that a node thinks about a batch, in microseconds."""
        return round(self.thinking_ms * 1_000)

    @property
    def quiet_at_s(self) -> float:
        """Return when no fault happens any more, and nobody writes but to see whether it
        arrives.
        """
        ends_s = [fault.ends_s for fault in self.faults]
        ends_s += [table.between_s[1] for table in self.installed]
        return max([self.lasts_s, self.workload.write_between_s[1], *ends_s])


SHRUNK: Final = "shrunk/"
"""Before the name of a planted bug: the smallest world that shows it."""

_FOLDER: Final = files("sim") / "scenarios"


def scenario_names() -> list[str]:
    """The scenarios that come with the simulator."""
    names = [each.name for each in _FOLDER.iterdir() if each.name.endswith(".toml")]
    return sorted(name.removesuffix(".toml").replace("_", "-") for name in names)


def load_scenario(name: str) -> Scenario:
    """Read one by its name, or from a file; UserError if there is none, or it is malformed.

    Files that it names are looked for beside it first.
    """
    if name.endswith(".toml"):
        return _load_file(Path(name))
    shipped = _find_shipped(name)
    if shipped is None:
        near = difflib.get_close_matches(name, scenario_names(), n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        known = ", ".join(scenario_names())
        raise UserError("not-found", f"There is no scenario {name!r}.{meant} There are: {known}.")
    return parse_scenario(shipped.read_text(encoding="utf-8"))


def parse_scenario(text: str) -> Scenario:
    """Read one from TOML; UserError says what is wrong and where."""
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError("bad-scenario", f"The scenario cannot be read: {error}.") from None
    return scenario_of_tables(tables)


def scenario_of_tables(tables: dict[str, object]) -> Scenario:
    """Read one from the tables of a TOML file; UserError says what is wrong and where."""
    try:
        topology = tables.get("topology")
        if isinstance(topology, dict):
            topology = {"kind": DEFAULT_KIND, **topology}
            tables = {**tables, "topology": topology}
        return scenario_from(tables)
    except (ValueError, RecursionError) as error:
        raise UserError("bad-scenario", f"The scenario cannot be read: {error}.") from None


def scenario_from(tables: object) -> Scenario:
    """The scenario of these tables; ValueError is the sentence that says what is wrong in them."""
    # The walk finds more than the decoder, such as a range that ends before it begins.
    complaint = find_error(tables, Scenario)
    if complaint is None:
        try:
            scenario = msgspec.convert(tables, type=Scenario, strict=True)
        except msgspec.ValidationError as error:
            # What a table says of itself names its place; the decoder adds the same once more.
            complaint = str(error).partition(" - at `")[0]
        else:
            complaint = _find_contradiction(scenario)
            if complaint is None:
                return scenario
    raise ValueError(complaint)


def as_drawn(scenario: Scenario, seed: int) -> Scenario:
    """The scenario of one seed: what a swarm leaves to chance, and what a pair stands for, is
    among its faults.
    """
    scenario = _as_crowded(scenario, seed)
    if scenario.pair is not None:
        scenario = _as_paired(scenario, Drawn(scenario.pair, seed, scenario.nodes))
    if scenario.swarm is None:
        return scenario
    faults = (*scenario.faults, *drawn_faults(scenario.swarm, seed))
    hostile = (*scenario.hostile, *drawn_adversaries(scenario.swarm, seed))
    return msgspec.structs.replace(scenario, swarm=None, faults=faults, hostile=hostile)


def of_size(scenario: Scenario, nodes_count: int) -> Scenario:
    """The scenario with so many nodes, also where their number would be drawn."""
    workload = scenario.workload
    groups = workload.groups
    if groups is not None and groups.crowd is not None:
        size = min(nodes_count, GROUP_SIZE_MAX)
        groups = msgspec.structs.replace(groups, crowd=None, members=(size, size))
        workload = msgspec.structs.replace(workload, groups=groups)
    return msgspec.structs.replace(scenario, nodes=nodes_count, workload=workload)


def _as_crowded(scenario: Scenario, seed: int) -> Scenario:
    """The scenario with as many people as its groups are to have, if that is drawn."""
    groups = scenario.workload.groups
    if groups is None or groups.crowd is None:
        return scenario
    least, most = groups.crowd
    drawn = Chance(seed, "crowd").fraction()
    count = min(most, int(least * ((most + 1) / least) ** drawn))
    return of_size(scenario, count)


def _as_paired(scenario: Scenario, drawn: Drawn) -> Scenario:
    """The scenario with its pair among its chores and faults, and nothing that it does not need."""
    replace, workload = msgspec.structs.replace, scenario.workload
    return replace(
        scenario,
        pair=None,
        workload=replace(
            workload,
            chores=(*workload.chores, *drawn.chores),
            groups=workload.groups if drawn.has_groups else None,
        ),
        faults=drawn.faults,
        only=replace(scenario.only, strikes=drawn.strikes),
        topology=drawn.topology(scenario.topology),
        lasts_s=max(scenario.lasts_s, drawn.lasts_s),
        probe_s=scenario.probe_s if drawn.is_harsh else 0,
        renew_after_probes=scenario.renew_after_probes if drawn.is_harsh else 0,
    )


def _find_contradiction(scenario: Scenario) -> str | None:
    """Return what is wrong between values that are all right by themselves."""
    topology, versions = scenario.topology, scenario.versions
    if scenario.pair and (scenario.faults or scenario.swarm or scenario.only.strikes is not None):
        return "pair: it goes with no faults, swarm or only.strikes"
    hostile_share = sum(table.share for table in scenario.hostile)
    if hostile_share >= 1:
        return f"the shares of all hostile tables must be less than 1, and are {hostile_share:g}"
    shares = versions.older + versions.later + versions.released
    if shares > 1:
        return f"versions: older, later and released are {shares:g}, beyond all"
    is_alone = scenario.shadows or scenario.swarm or scenario.workload.met_before_share
    if versions.released and is_alone:
        return "versions.released: it goes with no shadows, swarm or met_before_share"
    if versions.released and any(isinstance(one, _OF_DISKS) for one in scenario.faults):
        return "versions.released: no fault of disks strikes another release"
    if isinstance(topology, ContactTrace) and (topology.until_s or inf) <= topology.from_s:
        return f"topology.until_s = {topology.until_s:g} is not after from_s = {topology.from_s:g}"
    # What a swarm draws has numbers too, which only a seed knows.
    tables_count = None if scenario.swarm else len(scenario.faults)
    return scenario.only.find_stranger(scenario.nodes, tables_count)


def _find_shipped(name: str) -> Traversable | None:
    folder = files("sim") / "mutants" / "shrunk" if name.startswith(SHRUNK) else _FOLDER
    file_name = f"{name.removeprefix(SHRUNK).replace('-', '_')}.toml"
    return next((each for each in folder.iterdir() if each.name == file_name), None)


def _load_file(path: Path) -> Scenario:
    try:
        if path.stat().st_size > SCENARIO_BYTES_MAX:
            raise UserError("too-large", f"{path} has more than {SCENARIO_BYTES_MAX} bytes.")
        scenario = parse_scenario(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UserError("not-found", f"The scenario {path} cannot be read: {why}.") from None
    topology = scenario.topology
    if isinstance(topology, ContactTrace | GraphMl | Setdest):
        beside = path.parent / topology.file
        if beside.is_file():
            anchored = msgspec.structs.replace(topology, file=str(beside.resolve()))
            return msgspec.structs.replace(scenario, topology=anchored)
    return scenario
