"""The outbox: what was written here, until it is sealed, until the store has it, until it lapses.

A message is durable from the vault's commit on. It is sealed at once where the contact's keys and
a posting key are ready, else as soon as they are. A sealed envelope is given to the store again
and again until the store has committed it. Who carries a message is what neighbours said after
their own commits. That it was delivered stands on a token which only who opened it can make.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from mesh.commands import MessageState
from mesh.crypto.hashing import blake2b_128
from mesh.errors import UserError
from mesh.ids import (
    ContactId,
    EnvelopeId,
    Instant,
    LinkKey,
    MessageId,
    UnixSeconds,
    direct_conversation,
    other_side,
)
from mesh.limits import CARRIERS_MAX, LAPSED_PER_CHORE, OUTBOX_MESSAGES_MAX, SEALED_PER_CHORE
from mesh.messenger.history import History, Place
from mesh.messenger.identity import Identity
from mesh.messenger.keys_given import KeysGiven
from mesh.messenger.prekeys import Prekeys
from mesh.messenger.retirements import Retirements
from mesh.messenger.sealing import Sealed, Sealing
from mesh.messenger.sessions import Sessions
from mesh.messenger.telling import Telling
from mesh.storage.vault import Vault
from mesh.storage.vault_rows import ContactRow, MessageRow, OutboxRow
from mesh.wire.controls import KEYS, OVER
from mesh.wire.envelope import Envelope, decode_envelope
from mesh.wire.frames import SHORT_ID_BYTES
from mesh.wire.payload import PAYLOAD_VERSION, Payload, message_id_of

LINK_BYTES = 8
"""So much of a link key tells neighbours of one message apart."""

ON_ITS_WAY: Final = ("awaiting-key", "queued", "carried")
"""States of a message of which nothing is known but who may have it."""

TOO_LATE: Final = {
    "delivered": "it was delivered to their device",
    "read": "they have read it",
    "kept": "it was written to yourself, and nobody else has it",
    "expired": "its time is over, and every node has let go of it",
    "delivered-then-withdrawn": "it was delivered before",
}
"""Why a message of ours cannot be taken back, by its state."""


class Outbox:
    """All that is on its way."""

    def __init__(
        self,
        vault: Vault,
        identity: Identity,
        *,
        sealing: Sealing,
        sessions: Sessions,
        prekeys: Prekeys,
        keys_given: KeysGiven,
        history: History,
        retirements: Retirements,
        telling: Telling,
    ) -> None:
        self._people = vault.people
        self._messages = vault.messages
        self._exchanges = vault.exchanges
        self._rows = vault.outbox
        self._identity = identity
        self._sealing = sealing
        self._sessions = sessions
        self._prekeys = prekeys
        self._keys_given = keys_given
        self._history = history
        self._retirements = retirements
        self._telling = telling
        # Sealed and not lapsed: the message of each envelope, None for what is no message.
        self._sealed: dict[EnvelopeId, int | None] = {}
        self._by_short_id: dict[bytes, int] = {}
        self._unsealed_by_contact = self._rows.unsealed_counts()
        self._unposted_count = self._rows.unposted_count()
        # In the store, though their rows do not say so yet: that can wait for a transaction
        # that has another reason, since a crash only posts them again.
        self._entered: dict[EnvelopeId, None] = {}
        # A restart forgets it; what comes next on such a session brings it back.
        self._over_untold: dict[ContactId, None] = {}
        for row in self._rows.all():
            self._remember(row.id, row.message)

    @property
    def has_unposted(self) -> bool:
        """Whether there is something that the store is not known to have."""
        return self._unposted_count > 0

    @property
    def messages_count(self) -> int:
        """Messages that are on their way or wait to be sealed."""
        return len(self._by_short_id) + sum(self._unsealed_by_contact.values())

    def is_on_its_way(self, envelope: EnvelopeId) -> bool:
        """Whether an envelope was made here and has not lapsed."""
        return envelope in self._sealed

    def on_its_way(self) -> list[EnvelopeId]:
        """All envelopes that were made here and have not lapsed."""
        return list(self._sealed)

    # --- Writing ------------------------------------------------------------------------------

    def send(
        self,
        contact: ContactRow,
        text: str,
        *,
        mesh_ms: int,
        received: UnixSeconds,
        mesh_now: UnixSeconds,
        send_key: str | None,
    ) -> MessageRow:
        """Write a message; seal it if that can be done now."""
        if self.messages_count >= OUTBOX_MESSAGES_MAX:
            raise UserError(
                "too-many",
                f"{OUTBOX_MESSAGES_MAX} messages are on their way already; "
                "wait until some are delivered or have expired.",
            )
        conversation = direct_conversation(contact.id)
        place = self._history.place_of_next(conversation, mesh_ms)
        payload = self._payload(contact, place, text, [], mesh_now)
        sealed = self._seal_now(contact, payload, mesh_now)
        row = self._history.add(
            MessageRow(
                number=0,
                conversation=conversation,
                id=message_id_of(payload),
                is_mine=True,
                text=text,
                parents=b"".join(place.parents),
                clock=place.clock,
                position=place.clock,
                received=received,
                state=waiting_state(contact),
                lapses=None if sealed is None else sealed.envelope.header.lapses,
                is_read=True,
                send_key=send_key,
            )
        )
        if sealed is None:
            self._wait(contact, row.number, payload)
        else:
            self.post(sealed, row.number)
        return row

    def send_hello(self, contact: ContactRow, *, mesh_ms: int, mesh_now: UnixSeconds) -> None:
        """Send a payload without a text: it tells our name, and that we are there."""
        self.send_controls(contact, [], mesh_ms=mesh_ms, mesh_now=mesh_now)

    def send_controls(
        self,
        contact: ContactRow,
        controls: list[tuple[int, bytes]],
        *,
        mesh_ms: int,
        mesh_now: UnixSeconds,
    ) -> None:
        """Send controls (`mesh/wire/controls.py`) in a payload without a text."""
        place = self._history.place_of_next(direct_conversation(contact.id), mesh_ms)
        payload = self._payload(contact, Place([], place.clock), "", controls, mesh_now)
        sealed = self._seal_now(contact, payload, mesh_now)
        if sealed is None:
            self._wait(contact, None, payload)
        else:
            self.post(sealed, None)

    def tell_over(self, contact: ContactId) -> None:
        """Let the next payload say which sessions get no answers any more."""
        self._over_untold[contact] = None

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

    def seal_waiting_of(self, contact: ContactRow, mesh_now: UnixSeconds) -> None:
        """A contact's keys came: seal what waited for them."""
        for row in self._rows.unsealed_of(contact.id)[:SEALED_PER_CHORE]:
            if not self._seal_waiting(contact, row.number, row.message, row.payload, mesh_now):
                break

    def seal_waiting(self, mesh_now: UnixSeconds) -> bool:
        """Seal what can be sealed now; return whether there may be more of it."""
        if not self._unsealed_by_contact or not self._sealing.has_signer(mesh_now):
            return False
        contacts: dict[int, ContactRow] = {}
        blocked: dict[int, None] = {}
        sealed_count, after = 0, 0
        while rows := self._rows.unsealed(after, SEALED_PER_CHORE):
            after = rows[-1].number
            for row in rows:
                if row.contact in blocked:
                    continue
                contact = contacts.get(row.contact) or self._people.contact(row.contact)
                contacts[row.contact] = contact
                if not self._seal_waiting(contact, row.number, row.message, row.payload, mesh_now):
                    # The next ones of this contact keep their turn behind it.
                    blocked[row.contact] = None
                    continue
                sealed_count += 1
                if sealed_count >= SEALED_PER_CHORE:
                    return True
        return False

    # --- The store ----------------------------------------------------------------------------

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
        """How many the store has of which the vault does not know it."""
        return len(self._entered)

    def write_posted(self) -> None:
        """Let go of the bytes that the store has."""
        for envelope in self._entered:
            self._rows.set_posted(envelope)
        self._entered.clear()

    def is_any_on_its_way(self, short_ids: Sequence[bytes]) -> bool:
        """Whether a message of ours is among these."""
        return any(short_id in self._by_short_id for short_id in short_ids)

    def held(self, link_key: LinkKey, short_ids: Sequence[bytes]) -> None:
        """A neighbour holds these; most are not ours."""
        for short_id in short_ids:
            message = self._by_short_id.get(short_id)
            if message is None or self._messages.message(message).carriers >= CARRIERS_MAX:
                continue
            if self._rows.add_carrier(message, link_key[:LINK_BYTES]):
                self._messages.count_carrier(message)
                self._telling.message_changed(message)

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

    def withdraw(self, number: int, *, mesh_now: UnixSeconds, now: Instant) -> MessageRow:
        """Take a message back; UserError if it is too late, or not ours."""
        message = self._messages.find(number)
        if message is None or not message.is_mine:
            raise UserError("not-found", f"There is no message {number} of yours.")
        if message.state == "withdrawn":
            return message
        if message.state not in ON_ITS_WAY:
            raise UserError(
                "too-late", f"The message can no longer be withdrawn: {TOO_LATE[message.state]}."
            )
        for waiting in self._rows.unsealed_by_message(number):
            self._rows.remove_unsealed(waiting.number)
            self._count_waiting(waiting.contact, -1)
        rows = self._rows.of_message(number)
        for row in rows:
            # The store may have it although its row does not say so, after a crash.
            self._retirements.withdrawn(row.id, row.withdraw_token, mesh_now=mesh_now, now=now)
        self._stop(number, rows)
        return self._messages.message(number)

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
            self._settle(message.number, state)
        self._exchanges.set_lapsed_count(other_side(message.conversation), 0)

    def _stop(self, message: int, rows: Sequence[OutboxRow]) -> None:
        """Nothing of a message leaves any more; its rows stay to learn whether it was opened."""
        for row in rows:
            if self._rows.set_posted(row.id):
                self._unposted_count -= 1
            self._by_short_id.pop(row.id[:SHORT_ID_BYTES], None)
        self._settle(message, "withdrawn")

    def _settle(self, message: int, state: MessageState) -> None:
        self._messages.settle(message, state)
        self._rows.forget_carriers(message)
        self._telling.message_changed(message)

    def _let_go(self, row: OutboxRow) -> None:
        """An envelope of ours is on its way no longer."""
        if self._rows.set_posted(row.id):
            self._unposted_count -= 1
        self._rows.remove(row.id)
        self._sealed.pop(row.id, None)
        self._by_short_id.pop(row.id[:SHORT_ID_BYTES], None)

    # --- Lapsing ------------------------------------------------------------------------------

    def expire(self, mesh_now: UnixSeconds) -> bool:
        """Settle what has outlived its lifetime; return whether there may be more of it."""
        lapsed = self._rows.lapsed(mesh_now, LAPSED_PER_CHORE)
        for row in lapsed:
            self._let_go(row)
            # A message that was posted again lives as long as its last envelope.
            if row.message is None or self._rows.of_message(row.message):
                continue
            message = self._messages.message(row.message)
            if message.state in ON_ITS_WAY:
                self._settle(row.message, "expired")
                contact = other_side(message.conversation)
                count = self._exchanges.exchange(contact).lapsed_count
                self._exchanges.set_lapsed_count(contact, count + 1)
        return len(lapsed) == LAPSED_PER_CHORE

    def give_up_waiting(self, contact: ContactRow) -> None:
        """An invite expired before anything could be sealed under it."""
        for row in self._rows.unsealed_of(contact.id):
            self._rows.remove_unsealed(row.number)
            if row.message is not None:
                self._settle(row.message, "expired")
        self._unsealed_by_contact.pop(contact.id, None)

    def contacts_waiting(self) -> list[int]:
        """Contacts for whom something waits to be sealed."""
        return sorted(self._unsealed_by_contact)

    def retell_waiting(self, contact: ContactRow) -> None:
        """What a contact's waiting messages wait for has changed."""
        for row in self._rows.unsealed_of(contact.id):
            if row.message is not None:
                self._messages.set_state(row.message, waiting_state(contact))
                self._telling.message_changed(row.message)

    def _payload(
        self,
        contact: ContactRow,
        place: Place,
        text: str,
        controls: list[tuple[int, bytes]],
        mesh_now: UnixSeconds,
    ) -> bytes:
        counts = self._exchanges.exchange(contact.id)
        sent_count = counts.sent_count
        self._exchanges.set_sent_count(contact.id, sent_count + 1)
        # There is no room for both in a small envelope, and prekeys can wait for the next payload.
        is_for_posting_keys = self._keys_given.is_due(contact.id)
        keys = (
            [] if is_for_posting_keys else self._keys_to_tell(contact, counts.keys_told, mesh_now)
        )
        over = self._over_to_tell(contact)
        payload = Payload(
            version=PAYLOAD_VERSION,
            hlc=place.clock,
            seq=sent_count,
            parents=[bytes(parent) for parent in place.parents],
            name=self._identity.name,
            text=text,
            seen=counts.seen_count,
            controls=keys + over + controls,
        )
        return self._keys_given.added_to(contact, payload, mesh_now).encode()

    def _over_to_tell(self, contact: ContactRow) -> list[tuple[int, bytes]]:
        if contact.id not in self._over_untold:
            return []
        del self._over_untold[contact.id]
        over = [one.id for one in self._sessions.of_contact(contact.id) if one.is_over]
        return [(OVER, b"".join(over))] if over else []

    def _keys_to_tell(
        self, contact: ContactRow, keys_told: int, mesh_now: UnixSeconds
    ) -> list[tuple[int, bytes]]:
        """Our newest prekeys, if a contact who has a session with us has older ones."""
        if self._sessions.find_known(contact.id) is None:
            return []
        newest = self._prekeys.newest(contact.id, mesh_now)
        if newest.id == keys_told:
            return []
        self._exchanges.set_keys_told(contact.id, newest.id)
        return [(KEYS, newest.bundle.prekeys)]

    def _seal_now(
        self, contact: ContactRow, payload: bytes, mesh_now: UnixSeconds
    ) -> Sealed | None:
        """Seal, unless earlier ones wait for the same."""
        if contact.id in self._unsealed_by_contact:
            return None
        return self._sealing.seal(contact, payload, mesh_now)

    def _wait(self, contact: ContactRow, message: int | None, payload: bytes) -> None:
        self._rows.add_unsealed(contact.id, message, payload)
        self._count_waiting(contact.id, 1)

    def _count_waiting(self, contact: ContactId, more: int) -> None:
        count = self._unsealed_by_contact.pop(contact, 0) + more
        if count > 0:
            self._unsealed_by_contact[contact] = count

    def _seal_waiting(
        self,
        contact: ContactRow,
        number: int,
        message: int | None,
        payload: bytes,
        mesh_now: UnixSeconds,
    ) -> bool:
        sealed = self._sealing.seal(contact, payload, mesh_now)
        if sealed is None:
            return False
        self._rows.remove_unsealed(number)
        self._count_waiting(contact.id, -1)
        if message is not None:
            lapses = sealed.envelope.header.lapses
            self._messages.set_sealed(message, state="queued", lapses=lapses)
            self._telling.message_changed(message)
        self.post(sealed, message)
        return True

    def _remember(self, envelope: EnvelopeId, message: int | None) -> None:
        self._sealed[envelope] = message
        if message is not None:
            self._by_short_id[envelope[:SHORT_ID_BYTES]] = message


def waiting_state(contact: ContactRow) -> MessageState:
    """What a message to this contact waits for before it leaves."""
    return "awaiting-key" if contact.bundle is None else "queued"
