"""Payloads as they are written: numbered, with our name, and with what else their reader is told.

Implements `docs/protocol/first-contact.md`, section "Payload". Each says what we have of theirs,
carries what controls wait for it and fit, and tells which payloads we read.
"""

from collections.abc import Sequence

from mesh.ids import ContactId, MessageId, UnixSeconds
from mesh.messenger.account import Account
from mesh.messenger.sessions.news import News
from mesh.messenger.sessions.posting_key_sharing import PostingKeySharing
from mesh.messenger.sessions.prekeys import Prekeys
from mesh.messenger.sessions.sessions import Sessions
from mesh.storage.vault.rows import ContactRow
from mesh.wire.payload import (
    ENTRIES_VERSION,
    PAYLOAD_VERSION,
    READS,
    AnyPayload,
    EntriesPayload,
    Payload,
)


class PayloadMaker:
    """Makes the bytes that are sealed."""

    def __init__(
        self,
        account: Account,
        *,
        sessions: Sessions,
        prekeys: Prekeys,
        posting_key_sharing: PostingKeySharing,
    ) -> None:
        self._exchanges = account.vault.exchanges
        self._identity = account.identity
        self._sessions = sessions
        self.posting_key_sharing = posting_key_sharing
        self.news = News(account.vault.exchanges, sessions=sessions, prekeys=prekeys)

    def reads_entries(self, contact: ContactId) -> bool:
        """Say whether a contact is known to read more than texts."""
        return self._exchanges.exchange(contact).reads >= ENTRIES_VERSION

    def of_text(
        self,
        contact: ContactRow,
        text: str,
        *,
        clock: int,
        parents: Sequence[MessageId] = (),
        controls: Sequence[tuple[int, bytes]] = (),
        mesh_now: UnixSeconds,
    ) -> bytes:
        """Return a payload that every version reads; an empty text is no message."""
        seq, seen, news = self._count(contact, mesh_now)
        payload = Payload(
            version=PAYLOAD_VERSION,
            hlc=clock,
            seq=seq,
            parents=[bytes(parent) for parent in parents],
            name=self._identity.name,
            text=text,
            seen=seen,
            controls=[*news, *controls],
            reads=READS,
        )
        return self._filled(contact, payload, mesh_now)

    def of_entries(
        self, contact: ContactRow, entries: list[bytes], *, mesh_now: UnixSeconds
    ) -> bytes:
        """Return a payload that holds these entries."""
        seq, seen, news = self._count(contact, mesh_now)
        name = self._identity.name
        payload = EntriesPayload(ENTRIES_VERSION, seq, seen, name, news, entries)
        return self._filled(contact, payload, mesh_now)

    def _count(
        self, contact: ContactRow, mesh_now: UnixSeconds
    ) -> tuple[int, int, list[tuple[int, bytes]]]:
        """Count one more payload to a contact; return its numbers, and the news for them."""
        counts = self._exchanges.exchange(contact.id)
        self._exchanges.set_sent_count(contact.id, counts.sent_count + 1)
        # There is no room for both in a small envelope, and prekeys can wait for the next payload.
        is_for_posting_keys = self.posting_key_sharing.is_due(contact.id)
        news = self.news.take(contact, mesh_now, with_keys=not is_for_posting_keys)
        return counts.sent_count, counts.seen_count, news

    def _filled(self, contact: ContactRow, payload: AnyPayload, mesh_now: UnixSeconds) -> bytes:
        payload = self._sessions.unopened.added_to(contact.id, payload)
        return self.posting_key_sharing.added_to(contact, payload, mesh_now).encode()
