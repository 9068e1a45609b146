"""The exchange of contacts' posting keys over links: when they are told, and what they may tell us.

Implements `docs/protocol/standing.md`, section "Over links". Over every link goes a frame of one
length, some time of chance after it began and then again and again: with lists over a link that
proved to be a contact's, else with none. So neither its times nor its length show which links are
those. What comes counts as the word of the contact at the other end of that link, wherever it was
copied from; from anybody else it is passed over unread.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.ids import ContactId, Instant, LinkId, Monotonic
from mesh.limits.trust import (
    VOUCHES_BYTES_MIN,
    VOUCHES_DELAY_MS,
    VOUCHES_INTERVAL_MS,
    VOUCHES_PER_HOUR_MAX,
)
from mesh.wire.frames import Vouches
from mesh.wire.posting_key_lists import VouchedDay, decode_vouches, encode_vouches

ListsFor = Callable[[ContactId | None], Sequence[VouchedDay]]
"""For whose keys we vouch to a contact, by day; None: to one who knew nobody of them."""

_HOUR_US: Final = 3_600_000_000


@dataclass(slots=True)
class _Heard:
    """The frames of one contact that were read within an hour."""

    hour_began: Monotonic
    count: int = 0


class Vouching:
    """All links, and the contacts at the other ends of some while the vault is open."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._due: dict[LinkId, Monotonic] = {}
        self._by_link: Mapping[LinkId, ContactId] = {}
        self._heard: dict[ContactId, _Heard] = {}
        self._came: list[tuple[ContactId, list[VouchedDay]]] = []
        # What is to be said over links that are due, where it is more than nothing.
        self._lists: dict[LinkId, bytes] = {}
        # As long as the longest lists that any contact would be told, and never shorter again.
        self._frame_bytes = VOUCHES_BYTES_MIN
        # Lists of a contact that were too many to be read.
        self.passed_over_count = 0

    def link_up(self, link: LinkId, now: Instant) -> None:
        """A link is ready."""
        self._put_off(link, VOUCHES_DELAY_MS, now)

    def link_down(self, link: LinkId) -> None:
        """A link ended."""
        self._due.pop(link, None)
        self._lists.pop(link, None)

    def links_known(self, by_link: Mapping[LinkId, ContactId]) -> None:
        """These links, and no others, lead to contacts."""
        self._by_link = by_link

    def vault_closing(self) -> None:
        """Know nobody any more."""
        self._by_link = {}
        self._lists.clear()
        self._came.clear()

    # --- What comes ---------------------------------------------------------------------------

    def received(self, link: LinkId, frame: Vouches, now: Instant) -> None:
        """Somebody vouches; PeerError if a contact does it in a form that no node sends."""
        contact = self._by_link.get(link)
        if contact is None:
            return
        heard = self._heard.setdefault(contact, _Heard(now.monotonic))
        if now.monotonic - heard.hour_began >= _HOUR_US:
            heard.hour_began, heard.count = now.monotonic, 0
        heard.count += 1
        if heard.count > VOUCHES_PER_HOUR_MAX:
            self.passed_over_count += 1
            return
        days = decode_vouches(frame.lists)
        if days:
            self._came.append((contact, days))

    def take_came(self) -> list[tuple[ContactId, list[VouchedDay]]]:
        """Return what contacts said since the last call."""
        taken, self._came = self._came, []
        return taken

    @property
    def has_come(self) -> bool:
        """Say whether contacts said something."""
        return bool(self._came)

    # --- What leaves --------------------------------------------------------------------------

    def deadline(self) -> Monotonic | None:
        """Return when the next frame is due."""
        return min(self._due.values(), default=None)

    def is_due(self, now: Instant) -> bool:
        """Say whether frames are due."""
        return bool(self._due) and min(self._due.values()) <= now.monotonic

    def use_lists(self, lists_for: ListsFor, now: Instant) -> None:
        """Take the lists for the contacts at the other ends of links that are due."""
        if not self.is_due(now):
            return
        longest = encode_vouches(lists_for(None), bytes_min=self._frame_bytes)
        self._frame_bytes = len(longest)
        for link in self._links_due(now):
            contact = self._by_link.get(link)
            lists = lists_for(contact) if contact is not None else ()
            self._lists[link] = encode_vouches(lists, bytes_min=self._frame_bytes)

    def take_frames(self, now: Instant) -> list[tuple[LinkId, Vouches]]:
        """The frames that are due, in order: one over each link."""
        frames: list[tuple[LinkId, Vouches]] = []
        if not self.is_due(now):
            return frames
        for link in self._links_due(now):
            lists = self._lists.pop(link, b"") or encode_vouches((), bytes_min=self._frame_bytes)
            frames.append((link, Vouches(lists)))
            self._put_off(link, VOUCHES_INTERVAL_MS, now)
        return frames

    def _links_due(self, now: Instant) -> list[LinkId]:
        return [link for link, due in self._due.items() if due <= now.monotonic]

    def _put_off(self, link: LinkId, pause_ms: tuple[int, int], now: Instant) -> None:
        least, most = pause_ms
        self._due[link] = now.after(least + uniform_below(self._entropy, most - least + 1))
