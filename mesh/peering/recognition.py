"""The recognition of contacts: proofs inside an open link, worth nothing anywhere else.

Implements `docs/protocol/link.md`, section "Who". Each pair of contacts shares a key; a proof is
a hash of that key over this link's handshake and over the role of who sends it. So a proof says
something only to who has the key; copied into another link, or sent back, it says nothing; and no
two lists of one person have an entry in common, since no two handshakes are alike. A list is
sorted: all its entries look random, and their order must not tell which were added.

A list goes over each link when it begins, soon again, and then at times of chance, whatever happens
meanwhile, also from a node that is locked, where all entries are random: its times tell nothing.
What the other side sent is kept while its link stands, so that a vault that is opened later, or a
contact that is added, finds itself in it. Keys are here only while the vault is open. They move
with the sessions: one is said for a contact, which they have for certain, and several are tried.
Who was recognised stays so while the key of the proof is tried; once both have gone past it, until
two more lists prove nothing newer: else who stole it would stay a contact for as long as the link.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.crypto.hashing import blake2b
from mesh.errors import PeerError
from mesh.ids import ContactId, Instant, LinkId, Monotonic
from mesh.limits.peering import (
    UNPROVED_LISTS_MAX,
    WHO_ENTRIES_MAX,
    WHO_FRAMES_PER_HOUR_MAX,
    WHO_INTERVAL_MS,
    WHO_SECOND_MS,
)
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
    due: Monotonic
    entries: bytes = b""
    # Who is at the other end, and the key that showed it.
    proved: PairKey | None = None
    # Since that key is tried no more: the lists that came without a newer proof, and ours.
    unproved_count: int = 0
    said_count: int = 0
    heard_count: int = 0
    has_said: bool = False

    @property
    def contact(self) -> ContactId | None:
        return None if self.proved is None else self.proved[0]

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
        self._contacts: Mapping[LinkId, ContactId] = {}
        self._keys: list[PairKey] | None = None
        # As many as our contacts last were, filled up; a locked node says no less than an open one.
        self._entries_count = WHO_ENTRIES_STEP
        self._tried: list[PairKey] = []
        self._frames: list[tuple[LinkId, Who]] = []

    def link_up(
        self, link: LinkId, handshake_hash: bytes, *, is_initiator: bool, now: Instant
    ) -> None:
        """A link is ready."""
        self._links[link] = _OpenLink(handshake_hash, is_initiator, now.monotonic, now.monotonic)

    def link_down(self, link: LinkId) -> None:
        """A link ended, and with it what was said on it."""
        self._links.pop(link, None)
        if link in self._contacts:
            self._find_contacts()

    def keys_changed(self, keys: Sequence[PairKey], tried: Sequence[PairKey] | None = None) -> None:
        """The vault was opened, or there are other contacts or keys than before.

        `tried`: all by which they may prove who they are; the same ones if not given. That keys
        moved is no reason to say anything anew: it would show when two exchange mail.
        """
        kept = list(keys[:WHO_ENTRIES_MAX])
        all_tried = kept if tried is None else list(tried)
        if (kept, all_tried) == (self._keys, self._tried):
            return
        self._keys, self._tried = kept, all_tried
        steps = max(1, -(-len(kept) // WHO_ENTRIES_STEP))
        self._entries_count = steps * WHO_ENTRIES_STEP
        for one in self._links.values():
            self._match(one)
        self._find_contacts()

    def vault_closing(self) -> None:
        """Know nobody any more."""
        self._keys = None
        self._tried = []
        for one in self._links.values():
            one.proved = None
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
            self._match(one, is_new=True)
            self._find_contacts()

    def deadline(self) -> Monotonic | None:
        """Return when `deadline_passed` wants to be called."""
        return min([one.due for one in self._links.values()], default=None)

    def deadline_passed(self, now: Instant) -> None:
        """Say on each link whose time has come who we are, or as much of nothing."""
        for link, one in self._links.items():
            if one.due <= now.monotonic:
                least, most = WHO_INTERVAL_MS if one.has_said else WHO_SECOND_MS
                one.has_said = True
                one.due = now.after(least + uniform_below(self._entropy, most - least + 1))
                self._frames.append((link, self._list(one, self._keys or [])))
                self._note_silence(one)

    def take_frames(self) -> list[tuple[LinkId, Who]]:
        """Frames to send, in order."""
        taken, self._frames = self._frames, []
        return taken

    def _list(self, one: _OpenLink, keys: list[PairKey]) -> Who:
        proofs = [proof(key, one.handshake_hash, one.role) for _, key in keys]
        # As much chance is drawn whoever we know, so that nothing that follows depends on it.
        filling = _split(self._entropy.draw(self._entries_count * WHO_ENTRY_BYTES))
        return Who(b"".join(sorted((*proofs, *filling[len(proofs) :]))))

    def _find_contacts(self) -> None:
        self._contacts = {
            link: one.contact for link, one in self._links.items() if one.contact is not None
        }

    def _match(self, one: _OpenLink, *, is_new: bool = False) -> None:
        """See who is at the other end, by other keys than before or by a list that is new."""
        if one.proved in self._tried and not is_new:
            return
        found = self._find_proof(one)
        is_proved = found is not None and found[0] == one.contact
        if not is_proved and any(contact == one.contact for contact, _ in self._tried):
            if one.proved in self._tried:
                return
            one.unproved_count += is_new
            if one.unproved_count < UNPROVED_LISTS_MAX:
                return
        one.proved, one.unproved_count, one.said_count = found, 0, 0

    def _note_silence(self, one: _OpenLink) -> None:
        """A list of ours has gone: who says nothing is not known for ever either."""
        if one.proved is None or one.proved in self._tried:
            return
        one.said_count += 1
        if one.said_count > UNPROVED_LISTS_MAX:
            one.proved, one.unproved_count, one.said_count = None, 0, 0
            self._find_contacts()

    def _find_proof(self, one: _OpenLink) -> PairKey | None:
        if not one.entries:
            return None
        # Only asked for members, never walked through.
        entries = frozenset(_split(one.entries))
        for pair in self._tried:
            if proof(pair[1], one.handshake_hash, one.other_role) in entries:
                return pair
        return None


def _split(entries: bytes) -> list[bytes]:
    starts = range(0, len(entries), WHO_ENTRY_BYTES)
    return [entries[start : start + WHO_ENTRY_BYTES] for start in starts]
