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
from typing import Final

from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.commands.identity import CreateIdentity, IdentityAnswer
from mesh.commands.messages import SendMessage
from mesh.database import Connection
from mesh.effects import Effect
from mesh.errors import UserError
from mesh.events import ContactChanged, ContactNoted, IntroductionChanged
from mesh.ids import ContactId, EnvelopeId, Instant, Monotonic, Tag, UnixSeconds
from mesh.limits.messages import CHORES_INTERVAL_MS, REORDERING_PAUSE_MS
from mesh.messenger.account import Account, Environment
from mesh.messenger.contacts.contacts import Contacts
from mesh.messenger.feature import Task
from mesh.messenger.identity import Identity, create_identity, find_identity, identity_answer
from mesh.messenger.inbox.inbox import NEWER_MARK
from mesh.messenger.parts import Parts, open_parts
from mesh.messenger.pending_events import PendingEvents
from mesh.messenger.sessions.cover import Cover
from mesh.messenger.sessions.link_keys import PairKey, link_keys
from mesh.messenger.sessions.posting_keys import Audience, PostingKeys, StampState
from mesh.messenger.sessions.tag_index import (
    OfBundle,
    OfClosedInvite,
    OfRendezvous,
    OfSession,
    TagIndex,
)
from mesh.messenger.wiring import Person, wired
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
    is_former_machine: bool = False
    notices: tuple[str, ...] = ()
    """Sentences on another machine with this identity, and on mail that waits for an upgrade."""


@dataclass(frozen=True, slots=True)
class Ours:
    """The part that stays recognised while the vault is locked. Nothing can be opened with it."""

    envelopes: frozenset[EnvelopeId]
    tags: frozenset[Tag]


NOBODYS: Final = Ours(frozenset(), frozenset())


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
        cover = Cover(
            self._vault,
            posting_keys,
            environment.entropy,
            interval_ms=environment.cover_interval_ms,
        )
        # What was made with a newer Mesh than that of the last start is tried again: on a full
        # disk, when the vault is opened next.
        if self._vault.mark(NEWER_MARK) and not environment.is_disk_full:
            self._vault.set_mark(NEWER_MARK, 0)
            self._vault.set_mark(_READ_MARK, 0)
        self._read_mark = self._vault.mark(_READ_MARK)
        # Whatever fell due while the vault was closed is done at once.
        self._chores_at = now.monotonic
        self.parts = self._open_parts(posting_keys, cover, Counter(), TagIndex(), now)
        identity = find_identity(self._vault)
        self.person = None if identity is None else self._set_up(identity, now)

    # --- Inside the vault's transaction -------------------------------------------------------

    def command(self, command: Command, *, now: Instant) -> Answer:
        """Do what a person or a program asks; UserError says in words why not."""
        self._today = now.mesh // SECONDS_PER_DAY
        self._vault.begin(is_mail=isinstance(command, SendMessage))
        if isinstance(command, CreateIdentity):
            return self._create_identity(command, now)
        if self.person is None:
            raise UserError(
                "no-identity", "This profile has no identity yet; run: mesh up --name NAME"
            )
        handler = self.person.commands.get(type(command))
        assert handler is not None, "the engine answers this"
        self.person.machines.check_writes(command)
        self.person.answers.now = now
        return handler(command, now)

    def open_arrived(self, envelopes: Sequence[Envelope], *, now: Instant) -> None:
        """Open envelopes that bear expected tags. Nothing that they hold can raise.

        What they say is learned at once; messages are there after `add_opened`.
        """
        self._today = now.mesh // SECONDS_PER_DAY
        self._vault.begin(is_mail=True)
        self._vault.work += 1
        if self.person is not None:
            self.person.answers.now = now
            self.person.inbox.take(envelopes, now=now)

    def add_opened(self, now: Instant) -> None:
        """Number and tell what was opened in this transaction, in the order of its causes."""
        if self.person is not None:
            self.person.inbox.add_opened(now)
            if self.parts.history.is_behind:
                self._chores_at = min(self._chores_at, now.after(REORDERING_PAUSE_MS))

    def find_author(self, tag: Tag) -> ContactId | None:
        """The contact who alone can have written under an expected tag; None for first contacts."""
        place = self.parts.tag_index.find(tag)
        match None if place is None else place[0]:
            case OfSession(session=session) | OfRendezvous(session=session):
                return self.parts.sessions.session(session).contact
            case OfBundle(contact) | OfClosedInvite(contact):
                return contact
            case _:
                return None

    @property
    def newest_opened(self) -> UnixSeconds:
        """Return when the newest was made that a contact wrote and that was opened here."""
        return UnixSeconds(0) if self.person is None else self.person.inbox.newest_opened

    @property
    def read_mark(self) -> int:
        """Return how far the store was read."""
        return self._read_mark

    def set_read_mark(self, mark: int) -> None:
        """The store was read so far; committed with what was opened."""
        if mark != self._read_mark:
            self._read_mark = mark
            self._vault.set_mark(_READ_MARK, mark)

    def write_read_mark(self) -> None:
        """Write the same once more, so that the disk has to."""
        self._vault.write_mark_anew(_READ_MARK, self._read_mark)

    def write_posted(self) -> None:
        """Tell the vault, in a transaction that has perhaps another reason."""
        self.parts.retirements.write_left()

    def note_steps(self, now: Instant) -> None:
        """Write down since when messages that changed in this transaction are as they are."""
        if self.person is not None and self.person.erasing.start_timers(now):
            self._chores_at = self._next_chores(now, is_clock_steady=False)
        for number in self._pending_events.changed_messages:
            self._vault.steps.add(number, now.mesh)
        self._vault.history.look_for_gaps()
        self._vault.changes.look_for_waiting()
        self._vault.end_batch()

    # --- What the engine keeps and tells ------------------------------------------------------

    def ours(self) -> Ours:
        """Return what stays recognised for the time when the vault is locked."""
        return Ours(
            envelopes=frozenset(self.parts.transit.on_its_way()),
            tags=frozenset(self.parts.tag_index.all()),
        )

    def link_keys(self) -> tuple[list[PairKey], list[PairKey]]:
        """The keys by which contacts and we recognise each other inside a link."""
        return link_keys(self._vault.contacts, self.parts.sessions)

    def taken_back(self) -> None:
        """Keep nothing that was read since a savepoint: what was written there is gone."""
        self._vault.taken_back()

    def take_effects(self) -> list[Effect]:
        """Return what is to be done and told after the commit: with the rows that were read for
        it, since whoever wrote one since has dropped it.
        """
        parts, pending_events = self.parts, self._pending_events
        if self.person is not None and pending_events.has_changes:
            self.person.groups.tell_changed()
            for file in pending_events.take_changed_files():
                self.person.erasing.files.tell_changed(file)
            self.person.message_pages.tell_changed()
            for conversation in pending_events.take_changed_conversations():
                self.person.conversations.tell_changed(conversation)
            for contact in pending_events.take_changed_contacts():
                parts.vouches.contact_changed(contact)
                pending_events.tell(ContactChanged(parts.contacts.answer(contact)))
            for noted, note in pending_events.take_notes():
                pending_events.tell(ContactNoted(parts.contacts.answer(noted), note))
            for introduction in pending_events.take_changed_introductions():
                changed = self.person.introductions.find_answer(introduction)
                if changed is not None:
                    pending_events.tell(IntroductionChanged(changed))
        if self.person is not None:
            self.person.answers.forget_told()
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
            is_former_machine=person is not None and person.machines.is_former,
            notices=()
            if person is None
            else tuple(filter(None, (person.machines.notice, person.inbox.notice))),
        )

    # --- Time ---------------------------------------------------------------------------------

    def deadline(self) -> Monotonic | None:
        """Return when `deadline_passed` wants to be called."""
        if self.person is None:
            return None
        if self.person.machines.is_former:
            # Nothing else is done there, so nothing else falls due.
            return self._chores_at
        found = self._chores_at
        for deadline in self.person.deadlines:
            at = deadline()
            if at is not None and at < found:
                found = at
        return found

    def cover_deadline(self) -> Monotonic | None:
        """Return when `tend_cover` wants to be called."""
        return None if self.person is None else self.parts.cover.deadline()

    def tend_cover(self, *, may_post: bool, now: Instant) -> None:
        """Post a dummy if one is due. `may_post`: whether there is room for mail of our own."""
        if self.person is not None:
            parts = self.parts
            parts.cover.tend(
                self.person.sealing, parts.transit, parts.retirements, may_post=may_post, now=now
            )

    def deadline_passed(self, *, is_clock_steady: bool, now: Instant) -> None:
        """Do the chores, and let go of what is over.

        A jump of the clock deletes nothing: what cannot be had again goes while it is steady.
        """
        if self.person is None:
            return
        self._today = now.mesh // SECONDS_PER_DAY
        self._vault.begin()
        self.person.answers.now = now
        self.person.erasing.start_timers(now)
        machines = self.person.machines
        tasks: list[Task] = [
            chore.task
            for chore in (machines.feature().chores if machines.is_former else self.person.chores)
            if is_clock_steady or not chore.needs_steady_clock
        ]
        if machines.is_former:
            # Nothing else is done there, but what is over goes there too.
            tasks.append(self.person.erasing.expire_running)
        if is_clock_steady:
            tasks += self.person.cleanups
        has_more = [task(now) for task in tasks]
        rest_ms = REORDERING_PAUSE_MS if self.parts.history.is_behind else CHORES_INTERVAL_MS
        pause_ms = 0 if any(has_more) else rest_ms
        self._chores_at = now.after(pause_ms)
        self._chores_at = self._next_chores(now, is_clock_steady=is_clock_steady)

    def _next_chores(self, now: Instant, *, is_clock_steady: bool) -> Monotonic:
        """Return when chores are due: at their time, or when something disappears before it."""
        end = None
        if self.person is not None:
            end = self.person.erasing.next_end(now, is_clock_steady=is_clock_steady)
        return self._chores_at if end is None else min(self._chores_at, end)

    # --- Identity and memory ------------------------------------------------------------------

    def _create_identity(self, command: CreateIdentity, now: Instant) -> IdentityAnswer:
        entropy = self._environment.entropy
        identity = create_identity(self._vault, command.name, entropy, now.mesh)
        self.person = self._set_up(identity, now)
        self.parts.posting_keys.prepare([Audience.CONTACTS], self._today)
        self._chores_at = now.after(CHORES_INTERVAL_MS)
        return identity_answer(identity)

    def _reload(self, now: Instant) -> Contacts:
        """Forget what is in memory and read the vault, as at a start."""
        assert self.person is not None, "who has no identity has no contacts"
        self.write_posted()
        self._vault.begin()
        former = self.parts
        tag_index = TagIndex()
        tag_index.want(former.tag_index.take_wanted())
        self.parts = self._open_parts(
            former.posting_keys, former.cover, former.dropped, tag_index, now
        )
        self.person = self._set_up(self.person.identity, now)
        self.person.machines.expect(now)
        # What waited for a moment was in memory.
        self._chores_at = now.monotonic
        return self.parts.contacts

    def _open_parts(
        self,
        posting_keys: PostingKeys,
        cover: Cover,
        dropped: Counter[str],
        tag_index: TagIndex,
        now: Instant,
    ) -> Parts:
        return open_parts(
            self._vault,
            self._environment,
            posting_keys=posting_keys,
            cover=cover,
            dropped=dropped,
            tag_index=tag_index,
            pending_events=self._pending_events,
            now=now,
        )

    def _set_up(self, identity: Identity, now: Instant) -> Person:
        environment = self._environment
        account = Account(
            vault=self._vault,
            identity=identity,
            parameters=environment.parameters,
            entropy=environment.entropy,
            kem=environment.kem,
            pending_events=self._pending_events,
        )
        person = wired(account, environment, self.parts, self._reload)
        person.groups.expect(now)
        return person
