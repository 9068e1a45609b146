"""The reception of an opened message: what it says is learned, kept and told."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from mesh.errors import PeerError
from mesh.ids import Instant, MessageId, UnixSeconds, direct_conversation
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import Contacts
from mesh.messenger.conversations.history import split_parents
from mesh.messenger.conversations.judging import NewEntry
from mesh.messenger.feature import ControlHandler, ReceivedControl
from mesh.messenger.inbox.opened_messages import OpenedMessages
from mesh.messenger.onboarding.session_recovery import SessionRecovery
from mesh.messenger.sessions.heard_clocks import clock_of
from mesh.messenger.sessions.opened import Opened
from mesh.messenger.sessions.retirements import Retirements
from mesh.messenger.sessions.session import Session
from mesh.messenger.sessions.transit import Transit
from mesh.ratchet.sealed_message import read_token_of
from mesh.storage.vault.rows import ContactRow, EntryRow
from mesh.storage.vault.vault import NEWEST_OPENED_MARK
from mesh.wire.payload import AnyPayload, EntriesPayload, message_id_of

_NEWEST_ROUNDING_SECONDS: Final = 3_600
"""Written once an hour of what comes: the clock that goes by it needs no more."""


class Reception:
    """Takes in what was opened. Controls that are refused count among the `dropped`."""

    def __init__(
        self,
        account: Account,
        *,
        contacts: Contacts,
        opened_messages: OpenedMessages,
        retirements: Retirements,
        transit: Transit,
        session_recovery: SessionRecovery,
        controls: Mapping[int, ControlHandler],
        dropped: Counter[str],
    ) -> None:
        self._people = account.vault.contacts
        self._exchanges = account.vault.exchanges
        self._contacts = contacts
        self._entries = opened_messages.entries
        self.files = opened_messages.entries.erasing.files
        self._pending_events = account.pending_events
        self._opened_messages = opened_messages
        self._retirements = retirements
        self._transit = transit
        self._session_recovery = session_recovery
        self._controls = controls
        self.dropped = dropped
        self._marks = account.vault
        self.newest_opened = UnixSeconds(account.vault.mark(NEWEST_OPENED_MARK))

    def accept(
        self, contact: ContactRow, session: Session, opened: Opened, *, is_first: bool, now: Instant
    ) -> None:
        """Everything is in order: learn, and keep the message for `add_opened`.

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
        self._note_time(contact, opened.envelope.header.created)
        self._hear(contact, payload, opened.envelope.header.created, now.mesh)
        for new in self._said(contact, opened, now):
            for named in dict.fromkeys(split_parents(new.row.parents + new.row.target)):
                self._transit.proven_inside(contact.id, named, "delivered")
            self._opened_messages.note(new)
        self._act_on_controls(contact, session, payload, now)
        self._session_recovery.settle(
            contact, session, payload, is_first=is_first, is_apart=is_apart, now=now
        )

    def _said(self, contact: ContactRow, opened: Opened, now: Instant) -> Iterator[NewEntry]:
        """Yield what a person says in a payload; what is malformed is dropped alone."""
        payload = opened.payload
        row = EntryRow(
            number=0,
            conversation=direct_conversation(contact.id),
            id=MessageId(b""),
            is_mine=False,
            parents=b"",
            clock=0,
            position=0,
            received=now.mesh,
            state="received",
        )
        if isinstance(payload, EntriesPayload):
            for data in payload.entries:
                try:
                    yield self._entries.received(data, row)
                except PeerError as error:
                    self.dropped[error.reason] += 1
        elif payload.text:
            said = replace(
                row,
                id=message_id_of(opened.payload_bytes),
                parents=b"".join(payload.parents),
                clock=payload.hlc,
                position=payload.hlc,
            )
            yield NewEntry(said, 1, payload.text.encode())

    def _hear(
        self, contact: ContactRow, payload: AnyPayload, created: UnixSeconds, mesh_now: UnixSeconds
    ) -> None:
        """Learn that they were there, and their name, unless something newer said another one."""
        counts = self._exchanges.exchange(contact.id)
        clock, newest = clock_of(payload, created), counts.heard_clock
        if payload.name != contact.name and clock >= newest:
            self._contacts.named(contact, payload.name, mesh_now)
        if clock >= newest and payload.reads != counts.reads:
            self._exchanges.set_reads(contact.id, payload.reads)
            if not contact.is_request:
                self._pending_events.conversation_changed(direct_conversation(contact.id))
        self._exchanges.set_heard(contact.id, min(created, mesh_now), clock)

    def heard_on(self, contact: ContactRow, session: Session) -> None:
        """They write under the tags of a session, so they have opened something on it."""
        if not session.is_over:
            self._transit.payloads.heard(contact.id)

    def add_opened(self, now: Instant) -> None:
        """All is opened that came together: its messages enter the history, and are told."""
        self._opened_messages.add_all(now)

    def _note_time(self, contact: ContactRow, created: UnixSeconds) -> None:
        """Somebody whom our person let in says that it is so late."""
        if contact.is_request or created <= self.newest_opened:
            return
        if created // _NEWEST_ROUNDING_SECONDS > self.newest_opened // _NEWEST_ROUNDING_SECONDS:
            self._marks.set_mark(NEWEST_OPENED_MARK, created)
        self.newest_opened = created

    def _act_on_controls(
        self, contact: ContactRow, session: Session, payload: AnyPayload, now: Instant
    ) -> None:
        for kind, data in payload.controls:
            handler = self._controls.get(kind)
            try:
                current = self._people.contact(contact.id)
                if handler is not None:
                    handler(ReceivedControl(current, session.id, kind, data), now)
            except PeerError as error:
                # The message beside it stands.
                self.dropped[error.reason] += 1
