"""The sessions: two chains of tags with a contact, one for each direction.

Implements `docs/protocol/first-contact.md`, section "Tags". A first contact that was opened under
a tag of an invite founds a session on both sides. When two people add each other at the same
time there are two; both receive, and each sends on the lowest id among those that the other side
is known to have.
"""

from dataclasses import dataclass, field, replace
from struct import Struct
from typing import Final

from mesh.ids import ContactId, Tag, UnixSeconds
from mesh.limits import TAG_CHAIN_STEP, TAGS_UNOPENED_MAX
from mesh.messenger.expected import ExpectedTags, OfSession
from mesh.ratchet.tags import (
    DIRECTION_FROM_FOUNDER,
    DIRECTION_TO_FOUNDER,
    TagReceiver,
    TagSender,
    chain_start,
)
from mesh.storage.vault_rows import SessionRow
from mesh.storage.vault_sessions import SessionRows

_STEPS_MAX: Final = TAGS_UNOPENED_MAX // TAG_CHAIN_STEP
_STEP_MASK: Final = (1 << TAG_CHAIN_STEP) - 1
_USE: Final = Struct(">II")
"""A step and when it was first used, in a row."""


@dataclass(slots=True)
class Session:
    """A session in memory; its row is always as new."""

    id: bytes
    contact: ContactId
    is_begun_here: bool
    is_known: bool
    sender: TagSender = field(repr=False)
    receiver: TagReceiver = field(repr=False)


class Sessions:
    """All sessions of this profile."""

    def __init__(self, rows: SessionRows, expected: ExpectedTags) -> None:
        self._rows = rows
        self._expected = expected
        self._by_id: dict[bytes, Session] = {}
        self._by_contact: dict[ContactId, list[Session]] = {}
        for row in rows.sessions():
            self._keep(_session_of(row))

    def found(
        self, id_: bytes, contact: ContactId, tag_root: bytes, *, is_begun_here: bool
    ) -> Session:
        """Begin a session; the tag root is not kept, only the chains that grow from it."""
        from_founder = chain_start(tag_root, DIRECTION_FROM_FOUNDER)
        to_founder = chain_start(tag_root, DIRECTION_TO_FOUNDER)
        outgoing, incoming = (
            (from_founder, to_founder) if is_begun_here else (to_founder, from_founder)
        )
        session = Session(
            id_,
            contact,
            is_begun_here,
            # Who began a session has it.
            is_known=not is_begun_here,
            sender=TagSender(outgoing),
            receiver=TagReceiver.start(incoming),
        )
        self._rows.add_session(_row_of(session))
        self._keep(session)
        return session

    def session(self, id_: bytes) -> Session:
        """The session of an id that was read from the vault."""
        return self._by_id[id_]

    def has(self, id_: bytes) -> bool:
        """Whether there is such a session."""
        return id_ in self._by_id

    def count(self, contact: ContactId) -> int:
        """Sessions with one contact."""
        return len(self._by_contact.get(contact, ()))

    def find_known(self, contact: ContactId) -> Session | None:
        """The session to send on; None before the other side is known to have one."""
        known = [one for one in self._by_contact.get(contact, ()) if one.is_known]
        return min(known, key=lambda one: one.id, default=None)

    def mark_known(self, session: Session) -> None:
        """Something was opened on it: the other side has it."""
        if not session.is_known:
            session.is_known = True
            self._rows.set_known(session.id)

    def take_tag(self, session: Session) -> tuple[Tag, bytes]:
        """The tag and box key of our next letter."""
        session.sender, tag, box_key = session.sender.next()
        self._rows.set_outgoing(session.id, key=session.sender.key, index=session.sender.index)
        return tag, box_key

    def opened(self, session: Session, index: int, tag: Tag, mesh_now: UnixSeconds) -> None:
        """A letter under a tag was opened: the tag is used up and the window moves."""
        before = session.receiver
        after = before.after_opening(index).use(index, mesh_now)
        if len(after.steps) > _STEPS_MAX:
            given_up, kept = after.steps[:-_STEPS_MAX], after.steps[-_STEPS_MAX:]
            lost = replace(after, steps=given_up)
            self._expected.forget(one for _, one in lost.expected())
            first = kept[0][0] * TAG_CHAIN_STEP
            opened = frozenset(sorted(one for one in after.opened if one >= first))
            after = replace(after, steps=kept, opened=opened)
        session.receiver = after
        self._expected.forget([tag])
        # What was sent far ahead may have come before its tag was expected.
        self._expected.expect(
            OfSession(session.id), after.expected_from(before.expected_to), is_wanted=True
        )
        self._store_incoming(session)

    def erase_old(self, mesh_now: UnixSeconds) -> None:
        """Erase tag keys under which nothing can live any more."""
        for session in self._by_id.values():
            kept, lost = session.receiver.erase(mesh_now)
            if kept is not session.receiver:
                session.receiver = kept
                self._expected.forget(lost)
                self._store_incoming(session)

    def _store_incoming(self, session: Session) -> None:
        step, key, opened_bits, used = _packed(session.receiver)
        self._rows.set_incoming(
            session.id,
            key=key,
            step=step,
            opened=opened_bits,
            expected=session.receiver.expected_to,
            used=used,
        )

    def _keep(self, session: Session) -> None:
        self._by_id[session.id] = session
        self._by_contact.setdefault(session.contact, []).append(session)
        self._expected.expect(OfSession(session.id), session.receiver.expected())


def _packed(receiver: TagReceiver) -> tuple[int, bytes, bytes, bytes]:
    """The lowest step, its key, a bit for each index from there on that is not expected, uses."""
    first_step, key = receiver.steps[0]
    bits, place = 0, first_step
    for step, _ in receiver.steps:
        while place < step:
            bits |= _STEP_MASK << (place - first_step) * TAG_CHAIN_STEP
            place += 1
        place = step + 1
    for index in sorted(receiver.opened):
        bits |= 1 << index - first_step * TAG_CHAIN_STEP
    used = b"".join(_USE.pack(used_step, at) for used_step, at in receiver.used)
    return first_step, key, bits.to_bytes((bits.bit_length() + 7) // 8, "little"), used


def _unpacked(
    step: int, key: bytes, opened: bytes, *, expected_to: int, used: bytes
) -> TagReceiver:
    """The receiver that was packed so."""
    bits = int.from_bytes(opened, "little")
    receiver = TagReceiver(steps=((step, key),), expected_to=0, opened=frozenset())
    stepped = receiver.expecting(expected_to)
    first = step * TAG_CHAIN_STEP
    kept = tuple(
        (one, one_key)
        for one, one_key in stepped.steps
        if bits >> (one - step) * TAG_CHAIN_STEP & _STEP_MASK != _STEP_MASK
    )
    alive = dict(kept)
    indices = [
        first + offset
        for offset in range(bits.bit_length())
        if bits >> offset & 1 and (first + offset) // TAG_CHAIN_STEP in alive
    ]
    uses = tuple((used_step, UnixSeconds(at)) for used_step, at in _USE.iter_unpack(used))
    return replace(stepped, steps=kept, opened=frozenset(indices), used=uses)


def _session_of(row: SessionRow) -> Session:
    return Session(
        row.id,
        row.contact,
        row.is_begun_here,
        row.is_known,
        sender=TagSender(row.out_key, row.out_index),
        receiver=_unpacked(
            row.in_step,
            row.in_key,
            row.in_opened,
            expected_to=row.in_expected,
            used=row.in_used,
        ),
    )


def _row_of(session: Session) -> SessionRow:
    step, key, opened, used = _packed(session.receiver)
    return SessionRow(
        id=session.id,
        contact=session.contact,
        is_begun_here=session.is_begun_here,
        is_known=session.is_known,
        out_key=session.sender.key,
        out_index=session.sender.index,
        in_key=key,
        in_step=step,
        in_opened=opened,
        in_expected=session.receiver.expected_to,
        in_used=used,
    )
