"""The newest bundle of each contact, to which first contacts are sealed."""

from collections.abc import Callable

from mesh.errors import PeerError
from mesh.ids import ContactId, Instant, UnixSeconds
from mesh.limits.admission import CREATED_AHEAD_SECONDS_MAX
from mesh.messenger.account import Account
from mesh.messenger.contacts.notes import Notes
from mesh.messenger.feature import Feature, ReceivedControl
from mesh.messenger.identity import check_bundle
from mesh.messenger.sessions.prekeys import stored_bundle
from mesh.messenger.sessions.signature_cache import SignatureCache
from mesh.ratchet.first_contact import Author
from mesh.storage.vault.rows import ContactRow
from mesh.wire.bundle import Bundle, decode_prekeys
from mesh.wire.controls import KEYS


class ContactBundles:
    """Learns bundles. `verify` remembers which of their signatures were found valid.

    `tell_taken` lets the contact know that they were learned: their former private halves can go.
    """

    def __init__(
        self, account: Account, notes: Notes, *, tell_taken: Callable[[ContactId], None]
    ) -> None:
        self._people = account.vault.contacts
        self._identity = account.identity
        self._entropy = account.entropy
        self._kem = account.kem
        self._notes = notes
        self._tell_taken = tell_taken
        self.verify = SignatureCache()

    def feature(self) -> Feature:
        """Newer prekeys of contacts."""
        return Feature(controls={KEYS: self._keys_came})

    def check_author(
        self, contact: ContactRow | None, author: Author, mesh_now: UnixSeconds
    ) -> None:
        """PeerError unless it is the contact, with the same identity key and usable prekeys."""
        if contact is not None and author.verify_key != contact.verify_key:
            raise PeerError("a first contact by somebody else than its tag says")
        if contact is not None and contact.agreement_key not in (None, author.identity_key):
            self._note_other_keys(contact, mesh_now)
            raise PeerError("a known key with another identity key")
        if contact is None or contact.bundle != author.bundle.encode():
            check_bundle(author.bundle, self._identity, entropy=self._entropy, kem=self._kem)

    def learn(
        self,
        contact: ContactRow,
        bundle: Bundle,
        *,
        is_first: bool,
        mesh_now: int = 0,
    ) -> None:
        """Keep the newest bundle. The invite's own is only for first contacts.

        With a first contact came what they have, whatever the time: if it is older, they lost what
        was newer. Else one that was made under a clock that was ahead is the newest no longer.
        """
        encoded = bundle.encode()
        if encoded == contact.bundle:
            return
        if contact.state == "answered" and contact.bundle is not None and not is_first:
            known_from = stored_bundle(contact.bundle).valid_from
            if bundle.valid_from < known_from <= mesh_now + CREATED_AHEAD_SECONDS_MAX:
                return
        self._people.set_keys(contact.id, agreement_key=bundle.identity_key, bundle=encoded)
        if contact.bundle is not None:
            self._tell_taken(contact.id)

    def _note_other_keys(self, row: ContactRow, mesh_now: UnixSeconds) -> None:
        """Something bore the contact's signature and another identity key, and was refused."""
        self._notes.add_once(
            row.id,
            "identity changed",
            f"Something was signed with the key of {row.label} but came with another key beside "
            "it, and was refused: somebody else may have their signing key.",
            mesh_now,
        )

    def _keys_came(self, control: ReceivedControl, now: Instant) -> None:
        """Their newest prekeys came inside the session."""
        contact = control.contact
        assert contact.agreement_key is not None, "who has a session has an identity key"
        bundle = decode_prekeys(
            contact.verify_key, contact.agreement_key, control.data, self.verify
        )
        check_bundle(bundle, self._identity, entropy=self._entropy, kem=self._kem)
        self.learn(contact, bundle, is_first=False, mesh_now=now.mesh)
