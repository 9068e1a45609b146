"""The posting keys that contacts tell of, their own and those they vouch for, and what we tell
them.

Implements `docs/protocol/standing.md`. The rows hold what was told by whom; `Distances`, which
lives longer than an open vault, holds what of it counts. Of somebody who is blocked, or waits as a
request, the rows stay and count for nothing, so that everything counts again when they are let in.
"""

from collections.abc import Sequence
from typing import Final

from mesh.ids import ContactId, Instant, UnixSeconds
from mesh.limits.posting_keys import POSTING_DAYS_TOLD
from mesh.limits.trust import (
    CONTACT_KEYS_PER_DAY_MAX,
    TRUST_DAYS_KEPT,
    VOUCH_DAYS_TOLD,
    VOUCHES_DAYS_KEPT,
)
from mesh.messenger.feature import Feature, ReceivedControl
from mesh.storage.vault.known_keys import ContactKeyRow, VouchesRow
from mesh.storage.vault.rows import ContactRow
from mesh.storage.vault.vault import Vault
from mesh.trust.distance import Distances
from mesh.trust.vouching import vouches_for
from mesh.wire.controls import POSTING_KEYS
from mesh.wire.envelope import SECONDS_PER_DAY
from mesh.wire.posting_key_lists import VouchedDay, decode_own_keys, join_hashes, split_hashes

_TRUST_RANK: Final = {"verified": 0, "known": 1, "first seen": 2}


class Vouches:
    """Keeps the standings in step with the vault."""

    def __init__(self, vault: Vault, distances: Distances) -> None:
        self._rows = vault.known_keys
        self._people = vault.contacts
        self._distances = distances
        distances.forget_contacts()
        # Whose word does not count, so that it can count again.
        self._shut_out: dict[ContactId, None] = {}
        for contact in self._people.contacts():
            if not _is_let_in(contact):
                self._shut_out[contact.id] = None
        self._load(None)

    def feature(self) -> Feature:
        """Posting keys of contacts."""
        return Feature(controls={POSTING_KEYS: self._keys_came}, cleanups=[self._expire])

    # --- What they tell -----------------------------------------------------------------------

    def _keys_came(self, control: ReceivedControl, now: Instant) -> None:
        """Their own keys, told inside the session; days that nobody needs are passed over."""
        contact = control.contact
        today = now.mesh // SECONDS_PER_DAY
        changed: dict[int, None] = {}
        for day, hashed in decode_own_keys(control.data):
            # A day on either side, since clocks differ.
            if not today - TRUST_DAYS_KEPT <= day <= today + POSTING_DAYS_TOLD:
                continue
            known = self._rows.keys_of(contact.id, day)
            key = join_hashes([hashed])
            if key not in known and len(known) < CONTACT_KEYS_PER_DAY_MAX:
                self._rows.add_contact_key(ContactKeyRow(contact.id, day, key))
                changed[day] = None
        if _is_let_in(contact):
            for day in changed:
                keys = b"".join(self._rows.keys_of(contact.id, day))
                self._distances.set_contact_keys(contact.id, day, split_hashes(keys))

    def vouched(
        self, contact: ContactId, days: Sequence[VouchedDay], mesh_now: UnixSeconds
    ) -> None:
        """Note what a contact named over a link of theirs."""
        row = self._people.find_contact(contact)
        if row is None or not _is_let_in(row):
            return
        today = mesh_now // SECONDS_PER_DAY
        for one in days:
            if today - 1 <= one.day <= today + VOUCH_DAYS_TOLD:
                vouched, far = join_hashes(one.vouched), join_hashes(one.far)
                self._rows.put_vouches(VouchesRow(contact, one.day, vouched, far))
                self._distances.set_vouched(contact, one.day, vouched=one.vouched, far=one.far)

    # --- What we tell -------------------------------------------------------------------------

    def vouches_for(self, contact: ContactId | None, mesh_now: UnixSeconds) -> list[VouchedDay]:
        """Return what is named to a contact over a link of theirs, by day.

        None: what one would be told who knew nobody of them, which is as long as any.
        """
        let_in = [row for row in self._people.contacts() if _is_let_in(row)]
        if contact is not None and all(row.id != contact for row in let_in):
            return []
        today = mesh_now // SECONDS_PER_DAY
        among = [row.id for row in sorted(let_in, key=_precedence) if row.id != contact]
        days = range(today, today + VOUCH_DAYS_TOLD)
        return [vouches_for(self._distances, day, to=contact, among=among) for day in days]

    # --- Contacts and time --------------------------------------------------------------------

    def contact_changed(self, contact: ContactId) -> None:
        """A contact was perhaps let in, or blocked."""
        row = self._people.find_contact(contact)
        is_let_in = row is not None and _is_let_in(row)
        if is_let_in and contact in self._shut_out:
            del self._shut_out[contact]
            self._load(contact)
        elif not is_let_in and contact not in self._shut_out:
            self._shut_out[contact] = None
            self._distances.withdraw(contact)

    def _expire(self, now: Instant) -> None:
        """Forget days of which no envelope is kept any more."""
        today = now.expiry // SECONDS_PER_DAY
        self._distances.expire(today)
        self._rows.forget(
            keys_before=today - TRUST_DAYS_KEPT, vouches_before=today - VOUCHES_DAYS_KEPT
        )

    def _load(self, contact: ContactId | None) -> None:
        keys: dict[tuple[ContactId, int], list[ContactKeyRow]] = {}
        for row in self._rows.contact_keys(contact):
            keys.setdefault((row.contact, row.day), []).append(row)
        for (whose, day), rows in keys.items():
            if whose not in self._shut_out:
                keys_of_day = split_hashes(b"".join(row.hash for row in rows))
                self._distances.set_contact_keys(whose, day, keys_of_day)
        for named in self._rows.vouches(contact):
            if named.contact not in self._shut_out:
                self._distances.set_vouched(
                    named.contact,
                    named.day,
                    vouched=split_hashes(named.vouched),
                    far=split_hashes(named.far),
                )


def _is_let_in(contact: ContactRow) -> bool:
    return not contact.is_blocked and not contact.is_request


def _precedence(contact: ContactRow) -> tuple[int, ContactId]:
    return _TRUST_RANK[contact.trust], contact.id
