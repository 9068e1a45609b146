"""The reception of an opened message: what it says is learned, kept and told."""

from collections import Counter
from collections.abc import Mapping

from mesh.errors import PeerError
from mesh.events import MessageReceived
from mesh.ids import Instant, direct_conversation, other_side
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import Contacts
from mesh.messenger.conversations.history import History
from mesh.messenger.conversations.message_pages import MessagePages
from mesh.messenger.feature import ControlHandler, ReceivedControl
from mesh.messenger.onboarding.session_recovery import SessionRecovery
from mesh.messenger.sessions.opened import Opened
from mesh.messenger.sessions.retirements import Retirements
from mesh.messenger.sessions.session import Session
from mesh.ratchet.sealed_message import read_token_of
from mesh.storage.vault.rows import ContactRow, MessageRow
from mesh.wire.payload import Payload, message_id_of


class Reception:
    """Takes in what was opened. Controls that are refused count among the `dropped`."""

    def __init__(
        self,
        account: Account,
        *,
        contacts: Contacts,
        history: History,
        message_pages: MessagePages,
        retirements: Retirements,
        session_recovery: SessionRecovery,
        controls: Mapping[int, ControlHandler],
        dropped: Counter[str],
    ) -> None:
        self._people = account.vault.contacts
        self._pending_events = account.pending_events
        self._contacts = contacts
        self._history = history
        self._message_pages = message_pages
        self._retirements = retirements
        self._session_recovery = session_recovery
        self._controls = controls
        self._dropped = dropped

    def accept(
        self, contact: ContactRow, session: Session, opened: Opened, *, is_first: bool, now: Instant
    ) -> None:
        """Everything is in order: learn, and keep the message.

        `is_first`: nothing of the session was opened here before.
        """
        payload = opened.payload
        token = read_token_of(opened.receiving.message_key)
        self._retirements.opened(opened.envelope.id, token, now=now)
        is_apart = self._session_recovery.heard(
            contact,
            session,
            payload,
            created=opened.envelope.header.created,
            is_first=is_first,
        )
        self._contacts.named(contact, payload.name, now.mesh)
        message = message_id_of(opened.payload_bytes)
        conversation = direct_conversation(contact.id)
        if payload.text and not self._history.has(conversation, message):
            row = self._history.add(
                MessageRow(
                    number=0,
                    conversation=conversation,
                    id=message,
                    is_mine=False,
                    text=payload.text,
                    parents=b"".join(payload.parents),
                    clock=payload.hlc,
                    position=payload.hlc,
                    received=now.mesh,
                    state="received",
                )
            )
            self._tell_received(row)
        self._act_on_controls(contact, session, payload, now)
        self._session_recovery.settle(
            contact, session, payload, is_first=is_first, is_apart=is_apart, now=now
        )

    def _tell_received(self, row: MessageRow) -> None:
        contact = other_side(row.conversation)
        if self._people.contact(contact).is_request:
            # They wait apart: that their count has risen is all that is told.
            self._pending_events.contact_changed(contact)
            return
        self._pending_events.tell(MessageReceived(self._message_pages.answer(row)))

    def _act_on_controls(
        self, contact: ContactRow, session: Session, payload: Payload, now: Instant
    ) -> None:
        for kind, data in payload.controls:
            handler = self._controls.get(kind)
            try:
                current = self._people.contact(contact.id)
                if handler is not None:
                    handler(ReceivedControl(current, session.id, kind, data), now)
            except PeerError as error:
                # The message beside it stands.
                self._dropped[error.reason] += 1
