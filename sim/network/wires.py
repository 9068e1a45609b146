"""Wires: one direction between two nodes, and what happens to each packet on it.

Each decision is keyed by the seed, the wire and the number of the packet on it: so a fault that is
taken away, or a packet that is lost, leaves what happens to all others as it was. A *spell* is a
time in which something is wrong with a wire; which spells a wire has is known when it is made.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sim.kernel.entropy import mix
from sim.schema.delay_laws import DelayLaw, Uniform, delay_us
from sim.schema.wire_tables import BurstTable

RETRANSMIT_US: Final = 200_000
"""Linux's least retransmission timeout, which rules on a fast network."""

RETRANSMIT_MAX_US: Final = 120_000_000
"""Linux's longest: each timeout is twice the one before, up to this."""

RETRANSMISSIONS_MAX: Final = 8
"""By then a loss of one half would have struck once in 256 times in a row."""

SEGMENT_BYTES: Final = 1_460

_HALF: Final = (1 << 32) - 1
_PER_HALF: Final = 2.0**-32
_STEPS: Final = (0x9E3779B97F4A7C15, 0xD1B54A32D192ED03)
"""Odd numbers without a pattern, for the number of a packet and for what is asked of it."""


@dataclass(frozen=True, slots=True)
class Bursts:
    """Losses that come together (Gilbert and Elliott): a wire is good or bad, packet by packet."""

    enters: float
    leaves: float
    loss_in: float = 1
    loss_out: float = 0


def bursts_of(table: BurstTable | None) -> Bursts | None:
    """The same, as a wire knows it."""
    if table is None:
        return None
    return Bursts(table.enters, table.leaves, table.loss_in, table.loss_out)


@dataclass(frozen=True, slots=True)
class StreamRules:
    """The behaviour of the wire. Latency is drawn once for each direction, jitter for each
    chunk.
    """

    latency_min_us: int
    latency_max_us: int
    jitter_us: int
    loss: float
    bytes_per_second: int
    latency: DelayLaw | None = None
    """In the place of the bounds."""
    jitter: DelayLaw | None = None
    bursts: Bursts | None = None
    """Beside the losses that come alone."""
    queue_bytes: int | None = None
    """What waits for the wire beyond this is dropped, and sent again by TCP."""
    is_uplink_shared: bool = False
    """Whether all streams of a node share its bandwidth, or each has it for itself."""
    is_air_shared: bool = False
    """Whether all streams of a network share it; each packet passes an access point there."""
    is_backing_off: bool = False
    """Whether TCP waits twice as long after each vain try, or tries again soon after a heal."""

    def wire_us(self, size: int) -> int:
        """Return how long so many bytes keep the wire busy."""
        return size * (2 if self.is_air_shared else 1) * 1_000_000 // self.bytes_per_second


def next_try_us(written_us: int, now: int) -> int:
    """Return when TCP sends again what was written then, and was lost whenever it was sent."""
    pause = RETRANSMIT_US
    at = written_us + pause
    while at < now:
        pause = min(2 * pause, RETRANSMIT_MAX_US)
        at += pause
    return at


class Spell(NamedTuple):
    """Something that is wrong with a wire for a time."""

    start: int
    end: int
    loss: float = 0
    bursts: Bursts | None = None
    delay: DelayLaw | None = None
    bytes_per_second: float | None = None
    corrupted: float = 0
    truncated: float = 0
    is_held: bool = False


class Passage(NamedTuple):
    """The fate of one chunk."""

    delay_us: int
    retransmissions_count: int
    slow_us: int
    """How long it trickles beyond what the wire takes."""
    not_before: int
    """It is held back until then."""
    changed_bit: int | None
    ends_after: int | None
    """Only so many of its bytes pass, and then the stream ends."""


@dataclass(slots=True)
class Wire:
    """One direction between two nodes, over all streams that run there."""

    rules: StreamRules
    key: int
    spells: Sequence[Spell] = ()
    packets_count: int = 0
    _is_bad: bool = False

    def fraction(self, question: int) -> float:
        """A number in [0, 1) for the current packet and what is asked of it."""
        mixed = mix(self.key + self.packets_count * _STEPS[0] + question * _STEPS[1])
        return (mixed >> 11) * 2.0**-53

    def latency_us(self) -> int:
        """One way, for a new stream."""
        rules = self.rules
        self.packets_count += 1
        law = rules.latency
        if law is None:
            law = Uniform(ms=(rules.latency_min_us / 1_000, rules.latency_max_us / 1_000))
        return delay_us(law, self.fraction(0))

    def pause_us(self, bound: int) -> int:
        """A pause below a bound."""
        self.packets_count += 1
        return int(self.fraction(0) * bound)

    def pass_on(self, size: int, now: int) -> Passage:
        """Return what becomes of a chunk that is written now."""
        rules = self.rules
        self.packets_count += 1
        # One draw decides what every chunk needs: how late it is, and whether it is lost.
        drawn = mix(self.key + self.packets_count * _STEPS[0])
        if rules.jitter is None:
            delay = ((drawn >> 32) * (rules.jitter_us + 1)) >> 32
        else:
            delay = delay_us(rules.jitter, (drawn >> 32) * _PER_HALF)
        first = (drawn & _HALF) * _PER_HALF
        if self.spells:
            spells = [spell for spell in self.spells if spell.start <= now < spell.end]
            if spells:
                return self._pass_on_in_spells(size, delay, first, spells)
        if rules.bursts is None:
            risk = rules.loss
            if size > SEGMENT_BYTES:
                risk = 1 - (1 - risk) ** -(-size // SEGMENT_BYTES)
            if first >= risk:
                return Passage(delay, 0, 0, 0, None, None)
        again = self._retransmissions(size, first, ())
        return Passage(delay + ((1 << again) - 1) * RETRANSMIT_US, again, 0, 0, None, None)

    def _pass_on_in_spells(
        self, size: int, delay: int, first: float, spells: Sequence[Spell]
    ) -> Passage:
        again = self._retransmissions(size, first, spells)
        delay += ((1 << again) - 1) * RETRANSMIT_US
        slow_us, not_before = 0, 0
        changed_bit: int | None = None
        ends_after: int | None = None
        for spell in spells:
            if spell.delay is not None:
                delay += delay_us(spell.delay, self.fraction(1))
            if spell.bytes_per_second is not None:
                slow_us += round(size * 1_000_000 / spell.bytes_per_second)
            if spell.is_held:
                not_before = max(not_before, spell.end)
            if spell.corrupted and self.fraction(2) < spell.corrupted:
                changed_bit = int(self.fraction(3) * size * 8)
            if spell.truncated and self.fraction(4) < spell.truncated:
                ends_after = int(self.fraction(5) * size)
        return Passage(delay, again, slow_us, not_before, changed_bit, ends_after)

    def _retransmissions(self, size: int, first: float, spells: Sequence[Spell]) -> int:
        """Return how often a chunk waits for a packet that was lost; `first` decides of the
        first.
        """
        loss, bursts = self.rules.loss, self.rules.bursts
        for spell in spells:
            loss = 1 - (1 - loss) * (1 - spell.loss)
            bursts = spell.bursts or bursts
        if not loss and bursts is None:
            return 0
        segments = -(-size // SEGMENT_BYTES)
        count = 0
        is_lost = self._is_any_lost(loss, bursts, segments, 100, first)
        while is_lost and count < RETRANSMISSIONS_MAX:
            count += 1
            question = 200 + count * 4
            is_lost = self._is_any_lost(loss, bursts, 1, question, self.fraction(question))
        return count

    def _is_any_lost(
        self, loss: float, bursts: Bursts | None, segments: int, question: int, drawn: float
    ) -> bool:
        is_lost = drawn < 1 - (1 - loss) ** segments
        if bursts is None:
            return is_lost
        for segment in range(segments):
            # Two questions a segment; a chunk has fewer than 64.
            place = 1_000 + question * 128 + segment * 2
            turns = bursts.leaves if self._is_bad else bursts.enters
            if self.fraction(place) < turns:
                self._is_bad = not self._is_bad
            risk = bursts.loss_in if self._is_bad else bursts.loss_out
            is_lost = is_lost or self.fraction(place + 1) < risk
        return is_lost


def wire_key(seed: int, *names: str | int) -> int:
    """Return what tells the decisions of one wire from those of all others."""
    words = "/".join(("line", str(seed), *map(str, names))).encode()
    return int.from_bytes(hashlib.blake2b(words, digest_size=8).digest(), "big")
