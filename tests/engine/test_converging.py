"""Nodes that exchange bodies, stubs and tokens over bad links end up with the same set."""

import contextlib
import hashlib
from dataclasses import dataclass, field
from functools import cache

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mesh.crypto.hashing import blake2b_128
from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import is_signature_valid, verify_key_of
from mesh.database import Connection
from mesh.engine.counters import Counters
from mesh.engine.forwarding.forwarder import Authors, Forwarder
from mesh.engine.settings import EngineSettings, Primitives
from mesh.errors import PeerError
from mesh.ids import EnvelopeId, Instant, LinkId, LinkKey, Monotonic, PostingKey, Tag, UnixSeconds
from mesh.limits.replication import ROUND_TRIP_FIRST_MS
from mesh.posting.stamp import NO_STAMP, mint, proof_bits
from mesh.storage.connection import connect, transaction
from mesh.storage.migrations import migrate_store
from mesh.trust.distance import Depth
from mesh.wire.envelope import (
    SECONDS_PER_DAY,
    Envelope,
    Header,
    StampedKey,
    body_bytes,
    sign_envelope,
)
from mesh.wire.frames import (
    FLAG_BACKLOG,
    Frame,
    IHave,
    IWant,
    Push,
    Retired,
    Stem,
    StemRetired,
    Stubs,
    decode_frame,
    encode_frame,
    join_entries,
)
from mesh.wire.parameters import MeshParameters
from mesh.wire.retirement import RETIREMENT_SIZE_CLASS, Retirement, join_retirements
from tests.entropy import SeededEntropy

NOW = UnixSeconds(1_800_000_000)
QUOTA = 6
MESH = MeshParameters(name="test", stamp_bits=0, key_quota=QUOTA, psk=bytes(32))
SEED = bytes(range(32))
RELAY_DELAY_MS_MAX = 2_000
NODES = 3


def token(number: int, kind: str) -> bytes:
    return hashlib.shake_128(f"{number} {kind}".encode()).digest(16)


def make(number: int, stamp: bytes = NO_STAMP) -> Envelope:
    header = Header(
        size_class=0,
        lifetime_class=1,
        created=UnixSeconds(NOW - number % 3 * 10),
        tag=Tag(number.to_bytes(16, "big")),
        read_hash=blake2b_128(token(number, "read")),
        withdraw_hash=blake2b_128(token(number, "withdraw")),
        posting_key=PostingKey(verify_key_of(SEED)),
        stamp=stamp,
    )
    return sign_envelope(header, bytes(body_bytes(0)), SEED)


def stamp_worth(bits: int) -> bytes:
    """A stamp of so many bits, and no more."""
    key, day = PostingKey(verify_key_of(SEED)), NOW // SECONDS_PER_DAY
    starts = (start.to_bytes(8, "big") for start in range(1_000))
    stamps = (mint(key, day, bits, start) for start in starts)
    return next(one for one in stamps if proof_bits(StampedKey(key, day, one[:8])) == bits)


ENVELOPES = [make(number) for number in range(QUOTA + 3)]
STAMPED_MESH = MeshParameters(name="test", stamp_bits=1, psk=bytes(32))
ADMITTED = (2, 4)
"""By two stamps of one key, together as many as the quota; of each more are made."""


@cache
def stamps() -> tuple[bytes, bytes]:
    """Two of one key, which take seconds: whoever only collects this file is spared them."""
    return stamp_worth(1), stamp_worth(2)


@cache
def stamped_envelopes() -> list[Envelope]:
    """Half of them under each stamp."""
    return [make(number, stamps()[number % 2]) for number in range(QUOTA + 3)]


@dataclass
class Node:
    """One node's carrying over a store that outlives it."""

    number: int
    mesh: MeshParameters = MESH
    connection: Connection = field(init=False)
    forwarder: Forwarder = field(init=False)

    def __post_init__(self) -> None:
        self.connection = connect(None, None)
        migrate_store(self.connection)

    def start(self, now: Instant, seed: int) -> None:
        self.forwarder = Forwarder(
            connection=self.connection,
            settings=EngineSettings(
                parameters=self.mesh,
                stored_bytes_max=1 << 30,
                relay_delay_ms_max=RELAY_DELAY_MS_MAX,
            ),
            authors=Authors(
                depth_of=lambda posting_key, day: Depth.STRANGER,
                sponsors_of=lambda posting_key, day: (),
                is_ours=lambda envelope_id, tag, is_new: False,
            ),
            primitives=Primitives(SeededEntropy(seed), PycaKem(), is_signature_valid),
            counters=Counters(),
            now=now,
        )

    def link_up(
        self, link: int, now: Instant, *, is_dialled_by_us: bool, passes_stems: bool = True
    ) -> None:
        self.forwarder.link_up(
            LinkId(link),
            now,
            host=f"node {link}",
            link_key=LinkKey(bytes([link]) * 32),
            is_dialled_by_us=is_dialled_by_us,
            round_trip_ms=ROUND_TRIP_FIRST_MS,
            passes_stems=passes_stems,
        )

    def known(self) -> dict[EnvelopeId, tuple[bytes, ...]]:
        """All ids in the store, each with its tokens."""
        tokens: dict[EnvelopeId, tuple[bytes, ...]] = {
            row.id: () for row in self.forwarder.store.index_rows()
        }
        for envelope, one in self.forwarder.store.retirements():
            tokens[envelope] = (*tokens[envelope], one)
        return dict(sorted(tokens.items()))

    def listed(self) -> list[EnvelopeId]:
        return self.forwarder.replicator.sets.ids()


class Converging(RuleBasedStateMachine):
    """Three nodes, each joined to the others."""

    mesh = MESH
    envelopes = ENVELOPES

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = 0
        self.seed = 1
        self.nodes = [Node(number, self.mesh) for number in range(NODES)]
        # Frames on their way, by sender and receiver; a link's id is the other node's number.
        self.wires: dict[tuple[int, int], list[bytes]] = {}
        self.made: set[int] = set()
        self.retired: set[tuple[int, str]] = set()

    @property
    def now(self) -> Instant:
        return Instant(Monotonic(self.now_ms * 1000), NOW * 1_000_000 + self.now_ms * 1000, NOW)

    @initialize()
    def start(self) -> None:
        for node in self.nodes:
            node.start(self.now, node.number)
        for left in range(NODES):
            for right in range(left):
                self.link_up(left, right)

    @rule(node=st.integers(0, NODES - 1), number=st.integers(0, len(ENVELOPES) - 1))
    def publish(self, node: int, number: int) -> None:
        """Its author is anywhere, and posts it again after a crash."""
        self.made.add(number)
        self.nodes[node].forwarder.intake.publish([self.envelopes[number]], self.now)
        self.settle(node)

    @rule(
        node=st.integers(0, NODES - 1),
        number=st.integers(0, len(ENVELOPES) - 1),
        kind=st.sampled_from(["read", "withdraw"]),
    )
    def retire(self, node: int, number: int, kind: str) -> None:
        retirement = Retirement(self.envelopes[number].id, token(number, kind))
        forwarder = self.nodes[node].forwarder
        forwarder.retirements.ours([retirement], self.now)
        self.settle(node)
        if forwarder.take_retired():
            self.retired.add((number, kind))

    @rule(
        receiver=st.integers(0, NODES - 1),
        number=st.integers(0, len(ENVELOPES) - 1),
        as_stub=st.booleans(),
    )
    def forge(self, receiver: int, number: int, as_stub: bool) -> None:
        """A peer tells of a token that is none; an unknown id is nobody's fault, and an envelope on
        its stem is answered like one.
        """
        node, link = self.nodes[receiver], LinkId((receiver + 1) % NODES)
        before = node.known(), node.listed()
        is_known = self.envelopes[number].id in node.forwarder.replicator.sets
        if as_stub and not is_known:
            # Nobody asked for it: it is passed over.
            return
        false = Retirement(self.envelopes[number].id, bytes(16))
        try:
            if as_stub:
                stubs = Stubs([(self.envelopes[number].stub, bytes(16))])
                node.forwarder.intake.stubs_came(link, stubs, self.now)
            else:
                retired = Retired(join_retirements([false]))
                node.forwarder.retirements.came(link, retired, self.now)
        except PeerError:
            assert is_known
        else:
            assert not is_known
        self.settle(receiver)
        assert (node.known(), node.listed())[0] == before[0]

    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        """Some frame arrives, perhaps twice or never; frames of one link keep no order."""
        busy = [wire for wire, frames in self.wires.items() if frames]
        if not busy:
            return
        wire = data.draw(st.sampled_from(busy))
        frames = self.wires[wire]
        place = data.draw(st.integers(0, len(frames) - 1))
        times = data.draw(st.sampled_from([1, 1, 1, 2, 0]))
        frame = frames.pop(place)
        for _ in range(times):
            self.receive(*wire, frame)

    @rule(left=st.integers(0, NODES - 1), right=st.integers(0, NODES - 1))
    def reconnect(self, left: int, right: int) -> None:
        if left != right:
            self.link_down(left, right)
            self.link_up(left, right)

    @rule(number=st.integers(0, NODES - 1))
    def restart(self, number: int) -> None:
        """Forget what was held back, and keep what was committed."""
        before = self.nodes[number].known()
        for other in range(NODES):
            if other != number:
                self.link_down(number, other)
        self.seed += 1
        self.nodes[number].start(self.now, 100 * self.seed)
        assert self.nodes[number].known() == before
        for other in range(NODES):
            if other != number:
                self.link_up(number, other)

    @rule(number=st.integers(0, NODES - 1), which=st.integers(0, len(ENVELOPES) - 1))
    def drop_unseen(self, number: int, which: int) -> None:
        """A body is lost from a store while the node is down: only the stub is left."""
        node = self.nodes[number]
        with transaction(node.connection):
            node.forwarder.store.drop_bodies([self.envelopes[which].id])
        self.restart(number)

    @rule(pause_ms=st.integers(1, 4_000))
    def wait(self, pause_ms: int) -> None:
        self.now_ms += pause_ms
        for number in range(NODES):
            self.settle(number)

    @invariant()
    def no_retired_body_is_kept_and_no_false_token(self) -> None:
        for node in self.nodes:
            if not hasattr(node, "forwarder"):
                return
            known = node.known()
            for number, envelope in enumerate(self.envelopes):
                tokens = known.get(envelope.id, ())
                kinds = [kind for kind in ("read", "withdraw") if token(number, kind) in tokens]
                assert len(kinds) == len(tokens), "only tokens that the header names"
                assert all((number, kind) in self.retired for kind in kinds)
                if tokens:
                    assert node.forwarder.store.envelope_bytes(envelope.id) is None
            elements = sum(len(tokens) for tokens in known.values())
            stems = node.forwarder.stemming._elements
            assert not any(id_ in node.forwarder.replicator.sets for id_ in stems)
            listed = len(known) + elements - len(stems)
            assert len(node.forwarder.replicator.sets) == listed
            assert elements == len(node.forwarder._retiring)

    def teardown(self) -> None:
        """Everything is told again over good links: all sets are equal then."""
        for _ in range(4):
            for left in range(NODES):
                for right in range(left):
                    self.reconnect(left, right)
            self.drain()
        sets = [node.known() for node in self.nodes]
        assert sets[0] == sets[1] == sets[2]
        lists = [node.listed() for node in self.nodes]
        assert lists[0] == lists[1] == lists[2]
        lowest = self.lowest([self.envelopes[number] for number in sorted(self.made)])
        assert list(sets[0]) == lowest
        for number, kind in self.retired:
            tokens = sets[0].get(self.envelopes[number].id)
            # What was pushed out may have come again after its retirement had gone with it.
            assert tokens is None or len(self.made) > len(lowest) or token(number, kind) in tokens
        for node in self.nodes:
            node.connection.close()

    # --- Below ------------------------------------------------------------------------------

    def lowest(self, made: list[Envelope]) -> list[EnvelopeId]:
        """The ids that the rules of the mesh keep of these."""
        return sorted(one.id for one in made)[:QUOTA]

    def drain(self) -> None:
        for _ in range(40):
            while any(self.wires.values()):
                for wire in list(self.wires):
                    frames, self.wires[wire] = self.wires[wire], []
                    for frame in frames:
                        self.receive(*wire, frame)
            self.wait(500)

    def receive(self, sender: int, receiver: int, data: bytes) -> None:
        frame = decode_frame(data)
        assert frame is not None
        node, link = self.nodes[receiver], LinkId(sender)
        # A frame that came twice, or late, may be out of place; the link would end.
        with contextlib.suppress(PeerError):
            match frame:
                case Push() | Stem():
                    node.forwarder.intake.pushed(link, frame, self.now)
                case Stubs():
                    node.forwarder.intake.stubs_came(link, frame, self.now)
                case Retired():
                    node.forwarder.retirements.came(link, frame, self.now)
                case StemRetired():
                    node.forwarder.retirements.stem_came(link, frame, self.now)
                case IHave():
                    node.forwarder.stemming.announced(link, frame, self.now)
                    node.forwarder.replicator.received(link, frame, self.now)
                case _:
                    node.forwarder.replicator.received(link, frame, self.now)
        self.settle(receiver)

    def settle(self, number: int) -> None:
        """Do what an engine does at the end of a batch."""
        forwarder = self.nodes[number].forwarder
        forwarder.tend(is_clock_steady=False, now=self.now)
        forwarder.commit(NOW, first_messages=[])
        forwarder.note_answers(self.now)
        forwarder.held_acks.take(lambda link: True, self.now)
        self.send(number, forwarder.replicator.take_frames(self.now))
        self.send(number, list(forwarder.stemming.retirement_stems.take_frames()))
        for link in list(forwarder.replicator._links):
            frames = forwarder.body_sender.frames(forwarder.replicator.outgoing, link, 1 << 20)
            self.send(number, [(link, frame) for frame in frames])
        self.send(number, forwarder.replicator.take_frames(self.now))

    def send(self, sender: int, frames: list[tuple[LinkId, Frame]]) -> None:
        for link, frame in frames:
            wire = self.wires.get((sender, int(link)))
            if wire is not None:
                wire.append(encode_frame(frame))

    def link_up(self, left: int, right: int) -> None:
        for near, far in ((left, right), (right, left)):
            self.wires[near, far] = []
        for near, far in ((left, right), (right, left)):
            self.nodes[near].link_up(far, self.now, is_dialled_by_us=near == left)
            self.settle(near)

    def link_down(self, left: int, right: int) -> None:
        for near, far in ((left, right), (right, left)):
            self.wires.pop((near, far), None)
            self.nodes[near].forwarder.link_down(LinkId(far), self.now)


class ConvergingByStamps(Converging):
    """The same where envelopes of one key bear a small stamp and a larger one."""

    mesh = STAMPED_MESH

    def __init__(self) -> None:
        super().__init__()
        self.envelopes = stamped_envelopes()

    def lowest(self, made: list[Envelope]) -> list[EnvelopeId]:
        kept: list[EnvelopeId] = []
        for stamp, admitted in zip(stamps(), ADMITTED, strict=True):
            kept += sorted(one.id for one in made if one.header.stamp == stamp)[:admitted]
        return sorted(kept)


TestConverging = Converging.TestCase
TestConvergingByStamps = ConvergingByStamps.TestCase
TestConvergingByStamps.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)


def alone() -> tuple[Node, Instant]:
    node, now = Node(0), Instant(Monotonic(0), NOW * 1_000_000)
    node.start(now, 1)
    return node, now


def commit(node: Node) -> None:
    node.forwarder.commit(NOW, first_messages=[])


def test_a_retirement_goes_with_an_envelope_that_is_pushed_out() -> None:
    node, now = alone()
    node.link_up(9, now, is_dialled_by_us=False, passes_stems=False)
    ordered = sorted(ENVELOPES, key=lambda one: one.id)
    lowest, *others = ordered[: QUOTA + 1]
    highest = others[-1]
    node.forwarder.intake.publish(others, now)
    highest_token = token(ENVELOPES.index(highest), "read")
    node.forwarder.retirements.ours([Retirement(highest.id, highest_token)], now)
    commit(node)
    assert node.known()[highest.id] == (highest_token,)
    assert len(node.listed()) == QUOTA + 1
    node.forwarder.intake.publish([lowest], now)
    commit(node)
    assert node.known() == {one.id: () for one in ordered[:QUOTA]}
    assert len(node.listed()) == QUOTA
    node.start(now, 2)
    assert len(node.listed()) == QUOTA


def test_a_retirement_that_came_before_its_envelope_is_never_asked_for() -> None:
    node, now = alone()
    link, envelope = LinkId(1), ENVELOPES[0]
    forwarder = node.forwarder
    replicator = forwarder.replicator
    replicator.link_up(link, now, is_dialled_by_us=False)
    retirement = Retirement(envelope.id, token(0, "read"))
    told = IHave(join_entries([(retirement.element, RETIREMENT_SIZE_CLASS)]), FLAG_BACKLOG)
    replicator.received(link, told, now)
    assert [IWant(retirement.element)] == [one for _, one in replicator.take_frames(now)]
    forwarder.retirements.came(link, Retired(join_retirements([retirement])), now)
    replicator.received(link, told, now)
    listed = IHave(join_entries([(envelope.id, envelope.header.size_class)]), FLAG_BACKLOG)
    replicator.received(link, listed, now)
    assert [IWant(envelope.id)] == [one for _, one in replicator.take_frames(now)]
    forwarder.intake.stubs_came(link, Stubs([(envelope.stub, b"")]), now)
    replicator.received(link, told, now)
    assert replicator.take_frames(now) == [], "nothing is asked for or compared"
    later = Instant(Monotonic(now.monotonic + 2_000 * RELAY_DELAY_MS_MAX), now.wall)
    forwarder.tend(is_clock_steady=False, now=later)
    assert retirement.element in replicator.sets
    assert not replicator.outgoing.has_more(link), "they have told it"
