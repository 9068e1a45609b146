"""A small machine that is all door: it dials whom it sees, and answers every byte once.

It stands in for the engine where the virtual network itself is under test.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from mesh.database import Connection
from mesh.effects import Announce, Dial, Effect, MintStamp, SendBytes
from mesh.events import Event
from mesh.ids import Address, DialId, Instant, LinkId, Monotonic
from mesh.inputs import BytesReceived, Connected, Input, PeerSeen, StampMinted, VaultClosing
from sim.hosts.blobs import Blobs
from sim.hosts.virtual_node import Surroundings, VirtualNode
from sim.kernel.entropy import Draws
from sim.kernel.loop import Loop
from sim.kernel.trace import Trace
from sim.network.discovery import AnnouncementRules, Discovery
from sim.network.virtual_network import VirtualNetwork
from sim.network.wires import StreamRules

Kind = TypeVar("Kind")

CALM = StreamRules(
    latency_min_us=2_000, latency_max_us=2_000, jitter_us=0, loss=0, bytes_per_second=10_000_000
)


@dataclass
class Talker:
    """Door and machine in one; `heard` keeps (virtual microseconds, input) over all lives."""

    name: str
    loop: Loop
    is_dialling: bool = False
    heard: list[tuple[int, Input]] = field(default_factory=list)
    wanted: list[Effect] = field(default_factory=list)
    deadlines: list[int] = field(default_factory=list)
    on_batch: Callable[[], None] | None = None
    boots_count: int = 0
    is_armed: bool = False
    waits_us: int = 0
    blobs: Blobs = field(default_factory=Blobs)

    @property
    def vault(self) -> Connection:
        raise AssertionError("a talker has no vault")

    def boot(self, now: Instant) -> tuple["Talker", list[Input]]:
        self.boots_count += 1
        self.wanted.append(Announce(f"{self.name}{self.boots_count}", None, is_new_network=False))
        return self, []

    def handle(self, batch: Sequence[Input], now: Instant, /) -> list[Effect]:
        if self.on_batch is not None:
            self.on_batch()
        effects, self.wanted = self.wanted, []
        while self.deadlines and self.deadlines[0] <= now.monotonic:
            self.deadlines.pop(0)
        for happened in batch:
            self.heard.append((self.loop.now, happened))
            match happened:
                case PeerSeen(addresses=addresses) if self.is_dialling:
                    effects.append(Dial(DialId(len(self.heard)), addresses[0]))
                case BytesReceived(link, received) if received.startswith(b"?"):
                    effects.append(SendBytes(link, b"!" + received[1:]))
                case _:
                    pass
        return effects

    def deadline(self) -> Monotonic | None:
        return Monotonic(self.deadlines[0]) if self.deadlines else None

    def unlock(self) -> Input:
        return VaultClosing()

    def crash(self) -> None:
        self.wanted.clear()
        self.deadlines.clear()
        self.is_armed = False

    def arm(self, statements: int) -> None:
        self.is_armed = True

    def take_waited_us(self) -> int:
        waited_us, self.waits_us = self.waits_us, 0
        return waited_us

    def mint(self, effect: MintStamp) -> tuple[int, Input]:
        return 5_000, StampMinted(effect.posting_key, effect.day, effect.bits, bytes(12))

    def heard_of(self, kind: type[Kind]) -> list[Kind]:
        return [happened for _, happened in self.heard if isinstance(happened, kind)]

    def heard_at(self, kind: type[Input]) -> list[int]:
        return [when for when, happened in self.heard if isinstance(happened, kind)]

    @property
    def text(self) -> bytes:
        return b"".join(each.data for each in self.heard_of(BytesReceived))

    @property
    def link(self) -> LinkId:
        return self.heard_of(Connected)[-1].link


class Scene:
    """Some talkers on networks under one loop."""

    def __init__(
        self,
        networks: Sequence[Sequence[int]],
        *,
        rules: StreamRules = CALM,
        announcement_loss: float = 0,
        announcement_copied: float = 0,
        announcement_late: float = 0,
        thinking_us: int = 0,
        seed: int = 1,
        near: Mapping[int, Mapping[int, None]] | None = None,
    ) -> None:
        self.loop = Loop(tick_us=1_000)
        self.trace = Trace()
        self.events: list[tuple[int, Event]] = []
        self.sent: list[tuple[int, bytes]] = []
        self.switched: list[int] = []
        self.network = VirtualNetwork(
            loop=self.loop,
            rules=rules,
            networks=dict(enumerate(networks)),
            seed=seed,
            near=near,
        )
        self.discovery = Discovery(
            loop=self.loop,
            network=self.network,
            rules=AnnouncementRules(
                delay_max_us=100_000,
                loss=announcement_loss,
                copied=announcement_copied,
                late=announcement_late,
            ),
            draws=Draws(seed, "discovery"),
        )
        around = Surroundings(
            loop=self.loop,
            network=self.network,
            discovery=self.discovery,
            trace=self.trace,
            thinking_us=thinking_us,
            emitted=lambda node, event: self.events.append((node, event)),
            sending=lambda node, sent: self.sent.append((node, sent)),
            switched=self.switched.append,
        )
        self.talkers = [Talker(f"talker{index}.", self.loop) for index in range(len(networks))]
        self.nodes = [VirtualNode(i, talker, around) for i, talker in enumerate(self.talkers)]

    def boot(self) -> None:
        for node in self.nodes:
            node.boot()

    def run(self, seconds: float) -> None:
        self.loop.run_until(self.loop.now + round(seconds * 1_000_000))

    def want(self, index: int, *effects: Effect) -> None:
        """Let a talker carry out effects in its next batch, at once."""
        self.talkers[index].wanted.extend(effects)
        self.nodes[index].put(PeerSeen("nobody", (Address("10.0.0.99", 1),)))

    def say(self, index: int, data: bytes) -> None:
        self.want(index, SendBytes(self.talkers[index].link, data))


def linked_pair(rules: StreamRules = CALM, *, thinking_us: int = 0) -> Scene:
    """Two talkers with one stream between them; the first has dialled."""
    scene = Scene([[0], [0]], rules=rules, thinking_us=thinking_us)
    scene.talkers[0].is_dialling = True
    scene.boot()
    scene.run(1)
    scene.talkers[0].is_dialling = False
    return scene
