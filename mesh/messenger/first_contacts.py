"""First contacts that we make: by an invite of theirs, or to renew a session that was lost.

Implements `docs/protocol/session.md`, section "Renewal", and `first-contact.md`, "Which tag, which
keys". Until the first answer all that we write to a contact repeats one opening, each repetition
under another tag: of their invite, or of the rendezvous of a session that both once had.
"""

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.crypto.kem import Kem
from mesh.errors import PeerError
from mesh.ids import ContactId, Tag, UnixSeconds
from mesh.limits import INVITE_TAGS, RENEWAL_INTERVAL_SECONDS, SESSIONS_PER_CONTACT_MAX
from mesh.messenger.identity import Identity
from mesh.messenger.prekeys import Prekeys, stored_bundle
from mesh.messenger.sessions import Session, Sessions
from mesh.ratchet.double_ratchet import Ratchet
from mesh.ratchet.first_contact import begin_first_contact
from mesh.ratchet.tags import box_key_of, invite_tag_key, tag_of
from mesh.storage.vault import Vault
from mesh.storage.vault_rows import ContactRow, FirstContactRow


class FirstContacts:
    """One for each contact whose first answer is awaited."""

    def __init__(
        self,
        vault: Vault,
        identity: Identity,
        *,
        sessions: Sessions,
        prekeys: Prekeys,
        entropy: Entropy,
        kem: Kem,
    ) -> None:
        self._people = vault.people
        self._rows = vault.sessions
        self._messages = vault.messages
        self._identity = identity
        self._sessions = sessions
        self._prekeys = prekeys
        self._entropy = entropy
        self._kem = kem

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
        )
        self._rows.put_first_contact(row)
        self._messages.set_keys_told(contact.id, prekey.id)
        return row

    def take_tag(self, row: FirstContactRow) -> tuple[Tag, bytes] | None:
        """The tag and box key of the next repetition; None if all are used."""
        if row.renewed is not None:
            return self._sessions.take_rendezvous(self._sessions.session(row.renewed))
        invitation = self._people.find_invitation(row.contact)
        if invitation is None or row.sent_count >= INVITE_TAGS:
            return None
        index = (row.tags_start + row.sent_count) % INVITE_TAGS
        self._rows.set_sent_count(row.contact, row.sent_count + 1)
        key = invite_tag_key(invitation.secret)
        return tag_of(key, index), box_key_of(key, index)

    def renew(self, contact: ContactRow, mesh_now: UnixSeconds, *, is_asked: bool) -> bool:
        """Begin another session in place of all that there are; False if that cannot be.

        Unasked it happens once a day at most: two nodes that both believe to have lost the other
        must not answer each other without end.
        """
        if contact.bundle is None:
            return False
        last = self._messages.conversation(contact.id).renewed
        if not is_asked and last and mesh_now - last < RENEWAL_INTERVAL_SECONDS:
            return False
        met = self._rendezvous_of(contact.id)
        if met is None:
            return False
        for session in self._sessions.of_contact(contact.id):
            self._sessions.end(session)
        self.make_room(contact.id, keep=met)
        try:
            self.begin(contact, met, mesh_now)
        except PeerError:
            # Bundles are tried before they are kept; this one went bad on our disk.
            return False
        self._messages.set_renewed(contact.id, mesh_now)
        return True

    def make_room(self, contact: ContactId, *, keep: Session) -> None:
        """Erase the oldest sessions until there is room for one more."""
        for session in self._sessions.of_contact(contact):
            if self._sessions.count(contact) < SESSIONS_PER_CONTACT_MAX:
                break
            if session is not keep:
                self._sessions.erase(session)

    def _rendezvous_of(self, contact: ContactId) -> Session | None:
        """The newest session by which the other side can be met, an unused one first."""
        sessions = self._sessions.of_contact(contact)
        known = [one for one in reversed(sessions) if one.is_known and one.can_be_met]
        return min(known, key=lambda one: one.rendezvous_count, default=None)
