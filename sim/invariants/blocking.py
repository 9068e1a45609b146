"""Nothing of whom a person blocked is shown, of what came meanwhile either, or sealed for them.

This is S26. A block holds from the moment that the node has confirmed it until its person asks to
end it. What came while it stood stays sealed after it, since here nobody asks for that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mesh.commands.contacts import ContactAnswer
from mesh.commands.conversations import ConversationAnswer
from mesh.commands.introductions import IntroductionAnswer
from mesh.commands.messages import MessageAnswer
from sim.invariants.invariants import S26, BrokenInvariant


@dataclass(frozen=True, slots=True)
class Looked:
    """All that a node lists at one instant, where whoever is blocked might stand."""

    contact: ContactAnswer
    conversation: ConversationAnswer
    conversations: Sequence[ConversationAnswer]
    messages: Sequence[MessageAnswer]
    introductions: Sequence[IntroductionAnswer]


@dataclass(slots=True)
class _Span:
    began_at: int
    ended_at: int | None = None

    def holds(self, at: int) -> bool:
        """Say whether a block stood then, for certain."""
        return self.began_at < at and (self.ended_at is None or at < self.ended_at)


@dataclass(slots=True)
class Blocking:
    """The contacts whom people at the nodes of one world have blocked, and since when.

    `came_at`: (node, message) -> when the envelope came of which it was opened there.
    """

    now: Callable[[], int]
    came_at: Callable[[int, int], int | None]
    blocks_count: int = field(init=False, default=0)
    looked_count: int = field(init=False, default=0)
    sealed_meanwhile_count: int = field(init=False, default=0)
    """Messages that came while their author was blocked, as nodes tell it afterwards."""

    _spans: dict[tuple[int, int], list[_Span]] = field(init=False, default_factory=dict)

    def begin(self, node: int, contact: int) -> None:
        """A node has confirmed to its person that a contact is blocked."""
        if not self.is_blocked(node, contact):
            self.blocks_count += 1
            self._spans.setdefault((node, contact), []).append(_Span(self.now()))

    def end(self, node: int, contact: int) -> None:
        """A person asks to end a block."""
        for span in self._spans.get((node, contact), []):
            span.ended_at = self.now() if span.ended_at is None else span.ended_at

    def forget(self, node: int) -> None:
        """A node lost what its vault had learned: it may know of no block."""
        self._spans = {place: spans for place, spans in self._spans.items() if place[0] != node}

    def is_blocked(self, node: int, contact: int) -> bool:
        """Say whether a contact of a node is blocked."""
        return any(span.ended_at is None for span in self._spans.get((node, contact), []))

    def require_silent(self, node: int, contact: int, what: str) -> None:
        """A node tells its person something of a contact."""
        if self.is_blocked(node, contact):
            raise BrokenInvariant(S26, f"{what} of somebody who is blocked is shown", node)

    def require_not_meanwhile(self, node: int, contact: int, message: int) -> None:
        """A node shows a message of a contact: it did not come while they were blocked."""
        came_at = self.came_at(node, message)
        if came_at is None:
            return
        if any(span.holds(came_at) for span in self._spans.get((node, contact), [])):
            detail = f"the message {message} came while its author was blocked, and is shown"
            raise BrokenInvariant(S26, detail, node)

    def sealing(self, node: int, contact: int) -> None:
        """A node seals something for a contact."""
        if self.is_blocked(node, contact):
            raise BrokenInvariant(S26, "something is sealed for somebody who is blocked", node)

    def require_unlisted(self, node: int, looked: Looked) -> None:
        """Hold what a node lists against a block that stood before and after that."""
        self.looked_count += 1
        contact = looked.contact
        counted = contact.unread_count or contact.sealed_count or contact.is_request
        if not contact.is_blocked or counted:
            raise BrokenInvariant(S26, f"of somebody who is blocked is told: {contact!r}", node)
        listed = [each for each in looked.conversations if each.contact == contact.id]
        for each in (looked.conversation, *listed):
            if each.last_item is not None or each.unread_count or each.help_count:
                raise BrokenInvariant(S26, "a list shows what somebody said who is blocked", node)
        if any(message.contact == contact.id for message in looked.messages):
            self.require_silent(node, contact.id, "a message in the list of all")
        if any(introduction.by == contact.label for introduction in looked.introductions):
            self.require_silent(node, contact.id, "an introduction")
