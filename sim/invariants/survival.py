"""The survival of mail: what could come came, and its author was told what became of it.

What could come is said by time-respecting paths (`sim.invariants.paths`) over what the world gave
its nodes. A message is handed over as envelopes. Each lives for some days from when it was sealed,
and when it has lapsed unproven its author's node seals the message again, as long as it is kept:
the bound has an envelope for each that was made, and one where one was due and was not made.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from sim.invariants.invariants import L1, L11, BrokenInvariant
from sim.invariants.message_log import LoggedMessage, MessageLog
from sim.invariants.paths import Given, Span

HOP_US: Final = 300_000_000
"""So long a meeting lets two find each other, compare what they hold, and give a message on; also
after a kill, a lost announcement, or a clock that has to yield first."""

SEALED_AGAIN_US: Final = 2 * 3_600_000_000
"""So long after an envelope lapsed its author's node has run, with an open vault, and sealed the
message again: it looks once an hour, when its clock has been steady for one."""

TOLD_US: Final = 2 * 3_600_000_000
"""So long after it could know of a lapse, by the same measure, a node has told of it."""

CLOCKS_US: Final = 86_400_000_000
"""So much sooner than by the true time an envelope may be over for those whose clocks are wrong."""

OPENED: Final = ("delivered", "read", "delivered-then-withdrawn")

Fate = Literal["delivered", "told", "waiting", "lost", "expired-in-vain", "untold", "unproven"]
"""`delivered`: and its author reads so, or reads *expired* since no proof could come back.
`told`: it could not come, and its author knows. `waiting`: it is kept, and could not come yet.
The others are failures: it could come and did not; it was told as expired and could come before;
it could not come and its author was not told; it came and its author could know and was not told.
"""

FAILURES: Final[Mapping[Fate, str]] = {
    "lost": "could have come and did not",
    "expired-in-vain": "was told as expired and could have come before",
    "untold": "could not come, and its author was not told that it expired",
    "unproven": "came, and its author could have known it and was not told",
}


class Sealing(NamedTuple):
    """An envelope of a message: when it was sealed, and for how long it lives."""

    at: int
    lives_us: int
    lapses: int
    """At which time of a calendar it lapses: as it says itself, or if it was sealed by one that was
    behind, as one that was right would have said. It has to be sealed again when that shows."""


class Lived(NamedTuple):
    """The time in which an envelope lived, or one should have."""

    during: Span
    lapses: int


@dataclass(slots=True)
class Sealings:
    """The envelopes in which each message was sealed."""

    now: Callable[[], int]
    _of: dict[tuple[int, int], list[Sealing]] = field(init=False, default_factory=dict)

    def sealed(self, node: int, message: int, lives_us: int, lapses: int) -> None:
        """A node sealed a message of its vault, which has this number there."""
        now = self.now()
        sealing = Sealing(now, lives_us, max(lapses, now + lives_us))
        self._of.setdefault((node, message), []).append(sealing)

    def of(self, node: int, message: int) -> list[Sealing]:
        """All of one message, in order."""
        return self._of.get((node, message), [])


@dataclass(slots=True)
class Survival:
    """Judges the messages of one world. `given` is what it gave its nodes up to now."""

    message_log: MessageLog
    sealings: Sealings
    given: Callable[[], Given]
    now: Callable[[], int]
    kept_us: int
    """A message is kept so long from when it was written."""

    retired_us: int
    """A node may wait so long before it tells that it opened an envelope."""

    relayed_us: int
    """Each that passes this on may wait so long."""

    is_noting: bool
    """Without it nothing of a world can lapse, and there is nothing to judge."""

    _given: tuple[int, Given] | None = field(init=False, default=None)
    _final: dict[int, int | None] = field(init=False, default_factory=dict)

    def could_come(self, message: LoggedMessage, until: int) -> int | None:
        """Return when a message could have come first, if it could by then."""
        given = self._now_given()
        for (begins, ends), lapses in self._envelopes(message, given):
            if begins >= until:
                break
            during = (begins, min(ends, until))
            at = given.arrival(
                message.sender, message.recipient, during, hop_us=HOP_US, lapses=lapses
            )
            opened_at = None if at is None else given.open_after(message.recipient, at)
            if opened_at is not None and opened_at <= during[1]:
                return opened_at
        return None

    def is_past_saving(self, message: LoggedMessage) -> bool:
        """Say whether a message is kept no longer, and could never come."""
        ends = self._kept_until(message)
        if not self.is_noting or self.now() < ends + TOLD_US:
            return False
        if message.number not in self._final:
            self._final[message.number] = self.could_come(message, ends)
        return self._final[message.number] is None

    def fates(self) -> dict[int, Fate]:
        """Return what became of each message that was confirmed and is demanded."""
        return {
            message.number: self._fate(message)
            for message in self.message_log.messages
            if message.confirmed_at is not None and not self.message_log.is_excused(message)
        }

    def require_true_ends(self, phase_of: Callable[[LoggedMessage], str]) -> None:
        """L1 and L11, of a world in which not all need come together any more."""
        for number, fate in self.fates().items():
            if fate in FAILURES:
                message = self.message_log.messages[number]
                detail = (
                    f"the message {number} of node {message.sender} for node {message.recipient}, "
                    f"written at {message.asked_at / 1e6:.1f} s ({phase_of(message)}), "
                    f"{FAILURES[fate]}"
                )
                at = self.could_come(message, self.now())
                if at is not None:
                    detail += f"; a path was there at {at / 1e6:.1f} s"
                is_lost = fate in ("lost", "expired-in-vain")
                node = message.recipient if is_lost else message.sender
                raise BrokenInvariant(L1 if is_lost else L11, detail, node)

    def require_all_said(self) -> None:
        """L11, of a world at rest: who wrote what was delivered reads so."""
        for message in self.message_log.messages:
            is_due = message.delivered_at is not None and message.confirmed_at is not None
            is_known = message.state in (*OPENED, "withdrawn") or self.message_log.is_excused(
                message
            )
            if is_due and not is_known:
                detail = f"the message {message.number} was delivered and is told as "
                raise BrokenInvariant(L11, f"{detail}{message.state}", message.sender)

    def _fate(self, message: LoggedMessage) -> Fate:
        now = self.now()
        expired_at = message.told_expired_at
        is_in_vain = expired_at is not None and not _has_come(message, expired_at)
        if is_in_vain and self.could_come(message, expired_at or 0) is not None:
            return "expired-in-vain"
        if message.delivered_at is not None:
            is_unproven = message.state not in OPENED and self._could_be_proven(message)
            return "unproven" if is_unproven else "delivered"
        if self.could_come(message, now) is not None:
            return "lost"
        if message.state == "expired":
            return "told"
        # What was sealed just before the end of its time may still come while it lives.
        ends = [made.at + made.lives_us for made in self._made(message)]
        over_at = max([self._kept_until(message), *ends])
        is_due = self._now_given().open_for(message.sender, over_at, TOLD_US) is not None
        return "untold" if is_due else "waiting"

    def _could_be_proven(self, message: LoggedMessage) -> bool:
        """Say whether a proof of delivery could have come back, while its envelope lived."""
        given = self._now_given()
        for (begins, over), lapses in self._envelopes(message, given):
            ends = min(over, self.now())
            at = given.arrival(
                message.sender, message.recipient, (begins, ends), hop_us=HOP_US, lapses=lapses
            )
            opened_at = None if at is None else given.open_after(message.recipient, at)
            if opened_at is None:
                continue
            back = (opened_at + self.retired_us, ends)
            hop_us = HOP_US + self.relayed_us
            back_at = given.arrival(
                message.recipient, message.sender, back, hop_us=hop_us, lapses=lapses
            )
            if back_at is not None and given.open_after(message.sender, back_at) is not None:
                return True
        return False

    def _envelopes(self, message: LoggedMessage, given: Given) -> list[Lived]:
        """Return when an envelope of it lived, or one should have."""
        made = self._made(message)
        if not made:
            return []
        if message.vanishes_after_us:
            # When it has disappeared it is not sealed again; what is sealed lives to its end.
            return [Lived((at, at + lives_us - CLOCKS_US), lapses) for at, lives_us, lapses in made]
        kept_until = message.asked_at + self.kept_us
        (at, lives_us, lapses), rest = made[0], made[1:]
        lived: list[Lived] = []
        while at < kept_until:
            lived.append(Lived((at, min(at + lives_us - CLOCKS_US, kept_until)), lapses))
            due = given.open_for(message.sender, at + lives_us, SEALED_AGAIN_US)
            if rest and (due is None or rest[0].at <= due):
                (at, lives_us, lapses), rest = rest[0], rest[1:]
            elif due is not None:
                at, lapses = due, due + lives_us
            else:
                break
        return lived

    def _kept_until(self, message: LoggedMessage) -> int:
        """Return until when a message is wanted, as its author knows."""
        if not message.vanishes_after_us:
            return message.asked_at + self.kept_us
        ends = [made.at + made.lives_us for made in self._made(message)]
        return max([message.asked_at + message.vanishes_after_us, *ends])

    def _made(self, message: LoggedMessage) -> list[Sealing]:
        return self.sealings.of(message.sender, message.number_there)

    def _now_given(self) -> Given:
        now = self.now()
        if self._given is None or self._given[0] != now:
            self._given = (now, self.given())
        return self._given[1]


def _has_come(message: LoggedMessage, by: int) -> bool:
    return message.delivered_at is not None and message.delivered_at <= by
