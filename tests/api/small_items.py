"""The conversations and items of a small node: its messages, and nothing else."""

from mesh.commands.contacts import ContactAnswer
from mesh.commands.conversations import ConversationAnswer
from mesh.commands.fields import KeepFor
from mesh.commands.items import AuthorAnswer, ItemAnswer, ItemsAnswer
from mesh.commands.messages import MessageAnswer, MessagesAnswer


def conversation_of(
    contact: ContactAnswer, unread_count: int, keep_for: KeepFor
) -> ConversationAnswer:
    """Return the conversation with a contact."""
    return ConversationAnswer(
        number=contact.id,
        kind="direct",
        title=contact.label,
        contact=contact.id,
        last_item=None,
        unread_count=unread_count,
        is_marked_unread=False,
        muted_until=0,
        is_pinned=False,
        is_archived=False,
        draft="",
        is_request=contact.is_request,
        is_blocked=contact.is_blocked,
        keep_for=keep_for,
    )


def items_of(page: MessagesAnswer) -> ItemsAnswer:
    """Return a page of messages as one of items."""
    return ItemsAnswer(
        items=[item_of(message) for message in page.messages],
        has_older=page.has_older,
        has_newer=page.has_newer,
    )


def item_of(message: MessageAnswer) -> ItemAnswer:
    """Return a message as an item."""
    label = "Anna" if message.is_mine else message.label
    return ItemAnswer(
        number=message.number,
        conversation=message.conversation,
        id=message.id,
        kind="text",
        author=AuthorAnswer(key="", label=label, is_mine=message.is_mine),
        sent=message.sent,
        received=message.received,
        state=message.state,
        carriers=message.carriers,
        is_late=message.is_late,
        missing_count=message.missing_count,
        clock=message.clock,
        text=message.text,
    )
