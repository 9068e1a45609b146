"""People who block a contact for a while, look at their lists meanwhile, and end it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.commands.contacts import (
    AskContact,
    BlockContact,
    ContactAnswer,
    ContactDetailsAnswer,
)
from mesh.commands.conversations import (
    AskConversation,
    AskConversations,
    ConversationAnswer,
    ConversationsAnswer,
)
from mesh.commands.introductions import (
    AskIntroductions,
    Introduce,
    IntroductionsAnswer,
)
from mesh.commands.messages import AskMessages, MessagesAnswer
from mesh.limits.messages import MESSAGES_PER_PAGE_MAX
from sim.invariants.blocking import Blocking, Looked
from sim.invariants.invariants import S26, BrokenInvariant
from sim.users.user import User


@dataclass(slots=True)
class Blocks:
    """All blocks of one world, and what is to be seen of whom they are of."""

    blocking: Blocking
    _rounds: dict[tuple[int, str], int] = field(default_factory=dict)
    """How often the end of a block of somebody, by the person at a node, was asked for."""

    _endings: dict[tuple[int, str], Callable[[int], None]] = field(default_factory=dict)
    """Who is told of the end of the last block that had one."""

    _contacts: dict[tuple[int, str], int] = field(default_factory=dict)
    """The number that a node gives who is blocked there."""

    def block(self, user: User, key: str) -> None:
        """A person blocks a contact."""
        user.ask(BlockContact(key), partial(self._blocked, user, key, self._round(user, key)))

    def unblock(self, user: User, key: str, ended: Callable[[int], None]) -> None:
        """A person ends it: from now on nothing is demanded of what comes. `ended`: told when it
        had an end, in virtual microseconds; what is written from then on arrives.
        """
        place = user.node.index, key
        self._rounds[place] = self._round(user, key) + 1
        self._endings[place] = ended
        if place in self._contacts:
            self.blocking.end(user.node.index, self._contacts[place])
        user.ask(BlockContact(key, is_blocked=False), partial(self._unblocked, ended))

    def look(self, user: User, key: str) -> None:
        """A person looks at what is listed, and tries to introduce whom they blocked."""
        answers: list[Answer] = []
        asked: tuple[Command, ...] = (
            AskContact(key),
            AskConversation(key),
            AskConversations(),
            AskMessages(limit=MESSAGES_PER_PAGE_MAX),
            AskIntroductions(),
            AskContact(key),
        )
        whole = partial(self._looked, user, self._round(user, key), key, answers)
        for place, command in enumerate(asked):
            is_last = place == len(asked) - 1
            user.ask(command, partial(_came, answers, whole if is_last else None))
        others = [other for other in user.contacts.values() if other != key]
        if others and self._is_standing(user, key, self._round(user, key)):
            introduced = partial(self._introduced, user, key, self._round(user, key))
            user.ask(Introduce(key, others[0]), introduced)

    def _round(self, user: User, key: str) -> int:
        return self._rounds.get((user.node.index, key), 0)

    def _is_standing(self, user: User, key: str, asked: int) -> bool:
        """Say whether a block stands that stood when something was asked."""
        contact = self._contacts.get((user.node.index, key), 0)
        is_same = asked == self._round(user, key)
        return is_same and self.blocking.is_blocked(user.node.index, contact)

    def _blocked(self, user: User, key: str, asked: int, answer: Answer) -> None:
        assert isinstance(answer, ContactAnswer)
        place = user.node.index, key
        if asked == self._round(user, key):
            self._contacts[place] = answer.id
            self.blocking.begin(user.node.index, answer.id)
        else:
            # Asked again after a crash or a lock, it came behind its end, and would stand for ever.
            self.unblock(user, key, self._endings[place])

    def _unblocked(self, ended: Callable[[int], None], answer: Answer) -> None:
        assert isinstance(answer, ContactAnswer)
        ended(self.blocking.now())
        self.blocking.sealed_meanwhile_count += answer.sealed_count

    def _looked(self, user: User, asked: int, key: str, answers: list[Answer]) -> None:
        match answers:
            case [
                ContactDetailsAnswer(contact=before),
                ConversationAnswer() as conversation,
                ConversationsAnswer() as conversations,
                MessagesAnswer() as messages,
                IntroductionsAnswer() as introductions,
                ContactDetailsAnswer(contact=after),
            ]:
                # It stood at the first of these answers, and at the last.
                if before.is_blocked and after.is_blocked and self._is_standing(user, key, asked):
                    looked = Looked(
                        contact=before,
                        conversation=conversation,
                        conversations=conversations.conversations,
                        messages=messages.messages,
                        introductions=introductions.introductions,
                    )
                    self.blocking.require_unlisted(user.node.index, looked)
            case _:
                # One of them was refused: the contact is gone.
                pass

    def _introduced(self, user: User, key: str, asked: int, _: Answer) -> None:
        """The node did so, and did not refuse it."""
        if self._is_standing(user, key, asked):
            detail = "somebody who is blocked is introduced"
            raise BrokenInvariant(S26, detail, user.node.index)


def _came(answers: list[Answer], whole: Callable[[], None] | None, answer: Answer) -> None:
    answers.append(answer)
    if whole is not None:
        whole()
