"""Read receipts: what a person has read is told to its author, where that person allows it.

Implements `docs/protocol/conversations.md`, section "Read". A receipt stands inside the encryption
of the session, so it is as true as its author is. It is off until a person turns it on for one
conversation, and what was read before is not told afterwards.
"""

from collections.abc import Callable, Sequence

from mesh.commands.contacts import ContactAnswer, SetReadReceipts
from mesh.errors import PeerError
from mesh.ids import (
    ConversationId,
    Instant,
    MessageId,
    direct_conversation,
)
from mesh.limits.messages import RECEIPTS_PER_CONTROL_MAX
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import Contacts
from mesh.messenger.conversations.history import ID_BYTES
from mesh.messenger.conversations.outbox import Outbox
from mesh.messenger.feature import Feature, ReceivedControl, command
from mesh.messenger.pauses import Pause
from mesh.messenger.sessions.transit import Transit
from mesh.storage.vault.rows import EntryRow
from mesh.wire.controls import READ


class Receipts:
    """Sends what was read here, and hears what was read there."""

    def __init__(
        self, account: Account, *, contacts: Contacts, outbox: Outbox, transit: Transit
    ) -> None:
        self._people = account.vault.contacts
        self._conversations = account.vault.conversations
        self._contacts = contacts
        self._outbox = outbox
        self._transit = transit
        self._pending_events = account.pending_events
        self.of_groups: Callable[[Sequence[EntryRow], Instant], None] = lambda *_: None
        """Told of what was read; in groups it is told otherwise."""

    def feature(self) -> Feature:
        """Say whether a contact is told what was read, and what they tell of it."""
        return Feature(
            commands=[command(SetReadReceipts, self._allow)], controls={READ: self._were_read_there}
        )

    def _allow(self, asked: SetReadReceipts, now: Instant) -> ContactAnswer:
        contact = self._contacts.contact(asked.contact).id
        self._conversations.set_sends_read_receipts(direct_conversation(contact), is_on=asked.is_on)
        self._pending_events.contact_changed(contact)
        return self._contacts.answer(contact)

    def were_read(self, messages: Sequence[EntryRow], *, now: Instant) -> None:
        """A person has read these; tell their authors, each only of their own."""
        self.of_groups(messages, now)
        by_conversation: dict[ConversationId, list[MessageId]] = {}
        for row in messages:
            if not row.is_mine:
                by_conversation.setdefault(row.conversation, []).append(row.id)
        for conversation, ids in by_conversation.items():
            about = self._conversations.conversation(conversation)
            if about.contact is None:
                continue
            author, is_allowed = self._people.contact(about.contact), about.sends_read_receipts
            # Somebody blocked is told nothing, and nothing is kept to be told later.
            if not is_allowed or author.is_blocked or author.is_request:
                continue
            for start in range(0, len(ids), RECEIPTS_PER_CONTROL_MAX):
                page = ids[start : start + RECEIPTS_PER_CONTROL_MAX]
                if not self._outbox.unasked.grant(author.id, page[0], now):
                    # Who writes so much that each day's answers are used up learns no more of it.
                    break
                receipt = READ, b"".join(page)
                self._outbox.send_controls(author, [receipt], pause=Pause.LATER, now=now)

    def _were_read_there(self, control: ReceivedControl, now: Instant) -> None:
        """Their person has read messages of ours; ids that are not ours are passed over."""
        data = control.data
        count, rest = divmod(len(data), ID_BYTES)
        if rest or not 1 <= count <= RECEIPTS_PER_CONTROL_MAX:
            raise PeerError("malformed read receipt")
        for start in range(0, len(data), ID_BYTES):
            id_ = MessageId(data[start : start + ID_BYTES])
            self._transit.proven_inside(control.contact.id, id_, "read")
