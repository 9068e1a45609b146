"""Chains: the keys and tags of one member in one epoch, from who writes and from who reads.

Implements `docs/protocol/group-keys.md`, section "Chains". All who have the seed know the chain of
everybody: only a signature says who wrote. So a number is used up by what stands at its place with
its author's signature, and by nothing else: a reader asks for a key, looks at what opens, and only
then moves on.
"""

from dataclasses import dataclass, field, replace
from typing import Final

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.crypto.hashing import blake2b
from mesh.group.epochs import ChainKeys
from mesh.ids import Tag, UnixSeconds
from mesh.limits.group_keys import (
    CHAIN_KEPT_SECONDS,
    CHAIN_NUMBERS_MAX,
    HELLO_INTERVAL_SECONDS,
    HELLO_SPREAD_SECONDS,
    HELLOS_PER_WEEK,
    PASSED_MAX,
    RECENT_SECONDS,
    SKIPPED_PER_CHAIN_MAX,
    WINDOW_OF_RECENT,
    WINDOWS,
)
from mesh.limits.sessions import TAG_CHAIN_STEP
from mesh.ratchet.tags import tag_key_after, tag_of
from mesh.wire.envelope import SECONDS_PER_DAY

_INDEX_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Place:
    """A number of a chain, with its keys."""

    number: int
    chain: bytes = field(repr=False)
    tag_key: bytes = field(repr=False)

    @property
    def tag(self) -> Tag:
        """The tag of this number."""
        return tag_of(self.tag_key, self.number)

    @property
    def message_key(self) -> bytes:
        """The key that seals one body, the one of this number."""
        return _step(self.chain)[32:]

    @property
    def next(self) -> "Place":
        """The place after it; nothing there leads back here."""
        return self.moved(_step(self.chain)[:32])

    def moved(self, chain: bytes) -> "Place":
        """The place after it, whose chain key was made already."""
        number = self.number + 1
        is_step = number % TAG_CHAIN_STEP == 0
        return Place(number, chain, tag_key_after(self.tag_key) if is_step else self.tag_key)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A number below the next one that has not come."""

    number: int
    tag: Tag
    key: bytes = field(repr=False)
    erase_after: UnixSeconds


@dataclass(frozen=True, slots=True)
class SendingChain:
    """Our own chain in an epoch."""

    place: Place

    @classmethod
    def start(cls, keys: ChainKeys) -> "SendingChain":
        """The chain from its beginning."""
        return cls(Place(0, keys.chain, keys.tag))

    @property
    def is_over(self) -> bool:
        """Say whether all numbers were used: then another epoch is needed."""
        return self.place.number >= CHAIN_NUMBERS_MAX

    def next(self) -> tuple["SendingChain", Place]:
        """The place to write at, and the chain after it."""
        assert not self.is_over
        return SendingChain(self.place.next), self.place


@dataclass(frozen=True, slots=True)
class ReceivingChain:
    """The chain of another member in an epoch.

    `skipped` are the keys of numbers that did not come, the lowest first. `end` is the first
    number that its author will not write, once he has said so.
    """

    place: Place
    skipped: tuple[Skipped, ...] = ()
    end: int | None = None

    @classmethod
    def start(cls, keys: ChainKeys) -> "ReceivingChain":
        """The chain from its beginning."""
        return cls(Place(0, keys.chain, keys.tag))

    @property
    def next(self) -> int:
        """One beyond the highest number that was opened or passed over."""
        return self.place.number

    @property
    def is_done(self) -> bool:
        """Say whether the author wrote all that he will, and nothing of it is missing."""
        return not self.skipped and self.end is not None and self.next >= self.end

    def expected(self, window: int) -> list[tuple[int, Tag]]:
        """All (number, tag) that would be recognised: what is missing below, and the next ones."""
        found = [(one.number, one.tag) for one in self.skipped]
        tag_key = self.place.tag_key
        for number in range(self.next, self._expected_to(window)):
            if number % TAG_CHAIN_STEP == 0 and number != self.next:
                tag_key = tag_key_after(tag_key)
            found.append((number, tag_of(tag_key, number)))
        return found

    def message_key(self, number: int) -> bytes | None:
        """The key of an expected number; None if it was used up, or is erased."""
        if number < self.next:
            return next((one.key for one in self.skipped if one.number == number), None)
        assert number - self.next <= PASSED_MAX
        place = self.place
        while place.number < number:
            place = place.next
        return place.message_key

    def after_opening(self, number: int, expiry_now: UnixSeconds) -> "ReceivingChain":
        """The chain after the body of an expected number was opened, and found to be in order."""
        if number < self.next:
            kept = tuple(one for one in self.skipped if one.number != number)
            return replace(self, skipped=kept)
        passed = self._passed_to(number, expiry_now)
        return replace(passed, place=passed.place.next)

    def standing_at(self, number: int, expiry_now: UnixSeconds) -> "ReceivingChain":
        """The chain after its author said which number is his next: what is below may still come.

        What lies too far ahead changes nothing, since each number costs two hashes.
        """
        if not self.next < number <= min(self.next + PASSED_MAX, CHAIN_NUMBERS_MAX):
            return self
        return self._passed_to(number, expiry_now)

    def ended_at(self, end: int) -> "ReceivingChain":
        """The chain after its author said from which number on he writes no more here.

        He may say it again, lower than before only by deceit: the higher one stands.
        """
        return replace(self, end=end if self.end is None else max(self.end, end))

    def erase(self, expiry_now: UnixSeconds) -> "ReceivingChain":
        """Erase the keys of numbers that can no longer come."""
        kept = tuple(one for one in self.skipped if one.erase_after > expiry_now)
        return self if len(kept) == len(self.skipped) else replace(self, skipped=kept)

    def _expected_to(self, window: int) -> int:
        most = min(self.next + window, CHAIN_NUMBERS_MAX)
        return most if self.end is None else min(most, self.end)

    def _passed_to(self, number: int, expiry_now: UnixSeconds) -> "ReceivingChain":
        place, fresh = self.place, list[Skipped]()
        erase_after = UnixSeconds(expiry_now + CHAIN_KEPT_SECONDS)
        while place.number < number:
            keys = _step(place.chain)
            fresh.append(Skipped(place.number, place.tag, keys[32:], erase_after))
            place = place.moved(keys[:32])
        kept = (*self.skipped, *fresh)[-SKIPPED_PER_CHAIN_MAX:]
        return replace(self, place=place, skipped=kept)


def window_of(members_count: int, *, is_recent: bool) -> int:
    """Return how many numbers are expected of an author beyond the highest opened."""
    if is_recent:
        return WINDOW_OF_RECENT
    return next((most for size, most in WINDOWS if members_count <= size), WINDOWS[-1][1])


def has_written_lately(wrote: UnixSeconds, mesh_now: UnixSeconds) -> bool:
    """Say whether somebody wrote within a day, and may be writing on."""
    return mesh_now - wrote <= RECENT_SECONDS


def week_of(mesh_now: UnixSeconds) -> int:
    """Return the week of a time; they begin on the Thursday on which 1970 did."""
    return mesh_now // SECONDS_PER_DAY // 7


def hello_index(week: int, which: int) -> int:
    """Return the index of a week's first or second hello."""
    assert 0 <= which < HELLOS_PER_WEEK
    return HELLOS_PER_WEEK * week + which


def hello_tags(hello_key: bytes, mesh_now: UnixSeconds) -> list[tuple[int, Tag]]:
    """All (index, tag) of the hellos of this week and of the last."""
    week = week_of(mesh_now)
    return [
        (index, tag_of(hello_key, index))
        for index in range(HELLOS_PER_WEEK * max(0, week - 1), HELLOS_PER_WEEK * (week + 1))
    ]


def next_hello(wrote: UnixSeconds, entropy: Entropy) -> UnixSeconds:
    """Return when a hello is due, in mesh time: a week after one wrote, a day more or less."""
    spread = uniform_below(entropy, 2 * HELLO_SPREAD_SECONDS + 1) - HELLO_SPREAD_SECONDS
    return UnixSeconds(wrote + HELLO_INTERVAL_SECONDS + spread)


def hello_message_key(hello_key: bytes, index: int) -> bytes:
    """The key that seals the hello of an index."""
    return blake2b(hello_key, index.to_bytes(_INDEX_BYTES, "big"), b"mesh/grp/hmk", 32)


def _step(chain: bytes) -> bytes:
    """The next chain key, and behind it the message key."""
    return blake2b(chain, b"", b"mesh/grp/step", 64)
