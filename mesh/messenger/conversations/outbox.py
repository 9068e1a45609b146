"""The outbox: what was written here, until it is sealed.

A message is durable from the vault's commit on. It is sealed at once where the contact's keys and
a posting key are ready, else as soon as they are. What becomes of it then is in `transit.py`.
"""

from typing import Final

from mesh.commands.messages import MessageState
from mesh.errors import UserError
from mesh.ids import ContactId, Instant, UnixSeconds, direct_conversation
from mesh.limits.messages import OUTBOX_MESSAGES_MAX, SEALED_PER_CHORE
from mesh.messenger.account import Account
from mesh.messenger.conversations.history import Ancestry, History
from mesh.messenger.feature import Chore, Feature
from mesh.messenger.sessions.posting_key_sharing import PostingKeySharing
from mesh.messenger.sessions.prekeys import Prekeys
from mesh.messenger.sessions.sealing import Sealed, Sealing
from mesh.messenger.sessions.sessions import Sessions
from mesh.messenger.sessions.transit import ON_ITS_WAY, Transit
from mesh.storage.vault.rows import ContactRow, MessageRow
from mesh.wire.controls import KEYS, OVER
from mesh.wire.payload import PAYLOAD_VERSION, Payload, message_id_of

TOO_LATE: Final = {
    "delivered": "it was delivered to their device",
    "read": "they have read it",
    "kept": "it was written to yourself, and nobody else has it",
    "expired": "its time is over, and every node has let go of it",
    "delivered-then-withdrawn": "it was delivered before",
}
"""Why a message of ours cannot be taken back, by its state."""


class Outbox:
    """All that is written here."""

    def __init__(
        self,
        account: Account,
        *,
        sealing: Sealing,
        sessions: Sessions,
        prekeys: Prekeys,
        posting_key_sharing: PostingKeySharing,
        history: History,
        transit: Transit,
    ) -> None:
        self._people = account.vault.contacts
        self._messages = account.vault.messages
        self._exchanges = account.vault.exchanges
        self._rows = account.vault.outbox
        self._identity = account.identity
        self._sealing = sealing
        self._sessions = sessions
        self._prekeys = prekeys
        self._posting_key_sharing = posting_key_sharing
        self._history = history
        self._transit = transit
        self._pending_events = account.pending_events
        self._unsealed_by_contact = self._rows.unsealed_counts()
        # A restart forgets it; what comes next on such a session brings it back.
        self._over_untold: dict[ContactId, None] = {}

    def feature(self) -> Feature:
        """Return what is written by itself, and what waited to be sealed."""
        return Feature(
            chores=[
                Chore(self._tell_posting_keys, needs_steady_clock=True),
                Chore(self._seal_all_waiting),
            ]
        )

    @property
    def messages_count(self) -> int:
        """Messages that are on their way or wait to be sealed."""
        return self._transit.messages_count + sum(self._unsealed_by_contact.values())

    # --- Writing ------------------------------------------------------------------------------

    def send(
        self, contact: ContactRow, text: str, *, now: Instant, send_key: str | None
    ) -> MessageRow:
        """Write a message; seal it if that can be done now."""
        if self.messages_count >= OUTBOX_MESSAGES_MAX:
            raise UserError(
                "too-many",
                f"{OUTBOX_MESSAGES_MAX} messages are on their way already; "
                "wait until some are delivered or have expired.",
            )
        conversation = direct_conversation(contact.id)
        ancestry = self._history.ancestry_of_next(conversation, now.mesh_ms)
        payload = self._payload(contact, ancestry, text, [], now.mesh)
        sealed = self._seal_now(contact, payload, now.mesh)
        row = self._history.add(
            MessageRow(
                number=0,
                conversation=conversation,
                id=message_id_of(payload),
                is_mine=True,
                text=text,
                parents=b"".join(ancestry.parents),
                clock=ancestry.clock,
                position=ancestry.clock,
                received=now.mesh,
                state=waiting_state(contact),
                lapses=None if sealed is None else sealed.envelope.header.lapses,
                is_read=True,
                send_key=send_key,
            )
        )
        if sealed is None:
            self._wait(contact, row.number, payload)
        else:
            self._transit.post(sealed, row.number)
        return row

    def send_greeting(self, contact: ContactRow, *, now: Instant) -> None:
        """Send a payload without a text: it tells our name, and that we are there."""
        self.send_controls(contact, [], now=now)

    def send_controls(
        self, contact: ContactRow, controls: list[tuple[int, bytes]], *, now: Instant
    ) -> None:
        """Send controls (`mesh/wire/controls.py`) in a payload without a text."""
        ancestry = self._history.ancestry_of_next(direct_conversation(contact.id), now.mesh_ms)
        payload = self._payload(contact, Ancestry([], ancestry.clock), "", controls, now.mesh)
        sealed = self._seal_now(contact, payload, now.mesh)
        if sealed is None:
            self._wait(contact, None, payload)
        else:
            self._transit.post(sealed, None)

    def tell_over(self, contact: ContactId) -> None:
        """Let the next payload say which sessions get no answers any more."""
        self._over_untold[contact] = None

    def withdraw(self, number: int, *, now: Instant) -> MessageRow:
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
        self._transit.withdraw(number, now=now)
        return self._messages.message(number)

    # --- What waits ---------------------------------------------------------------------------

    def seal_waiting_of(self, contact: ContactRow, mesh_now: UnixSeconds) -> None:
        """A contact's keys came: seal what waited for them."""
        for row in self._rows.unsealed_of(contact.id)[:SEALED_PER_CHORE]:
            if not self._seal_waiting(contact, row.number, row.message, row.payload, mesh_now):
                break

    def give_up_waiting(self, contact: ContactRow) -> None:
        """An invite expired before anything could be sealed under it."""
        for row in self._rows.unsealed_of(contact.id):
            self._rows.remove_unsealed(row.number)
            if row.message is not None:
                self._transit.settle(row.message, "expired")
        self._unsealed_by_contact.pop(contact.id, None)

    def contacts_waiting(self) -> list[int]:
        """Contacts for whom something waits to be sealed."""
        return sorted(self._unsealed_by_contact)

    def retell_waiting(self, contact: ContactRow) -> None:
        """Tell a contact's waiting messages anew: what they wait for has changed."""
        for row in self._rows.unsealed_of(contact.id):
            if row.message is not None:
                self._messages.set_state(row.message, waiting_state(contact))
                self._pending_events.message_changed(row.message)

    # --- Below --------------------------------------------------------------------------------

    def _payload(
        self,
        contact: ContactRow,
        ancestry: Ancestry,
        text: str,
        controls: list[tuple[int, bytes]],
        mesh_now: UnixSeconds,
    ) -> bytes:
        counts = self._exchanges.exchange(contact.id)
        sent_count = counts.sent_count
        self._exchanges.set_sent_count(contact.id, sent_count + 1)
        # There is no room for both in a small envelope, and prekeys can wait for the next payload.
        is_for_posting_keys = self._posting_key_sharing.is_due(contact.id)
        keys = (
            [] if is_for_posting_keys else self._keys_to_tell(contact, counts.keys_told, mesh_now)
        )
        over = self._over_to_tell(contact)
        payload = Payload(
            version=PAYLOAD_VERSION,
            hlc=ancestry.clock,
            seq=sent_count,
            parents=[bytes(parent) for parent in ancestry.parents],
            name=self._identity.name,
            text=text,
            seen=counts.seen_count,
            controls=keys + over + controls,
        )
        return self._posting_key_sharing.added_to(contact, payload, mesh_now).encode()

    def _tell_posting_keys(self, now: Instant) -> None:
        """Write to those who would soon know none of our posting keys."""
        for contact in self._posting_key_sharing.take_due(now.mesh):
            self.send_greeting(contact, now=now)

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

    def _seal_all_waiting(self, now: Instant) -> bool:
        """Seal what can be sealed now; return whether there may be more of it."""
        if not self._unsealed_by_contact or not self._sealing.has_signer(now.mesh):
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
                if not self._seal_waiting(contact, row.number, row.message, row.payload, now.mesh):
                    # The next ones of this contact keep their turn behind it.
                    blocked[row.contact] = None
                    continue
                sealed_count += 1
                if sealed_count >= SEALED_PER_CHORE:
                    return True
        return False

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
            self._pending_events.message_changed(message)
        self._transit.post(sealed, message)
        return True


def waiting_state(contact: ContactRow) -> MessageState:
    """Return what a message to this contact waits for before it leaves."""
    return "awaiting-key" if contact.bundle is None else "queued"
