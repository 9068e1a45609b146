"""Our posting keys: pseudonyms of a day and an audience, stamped before they are needed.

Implements `docs/protocol/posting.md`, section "Posting keys". A key has a random seed. For contacts
there are several a day, so that what is written to one of them is not joined to what is written to
all others; they exist two weeks ahead, since contacts are told their public halves. Their stamps
are made in the background up to three days ahead, the smallest that the mesh allows. A key that
has signed nearly as much as its stamp admits gets another one, worth twice as much. Seeds go when
their day is over; that a key is ours is remembered as long as its envelopes can live.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Literal

from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b
from mesh.crypto.signing import SEED_BYTES, SigningKey, verify_key_of
from mesh.ids import ContactId, ConversationId, Instant, PostingKey, UnixSeconds
from mesh.inputs import StampMinted
from mesh.limits.admission import CREATED_AHEAD_SECONDS_MAX
from mesh.limits.files import CARRIED_BLOCKS_MAX
from mesh.limits.posting_keys import (
    FILE_STAMP_BITS_MIN,
    POSTING_DAYS_AHEAD,
    POSTING_DAYS_TOLD,
    POSTING_KEYS_PER_DAY,
    STAMP_BITS_WANTED_MAX,
)
from mesh.messenger.feature import Chore, Feature
from mesh.messenger.pending_events import PendingEvents
from mesh.posting.stamp import NO_STAMP
from mesh.storage.vault.posting_keys import PostingKeyRows
from mesh.trust.distance import Distances
from mesh.wire.envelope import LIFETIME_SECONDS, SECONDS_PER_DAY
from mesh.wire.parameters import MeshParameters

StampState = Literal["not needed", "ready", "being made"]

_REMEMBERED_DAYS: Final = (LIFETIME_SECONDS[-1] + CREATED_AHEAD_SECONDS_MAX) // SECONDS_PER_DAY + 1


class Audience(IntEnum):
    """The audience of a key; one key never serves two, or it would join them.

    Each key for files signs the blocks of one posting.
    """

    CONTACTS = 0
    PUBLIC = 1
    REFUSED = 2
    FILES = 3
    LETTERS = 4
    """Letters to members of groups: each has a key of its own, as all in the group see at whose
    entrance it stands.
    """

    GROUPS = 16
    """From here on each group has one of its own: this and its conversation's number."""

    LINKS = 1 << 48
    """From here on each link into a group has one, that of who made it and that of who uses it."""


_FOR_ONE: Final = (Audience.REFUSED, Audience.LETTERS)
"""Audiences of whose keys each signs one envelope."""


def link_audience(number: int, *, is_ours: bool) -> int:
    """The audience of a link: its number, of ours; of theirs, that of the group's conversation.

    Whoever has a link sees what stands under its tags, and must not learn who posts in the group.
    """
    return Audience.LINKS + 2 * number + is_ours


def group_audience(conversation: ConversationId) -> int:
    """The audience of a group. Who is in two of them must not learn that one person is."""
    return Audience.GROUPS + conversation


@dataclass(slots=True)
class Signer:
    """A posting key that can sign on its day; without a stamp it must not yet.

    The later it was made the higher is its number. `uses`: what it signed by this stamp.
    `dummies_left_out`: how many are due to be, since a real post took their place (`cover.py`).
    """

    number: int
    public: PostingKey
    seed: bytes = field(repr=False)
    audience: int
    day: int
    stamp: bytes | None
    stamp_bits: int
    uses: int
    dummies_left_out: int = 0
    # Expanded when it signs first: keys stand ready two weeks ahead.
    _key: SigningKey | None = field(default=None, repr=False)

    @property
    def key(self) -> SigningKey:
        """The key pair of the seed."""
        if self._key is None:
            self._key = SigningKey.from_seed(self.seed)
        return self._key


class PostingKeys:
    """All posting keys of this profile; the rows are always as new as the memory."""

    def __init__(
        self,
        rows: PostingKeyRows,
        parameters: MeshParameters,
        entropy: Entropy,
        pending_events: PendingEvents,
        *,
        distances: Distances,
        today: int,
    ) -> None:
        self._rows = rows
        self._parameters = parameters
        self._entropy = entropy
        self._pending_events = pending_events
        self._distances = distances
        self._own = _all_own(rows)
        distances.set_own(self._own)
        self._signers: dict[tuple[int, int], list[Signer]] = {}
        # The first of each day, audience and reader, as long as it may sign and none is added.
        self._first: dict[tuple[int, int, ContactId | None], Signer] = {}
        # The highest number of a key for contacts, of whatever day.
        self._newest_for_contacts = 0
        # Keys for which a stamp was asked in this run.
        self._asked: dict[PostingKey, None] = {}
        for row in rows.posting_keys_with_seed():
            assert row.seed is not None
            signer = Signer(
                row.number,
                row.public,
                row.seed,
                row.audience,
                row.day,
                row.stamp,
                row.stamp_bits,
                row.uses,
            )
            self._add(signer)
            if today <= row.day <= today + POSTING_DAYS_AHEAD:
                # Perhaps it was asked for in an earlier run that ended before it came.
                self._ask_for_stamp(signer)

    def feature(
        self,
        is_public_due: Callable[[UnixSeconds], bool],
        groups_written_in: Callable[[UnixSeconds], Sequence[ConversationId]],
    ) -> Feature:
        """Keys ahead of their day; `is_public_due`: whether something is to be posted for all.
        `groups_written_in`: those in which our person may write again.
        """

        def prepare(now: Instant) -> None:
            audiences: list[int] = [Audience.CONTACTS]
            if is_public_due(now.mesh):
                audiences.append(Audience.PUBLIC)
            for group in groups_written_in(now.mesh):
                audiences.append(group_audience(group))
                if self._parameters.stamp_bits:
                    # Who is silent in a group works for the day on which he says hello alone.
                    for day in range(POSTING_DAYS_AHEAD + 1):
                        self._make_first(group_audience(group), now.mesh // SECONDS_PER_DAY + day)
            self.prepare(audiences, now.mesh // SECONDS_PER_DAY)

        def forget(now: Instant) -> None:
            self.forget(now.expiry // SECONDS_PER_DAY)

        return Feature(chores=[Chore(prepare)], cleanups=[forget])

    def is_own(self, posting_key: PostingKey) -> bool:
        """Say whether an envelope of this key was made here."""
        return posting_key in self._own

    def find_ready(self, audience: int, day: int, reader: ContactId | None = None) -> Signer | None:
        """A key of the day that may sign now, if there is one: for one reader always the same.

        As long as it is ready, that is: mail waits for no key where another one is there. One for
        a file has signed nothing.
        """
        place = audience, day, reader
        first = self._first.get(place)
        if first is not None and self.is_ready(first):
            return first
        ready = [signer for signer in self._of(audience, day) if self.is_ready(signer)]
        if audience == Audience.FILES:
            ready = [signer for signer in ready if signer.uses == 0]
        if ready:
            first = min(ready, key=lambda signer: _rank(signer, reader))
            if audience != Audience.FILES:
                self._first[place] = first
            return first
        return None if self._parameters.stamp_bits else self._make(audience, day)

    def of_contacts(self, day: int) -> list[Signer]:
        """The keys of a day that sign for contacts, ready or not."""
        return self._of(Audience.CONTACTS, day)

    def is_ready(self, signer: Signer) -> bool:
        """Say whether a key may sign now."""
        return signer.stamp is not None and signer.uses < self._quota(signer)

    def count_use(self, signer: Signer) -> None:
        """Note that a key has signed once more."""
        signer.uses += 1
        self._rows.set_key_uses(signer.public, signer.uses)
        self._ask_for_stamp(signer)

    def prepare(self, audiences: Sequence[int], today: int) -> None:
        """Make the keys that will be needed and told, and ask for stamps, the nearest day first."""
        if Audience.CONTACTS in audiences:
            for day in range(today, today + POSTING_DAYS_TOLD):
                for _ in range(len(self._of(Audience.CONTACTS, day)), POSTING_KEYS_PER_DAY):
                    self._make(Audience.CONTACTS, day)
        if self._parameters.stamp_bits:
            for day in range(today, today + POSTING_DAYS_AHEAD + 1):
                self._prepare_stamped(audiences, day, is_today=day == today)

    def to_tell(self, today: int) -> list[tuple[int, Signer]]:
        """The keys for contacts, with their days, that contacts may know from today on.

        Never a key of another audience: who knows both would know that one person has them.
        """
        days = range(today, today + POSTING_DAYS_TOLD)
        return [(day, signer) for day in days for signer in self._of(Audience.CONTACTS, day)]

    def has_newer(self, number: int, today: int, until_day: int) -> bool:
        """Say whether one of `to_tell`, of a day up to that one, was made after one of a number.

        Asked for each message that is written, and most often in vain.
        """
        if number >= self._newest_for_contacts:
            return False
        for day in range(today, min(today + POSTING_DAYS_TOLD, until_day + 1)):
            for signer in self._of(Audience.CONTACTS, day):
                if signer.number > number:
                    return True
        return False

    def stamped(self, minted: StampMinted) -> None:
        """A stamp is made; one for a key that is gone is of no use.

        What the one before would have admitted still is given up: it is a quarter at most.
        """
        for signers in self._signers.values():
            for signer in signers:
                if (signer.public, signer.day) == (minted.posting_key, minted.day):
                    signer.stamp, signer.stamp_bits, signer.uses = minted.stamp, minted.bits, 0
                    self._rows.set_stamp(signer.public, minted.stamp, minted.bits)
                    self._first.clear()
                    self._asked.pop(signer.public, None)

    def forget(self, today: int) -> None:
        """Erase the seeds of days that are over, and forget keys whose envelopes are gone."""
        self._first.clear()
        over = [place for place in self._signers if place[1] < today]
        for place in over:
            for signer in self._signers.pop(place):
                self._asked.pop(signer.public, None)
        if over:
            self._rows.erase_posting_seeds(today)
        if self._rows.forget_posting_keys(today - _REMEMBERED_DAYS):
            self._own = _all_own(self._rows)
            self._distances.set_own(self._own)

    def state(self, today: int) -> StampState:
        """Return what a person is told: whether messages may leave at once."""
        if self._parameters.stamp_bits == 0:
            return "not needed"
        return "ready" if self.find_ready(Audience.CONTACTS, today) else "being made"

    def _quota(self, signer: Signer) -> int:
        """Envelopes that a key may sign by its stamp; two who were refused have none in common, nor
        have two letters.
        """
        if signer.audience in _FOR_ONE:
            return 1
        if signer.audience == Audience.FILES:
            return CARRIED_BLOCKS_MAX
        return 1 << signer.stamp_bits if self._parameters.stamp_bits else self._parameters.key_quota

    def _make(self, audience: int, day: int) -> Signer:
        seed = self._entropy.draw(SEED_BYTES)
        public = PostingKey(verify_key_of(seed))
        stamp = None if self._parameters.stamp_bits else NO_STAMP
        number = self._rows.add_posting_key(
            public, seed=seed, audience=audience, day=day, stamp=stamp
        )
        signer = Signer(number, public, seed, audience, day, stamp, stamp_bits=0, uses=0)
        self._add(signer)
        self._first.clear()
        self._own[public] = None
        self._distances.set_own(self._own)
        return signer

    def _add(self, signer: Signer) -> None:
        self._signers.setdefault((signer.audience, signer.day), []).append(signer)
        if signer.audience == Audience.CONTACTS:
            self._newest_for_contacts = max(self._newest_for_contacts, signer.number)

    def _make_first(self, audience: int, day: int) -> None:
        if not self._of(audience, day):
            self._make(audience, day)

    def _of(self, audience: int, day: int) -> list[Signer]:
        return self._signers.get((audience, day), [])

    def _prepare_stamped(self, audiences: Sequence[int], day: int, *, is_today: bool) -> None:
        for audience in audiences:
            if audience >= Audience.GROUPS and is_today:
                self._make_first(audience, day)
        if Audience.PUBLIC in audiences and not self._of(Audience.PUBLIC, day):
            self._make(Audience.PUBLIC, day)
        for audience in (*_FOR_ONE, Audience.FILES):
            has_unused = any(signer.uses == 0 for signer in self._of(audience, day))
            if audience in audiences and is_today and not has_unused:
                self._make(audience, day)
        for audience in audiences:
            for signer in self._of(audience, day):
                self._ask_for_stamp(signer)

    def _ask_for_stamp(self, signer: Signer) -> None:
        bits = self._wanted_bits(signer)
        if bits and signer.public not in self._asked:
            self._asked[signer.public] = None
            self._pending_events.mint(signer.public, signer.day, bits)

    def _wanted_bits(self, signer: Signer) -> int:
        """Return the bits of the stamp that a key needs next; 0 while it needs none."""
        least = self._parameters.stamp_bits
        if signer.audience == Audience.FILES:
            return max(least, FILE_STAMP_BITS_MIN) if signer.stamp is None else 0
        if signer.stamp is None:
            return least
        quota = self._quota(signer)
        # The last quarter of a stamp is the time in which the next is made.
        if not least or signer.audience in _FOR_ONE or 4 * (quota - signer.uses) >= quota:
            return 0
        return min(signer.stamp_bits + 1, max(STAMP_BITS_WANTED_MAX, least))


def _rank(signer: Signer, reader: ContactId | None) -> bytes:
    """Rank the keys of a day for a reader; nobody else can tell who shares a key with whom."""
    name = b"" if reader is None else reader.to_bytes(8)
    return blake2b(signer.seed, name, b"mesh/post/for", 16)


def _all_own(rows: PostingKeyRows) -> dict[PostingKey, None]:
    return dict.fromkeys(PostingKey(public) for public in rows.posting_keys())
