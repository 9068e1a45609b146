"""Contacts that come of people nearby, once both have compared.

Implements `docs/protocol/nearby.md`, the end of its section "Steps". Whoever calls has made sure
who the other is: here that becomes an invite for them alone, or a contact who is verified.
"""

from mesh.commands.contacts import AddContact
from mesh.crypto.signing import is_signature_valid, sign
from mesh.errors import UserError
from mesh.events import ContactAdded
from mesh.ids import ContactId, Instant, UnixSeconds, VerifyKey
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import Contacts
from mesh.messenger.looks import is_alike
from mesh.messenger.onboarding.invites import Invites
from mesh.messenger.onboarding.invites_accepted import InvitesAccepted
from mesh.wire.invite import parse_invite

_NEARBY_MARK = "offers a card"


class NearbyContacts:
    """People whom our person stood before."""

    def __init__(
        self,
        account: Account,
        *,
        contacts: Contacts,
        invites: Invites,
        invites_accepted: InvitesAccepted,
    ) -> None:
        self._vault = account.vault
        self._people = account.vault.contacts
        self._identity = account.identity
        self._pending_events = account.pending_events
        self._contacts = contacts
        self._invites = invites
        self._invites_accepted = invites_accepted

    @property
    def offers_card(self) -> bool:
        """Say whether our person wants to be found by people nearby."""
        return self._vault.mark(_NEARBY_MARK) == 1

    def offer_card(self, *, is_on: bool) -> None:
        """Remember what our person wants."""
        self._vault.set_mark(_NEARBY_MARK, int(is_on))

    @property
    def name(self) -> str:
        """Return how we call ourselves."""
        return self._identity.name

    @property
    def verify_key(self) -> VerifyKey:
        """Return who we are."""
        return self._identity.keys.verify_key

    def sign(self, proof: bytes) -> bytes:
        """Say that we made this comparison."""
        return sign(self._identity.keys.signing_seed, proof)

    def look_alikes(self, name: str, near: list[str]) -> list[str]:
        """Contacts, and others who are near, who could be mistaken for somebody of this name."""
        others = [other for other in near if is_alike(name, other)]
        return self._contacts.look_alikes(name, but=None) + others

    def find_contact(self, verify_key: VerifyKey) -> ContactId | None:
        """The contact who has this key."""
        row = self._people.find_contact_by_key(verify_key)
        return None if row is None else row.id

    def invite(
        self, verify_key: VerifyKey, name: str, mesh_now: UnixSeconds
    ) -> tuple[str, ContactId | None]:
        """The link of an invite for them alone; and who is a contact already is verified."""
        link = self._invites.link_for(verify_key, name, mesh_now)
        known = self.find_contact(verify_key)
        if known is not None:
            self._contacts.met(known)
        return link, known

    def add(self, link: str, verify_key: VerifyKey, now: Instant) -> ContactId:
        """Add who made this invite, or verify a contact; UserError if it is not theirs."""
        count = len(self._contacts)
        if parse_invite(link, is_signature_valid).verify_key != verify_key:
            raise UserError("bad-invite", "This invite is by somebody else than who gave it.")
        known = self._people.find_contact_by_key(verify_key)
        if known is None or known.state != "answered":
            contact = self._invites_accepted.add(AddContact(link), now=now)
        else:
            contact = known.id
        self._contacts.met(contact)
        if len(self._contacts) > count:
            self._pending_events.tell(ContactAdded(self._contacts.answer(contact)))
        return contact
