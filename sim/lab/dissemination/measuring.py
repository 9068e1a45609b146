"""The cases in which spreading is measured, and what comes of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sim.kernel.entropy import Chance
from sim.lab.dissemination.graphs import clusters, largest_part, random_regular
from sim.lab.dissemination.network import Speaker, SpeakingNetwork
from sim.lab.dissemination.speakers import (
    Flooding,
    Gossipsub,
    GossipsubRules,
    Ids,
    MeshSpeaker,
    Silent,
)

Who = Literal["mesh", "flood", "gossipsub"]
Shape = Literal["random", "clusters"]
LAN_NODES: Final = 20
LAN_BRIDGES: Final = 3
WARM_US: Final = 20_000_000
BETWEEN_POSTS_US: Final = 250_000
LAST_US: Final = 60_000_000
HEAL_US: Final = 120_000_000
HEAL_LINK_EVERY: Final = 10
"""When halves meet, every tenth node gets a link to the other half."""


@dataclass(frozen=True, slots=True)
class Case:
    """One world for one who spreads."""

    who: Who
    nodes: int = 1_000
    shape: Shape = "random"
    degrees: tuple[int, int] = (6, 8)
    size: int = 1_024
    posts: int = 60
    warm_posts: int = 40
    latency_us: tuple[int, int] = (5_000, 25_000)
    bytes_per_second: int = 12_500_000
    liars: float = 0
    are_liars_lying: bool = True
    crashed: float = 0
    crash_notice_us: int = 50_000
    eager_links_min: int | None = None
    has_one_sender: bool = False
    is_burst: bool = False
    """Whether each of the posts that count is one of every sender, all at the same instant."""

    seed: int = 1


@dataclass(frozen=True, slots=True)
class Figures:
    """The result of a case. `copies` are bodies received for each node that got one."""

    copies: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    coverage: float
    control_bytes_per_delivery: float
    hops_max: int
    events: int


def measure(case: Case) -> Figures:
    """Run a case: warm posts first, for which the links find their modes, then those that count."""
    chance = Chance(case.seed, "dissemination")
    if case.shape == "random":
        edges = random_regular(case.nodes, case.degrees, chance)
    else:
        count = case.nodes // LAN_NODES
        edges = clusters(count, LAN_NODES, case.degrees, LAN_BRIDGES, chance)
    liars = _drawn(range(case.nodes), case.liars, chance)
    speakers = _speakers(case, liars)
    network = SpeakingNetwork(
        speakers,
        edges,
        latency_us=case.latency_us,
        bytes_per_second=case.bytes_per_second,
        chance=chance,
    )
    if case.who == "gossipsub":
        _agree_on_meshes(network, case, chance)
    honest = [node for node in range(case.nodes) if node not in liars]
    senders = honest[:1] if case.has_one_sender else honest
    network.run_until(WARM_US)
    for _ in range(case.warm_posts):
        network.publish(chance.pick(senders), case.size)
        network.run_until(network.loop.now + BETWEEN_POSTS_US)
    network.run_until(network.loop.now + 2_000_000)
    if case.crashed:
        gone = _drawn(honest, case.crashed, chance)
        network.crash(list(gone), notice_us=case.crash_notice_us)
        honest = [node for node in honest if node not in gone]
        senders = honest[:1] if case.has_one_sender else honest
    reachable = largest_part(honest, edges)
    able = [node for node in senders if node in dict.fromkeys(reachable)]
    before = network.control_bytes
    counted = []
    for _ in range(case.posts):
        now = able if case.is_burst else [chance.pick(able)]
        counted += [network.publish(node, case.size) for node in now]
        network.run_until(network.loop.now + BETWEEN_POSTS_US)
    network.run_until(network.loop.now + LAST_US)
    return _figures(network, counted, reachable, network.control_bytes - before)


def measure_heal(case: Case) -> Figures:
    """Two halves that wrote `posts` each while they were apart, from their first link on.

    What counts are bodies at nodes that lacked them.
    """
    chance = Chance(case.seed, "dissemination")
    half = case.nodes // 2
    network = SpeakingNetwork(
        _speakers(case, {}),
        [],
        latency_us=case.latency_us,
        bytes_per_second=case.bytes_per_second,
        chance=chance,
    )
    for one, other in random_regular(half, case.degrees, chance):
        for side in (0, half):
            network.join(one + side, other + side, chance.between(*case.latency_us))
    network.run_until(WARM_US)
    written = []
    for _ in range(case.posts):
        for side in (0, half):
            written.append(network.publish(side + chance.below(half), case.size))
            network.run_until(network.loop.now + BETWEEN_POSTS_US)
    network.run_until(network.loop.now + LAST_US)
    before, healed_at = network.control_bytes, network.loop.now
    had = {number: len(network.posts[number].first_at) for number in written}
    bodies = sum(sum(network.posts[number].bodies_at.values()) for number in written)
    for _ in range(half // HEAL_LINK_EVERY):
        bridge = (chance.below(half), half + chance.below(half))
        network.join(*bridge, chance.between(*case.latency_us))
    network.run_until(network.loop.now + HEAL_US)
    times = [
        at - healed_at
        for number in written
        for at in network.posts[number].first_at.values()
        if at > healed_at
    ]
    now = sum(sum(network.posts[number].bodies_at.values()) for number in written)
    lacked = sum(case.nodes - count for count in had.values())
    times.sort()
    return Figures(
        copies=round((now - bodies) / max(1, len(times)), 3),
        p50_ms=_percentile(times, 0.5) / 1_000,
        p99_ms=_percentile(times, 0.99) / 1_000,
        max_ms=(times[-1] if times else 0) / 1_000,
        coverage=len(times) / lacked,
        control_bytes_per_delivery=round((network.control_bytes - before) / max(1, len(times)), 1),
        hops_max=0,
        events=network.loop.events_count,
    )


def _speakers(case: Case, liars: dict[int, None]) -> list[Speaker]:
    ids, sizes = Ids(), dict[int, int]()
    floor = {} if case.eager_links_min is None else {"eager_links_min": case.eager_links_min}
    make: dict[Who, Callable[[int], Speaker]] = {
        "mesh": lambda node: MeshSpeaker(ids, case.seed, node, **floor),
        "flood": lambda node: Flooding(),
        "gossipsub": lambda node: Gossipsub(
            GossipsubRules(), sizes, Chance(case.seed, "gossipsub", node)
        ),
    }
    return [
        Silent(is_lying=case.are_liars_lying) if node in liars else make[case.who](node)
        for node in range(case.nodes)
    ]


def _agree_on_meshes(network: SpeakingNetwork, case: Case, chance: Chance) -> None:
    """The first heartbeat: at a moment of its own each node fills its mesh if it has too few links.

    What others grafted counts once it has come; both ends take a graft in. Whose mesh is then too
    large prunes it at the next heartbeat.
    """
    rules = GossipsubRules()
    beats = sorted((chance.below(rules.heartbeat_us), node) for node in range(case.nodes))
    known_at: dict[int, dict[int, int]] = {node: {} for node in range(case.nodes)}
    for now, node in beats:
        mesh = known_at[node]
        if sum(at <= now for at in mesh.values()) >= rules.degree_low:
            continue
        others = [peer for peer in network.neighbours(node) if mesh.get(peer, now + 1) > now]
        chance.shuffle(others)
        for peer in others[: rules.degree - sum(at <= now for at in mesh.values())]:
            mesh[peer] = now
            known_at[peer].setdefault(node, now + network.latency_us(node, peer))
    for node, mesh in known_at.items():
        rest = list(mesh)
        chance.shuffle(rest)
        if len(rest) > rules.degree_high:
            for peer in rest[rules.degree :]:
                del mesh[peer]
                known_at[peer].pop(node, None)
    for node, mesh in known_at.items():
        speaker = network.speakers[node]
        if isinstance(speaker, Gossipsub):
            speaker.mesh = dict.fromkeys(mesh)


def _drawn(nodes: Sequence[int], share: float, chance: Chance) -> dict[int, None]:
    pool = list(nodes)
    chance.shuffle(pool)
    return dict.fromkeys(pool[: round(share * len(pool))])


def _figures(
    network: SpeakingNetwork, counted: Sequence[int], reachable: Sequence[int], control: int
) -> Figures:
    wanted = dict.fromkeys(reachable)
    times: list[int] = []
    bodies, hops_max = 0, 0
    for number in counted:
        spread = network.posts[number]
        got = [at - spread.made_at for node, at in spread.first_at.items() if node in wanted]
        times += [one for one in got if one]
        bodies += sum(count for node, count in spread.bodies_at.items() if node in wanted)
        hops_max = max(hops_max, *spread.hops.values())
    times.sort()
    expected = len(counted) * (len(reachable) - 1)
    return Figures(
        copies=round(bodies / max(1, len(times)), 3),
        p50_ms=_percentile(times, 0.5) / 1_000,
        p99_ms=_percentile(times, 0.99) / 1_000,
        max_ms=(times[-1] if times else 0) / 1_000,
        coverage=len(times) / expected if expected else 1,
        control_bytes_per_delivery=round(control / max(1, len(times)), 1),
        hops_max=hops_max,
        events=network.loop.events_count,
    )


def _percentile(ordered: Sequence[int], share: float) -> int:
    if not ordered:
        return 0
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]
