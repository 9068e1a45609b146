"""The payloads that were written here and may have to be sealed, for the first time or again.

Implements `docs/protocol/session.md`, section "Sealed again". A payload keeps its bytes, and so the
id of its message, however often it is sealed. It goes when it is known to be opened, when it is
taken back, and when its person wants it no longer.
"""

from dataclasses import dataclass
from typing import Final

from mesh.commands.fields import KeepFor
from mesh.errors import UserError
from mesh.ids import ContactId, UnixSeconds
from mesh.limits.messages import KEPT_SECONDS, MOMENT_MAX
from mesh.storage.vault.payloads import PayloadRows
from mesh.storage.vault.rows import ConversationRow, PayloadRow
from mesh.wire.envelope import LIFETIME_DAY, LIFETIME_SECONDS, LIFETIME_WEEK


@dataclass(frozen=True, slots=True)
class Keeping:
    """The wish of a person: until a time it is sealed again whenever it lapses without proof.

    `until`: None where one envelope is all. `lifetime_class`: of each of its envelopes.
    `is_hello`: the next hello to the same contact takes its place.
    """

    until: UnixSeconds | None = None
    lifetime_class: int = LIFETIME_WEEK
    is_hello: bool = False


ONCE: Final = Keeping()
"""For what is told again by other means, or is of no use when it is late."""


def keeping_for(keep_for: KeepFor, expiry_now: UnixSeconds) -> Keeping:
    """Return the wish for what is written now. Envelopes of what is for a day live no longer."""
    seconds = KEPT_SECONDS[keep_for]
    if seconds is None:
        return Keeping(UnixSeconds(MOMENT_MAX))
    is_short = seconds <= LIFETIME_SECONDS[LIFETIME_DAY]
    lifetime_class = LIFETIME_DAY if is_short else LIFETIME_WEEK
    return Keeping(UnixSeconds(expiry_now + seconds), lifetime_class)


def require_posted_again(conversation: ConversationRow) -> None:
    """Raise UserError `not-allowed` for a group: there nothing is posted again until it came."""
    if conversation.kind == "group":
        raise UserError(
            "not-allowed",
            "For how long a message is posted again is said of one contact. How long what is said "
            "in a group lives is one of its settings: mesh group set NAME lifetime=2",
        )


class Payloads:
    """The payloads of this profile. For whom some wait is in memory, and as new as the rows."""

    def __init__(self, rows: PayloadRows) -> None:
        self.rows = rows
        self._waiting_by_contact = rows.waiting_counts()
        # The hello to each contact that is kept.
        self._hellos = {row.contact: row.number for row in rows.hellos()}

    @property
    def waiting_count(self) -> int:
        """Return how many wait to be sealed."""
        return sum(self._waiting_by_contact.values())

    @property
    def contacts_waiting(self) -> list[ContactId]:
        """Contacts for whom something waits to be sealed."""
        return sorted(self._waiting_by_contact)

    def has_waiting(self, contact: ContactId) -> bool:
        """Say whether something for a contact waits to be sealed."""
        return contact in self._waiting_by_contact

    def add(
        self,
        contact: ContactId,
        message: int | None,
        payload: bytes,
        keeping: Keeping,
        *,
        is_sealed: bool,
    ) -> int:
        """Keep a payload that was sealed once, or waits for that; return its number."""
        if keeping.is_hello:
            self.heard(contact)
        number = self.rows.add(
            contact,
            message,
            payload,
            lifetime_class=keeping.lifetime_class,
            kept_until=keeping.until,
            posts_count=int(is_sealed),
            is_hello=keeping.is_hello,
        )
        if not is_sealed:
            self._count(contact, 1)
        if keeping.is_hello:
            self._hellos[contact] = number
        return number

    def heard(self, contact: ContactId) -> None:
        """A contact writes on the session that both have: no hello has to be sent again."""
        number = self._hellos.get(contact)
        row = None if number is None else self.rows.find(number)
        if row is not None:
            self.drop(row)

    def sealed(self, row: PayloadRow) -> int | None:
        """A payload was sealed; return its number if it may have to be sealed again."""
        self._stop_waiting(row)
        if row.kept_until is None:
            self.rows.remove(row.number)
            return None
        self.rows.set_sealed(row.number)
        return row.number

    def seal_again(self, row: PayloadRow) -> None:
        """Let a payload wait that was sealed before."""
        if not row.is_waiting:
            self.rows.set_waiting(row.number)
            self._count(row.contact, 1)

    def drop(self, row: PayloadRow) -> None:
        """Nobody has to be sent this any more."""
        self._stop_waiting(row)
        self.rows.remove(row.number)
        if row.is_hello:
            self._hellos.pop(row.contact, None)

    def drop_of_message(self, message: int) -> None:
        """A message need not be sealed again."""
        row = self.rows.find_of_message(message)
        if row is not None:
            self.drop(row)

    def _stop_waiting(self, row: PayloadRow) -> None:
        if row.is_waiting:
            self._count(row.contact, -1)

    def _count(self, contact: ContactId, more: int) -> None:
        count = self._waiting_by_contact.pop(contact, 0) + more
        if count > 0:
            self._waiting_by_contact[contact] = count
