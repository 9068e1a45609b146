"""Somebody at a node: what they asked and have no answer to, and whom they know.

A user asks the node as its page would, and asks again after a crash what was not answered:
a message under the same idempotency key, so that a repeated one stays one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.commands.identity import AskIdentity, CreateIdentity
from mesh.errors import UserError
from sim.hosts.virtual_node import VirtualNode
from sim.kernel.loop import Loop

LOCKED_AGAIN_US: Final = 5_000_000
"""After so long somebody whose vault was locked tries again."""

Then = Callable[[Answer], None]
Refused = Callable[[Command, UserError], None]


def _as_it_is(_: Command, then: Then) -> Then:
    """Nobody listens."""
    return then


@dataclass(frozen=True, slots=True)
class _Question:
    """Something asked that a crash may leave without an answer."""

    command: Command
    then: Then


@dataclass(slots=True)
class User:
    """The user of a node. `index` is who they are: on a cloned machine, the cloned one."""

    index: int
    node: VirtualNode
    loop: Loop
    refused: Refused
    reach: Callable[[str], None]
    identity_key: str = ""
    contacts: dict[int, str] = field(default_factory=dict)
    """Node of a contact -> key. Who is in here may be written to."""

    authors: dict[int, int] = field(default_factory=dict)
    """Contact id of this profile -> the contact's node."""

    friends: dict[int, None] = field(default_factory=dict)
    """Whom they want to know, in order."""

    seen_to: int = 0
    """The highest message number of this profile that they were shown; below all at first."""

    is_reader: bool = False
    is_gone: bool = False
    """Whether their computer failed for ever: they ask nothing any more."""

    heard: Callable[[Command, Then], Then] = _as_it_is
    """Told of what they ask and what follows from the answer, and returns that."""

    _open: dict[int, _Question] = field(default_factory=dict)
    _count: int = 0

    @property
    def is_clone(self) -> bool:
        """Say whether this is the second machine of somebody."""
        return self.node.index != self.index

    @property
    def is_waiting(self) -> bool:
        """Say whether something asked has no answer yet."""
        return bool(self._open)

    def ask(self, command: Command, then: Then) -> None:
        """Ask the node, or keep the question until it runs."""
        if self.is_gone:
            return
        then = self.heard(command, then)
        number = self._count
        self._count += 1
        self._open[number] = _Question(command, then)
        self._put(number)

    def ask_again(self) -> None:
        """The node runs again: ask what it has not answered."""
        for number in list(self._open):
            self._put(number)

    def look_at_date(self, after_us: int) -> None:
        """They were told that a clock is wrong: if it is theirs they set it, so long after."""
        self.loop.after(after_us, self.node.set_clock_right)

    def leave(self) -> None:
        """Their computer failed for ever."""
        self.is_gone = True
        self._open.clear()
        self.contacts.clear()

    def forget(self, *, is_identity_lost: bool) -> None:
        """The disk was put back or lost: what was asked is asked no more, or would be done twice.

        Whoever was just making an identity goes on to do so.
        """
        self._open = {
            number: question
            for number, question in self._open.items()
            if isinstance(question.command, CreateIdentity | AskIdentity) and not is_identity_lost
        }
        self.contacts.clear()
        self.authors.clear()
        self.seen_to = 0
        if is_identity_lost:
            self.identity_key = ""

    def _put(self, number: int) -> None:
        if self.node.is_up and number in self._open:
            self.node.ask(self._open[number].command, partial(self._answered, number))

    def _answered(self, number: int, answer: Answer | UserError) -> None:
        question = self._open.get(number)
        if question is None:
            return
        if isinstance(answer, UserError) and answer.kind == "locked":
            self.reach("asked-while-locked")
            again = partial(self._put_locked, number, self.node.incarnation)
            self.loop.after(LOCKED_AGAIN_US, again)
            return
        if isinstance(answer, UserError) and answer.kind == "no-room":
            # They are told to try again, and do.
            again = partial(self._put_locked, number, self.node.incarnation)
            self.loop.after(LOCKED_AGAIN_US, again)
            return
        del self._open[number]
        if not isinstance(answer, UserError):
            self.reach(f"command-{type(question.command).__name__}")
            question.then(answer)
        elif isinstance(question.command, CreateIdentity):
            # The crash came after the commit and before the answer.
            self.ask(AskIdentity(), question.then)
        else:
            self.refused(question.command, answer)

    def _put_locked(self, number: int, incarnation: int) -> None:
        # After a restart it was asked again already.
        if self.node.incarnation == incarnation:
            self._put(number)
