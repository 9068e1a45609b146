"""Tags: how a recipient recognises mail, and nobody else does.

Implements `docs/protocol/session.md`, section "Tags". Every tag has a key K and an index i; the
same pair gives the key that opens the outside of the body. A *chain* of tag keys runs in each
direction of a pair, one key for 64 messages. The receiver expects the next 256 indices beyond the
highest that he opened, and all unopened ones below; a sender only counts. A post-quantum step of
the session begins a new chain, a *generation*; the former one ends where its sender says.
"""

from dataclasses import dataclass, field, replace
from typing import Final

from mesh.crypto.hashing import blake2b, blake2s_128
from mesh.ids import Tag, UnixSeconds
from mesh.limits.sessions import TAG_CHAIN_STEP, TAG_KEY_KEPT_SECONDS, TAG_WINDOW

DIRECTION_FROM_FOUNDER: Final = 0
DIRECTION_TO_FOUNDER: Final = 1
_INDEX_BYTES: Final = 4


def tag_of(key: bytes, index: int) -> Tag:
    """The tag of an index under a tag key."""
    return Tag(blake2s_128(key, index.to_bytes(_INDEX_BYTES, "big")))


def box_key_of(key: bytes, index: int) -> bytes:
    """The key that seals the outside of the body under the same key and index."""
    return blake2b(key, index.to_bytes(_INDEX_BYTES, "big"), b"mesh/tag/box", 32)


def invite_tag_key(secret: bytes) -> bytes:
    """The tag key of first contacts by an invite."""
    return blake2b(secret, b"", b"mesh/inv/tag", 32)


def invite_bundle_key(secret: bytes) -> bytes:
    """The tag key of an invite's bundle on the mesh."""
    return blake2b(secret, b"", b"mesh/inv/bundle", 32)


def chain_start(tag_root: bytes, direction: int) -> bytes:
    """K_0 of a direction."""
    return blake2b(tag_root, bytes((direction,)), b"mesh/tag/chain", 32)


def rendezvous_key(tag_root: bytes, direction: int) -> bytes:
    """The tag key under which a session is renewed."""
    return blake2b(tag_root, bytes((direction,)), b"mesh/tag/rdv", 32)


def link_key_of(tag_root: bytes) -> bytes:
    """The key by which two contacts recognise each other inside a link."""
    return blake2b(tag_root, b"", b"mesh/link/pair", 32)


_PASSED_BITS: Final = 24
_PASSED_MAX: Final = 0xFF


def join_tags_before(count: int, passed: int) -> int:
    """Return what a header says of former generations.

    The last ones, `passed` in number, were never written under; the one before them was, `count`
    times.
    """
    if passed > _PASSED_MAX:
        # Only of the last one, then.
        return 0
    assert count < 1 << _PASSED_BITS
    return passed << _PASSED_BITS | count


def split_tags_before(tags_before: int) -> tuple[int, int]:
    """The same read again: count and passed."""
    return tags_before & (1 << _PASSED_BITS) - 1, tags_before >> _PASSED_BITS


def tag_key_after(key: bytes) -> bytes:
    """Return the tag key of the next 64 messages; nothing leads back from it."""
    return blake2b(key, b"", b"mesh/tag/step", 32)


@dataclass(frozen=True, slots=True)
class TagSender:
    """One direction, from who writes: the key of the current step and the next index."""

    key: bytes = field(repr=False)
    index: int = 0

    def next(self) -> tuple["TagSender", Tag, bytes]:
        """The tag and box key of the next message, and the sender after it."""
        tag, box_key = tag_of(self.key, self.index), box_key_of(self.key, self.index)
        index = self.index + 1
        key = tag_key_after(self.key) if index % TAG_CHAIN_STEP == 0 else self.key
        return TagSender(key, index), tag, box_key


@dataclass(frozen=True, slots=True)
class TagReceiver:
    """One direction, from who reads.

    `steps` are the keys of the steps that still have an index expected; `expected_to` is one
    beyond the highest index expected, and `opened` are the indices opened in these steps.
    `used` says when a step was used that is higher than all used before; the keys below it are
    erased 31 days later, since no envelope under them can live any more. Mail in its order finishes
    each step before the next, and leaves `used` empty. `end` is the number of indices of the whole
    chain, once its sender has said it.
    """

    steps: tuple[tuple[int, bytes], ...] = field(repr=False)
    expected_to: int
    opened: frozenset[int]
    used: tuple[tuple[int, UnixSeconds], ...] = ()
    end: int | None = None

    @property
    def is_done(self) -> bool:
        """Say whether the chain has ended and all of it was opened."""
        return not self.steps

    @property
    def has_opened(self) -> bool:
        """Say whether a message was ever opened: the window has moved, or the end was said."""
        return self.expected_to > TAG_WINDOW or self.end is not None

    @classmethod
    def start(cls, key: bytes) -> "TagReceiver":
        """A receiver that expects the first indices of a chain."""
        return cls(steps=((0, key),), expected_to=0, opened=frozenset()).expecting(TAG_WINDOW)

    def expected(self) -> list[tuple[int, Tag]]:
        """All (index, tag) that would be recognised now."""
        return self.expected_from(0)

    def expected_from(self, start: int) -> list[tuple[int, Tag]]:
        """The same, of the indices from `start` on."""
        return [
            (index, tag_of(key, index))
            for step, key in self.steps
            for index in range(
                max(start, step * TAG_CHAIN_STEP),
                min(self.expected_to, (step + 1) * TAG_CHAIN_STEP),
            )
            if index not in self.opened
        ]

    def box_key(self, index: int) -> bytes:
        """The box key of an expected index."""
        return box_key_of(dict(self.steps)[index // TAG_CHAIN_STEP], index)

    def after_opening(self, index: int) -> "TagReceiver":
        """The receiver after the message of an index was opened; its window has moved."""
        assert index < self.expected_to
        opened = self.opened | {index}
        step = index // TAG_CHAIN_STEP
        moved = replace(self, opened=opened).expecting(index + 1 + TAG_WINDOW)
        of_step = range(step * TAG_CHAIN_STEP, moved._end_of_step(step))
        if not opened.issuperset(of_step):
            return moved
        return replace(
            moved,
            steps=tuple(one for one in moved.steps if one[0] != step),
            opened=opened.difference(of_step),
        )

    def use(self, index: int, expiry_now: UnixSeconds) -> "TagReceiver":
        """Remember when the step of an opened index was first used."""
        if self.is_done:
            return self
        step = index // TAG_CHAIN_STEP
        lowest = self.steps[0][0]
        used = tuple(one for one in self.used if one[0] > lowest)
        if step > (used[-1][0] if used else lowest):
            used = (*used, (step, expiry_now))
        return replace(self, used=used)

    def erase(self, expiry_now: UnixSeconds) -> tuple["TagReceiver", list[Tag]]:
        """Drop the keys that a later step superseded long ago; also the tags no longer expected.

        Only to be called while mesh time is steady: a jump of the clock must delete nothing.
        """
        ended = [step for step, at in self.used if at + TAG_KEY_KEPT_SECONDS <= expiry_now]
        if not ended:
            return self, []
        first_step, first = ended[-1], ended[-1] * TAG_CHAIN_STEP
        lost = [tag for index, tag in self.expected() if index < first]
        kept = replace(
            self,
            steps=tuple(one for one in self.steps if one[0] >= first_step),
            opened=self.opened.difference(range(first)),
            used=tuple(one for one in self.used if one[0] > first_step),
        )
        return kept, lost

    def ending_at(self, end: int) -> tuple["TagReceiver", list[Tag]]:
        """The sender moved on after `end` indices; also the tags no longer expected."""
        lost = [tag for index, tag in self.expected() if index >= end]
        ended = replace(self, end=end, expected_to=min(end, self.expected_to))
        steps = tuple(
            one
            for one in self.steps
            # Nothing is left of a step beyond the end: its range is empty.
            if not self.opened.issuperset(
                range(one[0] * TAG_CHAIN_STEP, ended._end_of_step(one[0]))
            )
        )
        return replace(ended, steps=steps), lost

    def _end_of_step(self, step: int) -> int:
        """One beyond the last index that a step has."""
        end = (step + 1) * TAG_CHAIN_STEP
        return end if self.end is None else min(end, self.end)

    def expecting(self, expected_to: int) -> "TagReceiver":
        """Step the chain so far that all indices below `expected_to` have a key."""
        if self.end is not None:
            expected_to = min(expected_to, self.end)
        if expected_to <= self.expected_to or not self.steps:
            return self
        steps = list(self.steps)
        last = (expected_to - 1) // TAG_CHAIN_STEP
        while steps[-1][0] < last:
            step, key = steps[-1]
            steps.append((step + 1, tag_key_after(key)))
        return replace(self, steps=tuple(steps), expected_to=expected_to)
