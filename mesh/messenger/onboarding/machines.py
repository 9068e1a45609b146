"""The machines of one identity: taking it up from a backup, and finding another one at work.

Implements `docs/protocol/backup-file.md`, section "Two machines". Of several the one that took the
identity up last is the present one. It begins all sessions anew and leaves a note for itself on the
mesh; a former one that reads it writes and opens nothing any more, says so, and answers with a note
of its own. So no contact hears two voices, and what is on its way comes to the present machine.
"""

from mesh.commands.command import SAYS, Command
from mesh.commands.contacts import AddContact, RenewSession
from mesh.commands.identity import TakenOver, TakeOver
from mesh.commands.invites import CreateInvite
from mesh.commands.messages import WithdrawMessage
from mesh.commands.scheduled import ScheduleText
from mesh.crypto.entropy import uniform_below
from mesh.errors import PeerError, UserError
from mesh.events import NoticeRaised
from mesh.ids import ContactId, Instant, Tag, UnixSeconds
from mesh.limits.backup import (
    CONTACTS_RENEWED_PER_CHORE,
    FORMER_TOLD_SECONDS,
    NOTE_REPEATED_SECONDS,
)
from mesh.limits.sessions import POSTS_ON_WORD_MAX
from mesh.messenger.account import Account
from mesh.messenger.contacts.key_doubts import KeyDoubts
from mesh.messenger.conversations.outbox import Outbox
from mesh.messenger.feature import Chore, Feature, ReceivedControl, command
from mesh.messenger.pauses import Pause
from mesh.messenger.sessions.sealing import Sealing
from mesh.messenger.sessions.session_setup import SessionSetup
from mesh.messenger.sessions.sessions import Sessions
from mesh.messenger.sessions.tag_index import OfSelf, TagIndex
from mesh.messenger.sessions.transit import Transit
from mesh.ratchet.self_note import (
    NOTE_SLOTS,
    Machine,
    SelfNote,
    note_key,
    note_tags,
    open_note,
    period_of,
)
from mesh.storage.vault.portable import (
    GENERATION_MARK,
    INSTANCE_MARK,
    RESTORED_MARK,
    TO_RENEW_MARK,
)
from mesh.storage.vault.rows import PayloadRow
from mesh.wire.controls import RESTORED
from mesh.wire.envelope import LIFETIME_SECONDS, Envelope

_FORMER_MARK = "former machine"
"""1 on a machine that is not the present one any more."""
_LATEST_MARK = "latest generation"
"""The greatest generation that was read in a note."""
_OTHER_MARK = "other machine heard"
"""When a former machine was last heard of, on the present one."""
_NOTED_MARK = "note left"
"""When the last note was left."""

WRITES = (*SAYS, ScheduleText, WithdrawMessage, CreateInvite, AddContact, RenewSession)
"""What a former machine refuses: others would hear two voices."""

FORMER = (
    "This is a former machine of this profile: it was taken up on another one. Nothing is sent or "
    "opened here any more, and what others write comes to the other machine. Go on there, and "
    "remove this one with `mesh wipe`; or, if that one is gone, go on here with `mesh takeover`."
)
OTHER_RUNS = (
    "A former machine of this profile has been started. It has stopped sending and opening by "
    "itself; what it had opened before stays there only. Remove it there with `mesh wipe`."
)


class Machines:
    """This machine among those of its identity, and what is to be done after it took that up."""

    def __init__(
        self,
        account: Account,
        *,
        tag_index: TagIndex,
        sealing: Sealing,
        session_setup: SessionSetup,
        outbox: Outbox,
        transit: Transit,
        sessions: Sessions,
        key_doubts: KeyDoubts,
    ) -> None:
        self._vault = account.vault
        self._entropy = account.entropy
        self._pending_events = account.pending_events
        self._key = note_key(account.identity.keys)
        self._tag_index = tag_index
        self._sealing = sealing
        self._session_setup = session_setup
        self._outbox = outbox
        self._transit = transit
        self._sessions = sessions
        self._key_doubts = key_doubts
        # Repeated like all that begins a session; it is acted on once.
        self._sealed_again: dict[bytes, None] = {}
        self._expected: list[tuple[int, Tag]] = []
        self.is_former = self._vault.mark(_FORMER_MARK) == 1
        sealing.has_stopped = self.is_former

    def feature(self) -> Feature:
        """Going on here, sessions begun anew, and notes."""
        return Feature(
            commands=[command(TakeOver, self._take_over)],
            controls={RESTORED: self._they_restored},
            chores=[Chore(self.expect), Chore(self._renew_sessions), Chore(self.leave_note)],
        )

    def check_writes(self, asked: Command) -> None:
        """UserError if something is to be written to others by a former machine."""
        if self.is_former and isinstance(asked, WRITES):
            raise UserError("former-machine", FORMER)

    @property
    def notice(self) -> str:
        """Return what a person has to know; empty if nothing."""
        if self.is_former:
            return FORMER
        return OTHER_RUNS if self._vault.mark(_OTHER_MARK) else ""

    def expect(self, now: Instant) -> None:
        """Recognise notes of the present time, also those that are stored already."""
        heard = self._vault.mark(_OTHER_MARK)
        if heard and abs(now.mesh - heard) >= FORMER_TOLD_SECONDS:
            self._vault.set_mark(_OTHER_MARK, 0)
        tags = note_tags(self._key, now.mesh)
        if tags != self._expected:
            self._tag_index.forget(tag for _, tag in self._expected)
            self._expected = tags
            self._tag_index.expect(OfSelf(), tags, is_wanted=True)

    def note_came(self, index: int, envelope: Envelope, now: Instant) -> None:
        """A note of this identity stands on the mesh; PeerError if it is none."""
        note = open_note(envelope.body, self._key, index, associated=envelope.header_bytes)
        ours, theirs = self._machine, note.machine
        if theirs.instance == ours.instance:
            return
        if theirs.generation > self._vault.mark(_LATEST_MARK):
            self._vault.set_mark(_LATEST_MARK, theirs.generation)
        if theirs > ours:
            self._stop(now)
        elif note.has_stopped and envelope.header.created > self._vault.mark(_OTHER_MARK):
            self._vault.set_mark(_OTHER_MARK, envelope.header.created)
            self._pending_events.tell(NoticeRaised(OTHER_RUNS))

    def leave_note(self, now: Instant) -> None:
        """Say which machine this is, if others may have to know, as soon as a key can sign."""
        machine = self._machine
        last = self._vault.mark(_NOTED_MARK)
        is_due = not last or (not self.is_former and abs(now.mesh - last) >= NOTE_REPEATED_SECONDS)
        if not is_due or not (self.is_former or machine.generation):
            return
        index = period_of(now.mesh) * NOTE_SLOTS + uniform_below(self._entropy, NOTE_SLOTS)
        note = SelfNote(machine, has_stopped=self.is_former)
        sealed = self._sealing.seal_note(note.encode(), self._key, index, now.mesh)
        if sealed is not None:
            self._transit.post(sealed, None, now=now)
            self._vault.set_mark(_NOTED_MARK, now.mesh)

    @property
    def _machine(self) -> Machine:
        mark = self._vault.mark
        return Machine(mark(GENERATION_MARK), UnixSeconds(mark(RESTORED_MARK)), mark(INSTANCE_MARK))

    def _stop(self, now: Instant) -> None:
        if self.is_former:
            return
        self.is_former = self._sealing.has_stopped = True
        self._vault.set_mark(_FORMER_MARK, 1)
        self._vault.set_mark(_NOTED_MARK, 0)
        self._pending_events.tell(NoticeRaised(FORMER))
        self.leave_note(now)

    def _take_over(self, asked: TakeOver, now: Instant) -> TakenOver:
        """Go on here: from now on this is the present machine."""
        was_former = self.is_former
        if was_former:
            vault = self._vault
            latest = max(vault.mark(GENERATION_MARK), vault.mark(_LATEST_MARK))
            contacts = vault.contacts.contacts()
            for name, value in (
                (GENERATION_MARK, latest + 1),
                (RESTORED_MARK, now.mesh),
                (INSTANCE_MARK, uniform_below(self._entropy, 1 << 62)),
                (TO_RENEW_MARK, 1 + max((one.id for one in contacts), default=0)),
                (_FORMER_MARK, 0),
                (_NOTED_MARK, 0),
            ):
                vault.set_mark(name, value)
            self.is_former = self._sealing.has_stopped = False
            # What came meanwhile was left closed.
            self._tag_index.want(list(self._tag_index.all()))
            self._renew_sessions(now)
            self.leave_note(now)
        return TakenOver(was_former=was_former)

    def _renew_sessions(self, now: Instant) -> bool:
        """Begin new sessions with some contacts, the newest first; true if there are more."""
        left = self._vault.mark(TO_RENEW_MARK)
        if not left or self.is_former or not self._sealing.has_signer(now.mesh):
            return False
        people = [one for one in self._vault.contacts.contacts() if one.id < left]
        people.sort(key=lambda one: one.id, reverse=True)
        for contact in people[:CONTACTS_RENEWED_PER_CHORE]:
            left = contact.id
            if not contact.is_blocked and not contact.is_request:
                self._renew(contact.id, now)
        has_more = len(people) > CONTACTS_RENEWED_PER_CHORE
        self._vault.set_mark(TO_RENEW_MARK, left if has_more else 0)
        return has_more

    def _renew(self, id_: ContactId, now: Instant) -> None:
        """Begin anew by every session of before, else by their invite, and seal again all that is
        not known to be delivered.
        """
        contact = self._vault.contacts.contact(id_)
        if contact.state == "answered":
            self._key_doubts.unreached(contact, now.mesh)
        is_begun = self._session_setup.renew(contact, now.mesh, is_asked=True)
        self._outbox.seal_again(self._vault.payloads.of_contact(id_), now=now)
        has_invite = self._vault.invites.find_accepted_invite(id_) is not None
        ways_count = self._session_setup.ways_count(id_) if is_begun else int(has_invite)
        for _ in range(ways_count):
            restored = RESTORED, b""
            self._outbox.send_controls(contact, [restored], pause=Pause.LATER, now=now)

    def _they_restored(self, control: ReceivedControl, now: Instant) -> None:
        """A contact goes on from a backup: what was sealed to their former keys is sealed again."""
        if control.data:
            raise PeerError("malformed word of a restored backup")
        if control.session in self._sealed_again:
            return
        self._sealed_again[control.session] = None
        begun = self._sessions.session(control.session).created
        kept = self._vault.payloads.of_contact(control.contact.id)
        lost = [
            one
            for one in kept
            if one.posts_count < POSTS_ON_WORD_MAX and self._was_sealed_before(one, begun)
        ]
        self._outbox.seal_again(lost, now=now)

    def _was_sealed_before(self, payload: PayloadRow, begun: UnixSeconds) -> bool:
        """Say whether something was sealed before a session began."""
        lifetime = LIFETIME_SECONDS[payload.lifetime_class]
        rows = self._vault.outbox.of_payload(payload.number)
        return any(row.lapses - lifetime <= begun for row in rows)
