"""Our posting keys: pseudonyms of a day and an audience, stamped before they are needed.

Implements `docs/protocol/posting.md`, section "Posting keys". A key has a random seed. Those for
contacts exist two weeks ahead, since contacts are told their public halves; their stamps are made
in the background up to three days ahead. A key that has signed nearly as much as the mesh
admits gets a successor. Seeds go when their day is over; that a key is ours is remembered as long
as its envelopes can live.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Literal

from mesh.crypto.entropy import Entropy
from mesh.crypto.signing import SEED_BYTES, verify_key_of
from mesh.ids import Instant, PostingKey, UnixSeconds
from mesh.inputs import StampMinted
from mesh.limits.admission import CREATED_AHEAD_SECONDS_MAX
from mesh.limits.posting_keys import POSTING_DAYS_AHEAD, POSTING_DAYS_TOLD
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
    """The audience of a key; one key never serves two, or it would join them."""

    CONTACTS = 0
    PUBLIC = 1


@dataclass(slots=True)
class Signer:
    """A posting key that can sign on its day; without a stamp it must not yet.

    The later it was made the higher is its number.
    """

    number: int
    public: PostingKey
    seed: bytes = field(repr=False)
    stamp: bytes | None
    uses: int


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
        # Keys for which a stamp was asked in this run.
        self._asked: dict[PostingKey, None] = {}
        for row in rows.posting_keys_with_seed():
            assert row.seed is not None
            signer = Signer(row.number, row.public, row.seed, row.stamp, row.uses)
            self._signers.setdefault((row.audience, row.day), []).append(signer)
            if row.day <= today + POSTING_DAYS_AHEAD:
                # Perhaps it was asked for in an earlier run that ended before it came.
                self._ask_for_stamp(signer, row.day)

    def feature(self, is_public_due: Callable[[UnixSeconds], bool]) -> Feature:
        """Keys ahead of their day; `is_public_due`: whether something is to be posted for all."""

        def prepare(now: Instant) -> None:
            audiences = [Audience.CONTACTS]
            if is_public_due(now.mesh):
                audiences.append(Audience.PUBLIC)
            self.prepare(audiences, now.mesh // SECONDS_PER_DAY)

        def forget(now: Instant) -> None:
            self.forget(now.mesh // SECONDS_PER_DAY)

        return Feature(chores=[Chore(prepare)], cleanups=[forget])

    def is_own(self, posting_key: PostingKey) -> bool:
        """Say whether an envelope of this key was made here."""
        return posting_key in self._own

    def find_ready(self, audience: Audience, day: int) -> Signer | None:
        """A key of the day that may sign now, if there is one."""
        quota = self._parameters.key_quota
        for signer in self._signers.get((audience, day), ()):
            if signer.stamp is not None and signer.uses < quota:
                return signer
        if self._parameters.stamp_bits:
            return None
        return self._make(audience, day)

    def count_use(self, signer: Signer) -> None:
        """Note that a key has signed once more."""
        signer.uses += 1
        self._rows.set_key_uses(signer.public, signer.uses)

    def prepare(self, audiences: list[Audience], today: int) -> None:
        """Make the keys that will be needed and told, and ask for stamps, the nearest day first."""
        for day in range(today, today + POSTING_DAYS_AHEAD + 1):
            for audience in audiences:
                self._prepare_stamped(audience, day)
        if Audience.CONTACTS in audiences:
            for day in range(today, today + POSTING_DAYS_TOLD):
                if (Audience.CONTACTS, day) not in self._signers:
                    self._make(Audience.CONTACTS, day)

    def to_tell(self, today: int) -> list[tuple[int, Signer]]:
        """The keys for contacts, with their days, that contacts may know from today on.

        Never a key of another audience: who knows both would know that one person has them.
        """
        days = range(today, today + POSTING_DAYS_TOLD)
        return [
            (day, signer)
            for day in days
            for signer in self._signers.get((Audience.CONTACTS, day), ())
        ]

    def stamped(self, minted: StampMinted) -> None:
        """A stamp is made; one for a key that is gone is of no use."""
        for (_, day), signers in self._signers.items():
            for signer in signers:
                if (signer.public, day) == (minted.posting_key, minted.day):
                    signer.stamp = minted.stamp
                    self._rows.set_stamp(signer.public, minted.stamp)

    def forget(self, today: int) -> None:
        """Erase the seeds of days that are over, and forget keys whose envelopes are gone."""
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

    def _make(self, audience: Audience, day: int) -> Signer:
        seed = self._entropy.draw(SEED_BYTES)
        public = PostingKey(verify_key_of(seed))
        stamp = None if self._parameters.stamp_bits else NO_STAMP
        number = self._rows.add_posting_key(
            public, seed=seed, audience=audience, day=day, stamp=stamp
        )
        signer = Signer(number, public, seed, stamp, uses=0)
        self._signers.setdefault((audience, day), []).append(signer)
        self._own[public] = None
        self._distances.set_own(self._own)
        return signer

    def _prepare_stamped(self, audience: Audience, day: int) -> None:
        if self._parameters.stamp_bits == 0:
            return
        quota = self._parameters.key_quota
        signers = self._signers.get((audience, day), [])
        # The last quarter of a key is the time in which its successor is made.
        if 4 * sum(quota - signer.uses for signer in signers) < quota:
            self._make(audience, day)
        for signer in self._signers[audience, day]:
            self._ask_for_stamp(signer, day)

    def _ask_for_stamp(self, signer: Signer, day: int) -> None:
        if signer.stamp is None and signer.public not in self._asked:
            self._asked[signer.public] = None
            self._pending_events.mint(signer.public, day, self._parameters.stamp_bits)


def _all_own(rows: PostingKeyRows) -> dict[PostingKey, None]:
    return dict.fromkeys(PostingKey(public) for public in rows.posting_keys())
