"""First contacts that we make: by an invite of theirs, or to renew a session that was lost.

Implements `docs/protocol/session.md`, section "Renewal", and `first-contact.md`, "Which tag, which
keys". Until the first answer all that we write to a contact repeats one opening, each repetition
under another tag: of their invite, or of the rendezvous of a session that both once had.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from mesh.crypto.entropy import uniform_below
from mesh.errors import PeerError
from mesh.ids import ContactId, Tag, UnixSeconds, direct_conversation
from mesh.limits.invites import INVITE_KEPT_SECONDS, INVITE_TAGS
from mesh.limits.sessions import (
    EXPIRED_BEFORE_PROBE,
    PROBE_INTERVAL_SECONDS,
    PROBE_RENDEZVOUS_TAGS,
    RENDEZVOUS_TAGS,
    RENEWAL_INTERVAL_SECONDS,
    RENEWAL_REPEATED_SECONDS,
    REPEATED_RENDEZVOUS_TAGS,
    SESSIONS_PER_CONTACT_MAX,
    UNHEARD_PROBE_SECONDS,
    UNHEARD_PROBED_SECONDS,
    UNHEARD_SECONDS,
)
from mesh.messenger.account import Account
from mesh.messenger.sessions.prekeys import Prekeys, stored_bundle
from mesh.messenger.sessions.session import Session
from mesh.messenger.sessions.sessions import Sessions
from mesh.messenger.sessions.tag_index import OfClosedInvite, TagIndex
from mesh.ratchet.closed_invite import closed_key_of, closed_tag_of
from mesh.ratchet.double_ratchet import Ratchet
from mesh.ratchet.first_contact import begin_first_contact
from mesh.ratchet.tags import box_key_of, invite_tag_key, tag_of
from mesh.storage.vault.rows import AcceptedInviteRow, ContactRow, ExchangeRow, FirstContactRow
from mesh.wire.envelope import LIFETIME_SECONDS, LIFETIME_WEEK

NO_KEYS_LEFT: Final = "no keys were left in use on both sides"
"""Why new keys are begun with whom `SessionSetup.is_cut_off` tells."""


class SessionSetup:
    """One for each contact whose first answer is awaited.

    `has_own_under` says whether something that was made here, or by a copy of this vault, stands
    under a tag. Whoever has an invite knows its tags: what others put there keeps nobody out.
    """

    def __init__(
        self,
        account: Account,
        *,
        sessions: Sessions,
        prekeys: Prekeys,
        tag_index: TagIndex,
        is_tag_stored: Callable[[Tag], bool],
        has_own_under: Callable[[Tag], bool],
    ) -> None:
        self._people = account.vault.contacts
        self._their_invites = account.vault.invites
        self._messages = account.vault.entries
        self._rows = account.vault.first_contacts
        self._exchanges = account.vault.exchanges
        self._identity = account.identity
        self._sessions = sessions
        self._prekeys = prekeys
        self._tag_index = tag_index
        self._is_tag_stored = is_tag_stored
        self._has_own_under = has_own_under
        self._entropy = account.entropy
        self._kem = account.kem
        for row in self._rows.with_closed_key():
            self._expect_closed(row)

    def find(self, contact: ContactId) -> FirstContactRow | None:
        """The first contact that is not answered yet."""
        return self._rows.find_first_contact(contact)

    def begin(
        self, contact: ContactRow, renewed: Session | None, mesh_now: UnixSeconds
    ) -> FirstContactRow:
        """Draw an opening to the contact's newest bundle, and found our side of its session."""
        assert contact.bundle is not None
        bundle = stored_bundle(contact.bundle)
        prekey = self._prekeys.newest(contact.id, mesh_now)
        opening = begin_first_contact(
            self._identity.keys, prekey.bundle, bundle, entropy=self._entropy, kem=self._kem
        )
        ratchet = Ratchet.initiator(
            opening.roots.ratchet,
            bundle.prekey,
            kem_seed=prekey.secrets.kem_seed,
            mesh_now=mesh_now,
        )
        session = self._sessions.found(
            opening.roots, contact.id, ratchet, is_begun_here=True, created=mesh_now
        )
        row = FirstContactRow(
            contact=contact.id,
            session=session.id,
            opening=opening.data,
            header_key=opening.roots.header_key,
            renewed=None if renewed is None else renewed.id,
            tags_start=uniform_below(self._entropy, INVITE_TAGS),
            sent_count=0,
            closed_key=closed_key_of(opening.roots.tags) if renewed is None else None,
        )
        self._rows.put_first_contact(row)
        self._expect_closed(row)
        self._exchanges.set_keys_told(contact.id, prekey.id)
        return row

    def end(self, contact: ContactId) -> None:
        """Repeat a first contact no more: it was answered, or another invite is used."""
        self.forget_closed_tag(contact)
        self._rows.erase_first_contact(contact)

    def untold(self) -> list[ContactId]:
        """Contacts to whom it was not said by the keys of before that others are begun."""
        return self._rows.untold()

    def take_untold(self, contact: ContactId) -> Session | None:
        """The session on which that can be said, once; None if there is none that is whole.

        Where this vault is older than what was written on it, it is not.
        """
        row = self.find(contact)
        if row is None or row.renewed is None or row.is_told:
            return None
        self._rows.put_first_contact(msgspec.structs.replace(row, is_told=True))
        if self._exchanges.exchange(contact).unreached:
            return None
        former = [
            one
            for one in self._sessions.of_contact(contact)
            if _is_way(one) and one.is_over and one.ratchet.can_send
        ]
        if not former or self._is_tag_stored(former[-1].next_tag):
            return None
        return former[-1]

    def forget_closed_tag(self, contact: ContactId) -> None:
        """Await no more that their invite is said to be closed."""
        row = self.find(contact)
        if row is not None and row.closed_key is not None:
            self._tag_index.forget([closed_tag_of(row.closed_key)])
            self._rows.put_first_contact(msgspec.structs.replace(row, closed_key=None))

    def take_place(
        self, contact: ContactRow, row: FirstContactRow, mesh_now: UnixSeconds, *, is_again: bool
    ) -> tuple[FirstContactRow, Tag, bytes] | None:
        """Return what the next repetition repeats, its tag and box key; None if all tags are used.

        `is_again`: it holds what lapsed before. Of that one goes each week, so that for weeks one
        is to be found by who comes back.

        A tag that the mesh has already was used by a later state of this vault. So were the keys
        that come next: the other side would take them for a repeat, so another opening is begun.
        """
        if row.renewed is None:
            taken = self._invite_tag(row, mesh_now)
        else:
            renewed = self._exchanges.exchange(contact.id).renewed
            weeks = abs(mesh_now - renewed) // LIFETIME_SECONDS[LIFETIME_WEEK]
            if is_again and row.sent_count > weeks:
                return None
            taken = self._rendezvous_tag(row)
        self._rows.put_first_contact(taken.row)
        if taken.is_passed_over and not self._sessions.session(row.session).ratchet.is_unused:
            met = None if row.renewed is None else self._sessions.session(row.renewed)
            begun = self.begin(contact, met, mesh_now)
            after = taken.row
            row = msgspec.structs.replace(
                begun,
                renewed=after.renewed,
                tags_start=after.tags_start,
                sent_count=after.sent_count,
            )
            self._rows.put_first_contact(row)
        return None if taken.place is None else (row, *taken.place)

    def _expect_closed(self, row: FirstContactRow) -> None:
        if row.closed_key is not None:
            owner = OfClosedInvite(row.contact)
            self._tag_index.expect(owner, [(0, closed_tag_of(row.closed_key))])

    def _invite_tag(self, row: FirstContactRow, mesh_now: UnixSeconds) -> "_Taken":
        """The next tag of their invite, as long as it can be opened."""
        accepted_invite = self._their_invites.find_accepted_invite(row.contact)
        if accepted_invite is not None and (
            accepted_invite.is_closed or is_gone(accepted_invite, mesh_now)
        ):
            return _Taken(row, is_passed_over=False, place=None)
        count, is_passed_over = row.sent_count, False
        while accepted_invite is not None and count < INVITE_TAGS:
            index = (row.tags_start + count) % INVITE_TAGS
            key = invite_tag_key(accepted_invite.secret)
            count += 1
            if not self._has_own_under(tag := tag_of(key, index)):
                after = msgspec.structs.replace(row, sent_count=count)
                return _Taken(after, is_passed_over, (tag, box_key_of(key, index)))
            is_passed_over = True
        return _Taken(msgspec.structs.replace(row, sent_count=count), is_passed_over, None)

    def _rendezvous_tag(self, row: FirstContactRow) -> "_Taken":
        """A tag of the next session in turn: nobody knows which of them the other still has.

        What is repeated leaves the last tags of each to the beginnings, or a hundred messages to
        somebody who is away would use up all by which the two can ever be joined again.
        """
        ways = self._ways(row)
        if self._sessions.find_known(row.contact) is not None:
            tags_max = PROBE_RENDEZVOUS_TAGS
        elif row.sent_count < len(ways):
            tags_max = RENDEZVOUS_TAGS
        else:
            tags_max = REPEATED_RENDEZVOUS_TAGS
        is_passed_over = False
        for number, met in enumerate(ways):
            while (place := self._sessions.tags.ways.take(met, tags_max)) is not None:
                if self._is_tag_stored(place[0]):
                    is_passed_over = True
                    continue
                following = ways[(number + 1) % len(ways)]
                after = msgspec.structs.replace(
                    row, renewed=following.id, sent_count=row.sent_count + 1
                )
                return _Taken(after, is_passed_over, place)
        return _Taken(row, is_passed_over, None)

    def _ways(self, row: FirstContactRow) -> list[Session]:
        """The sessions by which the other side may be met, in turn."""
        known = [one for one in self._sessions.of_contact(row.contact)[::-1] if _is_way(one)]
        turn = next((place for place, one in enumerate(known) if one.id == row.renewed), 0)
        return known[turn:] + known[:turn]

    def ways_count(self, contact: ContactId) -> int:
        """Return how many repetitions of a renewal it takes to try every session that there is."""
        return sum(_is_way(one) for one in self._sessions.of_contact(contact))

    def begin_probe(self, contact: ContactRow, mesh_now: UnixSeconds) -> bool:
        """Say whether a hello is to go as a first contact, though a session is there.

        They opened nothing for long. Most who do not answer are away; some have lost what they
        knew. The session is written on meanwhile as before, and ends when a probe is answered.
        """
        counts = self._exchanges.exchange(contact.id)
        sessions = [one for one in self._sessions.of_contact(contact.id) if one.is_known]
        if len(sessions) <= 1 and counts.lapsed_count < EXPIRED_BEFORE_PROBE:
            # As with almost all of what is written: nothing more is to be looked up.
            return False
        by_number = {
            one.rendezvous_out.number: one
            for one in sessions
            if one.rendezvous_out is not None and self._can_be_met(one, PROBE_RENDEZVOUS_TAGS)
        }
        begun = self.find(contact.id)
        is_round_over = begun is not None and begun.sent_count >= len(by_number)
        if (
            len(by_number) > 1
            and not is_round_over
            and self._is_unheard(contact.id, counts.heard, mesh_now)
        ):
            # The oldest first: no rollback that can be mended takes that from them.
            first, interval_s = min(by_number), UNHEARD_PROBE_SECONDS
        elif by_number and counts.lapsed_count >= EXPIRED_BEFORE_PROBE:
            # The newest first: what both have gone past on their side finds nobody there.
            first, interval_s = max(by_number), PROBE_INTERVAL_SECONDS
        else:
            return False
        if _passed(counts, mesh_now) < interval_s:
            return False
        if not self._renew_by(contact, by_number[first], mesh_now, is_probe=True):
            return False
        self._exchanges.set_probed(contact.id, mesh_now)
        return True

    def is_round_due(self, contact: ContactId, mesh_now: UnixSeconds) -> bool:
        """Say whether a hello is to go by the next session in turn, of a renewal that nobody
        answered; then for some hours none is. In its first week it goes by each of several.
        """
        row, counts = self.find(contact), self._exchanges.exchange(contact)
        is_due = (
            row is not None
            and row.renewed is not None
            and self._sessions.find_known(contact) is None
            and 0 < row.sent_count < self.ways_count(contact)
            and mesh_now - counts.renewed <= UNHEARD_PROBED_SECONDS
            and _passed(counts, mesh_now) >= UNHEARD_PROBE_SECONDS
        )
        if is_due:
            self._exchanges.set_probed(contact, mesh_now)
        return is_due

    def _is_unheard(self, contact: ContactId, heard: UnixSeconds, mesh_now: UnixSeconds) -> bool:
        """Say whether a message waits for proof for a day, and not for more than a week, on keys on
        which both have not healed: those that both are known to have are of before.
        """
        in_use = self._sessions.find_known(contact)
        if in_use is None or in_use.has_healed:
            return False
        since = self._messages.unproven_since(direct_conversation(contact), heard)
        return bool(since) and UNHEARD_SECONDS <= mesh_now - since <= UNHEARD_PROBED_SECONDS

    def is_cut_off(self, contact: ContactId) -> bool:
        """Say whether no session is in use with a contact, none begun, and no invite of theirs is
        here.

        Two openings of ours that came in the other order end each other: by the first answer we
        end what we had begun before, and by the second they end what we began last.
        """
        return (
            self._sessions.find_known(contact) is None
            and self.find(contact) is None
            and self._their_invites.find_accepted_invite(contact) is None
        )

    def is_stuck(self, contact: ContactId) -> bool:
        """Say whether what we write waits, because all tags of a renewal were used in vain."""
        if self._sessions.find_known(contact) is not None:
            return False
        row = self.find(contact)
        if row is None or row.renewed is None:
            return False
        return not any(one.has_tags(REPEATED_RENDEZVOUS_TAGS) for one in self._ways(row))

    def renew(
        self,
        contact: ContactRow,
        mesh_now: UnixSeconds,
        *,
        is_asked: bool,
        heard_on: Session | None = None,
    ) -> bool:
        """Begin another session in place of all that there are; False if that cannot be.

        `heard_on`: a session that they have, whatever else they lost. Unasked it happens once a
        day at most: two nodes that both believe to have lost the other must not answer each other
        without end.
        """
        if contact.bundle is None:
            return False
        last = self._exchanges.exchange(contact.id).renewed
        # Either way: what was done by a clock that was years ahead does not forbid it for years.
        if not is_asked and abs(mesh_now - last) < RENEWAL_INTERVAL_SECONDS:
            return False
        newest_first = self._sessions.of_contact(contact.id)[::-1]
        is_certain = heard_on is not None and self._can_be_met(heard_on)
        met = heard_on if is_certain else self._rendezvous_of(newest_first)
        if met is None or not self._renew_by(
            contact, met, mesh_now, is_certain=is_certain, is_asked=is_asked
        ):
            return False
        for session in newest_first:
            if session.is_known:
                self._sessions.end(session)
        return True

    def _renew_by(
        self,
        contact: ContactRow,
        met: Session,
        mesh_now: UnixSeconds,
        *,
        is_certain: bool = False,
        is_asked: bool = False,
        is_probe: bool = False,
    ) -> bool:
        """Let what we write next go under the rendezvous of a session, as a first contact.

        One that was not answered yet goes on, by the next session in turn unless it `is_certain`
        that they have this one. Who asks after it went by every session gets another: they may
        have opened it and answered, and a copy of this vault took the answer.
        """
        row = self.find(contact.id)
        is_in_vain = row is not None and row.sent_count >= self.ways_count(contact.id)
        if (
            row is not None
            and self._is_fresh(row, contact, mesh_now)
            and not (is_asked and is_in_vain)
        ):
            turn = met.id if is_certain else row.renewed
            count = row.sent_count if is_probe else 0
            row = msgspec.structs.replace(row, renewed=turn, sent_count=count)
            self._rows.put_first_contact(row)
        else:
            self.make_room(contact.id, keep=met)
            try:
                self.begin(contact, met, mesh_now)
            except PeerError:
                # Bundles are tried before they are kept; this one went bad on our disk.
                return False
        if not is_probe:
            self._exchanges.set_renewed(contact.id, mesh_now)
        return True

    def _is_fresh(self, row: FirstContactRow, contact: ContactRow, mesh_now: UnixSeconds) -> bool:
        """Say whether a renewal that was begun may go on: they still have what it was sealed to."""
        assert contact.bundle is not None
        session = self._sessions.session(row.session)
        return (
            row.renewed is not None
            and mesh_now - session.created < RENEWAL_REPEATED_SECONDS
            and session.ratchet.their_public == stored_bundle(contact.bundle).prekey
        )

    def make_room(self, contact: ContactId, *, keep: Session | None) -> None:
        """Erase sessions until there is room for one more.

        First those that were begun here in vain, then the oldest; never one in use, not that of the
        first contact which is not answered yet, and not the one with the oldest way that is open:
        on that both have healed, or begun, and whatever was put back since, both have it.
        """
        in_use = self._sessions.find_known(contact)
        first = self.find(contact)
        ways = [one for one in self._sessions.of_contact(contact) if _is_way(one)]
        oldest = min(ways, key=_birth_of, default=None)
        for session in sorted(self._sessions.of_contact(contact), key=lambda one: one.is_known):
            if self._sessions.count(contact) < SESSIONS_PER_CONTACT_MAX:
                break
            if session not in (keep, in_use, oldest) and (
                first is None or session.id != first.session
            ):
                self._sessions.erase(session)

    def _rendezvous_of(
        self, sessions: list[Session], *, tags_max: int = RENDEZVOUS_TAGS
    ) -> Session | None:
        """The session by which the other side is most likely met; else the first of them.

        An unused one before others. After copies of their vault have run, they may have none but
        one that is over here: it is the one on which they are heard.
        """
        known = [one for one in sessions if one.is_known and self._can_be_met(one, tags_max)]
        return min(known, key=lambda one: (one.rendezvous_count, -one.heard), default=None)

    def _can_be_met(self, session: Session, tags_max: int = RENDEZVOUS_TAGS) -> bool:
        """Say whether a tag is left that no later state of this vault, or copy of it, has used."""
        return any(not self._is_tag_stored(tag) for tag in session.rendezvous_left(tags_max))


def _passed(counts: ExchangeRow, mesh_now: UnixSeconds) -> int:
    """Return the seconds since a renewal or a probe, or until it, by a clock that was ahead."""
    return min(abs(mesh_now - counts.renewed), abs(mesh_now - counts.probed))


def _is_way(session: Session) -> bool:
    """Say whether the other side has a session, and nothing has healed past it."""
    return session.is_known and session.rendezvous_out is not None


def _birth_of(session: Session) -> int:
    ways = session.rendezvous_out
    assert ways is not None
    return ways.number


def is_gone(invite: AcceptedInviteRow, mesh_now: UnixSeconds) -> bool:
    """Say whether the author of an invite has erased what opens mail under it."""
    return invite.expires + INVITE_KEPT_SECONDS <= mesh_now


@dataclass(frozen=True, slots=True)
class _Taken:
    """The first contact after its next tag was taken, and the tag with its box key, if one is left.

    `is_passed_over`: some that came before it stood on the mesh already.
    """

    row: FirstContactRow
    is_passed_over: bool
    place: tuple[Tag, bytes] | None = field(repr=False)
