"""The exchange of contacts' posting keys over links: when they are told, and what they may tell us.

Implements `docs/protocol/standing.md`, section "Over links". Lists go only over links that proved
to be a contact's, some time of chance after they did, and later as often as they change, but with
an hour between. Of several links to one contact one is used. What comes counts as the word of the
contact at the other end of that link, wherever it was copied from; from anybody else it is passed
over unread.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b_128
from mesh.ids import ContactId, Instant, LinkId, Monotonic
from mesh.limits.trust import (
    VOUCHES_DELAY_MS,
    VOUCHES_INTERVAL_MS,
    VOUCHES_PER_HOUR_MAX,
    VOUCHES_REPEATED_MS,
    VOUCHES_SETTLED_MS,
)
from mesh.wire.frames import Vouches
from mesh.wire.posting_key_lists import VouchedDay, decode_vouches, encode_vouches

ListsFor = Callable[[ContactId], list[VouchedDay]]
"""For whose keys we vouch to a contact, by day."""

_HOUR_US: Final = 3_600_000_000


@dataclass(slots=True)
class _Contact:
    """Somebody who proved a link. What they know outlives their links."""

    links: list[LinkId]
    hour_began: Monotonic
    heard_count: int = 0
    # What of each day they know: a hash of it; None while it is not certain what they know.
    told: dict[int, bytes] | None = None
    # When they were last told all of it.
    told_all_at: Monotonic | None = None
    due: Monotonic | None = None
    quiet_until: Monotonic | None = None
    # Over which link they were told last, and when, as long as that link stands.
    told_over: tuple[LinkId, Monotonic] | None = None


class Vouching:
    """All contacts at the other ends of links, while the vault is open."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        # Since when links stand, and those over which somebody spoke up late.
        self._opened_at: dict[LinkId, Monotonic] = {}
        self._late: dict[LinkId, None] = {}
        self._by_link: Mapping[LinkId, ContactId] = {}
        self._contacts: dict[ContactId, _Contact] = {}
        self._frames: list[tuple[LinkId, Vouches]] = []
        self._came: list[tuple[ContactId, list[VouchedDay]]] = []
        # Lists that were not read: nobody's whom we know, or too many of one contact.
        self.passed_over_count = 0

    # --- Links and lists ----------------------------------------------------------------------

    def link_up(self, link: LinkId, now: Instant) -> None:
        """A link is ready."""
        self._opened_at[link] = now.monotonic

    def link_down(self, link: LinkId) -> None:
        """A link ended."""
        self._opened_at.pop(link, None)
        self._late.pop(link, None)

    def links_known(self, by_link: Mapping[LinkId, ContactId], now: Instant) -> None:
        """These links, and no others, lead to contacts; the mapping stays as it is."""
        if by_link is self._by_link or by_link == self._by_link:
            return
        self._by_link = by_link
        links: dict[ContactId, list[LinkId]] = {}
        for link, id_ in self._by_link.items():
            links.setdefault(id_, []).append(link)
        for id_, contact in self._contacts.items():
            self._relink(contact, links.pop(id_, []), now)
        for id_, fresh in links.items():
            contact = self._contacts[id_] = _Contact([], now.monotonic)
            self._relink(contact, fresh, now)

    def said_again(self, link: LinkId, now: Instant) -> None:
        """Somebody proves who they are once more, or late: perhaps they could not hear before."""
        contact = self._find(link)
        if contact is not None:
            contact.told = None
            self._fall_due(contact, now)
            return
        opened_at = self._opened_at.get(link)
        if opened_at is not None and now.monotonic - opened_at > VOUCHES_SETTLED_MS * 1000:
            self._late[link] = None

    def lists_changed(self, now: Instant) -> None:
        """There is perhaps something else to tell than before."""
        for contact in self._contacts.values():
            if contact.links:
                self._fall_due(contact, now)

    def vault_closing(self) -> None:
        """Know nobody any more."""
        self._by_link = {}
        self._contacts.clear()
        self._frames.clear()
        self._came.clear()

    # --- Frames -------------------------------------------------------------------------------

    def received(self, link: LinkId, frame: Vouches, now: Instant) -> None:
        """Somebody vouches; PeerError if a contact does it in a form that no node sends."""
        contact = self._find(link)
        if contact is None:
            self.passed_over_count += 1
            return
        if now.monotonic - contact.hour_began >= _HOUR_US:
            contact.hour_began, contact.heard_count = now.monotonic, 0
        contact.heard_count += 1
        if contact.heard_count > VOUCHES_PER_HOUR_MAX:
            self.passed_over_count += 1
            return
        self._came.append((self._by_link[link], decode_vouches(frame.lists)))

    def take_came(self) -> list[tuple[ContactId, list[VouchedDay]]]:
        """Return what contacts said since the last call."""
        taken, self._came = self._came, []
        return taken

    @property
    def has_come(self) -> bool:
        """Say whether contacts said something."""
        return bool(self._came)

    def take_frames(self) -> list[tuple[LinkId, Vouches]]:
        """Frames to send, in order."""
        taken, self._frames = self._frames, []
        return taken

    # --- Time ---------------------------------------------------------------------------------

    def deadline(self) -> Monotonic | None:
        """Return when `deadline_passed` wants to be called."""
        found: Monotonic | None = None
        for one in self._contacts.values():
            if one.due is not None and one.links and (found is None or one.due < found):
                found = one.due
        return found

    def deadline_passed(self, lists_for: ListsFor, now: Instant) -> None:
        """Tell each contact whose time has come what they do not know."""
        for id_, contact in self._contacts.items():
            if contact.links and contact.due is not None and contact.due <= now.monotonic:
                contact.due = None
                self._tell(contact, lists_for(id_), now)

    # --- Within -------------------------------------------------------------------------------

    def _find(self, link: LinkId) -> _Contact | None:
        id_ = self._by_link.get(link)
        return None if id_ is None else self._contacts[id_]

    def _relink(self, contact: _Contact, links: list[LinkId], now: Instant) -> None:
        is_new = bool(links) and not contact.links
        contact.links = links
        if any(link in self._late for link in links):
            # Their vault was locked, and what they were told meanwhile is lost.
            contact.told = None
            is_new = True
        for link in links:
            self._late.pop(link, None)
        if contact.told_over is not None and contact.told_over[0] not in links:
            told_at, contact.told_over = contact.told_over[1], None
            if now.monotonic - told_at < VOUCHES_SETTLED_MS * 1000:
                # The link may have ended before they heard.
                contact.told = None
                is_new = bool(links)
        if is_new:
            all_at = contact.told_all_at
            if all_at is not None and now.monotonic - all_at >= VOUCHES_REPEATED_MS * 1000:
                contact.told = None
            self._fall_due(contact, now)

    def _fall_due(self, contact: _Contact, now: Instant) -> None:
        if contact.due is None:
            earliest, latest = VOUCHES_DELAY_MS
            drawn = int.from_bytes(self._entropy.draw(4)) % (latest - earliest + 1)
            soon = now.after(earliest + drawn)
            quiet_until = contact.quiet_until
            contact.due = soon if quiet_until is None else max(soon, quiet_until)

    def _tell(self, contact: _Contact, lists: list[VouchedDay], now: Instant) -> None:
        if contact.told is None:
            # Days of which there is nothing to tell too: they may know what counts no more.
            told: dict[int, bytes] = {}
            contact.told_all_at = now.monotonic
        else:
            # Of a day that came since they know nothing.
            told = {one.day: _hash_of(VouchedDay(one.day)) for one in lists} | contact.told
        contact.told = {one.day: _hash_of(one) for one in lists}
        fresh = [one for one in lists if told.get(one.day) != contact.told[one.day]]
        if not fresh:
            return
        link = contact.links[0]
        self._frames.append((link, Vouches(encode_vouches(fresh))))
        contact.told_over = (link, now.monotonic)
        contact.quiet_until = now.after(VOUCHES_INTERVAL_MS)


def _hash_of(one: VouchedDay) -> bytes:
    return blake2b_128(encode_vouches([one]))
