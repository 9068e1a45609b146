"""The messenger: one door for the engine to all that a person does.

Theory of operation. The engine calls from inside its vault transaction; everything here either
writes rows and memory together or, with a UserError, neither. What leaves goes through the
outbox: the vault commits a sealed envelope first, and the engine takes it to the store one batch
later. What arrives is opened and its message, its key's erasure and its replay memory are rows of
one transaction. Effects are gathered and taken by the engine after the commit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

from mesh.commands import (
    AcceptRequest,
    AddContact,
    AddPeer,
    Answer,
    AnswerIntroduction,
    AskContact,
    AskContacts,
    AskIdentity,
    AskIntroductions,
    AskInvites,
    AskMessages,
    AskPeers,
    AskStatus,
    BlockContact,
    Command,
    Compare,
    ConfirmComparison,
    ContactsAnswer,
    CreateIdentity,
    CreateInvite,
    Done,
    IdentityAnswer,
    InspectInvite,
    Introduce,
    InvitesAnswer,
    MessageAnswer,
    RemoveContact,
    RemovePeer,
    RenameContact,
    RenewSession,
    ReplaceIdentity,
    RevokeInvite,
    SendMessage,
    SetReadReceipts,
    VerifyContact,
    WithdrawMessage,
)
from mesh.crypto.entropy import Entropy
from mesh.crypto.kem import Kem
from mesh.effects import Effect
from mesh.errors import UserError
from mesh.events import (
    ContactAdded,
    ContactChanged,
    ContactNoted,
    IntroductionChanged,
    MessageReceived,
    MessageSent,
    MessageStateChanged,
)
from mesh.ids import (
    ContactId,
    EnvelopeId,
    Instant,
    LinkKey,
    Monotonic,
    PostingKey,
    Tag,
    UnixSeconds,
    VerifyKey,
)
from mesh.inputs import Connection, StampMinted
from mesh.limits import (
    CHORES_INTERVAL_MS,
    IDEMPOTENCY_KEY_BYTES_MAX,
    RETIRE_DELAY_MS,
    SEND_KEYS_KEPT_SECONDS,
    TEXT_BYTES_MAX,
)
from mesh.messenger.desk import Desk, set_up
from mesh.messenger.expected import ExpectedTags
from mesh.messenger.history import mesh_milliseconds
from mesh.messenger.identity import Identity, create_identity, find_identity
from mesh.messenger.meetings import Meetings
from mesh.messenger.posting_keys import Audience, PostingKeys, StampState
from mesh.messenger.telling import Telling
from mesh.posting.standing import Standings
from mesh.storage.vault import Vault
from mesh.storage.vault_rows import ContactRow, MessageRow
from mesh.wire.envelope import SECONDS_PER_DAY, Envelope
from mesh.wire.parameters import MeshParameters
from mesh.wire.retirement import Retirement
from mesh.wire.standing import VouchedDay

_READ_MARK = "read to arrival"
_NEARBY_MARK = "offers a card"

ContactCommand = (
    AskContact
    | VerifyContact
    | BlockContact
    | AcceptRequest
    | RemoveContact
    | ReplaceIdentity
    | Compare
    | ConfirmComparison
)
"""Commands about one contact and whom one trusts."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The messenger in one look; an empty name means that there is no identity yet."""

    name: str
    contacts_count: int
    requests_count: int
    outbox_count: int
    stamp: StampState


@dataclass(frozen=True, slots=True)
class Ours:
    """What stays recognised while the vault is locked. Nothing can be opened with it."""

    envelopes: frozenset[EnvelopeId]
    tags: frozenset[Tag]


class Messenger:
    """All that is ours, over one open vault."""

    def __init__(
        self,
        *,
        vault: Connection,
        parameters: MeshParameters,
        entropy: Entropy,
        kem: Kem,
        standings: Standings | None = None,
        retire_delay_ms: tuple[int, int] = RETIRE_DELAY_MS,
        is_tag_stored: Callable[[Tag], bool],
        mesh_now: UnixSeconds,
        now: Instant,
    ) -> None:
        self._vault = Vault(vault)
        self._parameters = parameters
        self._entropy = entropy
        self._kem = kem
        self._retire_delay_ms = retire_delay_ms
        self._is_tag_stored = is_tag_stored
        self._telling = Telling()
        self._expected = ExpectedTags()
        self._today = mesh_now // SECONDS_PER_DAY
        self._standings = Standings() if standings is None else standings
        self._posting_keys = PostingKeys(
            self._vault.sessions,
            parameters,
            entropy,
            self._telling,
            standings=self._standings,
            today=self._today,
        )
        self._read_mark = self._vault.mark(_READ_MARK)
        # Whatever fell due while the vault was closed is done at once.
        self._chores_at = now.monotonic
        self._desk: Desk | None = None
        identity = find_identity(self._vault)
        if identity is not None:
            self._desk = self._set_up(identity, mesh_now, now)

    # --- What the engine asks for every envelope ----------------------------------------------

    @property
    def has_identity(self) -> bool:
        """Whether somebody is at home in this vault."""
        return self._desk is not None

    def is_expected(self, tag: Tag) -> bool:
        """Whether an envelope with this tag is for us."""
        return tag in self._expected

    def is_own(self, posting_key: PostingKey) -> bool:
        """Whether an envelope of this posting key was made here."""
        return self._posting_keys.is_own(posting_key)

    def is_protected(self, envelope: EnvelopeId) -> bool:
        """Whether an envelope was made here and is still on its way: it is never evicted."""
        return self._desk is not None and self._desk.outbox.is_on_its_way(envelope)

    def is_awaiting(self, tag: Tag) -> bool:
        """Whether an envelope with this tag is ours, and waits for another one to be opened."""
        return self._desk is not None and self._desk.sessions.tags.is_awaiting(tag)

    def ours(self) -> Ours:
        """What must not be evicted, for the time when the vault is locked."""
        made = [] if self._desk is None else self._desk.outbox.on_its_way()
        return Ours(envelopes=frozenset(made), tags=frozenset(self._expected.all()))

    def link_keys(self) -> list[tuple[ContactId, bytes]]:
        """The keys by which contacts recognise each other inside a link; nobody blocked."""
        return [] if self._desk is None else self._desk.trusting.link_keys()

    def label(self, contact: ContactId) -> str:
        """How our person calls a contact."""
        return "" if self._desk is None else self._desk.contacts.find_label(contact)

    # --- Inside the vault's transaction -------------------------------------------------------

    def command(self, command: Command, *, mesh_now: UnixSeconds, now: Instant) -> Answer:
        """Do what a person or a program asks; UserError says in words why not."""
        self._today = mesh_now // SECONDS_PER_DAY
        if isinstance(command, CreateIdentity):
            return self._create_identity(command, mesh_now, now)
        desk = self._desk
        if desk is None:
            raise UserError(
                "no-identity", "This profile has no identity yet; run: mesh up --name NAME"
            )
        match command:
            case AskIdentity():
                return _identity_answer(desk.identity)
            case CreateInvite():
                invite = desk.invites.create(command, mesh_now)
                # Only now: a refused command must leave no key in memory without its row.
                self._prepare_posting_keys([Audience.CONTACTS, Audience.PUBLIC])
                return invite
            case AskInvites():
                return InvitesAnswer(invites=desk.invites.answers(mesh_now))
            case RevokeInvite(number):
                return desk.invites.revoke(number, mesh_now)
            case AddContact():
                return self._add_contact(desk, command, mesh_now, now)
            case AskContacts():
                return ContactsAnswer(contacts=desk.contacts.answers())
            case RenameContact(contact, label):
                row = desk.contacts.contact(contact)
                desk.contacts.rename(row, label)
                return desk.contacts.answer(row.id)
            case SendMessage():
                return self._send(desk, command, mesh_now, now)
            case InspectInvite(link):
                return desk.invitations.inspect(link, mesh_now)
            case (
                AskContact()
                | VerifyContact()
                | BlockContact()
                | AcceptRequest()
                | RemoveContact()
                | ReplaceIdentity()
                | Compare()
                | ConfirmComparison()
            ):
                return self._about_contact(desk, command, mesh_now, now)
            case Introduce(contact, to):
                guest, host = desk.contacts.contact(contact), desk.contacts.contact(to)
                desk.introductions.introduce(guest, host, mesh_now, now)
                return Done()
            case AskIntroductions():
                return desk.introductions.answers()
            case AnswerIntroduction(introduction, is_accepted):
                return desk.introductions.settle(
                    introduction, is_accepted=is_accepted, mesh_now=mesh_now, now=now
                )
            case RenewSession(contact):
                return self._renew(desk, desk.contacts.contact(contact), mesh_now, now)
            case WithdrawMessage(message):
                withdrawn = desk.outbox.withdraw(message, mesh_now=mesh_now, now=now)
                return desk.reading.answer(withdrawn)
            case AskMessages():
                page = desk.reading.page(command)
                desk.receipts.were_read(desk.reading.take_newly_read(), mesh_now=mesh_now, now=now)
                return page
            case SetReadReceipts(contact, is_on):
                row = desk.contacts.contact(contact)
                desk.receipts.allow(row.id, is_on=is_on)
                return desk.contacts.answer(row.id)
            case AskStatus() | AskPeers() | AddPeer() | RemovePeer():
                raise AssertionError("the engine answers this")
            case _:
                raise UserError("not-built", "This release cannot do that yet.")

    # --- Posting keys of others, which the engine tells over links ------------------------------

    def vouches_for(self, contact: ContactId, mesh_now: UnixSeconds) -> list[VouchedDay]:
        """For whose posting keys we vouch to a contact, by day."""
        return [] if self._desk is None else self._desk.vouchers.vouches_for(contact, mesh_now)

    def vouched(
        self, contact: ContactId, days: Sequence[VouchedDay], mesh_now: UnixSeconds
    ) -> None:
        """A contact vouched for posting keys over a link of theirs; in the vault's transaction."""
        if self._desk is not None:
            self._desk.vouchers.vouched(contact, days, mesh_now)

    # --- People nearby, which the engine joins to the links ------------------------------------

    @property
    def meetings(self) -> Meetings | None:
        """What a comparison with somebody near needs and leads to; None without an identity."""
        return None if self._desk is None else self._desk.meetings

    @property
    def offers_card(self) -> bool:
        """Whether our person wants to be found by people nearby."""
        return self._desk is not None and self._vault.mark(_NEARBY_MARK) == 1

    def offer_card(self, *, is_on: bool) -> None:
        """Remember what our person wants."""
        self._vault.set_mark(_NEARBY_MARK, int(is_on))

    def meet(
        self, link: str, verify_key: VerifyKey, *, mesh_now: UnixSeconds, now: Instant
    ) -> ContactId:
        """Add who was compared with and made this invite; UserError says in words why not."""
        desk = self._desk
        assert desk is not None, "who has no identity offers no card"
        count = len(desk.contacts)
        mesh_ms = mesh_milliseconds(mesh_now, now)
        contact = desk.meetings.add(link, verify_key, mesh_ms=mesh_ms, mesh_now=mesh_now)
        if len(desk.contacts) > count:
            self._telling.tell(ContactAdded(desk.contacts.answer(contact)))
        return contact

    def open_arrived(
        self, envelopes: Sequence[Envelope], *, mesh_now: UnixSeconds, now: Instant
    ) -> None:
        """Open envelopes that bear expected tags. Nothing that they hold can raise."""
        self._today = mesh_now // SECONDS_PER_DAY
        if self._desk is not None:
            self._desk.inbox.take(envelopes, mesh_now=mesh_now, now=now)

    def take_wanted_tags(self) -> list[Tag]:
        """Tags expected since the last call whose envelopes may stand in the store already.

        The caller looks them up and opens what it finds before it commits the vault: the tags
        are not named again.
        """
        return self._expected.take_wanted()

    @property
    def read_mark(self) -> int:
        """How far the store was read."""
        return self._read_mark

    def set_read_mark(self, mark: int) -> None:
        """The store was read so far; committed with what was opened."""
        if mark != self._read_mark:
            self._read_mark = mark
            self._vault.set_mark(_READ_MARK, mark)

    def is_any_on_its_way(self, short_ids: Sequence[bytes]) -> bool:
        """Whether `held` has anything to note of these; needs no transaction."""
        return self._desk is not None and self._desk.outbox.is_any_on_its_way(short_ids)

    def held(self, link_key: LinkKey, short_ids: Sequence[bytes]) -> None:
        """A neighbour said after its commit that it holds these."""
        if self._desk is not None:
            self._desk.outbox.held(link_key, short_ids)

    @property
    def has_unposted(self) -> bool:
        """Whether there is something for the store."""
        return self._desk is not None and self._desk.outbox.has_unposted

    def take_unposted(self, limit: int) -> list[Envelope]:
        """Envelopes that the vault has committed and the store is not known to have.

        They are named until `posted` is called with them.
        """
        return [] if self._desk is None else self._desk.outbox.unposted(limit)

    def posted(self, ids: Sequence[EnvelopeId]) -> None:
        """The store has committed these; needs no transaction."""
        if self._desk is not None:
            self._desk.outbox.posted(ids)

    @property
    def posted_unwritten_count(self) -> int:
        """How much of it the vault has not been told; a crash only posts that again."""
        desk = self._desk
        return 0 if desk is None else desk.outbox.entered_count + desk.retirements.left_count

    def write_posted(self) -> None:
        """Tell the vault, in a transaction that has perhaps another reason."""
        if self._desk is not None:
            self._desk.outbox.write_posted()
            self._desk.retirements.write_left()

    def take_retirements(self, limit: int, now: Instant) -> list[Retirement]:
        """Tokens for the store whose time has come; needs no transaction."""
        return [] if self._desk is None else self._desk.retirements.take_due(limit, now)

    def retirements_left(self, retirements: Sequence[Retirement]) -> None:
        """The store has committed these, or has nothing that they retire; no transaction."""
        if self._desk is not None:
            self._desk.retirements.left(retirements)

    def retirements_deadline(self) -> Monotonic | None:
        """When `take_retirements` has something to give."""
        return None if self._desk is None else self._desk.retirements.deadline()

    def retired(self, retirement: Retirement) -> None:
        """A token stands on the mesh; most are not of our envelopes."""
        if self._desk is not None:
            self._desk.outbox.retired(retirement.envelope, retirement.token)

    def on_its_way(self) -> list[EnvelopeId]:
        """Envelopes of ours that a token may retire."""
        return [] if self._desk is None else self._desk.outbox.on_its_way()

    def stamp_minted(self, minted: StampMinted) -> None:
        """A stamp is made; `deadline_passed` then seals what waited for it."""
        self._posting_keys.stamped(minted)

    # --- Time ---------------------------------------------------------------------------------

    def deadline(self) -> Monotonic | None:
        """When `deadline_passed` wants to be called."""
        return None if self._desk is None else self._chores_at

    def deadline_passed(
        self, *, mesh_now: UnixSeconds, is_clock_steady: bool, now: Instant
    ) -> None:
        """Seal what waited, mint and post ahead, and let go of what is over.

        A jump of the clock deletes nothing: what cannot be had again goes while it is steady.
        """
        desk = self._desk
        if desk is None:
            return
        self._today = mesh_now // SECONDS_PER_DAY
        is_inviting = desk.invites.has_open(mesh_now)
        self._prepare_posting_keys(
            [Audience.CONTACTS, Audience.PUBLIC] if is_inviting else [Audience.CONTACTS]
        )
        if is_clock_steady:
            mesh_ms = mesh_milliseconds(mesh_now, now)
            for contact in desk.keys_given.take_due(mesh_now):
                desk.outbox.send_hello(contact, mesh_ms=mesh_ms, mesh_now=mesh_now)
        has_more_to_seal = desk.outbox.seal_waiting(mesh_now)
        desk.invites.tend(mesh_now)
        desk.comparisons.expire(mesh_now)
        has_more_lapsed = is_clock_steady and self._let_go(desk, mesh_now, now)
        pause_ms = 0 if has_more_to_seal or has_more_lapsed else CHORES_INTERVAL_MS
        self._chores_at = Monotonic(now.monotonic + pause_ms * 1000)

    def _let_go(self, desk: Desk, mesh_now: UnixSeconds, now: Instant) -> bool:
        """Expire and erase what is over; whether there is more of it."""
        self._posting_keys.forget(self._today)
        desk.vouchers.expire(mesh_now)
        desk.invitations.expire(mesh_now)
        desk.introductions.expire(mesh_now)
        desk.invites.erase_old(mesh_now)
        desk.prekeys.erase_old(mesh_now)
        desk.sessions.erase_old(mesh_now)
        forgotten_before = UnixSeconds(now.unix_seconds - SEND_KEYS_KEPT_SECONDS)
        self._vault.messages.forget_send_keys(forgotten_before)
        return desk.outbox.expire(mesh_now)

    def take_effects(self) -> list[Effect]:
        """What is to be done and told after the commit."""
        desk, telling = self._desk, self._telling
        if desk is not None and telling.has_changes:
            for number in telling.take_changed_messages():
                row = self._vault.messages.message(number)
                telling.tell(MessageStateChanged(desk.reading.answer(row)))
            for contact in telling.take_changed_contacts():
                desk.vouchers.contact_changed(contact)
                telling.tell(ContactChanged(desk.contacts.answer(contact)))
            for noted, note in telling.take_notes():
                telling.tell(ContactNoted(desk.contacts.answer(noted), note))
            for introduction in telling.take_changed_introductions():
                changed = desk.introductions.find_answer(introduction)
                if changed is not None:
                    telling.tell(IntroductionChanged(changed))
        return telling.take()

    def summary(self) -> Summary:
        """The messenger in one look."""
        desk = self._desk
        if desk is None:
            return Summary("", 0, 0, 0, self._posting_keys.state(self._today))
        requests_count = desk.contacts.requests_count
        return Summary(
            name=desk.identity.name,
            contacts_count=len(desk.contacts) - requests_count,
            requests_count=requests_count,
            outbox_count=desk.outbox.messages_count,
            stamp=self._posting_keys.state(self._today),
        )

    def counters(self) -> dict[str, int]:
        """What bore one of our tags and was dropped, by reason."""
        return {} if self._desk is None else dict(self._desk.inbox.counters)

    # --- Commands -----------------------------------------------------------------------------

    def _create_identity(
        self, command: CreateIdentity, mesh_now: UnixSeconds, now: Instant
    ) -> IdentityAnswer:
        identity = create_identity(self._vault, command.name, self._entropy, mesh_now)
        self._desk = self._set_up(identity, mesh_now, now)
        self._prepare_posting_keys([Audience.CONTACTS])
        self._chores_at = Monotonic(now.monotonic + CHORES_INTERVAL_MS * 1000)
        return _identity_answer(identity)

    def _add_contact(
        self, desk: Desk, command: AddContact, mesh_now: UnixSeconds, now: Instant
    ) -> Answer:
        count = len(desk.contacts)
        contact = desk.invitations.add(
            command, mesh_ms=mesh_milliseconds(mesh_now, now), mesh_now=mesh_now
        )
        answer = desk.contacts.answer(contact)
        if len(desk.contacts) > count:
            self._telling.tell(ContactAdded(answer))
        return answer

    def _about_contact(
        self, desk: Desk, command: ContactCommand, mesh_now: UnixSeconds, now: Instant
    ) -> Answer:
        """What concerns one contact and whom one trusts."""
        row = desk.contacts.contact(command.contact)
        match command:
            case AskContact():
                return desk.trusting.details(row, mesh_now)
            case VerifyContact():
                desk.trusting.verify(row, command, mesh_now)
            case BlockContact(_, is_blocked):
                desk.trusting.block(row, is_blocked=is_blocked, mesh_now=mesh_now)
            case AcceptRequest():
                desk.contacts.accept_request(row)
            case RemoveContact():
                desk.trusting.remove(row)
                self._set_up_anew(desk, mesh_now, now)
                return Done()
            case ReplaceIdentity(_, by):
                desk.trusting.replace(row, desk.contacts.contact(by), mesh_now)
                desk = self._set_up_anew(desk, mesh_now, now)
            case Compare():
                return desk.comparisons.ask(row, mesh_now, now)
            case ConfirmComparison(_, is_equal):
                return desk.comparisons.confirm(row, is_equal=is_equal, mesh_now=mesh_now, now=now)
            case _:
                assert_never(command)
        return desk.contacts.answer(row.id)

    def _set_up_anew(self, desk: Desk, mesh_now: UnixSeconds, now: Instant) -> Desk:
        """Forget what is in memory and read the vault, as at a start.

        A contact who goes is known to nearly every part of the desk. This is rare, and takes less
        than a second for a thousand contacts.
        """
        self.write_posted()
        wanted = self._expected.take_wanted()
        self._expected = ExpectedTags()
        self._expected.want(wanted)
        fresh = self._set_up(desk.identity, mesh_now, now)
        fresh.inbox.counters.update(desk.inbox.counters)
        self._desk = fresh
        return fresh

    def _renew(
        self, desk: Desk, contact: ContactRow, mesh_now: UnixSeconds, now: Instant
    ) -> Answer:
        if not desk.first_contacts.renew(contact, mesh_now, is_asked=True):
            raise UserError(
                "cannot-renew",
                f"There is nothing left by which {contact.label} could be met; "
                "ask them for a new invite and add it.",
            )
        desk.outbox.seal_waiting_of(contact, mesh_now)
        mesh_ms = mesh_milliseconds(mesh_now, now)
        for _ in range(desk.first_contacts.ways_count(contact.id)):
            # One by each session that they may still have.
            desk.outbox.send_hello(contact, mesh_ms=mesh_ms, mesh_now=mesh_now)
        self._telling.contact_changed(contact.id)
        return desk.contacts.answer(contact.id)

    def _send(
        self, desk: Desk, command: SendMessage, mesh_now: UnixSeconds, now: Instant
    ) -> MessageAnswer:
        key = _checked_send_key(command.idempotency_key)
        contact = desk.contacts.contact(command.contact)
        before = None if key is None else self._vault.messages.find_by_send_key(key)
        if before is not None:
            if (before.contact, before.text) != (contact.id, command.text):
                raise UserError(
                    "key-reused",
                    "This idempotency key was used for another message; take a new one.",
                )
            return desk.reading.answer(before)
        _check_text(command.text)
        if contact.is_blocked:
            raise UserError(
                "blocked", f"{contact.label} is blocked; unblock them before you write."
            )
        desk.invitations.check_reachable(contact, mesh_now)
        row = desk.outbox.send(
            contact,
            command.text,
            mesh_ms=mesh_milliseconds(mesh_now, now),
            received=mesh_now,
            mesh_now=mesh_now,
            send_key=key,
        )
        # Who is written to is a contact.
        desk.contacts.accept_request(contact)
        answer = desk.reading.answer(row)
        self._telling.tell(MessageSent(answer))
        return answer

    def _prepare_posting_keys(self, audiences: list[Audience]) -> None:
        self._posting_keys.prepare(audiences, self._today)

    def _set_up(self, identity: Identity, mesh_now: UnixSeconds, now: Instant) -> Desk:
        return set_up(
            self._vault,
            identity,
            self._parameters,
            expected=self._expected,
            posting_keys=self._posting_keys,
            standings=self._standings,
            telling=self._telling,
            entropy=self._entropy,
            kem=self._kem,
            tell_received=self._tell_received,
            retire_delay_ms=self._retire_delay_ms,
            is_tag_stored=self._is_tag_stored,
            mesh_now=mesh_now,
            now=now,
        )

    def _tell_received(self, row: MessageRow) -> None:
        assert self._desk is not None
        if self._vault.people.contact(row.contact).is_request:
            # They wait apart: that their count has risen is all that is told.
            self._telling.contact_changed(row.contact)
            return
        self._telling.tell(MessageReceived(self._desk.reading.answer(row)))


def _identity_answer(identity: Identity) -> IdentityAnswer:
    return IdentityAnswer(name=identity.name, key=identity.keys.verify_key.hex())


def _check_text(text: str) -> None:
    """A message is not empty, is Unicode, and fits an envelope."""
    if not text:
        raise UserError("empty", "The message is empty; write something.")
    try:
        length = len(text.encode())
    except UnicodeEncodeError as error:
        raise UserError("bad-text", "The message is not valid Unicode text.") from error
    if length > TEXT_BYTES_MAX:
        raise UserError(
            "too-large",
            f"The message has {length} bytes, and at most {TEXT_BYTES_MAX} fit; split it.",
        )


def _checked_send_key(key: str) -> str | None:
    if not key:
        return None
    if not key.isascii() or len(key) > IDEMPOTENCY_KEY_BYTES_MAX:
        raise UserError(
            "bad-key",
            f"An idempotency key is at most {IDEMPOTENCY_KEY_BYTES_MAX} ASCII characters.",
        )
    return key
