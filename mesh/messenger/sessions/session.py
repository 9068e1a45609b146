"""One session in memory, and how it stands in its row."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from mesh.ids import ContactId, Tag, UnixSeconds
from mesh.limits.sessions import RENDEZVOUS_TAGS
from mesh.messenger.sessions.tag_generations import Generation
from mesh.ratchet.double_ratchet import Ratchet
from mesh.ratchet.tags import (
    DIRECTION_FROM_FOUNDER,
    DIRECTION_TO_FOUNDER,
    TagSender,
    box_key_of,
    tag_of,
)
from mesh.storage.vault.rows import RendezvousRow, SessionRow


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
    rendezvous_start: int
    rendezvous_count: int
    heard: int
    successor: bytes | None = None
    generations: dict[int, Generation] = field(default_factory=dict, repr=False)
    # By generation, in the order of birth.
    rendezvous: dict[int, RendezvousRow] = field(default_factory=dict, repr=False)

    def find_rendezvous(self, generation: int) -> RendezvousRow | None:
        """The newest ways that were there in a generation, unless they are closed."""
        there = [
            row
            for number, row in self.rendezvous.items()
            if number <= generation and row.closed is None
        ]
        return there[-1] if there else None

    @property
    def rendezvous_out(self) -> RendezvousRow | None:
        """The ways by which we find the other side: those of the newest root that they have."""
        return self.find_rendezvous(self.generation)

    @property
    def has_healed(self) -> bool:
        """Say whether something was heard on a later root than the first."""
        first = self.rendezvous.get(0)
        return first is None or first.closed is not None

    def has_tags(self, tags_max: int = RENDEZVOUS_TAGS) -> bool:
        """Say whether a tag is left by which the session can be renewed."""
        return self.rendezvous_count < tags_max and self.rendezvous_out is not None

    @property
    def is_written_on(self) -> bool:
        """Say whether they write under its tags, and so have opened something of ours on it.

        Who began it repeats first contacts until then.
        """
        return any(one.receiver.has_opened for one in self.generations.values())

    @property
    def direction_out(self) -> int:
        """The direction of what we write."""
        return DIRECTION_FROM_FOUNDER if self.is_begun_here else DIRECTION_TO_FOUNDER

    @property
    def direction_in(self) -> int:
        """The direction of what the other side writes."""
        return DIRECTION_TO_FOUNDER if self.is_begun_here else DIRECTION_FROM_FOUNDER

    def box_key(self, generation: int, index: int) -> bytes:
        """The box key of an expected tag."""
        return self.generations[generation].receiver.box_key(index)

    def rendezvous_box_key(self, generation: int, index: int) -> bytes:
        """The box key of an expected rendezvous."""
        return box_key_of(self.rendezvous[generation].key_in, index)

    @property
    def next_tag(self) -> Tag:
        """The tag that our next message will bear."""
        return tag_of(self.sender.key, self.sender.index)

    def rendezvous_left(self, tags_max: int) -> list[Tag]:
        """The tags by which the session can still be renewed."""
        ways = self.rendezvous_out
        if ways is None:
            return []
        return [
            tag_of(ways.key_out, (self.rendezvous_start + number) % RENDEZVOUS_TAGS)
            for number in range(self.rendezvous_count, tags_max)
        ]

    def rendezvous_expected(self) -> Iterator[tuple[int, list[tuple[int, Tag]]]]:
        """By generation all (index, tag) under which a first contact of the other side may come."""
        for generation, row in self.rendezvous.items():
            yield generation, expected_of(row)


def expected_of(row: RendezvousRow) -> list[tuple[int, Tag]]:
    """All (index, tag) of a rendezvous that the other side has not used."""
    return [
        (index, tag_of(row.key_in, index))
        for index in range(RENDEZVOUS_TAGS)
        if not row.used >> index & 1
    ]


def session_of(row: SessionRow) -> Session:
    """The session that was kept in a row, without its generations."""
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
        rendezvous_start=row.rendezvous_start,
        rendezvous_count=row.rendezvous_count,
        heard=row.heard,
        successor=row.successor,
    )


def row_of(session: Session) -> SessionRow:
    """The row of a session, without its generations."""
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
        rendezvous_start=session.rendezvous_start,
        rendezvous_count=session.rendezvous_count,
        heard=session.heard,
        successor=session.successor,
    )
