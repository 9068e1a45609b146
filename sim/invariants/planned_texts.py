"""Texts for later: none is sent before its time (S25), and none that a node keeps is lost (S13).

A node has said when it sends a text, between two or in a group. From then on it lists the text as
one that waits, with the reason where it could not be sent, or has written it: also after a crash,
and unless its person calls it off. Texts are told apart by their first word, which nobody changes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from mesh.commands.items import ItemAnswer
from mesh.commands.scheduled import ScheduledAnswer
from mesh.database import Connection
from sim.invariants.invariants import S13, S25, BrokenInvariant

LATER_TOLERANCE_US: Final = 2_000_000
"""Seconds of a date are whole ones, and a node's clock is set by such steps."""

_WRITTEN: Final = "SELECT 1 FROM entries WHERE send_key = ?"
_STANDS: Final = "SELECT 1 FROM conversations WHERE number = ?"


def _nothing(_: ItemAnswer) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A text that a node is to send. Times are virtual microseconds."""

    conversation: int
    send_key: str
    told_at: int
    """When the node said so last."""

    not_before_us: int
    sent: Callable[[ItemAnswer], None] = _nothing
    """Told of what the node shows of it when it is sent."""


@dataclass(slots=True)
class PlannedTexts:
    """All of one world that wait for their time, by node and first word."""

    _waiting: dict[tuple[int, str], Planned] = field(default_factory=dict)
    _just_sent: tuple[int, dict[tuple[int, str], None]] = field(default_factory=lambda: (0, {}))
    """At which instant the last were sent, and which."""

    held_count: int = 0
    """Texts that were looked for at the end."""

    def plan(self, node: int, text: str, planned: Planned) -> None:
        """A node says that it sends a text, or that it sends it at another time than it said.

        S25 if it said a moment before that it is sent.
        """
        place, (sent_at, sent) = (node, _word(text)), self._just_sent
        if sent_at == planned.told_at and place in sent:
            _require_due(node, text, planned, sent_at)
            return
        self._waiting[place] = planned

    def call_off(self, node: int, text: str) -> None:
        """A node says that it does not send a text."""
        self._waiting.pop((node, _word(text)), None)

    def has(self, node: int) -> bool:
        """Say whether something of a node waits, as far as its person was told."""
        return any(of == node for of, _ in self._waiting)

    def sent(self, node: int, item: ItemAnswer, now: int) -> None:
        """A node says that an item of its person stands in a conversation: S25, if it was a text
        for later and its time has not come.
        """
        place = node, _word(item.text)
        if self._just_sent[0] != now:
            self._just_sent = (now, {})
        self._just_sent[1][place] = None
        planned = self._waiting.pop(place, None)
        if planned is None:
            return
        _require_due(node, item.text, planned, now)
        planned.sent(item)

    def forget(self, node: int, since: int) -> None:
        """A node lost what its vault had learned since then."""
        self._waiting = {
            place: planned
            for place, planned in self._waiting.items()
            if place[0] != node or planned.told_at < since
        }

    def require_kept(self, node: int, listed: Sequence[ScheduledAnswer], vault: Connection) -> None:
        """S13: what a node was to send is listed, or written. A crash may have come between that
        and the word of it; and what was to go to somebody who was removed goes with them.
        """
        waiting = {_word(one.text) for one in listed}
        for (of, word), planned in self._waiting.items():
            if of != node:
                continue
            self.held_count += 1
            is_written = vault.execute(_WRITTEN, (planned.send_key,)).fetchone() is not None
            stands = vault.execute(_STANDS, (planned.conversation,)).fetchone() is not None
            if stands and word not in waiting and not is_written:
                detail = f"the text {word} was to be sent later, and is neither sent nor listed"
                raise BrokenInvariant(S13, detail, node)


def _require_due(node: int, text: str, planned: Planned, now: int) -> None:
    if now + LATER_TOLERANCE_US < planned.not_before_us:
        early_s = (planned.not_before_us - now) // 1_000_000
        detail = f"the text {_word(text)} is sent {early_s} s before it was to be"
        raise BrokenInvariant(S25, detail, node)


def _word(text: str) -> str:
    return text.partition(" ")[0]
