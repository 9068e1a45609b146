"""Our envelopes in transit: sealed, until the store has them, until they are opened or expire.

A sealed envelope is given to the store again and again until the store has committed it. Who
carries a message is what peers said after their own commits. That it was delivered stands on a
token which only who opened it can make.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from mesh.commands.messages import MessageState
from mesh.crypto.hashing import blake2b_128
from mesh.ids import (
    ContactId,
    EnvelopeId,
    Instant,
    LinkKey,
    MessageId,
    direct_conversation,
    other_side,
)
from mesh.limits.messages import CARRIERS_MAX, EXPIRED_PER_CHORE
from mesh.messenger.pending_events import PendingEvents
from mesh.messenger.sessions.retirements import Retirements
from mesh.messenger.sessions.sealing import Sealed
from mesh.storage.vault.rows import MessageRow, OutboxRow
from mesh.storage.vault.vault import Vault
from mesh.wire.envelope import Envelope, decode_envelope
from mesh.wire.frames import SHORT_ID_BYTES

LINK_BYTES = 8
"""So much of a link key tells peers of one message apart."""

ON_ITS_WAY: Final = ("awaiting-key", "queued", "carried")
"""States of a message of which nothing is known but who may have it."""


class Transit:
    """All envelopes that were made here and are not settled yet."""

    def __init__(
        self, vault: Vault, retirements: Retirements, pending_events: PendingEvents
    ) -> None:
        self._rows = vault.outbox
        self._messages = vault.messages
        self._exchanges = vault.exchanges
        self._retirements = retirements
        self._pending_events = pending_events
        # Sealed and not expired: the message of each envelope, None for what is no message.
        self._sealed: dict[EnvelopeId, int | None] = {}
        self._by_short_id: dict[bytes, int] = {}
        self._unposted_count = self._rows.unposted_count()
        # In the store, though their rows do not say so yet: that can wait for a transaction
        # that has another reason, since a crash only posts them again.
        self._entered: dict[EnvelopeId, None] = {}
        for row in self._rows.all():
            self._remember(row.id, row.message)

    @property
    def messages_count(self) -> int:
        """Messages that are sealed and of which nothing is known but who may have them."""
        return len(self._by_short_id)

    def is_on_its_way(self, envelope: EnvelopeId) -> bool:
        """Say whether an envelope was made here and has not expired."""
        return envelope in self._sealed

    def on_its_way(self) -> list[EnvelopeId]:
        """All envelopes that were made here and have not expired."""
        return list(self._sealed)

    def post(self, sealed: Sealed, message: int | None) -> None:
        """Keep a sealed envelope for the store."""
        envelope = sealed.envelope
        header = envelope.header
        row = OutboxRow(
            id=envelope.id,
            message=message,
            lapses=header.lapses,
            read_hash=header.read_hash,
            withdraw_token=sealed.withdraw_token,
        )
        self._rows.add(row, envelope.data)
        self._remember(envelope.id, message)
        self._unposted_count += 1

    # --- The store ----------------------------------------------------------------------------

    @property
    def has_unposted(self) -> bool:
        """Say whether there is something that the store is not known to have."""
        return self._unposted_count > 0

    def unposted(self, limit: int) -> list[Envelope]:
        """The next envelopes for the store, oldest first."""
        if not self._unposted_count:
            return []
        rows = self._rows.unposted(limit + len(self._entered))
        envelopes = [decode_envelope(data) for data in rows]
        return [one for one in envelopes if one.id not in self._entered]

    def posted(self, ids: Iterable[EnvelopeId]) -> None:
        """The store has committed these; `write_posted` tells the vault."""
        for envelope in ids:
            if envelope not in self._entered:
                self._entered[envelope] = None
                self._unposted_count -= 1

    @property
    def entered_count(self) -> int:
        """Return how many the store has of which the vault does not know it."""
        return len(self._entered)

    def write_posted(self) -> None:
        """Let go of the bytes that the store has."""
        for envelope in self._entered:
            self._rows.set_posted(envelope)
        self._entered.clear()

    def is_any_on_its_way(self, short_ids: Sequence[bytes]) -> bool:
        """Say whether a message of ours is among these."""
        return any(short_id in self._by_short_id for short_id in short_ids)

    def held(self, link_key: LinkKey, short_ids: Sequence[bytes]) -> None:
        """A peer holds these; most are not ours."""
        for short_id in short_ids:
            message = self._by_short_id.get(short_id)
            if message is None or self._messages.message(message).carriers >= CARRIERS_MAX:
                continue
            if self._rows.add_carrier(message, link_key[:LINK_BYTES]):
                self._messages.count_carrier(message)
                self._pending_events.message_changed(message)

    # --- Known to be opened, or taken back ----------------------------------------------------

    def retired(self, envelope: EnvelopeId, token: bytes) -> None:
        """A token of one of our envelopes is on the mesh. Nothing but the token is believed."""
        row = self._rows.find(envelope)
        if row is None:
            return
        is_read = blake2b_128(token) == row.read_hash
        if not is_read and (not token or token != row.withdraw_token):
            return
        if row.message is None:
            self._let_go(row)
        elif is_read:
            self._opened_by_them(self._messages.message(row.message), "delivered")
        elif self._messages.message(row.message).state in ON_ITS_WAY:
            # Not by a command of this vault: by a copy of it.
            self._stop(row.message, [row])

    def read_by_them(self, contact: ContactId, id_: MessageId) -> None:
        """A contact says inside the encryption that they have read a message of ours."""
        message = self._messages.find_by_id(direct_conversation(contact), id_)
        if message is None or not message.is_mine:
            return
        # What never left for them they cannot have read, whatever they say.
        was_sealed = message.lapses is not None or message.state not in ON_ITS_WAY
        if was_sealed:
            self._opened_by_them(message, "read")

    def withdraw(self, message: int, *, now: Instant) -> None:
        """Take the envelopes of a message back, wherever they are."""
        rows = self._rows.of_message(message)
        for row in rows:
            # The store may have it although its row does not say so, after a crash.
            self._retirements.withdrawn(row.id, row.withdraw_token, now=now)
        self._stop(message, rows)

    def settle(self, message: int, state: MessageState) -> None:
        """A message is in a state after which nobody is told who carries it."""
        self._messages.settle(message, state)
        self._rows.forget_carriers(message)
        self._pending_events.message_changed(message)

    def _opened_by_them(self, message: MessageRow, state: MessageState) -> None:
        """There is evidence that they have it: `state` says of what kind."""
        if message.state == "withdrawn":
            state = "delivered-then-withdrawn"
        is_more = message.state in (*ON_ITS_WAY, "expired", "withdrawn") or (
            message.state == "delivered" and state == "read"
        )
        for row in self._rows.of_message(message.number):
            self._let_go(row)
        if is_more:
            self.settle(message.number, state)
        self._exchanges.set_lapsed_count(other_side(message.conversation), 0)

    def _stop(self, message: int, rows: Sequence[OutboxRow]) -> None:
        """Nothing of a message leaves any more; its rows stay to learn whether it was opened."""
        for row in rows:
            if self._rows.set_posted(row.id):
                self._unposted_count -= 1
            self._by_short_id.pop(row.id[:SHORT_ID_BYTES], None)
        self.settle(message, "withdrawn")

    def _let_go(self, row: OutboxRow) -> None:
        """An envelope of ours is on its way no longer."""
        if self._rows.set_posted(row.id):
            self._unposted_count -= 1
        self._rows.remove(row.id)
        self._sealed.pop(row.id, None)
        self._by_short_id.pop(row.id[:SHORT_ID_BYTES], None)

    # --- Lapsing ------------------------------------------------------------------------------

    def expire(self, now: Instant) -> bool:
        """Settle what has outlived its lifetime; return whether there may be more of it."""
        expired = self._rows.expired(now.mesh, EXPIRED_PER_CHORE)
        for row in expired:
            self._let_go(row)
            # A message that was posted again lives as long as its last envelope.
            if row.message is None or self._rows.of_message(row.message):
                continue
            message = self._messages.message(row.message)
            if message.state in ON_ITS_WAY:
                self.settle(row.message, "expired")
                contact = other_side(message.conversation)
                count = self._exchanges.exchange(contact).lapsed_count
                self._exchanges.set_lapsed_count(contact, count + 1)
        return len(expired) == EXPIRED_PER_CHORE

    def _remember(self, envelope: EnvelopeId, message: int | None) -> None:
        self._sealed[envelope] = message
        if message is not None:
            self._by_short_id[envelope[:SHORT_ID_BYTES]] = message
