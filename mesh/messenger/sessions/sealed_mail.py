"""Mail of contacts that stays sealed, as any stranger's, though it could be opened.

Implements `docs/protocol/trust.md`, sections "Requests" and "Blocking". Of who is blocked nothing
is opened; what came meanwhile stays sealed after the block too, until it is asked for. Of who waits
apart little is opened before they are let in. Of anybody so much is opened in a day; the rest waits
for the next one, or for our person to ask for it. What is sealed lies in the store as mail of
strangers does, and goes with it; only its tags are kept here, to be found again.
"""

from collections.abc import Callable, Sequence
from typing import Final

from msgspec.structs import replace

from mesh.errors import PeerError
from mesh.ids import ContactId, Instant, Tag, UnixSeconds
from mesh.limits.contacts import (
    OPENED_BYTES_PER_DAY_MAX,
    REQUEST_BYTES_MAX,
    REQUEST_EMPTY_BYTES,
    REQUEST_MESSAGES_MAX,
    SEALED_PER_CONTACT_MAX,
)
from mesh.messenger.sessions.tag_index import TagIndex
from mesh.storage.vault.rows import ContactRow
from mesh.storage.vault.sealed import OpenedApartRow, SealedRows
from mesh.wire.envelope import SECONDS_PER_DAY

WHEN_ASKED_FOR: Final = UnixSeconds(0)


class SealedMail:
    """The mail that stays sealed, by contact.

    `is_tag_stored` says whether the store has, or had, an envelope of a tag, and `has_body` whether
    it still holds its body.
    """

    def __init__(
        self,
        rows: SealedRows,
        tag_index: TagIndex,
        *,
        is_tag_stored: Callable[[Tag], bool],
        has_body: Callable[[Tag], bool],
        tell_changed: Callable[[ContactId], None],
    ) -> None:
        self._rows = rows
        self._tag_index = tag_index
        self.is_tag_stored = is_tag_stored
        self._has_body = has_body
        self._tell_changed = tell_changed
        # All of whom something may be sealed: of others, as nearly all are, nothing is asked for
        # each message that comes.
        self._kept_of = dict.fromkeys(rows.counts())

    def check_opens(self, contact: ContactRow, tag: Tag, now: Instant, *, size: int = 0) -> None:
        """PeerError if something of theirs is not to be opened; it is found again by its tag.

        `size`: bytes of the payload, once they are known.
        """
        if contact.is_blocked:
            raise PeerError("mail of somebody who is blocked")
        if contact.id in self._kept_of and self._rows.is_kept(contact.id, tag):
            # After a crash the store is looked through once more from where the vault had read it.
            raise PeerError("mail that came before and stays sealed")
        if not contact.is_request:
            self._check_day(contact.id, tag, now, size=size)
            return
        opened = self._rows.opened_apart(contact.id)
        is_full = opened.messages >= REQUEST_MESSAGES_MAX or opened.bytes >= REQUEST_BYTES_MAX
        if is_full or opened.bytes + size > REQUEST_BYTES_MAX:
            self.keep(contact.id, [tag])
            raise PeerError("mail of somebody who waits apart, sealed until they are accepted")

    def _check_day(self, contact: ContactId, tag: Tag, now: Instant, *, size: int) -> None:
        """PeerError if so much of a contact was opened in this day that the rest waits."""
        today = self._rows.opened_in_day(contact, now.expiry)
        room = OPENED_BYTES_PER_DAY_MAX - today.bytes
        if room > 0 and size <= room:
            return
        self.keep(contact, [tag], opens=UnixSeconds(today.since + SECONDS_PER_DAY))
        self._tell_changed(contact)
        raise PeerError("mail of somebody who wrote too much in a day, sealed until it is over")

    def opened(self, contact: ContactRow, now: Instant, *, size: int, words_count: int) -> None:
        """Something of theirs was opened: it is counted."""
        if not contact.is_request:
            today = self._rows.opened_in_day(contact.id, now.expiry)
            self._rows.set_opened_in_day(replace(today, bytes=today.bytes + size))
        else:
            before = self._rows.opened_apart(contact.id)
            # What shows nothing costs work too.
            cost = size if words_count else max(size, REQUEST_EMPTY_BYTES)
            messages = before.messages + words_count
            self._rows.set_opened_apart(OpenedApartRow(contact.id, messages, before.bytes + cost))

    def keep(
        self, contact: ContactId, tags: Sequence[Tag], *, opens: UnixSeconds = WHEN_ASKED_FOR
    ) -> None:
        """These came and stay sealed, until `opens` if that is no 0; one that the store does not
        hold is passed over.
        """
        room = SEALED_PER_CONTACT_MAX - self._rows.count(contact)
        kept = [tag for tag in tags if self._has_body(tag)]
        self._kept_of[contact] = None
        self._rows.add(contact, kept[: max(room, 0)], opens)

    def unseal(self, contact: ContactId) -> None:
        """Open the mail of a contact that stayed sealed, as far as it may be opened: our person
        asks for it, so what was opened in this day counts no more.
        """
        self._rows.forget_opened_in_day(contact)
        self._tag_index.want(self._rows.take(contact))

    def let_in(self, contact: ContactId) -> None:
        """Open all mail of somebody who waited apart and was accepted."""
        self._rows.forget_opened_apart(contact)
        self.unseal(contact)

    def open_due(self, now: Instant) -> None:
        """Open what waited for the day to be over in which too much came."""
        for contact, tags in self._rows.take_due(now.expiry).items():
            self._tag_index.want(tags)
            self._tell_changed(contact)

    def forget_gone(self, now: Instant) -> None:
        """Tell no more of mail that expired or had to make room."""
        self._rows.erase([tag for tag in self._rows.all() if not self._has_body(tag)])
