"""The messenger: all that is ours, over one open vault.

Theory of operation. The engine calls from inside its vault transaction; everything here either
writes rows and memory together or, with a UserError, neither. What leaves goes through the
outbox: the vault commits a sealed envelope first, and the engine takes it to the store one batch
later. What arrives is opened and its message, its key's erasure and its replay memory are rows of
one transaction. Effects are gathered and taken by the engine after the commit.

The engine asks the `parts` themselves, which are there without an identity too; what needs one is
in `person`. What commands and chores there are is said by the features (`feature.py`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.commands.identity import CreateIdentity, IdentityAnswer
from mesh.effects import Effect
from mesh.errors import UserError
from mesh.events import ContactChanged, ContactNoted, IntroductionChanged, MessageStateChanged
from mesh.ids import ContactId, EnvelopeId, Instant, Monotonic, Tag
from mesh.inputs import Connection
from mesh.limits.messages import CHORES_INTERVAL_MS
from mesh.messenger.account import Account, Environment
from mesh.messenger.contacts.contacts import Contacts
from mesh.messenger.identity import Identity, create_identity, find_identity, identity_answer
from mesh.messenger.pending_events import PendingEvents
from mesh.messenger.sessions.posting_keys import Audience, PostingKeys, StampState
from mesh.messenger.sessions.tag_index import TagIndex
from mesh.messenger.wiring import Parts, Person, open_parts, wired
from mesh.storage.vault.vault import Vault
from mesh.wire.envelope import SECONDS_PER_DAY, Envelope

_READ_MARK = "read to arrival"


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
    """The part that stays recognised while the vault is locked. Nothing can be opened with it."""

    envelopes: frozenset[EnvelopeId]
    tags: frozenset[Tag]


class Messenger:
    """The work over one vault; `person` is None until somebody has made an identity."""

    parts: Parts
    person: Person | None

    def __init__(self, vault: Connection, environment: Environment, *, now: Instant) -> None:
        self._vault = Vault(vault)
        self._environment = environment
        self._pending_events = PendingEvents()
        self._today = now.mesh // SECONDS_PER_DAY
        posting_keys = PostingKeys(
            self._vault.posting_keys,
            environment.parameters,
            environment.entropy,
            self._pending_events,
            distances=environment.distances,
            today=self._today,
        )
        self._read_mark = self._vault.mark(_READ_MARK)
        # Whatever fell due while the vault was closed is done at once.
        self._chores_at = now.monotonic
        self.parts = self._open_parts(posting_keys, Counter(), TagIndex(), now)
        identity = find_identity(self._vault)
        self.person = None if identity is None else self._set_up(identity)

    # --- Inside the vault's transaction -------------------------------------------------------

    def command(self, command: Command, *, now: Instant) -> Answer:
        """Do what a person or a program asks; UserError says in words why not."""
        self._today = now.mesh // SECONDS_PER_DAY
        if isinstance(command, CreateIdentity):
            return self._create_identity(command, now)
        if self.person is None:
            raise UserError(
                "no-identity", "This profile has no identity yet; run: mesh up --name NAME"
            )
        handler = self.person.commands.get(type(command))
        assert handler is not None, "the engine answers this"
        return handler(command, now)

    def open_arrived(self, envelopes: Sequence[Envelope], *, now: Instant) -> None:
        """Open envelopes that bear expected tags. Nothing that they hold can raise."""
        self._today = now.mesh // SECONDS_PER_DAY
        if self.person is not None:
            self.person.inbox.take(envelopes, now=now)

    @property
    def read_mark(self) -> int:
        """Return how far the store was read."""
        return self._read_mark

    def set_read_mark(self, mark: int) -> None:
        """The store was read so far; committed with what was opened."""
        if mark != self._read_mark:
            self._read_mark = mark
            self._vault.set_mark(_READ_MARK, mark)

    @property
    def posted_unwritten_count(self) -> int:
        """Return how much the store has of which the vault was not told; a crash posts that
        again.
        """
        return self.parts.transit.entered_count + self.parts.retirements.left_count

    def write_posted(self) -> None:
        """Tell the vault, in a transaction that has perhaps another reason."""
        self.parts.transit.write_posted()
        self.parts.retirements.write_left()

    # --- What the engine keeps and tells ------------------------------------------------------

    def ours(self) -> Ours:
        """Return what must not be evicted, for the time when the vault is locked."""
        return Ours(
            envelopes=frozenset(self.parts.transit.on_its_way()),
            tags=frozenset(self.parts.tag_index.all()),
        )

    def link_keys(self) -> list[tuple[ContactId, bytes]]:
        """The keys by which contacts and we recognise each other inside a link.

        Nobody is among them who is blocked, or waits to be accepted.
        """
        return [
            (row.id, session.link_key)
            for row in self._vault.contacts.contacts()
            if not row.is_blocked and not row.is_request
            for session in self.parts.sessions.of_contact(row.id)
            if not session.is_over
        ]

    def take_effects(self) -> list[Effect]:
        """Return what is to be done and told after the commit."""
        parts, pending_events = self.parts, self._pending_events
        if self.person is not None and pending_events.has_changes:
            for number in pending_events.take_changed_messages():
                row = self._vault.messages.message(number)
                pending_events.tell(MessageStateChanged(self.person.message_pages.answer(row)))
            for contact in pending_events.take_changed_contacts():
                parts.vouches.contact_changed(contact)
                pending_events.tell(ContactChanged(parts.contacts.answer(contact)))
            for noted, note in pending_events.take_notes():
                pending_events.tell(ContactNoted(parts.contacts.answer(noted), note))
            for introduction in pending_events.take_changed_introductions():
                changed = self.person.introductions.find_answer(introduction)
                if changed is not None:
                    pending_events.tell(IntroductionChanged(changed))
        return pending_events.take()

    def summary(self) -> Summary:
        """The messenger in one look."""
        person, contacts = self.person, self.parts.contacts
        requests_count = contacts.requests_count
        blocked_count = self._vault.contacts.blocked_count()
        return Summary(
            name="" if person is None else person.identity.name,
            contacts_count=len(contacts) - requests_count - blocked_count,
            requests_count=requests_count,
            outbox_count=0 if person is None else person.outbox.messages_count,
            stamp=self.parts.posting_keys.state(self._today),
        )

    # --- Time ---------------------------------------------------------------------------------

    def deadline(self) -> Monotonic | None:
        """Return when `deadline_passed` wants to be called."""
        return None if self.person is None else self._chores_at

    def deadline_passed(self, *, is_clock_steady: bool, now: Instant) -> None:
        """Do the chores, and let go of what is over.

        A jump of the clock deletes nothing: what cannot be had again goes while it is steady.
        """
        if self.person is None:
            return
        self._today = now.mesh // SECONDS_PER_DAY
        tasks = [
            chore.task
            for chore in self.person.chores
            if is_clock_steady or not chore.needs_steady_clock
        ]
        if is_clock_steady:
            tasks += self.person.cleanups
        has_more = [task(now) for task in tasks]
        pause_ms = 0 if any(has_more) else CHORES_INTERVAL_MS
        self._chores_at = now.after(pause_ms)

    # --- Identity and memory ------------------------------------------------------------------

    def _create_identity(self, command: CreateIdentity, now: Instant) -> IdentityAnswer:
        entropy = self._environment.entropy
        identity = create_identity(self._vault, command.name, entropy, now.mesh)
        self.person = self._set_up(identity)
        self.parts.posting_keys.prepare([Audience.CONTACTS], self._today)
        self._chores_at = now.after(CHORES_INTERVAL_MS)
        return identity_answer(identity)

    def _reload(self, now: Instant) -> Contacts:
        """Forget what is in memory and read the vault, as at a start."""
        assert self.person is not None, "who has no identity has no contacts"
        self.write_posted()
        former = self.parts
        tag_index = TagIndex()
        tag_index.want(former.tag_index.take_wanted())
        self.parts = self._open_parts(former.posting_keys, former.dropped, tag_index, now)
        self.person = self._set_up(self.person.identity)
        return self.parts.contacts

    def _open_parts(
        self, posting_keys: PostingKeys, dropped: Counter[str], tag_index: TagIndex, now: Instant
    ) -> Parts:
        return open_parts(
            self._vault,
            self._environment,
            posting_keys=posting_keys,
            dropped=dropped,
            tag_index=tag_index,
            pending_events=self._pending_events,
            now=now,
        )

    def _set_up(self, identity: Identity) -> Person:
        environment = self._environment
        account = Account(
            vault=self._vault,
            identity=identity,
            parameters=environment.parameters,
            entropy=environment.entropy,
            kem=environment.kem,
            pending_events=self._pending_events,
        )
        return wired(account, environment, self.parts, self._reload)
