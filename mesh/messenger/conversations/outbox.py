"""The outbox: what was written here, until it is sealed.

A message is durable from the vault's commit on. It is sealed at once where the contact's keys and
a posting key are ready, else as soon as they are. What becomes of it then is in `transit.py`.
"""

from collections.abc import Callable, Iterable
from typing import Final

from msgspec.structs import replace

from mesh.commands.messages import MessageState
from mesh.errors import UserError
from mesh.ids import ContactId, Instant, UnixSeconds, direct_conversation
from mesh.limits.messages import OUTBOX_MESSAGES_MAX, SEALED_PER_CHORE
from mesh.limits.sessions import POSTS_ON_WORD_MAX
from mesh.messenger.account import Account
from mesh.messenger.conversations.entries import Entries, Statement
from mesh.messenger.conversations.history import History, row_of_own
from mesh.messenger.conversations.judging import NewEntry
from mesh.messenger.conversations.unasked_answers import UnaskedAnswers
from mesh.messenger.feature import Chore, Feature, ReceivedControl
from mesh.messenger.pauses import Pause
from mesh.messenger.sessions.lapsing import Lapsing
from mesh.messenger.sessions.payload_maker import PayloadMaker
from mesh.messenger.sessions.payloads import ONCE, Keeping
from mesh.messenger.sessions.sealing import Sealed, Sealing
from mesh.messenger.sessions.session import Session
from mesh.messenger.sessions.transit import ON_ITS_WAY, Transit
from mesh.messenger.sessions.unopened import short_ids_of
from mesh.storage.vault.rows import ContactRow, EntryRow, PayloadRow
from mesh.wire.controls import UNOPENED
from mesh.wire.payload import decode_payload, message_id_of

TOO_LATE: Final = {
    "delivered": "it was delivered to their device",
    "read": "they have read it",
    "kept": "it was written to yourself, and nobody else has it",
    "expired": "its time is over, and every node has let go of it",
    "delivered-then-withdrawn": "it was, but was delivered to their device",
}
"""Why a message of ours cannot be taken back, by its state."""


class Outbox:
    """All that is written here."""

    def __init__(
        self,
        account: Account,
        *,
        sealing: Sealing,
        maker: PayloadMaker,
        history: History,
        entries: Entries,
        transit: Transit,
        lapsing: Lapsing,
    ) -> None:
        self._people = account.vault.contacts
        self._messages = account.vault.entries
        self._payloads = transit.payloads
        self._sealing = sealing
        self._maker = maker
        self._conversations = account.vault.conversations
        self._history = history
        self._entries = entries
        self._transit = transit
        self._lapsing = lapsing
        self._pending_events = account.pending_events
        self.unasked = UnaskedAnswers(account.vault)
        """Asked before anything is written because a contact wants it, and not our person."""
        self.news = maker.news

    def feature(self) -> Feature:
        """Return what is written by itself, and what waited to be sealed."""
        return Feature(
            controls={UNOPENED: self._unopened},
            chores=[
                Chore(self._tell_posting_keys, needs_steady_clock=True),
                Chore(self._lapsing.renew_lapsed),
                Chore(self._seal_all_waiting),
                Chore(self._probe_all),
            ],
        )

    @property
    def messages_count(self) -> int:
        """Messages that are on their way or wait to be sealed."""
        return self._transit.messages_count + self._payloads.waiting_count

    # --- Writing ------------------------------------------------------------------------------

    def send(
        self,
        contact: ContactRow,
        statement: Statement,
        *,
        now: Instant,
        send_key: str | None,
        keeping: Keeping,
    ) -> EntryRow:
        """Write an entry; seal it if that can be done now. UserError if they could not read it."""
        if self.messages_count >= OUTBOX_MESSAGES_MAX:
            raise UserError(
                "too-many",
                f"{OUTBOX_MESSAGES_MAX} messages are on their way already; "
                "wait until some are delivered or have expired.",
            )
        new, payload = self._written(contact, statement, now)
        sealed = self._seal_now(contact, payload, now, keeping)
        said = replace(
            new.row,
            state=waiting_state(contact),
            lapses=None if sealed is None else sealed.envelope.header.lapses,
            was_sealed=sealed is not None,
            send_key=send_key,
        )
        row = self._entries.add(NewEntry(said, new.form, new.data, new.entry), now)
        self._keep(contact, row.number, payload, sealed, keeping, pause=Pause.AT_ONCE, now=now)
        return row

    def _written(
        self, contact: ContactRow, statement: Statement, now: Instant
    ) -> tuple[NewEntry, bytes]:
        """Return an entry at the end of the conversation, and the payload that holds it: of the
        newest version that its reader reads.
        """
        conversation = self._conversations.conversation(direct_conversation(contact.id))
        ancestry = self._history.ancestry_of_next(conversation.number, now.mesh_ms)
        row = row_of_own(conversation.number, ancestry, now)
        if self._maker.reads_entries(contact.id):
            new = self._entries.compose(conversation, statement, row)
            return new, self._maker.of_entries(contact, [new.data], mesh_now=now.mesh)
        text = statement.plain_text
        if text is None:
            raise UserError(
                "older-mesh",
                f"{contact.label} is not known to have a Mesh that reads this: plain texts only. "
                "It is known when a message of theirs has come, written with this version.",
                name=contact.label,
            )
        payload = self._maker.of_text(
            contact, text, clock=ancestry.clock, parents=ancestry.parents, mesh_now=now.mesh
        )
        return NewEntry(replace(row, id=message_id_of(payload)), 1, text.encode()), payload

    def send_greeting(self, contact: ContactRow, *, pause: Pause, now: Instant) -> None:
        """Send a payload without a text: it tells our name, and that we are there."""
        self.send_controls(contact, [], pause=pause, now=now)

    def send_hello(
        self, contact: ContactRow, *, until: UnixSeconds, pause: Pause, now: Instant
    ) -> None:
        """Send the same where a session depends on it: it is kept until they have it."""
        keeping = Keeping(until, is_hello=True)
        self.send_controls(contact, [], keeping=keeping, pause=pause, now=now)

    def send_controls(
        self,
        contact: ContactRow,
        controls: list[tuple[int, bytes]],
        *,
        keeping: Keeping = ONCE,
        pause: Pause,
        now: Instant,
    ) -> None:
        """Send controls (`mesh/wire/controls.py`) in a payload without a text; it waits as `pause`
        says.
        """
        ancestry = self._history.ancestry_of_next(direct_conversation(contact.id), now.mesh_ms)
        payload = self._maker.of_text(
            contact, "", clock=ancestry.clock, controls=controls, mesh_now=now.mesh
        )
        sealed = self._seal_now(contact, payload, now, keeping)
        self._keep(contact, None, payload, sealed, keeping, pause=pause, now=now)

    def drop_controls(self, contact: ContactId, is_meant: Callable[[int, bytes], bool]) -> None:
        """Seal no more what holds a control that is of no use any longer."""
        for row in self._payloads.rows.notes_of(contact):
            if any(is_meant(kind, data) for kind, data in decode_payload(row.payload).controls):
                self._payloads.drop(row)

    def send_on(
        self,
        contact: ContactRow,
        session: Session,
        controls: list[tuple[int, bytes]],
        *,
        pause: Pause,
        now: Instant,
    ) -> None:
        """Send controls on one session, be it over, if that can be done now."""
        if self._sealing.has_signer(now.mesh):
            ancestry = self._history.ancestry_of_next(direct_conversation(contact.id), now.mesh_ms)
            payload = self._maker.of_text(
                contact, "", clock=ancestry.clock, controls=controls, mesh_now=now.mesh
            )
            sealed = self._sealing.seal_on(session, payload, now.mesh)
            if sealed is not None:
                self._transit.post(sealed, None, contact.id, pause=pause, now=now)

    def withdraw(self, number: int, *, now: Instant) -> EntryRow:
        """Take a message back; UserError if it is too late, or not ours."""
        message = self._messages.find(number)
        if message is None or not message.is_mine:
            raise UserError("not-found", f"There is no message {number} of yours.")
        if message.state == "withdrawn":
            return message
        if message.state not in ON_ITS_WAY:
            raise UserError(
                "too-late",
                f"The message can no longer be withdrawn: {TOO_LATE[message.state]}.",
                state=message.state,
            )
        self._transit.withdraw(number, now=now)
        self._entries.erasing.files.withdraw(number, now)
        return self._messages.message(number)

    # --- Again --------------------------------------------------------------------------------

    def seal_again(self, payloads: Iterable[PayloadRow], *, now: Instant) -> None:
        """Seal what is kept under another tag and posting key; what is live of it is taken back.

        What cannot be sealed now waits, in its turn. Who has them sealed again is told by nothing
        that leaves at once.
        """
        contacts: dict[ContactId, None] = {}
        for payload in payloads:
            self._lapsing.seal_again(payload, now=now)
            contacts[payload.contact] = None
        for contact in contacts:
            self.seal_waiting_of(self._people.contact(contact), pause=Pause.SOON, now=now)

    def _unopened(self, control: ReceivedControl, now: Instant) -> None:
        """They hold envelopes of ours that they can never open."""
        contact = control.contact
        named = self._transit.find_messages(contact.id, short_ids_of(control.data))
        found = [self._payloads.rows.find_of_message(number) for number in named]
        again = [one for one in found if one is not None and one.posts_count < POSTS_ON_WORD_MAX]
        self.seal_again(again, now=now)

    # --- What waits ---------------------------------------------------------------------------

    def seal_waiting_of(self, contact: ContactRow, *, pause: Pause, now: Instant) -> None:
        """Seal what waited for a contact's keys. `pause`: what is written by people waits so, or
        whoever brought the keys would see who has them.
        """
        for row in self._payloads.rows.waiting_of(contact.id)[:SEALED_PER_CHORE]:
            if not self._seal_waiting(contact, row, pause=pause, now=now):
                break

    def give_up_waiting(self, contact: ContactRow) -> None:
        """An invite expired before anything could be sealed under it."""
        for row in self._payloads.rows.waiting_of(contact.id):
            self._lapsing.give_up(row)

    def contacts_waiting(self) -> list[ContactId]:
        """Contacts for whom something waits to be sealed."""
        return self._payloads.contacts_waiting

    def retell_waiting(self, contact: ContactRow) -> None:
        """Tell a contact's waiting messages anew: what they wait for has changed."""
        for row in self._payloads.rows.waiting_of(contact.id):
            if row.message is not None:
                self._messages.set_state(row.message, waiting_state(contact))
                self._pending_events.message_changed(row.message)

    # --- Below --------------------------------------------------------------------------------

    def _tell_posting_keys(self, now: Instant) -> None:
        """Write to those who would soon know none of our posting keys."""
        for contact in self._maker.posting_key_sharing.take_due(now.mesh):
            self.send_greeting(contact, pause=Pause.LATER, now=now)

    def _seal_now(
        self, contact: ContactRow, payload: bytes, now: Instant, keeping: Keeping
    ) -> Sealed | None:
        """Seal, unless earlier ones wait for the same."""
        if self._payloads.has_waiting(contact.id):
            return None
        sealed = self._sealing.seal(contact, payload, now.mesh, keeping.lifetime_class)
        if sealed is not None:
            self._probe(contact, now)
        return sealed

    def _probe(self, contact: ContactRow, now: Instant) -> None:
        """A hello goes by another way too, to who opened nothing for long.

        It holds nothing that would be missed: they may have gone past that way.
        """
        if self._sealing.begins_probe(contact, now.mesh):
            conversation = direct_conversation(contact.id)
            ancestry = self._history.ancestry_of_next(conversation, now.mesh * 1000)
            payload = self._maker.of_text(contact, "", clock=ancestry.clock, mesh_now=now.mesh)
            sealed = self._sealing.seal_probe(contact, payload, now.mesh)
            if sealed is not None:
                self._transit.post(sealed, None, contact.id, pause=Pause.LATER, now=now)

    def _probe_all(self, now: Instant) -> None:
        """Try other ways to who opened nothing, also while our person writes nothing."""
        for contact in self._people.contacts():
            if contact.is_blocked or contact.is_request:
                continue
            if self._sealing.goes_round(contact, now.mesh):
                self.send_greeting(contact, pause=Pause.LATER, now=now)
            else:
                self._probe(contact, now)

    def _keep(
        self,
        contact: ContactRow,
        message: int | None,
        payload: bytes,
        sealed: Sealed | None,
        keeping: Keeping,
        *,
        pause: Pause,
        now: Instant,
    ) -> None:
        """Post what was sealed, and keep what waits for it or may have to be sealed again."""
        number = None
        if sealed is None or keeping.until is not None:
            number = self._payloads.add(
                contact.id, message, payload, keeping, is_sealed=bool(sealed)
            )
        if sealed is not None:
            reader = contact.id if message is None else None
            self._transit.post(sealed, message, reader, number, pause=pause, now=now)

    def _seal_all_waiting(self, now: Instant) -> bool:
        """Seal what can be sealed now; return whether there may be more of it."""
        if not self._payloads.waiting_count or not self._sealing.has_signer(now.mesh):
            return False
        contacts: dict[int, ContactRow] = {}
        blocked: dict[int, None] = {}
        sealed_count, after = 0, 0
        while rows := self._payloads.rows.waiting(after, SEALED_PER_CHORE):
            after = rows[-1].number
            for row in rows:
                if row.contact in blocked:
                    continue
                contact = contacts.get(row.contact) or self._people.contact(row.contact)
                contacts[row.contact] = contact
                if not self._seal_waiting(contact, row, pause=Pause.AT_ONCE, now=now):
                    # The next ones of this contact keep their turn behind it.
                    blocked[row.contact] = None
                    continue
                sealed_count += 1
                if sealed_count >= SEALED_PER_CHORE:
                    return True
        return False

    def _seal_waiting(
        self, contact: ContactRow, row: PayloadRow, *, pause: Pause, now: Instant
    ) -> bool:
        """Seal what waits, if that can be done now. `pause`: of what people wrote."""
        sealed = self._sealing.seal(
            contact,
            row.payload,
            now.mesh,
            row.lifetime_class,
            is_again=row.posts_count > 0,
        )
        if sealed is None:
            return False
        if row.message is not None:
            lapses = sealed.envelope.header.lapses
            self._messages.set_sealed(row.message, state="queued", lapses=lapses)
            self._pending_events.message_changed(row.message)
        reader = None
        if row.message is None:
            reader, pause = contact.id, Pause.SOON if row.is_hello else Pause.LATER
        kept = self._payloads.sealed(row)
        self._transit.post(sealed, row.message, reader, kept, pause=pause, now=now)
        self._probe(contact, now)
        return True


def waiting_state(contact: ContactRow) -> MessageState:
    """Return what a message to this contact waits for before it leaves."""
    return "awaiting-key" if contact.bundle is None else "queued"
