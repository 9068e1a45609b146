"""The conversations and items of a small node: its messages, and nothing else."""

from mesh.api.event_log import EventLog
from mesh.commands.contacts import ContactAnswer
from mesh.commands.conversations import ConversationAnswer
from mesh.commands.fields import KeepFor
from mesh.commands.item_commands import AskItems, AskItemsByArrival
from mesh.commands.items import ItemAnswer, ItemsAnswer
from mesh.commands.messages import AskMessages, AuthorAnswer, MessageAnswer, MessagesAnswer
from mesh.events import ItemAdded, MessageReceived, MessageSent
from mesh.limits.api import NUMBER_MAX


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


def for_texts(asked: AskItems | AskItemsByArrival) -> AskMessages:
    """Return what asks for the same page of messages."""
    if isinstance(asked, AskItems):
        return AskMessages(asked.conversation, asked.before, asked.after, asked.limit)
    is_from_the_first = asked.before is None and asked.after is None
    return AskMessages(
        contact=asked.conversation,
        before=None if asked.before == NUMBER_MAX else asked.before,
        after=0 if is_from_the_first else asked.after,
        limit=asked.limit,
        mark_read=asked.mark_read,
        unread_only=asked.unread_only,
        requests=asked.requests,
        by_arrival=True,
    )


def tell(log: EventLog, event: MessageReceived | MessageSent) -> None:
    """Tell of a message, and of the same as an item."""
    log.append(event)
    log.append(ItemAdded(item_of(event.message)))


def author_of(contact: ContactAnswer, *, is_mine: bool) -> AuthorAnswer:
    """Return who wrote something in the conversation with a contact."""
    return AuthorAnswer(key="", label="Anna" if is_mine else contact.label, is_mine=is_mine)


def items_of(page: MessagesAnswer) -> ItemsAnswer:
    """Return a page of messages as one of items."""
    return ItemsAnswer(
        items=[item_of(message) for message in page.messages],
        has_older=page.has_older,
        has_newer=page.has_newer,
    )


def item_of(message: MessageAnswer) -> ItemAnswer:
    """Return a message as an item."""
    return ItemAnswer(
        number=message.number,
        conversation=message.conversation,
        id=message.id,
        kind="text",
        author=message.author,
        sent=message.sent,
        received=message.received,
        state=message.state,
        carriers=message.carriers,
        is_late=message.is_late,
        missing_count=message.missing_count,
        clock=message.clock,
        text=message.text,
    )
