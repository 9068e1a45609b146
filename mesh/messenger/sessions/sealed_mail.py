"""Mail of contacts that stays sealed, as any stranger's, though it could be opened.

Implements `docs/protocol/trust.md`, sections "Requests" and "Blocking". Of who is blocked nothing
is opened; what came meanwhile stays sealed after the block too, until it is asked for. Of who waits
apart little is opened before they are let in. What is sealed lies in the store as mail of strangers
does, and goes with it; only its tags are kept here, to be found again.
"""

from collections.abc import Callable, Sequence

from mesh.errors import PeerError
from mesh.ids import ContactId, Instant, Tag
from mesh.limits.contacts import (
    REQUEST_BYTES_MAX,
    REQUEST_EMPTY_BYTES,
    REQUEST_MESSAGES_MAX,
    SEALED_PER_CONTACT_MAX,
)
from mesh.messenger.sessions.tag_index import TagIndex
from mesh.storage.vault.rows import ContactRow, OpenedApartRow
from mesh.storage.vault.sealed import SealedRows


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
    ) -> None:
        self._rows = rows
        self._tag_index = tag_index
        self.is_tag_stored = is_tag_stored
        self._has_body = has_body

    def check_opens(self, contact: ContactRow, tag: Tag, *, size: int = 0) -> None:
        """PeerError if something of theirs is not to be opened; it is found again by its tag.

        `size`: bytes of the payload, once they are known.
        """
        if contact.is_blocked:
            raise PeerError("mail of somebody who is blocked")
        if not contact.is_request:
            return
        opened = self._rows.opened_apart(contact.id)
        is_full = opened.messages >= REQUEST_MESSAGES_MAX or opened.bytes >= REQUEST_BYTES_MAX
        if is_full or opened.bytes + size > REQUEST_BYTES_MAX:
            self.keep(contact.id, [tag])
            raise PeerError("mail of somebody who waits apart, sealed until they are accepted")

    def opened(self, contact: ContactRow, *, size: int, has_text: bool) -> None:
        """Something of theirs was opened: of who waits apart it is counted."""
        if contact.is_request:
            before = self._rows.opened_apart(contact.id)
            # What shows nothing costs work too.
            cost = size if has_text else max(size, REQUEST_EMPTY_BYTES)
            messages = before.messages + has_text
            self._rows.set_opened_apart(OpenedApartRow(contact.id, messages, before.bytes + cost))

    def keep(self, contact: ContactId, tags: Sequence[Tag]) -> None:
        """These came and stay sealed; one that the store does not hold is passed over."""
        room = SEALED_PER_CONTACT_MAX - self._rows.count(contact)
        kept = [tag for tag in tags if self._has_body(tag)]
        self._rows.add(contact, kept[: max(room, 0)])

    def unseal(self, contact: ContactId) -> None:
        """Open the mail of a contact that stayed sealed, as far as it may be opened."""
        self._tag_index.want(self._rows.take(contact))

    def let_in(self, contact: ContactId) -> None:
        """Open all mail of somebody who waited apart and was accepted."""
        self._rows.forget_opened_apart(contact)
        self.unseal(contact)

    def forget_gone(self, now: Instant) -> None:
        """Tell no more of mail that expired or had to make room."""
        self._rows.erase([tag for tag in self._rows.all() if not self._has_body(tag)])
