"""The outbox: what was written here, until it is sealed, until the store has it, until it lapses.

A message is durable from the vault's commit on. It is sealed at once where the contact's keys and
a posting key are ready, else as soon as they are. A sealed envelope is given to the store again
and again until the store has committed it. Who carries a message is what neighbours said after
their own commits.
"""

from collections.abc import Iterable, Sequence

from mesh.commands import MessageState
from mesh.errors import UserError
from mesh.ids import EnvelopeId, LinkKey, UnixSeconds
from mesh.limits import CARRIERS_MAX, LAPSED_PER_CHORE, OUTBOX_MESSAGES_MAX, SEALED_PER_CHORE
from mesh.messenger.history import History, Place
from mesh.messenger.identity import Identity
from mesh.messenger.sealing import Sealing
from mesh.messenger.telling import Telling
from mesh.storage.vault import Vault
from mesh.storage.vault_rows import ContactRow, MessageRow
from mesh.wire.envelope import Envelope, decode_envelope
from mesh.wire.frames import SHORT_ID_BYTES
from mesh.wire.payload import PAYLOAD_VERSION, Payload, message_id_of

LINK_BYTES = 8
"""So much of a link key tells neighbours of one message apart."""


class Outbox:
    """All that is on its way."""

    def __init__(
        self,
        vault: Vault,
        identity: Identity,
        *,
        sealing: Sealing,
        history: History,
        telling: Telling,
    ) -> None:
        self._people = vault.people
        self._messages = vault.messages
        self._rows = vault.outbox
        self._identity = identity
        self._sealing = sealing
        self._history = history
        self._telling = telling
        # Sealed and not lapsed: the message of each envelope, None for what is no message.
        self._sealed: dict[EnvelopeId, int | None] = {}
        self._by_short_id: dict[bytes, int] = {}
        self._unsealed_by_contact = self._rows.unsealed_counts()
        self._unposted_count = self._rows.unposted_count()
        # In the store, though their rows do not say so yet: that can wait for a transaction
        # that has another reason, since a crash only posts them again.
        self._entered: dict[EnvelopeId, None] = {}
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
        place = self._history.place_of_next(contact.id, mesh_ms)
        payload = self._payload(contact, place, text, [])
        envelope = self._seal_now(contact, payload, mesh_now)
        row = self._history.add(
            contact.id,
            message_id_of(payload),
            place,
            text=text,
            is_mine=True,
            state=waiting_state(contact),
            received=received,
            lapses=None if envelope is None else envelope.header.lapses,
            send_key=send_key,
        )
        if envelope is None:
            self._wait(contact, row.number, payload)
        else:
            self.post(envelope, row.number)
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
        place = self._history.place_of_next(contact.id, mesh_ms)
        payload = self._payload(contact, Place([], place.clock), "", controls)
        envelope = self._seal_now(contact, payload, mesh_now)
        if envelope is None:
            self._wait(contact, None, payload)
        else:
            self.post(envelope, None)

    def post(self, envelope: Envelope, message: int | None) -> None:
        """Keep a sealed envelope for the store."""
        self._rows.add(envelope.id, message, envelope.header.lapses, envelope.data)
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

    def held(self, link_key: LinkKey, short_ids: Sequence[bytes]) -> None:
        """A neighbour holds these; most are not ours."""
        for short_id in short_ids:
            message = self._by_short_id.get(short_id)
            if message is None or self._messages.message(message).carriers >= CARRIERS_MAX:
                continue
            if self._rows.add_carrier(message, link_key[:LINK_BYTES]):
                self._messages.count_carrier(message)
                self._telling.message_changed(message)

    # --- Lapsing ------------------------------------------------------------------------------

    def expire(self, mesh_now: UnixSeconds) -> bool:
        """Settle what has outlived its lifetime; return whether there may be more of it."""
        lapsed = self._rows.lapsed(mesh_now, LAPSED_PER_CHORE)
        for row in lapsed:
            if row.message is not None:
                self._messages.expire(row.message)
                self._rows.forget_carriers(row.message)
                self._telling.message_changed(row.message)
            if self._rows.set_posted(row.id):
                self._unposted_count -= 1
            self._rows.remove(row.id)
            self._sealed.pop(row.id, None)
            self._by_short_id.pop(row.id[:SHORT_ID_BYTES], None)
        return len(lapsed) == LAPSED_PER_CHORE

    def give_up_waiting(self, contact: ContactRow) -> None:
        """An invite expired before anything could be sealed under it."""
        for row in self._rows.unsealed_of(contact.id):
            self._rows.remove_unsealed(row.number)
            if row.message is not None:
                self._messages.expire(row.message)
                self._telling.message_changed(row.message)
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
    ) -> bytes:
        sent_count = self._messages.conversation(contact.id).sent_count
        self._messages.set_sent_count(contact.id, sent_count + 1)
        return Payload(
            version=PAYLOAD_VERSION,
            hlc=place.clock,
            seq=sent_count,
            parents=[bytes(parent) for parent in place.parents],
            name=self._identity.name,
            text=text,
            controls=controls,
        ).encode()

    def _seal_now(
        self, contact: ContactRow, payload: bytes, mesh_now: UnixSeconds
    ) -> Envelope | None:
        """Seal, unless earlier ones wait for the same."""
        if contact.id in self._unsealed_by_contact:
            return None
        return self._sealing.seal(contact, payload, mesh_now)

    def _wait(self, contact: ContactRow, message: int | None, payload: bytes) -> None:
        self._rows.add_unsealed(contact.id, message, payload)
        count = self._unsealed_by_contact.get(contact.id, 0)
        self._unsealed_by_contact[contact.id] = count + 1

    def _seal_waiting(
        self,
        contact: ContactRow,
        number: int,
        message: int | None,
        payload: bytes,
        mesh_now: UnixSeconds,
    ) -> bool:
        envelope = self._sealing.seal(contact, payload, mesh_now)
        if envelope is None:
            return False
        self._rows.remove_unsealed(number)
        count = self._unsealed_by_contact.pop(contact.id)
        if count > 1:
            self._unsealed_by_contact[contact.id] = count - 1
        if message is not None:
            lapses = envelope.header.lapses
            self._messages.set_sealed(message, state="queued here", lapses=lapses)
            self._telling.message_changed(message)
        self.post(envelope, message)
        return True

    def _remember(self, envelope: EnvelopeId, message: int | None) -> None:
        self._sealed[envelope] = message
        if message is not None:
            self._by_short_id[envelope[:SHORT_ID_BYTES]] = message


def waiting_state(contact: ContactRow) -> MessageState:
    """What a message to this contact waits for before it leaves."""
    return "waiting for their key" if contact.bundle is None else "queued here"
