"""Looks at the lists of a conversation: all that one shows, asked for at one instant."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.commands.conversations import (
    AskConversation,
    AskConversations,
    ConversationAnswer,
    ConversationsAnswer,
)
from mesh.commands.item_commands import AskBoard, AskItems, AskItemsByArrival, AskPins
from mesh.commands.items import BoardAnswer, ItemsAnswer
from mesh.limits.messages import MESSAGES_PER_PAGE_MAX
from sim.invariants.lists import Listed, require_true_lists, require_true_order
from sim.invariants.message_log import MessageLog
from sim.users.user import User


@dataclass(slots=True)
class ListLooks:
    """Looks at what nodes list, and holds it against what stands there."""

    message_log: MessageLog
    looked_count: int = field(init=False, default=0)
    """Conversations whose lists could be held against their items."""

    def look(self, user: User, key: str) -> None:
        """Look at one conversation."""
        answers: list[Answer] = []
        items = AskItems(key, limit=MESSAGES_PER_PAGE_MAX)
        unread = AskItemsByArrival(conversation=key, unread_only=True, limit=MESSAGES_PER_PAGE_MAX)
        asked: tuple[Command, ...] = (
            items,
            AskConversation(key),
            AskBoard(key),
            AskPins(key),
            unread,
            items,
        )
        whole: Callable[[], None] = partial(self._looked, user, answers)
        for place, command in enumerate(asked):
            is_last = place == len(asked) - 1
            user.ask(command, partial(_came, answers, whole if is_last else None))

    def look_at_all(self, user: User) -> None:
        """Look at the list of all conversations."""

        def listed(answer: Answer) -> None:
            assert isinstance(answer, ConversationsAnswer)
            require_true_order(user.node.index, answer.conversations)

        user.ask(AskConversations(), listed)

    def _looked(self, user: User, answers: list[Answer]) -> None:
        match answers:
            case [
                ItemsAnswer() as before,
                ConversationAnswer() as conversation,
                BoardAnswer() as board,
                BoardAnswer() as pins,
                ItemsAnswer() as unread,
                ItemsAnswer() as after,
            ]:
                listed = Listed(before, conversation, board, pins, unread, after)
                node = user.node.index
                self.looked_count += require_true_lists(node, listed)
                self.message_log.choices.hold(node, conversation, before.items)
            case _:
                # One of them was refused: the contact is gone.
                pass


def _came(answers: list[Answer], whole: Callable[[], None] | None, answer: Answer) -> None:
    answers.append(answer)
    if whole is not None:
        whole()
