"""The message log: everything that users wrote, and everything that nodes showed them.

It raises `BrokenInvariant` at the very step that breaks an invariant. Texts are unique: each begins
with its number, so a delivery finds what was written, and holds the run's marker, so that a
search finds it wherever it leaked to.

Who lost a disk has lost what was on it: `forget` says so, and `trouble` which messages may be
missing for it. Every other invariant holds all the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sim.invariants.choices import Choices
from sim.invariants.invariants import L1, L10, S2, S3, S4, S7, S13, S27, BrokenInvariant
from sim.invariants.planned_texts import PlannedTexts


@dataclass(slots=True)
class LoggedMessage:
    """A text on its way, as the message log knows it. Times are virtual microseconds."""

    number: int
    sender: int
    recipient: int
    text: str
    asked_at: int
    is_probe: bool = False
    confirmed_at: int | None = None
    delivered_at: int | None = None
    is_held: bool = False
    """Whether it must stand in its sender's history."""

    is_shown: bool = False
    """Whether it must stand in its recipient's history, and must not be shown again."""

    is_seen_by_clone: bool = False
    is_read: bool = False
    """Whether its recipient has looked at it."""

    is_withdrawn: bool = False
    """Whether its author asked to take it back."""

    is_taken_back_here: bool = False
    """Whether its author's node said that it is withdrawn before anybody else could have it."""

    is_retracted: bool = False
    """Whether its author asked to delete it everywhere."""

    edits: list[str] = field(default_factory=list)
    """The other words that its author asked to give it."""

    number_there: int = -1
    """The number that its author's node gave it."""

    state: str = ""
    """The last that its author's node told of it."""

    told_expired_at: int | None = None
    """The first moment at which that was that it has expired."""

    is_for_later: bool = False
    """Whether its author's node is to send it later: it is confirmed when that tells of it."""

    called_off_at: int | None = None
    """When its author's node said that it is not sent, of one that was to be sent later."""

    vanishes_after_us: int = 0
    """So long after it was sealed it disappears with its author, and after it was read with its
    reader; 0: never."""

    is_cut_off: bool = False
    """Whether it was on its way when one of the two removed the other, or stood in a store that
    was lost and in no other."""

    def edited(self) -> str:
        """Return other words that its author is about to give it."""
        self.edits.append(f"{self.text} {len(self.edits)}")
        return self.edits[-1]


def _never(message: LoggedMessage) -> bool:
    return False


def _always(node: int, message: int) -> bool:
    return True


@dataclass(slots=True)
class MessageLog:
    """Everything that was written, and everything that was shown."""

    marker: str = "marker"
    messages: list[LoggedMessage] = field(default_factory=list)
    confirmed_count: int = 0
    delivered_count: int = 0
    written_count: int = 0
    """Those that were confirmed, and those that were shown before: what is shown was written."""

    is_past_saving: Callable[[LoggedMessage], bool] = _never
    """Says whether a message is kept no longer and could never come."""

    may_have_left: Callable[[int, int], bool] = _always
    """(node, message) -> whether anybody but its author's node may have it."""

    taken_back_count: int = 0
    """Messages that were taken back before they left."""

    choices: Choices = field(default_factory=Choices)
    """What users chose of conversations, which stands on the same disks."""

    planned: PlannedTexts = field(default_factory=PlannedTexts)
    """Texts that are to be sent later, which stand there too."""

    _troubles: dict[int, int] = field(default_factory=dict)
    _troubles_between: dict[tuple[int, int], int] = field(default_factory=dict)
    _parted_at: dict[tuple[int, int], int] = field(default_factory=dict)

    def ask(
        self, sender: int, recipient: int, filler: str, now: int, *, is_probe: bool = False
    ) -> LoggedMessage:
        """Somebody is about to write: returns the message with its unique text."""
        number = len(self.messages)
        text = f"{number:07d} {self.marker} {filler}"
        message = LoggedMessage(number, sender, recipient, text, now, is_probe)
        self.messages.append(message)
        return message

    def confirm(self, message: LoggedMessage, now: int, *, is_clone: bool = False) -> None:
        """The sender's node says that the message is durable: from now on it must arrive."""
        message.is_held = not is_clone
        if message.confirmed_at is None:
            self.written_count += message.delivered_at is None
            message.confirmed_at = now
            self.confirmed_count += 1

    def show(
        self, node: int, author: int | None, text: str, now: int, *, is_clone: bool = False
    ) -> LoggedMessage:
        """A node shows a message to its user. `author`: whose contact it is shown under."""
        message = self.message_of(node, text)
        if message.recipient != node:
            detail = f"the message {message.number} for node {message.recipient} is shown here"
            raise BrokenInvariant(S7, detail, node)
        if message.sender != author:
            detail = (
                f"the message {message.number} of node {message.sender} is shown as one of "
                f"{'somebody unknown' if author is None else f'node {author}'}"
            )
            raise BrokenInvariant(S4, detail, node)
        if message.called_off_at is not None and not self.is_in_trouble(message.sender, node):
            detail = (
                f"the message {message.number} was sent, and its author was told that it is not"
            )
            raise BrokenInvariant(S13, detail, message.sender)
        if message.is_taken_back_here and not self.is_in_trouble(message.sender, node):
            detail = f"the message {message.number} is shown, and was taken back before it left"
            raise BrokenInvariant(S27, detail, node)
        if is_clone:
            message.is_seen_by_clone = True
            return message
        if message.is_shown:
            detail = f"the message {message.number} of node {message.sender} is shown again"
            raise BrokenInvariant(S2, detail, node)
        message.is_shown = True
        if message.delivered_at is None:
            self.written_count += message.confirmed_at is None
            message.delivered_at = now
            self.delivered_count += 1
        return message

    def forget(self, node: int, since: int) -> None:
        """A node lost what its vault had learned since then: it may be shown again, or never."""
        for message in self.messages:
            if message.recipient == node and (message.delivered_at or 0) >= since:
                message.is_shown = False
            if message.sender == node and (message.confirmed_at or 0) >= since:
                message.is_held = False
                # Others bear the number that they had: it stands with them in what is left.
                message.number_there = -1
            if message.sender == node:
                message.is_taken_back_here = False
                if (message.called_off_at or 0) >= since:
                    message.called_off_at = None
        self.choices.forget(node, since)
        self.planned.forget(node, since)

    def withdrawn(self, message: LoggedMessage, state: str) -> None:
        """The author's node says so of a message that they have asked it to take back."""
        is_here = not self.may_have_left(message.sender, message.number_there)
        if state == "withdrawn" and is_here and message.delivered_at is None:
            message.is_taken_back_here = True
            self.taken_back_count += 1

    def trouble(self, node: int, until: int) -> None:
        """Note that what was written to or by a node before `until` may be lost."""
        self._troubles[node] = max(until, self._troubles.get(node, 0))

    def trouble_between(self, one: int, other: int, until: int) -> None:
        """Note that what was written between two before `until` may be lost."""
        pair = (min(one, other), max(one, other))
        self._troubles_between[pair] = max(until, self._troubles_between.get(pair, 0))

    def part(
        self, node: int, other: int, now: int, is_on_its_way: Callable[[LoggedMessage], bool]
    ) -> None:
        """A user removes a contact, and with it all that was written between them.

        What is on its way need not arrive any more, nor what is written from now on. What was lost
        before is missed all the same.
        """
        self._parted_at[node, other] = now
        for message in self.messages:
            if {message.sender, message.recipient} == {
                node,
                other,
            } and message.delivered_at is None:
                # What is not confirmed yet is sealed after it.
                message.is_cut_off |= message.confirmed_at is None or is_on_its_way(message)

    def has_parted(self, node: int, other: int) -> bool:
        """Say whether a node need not have what was written between them any more."""
        return (node, other) in self._parted_at

    @property
    def written_to_parted_count(self) -> int:
        """Messages to somebody who had removed their author."""
        return sum(self._is_written_to_parted(message) for message in self.messages)

    def is_in_trouble(self, one: int, other: int) -> bool:
        """Say whether one of two had a fault by which they may have lost their session."""
        return one in self._troubles or other in self._troubles

    def is_in_trouble_at(self, node: int, at: int) -> bool:
        """Say whether what was written to or by a node at a time may be lost."""
        return at < self._troubles.get(node, 0)

    def hold_history(self, node: int, texts: Sequence[str], now: int) -> None:
        """Hold a node's whole history against what was written and shown."""
        counts: dict[int, int] = {}
        for text in texts:
            number = self.message_of(node, text).number
            counts[number] = counts.get(number, 0) + 1
        for message in self.messages:
            other = message.sender if message.recipient == node else message.recipient
            vanishes_after_us = message.vanishes_after_us
            may_go = message.is_retracted or (
                vanishes_after_us and now >= message.asked_at + vanishes_after_us
            )
            is_due = not (may_go or self.has_parted(node, other)) and (
                (message.recipient == node and message.is_shown)
                or (message.sender == node and message.is_held)
            )
            count = counts.get(message.number, 0)
            if is_due and not count:
                detail = f"the message {message.number} is no longer in the history"
                raise BrokenInvariant(S13, detail, node)
            if count > 1:
                detail = f"the message {message.number} stands {count} times in the history"
                raise BrokenInvariant(S2, detail, node)

    def outstanding(self) -> list[LoggedMessage]:
        """Return what must arrive and has not."""
        if self.confirmed_count == 0:
            return []
        return [
            message
            for message in self.messages
            if message.confirmed_at is not None
            and message.delivered_at is None
            and not (self.is_excused(message) or self.is_past_saving(message))
        ]

    def require_all_delivered(
        self, phase_of: Callable[[LoggedMessage], str], waited_s: int
    ) -> None:
        """L1 and L10; `phase_of` names the phase in which one was written."""
        missing = self.outstanding()
        if missing:
            first = missing[0]
            detail = (
                f"{len(missing)} of {self.confirmed_count} messages have not arrived "
                f"{waited_s} s after the last fault; the first is {first.number}, of node "
                f"{first.sender} for node {first.recipient}, written at "
                f"{first.asked_at / 1_000_000:.1f} s ({phase_of(first)})"
            )
            is_healing = self.is_in_trouble(first.sender, first.recipient)
            raise BrokenInvariant(L10 if is_healing else L1, detail, first.recipient)

    def message_of(self, node: int, text: str) -> LoggedMessage:
        """The message with this text; somebody must have written it."""
        head = text[:7]
        number = int(head) if head.isascii() and head.isdigit() else -1
        message = self.messages[number] if 0 <= number < len(self.messages) else None
        if message is None or text not in (message.text, *message.edits):
            raise BrokenInvariant(S3, f"nobody wrote what is shown: {text[:40]!r}", node)
        return message

    def retracted_of(self, node: int, number: int) -> LoggedMessage:
        """The message that bears a number at its author's node and was to be deleted everywhere."""
        for message in self.messages:
            is_theirs = (message.sender, message.number_there) == (node, number)
            if is_theirs and message.is_retracted:
                return message
        raise BrokenInvariant(S3, f"nobody deleted what has no words there: {number}", node)

    def gone_of(self, node: int, number: int) -> LoggedMessage | None:
        """Return which of the messages that disappear bears a number at its author's node."""
        for message in self.messages:
            is_theirs = (message.sender, message.number_there) == (node, number)
            if is_theirs and message.vanishes_after_us:
                return message
        return None

    def is_excused(self, message: LoggedMessage) -> bool:
        """Say whether nobody demands that a message arrives."""
        pair = (min(message.sender, message.recipient), max(message.sender, message.recipient))
        until = max(
            self._troubles.get(message.sender, 0),
            self._troubles.get(message.recipient, 0),
            self._troubles_between.get(pair, 0),
        )
        return (
            message.is_withdrawn
            or message.is_cut_off
            or message.asked_at < until
            or self._is_written_after_parting(message)
        )

    def _is_written_after_parting(self, message: LoggedMessage) -> bool:
        ways = ((message.sender, message.recipient), (message.recipient, message.sender))
        parted = [self._parted_at[way] for way in ways if way in self._parted_at]
        return any(message.asked_at >= parted_at for parted_at in parted)

    def _is_written_to_parted(self, message: LoggedMessage) -> bool:
        parted_at = self._parted_at.get((message.recipient, message.sender))
        return parted_at is not None and message.asked_at > parted_at
