"""Our bundles and their private halves: one for each invite, and a fresh one a week for contacts.

Implements `docs/protocol/first-contact.md`, section "Bundle". What was sealed to a bundle can be
opened as long as its private halves live: until the contact says that he has the one that followed
it. That he was heard says nothing of what he has: he can seal to no other than the last that came
to him. Of one who never says so the newest few are kept.
"""

from dataclasses import dataclass, field
from typing import Final

from mesh.crypto.entropy import Entropy
from mesh.crypto.kem import Kem
from mesh.errors import PeerError
from mesh.ids import ContactId, Instant, UnixSeconds
from mesh.limits.sessions import (
    MAIL_LIVES_SECONDS,
    PREKEY_CACHED_MAX,
    PREKEY_FRESH_SECONDS,
    PREKEY_KEPT_SECONDS,
    PREKEYS_PER_CONTACT_MAX,
)
from mesh.messenger.feature import ReceivedControl
from mesh.messenger.identity import Identity
from mesh.ratchet.identity import PREKEY_PRIVATE_BYTES, PrekeySecrets, make_bundle
from mesh.storage.vault.exchanges import ExchangeRows
from mesh.storage.vault.prekeys import PrekeyRows
from mesh.storage.vault.rows import PrekeyRow
from mesh.wire.bundle import Bundle, decode_bundle

_FROM_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Prekey:
    """One bundle of ours with its private halves."""

    id: int
    bundle: Bundle = field(repr=False)
    secrets: PrekeySecrets = field(repr=False)
    made: UnixSeconds
    is_going: bool = False

    @property
    def has_private(self) -> bool:
        """Say whether something new can be opened by it; else only what came before is known."""
        return bool(self.secrets.prekey_private)


class Prekeys:
    """All bundles of ours that may still be written to."""

    def __init__(
        self,
        rows: PrekeyRows,
        exchanges: ExchangeRows,
        identity: Identity,
        *,
        entropy: Entropy,
        kem: Kem,
    ) -> None:
        self._rows = rows
        self._exchanges = exchanges
        self._identity = identity
        self._entropy = entropy
        self._kem = kem
        self._of_contact: dict[ContactId, list[Prekey]] = {}

    def make(
        self, contact: ContactId | None, *, valid_to: UnixSeconds, mesh_now: UnixSeconds
    ) -> Prekey:
        """Make a bundle for a contact, or for an invite."""
        bundle, secrets = make_bundle(
            self._identity.keys,
            valid_from=mesh_now,
            valid_to=valid_to,
            entropy=self._entropy,
            kem=self._kem,
        )
        row = self._rows.add_prekey(
            contact=contact,
            bundle=bundle.encode(),
            private=secrets.prekey_private + secrets.kem_seed,
            made=mesh_now,
        )
        if contact is not None:
            self._of_contact.pop(contact, None)
        return Prekey(row.id, bundle, secrets, mesh_now)

    def newest(self, contact: ContactId, mesh_now: UnixSeconds) -> Prekey:
        """The bundle that a letter to this contact carries; made anew when it is a week old, if
        they were heard since it was made. One that was made under a clock that was ahead is
        followed as well.
        """
        known = self.of_contact(contact)
        if known:
            made, heard = known[0].made, self._exchanges.exchange(contact).heard
            is_ahead = made > mesh_now + PREKEY_FRESH_SECONDS
            if not is_ahead and (mesh_now - made < PREKEY_FRESH_SECONDS or heard < made):
                return known[0]
        valid_to = UnixSeconds(mesh_now + PREKEY_FRESH_SECONDS + PREKEY_KEPT_SECONDS)
        self.make(contact, valid_to=valid_to, mesh_now=mesh_now)
        return self.of_contact(contact)[0]

    def of_contact(self, contact: ContactId) -> list[Prekey]:
        """Our bundles that a contact may write to, newest first."""
        known = self._of_contact.get(contact)
        if known is None:
            known = [_prekey_of(row) for row in self._rows.prekeys_of(contact)]
            if len(self._of_contact) >= PREKEY_CACHED_MAX:
                del self._of_contact[next(iter(self._of_contact))]
            self._of_contact[contact] = known
        return known

    def taken(self, control: ReceivedControl, now: Instant) -> None:
        """They have the newest, or one before it: nobody seals to the older ones any more.

        Which openings came to those is remembered as long as repetitions may be on their way.
        """
        if len(control.data) != _FROM_BYTES:
            raise PeerError("malformed word of prekeys that were taken")
        valid_from = int.from_bytes(control.data, "big")
        contact, known = control.contact.id, self.of_contact(control.contact.id)
        births = [one.bundle.valid_from for one in known]
        if valid_from not in births:
            return
        for prekey in known[births.index(UnixSeconds(valid_from)) + 1 :]:
            self._rows.erase_private(prekey.id)
            if not prekey.is_going:
                self._erase_after(prekey.id, now.expiry)
            self._of_contact.pop(contact, None)

    def prekey(self, prekey: int) -> Prekey:
        """The bundle of an id that was read from the vault."""
        return _prekey_of(self._rows.prekey(prekey))

    def erase(self, prekey: int) -> None:
        """Erase the private halves; nothing sealed to the bundle opens any more."""
        self._rows.erase_prekey(prekey)

    def erase_old(self, now: Instant) -> None:
        """Erase those that nobody can seal to any more, or too many of one contact."""
        for row in self._rows.prekeys_beyond(PREKEYS_PER_CONTACT_MAX):
            self._erase_after(row.id, now.expiry)
            assert row.contact is not None, "those of invites are not counted"
            self._of_contact.pop(row.contact, None)
        for row in self._rows.prekeys_to_erase(now.expiry):
            self._rows.erase_prekey(row.id)
            if row.contact is not None:
                self._of_contact.pop(row.contact, None)

    def _erase_after(self, prekey: int, expiry_now: UnixSeconds) -> None:
        self._rows.erase_prekey_after(prekey, UnixSeconds(expiry_now + MAIL_LIVES_SECONDS))


def stored_bundle(data: bytes) -> Bundle:
    """A bundle that was verified before it was stored."""
    return decode_bundle(data, lambda _key, _message, _signature: True)


def _prekey_of(row: PrekeyRow) -> Prekey:
    secrets = PrekeySecrets(row.private[:PREKEY_PRIVATE_BYTES], row.private[PREKEY_PRIVATE_BYTES:])
    is_going = row.erase_after is not None
    return Prekey(row.id, stored_bundle(row.bundle), secrets, row.made, is_going)
