"""The sessions: a ratchet and chains of tags shared with a contact.

Implements `docs/protocol/session.md`, section "Life of a session". A first contact that was opened
founds a session on both sides. When two people add each other at the same time there are two; both
receive, and each sends on the lowest id among those that the other side is known to have. A session
that was lost on one side is renewed by another one, and is over then: what is still under way on it
is opened, nothing more is written on it.

Every change is in memory and in the rows at once; it happens only after nothing can fail any more.
"""

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.crypto.kem import Kem
from mesh.ids import ContactId, Instant, Tag, UnixSeconds
from mesh.limits.sessions import RENDEZVOUS_TAGS, SKIPPED_KEPT_SECONDS, SKIPPED_PER_SESSION_MAX
from mesh.messenger.sessions.sealed_mail import SealedMail
from mesh.messenger.sessions.session import Session, row_of, session_of
from mesh.messenger.sessions.session_tags import SessionTags
from mesh.messenger.sessions.tag_generations import Generation, generation_of, generation_row
from mesh.messenger.sessions.tag_index import TagIndex
from mesh.messenger.sessions.unopened import Unopened
from mesh.ratchet.double_ratchet import Awaiting, Ratchet, Receiving, Sending
from mesh.ratchet.first_contact import Roots
from mesh.ratchet.tags import (
    DIRECTION_FROM_FOUNDER,
    DIRECTION_TO_FOUNDER,
    TagReceiver,
    TagSender,
    chain_start,
)
from mesh.storage.vault.rows import SkippedRow
from mesh.storage.vault.sessions import SessionRows
from mesh.wire.ratchet_header import RatchetHeader


class Sessions:
    """All sessions of this profile, their `tags`, and the `sealed_mail` of who wrote on them.

    `unopened`: what came on them and never opens.
    """

    def __init__(
        self,
        rows: SessionRows,
        expected: TagIndex,
        *,
        sealed_mail: SealedMail,
        entropy: Entropy,
        kem: Kem,
    ) -> None:
        self._rows = rows
        self.tags = SessionTags(rows, expected)
        self.unopened = Unopened(rows, self.tags)
        self.sealed_mail = sealed_mail
        self._entropy = entropy
        self._kem = kem
        self._by_id: dict[bytes, Session] = {}
        self._by_contact: dict[ContactId, list[Session]] = {}
        for kept in rows.sessions():
            self._keep(session_of(kept))
        for generation in rows.generations():
            session = self._by_id[generation.session]
            session.generations[generation.number] = generation_of(generation)
        for row in rows.ways.all():
            self._by_id[row.session].rendezvous[row.generation] = row
        for session in self._by_id.values():
            self.tags.expect(session)

    # --- Which there are ----------------------------------------------------------------------

    def session(self, id_: bytes) -> Session:
        """The session of an id that was read from the vault."""
        return self._by_id[id_]

    def has(self, id_: bytes) -> bool:
        """Say whether there is such a session."""
        return id_ in self._by_id

    def count(self, contact: ContactId) -> int:
        """Sessions with one contact."""
        return len(self._by_contact.get(contact, ()))

    def of_contact(self, contact: ContactId) -> list[Session]:
        """All sessions with one contact, oldest first."""
        return list(self._by_contact.get(contact, ()))

    def find_known(self, contact: ContactId) -> Session | None:
        """The session to send on; None before the other side is known to have one."""
        found: Session | None = None
        for one in self._by_contact.get(contact, ()):
            is_first = found is None or one.id < found.id
            if is_first and one.is_known and not one.is_over and one.ratchet.can_send:
                found = one
        return found

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
            rendezvous_start=uniform_below(self._entropy, RENDEZVOUS_TAGS),
            rendezvous_count=0,
            heard=0,
        )
        session.generations[0] = Generation(0, TagReceiver.start(in_))
        self._rows.add_session(row_of(session))
        self._rows.put_generation(generation_row(session.id, session.generations[0]))
        self._keep(session)
        self.tags.ways.begin(session, 0, roots.tags)
        self.tags.expect(session)
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

    def succeed(self, session: Session, successor: bytes) -> None:
        """They said on a session which other one they began in its place."""
        session.successor = successor
        self._rows.set_successor(session.id, successor)

    def hear(self, session: Session, clock: int) -> None:
        """Something was opened on it that bears this clock."""
        if clock > session.heard:
            session.heard = clock
            self._rows.set_heard(session.id, clock)

    def erase(self, session: Session) -> None:
        """Erase all keys of a session; nothing of it opens any more."""
        self.tags.erase(session)
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
            self.tags.forget(session)

    def resume(self, contact: ContactId) -> None:
        """Recognise a contact again; what came meanwhile stays sealed."""
        for session in self.of_contact(contact):
            came = self.tags.expect_later(session, is_stored=self.sealed_mail.is_tag_stored)
            self.sealed_mail.keep(contact, came)

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

    # --- Opening ------------------------------------------------------------------------------

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

    def opened(self, session: Session, receiving: Receiving, expiry_now: UnixSeconds) -> None:
        """A message has opened: keep the ratchet after it, and erase its key."""
        if receiving.used is not None:
            name = receiving.used
            self._rows.erase_skipped(session.id, name.public, name.number)
        if receiving.skipped:
            erase_after = UnixSeconds(expiry_now + SKIPPED_KEPT_SECONDS)
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
            self.tags.root_came(session, receiving.tag_root)

    def heard_under(self, session: Session, generation: int, expiry_now: UnixSeconds) -> None:
        """The other side writes under a generation, so both have its root, which grew from keys
        that both drew since: whatever is older finds nobody any more.

        That of a first contact does not count: it may have been sealed to keys of long ago.
        """
        ways = session.find_rendezvous(generation) if generation else None
        if ways is not None and ways.generation:
            for one in self._by_contact[session.contact]:
                if self.tags.ways.close(one, ways.number, expiry_now):
                    self._rows.ways.erase_invite_private(one.id)

    def erase_old(self, now: Instant) -> None:
        """Erase tag keys and message keys under which nothing can live any more."""
        self._rows.erase_skipped_before(now.expiry)
        for session in list(self._by_id.values()):
            self.tags.erase_old(session, now.expiry)
            in_use = self.find_known(session.contact)
            if not session.rendezvous and session.is_known and in_use not in (None, session):
                # Both went on from another one, and what was on its way has lapsed.
                self.erase(session)

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
            self.tags.root_made(session, sending.tag_root)
        return sending

    def _set_ratchet(self, session: Session, ratchet: Ratchet) -> None:
        """Take on a ratchet; the caller writes its fast half."""
        before, session.ratchet = session.ratchet, ratchet
        if ratchet.post_quantum is not before.post_quantum:
            self._rows.set_post_quantum(session.id, ratchet.slow_bytes)

    def _keep(self, session: Session) -> None:
        self._by_id[session.id] = session
        ours = self._by_contact.setdefault(session.contact, [])
        ours.append(session)
        ours.sort(key=lambda one: (one.created, one.id))
