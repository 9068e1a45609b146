"""The tags of sessions: which are recognised, which are written under, and which wait.

Implements `docs/protocol/session.md`, section "Tags". Every change is in memory and in the rows at
once.
"""

from collections.abc import Callable

from mesh.ids import EnvelopeId, Tag, UnixSeconds
from mesh.limits.sessions import (
    AWAITING_PER_SESSION_MAX,
    TAG_KEY_KEPT_SECONDS,
    TAG_WINDOW,
    TAGS_UNOPENED_MAX,
)
from mesh.messenger.sessions.session import Session
from mesh.messenger.sessions.tag_generations import Generation, bounded, generation_row
from mesh.messenger.sessions.tag_index import OfRendezvous, OfSession, TagIndex
from mesh.messenger.sessions.ways import Ways
from mesh.ratchet.tags import (
    TagReceiver,
    TagSender,
    chain_start,
    join_tags_before,
    split_tags_before,
)
from mesh.storage.vault.sessions import SessionRows
from mesh.wire.ratchet_header import RatchetHeader


class SessionTags:
    """The tags of all sessions of this profile."""

    def __init__(self, rows: SessionRows, expected: TagIndex) -> None:
        self._rows = rows
        self._tag_index = expected
        # Tags of envelopes that were tried and wait in the store.
        self._awaiting = dict.fromkeys(rows.all_awaiting())
        self.ways = Ways(rows.ways, expected)

    def expect(self, session: Session, *, is_wanted: bool = False) -> None:
        """Recognise a session; if `is_wanted`, what is stored already too."""
        for generation in session.generations.values():
            owner = OfSession(session.id, generation.number)
            self._tag_index.expect(owner, generation.receiver.expected(), is_wanted=is_wanted)
        for number, tags in session.rendezvous_expected():
            self._tag_index.expect(OfRendezvous(session.id, number), tags, is_wanted=is_wanted)

    def expect_later(self, session: Session, *, is_stored: Callable[[Tag], bool]) -> list[Tag]:
        """Recognise what comes of a session from now on; return the tags of what came before.

        However much came, the window of each chain lies beyond it.
        """
        came: list[Tag] = []
        for generation in list(session.generations.values()):
            receiver, start = generation.receiver, 0
            while found := [one for one in receiver.expected_from(start) if is_stored(one[1])]:
                came += [tag for _, tag in found]
                start = receiver.expected_to
                receiver = receiver.expecting(found[-1][0] + 1 + TAG_WINDOW)
                if receiver.expected_to - found[0][0] > TAGS_UNOPENED_MAX:
                    break
            self._put(session, Generation(generation.number, receiver, generation.superseded))
        for _, tags in session.rendezvous_expected():
            came += [tag for _, tag in tags if is_stored(tag)]
        self.expect(session)
        return came

    def forget(self, session: Session) -> None:
        """Recognise nothing of a session any more."""
        for generation in session.generations.values():
            self._tag_index.forget(tag for _, tag in generation.receiver.expected())
        for _, tags in session.rendezvous_expected():
            self._tag_index.forget(tag for _, tag in tags)

    def erase(self, session: Session) -> None:
        """A session goes: nothing of it is recognised, and nothing waits for it."""
        self.forget(session)
        for tag in self._rows.take_awaiting(session.id):
            self._awaiting.pop(tag, None)

    # --- Generations --------------------------------------------------------------------------

    def root_made(self, session: Session, tag_root: bytes) -> None:
        """Our next message brings a new root; the other side knows its tags when that opens."""
        session.next_key = chain_start(tag_root, session.direction_out)
        self._set_out(session)
        self._begin_generation(session, tag_root)

    def root_came(self, session: Session, tag_root: bytes) -> None:
        """A message brought a new root: what waited for it can be opened."""
        number = self._begin_generation(session, tag_root)
        # They made this root, so they know its tags already.
        self._switch_sender(session, number, chain_start(tag_root, session.direction_out))
        waiting = self._rows.take_awaiting(session.id)
        for tag in waiting:
            self._awaiting.pop(tag, None)
        self._tag_index.want(waiting)

    def used(
        self,
        session: Session,
        generation: int,
        index: int,
        tag: Tag,
        header: RatchetHeader,
        expiry_now: UnixSeconds,
    ) -> None:
        """A message under a tag was opened: the tag is used up and the window moves."""
        before = session.generations[generation]
        receiver, lost = bounded(before.receiver.after_opening(index).use(index, expiry_now))
        self._tag_index.forget([tag, *lost])
        # What was sent far ahead may have come before its tag was expected.
        fresh = receiver.expected_from(before.receiver.expected_to)
        self._tag_index.expect(OfSession(session.id, generation), fresh, is_wanted=True)
        self._put(session, Generation(generation, receiver, before.superseded))
        if session.next_key is not None and generation > session.generation:
            self._switch_sender(session, generation, session.next_key)
        if generation:
            # A later one may have begun already, before anything was written under it.
            self._supersede(session, generation, header.tags_before, expiry_now)

    def erase_old(self, session: Session, expiry_now: UnixSeconds) -> None:
        """Erase keys of tags under which nothing can live any more."""
        for generation in list(session.generations.values()):
            self._erase_old_of(session, generation, expiry_now)
        self.ways.erase_old(session, expiry_now)

    # --- What waits for another message -------------------------------------------------------

    def awaits(self, session: Session, tag: Tag, envelope: EnvelopeId) -> bool:
        """Keep a tag whose message cannot be opened yet; False if too many wait."""
        if tag in self._awaiting:
            return True
        if self._rows.awaiting_count(session.id) >= AWAITING_PER_SESSION_MAX:
            return False
        self._rows.add_awaiting(session.id, tag, envelope)
        self._awaiting[tag] = None
        return True

    @property
    def has_awaiting(self) -> bool:
        """Say whether anything waits for another message."""
        return bool(self._awaiting)

    def is_awaiting(self, tag: Tag) -> bool:
        """Say whether an envelope with this tag was tried and waits in the store."""
        return tag in self._awaiting

    # --- Below --------------------------------------------------------------------------------

    def _erase_old_of(
        self, session: Session, generation: Generation, expiry_now: UnixSeconds
    ) -> None:
        superseded = generation.superseded
        if superseded is not None and superseded + TAG_KEY_KEPT_SECONDS <= expiry_now:
            self._tag_index.forget(tag for _, tag in generation.receiver.expected())
            self._drop(session, generation.number)
            return
        kept, lost = generation.receiver.erase(expiry_now)
        if kept is not generation.receiver:
            self._tag_index.forget(lost)
            self._put(session, Generation(generation.number, kept, superseded))

    def _begin_generation(self, session: Session, tag_root: bytes) -> int:
        """Expect the tags of a new root from the other side."""
        number = 1 + max(session.generations, default=session.generation)
        number = max(number, session.generation + 1)
        receiver = TagReceiver.start(chain_start(tag_root, session.direction_in))
        self._put(session, Generation(number, receiver))
        self._tag_index.expect(OfSession(session.id, number), receiver.expected(), is_wanted=True)
        self.ways.begin(session, number, tag_root)
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
        former, session.generation = session.rendezvous_out, generation
        session.next_key = None
        self._set_out(session)
        if session.rendezvous_out != former:
            self.ways.turned(session)

    def _supersede(
        self, session: Session, generation: int, tags_before: int, expiry_now: UnixSeconds
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
                self._tag_index.forget(lost)
            elif earlier.superseded is not None:
                continue
            self._put(
                session, Generation(earlier.number, receiver, earlier.superseded or expiry_now)
            )

    def _put(self, session: Session, generation: Generation) -> None:
        if generation.receiver.is_done:
            self._drop(session, generation.number)
            return
        session.generations[generation.number] = generation
        self._rows.put_generation(generation_row(session.id, generation))

    def _drop(self, session: Session, number: int) -> None:
        session.generations.pop(number, None)
        self._rows.erase_generation(session.id, number)

    def _set_out(self, session: Session) -> None:
        self._rows.set_out_generation(
            session.id,
            generation=session.generation,
            key=session.sender.key,
            index=session.sender.index,
            before=session.tags_before,
            next_key=session.next_key,
        )
