"""The room that conversations take, and what a person deletes of one.

What is deleted is gone from this profile alone. It is remembered that it was here: so it does not
come back when its author posts it again, and nothing that follows it seems to have a gap. What is
on its way stays, since it was promised to be sent; of a change to what is deleted no words stay.
"""

from mesh.commands.conversations import (
    AskConversation,
    AskRoom,
    ConversationRoom,
    DeleteItems,
    ItemsDeleted,
    RoomAnswer,
)
from mesh.events import ConversationEmptied
from mesh.ids import ContactId, Instant
from mesh.messenger.account import Account
from mesh.messenger.conversations.conversations import Conversations
from mesh.messenger.conversations.files import Files
from mesh.messenger.feature import Feature, command
from mesh.messenger.sessions.transit import Transit
from mesh.storage.vault.room import RoomRow


class Room:
    """Says what takes how much, and deletes it."""

    def __init__(
        self, account: Account, files: Files, conversations: Conversations, transit: Transit
    ) -> None:
        self._rows = account.vault.room
        self._history = account.vault.history
        self._search = account.vault.search
        self._conversation_rows = account.vault.conversations
        self._messages = account.vault.entries
        self._people = account.vault.contacts
        self._pending_events = account.pending_events
        self._conversations = conversations
        self._transit = transit
        self._files = files

    def feature(self) -> Feature:
        """Room by conversation, and deleting what is in one."""
        return Feature(
            commands=[command(AskRoom, lambda *_: self._room()), command(DeleteItems, self._delete)]
        )

    def _room(self) -> RoomAnswer:
        rows = self._rows.of_conversations()
        return RoomAnswer(conversations=[self._answer(row) for row in rows])

    def _answer(self, row: RoomRow) -> ConversationRoom:
        conversation = self._conversation_rows.conversation(row.conversation)
        contact = conversation.contact
        return ConversationRoom(
            number=row.conversation,
            kind=conversation.kind,
            title=self._conversations.title(conversation),
            contact=ContactId(0) if contact is None else contact,
            messages_count=row.messages_count,
            bytes=row.bytes,
            waiting_count=row.waiting_count,
        )

    def _delete(self, asked: DeleteItems, now: Instant) -> ItemsDeleted:
        number = self._conversations.conversation(asked.conversation).number
        settled, count = self._rows.settled(number), self._messages.count(number)
        self._transit.forget(number, settled)
        self._files.erase_all(number, settled)
        with self._search.going(len(settled)):
            self._rows.delete_settled(number)
        self._history.forget()
        self._pending_events.forget_messages(settled)
        answer = self._conversations.ask(AskConversation(number), now)
        self._pending_events.tell(ConversationEmptied(answer))
        left = self._messages.count(number)
        return ItemsDeleted(deleted_count=count - left, left_count=left)
