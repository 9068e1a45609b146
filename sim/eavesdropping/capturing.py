"""Runs one world and writes what a relay and a listener see of it, and what is true.

The last node is the relay: it knows nobody, writes nothing and calls all others by their address.
All others are people. They chat in pairs (`chats.py`), or write nothing at all (`quiet`): then half
of the pairs become contacts while the world runs, and nodes are switched off and on.

`sim.eavesdropping.older` runs this file, `chats.py` and `recorder.py` in the tree of another
commit, so they use little of the simulator and nothing of the rest of this package.
"""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal, Protocol

import msgspec

from mesh.commands.answer import Answer
from mesh.commands.peers import AddPeer
from mesh.errors import UserError
from mesh.inputs import Input
from sim.eavesdropping.chats import ChatLaws, Chats, Pair, drawn_pairs
from sim.eavesdropping.recorder import Clock, Recorder, pack
from sim.hosts.virtual_node import VirtualNode
from sim.kernel.entropy import Chance
from sim.network.addresses import address_of
from sim.network.stream import End
from sim.patching import Patch, patched
from sim.run.world import Options, World
from sim.schema.scenario import Scenario, load_scenario
from sim.schema.settings import parse_settings, with_settings
from sim.users.friendships import Friendships
from sim.users.user import User

FORMAT: Final = "mesh-capture/1"
GROUNDS: Final = ("one-lan", "two-lans", "thin")
SLICE_US: Final = 600_000_000
CONTACTS_PER_PERSON: Final = 2.0
CHATS_FROM_US: Final = 300_000_000
"""By then all nodes run and have their links."""

WORDS: Final = Path(__file__).parent / "grounds"

Mode = Literal["chats", "quiet"]


class Shown(Protocol):
    """A message that was shown."""

    sender: int


@dataclass(frozen=True, slots=True)
class Capture:
    """One world to capture. `ground` is one of `GROUNDS`, or any scenario's name or file."""

    ground: str
    nodes: int
    seed: int
    folder: str
    mode: Mode = "chats"
    hours: float = 2
    settings: tuple[str, ...] = ()
    commit: str = ""
    """Of which tree it is, if not of the one that runs."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a capture: what every observer knows beforehand."""

    format: str
    observer: Literal["relay", "listener"]
    seed: int
    mode: str
    nodes: int
    relay: int
    reach: list[tuple[int, int]]
    """Pairs of nodes that reach each other: the ground, which everybody can find out."""

    hours: float
    ground: str
    settings: list[str]
    commit: str = ""


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """The truth of one world, which no observer is told."""

    format: str
    seed: int
    mode: str
    nodes: int
    relay: int
    contacts: list[tuple[int, int]]
    made: list[tuple[int, int]]
    """The contacts among them that were made while the world ran."""

    posts: dict[str, "PostTruth"]
    """By the id of the envelope, as captures write it."""

    messages: list[tuple[int, int, int]]
    """(microseconds, author, reader) of each message that somebody wrote."""


class PostTruth(msgspec.Struct, frozen=True, kw_only=True):
    """The truth of one envelope. A dummy and a withdrawn one are read by their author."""

    author: int
    at: int
    reader: int | None
    told: int | None
    is_read_token: bool


def ground_of(capture: Capture) -> Scenario:
    """The scenario of a capture; UserError if there is none, or it does not take the settings."""
    name = capture.ground
    if name in GROUNDS:
        name = str(WORDS / f"{name.replace('-', '_')}.toml")
    lasts_s = capture.hours * 3600
    settings: dict[str, str | int | float | bool] = {
        "nodes": capture.nodes,
        "wire.noise": False,
        "lasts_s": lasts_s,
        "workload.write_between_s.0": lasts_s,
        "workload.write_between_s.1": lasts_s,
    }
    if capture.ground == "two-lans":
        settings["topology.network_nodes"] = capture.nodes // 2
    if capture.mode == "quiet":
        settings["workload.met_before_share"] = 0.5
        settings["workload.befriend_between_s.0"] = 0.4 * lasts_s
        settings["workload.befriend_between_s.1"] = 0.8 * lasts_s
        settings["faults.0.kind"] = "churn"
        settings["faults.0.between_s.0"] = 0.1 * lasts_s
        settings["faults.0.between_s.1"] = 0.9 * lasts_s
        settings["faults.0.up_s"] = 0.4 * lasts_s
        settings["faults.0.down_s"] = 30
    for path, values in parse_settings(capture.settings).items():
        settings[path] = values[-1]
    scenario = load_scenario(name)
    return with_settings(scenario, settings)


def run_capture(capture: Capture) -> str:
    """Run one world and write its three files; return their common beginning."""
    scenario = ground_of(capture)
    relay = capture.nodes - 1
    clock = Clock()
    recorder = Recorder((relay,), clock)
    world = World(scenario, Options(seed=capture.seed, is_crypto_real=False))
    chance = Chance(capture.seed, "chats")
    pairs = drawn_pairs(range(relay), CONTACTS_PER_PERSON, chance)
    messages: list[tuple[int, int, int]] = []
    if capture.mode == "chats":
        _let_chat(world, pairs, chance, messages, capture.hours)
    others = [node.index for node in world.nodes if node.index != relay]
    world.loop.at(120_000_000, partial(_call_all, world, relay, others))
    end_us = round(capture.hours * 3_600_000_000)
    # What is looked for in databases now and then is another command's affair.
    vars(world)["_look"] = _nothing
    with _recording(world, recorder, clock, pairs):
        for until_us in range(SLICE_US, end_us + SLICE_US, SLICE_US):
            world.run_until(min(until_us, end_us))
    return _write(capture, world, recorder, pairs, messages)


def _nothing() -> None:
    """Nobody looks."""


def _ignored(_: Answer | UserError) -> None:
    """Nothing follows from the answer."""


def _let_chat(
    world: World,
    pairs: Sequence[Pair],
    chance: Chance,
    messages: list[tuple[int, int, int]],
    hours: float,
) -> None:
    mail = world.mail_workload
    end_us = round(hours * 3_600_000_000) - 900_000_000

    def write(author: int, reader: int) -> None:
        user = world.users.everybody[author]
        key = user.contacts.get(reader)
        if key is not None and user.node.is_up:
            messages.append((world.loop.now, author, reader))
            mail.write_to(user, reader, key, chance=chance)

    chats = Chats(world.loop, ChatLaws(), chance, end_us, write)
    chats.plan(pairs, CHATS_FROM_US)

    def shown(user: User, logged: Shown) -> None:
        chats.shown(logged.sender, user.index)

    vars(mail)["read_later"] = shown


def _call_all(world: World, relay: int, others: Sequence[int]) -> None:
    """The relay is told of everybody's address, as by a person."""
    networks = world.layout.networks
    for other in others:
        for network in networks[other]:
            if network in networks[relay]:
                address = address_of(other, network)
                command = AddPeer(f"[{address.host}]:{address.port}")
                world.nodes[relay].ask(command, _ignored)


def _recording(
    world: World, recorder: Recorder, clock: Clock, pairs: Sequence[Pair]
) -> AbstractContextManager[None]:
    """While inside, the recorder is told of all streams, and these pairs are who befriend."""
    join, send, put = End.join, End.send, VirtualNode.put

    def is_of_world(node: object, index: int) -> bool:
        # Who met before the world began did so in a small world of their own.
        return world.network.host(index) is node

    def joined(self: End, peer: End) -> None:
        join(self, peer)
        if is_of_world(self.host, self.host.index):
            clock.us = world.loop.now
            recorder.joined(self, peer)

    def sent(self: End, data: bytes) -> None:
        if is_of_world(self.host, self.host.index):
            clock.us = world.loop.now
            recorder.sent(self, data)
        send(self, data)

    def happened(self: VirtualNode, event: Input) -> None:
        if is_of_world(self, self.index):
            clock.us = world.loop.now
            recorder.happened(self.index, event)
        put(self, event)

    def draw(self: Friendships, contacts: int = 0) -> list[tuple[User, User]]:
        for one, other in pairs:
            self.everybody[one].friends[other] = None
            self.everybody[other].friends[one] = None
        return [(self.everybody[one], self.everybody[other]) for one, other in pairs]

    return patched(
        Patch(End, "join", joined),
        Patch(End, "send", sent),
        Patch(VirtualNode, "put", happened),
        Patch(Friendships, "draw", draw),
    )


def _reach(world: World) -> list[Pair]:
    """Return the pairs that reach each other when the world begins."""
    layout = world.layout
    pairs = []
    for other, networks in enumerate(layout.networks):
        for one in range(other):
            is_near = layout.near is None or other in layout.near[one]
            if is_near and set(networks) & set(layout.networks[one]):
                pairs.append((one, other))
    return pairs


def _write(
    capture: Capture,
    world: World,
    recorder: Recorder,
    pairs: list[Pair],
    messages: list[tuple[int, int, int]],
) -> str:
    folder = Path(capture.folder)
    folder.mkdir(parents=True, exist_ok=True)
    relay = capture.nodes - 1
    met = set(world.users.met_before)
    reach = _reach(world)

    def header(observer: Literal["relay", "listener"]) -> Header:
        return Header(
            format=FORMAT,
            observer=observer,
            seed=capture.seed,
            mode=capture.mode,
            nodes=capture.nodes,
            relay=relay,
            reach=reach,
            hours=capture.hours,
            ground=capture.ground,
            settings=list(capture.settings),
            commit=capture.commit,
        )

    truth = Truth(
        format=FORMAT,
        seed=capture.seed,
        mode=capture.mode,
        nodes=capture.nodes,
        relay=relay,
        contacts=pairs,
        made=[pair for pair in pairs if pair not in met],
        posts={
            name: PostTruth(
                author=post.author,
                at=post.at,
                reader=post.reader,
                told=post.told,
                is_read_token=post.is_read_token,
            )
            for name, post in recorder.posts.items()
        },
        messages=messages,
    )
    name = f"world-{capture.seed:06d}"
    seen = [header("relay"), *recorder.relay_lines[relay]]
    heard = [header("listener"), *recorder.listener_lines]
    for what, lines in (("relay", seen), ("listener", heard)):
        (folder / f"{name}.{what}.jsonl.gz").write_bytes(pack(lines))
    (folder / f"{name}.truth.json").write_bytes(msgspec.json.encode(truth))
    return name


def main(arguments: Sequence[str]) -> None:
    """Run the captures that standard input lists as JSON, one a line, and name each when done."""
    for line in sys.stdin:
        print(run_capture(msgspec.json.decode(line, type=Capture)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
