"""Behaviours that keep mail from others: they take it, or claim to have it, and give nothing."""

from collections.abc import Callable, Sequence
from typing import Final

from mesh.engine.engine import Engine
from mesh.errors import PeerError
from mesh.ids import Address, EnvelopeId, Instant, LinkId, UnixSeconds
from mesh.limits.anti_entropy import RECONCILE_FRAME_BYTES_MAX
from mesh.replication.negentropy import Reconciliation
from mesh.replication.range_messages import PROTOCOL_VERSION
from mesh.replication.seen_index import SeenIndex
from mesh.replication.seen_sets import key_of
from mesh.wire.envelope import envelope_id_of
from mesh.wire.frames import (
    FLAG_BACKLOG,
    SHORT_ID_BYTES,
    Audit,
    AuditResult,
    Frame,
    Held,
    IHave,
    NegMessage,
    NegOpen,
    Push,
    Root,
    RootEntry,
    Stem,
    Time,
    join_entries,
    rounded_time,
)
from sim.adversaries.behaviour import Behaviour
from sim.hosts.driver_protocol import AnyEngine
from sim.kernel.entropy import Chance, SeededEntropy
from sim.patching import Patch

EQUAL: Final = bytes((PROTOCOL_VERSION,))
"""An answer of a reconciliation that finds no difference."""

LIES_COUNT: Final = 256
"""Ids of nothing that a liar claims to have, anew on each link."""

ANNOUNCED_COUNT: Final = 16
LIE_SECONDS_MAX: Final = 10 * 366 * 86_400
SHIFT_SECONDS: Final = 400 * 86_400
KEYS_COUNT: Final = 16
"""Links that one computer holds with one neighbour, each under another key."""


class BlackHole(Behaviour):
    """Takes everything, says that it has kept it, finds no differences, passes nothing on."""

    def came(self, link: LinkId, frame: Frame, now: Instant) -> None:
        """Soothe."""
        match frame:
            case Push(envelope=envelope) | Stem(envelope=envelope):
                self.say(link, Held(envelope_id_of(envelope)[:SHORT_ID_BYTES], b""))
            case NegOpen(session=session):
                self.say(link, NegMessage(session, EQUAL))
            case NegMessage(session=session, message=message) if message:
                self.say(link, NegMessage(session, EQUAL))
            case _:
                pass


class Sybil(BlackHole):
    """A black hole that is many: every neighbour has links to it under several keys."""

    links_per_target = 4


class Eclipse(BlackHole):
    """Black holes that leave no room for others at the few nodes that they are after."""

    links_per_target = KEYS_COUNT
    victims: Sequence[str] = ()

    def is_target(self, addresses: Sequence[Address]) -> bool:
        """Only the victims are dialled; whoever dials here is taken in."""
        return any(address.host in self.victims for address in addresses)


class TimeLies(BlackHole):
    """Says that it is another year."""

    def lie_seconds(self, chance: Chance) -> int:
        """Years, either way, and never before 1970."""
        return chance.between(-LIE_SECONDS_MAX, LIE_SECONDS_MAX)


class TimeShifts(BlackHole):
    """Says the right time until its link stands, and then that it is another year.

    All of this kind say the same, so that they make a group; and they say it without end.
    """

    def act(self, now: Instant) -> None:
        """Say it on every link."""
        for link in self.links:
            self.say(link, Time(rounded_time(now.unix_seconds + SHIFT_SECONDS), 0))


class LyingDigests(Behaviour):
    """Claims ids of nothing, whatever it is asked, and never gives what it is asked for."""

    def __init__(self, *, chance: Chance, entropy: SeededEntropy, per_second: float) -> None:
        super().__init__(chance=chance, entropy=entropy, per_second=per_second)
        self._lies: dict[LinkId, SeenIndex] = {}

    def opened(self, link: LinkId, now: Instant) -> None:
        """Invent a set."""
        created = UnixSeconds(now.unix_seconds // 10 * 10 - 600)
        keys = [key_of(created, EnvelopeId(self.entropy.draw(32))) for _ in range(LIES_COUNT)]
        self._lies[link] = SeenIndex(keys)

    def closed(self, link: LinkId) -> None:
        """The next set is another one."""
        self._lies.pop(link, None)

    def came(self, link: LinkId, frame: Frame, now: Instant) -> None:
        """Answer from the invented set; what is asked for is never given."""
        match frame:
            case (
                NegOpen(session=session, message=message)
                | NegMessage(session=session, message=message)
            ) if message:
                lies = Reconciliation(self._lies[link], frame_bytes_max=RECONCILE_FRAME_BYTES_MAX)
                try:
                    self.say(link, NegMessage(session, lies.respond(message)))
                except PeerError:
                    self.say(link, NegMessage(session, EQUAL))
            case Audit(session=session):
                total = int.from_bytes(self.entropy.draw(7), "big")
                self.say(link, AuditResult(session, LIES_COUNT, total))
            case _:
                pass

    def act(self, now: Instant) -> None:
        """Announce some of it, and sums of nothing."""
        link = self.a_link()
        if link is None:
            return
        announced = [EnvelopeId(self.entropy.draw(32)) for _ in range(ANNOUNCED_COUNT)]
        flags = FLAG_BACKLOG if self.chance.is_true(0.5) else 0
        self.say(link, IHave(join_entries([(id_, 0) for id_ in announced]), flags))
        ceiling = now.unix_seconds // 60 * 60
        entries = [
            RootEntry(number, ceiling - 3_600, ceiling, LIES_COUNT, self.entropy.draw(16))
            for number in range(3)
        ]
        self.say(link, Root(entries))


def withhold(engine: Engine, is_given: Callable[[EnvelopeId], bool]) -> None:
    """Store and announce like everybody, and give the bodies of some envelopes only."""
    outgoing = engine.replicator.outgoing
    take_bodies = outgoing.take_bodies

    def take_some(link: LinkId, count_max: int) -> list[EnvelopeId]:
        return [id_ for id_ in take_bodies(link, count_max) if is_given(id_)]

    Patch(outgoing, "take_bodies", take_some).of_one()


def swallow_stems(engine: Engine) -> AnyEngine:
    """Keep whatever comes as a stem and tell nobody of it, until others do; else be honest."""
    stems = engine.stemming.stems
    Patch(stems.paths, "goes_on", lambda *item: True).of_one()
    Patch(stems, "_schedule", lambda *item: None).of_one()
    Patch(engine.replicator.outgoing, "pass_on", lambda *item: True).of_one()
    return engine


def drop_half(engine: Engine) -> AnyEngine:
    """Never give the bodies of one half of the ids."""
    withhold(engine, lambda id_: bool(id_[0] % 2))
    return engine
