"""The sessions: a ratchet and chains of tags shared with a contact.

Implements `docs/protocol/session.md`, sections "Life of a session" and "Tags". A first contact that
was opened founds a session on both sides. When two people add each other at the same time there
are two; both receive, and each sends on the lowest id among those that the other side is known to
have. A session that was lost on one side is renewed by another one, and is over then: what is
still under way on it is opened, nothing more is written on it.

Every change is in memory and in the rows at once; it happens only after nothing can fail any more.
"""

from dataclasses import dataclass, field

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.crypto.kem import Kem
from mesh.ids import ContactId, Tag, UnixSeconds
from mesh.limits import (
    AWAITING_PER_SESSION_MAX,
    RENDEZVOUS_TAGS,
    SKIPPED_KEPT_SECONDS,
    SKIPPED_PER_SESSION_MAX,
    TAG_KEY_KEPT_SECONDS,
)
from mesh.messenger.expected import ExpectedTags, OfRendezvous, OfSession
from mesh.messenger.receivers import Generation, bounded, generation_of, generation_row
from mesh.ratchet.double_ratchet import Awaiting, Ratchet, Receiving, Sending
from mesh.ratchet.first_contact import Roots
from mesh.ratchet.tags import (
    DIRECTION_FROM_FOUNDER,
    DIRECTION_TO_FOUNDER,
    TagReceiver,
    TagSender,
    box_key_of,
    chain_start,
    join_tags_before,
    link_key_of,
    rendezvous_key,
    split_tags_before,
    tag_of,
)
from mesh.storage.vault_rows import SessionRow, SkippedRow
from mesh.storage.vault_sessions import SessionRows
from mesh.wire.ratchet_header import RatchetHeader


@dataclass(slots=True)
class Session:
    """A session in memory; its rows are always as new."""

    id: bytes
    contact: ContactId
    is_begun_here: bool
    is_known: bool
    is_over: bool
    created: UnixSeconds
    ratchet: Ratchet = field(repr=False)
    generation: int
    sender: TagSender = field(repr=False)
    tags_before: int
    next_key: bytes | None = field(repr=False)
    rendezvous_out: bytes = field(repr=False)
    rendezvous_start: int
    rendezvous_count: int
    rendezvous_in: bytes = field(repr=False)
    rendezvous_used: int
    link_key: bytes = field(repr=False)
    heard: int
    generations: dict[int, Generation] = field(default_factory=dict, repr=False)

    def has_tags(self, tags_max: int = RENDEZVOUS_TAGS) -> bool:
        """Whether a tag is left by which the session can be renewed."""
        return self.rendezvous_count < tags_max

    @property
    def direction_out(self) -> int:
        """The direction of what we write."""
        return DIRECTION_FROM_FOUNDER if self.is_begun_here else DIRECTION_TO_FOUNDER

    @property
    def direction_in(self) -> int:
        """The direction of what the other side writes."""
        return DIRECTION_TO_FOUNDER if self.is_begun_here else DIRECTION_FROM_FOUNDER


class Sessions:
    """All sessions of this profile."""

    def __init__(
        self, rows: SessionRows, expected: ExpectedTags, *, entropy: Entropy, kem: Kem
    ) -> None:
        self._rows = rows
        self._expected = expected
        self._entropy = entropy
        self._kem = kem
        self._by_id: dict[bytes, Session] = {}
        self._by_contact: dict[ContactId, list[Session]] = {}
        for row in rows.sessions():
            self._keep(_session_of(row))
        for generation in rows.generations():
            session = self._by_id[generation.session]
            session.generations[generation.number] = generation_of(generation)
        for session in self._by_id.values():
            self._expect_all(session)
        self._awaiting = dict.fromkeys(rows.all_awaiting())

    # --- Which there are ----------------------------------------------------------------------

    def session(self, id_: bytes) -> Session:
        """The session of an id that was read from the vault."""
        return self._by_id[id_]

    def has(self, id_: bytes) -> bool:
        """Whether there is such a session."""
        return id_ in self._by_id

    def count(self, contact: ContactId) -> int:
        """Sessions with one contact."""
        return len(self._by_contact.get(contact, ()))

    def of_contact(self, contact: ContactId) -> list[Session]:
        """All sessions with one contact, oldest first."""
        return list(self._by_contact.get(contact, ()))

    def find_known(self, contact: ContactId) -> Session | None:
        """The session to send on; None before the other side is known to have one."""
        known = [
            one
            for one in self._by_contact.get(contact, ())
            if one.is_known and not one.is_over and one.ratchet.can_send
        ]
        return min(known, key=lambda one: one.id, default=None)

    # --- Life ---------------------------------------------------------------------------------

    def found(
        self,
        roots: Roots,
        contact: ContactId,
        ratchet: Ratchet,
        *,
        is_begun_here: bool,
        created: UnixSeconds,
    ) -> Session:
        """Begin a session; the tag root is not kept, only the keys that grow from it."""
        from_founder = chain_start(roots.tags, DIRECTION_FROM_FOUNDER)
        to_founder = chain_start(roots.tags, DIRECTION_TO_FOUNDER)
        out, in_ = (from_founder, to_founder) if is_begun_here else (to_founder, from_founder)
        session = Session(
            id=roots.session_id,
            contact=contact,
            is_begun_here=is_begun_here,
            # Who began a session has it.
            is_known=not is_begun_here,
            is_over=False,
            created=created,
            ratchet=ratchet,
            generation=0,
            sender=TagSender(out),
            tags_before=0,
            next_key=None,
            rendezvous_out=b"",
            rendezvous_start=uniform_below(self._entropy, RENDEZVOUS_TAGS),
            rendezvous_count=0,
            rendezvous_in=b"",
            rendezvous_used=0,
            link_key=link_key_of(roots.tags),
            heard=0,
        )
        session.rendezvous_out = rendezvous_key(roots.tags, session.direction_out)
        session.rendezvous_in = rendezvous_key(roots.tags, session.direction_in)
        session.generations[0] = Generation(0, TagReceiver.start(in_))
        self._rows.add_session(_row_of(session))
        self._rows.put_generation(generation_row(session.id, session.generations[0]))
        self._keep(session)
        self._expect_all(session)
        return session

    def mark_known(self, session: Session) -> None:
        """Something was opened on it: the other side has it."""
        if not session.is_known:
            session.is_known = True
            self._rows.set_known(session.id)

    def end(self, session: Session) -> None:
        """Write nothing more on a session."""
        if not session.is_over:
            session.is_over = True
            self._rows.set_over(session.id, is_over=True)

    def revive(self, session: Session) -> None:
        """Write on a session again that was ended in vain."""
        if session.is_over:
            session.is_over = False
            self._rows.set_over(session.id, is_over=False)

    def hear(self, session: Session, clock: int) -> None:
        """Something was opened on it that bears this clock."""
        if clock > session.heard:
            session.heard = clock
            self._rows.set_heard(session.id, clock)

    def erase(self, session: Session) -> None:
        """Erase all keys of a session; nothing of it opens any more."""
        self._forget_tags(session)
        for tag in self._rows.take_awaiting(session.id):
            self._awaiting.pop(tag, None)
        self._rows.erase_session(session.id)
        del self._by_id[session.id]
        self._by_contact[session.contact].remove(session)

    def erase_of(self, contact: ContactId) -> None:
        """Erase all sessions with a contact."""
        for session in self.of_contact(contact):
            self.erase(session)

    def pause(self, contact: ContactId) -> None:
        """Recognise nothing of a contact until `resume`."""
        for session in self.of_contact(contact):
            self._forget_tags(session)

    def resume(self, contact: ContactId) -> None:
        """Recognise a contact again, and look for what came meanwhile."""
        for session in self.of_contact(contact):
            self._expect_all(session, is_wanted=True)

    # --- Writing ------------------------------------------------------------------------------

    def step(self, session: Session, mesh_now: UnixSeconds) -> Sending:
        """The key and header of our next message under other tags than the session's."""
        sending = self._advance(session, mesh_now)
        self._rows.set_ratchet(session.id, session.ratchet.fast_bytes)
        return sending

    def step_under_tag(self, session: Session, mesh_now: UnixSeconds) -> tuple[Sending, Tag, bytes]:
        """The key and header of our next message, its tag and the tag's box key."""
        sending = self._advance(session, mesh_now)
        session.sender, tag, box_key = session.sender.next()
        self._rows.set_out_tag(
            session.id,
            key=session.sender.key,
            index=session.sender.index,
            ratchet=session.ratchet.fast_bytes,
        )
        return sending, tag, box_key

    def next_tag(self, session: Session) -> Tag:
        """The tag that our next message will bear."""
        return tag_of(session.sender.key, session.sender.index)

    def rendezvous_left(self, session: Session, tags_max: int) -> list[Tag]:
        """The tags by which the session can still be renewed."""
        start = session.rendezvous_start
        return [
            tag_of(session.rendezvous_out, (start + number) % RENDEZVOUS_TAGS)
            for number in range(session.rendezvous_count, tags_max)
        ]

    def take_rendezvous(self, session: Session, tags_max: int) -> tuple[Tag, bytes] | None:
        """The next tag and box key by which the session can be renewed; None if all are used."""
        if not session.has_tags(tags_max):
            return None
        index = (session.rendezvous_start + session.rendezvous_count) % RENDEZVOUS_TAGS
        session.rendezvous_count += 1
        self._set_rendezvous(session)
        key = session.rendezvous_out
        return tag_of(key, index), box_key_of(key, index)

    # --- Opening ------------------------------------------------------------------------------

    def box_key(self, session: Session, generation: int, index: int) -> bytes:
        """The box key of an expected tag."""
        return session.generations[generation].receiver.box_key(index)

    def rendezvous_box_key(self, session: Session, index: int) -> bytes:
        """The box key of an expected rendezvous."""
        return box_key_of(session.rendezvous_in, index)

    def receive(
        self, session: Session, header: RatchetHeader, mesh_now: UnixSeconds
    ) -> Receiving | Awaiting:
        """The key of a message that came; nothing has changed."""
        return session.ratchet.receive(
            header,
            kem=self._kem,
            mesh_now=mesh_now,
            find_skipped=lambda public, number: self._rows.find_skipped(session.id, public, number),
        )

    def opened(self, session: Session, receiving: Receiving, mesh_now: UnixSeconds) -> None:
        """A message has opened: keep the ratchet after it, and erase its key."""
        if receiving.used is not None:
            name = receiving.used
            self._rows.erase_skipped(session.id, name.public, name.number)
        if receiving.skipped:
            erase_after = UnixSeconds(mesh_now + SKIPPED_KEPT_SECONDS)
            self._rows.add_skipped(
                [
                    SkippedRow(session.id, one.name.public, one.name.number, one.key, erase_after)
                    for one in receiving.skipped
                ]
            )
            self._rows.trim_skipped(session.id, SKIPPED_PER_SESSION_MAX)
        if receiving.ratchet is not session.ratchet:
            self._set_ratchet(session, receiving.ratchet)
            self._rows.set_ratchet(session.id, receiving.ratchet.fast_bytes)
        self.mark_known(session)
        if receiving.tag_root is not None:
            number = self._begin_generation(session, receiving.tag_root)
            # They made this root, so they know its tags already.
            self._switch_sender(
                session, number, chain_start(receiving.tag_root, session.direction_out)
            )
            waiting = self._rows.take_awaiting(session.id)
            for tag in waiting:
                self._awaiting.pop(tag, None)
            self._expected.want(waiting)

    def tag_used(
        self,
        session: Session,
        generation: int,
        index: int,
        tag: Tag,
        header: RatchetHeader,
        mesh_now: UnixSeconds,
    ) -> None:
        """A message under a tag was opened: the tag is used up and the window moves."""
        before = session.generations[generation]
        receiver, lost = bounded(before.receiver.after_opening(index).use(index, mesh_now))
        self._expected.forget([tag, *lost])
        # What was sent far ahead may have come before its tag was expected.
        fresh = receiver.expected_from(before.receiver.expected_to)
        self._expected.expect(OfSession(session.id, generation), fresh, is_wanted=True)
        self._put(session, Generation(generation, receiver, before.superseded))
        if session.next_key is not None and generation > session.generation:
            self._switch_sender(session, generation, session.next_key)
        if generation:
            # A later one may have begun already, before anything was written under it.
            self._supersede(session, generation, header.tags_before, mesh_now)

    def rendezvous_used(self, session: Session, index: int, tag: Tag) -> None:
        """A renewal came under a tag: it is used up."""
        session.rendezvous_used |= 1 << index
        self._set_rendezvous(session)
        self._expected.forget([tag])

    def awaits(self, session: Session, tag: Tag) -> bool:
        """Keep a tag whose message cannot be opened yet; False if too many wait."""
        if tag in self._awaiting:
            return True
        if self._rows.awaiting_count(session.id) >= AWAITING_PER_SESSION_MAX:
            return False
        self._rows.add_awaiting(session.id, tag)
        self._awaiting[tag] = None
        return True

    def is_awaiting(self, tag: Tag) -> bool:
        """Whether an envelope with this tag was tried and waits in the store."""
        return tag in self._awaiting

    def erase_old(self, mesh_now: UnixSeconds) -> None:
        """Erase tag keys and message keys under which nothing can live any more."""
        self._rows.erase_skipped_before(mesh_now)
        for session in list(self._by_id.values()):
            for generation in list(session.generations.values()):
                self._erase_old_of(session, generation, mesh_now)

    # --- Below --------------------------------------------------------------------------------

    def _advance(self, session: Session, mesh_now: UnixSeconds) -> Sending:
        sending = session.ratchet.next_sending(
            entropy=self._entropy,
            kem=self._kem,
            mesh_now=mesh_now,
            tags_before=session.tags_before,
        )
        self._set_ratchet(session, sending.ratchet)
        if sending.tag_root is not None:
            session.next_key = chain_start(sending.tag_root, session.direction_out)
            self._set_out(session)
            self._begin_generation(session, sending.tag_root)
        return sending

    def _erase_old_of(
        self, session: Session, generation: Generation, mesh_now: UnixSeconds
    ) -> None:
        superseded = generation.superseded
        if superseded is not None and superseded + TAG_KEY_KEPT_SECONDS <= mesh_now:
            self._expected.forget(tag for _, tag in generation.receiver.expected())
            self._drop(session, generation.number)
            return
        kept, lost = generation.receiver.erase(mesh_now)
        if kept is not generation.receiver:
            self._expected.forget(lost)
            self._put(session, Generation(generation.number, kept, superseded))

    def _begin_generation(self, session: Session, tag_root: bytes) -> int:
        """Expect the tags of a new root from the other side."""
        number = 1 + max(session.generations, default=session.generation)
        number = max(number, session.generation + 1)
        receiver = TagReceiver.start(chain_start(tag_root, session.direction_in))
        self._put(session, Generation(number, receiver))
        self._expected.expect(OfSession(session.id, number), receiver.expected(), is_wanted=True)
        return number

    def _switch_sender(self, session: Session, generation: int, key: bytes) -> None:
        """Write under the tags of a generation that the other side is known to expect."""
        passed = generation - session.generation - 1
        if session.sender.index or not session.generation:
            session.tags_before = join_tags_before(session.sender.index, passed)
        else:
            # Nothing was written under the present one: it is passed over too.
            count, before = split_tags_before(session.tags_before)
            session.tags_before = join_tags_before(count, before + 1 + passed)
        session.sender = TagSender(key)
        session.generation = generation
        session.next_key = None
        self._set_out(session)

    def _supersede(
        self, session: Session, generation: int, tags_before: int, mesh_now: UnixSeconds
    ) -> None:
        """The other side writes under a later generation: the earlier ones come to their end."""
        count, passed = split_tags_before(tags_before)
        for earlier in list(session.generations.values()):
            if earlier.number >= generation:
                continue
            receiver = earlier.receiver
            if earlier.number >= generation - 1 - passed and receiver.end is None:
                is_used = earlier.number == generation - 1 - passed
                receiver, lost = receiver.ending_at(count if is_used else 0)
                self._expected.forget(lost)
            elif earlier.superseded is not None:
                continue
            self._put(session, Generation(earlier.number, receiver, earlier.superseded or mesh_now))

    def _put(self, session: Session, generation: Generation) -> None:
        if generation.receiver.is_done:
            self._drop(session, generation.number)
            return
        session.generations[generation.number] = generation
        self._rows.put_generation(generation_row(session.id, generation))

    def _drop(self, session: Session, number: int) -> None:
        session.generations.pop(number, None)
        self._rows.erase_generation(session.id, number)

    def _set_ratchet(self, session: Session, ratchet: Ratchet) -> None:
        """Take on a ratchet; the caller writes its fast half."""
        before, session.ratchet = session.ratchet, ratchet
        if ratchet.post_quantum is not before.post_quantum:
            self._rows.set_post_quantum(session.id, ratchet.slow_bytes)

    def _set_out(self, session: Session) -> None:
        self._rows.set_out_generation(
            session.id,
            generation=session.generation,
            key=session.sender.key,
            index=session.sender.index,
            before=session.tags_before,
            next_key=session.next_key,
        )

    def _set_rendezvous(self, session: Session) -> None:
        self._rows.set_rendezvous(
            session.id, sent_count=session.rendezvous_count, used=session.rendezvous_used
        )

    def _keep(self, session: Session) -> None:
        self._by_id[session.id] = session
        ours = self._by_contact.setdefault(session.contact, [])
        ours.append(session)
        ours.sort(key=lambda one: (one.created, one.id))

    def _expect_all(self, session: Session, *, is_wanted: bool = False) -> None:
        for generation in session.generations.values():
            owner = OfSession(session.id, generation.number)
            self._expected.expect(owner, generation.receiver.expected(), is_wanted=is_wanted)
        self._expected.expect(
            OfRendezvous(session.id), _rendezvous_tags(session), is_wanted=is_wanted
        )

    def _forget_tags(self, session: Session) -> None:
        for generation in session.generations.values():
            self._expected.forget(tag for _, tag in generation.receiver.expected())
        self._expected.forget(tag for _, tag in _rendezvous_tags(session))


def _rendezvous_tags(session: Session) -> list[tuple[int, Tag]]:
    return [
        (index, tag_of(session.rendezvous_in, index))
        for index in range(RENDEZVOUS_TAGS)
        if not session.rendezvous_used >> index & 1
    ]


def _session_of(row: SessionRow) -> Session:
    return Session(
        id=row.id,
        contact=row.contact,
        is_begun_here=row.is_begun_here,
        is_known=row.is_known,
        is_over=row.is_over,
        created=row.created,
        ratchet=Ratchet.from_bytes(row.ratchet, row.post_quantum),
        generation=row.generation,
        sender=TagSender(row.out_key, row.out_index),
        tags_before=row.out_before,
        next_key=row.out_next,
        rendezvous_out=row.rendezvous_out,
        rendezvous_start=row.rendezvous_start,
        rendezvous_count=row.rendezvous_count,
        rendezvous_in=row.rendezvous_in,
        rendezvous_used=row.rendezvous_used,
        link_key=row.link_key,
        heard=row.heard,
    )


def _row_of(session: Session) -> SessionRow:
    return SessionRow(
        id=session.id,
        contact=session.contact,
        is_begun_here=session.is_begun_here,
        is_known=session.is_known,
        is_over=session.is_over,
        created=session.created,
        ratchet=session.ratchet.fast_bytes,
        post_quantum=session.ratchet.slow_bytes,
        generation=session.generation,
        out_key=session.sender.key,
        out_index=session.sender.index,
        out_before=session.tags_before,
        out_next=session.next_key,
        rendezvous_out=session.rendezvous_out,
        rendezvous_start=session.rendezvous_start,
        rendezvous_count=session.rendezvous_count,
        rendezvous_in=session.rendezvous_in,
        rendezvous_used=session.rendezvous_used,
        link_key=session.link_key,
        heard=session.heard,
    )
