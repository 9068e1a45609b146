"""One script, played to a node three times: with its vault, with a stranger's, and with none.

What its peers hear is compared by kind, length, order and time, without what the node itself
writes and retires. A node that is locked thus looks like an open one that has nothing to say.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import pytest

from mesh.commands.messages import SendMessage
from mesh.database import Connection
from mesh.ids import EnvelopeId, Tag
from mesh.inputs import DiskMeasured, VaultClosing, VaultOpened
from mesh.limits.storage import DISK_SCARCE_BYTES
from mesh.wire.envelope import decode_envelope, decode_stub
from mesh.wire.frames import (
    Frame,
    Held,
    IHave,
    IWant,
    Pong,
    Push,
    Retired,
    Stem,
    StemRetired,
    Stubs,
    encode_frame,
    join_entries,
    split_entries,
)
from mesh.wire.retirement import split_retirements
from tests.engine.joined import Joined
from tests.engine.stranger import Stranger
from tests.engine.test_engine import befriend, introduce
from tests.engine.test_hostile import envelope
from tests.entropy import SeededEntropy

KIB = 1024
ROOMY = 1 << 40


class Told(NamedTuple):
    """The part of a frame that a peer sees."""

    at_us: int
    kind: str
    length: int
    about: tuple[bytes, ...]


class World(NamedTuple):
    """Mail for somebody, tags under which they expect more, their vault and a stranger's."""

    mail: list[bytes]
    tags: list[Tag]
    now_us: int
    vaults: dict[str, Connection | None]


@pytest.fixture
def world() -> World:
    """Ada and Bea know each other, Cem nobody; Ada has written to Bea, who was away."""
    table = Joined("ada", "bea", "cem")
    introduce(table, "ada", "bea", "cem")
    befriend(table, "ada", "bea")
    table.join("ada", "bea")
    for name, other in (("bea", "ada"), ("ada", "bea")) * 2:
        table.ask(name, SendMessage(other, "hello"))
        table.pass_time(20)
    table.pass_time(900)
    store = table.seats["ada"].engine._forwarder.store
    messenger = table.seats["bea"].engine._vault.messenger
    assert messenger is not None
    tags = sorted(messenger.parts.tag_index.all())
    table.stop("bea")
    before = store.last_arrival()
    for number in range(3):
        table.ask("ada", SendMessage("bea", f"While you were away {number}"))
        table.pass_time(1)
    mail = [data for _, data in store.scans.arrivals_after(before, 99)]
    assert len(mail) >= 3
    vaults = {"hers": table.seats["bea"].vault, "a stranger's": table.seats["cem"].vault}
    used = {decode_envelope(one).header.tag for one in mail}
    free = [tag for tag in tags if tag not in used]
    return World(mail, free, table.now_us, {**vaults, "none": None})


class Node:
    """A new node over one of the vaults, and two peers that see what it says."""

    def __init__(self, world: World, vault: Connection | None, *, stored_kib: int) -> None:
        table = self.table = Joined()
        table.now_us = world.now_us
        seat = self.seat = table.sit("node", stored_bytes_max=stored_kib * KIB, is_relay=True)
        seat.settings = replace(seat.settings, is_relay=False)
        seat.engine = table._engine(seat.settings, seat.store, 7, 0)
        # What a vault draws moves nothing of what links draw.
        half = seat.engine._vault
        half._primitives = replace(half._primitives, entropy=SeededEntropy(99))
        stems = seat.engine._forwarder.stemming.stems
        stems._entropy = stems.paths._entropy = SeededEntropy(98)
        seat.deadline = seat.engine.deadline()
        if vault is not None:
            seat.inbox.append(VaultOpened(vault))
        table.run()
        self.peers = [Stranger(table, "node", number=number) for number in (1, 2)]
        self.told: list[list[Told]] = [[], []]
        self.known: dict[EnvelopeId, None] = {}
        self.has_opened = False

    def gives(self, peer: int, *data: bytes) -> None:
        """A peer brings these."""
        self.known |= dict.fromkeys(decode_envelope(one).id for one in data)
        self.peers[peer].send(*map(Push, data))
        self.note()

    def asks(self, peer: int, *data: bytes) -> None:
        """A peer asks for these, in this order."""
        ids = [decode_envelope(one).id for one in data]
        self.peers[peer].send(IWant(ids=b"".join(ids)))
        self.note()

    def says(self, peer: int, frame: Frame) -> None:
        self.peers[peer].send(frame)
        self.note()

    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.table.pass_time(1)
            for peer in self.peers:
                peer.keep_alive()
            self.note()

    def note(self) -> None:
        """Write down what the peers have heard, without what the node wrote or retired itself."""
        for peer, told in zip(self.peers, self.told, strict=True):
            for frame in peer.heard:
                told += self.seen(frame)
            peer.heard.clear()

    def seen(self, frame: Frame) -> Iterator[Told]:
        about: tuple[bytes, ...] = ()
        match frame:
            case Push(data) | Stem(data):
                about = (decode_envelope(data).id,)
            case IHave(entries, flags):
                kept = [one for one in split_entries(entries) if one[0] in self.known]
                frame = IHave(entries=join_entries(kept), flags=flags)
                about = tuple(one for one, _ in kept)
            case Stubs(entries=stubs):
                about = tuple(decode_stub(stub).id for stub, _ in stubs)
            case Retired(entries=retirements) | StemRetired(entries=retirements):
                about = tuple(one.element for one in split_retirements(retirements))
            case _:
                pass
        is_own = isinstance(frame, Push | Stem | IHave | Retired | StemRetired) and not (
            about and all(one in self.known for one in about)
        )
        if not is_own and not isinstance(frame, Pong):
            yield Told(self.table.now_us, type(frame).__name__, len(encode_frame(frame)), about)


def carries(node: Node, world: World) -> None:
    """Mail and others' come, are given on and asked for, for an hour."""
    others = [envelope(number, key=number % 3) for number in range(6)]
    for mail, other in zip(world.mail, others, strict=False):
        node.gives(0, other)
        node.gives(0, mail)
        node.wait(2)
    node.asks(1, *others, *world.mail)
    node.says(1, Held(held=b"".join(one[:8] for one in node.known), refused=b""))
    node.wait(3_600)
    # By now she has retired what she has read.
    node.asks(1, *others)
    node.wait(5)


def is_flooded(node: Node, world: World) -> None:
    """A flood pushes out what is here; then a key is over its bound."""
    node.gives(0, *world.mail)
    for key in range(10, 18):
        node.gives(0, *(envelope(number, key=key, size_class=3) for number in range(10)))
        node.wait(1)
    copies = [
        envelope(number, key=20, tag=tag, size_class=3)
        if number % 2
        else envelope(number, key=20, size_class=3)
        for number, tag in enumerate(world.tags[:24])
    ]
    node.gives(1, *copies)
    node.wait(60)
    node.asks(1, *world.mail, *copies)
    node.wait(30)


def has_a_scarce_disk(node: Node, world: World) -> None:
    """Little is kept while the disk is nearly full, and is asked for afterwards."""
    for free_bytes in (DISK_SCARCE_BYTES - 1, ROOMY):
        node.seat.inbox.append(DiskMeasured(free_bytes))
        node.table.run()
        node.wait(1)
        node.gives(0, *world.mail, envelope(1))
        node.asks(1, *world.mail, envelope(1))
        node.wait(30)


@pytest.mark.parametrize("script", [carries, is_flooded, has_a_scarce_disk])
def test_peers_hear_the_same_whatever_vault_is_open(
    script: Callable[[Node, World], None], world: World
) -> None:
    heard = {}
    for whose, vault in world.vaults.items():
        node = Node(world, vault, stored_kib=4 * KIB)
        script(node, world)
        heard[whose] = node.told
    assert all(len(told) > 3 for told in heard["none"])
    for peer in (0, 1):
        assert heard["hers"][peer] == heard["none"][peer]
        assert heard["a stranger's"][peer] == heard["none"][peer]


def test_peers_do_not_hear_that_a_vault_is_opened_or_closed(world: World) -> None:
    heard = []
    for is_touched in (False, True):
        node = Node(world, None, stored_kib=4 * KIB)
        node.gives(0, *world.mail, envelope(1))
        node.wait(70)
        vault = world.vaults["hers"]
        assert vault is not None
        if is_touched:
            node.seat.inbox.append(VaultOpened(vault))
        node.table.run()
        node.wait(1_500)
        if is_touched:
            node.seat.inbox.append(VaultClosing())
        node.table.run()
        node.gives(1, envelope(2))
        node.wait(1_500)
        heard.append(node.told)
    assert heard[0] == heard[1]
    assert any(told.kind == "Vouches" for told in heard[0][0])
