"""The recognition of contacts: proofs inside an open link, worth nothing anywhere else.

Implements `docs/protocol/link.md`, section "Who". Each pair of contacts shares a key; a proof is
a hash of that key over this link's handshake and over the role of who sends it. So a proof says
something only to who has the key; copied into another link, or sent back, it says nothing; and no
two lists of one person have an entry in common, since no two handshakes are alike. A list is
sorted: all its entries look random, and their order must not tell which were added.

What the other side sent is kept while its link stands, so that a vault that is opened later, or a
contact that is added, finds itself in it. Keys are here only while the vault is open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b
from mesh.errors import PeerError
from mesh.ids import ContactId, Instant, LinkId, Monotonic
from mesh.limits.peering import WHO_ENTRIES_MAX, WHO_FRAMES_PER_HOUR_MAX, WHO_INTERVAL_MS
from mesh.wire.frames import WHO_ENTRIES_STEP, WHO_ENTRY_BYTES, Who

ROLE_RESPONDER: Final = 0
ROLE_INITIATOR: Final = 1
_HOUR_US: Final = 3_600_000_000

PairKey = tuple[ContactId, bytes]


def proof(pair_key: bytes, handshake_hash: bytes, role: int) -> bytes:
    """Return what shows a contact, on this link and from this side, that we have their key."""
    return blake2b(pair_key, handshake_hash + bytes((role,)), b"mesh/link/who", WHO_ENTRY_BYTES)


@dataclass(slots=True)
class _OpenLink:
    handshake_hash: bytes
    is_initiator: bool
    hour_began: Monotonic
    entries: bytes = b""
    contact: ContactId | None = None
    # Before it nothing more is said here; None: nothing was said yet.
    quiet_until: Monotonic | None = None
    heard_count: int = 0

    @property
    def role(self) -> int:
        return ROLE_INITIATOR if self.is_initiator else ROLE_RESPONDER

    @property
    def other_role(self) -> int:
        return ROLE_RESPONDER if self.is_initiator else ROLE_INITIATOR


class Recognition:
    """All open links, and the keys of our contacts while the vault is open."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._links: dict[LinkId, _OpenLink] = {}
        # On which we have not said who we are since our keys changed, in the order of all links.
        self._unsaid: dict[LinkId, _OpenLink] = {}
        self._contacts: Mapping[LinkId, ContactId] = {}
        self._keys: list[PairKey] | None = None
        self._frames: list[tuple[LinkId, Who]] = []

    def link_up(
        self, link: LinkId, handshake_hash: bytes, *, is_initiator: bool, now: Instant
    ) -> None:
        """A link is ready."""
        one = _OpenLink(handshake_hash, is_initiator, now.monotonic)
        self._links[link] = self._unsaid[link] = one

    def link_down(self, link: LinkId) -> None:
        """A link ended, and with it what was said on it."""
        self._links.pop(link, None)
        self._unsaid.pop(link, None)
        if link in self._contacts:
            self._find_contacts()

    def keys_changed(self, keys: Sequence[PairKey]) -> None:
        """The vault was opened, or there are other contacts than before."""
        kept = list(keys[:WHO_ENTRIES_MAX])
        if kept == self._keys:
            return
        self._keys = kept
        self._unsaid = dict(self._links)
        for one in self._links.values():
            self._match(one)
        self._find_contacts()

    def vault_closing(self) -> None:
        """Know nobody any more."""
        self._keys = None
        self._frames.clear()
        for one in self._links.values():
            one.contact = None
        self._find_contacts()

    def contact_of(self, link: LinkId) -> ContactId | None:
        """The contact at the other end of a link, if they have proved it."""
        one = self._links.get(link)
        return None if one is None else one.contact

    def contacts_by_link(self) -> Mapping[LinkId, ContactId]:
        """The same for all open links that lead to a contact; another mapping after each change."""
        return self._contacts

    def received(self, link: LinkId, who: Who, now: Instant) -> None:
        """The other side's proofs; more lists than an honest node sends are passed over."""
        one = self._links.get(link)
        if one is None:
            return
        if len(who.entries) % (WHO_ENTRY_BYTES * WHO_ENTRIES_STEP) or not who.entries:
            raise PeerError("cut proofs")
        if now.monotonic - one.hour_began >= _HOUR_US:
            one.hour_began, one.heard_count = now.monotonic, 0
        one.heard_count += 1
        if one.heard_count <= WHO_FRAMES_PER_HOUR_MAX:
            one.entries = who.entries
            self._match(one)
            self._find_contacts()

    def deadline(self) -> Monotonic | None:
        """Return when `deadline_passed` wants to be called."""
        if self._keys is None or not self._unsaid:
            return None
        return min([one.quiet_until or Monotonic(0) for one in self._unsaid.values()])

    def deadline_passed(self, now: Instant) -> None:
        """Say who we are on each link that has not been told and may be."""
        if self._keys is None or not self._unsaid:
            return
        for link, one in list(self._unsaid.items()):
            if one.quiet_until is None or one.quiet_until <= now.monotonic:
                del self._unsaid[link]
                one.quiet_until = now.after(WHO_INTERVAL_MS)
                self._frames.append((link, self._list(one, self._keys)))

    def take_frames(self) -> list[tuple[LinkId, Who]]:
        """Frames to send, in order."""
        taken, self._frames = self._frames, []
        return taken

    def _list(self, one: _OpenLink, keys: list[PairKey]) -> Who:
        proofs = [proof(key, one.handshake_hash, one.role) for _, key in keys]
        # At least one step, so that who has no contact yet looks like who has sixty.
        missing = -len(proofs) % WHO_ENTRIES_STEP if proofs else WHO_ENTRIES_STEP
        filling = self._entropy.draw(missing * WHO_ENTRY_BYTES)
        return Who(b"".join(sorted((*proofs, *_split(filling)))))

    def _find_contacts(self) -> None:
        self._contacts = {
            link: one.contact for link, one in self._links.items() if one.contact is not None
        }

    def _match(self, one: _OpenLink) -> None:
        one.contact = None
        if self._keys is None or not one.entries:
            return
        # Only asked for members, never walked through.
        entries = frozenset(_split(one.entries))
        for contact, key in self._keys:
            if proof(key, one.handshake_hash, one.other_role) in entries:
                one.contact = contact
                return


def _split(entries: bytes) -> list[bytes]:
    starts = range(0, len(entries), WHO_ENTRY_BYTES)
    return [entries[start : start + WHO_ENTRY_BYTES] for start in starts]
