"""The ways by which two find each other again: rendezvous tags and link keys of each generation.

Implements `docs/protocol/session.md`, section "Rendezvous". They grow from the root of a generation
like its tags, and are closed when the other side is heard under a later one: who has a vault of
before then finds nobody by them. Every change is in memory and in the rows at once.
"""

import msgspec

from mesh.ids import Tag, UnixSeconds
from mesh.limits.sessions import MAIL_LIVES_SECONDS, RENDEZVOUS_TAGS
from mesh.messenger.sessions.session import Session, expected_of
from mesh.messenger.sessions.tag_index import OfRendezvous, TagIndex
from mesh.ratchet.tags import box_key_of, link_key_of, rendezvous_key, tag_of
from mesh.storage.vault.rendezvous import RendezvousRows
from mesh.storage.vault.rows import RendezvousRow


class Ways:
    """The ways of all sessions of this profile."""

    def __init__(self, rows: RendezvousRows, expected: TagIndex) -> None:
        self._rows = rows
        self._tag_index = expected
        self.moves_count = 0
        """How often some came, were closed or taken up: other link keys are said or tried then."""

    def begin(self, session: Session, generation: int, tag_root: bytes) -> None:
        """Expect a renewal by the ways of a new root; until the other side is heard under it, by
        the former ones too.
        """
        row = self._rows.add(
            RendezvousRow(
                number=0,
                session=session.id,
                generation=generation,
                key_out=rendezvous_key(tag_root, session.direction_out),
                key_in=rendezvous_key(tag_root, session.direction_in),
                used=0,
                link_key=link_key_of(tag_root),
            )
        )
        session.rendezvous[generation] = row
        self.moves_count += 1
        owner = OfRendezvous(session.id, generation)
        self._tag_index.expect(owner, expected_of(row), is_wanted=True)

    def turned(self, session: Session) -> None:
        """We write under a later generation: all of its tags are there to be used."""
        session.rendezvous_count = 0
        self._rows.set_taken(session.id, 0)
        self.moves_count += 1

    def take(self, session: Session, tags_max: int) -> tuple[Tag, bytes] | None:
        """The next tag and box key by which the session can be renewed; None if all are used."""
        ways = session.rendezvous_out
        if ways is None or not session.has_tags(tags_max):
            return None
        index = (session.rendezvous_start + session.rendezvous_count) % RENDEZVOUS_TAGS
        session.rendezvous_count += 1
        self._rows.set_taken(session.id, session.rendezvous_count)
        return tag_of(ways.key_out, index), box_key_of(ways.key_out, index)

    def used(self, session: Session, generation: int, index: int, tag: Tag) -> None:
        """A renewal came under a tag: it is used up."""
        row = session.rendezvous[generation]
        self._put(session, msgspec.structs.replace(row, used=row.used | 1 << index))
        self._tag_index.forget([tag])

    def close(self, session: Session, before: int, expiry_now: UnixSeconds) -> bool:
        """Found nothing more by ways that were born before this number.

        Of what was founded by them repetitions are on their way still, and are opened. Return
        whether some were open.
        """
        moves_count = self.moves_count
        for row in list(session.rendezvous.values()):
            if row.number < before and row.closed is None:
                self._put(session, msgspec.structs.replace(row, closed=expiry_now))
                self.moves_count += 1
        return self.moves_count > moves_count

    def erase_old(self, session: Session, expiry_now: UnixSeconds) -> None:
        """Erase those under which nothing can be on its way any more."""
        for row in list(session.rendezvous.values()):
            if row.closed is not None and row.closed + MAIL_LIVES_SECONDS <= expiry_now:
                self._tag_index.forget(tag for _, tag in expected_of(row))
                del session.rendezvous[row.generation]
                self._rows.erase(row.number)

    def _put(self, session: Session, row: RendezvousRow) -> None:
        session.rendezvous[row.generation] = row
        self._rows.put(row)
