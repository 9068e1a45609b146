"""The check that what peers see of a node does not depend on its vault (S21), by running it thrice.

Beside each life of a node run two *shadows*: engines over copies of its store, with a copy of its
chance, of which one has a stranger's vault and the other none. Links, discovery and clocks give
them the same at the same instants, and they are called otherwise only when they wish it. Of the
node itself they are given nothing but the envelopes and retirements that it tells the mesh, as
they leave its vault: so what it writes and opens is no difference. All else that they send, to
whom, in which order, of which length and when, has to be what the node sends. What they want done
goes nowhere.

The vault draws from a stream of its own there, or the shadows would draw other numbers for their
links. A batch takes all three the same time: how long a vault keeps a machine busy is not seen.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Final

import mesh.link.link as link_module
from mesh.commands.status import AskStatus
from mesh.crypto.entropy import Entropy
from mesh.database import Connection
from mesh.effects import Announce, Dial, Disconnect, Effect, SendBytes
from mesh.engine.engine import Engine
from mesh.engine.vault_half import VaultHalf
from mesh.ids import Instant, Monotonic
from mesh.inputs import Asked, Input, StampMinted, VaultClosing, VaultOpened
from mesh.wire.envelope import Envelope
from mesh.wire.frames import Frame, Vouches, Who
from mesh.wire.retirement import Retirement
from sim.hosts.databases import MemoryDatabase
from sim.hosts.driver_protocol import AnyEngine, Injection
from sim.invariants.begun_anew import half_of
from sim.invariants.invariants import S21, BrokenInvariant
from sim.invariants.purity_guards import PURITY_GUARDS
from sim.patching import Patch, patched

_SEALED: Final = (Who, Vouches)
"""Frames of one length that go over every link, whose contents only contacts can read: the vault
decides what is in them."""

Make = Callable[[Entropy, Connection, Instant], Engine]


@dataclass(slots=True)
class Shadowing:
    """The shadows of all lives of one node, and how much was compared."""

    node: int
    entropy: Entropy
    """Of everything in the node but its vault."""

    stranger: MemoryDatabase
    strangers_entropy: Entropy
    frames_count: int = 0

    def boot(
        self,
        make: Make,
        connection: Connection,
        store: MemoryDatabase,
        now: Instant,
        *,
        vault_entropy: Entropy,
        injected: Injection,
    ) -> tuple[Engine, AnyEngine]:
        """The engine of a new life, and what drives it with its shadows."""
        shadows = [
            _Shadow(words, vault, make(deepcopy(self.entropy), store.copy(), now))
            for words, vault in (("a stranger's", self.stranger.copy()), ("no", None))
        ]
        for shadow in shadows:
            _draw_apart(shadow.half, self.strangers_entropy)
        engine = make(self.entropy, connection, now)
        _draw_apart(half_of(engine), vault_entropy)
        return engine, Shadowed(self, injected(engine), _Told.by(half_of(engine)), shadows)


@dataclass(slots=True)
class _Told:
    """Envelopes and retirements that left a vault in one batch."""

    envelopes: list[Envelope] = field(default_factory=list)
    retirements: list[Retirement] = field(default_factory=list)

    @classmethod
    def by(cls, half: VaultHalf) -> "_Told":
        """Note from now on what this one takes from its vault."""
        told = cls()
        unposted, due = half.take_unposted, half.take_retirements

        def take_unposted(now: Instant) -> list[Envelope]:
            told.envelopes = unposted(now)
            return told.envelopes

        def take_retirements(now: Instant) -> list[Retirement]:
            told.retirements = due(now)
            return told.retirements

        Patch(half, "take_unposted", take_unposted).of_one()
        Patch(half, "take_retirements", take_retirements).of_one()
        return told

    @property
    def is_empty(self) -> bool:
        return not (self.envelopes or self.retirements)

    def clear(self) -> None:
        """A batch begins."""
        self.envelopes, self.retirements = [], []


class _Shadow:
    """One engine that nobody hears."""

    def __init__(self, words: str, vault: Connection | None, engine: Engine) -> None:
        self.words = words
        self.engine = engine
        self.half = half_of(engine)
        self._vault = vault
        self._given = _Told()
        # A driver begins with a batch in any case.
        self._has_begun = False
        own = _Told.by(self.half)
        unposted, due, left = self.half.take_unposted, self.half.take_retirements, self.half.left
        is_other_time = self.half.is_other_time

        def take_unposted(now: Instant) -> list[Envelope]:
            unposted(now)
            return self._given.envelopes

        def take_retirements(now: Instant) -> list[Retirement]:
            due(now)
            return self._given.retirements

        def its_own_left(_: Sequence[Envelope], __: Sequence[Retirement]) -> None:
            # Of what a stranger writes nobody hears; it is out of the way for them.
            left(own.envelopes, own.retirements)

        Patch(self.half, "take_unposted", take_unposted).of_one()
        Patch(self.half, "take_retirements", take_retirements).of_one()

        def is_time(now: Instant) -> bool:
            # What leaves the node's vault was due there: that batch is no quiet one.
            return is_other_time(now) or not self._given.is_empty

        Patch(self.half, "left", its_own_left).of_one()
        Patch(self.half, "is_other_time", is_time).of_one()

    def follow(self, batch: Sequence[Input], given: _Told, now: Instant) -> "_Seen":
        """Do the same, as far as it concerns this one at all."""
        own = [mine for one in batch for mine in self._as_mine(one)]
        deadline = self.engine.deadline()
        is_due = deadline is not None and deadline <= now.monotonic
        if self._has_begun and not (own or is_due) and given.is_empty:
            return _Seen()
        self._has_begun = True
        self._given = given
        return _Seen.of(self.engine, own, now)

    def _as_mine(self, happened: Input) -> list[Input]:
        """The same as it happens to this one: its person is another one, or away."""
        match happened:
            case VaultOpened():
                return [] if self._vault is None else [VaultOpened(self._vault)]
            case VaultClosing():
                return [] if self._vault is None else [happened]
            case StampMinted():
                return []
            case Asked(_, command):
                is_of_node = isinstance(command, AskStatus) or _is_without_vault(
                    self.engine, happened
                )
                return [happened] if is_of_node else []
            case _:
                return [happened]


@dataclass(slots=True)
class _Seen:
    """The effects of a batch, and the frames that it queued."""

    effects: list[Effect] = field(default_factory=list)
    frames: list[tuple[str, int, bytes]] = field(default_factory=list)

    @classmethod
    def of(cls, engine: AnyEngine, batch: Sequence[Input], now: Instant) -> "_Seen":
        """Let an engine handle a batch."""
        seen = cls()
        encode: Callable[[Frame], bytes] = vars(link_module)["encode_frame"]

        def noted(frame: Frame) -> bytes:
            data = encode(frame)
            is_sealed = isinstance(frame, _SEALED)
            seen.frames.append((type(frame).__name__, len(data), b"" if is_sealed else data))
            return data

        with patched(Patch(link_module, "encode_frame", noted)):
            seen.effects = engine.handle(batch, now)
        return seen

    def words(self) -> list[str]:
        """All of it, in order, in words that are equal if nobody can tell one from the other."""
        queued = [
            f"{kind} of {length} bytes" + (f" ({_named(data)})" if data else "")
            for kind, length, data in self.frames
        ]
        return queued + [word for effect in self.effects for word in _words_of(effect)]


class Shadowed:
    """A node's engine with its shadows beside it."""

    def __init__(
        self, shadowing: Shadowing, driven: AnyEngine, told: _Told, shadows: Sequence[_Shadow]
    ) -> None:
        self._shadowing = shadowing
        self._driven = driven
        self._told = told
        self._shadows = shadows

    def handle(self, batch: Sequence[Input], now: Instant, /) -> list[Effect]:
        """Return what the node's engine wants done; S21 if a shadow wants peers to see another."""
        seen, told = _Seen(), _Told()
        # A batch that is over early takes nothing.
        self._told.clear()
        deadline = self._driven.deadline()
        if batch or (deadline is not None and deadline <= now.monotonic):
            seen = _Seen.of(self._driven, batch, now)
            told = self._told
        self._shadowing.frames_count += len(seen.frames)
        PURITY_GUARDS.is_double = True
        try:
            for shadow in self._shadows:
                self._compare(seen, shadow, shadow.follow(batch, told, now))
        finally:
            PURITY_GUARDS.is_double = False
        return seen.effects

    def deadline(self) -> Monotonic | None:
        """Return when the first of the three wants to be called."""
        driven = [self._driven, *(shadow.engine for shadow in self._shadows)]
        wanted = [at for one in driven if (at := one.deadline()) is not None]
        return min(wanted, default=None)

    def _compare(self, seen: _Seen, shadow: _Shadow, other: _Seen) -> None:
        ours, theirs = seen.words(), other.words()
        if ours != theirs:
            pairs = zip(ours, theirs, strict=False)
            place = next(
                (place for place, (one, another) in enumerate(pairs) if one != another),
                min(len(ours), len(theirs)),
            )
            detail = (
                f"with its own vault it wants {_said(ours, place)}, "
                f"with {shadow.words} vault {_said(theirs, place)}"
            )
            raise BrokenInvariant(S21, detail, self._shadowing.node)


def _draw_apart(half: VaultHalf, entropy: Entropy) -> None:
    """Let a vault draw from a stream of its own."""
    primitives = vars(half)["_primitives"]
    Patch(half, "_primitives", replace(primitives, entropy=entropy)).of_one()


def _is_without_vault(engine: Engine, asked: Asked) -> bool:
    return vars(engine)["_parts"].find_answering(asked.command) is not None


def _words_of(effect: Effect) -> list[str]:
    match effect:
        case SendBytes(link, data):
            return [f"{len(data)} bytes over link {link}"]
        case Disconnect(link):
            return [f"the end of link {link}"]
        case Dial(_, address):
            return [f"a dial of {address.host} {address.port}"]
        case Announce():
            return [f"to be announced as {effect}"]
        case _:
            return []


def _named(data: bytes) -> str:
    return blake2b(data, digest_size=8).hexdigest()


def _said(words: Sequence[str], place: int) -> str:
    return words[place] if place < len(words) else "nothing more"
