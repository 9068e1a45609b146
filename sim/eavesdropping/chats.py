"""A workload of conversations: pairs chat, and who was shown a message answers after a while.

Each pair talks as often as it is drawn to (log-normal), at exponential times. In a conversation
whoever was shown the last message writes the next one after a log-normal delay, or, less often,
whoever wrote it writes once more. Most people answer within minutes and some after hours, which
is what a log-normal law says well of mail and chats alike.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from sim.kernel.entropy import Chance
from sim.kernel.loop import Loop

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ChatLaws:
    """The laws by which people chat. Times in seconds."""

    every_s: float = 2_400
    """Between two conversations of a pair, in the mean over pairs."""

    spread: float = 0.6
    """Sigma of how often pairs talk (log-normal)."""

    messages: float = 6
    """In a conversation, in the mean (geometric)."""

    reply_s: float = 60
    """The median of what a reply takes from when the message was shown."""

    reply_sigma: float = 1.0
    again_share: float = 0.2
    """So many messages are followed by one of the same writer."""


@dataclass(slots=True)
class Chats:
    """All conversations of one world; `write` says that somebody writes to somebody."""

    loop: Loop
    laws: ChatLaws
    chance: Chance
    until_us: int
    write: Callable[[int, int], None]
    _left: dict[Pair, int] = field(default_factory=dict)
    """Messages to come in the conversation of a pair."""

    def plan(self, pairs: Sequence[Pair], from_us: int) -> None:
        """Plan the first conversation of each pair."""
        for pair in pairs:
            mean_us = self.laws.every_s * 1e6 / self._lognormal(self.laws.spread)
            self._plan_next(pair, mean_us, from_us)

    def shown(self, author: int, recipient: int) -> None:
        """Somebody was shown a message, and the conversation goes on, or is over."""
        pair = (min(author, recipient), max(author, recipient))
        left = self._left.get(pair, 0)
        if left <= 0:
            return
        self._left[pair] = left - 1
        delay_us = round(self.laws.reply_s * 1e6 * self._lognormal(self.laws.reply_sigma))
        is_again = self.chance.is_true(self.laws.again_share)
        writer, reader = (author, recipient) if is_again else (recipient, author)
        if self.loop.now + delay_us < self.until_us:
            self.loop.after(delay_us, partial(self.write, writer, reader))

    def _plan_next(self, pair: Pair, mean_us: float, when: int) -> None:
        when += self.chance.exponential(mean_us)
        if when < self.until_us:
            self.loop.at(when, partial(self._begin, pair, mean_us))

    def _begin(self, pair: Pair, mean_us: float) -> None:
        self._plan_next(pair, mean_us, self.loop.now)
        more = 1 - 1 / self.laws.messages
        draw = max(self.chance.fraction(), 1e-12)
        self._left[pair] = int(math.log(draw) / math.log(more))
        one, other = pair
        if self.chance.is_true(0.5):
            one, other = other, one
        self.write(one, other)

    def _lognormal(self, sigma: float) -> float:
        """A number whose median is 1 (Box and Muller)."""
        radius = math.sqrt(-2 * math.log(1 - self.chance.fraction()))
        return math.exp(sigma * radius * math.cos(2 * math.pi * self.chance.fraction()))


def drawn_pairs(people: Sequence[int], degree: float, chance: Chance) -> list[Pair]:
    """Draw who knows whom: everybody somebody, and `degree` others in the mean."""
    pairs: dict[Pair, None] = {}
    if len(people) < 2:
        return []
    for one in people:
        if not any(one in pair for pair in pairs):
            other = chance.pick([person for person in people if person != one])
            pairs[min(one, other), max(one, other)] = None
    most = len(people) * (len(people) - 1) // 2
    while len(pairs) < min(most, round(len(people) * degree / 2)):
        one, other = chance.pick(people), chance.pick(people)
        if one != other:
            pairs[min(one, other), max(one, other)] = None
    return sorted(pairs)
