"""Cover: dummies at times of chance, so that posts do not tell when a person writes.

Implements `docs/protocol/posting.md`, section "Cover". A dummy is an envelope of random bytes under
one of today's keys for contacts; nobody but its author knows that it opens for nobody. A real post
goes at once, and the next dummy of its key is left out.

Theory of operation. Were real posts a Poisson process of a lower rate than the dummies', all posts
together would be one of exactly the dummies' rate, which says nothing of the real ones: posts are
arrivals at a queue with one server, dummies are its services that find nobody, and arrivals and
idle services together are Poisson (N. O'Connell and M. Yor, "Brownian analogues of Burke's
theorem", 2001). People write in bursts, so that what goes beyond shows.
"""

from math import log
from typing import Final

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.ids import Instant, Monotonic
from mesh.limits.cover import (
    COVER_AWAY_MS,
    COVER_AWAY_MS_MAX,
    COVER_AWAY_ONE_IN,
    COVER_LATE_MS,
    COVER_SIZES_FIRST,
    COVER_SIZES_MAX,
)
from mesh.messenger.sessions.posting_keys import Audience, PostingKeys, Signer
from mesh.messenger.sessions.retirements import Retirements
from mesh.messenger.sessions.sealing import Sealing
from mesh.messenger.sessions.transit import Transit
from mesh.storage.vault.vault import Vault
from mesh.wire.envelope import SECONDS_PER_DAY

_SIZE_MARK: Final = "posts of size class {}"
_CHANCE_BYTES: Final = 8


class Cover:
    """The dummies of a person: the time of the next one, and its size.

    `interval_ms`: between two of them in the mean; 0: there are none. It outlives the parts, which
    are made anew when a contact goes.
    """

    def __init__(
        self, vault: Vault, posting_keys: PostingKeys, entropy: Entropy, *, interval_ms: int
    ) -> None:
        self._vault = vault
        self._posting_keys = posting_keys
        self._entropy = entropy
        self._interval_ms = interval_ms
        self._next: Monotonic | None = None
        self._sizes = [
            vault.mark(_SIZE_MARK.format(size_class))
            for size_class in range(len(COVER_SIZES_FIRST))
        ]

    def change(self, interval_ms: int) -> None:
        """A person wants more of it, or less."""
        if interval_ms != self._interval_ms:
            self._interval_ms, self._next = interval_ms, None

    def deadline(self) -> Monotonic | None:
        """Return when `tend` wants to be called."""
        if not self._interval_ms:
            return None
        return Monotonic(0) if self._next is None else self._next

    def is_due(self, now: Instant) -> bool:
        """Say whether `tend` has something to do."""
        deadline = self.deadline()
        return deadline is not None and deadline <= now.monotonic

    def posted(self, signer: Signer, size_class: int) -> None:
        """Our person's node posted something for a contact: a dummy of that key is left out."""
        if not self._interval_ms or signer.audience is not Audience.CONTACTS:
            return
        signer.dummies_left_out += 1
        self._sizes[size_class] += 1
        if sum(self._sizes) > COVER_SIZES_MAX:
            self._sizes = [count // 2 for count in self._sizes]
        for kept, count in enumerate(self._sizes):
            self._vault.set_mark(_SIZE_MARK.format(kept), count)

    def tend(
        self,
        sealing: Sealing,
        transit: Transit,
        retirements: Retirements,
        *,
        may_post: bool,
        now: Instant,
    ) -> None:
        """Post a dummy if one is due, inside the vault's transaction; draw when the next is.

        `may_post`: whether there is room for mail of our own.
        """
        due = self._next
        if not self.is_due(now):
            return
        self._next = now.after(self._exponential_ms(self._interval_ms))
        # The first is not due, it was only to be drawn.
        if due is None or now.monotonic - due > COVER_LATE_MS * 1_000 or not may_post:
            return
        signers = self._posting_keys.of_contacts(now.mesh // SECONDS_PER_DAY)
        if not signers:
            return
        signer = signers[uniform_below(self._entropy, len(signers))]
        if signer.dummies_left_out:
            signer.dummies_left_out -= 1
            return
        dummy = sealing.seal_dummy(signer, self._draw_size_class(), now.mesh)
        if dummy is None:
            return
        sealed, read_token = dummy
        transit.post(sealed, None, now=now)
        is_reader_away = uniform_below(self._entropy, COVER_AWAY_ONE_IN) == 0
        away_ms = self._exponential_ms(COVER_AWAY_MS) if is_reader_away else 0
        retirements.opened(
            sealed.envelope.id, read_token, away_ms=min(away_ms, COVER_AWAY_MS_MAX), now=now
        )

    def _draw_size_class(self) -> int:
        """One as that of a post of ours: the sizes of dummies say nothing either."""
        counts = [sum(both) for both in zip(self._sizes, COVER_SIZES_FIRST, strict=True)]
        drawn = uniform_below(self._entropy, sum(counts))
        size_class = 0
        while drawn >= counts[size_class]:
            drawn -= counts[size_class]
            size_class += 1
        return size_class

    def _exponential_ms(self, mean_ms: int) -> int:
        drawn = int.from_bytes(self._entropy.draw(_CHANCE_BYTES), "big")
        return round(-log((drawn + 1) / 2 ** (8 * _CHANCE_BYTES)) * mean_ms)
