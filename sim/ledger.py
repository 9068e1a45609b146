"""The ledger: everything that people wrote, and everything that nodes showed them.

It raises `BrokenPromise` at the very step that breaks a promise. Texts are unique: each begins
with its number, so a delivery finds what was written.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sim.promises import L1, S2, S3, S4, S7, S13, BrokenPromise


@dataclass(slots=True)
class Letter:
    """A text on its way, as the ledger knows it. Times are virtual microseconds."""

    number: int
    sender: int
    recipient: int
    text: str
    asked_at: int
    confirmed_at: int | None = None
    delivered_at: int | None = None


@dataclass(slots=True)
class Ledger:
    """Everything that was written, and everything that was shown."""

    letters: list[Letter] = field(default_factory=list)
    confirmed_count: int = 0
    delivered_count: int = 0

    def ask(self, sender: int, recipient: int, filler: str, now: int) -> Letter:
        """Somebody is about to write: returns the letter with its unique text."""
        number = len(self.letters)
        letter = Letter(number, sender, recipient, f"{number:07d} {filler}", now)
        self.letters.append(letter)
        return letter

    def confirm(self, letter: Letter, now: int) -> None:
        """The sender's node says that the letter is durable: from now on it must arrive."""
        if letter.confirmed_at is None:
            letter.confirmed_at = now
            self.confirmed_count += 1

    def show(self, node: int, author: int | None, text: str, now: int) -> Letter:
        """A node shows a message to its person. `author`: whose contact it is shown under."""
        letter = self._letter_of(node, text)
        if letter.recipient != node:
            detail = f"the message {letter.number} for node {letter.recipient} is shown here"
            raise BrokenPromise(S7, detail, node)
        if letter.sender != author:
            detail = (
                f"the message {letter.number} of node {letter.sender} is shown as one of "
                f"{'somebody unknown' if author is None else f'node {author}'}"
            )
            raise BrokenPromise(S4, detail, node)
        if letter.delivered_at is not None:
            detail = f"the message {letter.number} of node {letter.sender} is shown again"
            raise BrokenPromise(S2, detail, node)
        letter.delivered_at = now
        self.delivered_count += 1
        return letter

    def hold_history(self, node: int, texts: Sequence[tuple[bool, str]]) -> None:
        """Hold a node's whole history, (is mine, text), against what was written and shown."""
        counts: dict[int, int] = {}
        for _, text in texts:
            number = self._letter_of(node, text).number
            counts[number] = counts.get(number, 0) + 1
        for letter in self.letters:
            is_due = (letter.recipient == node and letter.delivered_at is not None) or (
                letter.sender == node and letter.confirmed_at is not None
            )
            count = counts.get(letter.number, 0)
            if is_due and not count:
                detail = f"the message {letter.number} is no longer in the history"
                raise BrokenPromise(S13, detail, node)
            if count > 1:
                detail = f"the message {letter.number} stands {count} times in the history"
                raise BrokenPromise(S2, detail, node)

    def outstanding(self) -> list[Letter]:
        """What was confirmed and has not arrived."""
        if self.confirmed_count == 0:
            return []
        return [
            letter
            for letter in self.letters
            if letter.confirmed_at is not None and letter.delivered_at is None
        ]

    def require_all_delivered(self, phase_of: Callable[[Letter], str], waited_s: int) -> None:
        """L1; `phase_of` names the phase in which one was written, for the reason in words."""
        missing = self.outstanding()
        if missing:
            first = missing[0]
            detail = (
                f"{len(missing)} of {self.confirmed_count} messages have not arrived "
                f"{waited_s} s after the last fault; the first is {first.number}, of node "
                f"{first.sender} for node {first.recipient}, written at "
                f"{first.asked_at / 1_000_000:.1f} s ({phase_of(first)})"
            )
            raise BrokenPromise(L1, detail, first.recipient)

    def _letter_of(self, node: int, text: str) -> Letter:
        head = text[:7]
        number = int(head) if head.isascii() and head.isdigit() else -1
        if not 0 <= number < len(self.letters) or self.letters[number].text != text:
            raise BrokenPromise(S3, f"nobody wrote what is shown: {text[:40]!r}", node)
        return self.letters[number]
