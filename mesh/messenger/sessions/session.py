"""One session in memory, and how it stands in its row."""

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
from mesh.storage.vault.rows import SessionRow


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
        """Say whether a tag is left by which the session can be renewed."""
        return self.rendezvous_count < tags_max

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

    def rendezvous_box_key(self, index: int) -> bytes:
        """The box key of an expected rendezvous."""
        return box_key_of(self.rendezvous_in, index)

    @property
    def next_tag(self) -> Tag:
        """The tag that our next message will bear."""
        return tag_of(self.sender.key, self.sender.index)

    def rendezvous_left(self, tags_max: int) -> list[Tag]:
        """The tags by which the session can still be renewed."""
        return [
            tag_of(self.rendezvous_out, (self.rendezvous_start + number) % RENDEZVOUS_TAGS)
            for number in range(self.rendezvous_count, tags_max)
        ]

    def rendezvous_expected(self) -> list[tuple[int, Tag]]:
        """All (index, tag) by which the other side can still renew it."""
        return [
            (index, tag_of(self.rendezvous_in, index))
            for index in range(RENDEZVOUS_TAGS)
            if not self.rendezvous_used >> index & 1
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
        rendezvous_out=row.rendezvous_out,
        rendezvous_start=row.rendezvous_start,
        rendezvous_count=row.rendezvous_count,
        rendezvous_in=row.rendezvous_in,
        rendezvous_used=row.rendezvous_used,
        link_key=row.link_key,
        heard=row.heard,
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
        rendezvous_out=session.rendezvous_out,
        rendezvous_start=session.rendezvous_start,
        rendezvous_count=session.rendezvous_count,
        rendezvous_in=session.rendezvous_in,
        rendezvous_used=session.rendezvous_used,
        link_key=session.link_key,
        heard=session.heard,
    )
