"""The record of which contacts know which of our posting keys, and when they are told more.

Implements `docs/protocol/standing.md`, section "Own keys". Contacts are told the public halves of
the keys of two weeks, inside their sessions. The telling rides on payloads that are written anyway,
where their envelope grows no larger for it; only where nothing is written for days it gets a
payload of its own, on a day and hour of chance, so that no burst shows how many contacts there are.
"""

from typing import Final

import msgspec

from mesh.crypto.entropy import Entropy
from mesh.ids import ContactId, UnixSeconds
from mesh.limits.messages import CONTROLS_MAX
from mesh.limits.posting_keys import (
    POSTING_DAYS_TOLD,
    POSTING_KEYS_FRESH_DAYS,
    POSTING_KEYS_PER_CHORE,
    POSTING_KEYS_SCARCE_DAYS,
    POSTING_KEYS_UNHEARD_DAYS,
)
from mesh.messenger.sessions.posting_keys import PostingKeys
from mesh.messenger.sessions.sessions import Sessions
from mesh.ratchet.sealed_message import session_size_class
from mesh.storage.vault.known_keys import KeySharingRow
from mesh.storage.vault.rows import ContactRow
from mesh.storage.vault.vault import Vault
from mesh.trust.distance import vouch_hash
from mesh.wire.controls import POSTING_KEYS
from mesh.wire.envelope import SECONDS_PER_DAY
from mesh.wire.payload import AnyPayload
from mesh.wire.posting_key_lists import encode_own_keys

_GROWN_SIZE_CLASS: Final = 1
"""A message grows into 4 KiB for our keys where it must, and never into more."""

_CHANCE: Final = 11
"""Of 256: one chore in 23, and so about once in a day of chores."""


class PostingKeySharing:
    """The knowledge of contacts about our posting keys."""

    def __init__(
        self, vault: Vault, *, posting_keys: PostingKeys, sessions: Sessions, entropy: Entropy
    ) -> None:
        self._rows = vault.known_keys
        self._people = vault.contacts
        self._exchanges = vault.exchanges
        self._posting_keys = posting_keys
        self._sessions = sessions
        self._entropy = entropy
        # Who is being sent a payload for the sake of our keys.
        self._due: dict[ContactId, None] = {}

    def added_to(
        self, contact: ContactRow, payload: AnyPayload, mesh_now: UnixSeconds
    ) -> AnyPayload:
        """The payload, with our keys where its reader is to be told of them."""
        today = mesh_now // SECONDS_PER_DAY
        row = self._rows.find_given(contact.id)
        left = _days_left(row, today)
        if not self._may_be_told(contact) or len(payload.controls) >= CONTROLS_MAX:
            return payload
        is_fresh = left >= POSTING_KEYS_FRESH_DAYS and contact.id not in self._due
        if is_fresh and not self._has_further_keys(row, today):
            return payload
        keys = self._posting_keys.to_tell(today)
        if not keys:
            return payload
        control = encode_own_keys([(day, vouch_hash(signer.public, day)) for day, signer in keys])
        fuller = msgspec.structs.replace(
            payload, controls=[*payload.controls, (POSTING_KEYS, control)]
        )
        may_grow = left < POSTING_KEYS_SCARCE_DAYS or not payload.words_count
        if _grows_too_much(payload, fuller, may_grow=may_grow):
            return payload
        sent_day, seen_count = (0, 0) if row is None else (row.sent_day, row.seen_count)
        if contact.id in self._due:
            del self._due[contact.id]
            sent_day, seen_count = today, self._exchanges.exchange(contact.id).seen_count
        self._rows.put_given(
            KeySharingRow(
                contact.id,
                until_day=today + POSTING_DAYS_TOLD - 1,
                newest=max(signer.number for _, signer in keys),
                sent_day=sent_day,
                seen_count=seen_count,
            )
        )
        return fuller

    def take_due(self, mesh_now: UnixSeconds) -> list[ContactRow]:
        """Contacts who are to be sent a payload for the sake of our keys, a few at a time.

        The next payload written for each of them tells the keys.
        """
        today = mesh_now // SECONDS_PER_DAY
        given = {row.contact: row for row in self._rows.given()}
        due: list[ContactRow] = []
        for contact in self._people.contacts():
            row = given.get(contact.id)
            if self._may_be_told(contact) and self._is_due(contact.id, row, today):
                due.append(contact)
                if len(due) == POSTING_KEYS_PER_CHORE:
                    break
        self._due = {contact.id: None for contact in due}
        return due

    def is_due(self, contact: ContactId) -> bool:
        """Say whether the next payload to a contact is for the sake of our keys."""
        return contact in self._due

    def forget(self, contact: ContactId) -> None:
        """Whoever is blocked is told nothing; after it they are told everything again."""
        self._rows.forget_given(contact)

    def _may_be_told(self, contact: ContactRow) -> bool:
        is_let_in = not contact.is_blocked and not contact.is_request
        return is_let_in and self._sessions.find_known(contact.id) is not None

    def _has_further_keys(self, row: KeySharingRow | None, today: int) -> bool:
        """Say whether there is a further key of a day of which they know one."""
        if row is None:
            return False
        return self._posting_keys.has_newer(row.newest, today, row.until_day)

    def _is_due(self, contact: ContactId, row: KeySharingRow | None, today: int) -> bool:
        if row is None:
            return True
        left = _days_left(row, today)
        if left >= POSTING_KEYS_SCARCE_DAYS:
            return False
        is_heard = self._exchanges.exchange(contact).seen_count > row.seen_count
        if not is_heard and today - row.sent_day < POSTING_KEYS_UNHEARD_DAYS:
            return False
        return left <= 1 or self._entropy.draw(1)[0] < _CHANCE


def _days_left(row: KeySharingRow | None, today: int) -> int:
    """Days after today of which a contact knows keys; none after a wrong clock was set right."""
    left = 0 if row is None else row.until_day - today
    return left if left < POSTING_DAYS_TOLD else 0


def _grows_too_much(payload: AnyPayload, fuller: AnyPayload, *, may_grow: bool) -> bool:
    """Say whether the envelope would grow, with a short header or a long one, or beyond 4 KiB."""
    for has_long_header in (False, True):
        before, after = (
            session_size_class(len(one.encode()), has_long_header=has_long_header)
            for one in (payload, fuller)
        )
        if after != before and not (may_grow and after == _GROWN_SIZE_CLASS):
            return True
    return False
