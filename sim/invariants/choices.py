"""The choices of people for themselves stay as they were made, over crashes too (S13, S25).

A node has confirmed each choice. What it shows of the conversation later must be that, until the
person chooses otherwise, or loses the disk on which it stood.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from mesh.commands.conversations import ConversationAnswer
from mesh.commands.introductions import IntroductionAnswer
from mesh.commands.items import ItemAnswer
from mesh.ids import UnixSeconds
from sim.invariants.invariants import S13, S25, BrokenInvariant

KEPT: Final = ("title", "draft", "draft_reply", "is_pinned", "muted_until")
"""The choices that nobody changes but the person. The title is what they call a contact; of what a
draft answers to it is the number.
"""

ROUNDED_S: Final = 1
"""Dates are of whole seconds."""

_NO_NEWS: Final = ("membership", "timer", "name")
"""Kinds of items that nobody wrote to be read."""


@dataclass(frozen=True, slots=True)
class _Kept:
    value: object
    at: int


@dataclass(slots=True)
class Choices:
    """The choices that nodes have confirmed. Times are virtual microseconds."""

    _kept: dict[tuple[int, int, str], _Kept] = field(default_factory=dict)
    """By node, conversation and name. Of one in the archive: the date on which it came there."""

    _declined: dict[tuple[int, str], int] = field(default_factory=dict)
    """When an introduction was declined, by node and which it is."""

    _hushed: dict[tuple[int, int], int] = field(default_factory=dict)
    """Since when somebody tells another one nothing of what they read: by both nodes."""

    def keep(self, node: int, conversation: int, name: str, value: object, now: int) -> None:
        """A node says that it keeps what its user chose; `name` is one of `KEPT`."""
        assert name in KEPT
        self._kept[node, conversation, name] = _Kept(value, now)

    def archive(
        self, node: int, conversation: ConversationAnswer, now: int, date: UnixSeconds
    ) -> None:
        """A node says that a conversation lies in the archive from now on, or no longer. `date`:
        by the node's own clock.
        """
        place = node, conversation.number, "is_archived"
        self._kept.pop(place, None)
        if conversation.is_archived:
            self._kept[place] = _Kept(date, now)

    def forget(self, node: int, since: int) -> None:
        """A node lost what its vault had learned since then."""
        self._kept = {
            place: kept for place, kept in self._kept.items() if place[0] != node or kept.at < since
        }
        self._declined = {
            place: at for place, at in self._declined.items() if place[0] != node or at < since
        }
        self._hushed = {
            pair: at for pair, at in self._hushed.items() if pair[0] != node or at < since
        }

    def decline(self, node: int, introduction: IntroductionAnswer, now: int) -> None:
        """A node says that its user declined to be introduced to somebody."""
        if introduction.state == "declined":
            self._declined[node, _named(introduction)] = now

    def require_new(self, node: int, introduction: IntroductionAnswer) -> None:
        """An introduction waits for an answer: nobody has declined it."""
        if (node, _named(introduction)) in self._declined:
            detail = f"an introduction to {introduction.key[:8]} was declined, and waits again"
            raise BrokenInvariant(S25, detail, node)

    def hush(self, node: int, other: int, now: int) -> None:
        """A node says that another one's user learns no longer what is read of theirs."""
        self._hushed[node, other] = now

    def speak(self, node: int, other: int) -> None:
        """Somebody lets another one know again what they read, or may do so."""
        self._hushed.pop((node, other), None)

    def is_hushed(self, node: int, other: int, at: int) -> bool:
        """Say whether of what was written at a time nothing is told as read."""
        return at > self._hushed.get((node, other), at)

    def hold(self, node: int, shown: ConversationAnswer, items: Sequence[ItemAnswer] = ()) -> None:
        """Hold what a node shows of a conversation, and its items, against what its user chose."""
        for name in KEPT:
            kept, value = self._kept.get((node, shown.number, name)), _shown(shown, name)
            # A draft answers to nothing any more when the words of that are gone.
            if kept is not None and value is not None and value != kept.value:
                detail = f"the {name} {kept.value!r} of a conversation is shown as {value!r}"
                raise BrokenInvariant(S13, detail, node)
        since = self._kept.get((node, shown.number, "is_archived"))
        if since is None or not shown.is_archived:
            return
        assert isinstance(since.value, int)
        # While it was muted news left it where it lay.
        quiet_to = max(since.value, shown.muted_until) + ROUNDED_S
        for item in items:
            is_news = item.kind not in _NO_NEWS and not item.author.is_mine
            if is_news and item.received > quiet_to:
                detail = f"the item {item.number} came, and its conversation stays in the archive"
                raise BrokenInvariant(S25, detail, node)


def _named(introduction: IntroductionAnswer) -> str:
    return f"{introduction.id} {introduction.key}"


def _shown(shown: ConversationAnswer, name: str) -> object:
    if name == "draft_reply":
        return None if shown.draft_reply is None else shown.draft_reply.number
    return getattr(shown, name)
