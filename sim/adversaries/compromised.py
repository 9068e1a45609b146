"""A host that somebody has taken over: the real engine over the real vault, for other ends.

It proves to its contacts that it is one of them, as before, and has the seeds by which they know
what it writes. To them it vouches for keys that it invents, as many as they take, and it writes
junk without end: under its own key, under those that it names as its contacts', under those that
it names as further away, and under keys of which nobody has heard. So it presses into every share
that a store has for anybody. If it is *withholding* it also gives on nothing that others wrote.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mesh.crypto.signing import SEED_BYTES, verify_key_of
from mesh.database import Connection
from mesh.effects import Effect
from mesh.engine.engine import Engine
from mesh.engine.parts.vouching import VouchExchange
from mesh.ids import EnvelopeId, Instant, Monotonic, PostingKey, UnixSeconds
from mesh.inputs import Input
from mesh.limits.trust import FAR_PER_CONTACT_DAY_MAX, VOUCHED_PER_CONTACT_DAY_MAX
from mesh.messenger.messenger import Messenger
from mesh.trust.distance import vouch_hash
from mesh.wire.envelope import SECONDS_PER_DAY
from mesh.wire.posting_key_lists import VouchedDay
from sim.adversaries.floods import invented
from sim.adversaries.withholding import withhold
from sim.hosts.driver_protocol import AnyEngine, Injection
from sim.kernel.entropy import Chance, SeededEntropy
from sim.patching import Patch


@dataclass(frozen=True, slots=True)
class Orders:
    """The orders of those who have taken over a host."""

    size_class: int
    """Of the junk."""

    per_second: float
    is_withholding: bool = False


@dataclass(frozen=True, slots=True)
class Invented:
    """Keys that nobody has, as an insider names them to its contacts."""

    vouched: tuple[bytes, ...]
    far: tuple[bytes, ...]

    def named(self, day: int) -> VouchedDay:
        """All of them, for a day."""
        return VouchedDay(day, _hashes(self.vouched, day), _hashes(self.far, day))


class CompromisedEngine:
    """Such an engine: it is driven as before, and writes junk besides."""

    def __init__(
        self, engine: Engine, orders: Orders, *, entropy: SeededEntropy, chance: Chance
    ) -> None:
        self._engine = engine
        self._entropy = entropy
        self._chance = chance
        self._size_class = orders.size_class
        self._pause_us = max(1, round(1_000_000 / orders.per_second))
        self._writes_at: Monotonic | None = None
        self._invented = Invented(
            _seeds(entropy, VOUCHED_PER_CONTACT_DAY_MAX), _seeds(entropy, FAR_PER_CONTACT_DAY_MAX)
        )
        self._junk: dict[EnvelopeId, None] = {}
        if orders.is_withholding:
            withhold(engine, self._junk.__contains__)
        self._recommend(engine._vouches)

    def handle(self, batch: Sequence[Input], now: Instant, /) -> list[Effect]:
        """Return what the engine wants done, with the junk that it was time for."""
        if self._writes_at is None:
            self._writes_at = Monotonic(now.monotonic + self._chance.below(self._pause_us))
        while self._writes_at <= now.monotonic:
            self._writes_at = Monotonic(self._writes_at + self._pause_us)
            self._write(now)
        return self._engine.handle(batch, now)

    def deadline(self) -> Monotonic | None:
        """Return when the engine wants to be called, or more junk is due."""
        due = [at for at in (self._engine.deadline(), self._writes_at) if at is not None]
        return min(due, default=None)

    def _recommend(self, vouches: VouchExchange) -> None:
        """Vouch to every contact for keys that are nobody's."""

        def use_vault(messenger: Messenger, vault: Connection, now: Instant) -> None:
            # Told as often as anybody may; what they say themselves is of no interest.
            vouches._vouching.take_came()
            named = [self._invented.named(now.mesh // SECONDS_PER_DAY)]
            vouches._vouching.use_lists(lambda contact: named, now)

        Patch(vouches, "use_vault", use_vault).of_one()

    def _write(self, now: Instant) -> None:
        created = UnixSeconds(now.unix_seconds)
        junk = invented(
            self._entropy,
            self._seed(created // SECONDS_PER_DAY),
            created,
            size_class=self._size_class,
        )
        self._junk[junk.id] = None
        now = self._engine._clock.at(now)
        self._engine._forwarder.intake.publish([junk], now)

    def _seed(self, day: int) -> bytes:
        """Of a key at one of four distances, drawn."""
        nobodys = self._entropy.draw(SEED_BYTES)
        own = _own_seed(self._engine._vault.messenger, day) or nobodys
        pick = self._chance.pick
        return pick((own, pick(self._invented.vouched), pick(self._invented.far), nobodys))


def compromise(orders: Orders, node: int, *, seed: int) -> Injection:
    """Return what makes one of an engine that starts."""

    def inject(engine: Engine) -> AnyEngine:
        return CompromisedEngine(
            engine,
            orders,
            entropy=SeededEntropy(seed, "insider", node),
            chance=Chance(seed, "insider", node),
        )

    return inject


def _own_seed(messenger: Messenger | None, day: int) -> bytes | None:
    """Of the key by which contacts know today's mail of the user whose host it was."""
    if messenger is None:
        return None
    told = messenger.parts.posting_keys.to_tell(day)
    return next((signer.seed for of_day, signer in told if of_day == day), None)


def _seeds(entropy: SeededEntropy, count: int) -> tuple[bytes, ...]:
    return tuple(entropy.draw(SEED_BYTES) for _ in range(count))


def _hashes(seeds: Sequence[bytes], day: int) -> tuple[int, ...]:
    return tuple(sorted(vouch_hash(PostingKey(verify_key_of(seed)), day) for seed in seeds))
