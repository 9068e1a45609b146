"""Our envelopes in transit: sealed, until the store has them, until they are opened or expire.

A sealed envelope is given to the store again and again until the store has committed it. Its bytes
stay here until a peer says that it holds them: a store that is lost then takes nothing with it. Who
carries a message is what peers said after their own commits. That it was delivered stands on a
token which only who opened it can make. What waits (`pauses.py`) is a row with a due time: a
restart neither loses nor hurries it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

from mesh.commands.messages import MessageState
from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b_128
from mesh.ids import (
    ContactId,
    ConversationId,
    EnvelopeId,
    Instant,
    LinkKey,
    MessageId,
    Monotonic,
    UnixSeconds,
    direct_conversation,
    other_side,
)
from mesh.limits.messages import CARRIERS_MAX
from mesh.messenger.pauses import Pause, Pauses
from mesh.messenger.pending_events import PendingEvents
from mesh.messenger.sessions.payloads import Payloads
from mesh.messenger.sessions.retirements import Retirements
from mesh.messenger.sessions.sealing import Sealed
from mesh.messenger.sessions.unposted import Unposted
from mesh.storage.vault.rows import EntryRow, OutboxRow
from mesh.storage.vault.vault import Vault
from mesh.wire.envelope import Envelope, decode_envelope
from mesh.wire.frames import SHORT_ID_BYTES

LINK_BYTES = 8
"""So much of a link key tells peers of one message apart."""

ON_ITS_WAY: Final = ("awaiting-key", "waiting-for-keys", "queued", "carried")
"""States of a message of which nothing is known but who may have it."""

TAKEN_BACK: Final = ("withdrawn", "delivered-then-withdrawn")
"""States of a message of ours of which nobody is to get any more, although somebody may have it."""


class Transit:
    """All envelopes that were made here and are not settled yet."""

    def __init__(
        self,
        vault: Vault,
        payloads: Payloads,
        retirements: Retirements,
        pending_events: PendingEvents,
        is_stored: Callable[[EnvelopeId], bool],
        *,
        pauses: Pauses,
        entropy: Entropy,
        now: Instant,
    ) -> None:
        self.payloads = payloads
        self.pauses = pauses
        self._entropy = entropy
        self._rows = vault.outbox
        self._messages = vault.entries
        self._blocks = vault.blocks
        self._exchanges = vault.exchanges
        self._retirements = retirements
        self._pending_events = pending_events
        # Sealed and not expired: the message of each envelope, None for what is no message.
        self._sealed: dict[EnvelopeId, int | None] = {}
        self._by_short_id: dict[bytes, int] = {}
        # The store is not known to have these; those it has, and nobody else is known to.
        self._unposted = Unposted()
        self._here_alone: dict[bytes, EnvelopeId] = {}
        for envelope, due_ms in self._rows.kept():
            # A clock that was set meanwhile holds nothing back for years.
            pause_ms = min(due_ms - now.mesh_ms, pauses.later_ms[1])
            if is_stored(envelope):
                self._here_alone[envelope[:SHORT_ID_BYTES]] = envelope
            else:
                self._unposted.add(envelope, pause_ms, now)
        for row in self._rows.all():
            self._remember(row.id, row.message)
        for envelope in self._rows.not_live():
            self._by_short_id.pop(envelope[:SHORT_ID_BYTES], None)

    @property
    def messages_count(self) -> int:
        """Messages that are sealed and of which nothing is known but who may have them."""
        return len(self._by_short_id)

    def is_on_its_way(self, envelope: EnvelopeId) -> bool:
        """Say whether an envelope was made here and has not expired."""
        return envelope in self._sealed

    def on_its_way(self, contact: ContactId | None = None) -> list[EnvelopeId]:
        """All envelopes that were made here and have not expired; or those for one contact."""
        return list(self._sealed) if contact is None else self._rows.ids_for(contact)

    def post(
        self,
        sealed: Sealed,
        message: int | None,
        contact: ContactId | None = None,
        payload: int | None = None,
        *,
        pause: Pause = Pause.AT_ONCE,
        now: Instant,
    ) -> None:
        """Keep a sealed envelope for the store; one without a message may be for a contact.

        `payload`: what it holds, if that is kept. It waits as `pause` says, also over a restart.
        """
        envelope = sealed.envelope
        header = envelope.header
        pause_ms = self.pauses.drawn_ms(pause, self._entropy)
        row = OutboxRow(
            id=envelope.id,
            message=message,
            lapses=header.lapses,
            read_hash=header.read_hash,
            withdraw_token=sealed.withdraw_token,
            payload=payload,
        )
        due_ms = now.mesh_ms + pause_ms if pause_ms else 0
        self._rows.add(row, envelope.data, contact, due_ms=due_ms)
        self._remember(envelope.id, message)
        self._unposted.add(envelope.id, pause_ms, now)

    # --- The store ----------------------------------------------------------------------------

    def deadline(self) -> Monotonic | None:
        """Return when there is something that the store is not known to have, and is to get."""
        return self._unposted.deadline()

    def unposted(self, limit: int, now: Instant) -> list[Envelope]:
        """The next envelopes for the store, oldest first, of those whose time has come."""
        ids = self._unposted.next(limit, now)
        return [decode_envelope(data) for data in self._rows.data_of(ids)]

    def posted(self, ids: Iterable[EnvelopeId]) -> None:
        """The store has committed these."""
        for envelope in ids:
            if self._unposted.drop(envelope):
                self._here_alone[envelope[:SHORT_ID_BYTES]] = envelope

    def post_again(self, former: UnixSeconds, now: Instant) -> None:
        """Expiry time was set, and would be `former`: what had lapsed by that may have been refused
        by the store, or erased there, and nobody else is known to have it. One by one, or its
        author would show; and nothing else, or neighbours could bring that about.
        """
        for envelope in self._here_alone.values():
            row = self._rows.find(envelope)
            if row is not None and max(now.mesh, now.expiry) < row.lapses <= former:
                pause_ms = self.pauses.drawn_ms(Pause.LATER, self._entropy)
                self._unposted.add(envelope, pause_ms, now)

    def exported(self, envelope: EnvelopeId, at: UnixSeconds) -> None:
        """An envelope was written into a file that goes by hand."""
        if envelope in self._sealed and self._rows.set_exported(envelope, at):
            message = self._sealed[envelope]
            if message is not None:
                self._pending_events.message_changed(message)

    def is_any_on_its_way(self, short_ids: Sequence[bytes]) -> bool:
        """Say whether something of ours is among these of which a peer's word matters."""
        return any(one in self._by_short_id or one in self._here_alone for one in short_ids)

    def find_messages(self, contact: ContactId, short_ids: Sequence[bytes]) -> list[int]:
        """The messages to a contact that are under way in these envelopes."""
        numbers = {self._by_short_id[id_]: None for id_ in short_ids if id_ in self._by_short_id}
        conversation = direct_conversation(contact)
        return [
            number
            for number in numbers
            if self._messages.message(number).conversation == conversation
        ]

    def held(
        self, link_key: LinkKey, short_ids: Sequence[bytes], peer: ContactId | None = None
    ) -> None:
        """A peer holds these; most are not ours. `peer`: the contact whose node it is, if known.

        The node that a message is for has it, and does not carry it for them.
        """
        for short_id in short_ids:
            if (envelope := self._here_alone.get(short_id)) is not None:
                self._let_bytes_go(envelope)
            message = self._by_short_id.get(short_id)
            if message is None:
                continue
            row = self._messages.message(message)
            if peer is not None and row.conversation == direct_conversation(peer):
                if row.lapses is not None and row.state != "carried":
                    self._messages.set_state(message, "carried")
                    self._pending_events.message_changed(message)
                continue
            if row.carriers >= CARRIERS_MAX:
                continue
            if self._rows.add_carrier(message, link_key[:LINK_BYTES]):
                self._messages.count_carrier(message)
                self._pending_events.message_changed(message)

    def recognised(self, contact: ContactId, link_key: LinkKey) -> None:
        """A peer turns out to be the node of a contact: it never carried what is for them."""
        conversation = direct_conversation(contact)
        for message in self._rows.remove_carrier(link_key[:LINK_BYTES], conversation):
            self._messages.uncount_carrier(message)
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
            # A payload that is no message was opened, or taken back: it is not sent again.
            payload = None if row.payload is None else self.payloads.rows.find(row.payload)
            for other in [row] if payload is None else self._rows.of_payload(payload.number):
                self.let_go(other)
            if payload is not None:
                self.payloads.drop(payload)
            file = self._blocks.opened(envelope) if is_read else None
            if file is not None:
                self._pending_events.file_changed(file)
        elif is_read:
            self._opened_by_them(self._messages.message(row.message), "delivered")
        elif self._messages.message(row.message).state in ON_ITS_WAY:
            # Not by a command of this vault: by a copy of it.
            self._stop(row.message, [row])

    def proven_inside(
        self, contact: ContactId, id_: MessageId, state: Literal["delivered", "read"]
    ) -> None:
        """A contact names a message inside the encryption: they opened it, if it is ours."""
        message = self._messages.find_by_id(direct_conversation(contact), id_)
        # What was never sealed they cannot have read, whatever they say. What was sealed may have
        # gone ways of which nothing is known here, and come long after its envelope lapsed.
        if message is not None and message.is_mine and message.was_sealed:
            self._opened_by_them(message, state)

    def withdraw(self, message: int, *, now: Instant) -> None:
        """Take the envelopes of a message back, wherever they are."""
        rows = self._rows.of_message(message)
        for row in rows:
            if row.withdraw_token:
                # The store may have it although its row does not say so, after a crash.
                self._retirements.withdrawn(row.id, row.withdraw_token, now=now)
        self._stop(message, rows)

    def settle(self, message: int, state: MessageState) -> None:
        """A message is in a state after which nobody is told who carries it."""
        self._messages.settle(message, state)
        self._rows.forget_carriers(message)
        self._pending_events.message_changed(message)

    def _opened_by_them(self, message: EntryRow, state: MessageState) -> None:
        """There is evidence that they have it: `state` says of what kind."""
        if message.state == "withdrawn":
            state = "delivered-then-withdrawn"
        is_more = message.state in (*ON_ITS_WAY, "expired", "withdrawn") or (
            message.state == "delivered" and state == "read"
        )
        for row in self._rows.of_message(message.number):
            self.let_go(row)
        self.payloads.drop_of_message(message.number)
        if is_more:
            self.settle(message.number, state)
        self._exchanges.clear_lapsed_count(other_side(message.conversation))

    def _stop(self, message: int, rows: Sequence[OutboxRow]) -> None:
        """Nothing of a message leaves any more; its rows stay to learn whether it was opened."""
        for row in rows:
            self.never_leaves(row)
        self.payloads.drop_of_message(message)
        self.settle(message, "withdrawn")

    def never_leaves(self, row: OutboxRow) -> None:
        """An envelope of ours is taken back: if the store has it not yet, it never gets it."""
        self._let_bytes_go(row.id)
        self._by_short_id.pop(row.id[:SHORT_ID_BYTES], None)

    def _let_bytes_go(self, envelope: EnvelopeId) -> None:
        """Somebody else has it, or nobody is to get it any more."""
        self._unposted.drop(envelope)
        self._here_alone.pop(envelope[:SHORT_ID_BYTES], None)
        self._rows.drop_data(envelope)

    def let_go(self, row: OutboxRow) -> None:
        """An envelope of ours is on its way no longer; its bytes go with its row."""
        self._unposted.drop(row.id)
        self._here_alone.pop(row.id[:SHORT_ID_BYTES], None)
        self._by_short_id.pop(row.id[:SHORT_ID_BYTES], None)
        self._rows.remove(row.id)
        self._sealed.pop(row.id, None)

    def forget(self, conversation: ConversationId, messages: Iterable[int]) -> None:
        """These messages are deleted, and what became of them is not heard any more."""
        gone = frozenset(messages)
        for row in self._rows.of_conversation(conversation):
            if row.message in gone:
                self.let_go(row)

    def _remember(self, envelope: EnvelopeId, message: int | None) -> None:
        self._sealed[envelope] = message
        if message is not None:
            self._by_short_id[envelope[:SHORT_ID_BYTES]] = message
