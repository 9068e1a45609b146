"""The words of peers that they hold bodies, until the vault writes down those about ours.

Implements `docs/protocol/spreading.md`, section "Held". Words wait for other work of the vault, and
at the latest for the next instant at which retirements are told too: a commit at once would
show whose the body is. The commit then is made whether one of them was about ours or none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mesh.ids import ContactId, Instant, LinkKey, Monotonic
from mesh.limits.engine import HELD_KEPT_MAX
from mesh.replication.retiring import gathered_after


@dataclass(frozen=True, slots=True)
class Holder:
    """The peer of a link: its key there, and the contact whose node it is, if that is known."""

    key: LinkKey
    contact: ContactId | None


@dataclass(frozen=True, slots=True)
class Word:
    """A peer holds these bodies, by the first bytes of their ids."""

    holder: Holder
    short_ids: Sequence[bytes]


class CarrierWords:
    """The words that wait."""

    def __init__(self) -> None:
        self._words: list[Word] = []
        self._due: Monotonic | None = None

    def said(self, word: Word, pause_ms_max: int, now: Instant) -> None:
        """A peer said something that counts; of what it says the word holds what is about ours."""
        if word.short_ids:
            self._words = [*self._words[-HELD_KEPT_MAX:], word]
        if self._due is None:
            self._due = gathered_after(0, pause_ms_max, now)

    def deadline(self) -> Monotonic | None:
        """Return when they are written at the latest."""
        return self._due

    def is_due(self, now: Instant) -> bool:
        """Say whether they have waited for long enough."""
        return self._due is not None and self._due <= now.monotonic

    def take(self) -> list[Word]:
        """Return those that wait; none does any more."""
        taken, self._words, self._due = self._words, [], None
        return taken
