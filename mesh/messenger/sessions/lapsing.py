"""The end of what was sealed here: it lapses, and is sealed again as long as it is wanted.

Implements `docs/protocol/session.md`, section "Sealed again". Whatever the reason, the former
envelope is live no longer when another one is sealed: it has lapsed, or is taken back first. So
one message never costs a relay more than one live envelope.
"""

from typing import Final

from mesh.ids import ContactId, Instant, UnixSeconds, other_side
from mesh.limits.admission import CREATED_AHEAD_SECONDS_MAX
from mesh.limits.messages import EXPIRED_PER_CHORE, REMAINING_SECONDS_MIN
from mesh.limits.timekeeping import CLOCK_JUMP_SECONDS, STEADY_RESTART_GAP_SECONDS_MAX
from mesh.messenger.pending_events import PendingEvents
from mesh.messenger.sessions.retirements import Retirements
from mesh.messenger.sessions.transit import ON_ITS_WAY, Transit
from mesh.storage.vault.rows import OutboxRow, PayloadRow
from mesh.storage.vault.vault import Vault
from mesh.wire.envelope import LIFETIME_SECONDS, LIFETIME_WEEK

_LIVE_SECONDS_MAX: Final = LIFETIME_SECONDS[LIFETIME_WEEK] + CREATED_AHEAD_SECONDS_MAX
"""What lapses later was sealed by a clock that was ahead, and nobody takes it yet."""

CLOCK_MARK: Final = "expiry time"
"""Under this name the vault keeps what the clock said at the last chores."""


class Lapsing:
    """Lets go of what has lapsed, and lets what is still wanted wait to be sealed anew."""

    def __init__(
        self,
        vault: Vault,
        transit: Transit,
        retirements: Retirements,
        pending_events: PendingEvents,
    ) -> None:
        self._rows = vault.outbox
        self._messages = vault.entries
        self._exchanges = vault.exchanges
        self._conversations = vault.conversations
        self._transit = transit
        self._payloads = transit.payloads
        self._retirements = retirements
        self._pending_events = pending_events
        self._marks = vault
        # Expiry time less the steady clock, when it was last set.
        self._ahead_s: int | None = None

    def seal_again(self, payload: PayloadRow, *, now: Instant) -> None:
        """Let a kept payload wait to be sealed anew, and take back what is live of it.

        The rows of what is taken back stay, to learn whether it was opened before.
        """
        for row in self._rows.of_payload(payload.number):
            self._take_back(row, now)
        self._wait_again(payload)

    def renew_lapsed(self, now: Instant) -> bool:
        """Let wait what lapsed without proof and is still wanted, and what was sealed under a time
        that is refuted; return whether something does.

        Mesh time counts, steady or not, since others go by theirs: this deletes nothing. If it was
        wrong, what lapsed by it is live still, and is taken back when that shows.
        """
        self._follow_clock(now)
        for row in self._rows.superseded(now.mesh, UnixSeconds(now.mesh + _LIVE_SECONDS_MAX)):
            self._take_back(row, now)
        ahead = self._dated_ahead(now)
        for payload in ahead:
            self.seal_again(payload, now=now)
        lapsed = self._payloads.rows.lapsed(now.mesh, now.expiry, EXPIRED_PER_CHORE)
        for payload in lapsed:
            for row in self._rows.of_payload(payload.number):
                self._transit.never_leaves(row)
            self._lapsed(payload, now)
        return bool(ahead or lapsed)

    def expire(self, now: Instant) -> bool:
        """Let go of what has outlived its lifetime, or its person's wish; return whether there may
        be more of it.
        """
        # By both clocks: of what was sealed under a wrong one it is not known whether it is live.
        lapsed_by = min(now.mesh, now.expiry)
        expired = self._rows.expired(lapsed_by, EXPIRED_PER_CHORE)
        for row in expired:
            payload = None if row.payload is None else self._payloads.rows.find(row.payload)
            is_newest = payload is None or self._rows.of_payload(payload.number)[-1].id == row.id
            self._transit.let_go(row)
            if payload is not None and is_newest and not payload.is_waiting:
                self._lapsed(payload, now)
            elif row.message is not None and not self._rows.of_message(row.message):
                self._lapsed_in_vain(row.message)
        over = self._payloads.rows.over(now.expiry, EXPIRED_PER_CHORE)
        for payload in over:
            self.give_up(payload)
        return EXPIRED_PER_CHORE in (len(expired), len(over))

    def give_up(self, payload: PayloadRow) -> None:
        """Nobody wants it any more, or can have it."""
        self._payloads.drop(payload)
        if payload.message is not None:
            self._transit.settle(payload.message, "expired")

    def _dated_ahead(self, now: Instant) -> list[PayloadRow]:
        """Those whose last envelope nobody takes yet, and of which no former one goes on living."""
        # Neighbours that put mesh time back make nothing look as if it were dated ahead, nor those
        # that put it forward, as if little were left of what is live.
        taken_to = UnixSeconds(max(now.mesh, now.expiry) + CREATED_AHEAD_SECONDS_MAX)
        over_by = max(now.mesh, min(now.mesh, now.expiry) + REMAINING_SECONDS_MIN)
        return [
            payload
            for payload in self._payloads.rows.dated_after(taken_to, EXPIRED_PER_CHORE)
            if not any(
                row.withdraw_token
                and over_by < row.lapses <= taken_to + LIFETIME_SECONDS[payload.lifetime_class]
                for row in self._rows.of_payload(payload.number)
            )
        ]

    def _follow_clock(self, now: Instant) -> None:
        """Until when a person wishes something counts from its writing, whatever clocks say.

        So it moves along when the clock is set. A time off that is too long for a clock that goes
        on does not count either: nobody can tell it from that.
        """
        ahead_s = now.expiry - now.monotonic // 1_000_000
        if self._ahead_s is None:
            seen_s = self._marks.mark(CLOCK_MARK) or now.expiry
            moved_s = now.expiry - seen_s
            is_set = not -CLOCK_JUMP_SECONDS <= moved_s <= STEADY_RESTART_GAP_SECONDS_MAX
        else:
            moved_s = ahead_s - self._ahead_s
            is_set = abs(moved_s) > CLOCK_JUMP_SECONDS
        if is_set:
            self._payloads.rows.move_kept_until(moved_s)
            self._transit.post_again(UnixSeconds(now.expiry - moved_s), now)
        if is_set or self._ahead_s is None:
            self._ahead_s = ahead_s
        self._marks.set_mark(CLOCK_MARK, now.expiry)

    def _lapsed(self, payload: PayloadRow, now: Instant) -> None:
        """The last envelope of a payload has outlived its lifetime."""
        if payload.message is not None:
            self._count_lapsed(payload.contact)
        if payload.kept_until is not None and payload.kept_until > now.expiry:
            self._wait_again(payload)
        else:
            self.give_up(payload)

    def _lapsed_in_vain(self, number: int) -> None:
        """The last envelope of a message has lapsed; perhaps it waits for another one."""
        message = self._messages.message(number)
        if message.state in ON_ITS_WAY and not self._payloads.rows.find_of_message(number):
            self._transit.settle(number, "expired")
            if self._conversations.conversation(message.conversation).contact is not None:
                self._count_lapsed(other_side(message.conversation))

    def _count_lapsed(self, contact: ContactId) -> None:
        count = self._exchanges.exchange(contact).lapsed_count
        self._exchanges.set_lapsed_count(contact, count + 1)

    def _take_back(self, row: OutboxRow, now: Instant) -> None:
        """Another envelope is sealed in place of this one, which may be live."""
        if row.withdraw_token and row.lapses > min(now.mesh, now.expiry):
            self._retirements.withdrawn(row.id, row.withdraw_token, now=now)
            # The token that comes back must not look like one that a copy of us told.
            self._rows.set_taken_back(row.id)
        self._transit.never_leaves(row)

    def _wait_again(self, payload: PayloadRow) -> None:
        """Nothing of a payload is live; it is to be sealed anew."""
        self._payloads.seal_again(payload)
        if payload.message is not None:
            # When it lapsed stays, since it says that it was sealed once.
            self._messages.uncount_carriers(payload.message)
            self._rows.forget_carriers(payload.message)
            self._pending_events.message_changed(payload.message)
