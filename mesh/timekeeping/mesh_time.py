"""Mesh time: the own clock, corrected by what the peers' clocks say.

Implements `docs/protocol/posting.md`, section "Mesh time". Clocks of real laptops are wrong. Of at
least three links, the largest group of clocks within ten minutes corrects the own clock, which is
itself one of them. With fewer links a clock that is earlier than this release, or than the newest
stored envelope, yields to a peer's. What is made here bears mesh time; nothing lapses by it, for
which there is another clock (`expiry_clock.py`).

Theory of operation. Whoever follows others says their time, not its own. Were that counted like
another clock, one wrong clock and two that yielded to it would outvote the right ones. So each word
says whether its sender's own clock stands behind it, and only those that are *vouched* for make a
group. After a correction or a jump a node says its time again on its links, or they would keep a
word that does not hold any more. Two groups could then correct each other for ever; so a link
carries few such words each way, and whatever peers say, a node comes to rest.

A difference below ten minutes is left alone. Each word is rounded down, so nodes that followed
each other's every second would drift into the past together; so they follow their own clocks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from mesh.ids import Instant, LinkId, Monotonic, UnixSeconds
from mesh.limits.admission import CREATED_AHEAD_SECONDS_MAX
from mesh.limits.timekeeping import CLOCKS_AGREE_SECONDS, TIME_INTERVAL_MS, TIMES_PER_LINK_MAX
from mesh.timekeeping.expiry_clock import DRIFT_TOLERATED_SECONDS, RELEASED, ExpiryClock

LINKS_MIN: Final = 3
SHOWN_FROM_S: Final = 60
DISPUTE_S: Final = 86_400
_LATEST: Final = (1 << 32) - 10
"""The last mesh time that a header can say; a peer that claims it must not stop us."""


class ToldTime(NamedTuple):
    """A node's word on the time. It is vouched if its own clock says so and is not known wrong."""

    mesh_time: UnixSeconds
    is_vouched: bool


@dataclass(slots=True)
class _Word:
    """The last words of both sides of a link on the time."""

    difference_s: int
    is_vouched: bool
    # Ours, as seconds ahead of the steady clock: so it goes on while nothing jumps.
    said_ahead_s: int
    is_said_vouched: bool
    heard_again_count: int = 0
    said_again_count: int = 0
    quiet_until: Monotonic | None = None

    def is_outdated(self, ahead_s: int, *, is_vouched: bool) -> bool:
        """Say whether what we said does not hold any more."""
        is_moved = abs(self.said_ahead_s - ahead_s) > CLOCKS_AGREE_SECONDS
        return is_moved or self.is_said_vouched != is_vouched


class MeshClock:
    """One node's idea of the time, from its own clock and what its links say.

    `expiry` is the clock by which things lapse, beside it.
    """

    def __init__(
        self, released: UnixSeconds = RELEASED, *, expiry: ExpiryClock | None = None
    ) -> None:
        self.expiry: Final = expiry or ExpiryClock(released=released)
        self._earliest = released
        self._words: dict[LinkId, _Word] = {}
        self._offset_s = 0
        self._last: Instant | None = None
        # Whether some link may have to hear our time again, and when it may at the earliest.
        self._is_unsaid = False
        self._unsaid_until: Monotonic | None = None
        self._told: list[str] = []
        self._clock_notices: list[str] = []
        self._untold: list[str] = []

    def at(self, now: Instant) -> Instant:
        """A reading of the own clocks with mesh time and expiry time; notices when the own clock
        has jumped.
        """
        self._notice_jump(now)
        mesh = UnixSeconds(min(max(now.unix_seconds + self._offset_s, 0), _LATEST))
        read = Instant(now.monotonic, now.wall, mesh, self.expiry.read(now, mesh))
        self._say(self._clock_notices, [doubt] if (doubt := self.expiry.find_doubt(now)) else [])
        return read

    def is_vouched(self, now: Instant) -> bool:
        """Say whether mesh time is what the own clock says, and that is not certainly wrong."""
        return not self._offset_s and not self._is_early(now)

    def observe(self, link: LinkId, heard: ToldTime, *, said: ToldTime, now: Instant) -> None:
        """A link is ready: both sides have said what time it is there."""
        self._words[link] = _Word(
            difference_s=heard.mesh_time - now.unix_seconds,
            is_vouched=heard.is_vouched,
            said_ahead_s=_ahead(said.mesh_time, now),
            is_said_vouched=said.is_vouched,
        )
        # Our word may be a handshake old.
        self._is_unsaid = True
        self._correct(now)

    def observe_again(self, link: LinkId, heard: ToldTime, now: Instant) -> None:
        """A peer's time has moved; more words than an honest node says are passed over."""
        word = self._words.get(link)
        if word is None or word.heard_again_count >= TIMES_PER_LINK_MAX:
            return
        word.heard_again_count += 1
        word.difference_s = heard.mesh_time - now.unix_seconds
        word.is_vouched = heard.is_vouched
        self._correct(now)

    def take_told(self, now: Instant) -> list[tuple[LinkId, ToldTime]]:
        """The links on which our time is to be said again, since it has moved."""
        if not self._is_unsaid:
            return []
        told = ToldTime(self.at(now).mesh, self.is_vouched(now))
        ahead_s = _ahead(told.mesh_time, now)
        links: list[LinkId] = []
        waiting: list[Monotonic] = []
        for link, word in self._words.items():
            if word.said_again_count >= TIMES_PER_LINK_MAX:
                continue
            if not word.is_outdated(ahead_s, is_vouched=told.is_vouched):
                continue
            if word.quiet_until is not None and now.monotonic < word.quiet_until:
                waiting.append(word.quiet_until)
                continue
            word.said_ahead_s, word.is_said_vouched = ahead_s, told.is_vouched
            word.said_again_count += 1
            word.quiet_until = now.after(TIME_INTERVAL_MS)
            links.append(link)
        self._unsaid_until = min(waiting, default=None)
        self._is_unsaid = bool(waiting)
        return [(link, told) for link in links]

    @property
    def has_news(self) -> bool:
        """Say whether links may have to be told, or our person."""
        return self._is_unsaid or bool(self._untold)

    def deadline(self) -> Monotonic | None:
        """Return when `take_told` wants to be called."""
        return self._unsaid_until

    def stored(self, created: UnixSeconds) -> None:
        """An envelope of this second is in the store: it is later than a day before that by now.

        It was admitted though it may have been a day ahead; that it is proves nothing. Nor does one
        that is months later than the own clock ever was: neighbours told a wrong time then.
        """
        proven = UnixSeconds(self.expiry.proven(created) - CREATED_AHEAD_SECONDS_MAX)
        self._earliest = max(self._earliest, proven)

    def forget(self, link: LinkId) -> None:
        """A link ended; what it taught us stays until others say otherwise."""
        self._words.pop(link, None)

    def differences(self) -> list[int]:
        """Return how far the clocks that neighbours vouch for are ahead of ours, in seconds, in
        order.
        """
        return sorted(word.difference_s for word in self._words.values() if word.is_vouched)

    def notices(self) -> list[str]:
        """Return what a person should know of the time now."""
        return [*self._clock_notices, *self._told]

    def take_notices(self) -> list[str]:
        """The notices that are new since the last call."""
        untold, self._untold = self._untold, []
        return untold

    def _notice_jump(self, now: Instant) -> None:
        last, self._last = self._last, now
        if last is None:
            return
        passed_us = now.monotonic - last.monotonic
        jumped_us = now.wall - last.wall - passed_us
        if abs(jumped_us) > DRIFT_TOLERATED_SECONDS * 1_000_000:
            self.expiry.jumped(now)
            jumped_s = jumped_us // 1_000_000
            for word in self._words.values():
                word.difference_s -= jumped_s
            self._is_unsaid = True
            if self._offset_s:
                # The peers have said what time it is; that goes on. Somebody who sets a
                # wrong clock right makes the correction needless by it.
                self._offset_s = _beyond_agreement(self._offset_s - jumped_s)
            self._correct(now)

    def _is_early(self, now: Instant) -> bool:
        """Say whether the own clock is certainly wrong."""
        return now.unix_seconds < self._earliest

    def _correct(self, now: Instant) -> None:
        is_early = self._is_early(now)
        vouched = sorted(word.difference_s for word in self._words.values() if word.is_vouched)
        agreed_s: int | None = None
        if len(self._words) >= LINKS_MIN:
            # The own clock is a witness too, unless it is known to be wrong.
            agreed_s = _largest_group(vouched if is_early else sorted([*vouched, 0]))
            if not is_early and _are_most_near(vouched):
                self.expiry.agreed(now)
        offset_s = self._offset_s
        if agreed_s is not None:
            offset_s = _beyond_agreement(agreed_s)
        elif is_early:
            offset_s = self._yielding(vouched)
        elif _is_backed(0, vouched) and not _is_backed(offset_s, vouched):
            # Nobody of those who said otherwise is here any more.
            offset_s = 0
        self._is_unsaid = self._is_unsaid or offset_s != self._offset_s
        self._offset_s = offset_s
        self._judge(vouched, now)
        self._tell(is_agreed=agreed_s is not None)

    def _judge(self, vouched: Sequence[int], now: Instant) -> None:
        """Tell the clock of what lapses whether neighbours refute the own calendar."""
        if self._offset_s < -DISPUTE_S or (vouched and vouched[-1] < -DISPUTE_S):
            self.expiry.judged(now, is_refuted=True)
        elif any(abs(one) <= DISPUTE_S for one in vouched):
            is_sure = all(abs(one) <= DISPUTE_S for one in vouched)
            self.expiry.judged(now, is_refuted=False, is_sure=is_sure)

    def _yielding(self, vouched: Sequence[int]) -> int:
        """The correction of a clock that is certainly wrong, while no group tells the time."""
        if vouched:
            if len(self._words) >= LINKS_MIN and _is_backed(self._offset_s, vouched):
                return self._offset_s
            return max(0, vouched[-1])
        if self._offset_s:
            return self._offset_s
        return max(0, *(word.difference_s for word in self._words.values()), 0)

    def _tell(self, *, is_agreed: bool) -> None:
        told: list[str] = []
        differences = [word.difference_s for word in self._words.values()]
        if abs(self._offset_s) >= SHOWN_FROM_S:
            told.append(
                f"This computer's clock is {_in_words(self._offset_s)}; the neighbours' time is"
                " used for mail."
            )
        elif not is_agreed and any(abs(one) >= DISPUTE_S for one in differences):
            told.append(
                "This computer's clock and a neighbour's differ by a day or more, and none can"
                " tell who is right; check the date."
            )
        self._say(self._told, told)

    def _say(self, said: list[str], told: list[str]) -> None:
        """Keep in `said` what a person is told now; what was not told before is news."""
        self._untold += [notice for notice in told if notice not in said]
        said[:] = told


def _ahead(mesh_time: UnixSeconds, now: Instant) -> int:
    return mesh_time - now.monotonic // 1_000_000


def _largest_group(clocks: Sequence[int]) -> int | None:
    """The middle of those, in order, with most others close by; None if two groups are as large.

    One clock alone is no group.
    """
    sizes = [sum(abs(one - other) <= CLOCKS_AGREE_SECONDS for other in clocks) for one in clocks]
    largest = max(sizes, default=0)
    centres = [one for one, size in zip(clocks, sizes, strict=True) if size == largest]
    if largest < 2 or centres[-1] - centres[0] > CLOCKS_AGREE_SECONDS:
        return None
    return centres[len(centres) // 2]


def _is_backed(offset_s: int, vouched: Sequence[int]) -> bool:
    """Say whether somebody who vouches for it tells this time."""
    return any(abs(one - offset_s) <= CLOCKS_AGREE_SECONDS for one in vouched)


def _are_most_near(vouched: Sequence[int]) -> bool:
    """Say whether most of those who vouch, and two at least, tell the time of the own clock."""
    near_count = sum(abs(one) <= CLOCKS_AGREE_SECONDS for one in vouched)
    return near_count >= 2 and 2 * near_count > len(vouched)


def _beyond_agreement(offset_s: int) -> int:
    return offset_s if abs(offset_s) > CLOCKS_AGREE_SECONDS else 0


def _in_words(offset_s: int) -> str:
    side = "behind" if offset_s > 0 else "ahead"
    minutes = abs(offset_s) // 60
    if minutes < 120:
        return f"{minutes} minutes {side}"
    hours = minutes // 60
    return f"{hours} hours {side}" if hours < 48 else f"{hours // 24} days {side}"
